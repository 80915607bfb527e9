//! The rules that start executions, for the launches of one group at one hook.

use hookline_domain::reconcile::ProfileInput;
use serde_json::{Value, json};

use super::finding::quoted;
use super::{Finding, Kind, Remedy};
use crate::observed::deployment::{Deployment, Rule};

/// How the template of a target's input begins; the profile and a brace follow.
const TEMPLATE_START: &str = "{\"event\":<aws.events.event.json>,\"profile\":";
/// Where the role of a rule's target is in a remedy that does not know it.
const ROLE: &str = "ROLE_ARN";

/// Why the launches of `group` at `hook` get no execution, by the rules. `input` is their profile,
/// if it is known.
pub(crate) fn findings(
    deployment: &Deployment,
    group: &str,
    hook: &str,
    input: Option<&ProfileInput>,
) -> Vec<Finding> {
    let matching: Vec<&Rule> = deployment
        .rules
        .iter()
        .filter(|rule| rule.lets_through(group, hook))
        .collect();
    if matching
        .iter()
        .any(|rule| rule.enabled && !rule.targets.is_empty())
    {
        return Vec::new();
    }
    let mut found = Vec::new();
    for rule in &matching {
        if rule.targets.is_empty() {
            found.push(without_target(deployment, rule, input).of_group(group));
        }
        if !rule.enabled {
            found.push(
                Finding::new(
                    Kind::RuleDisabled,
                    format!(
                        "The rule {} is disabled, so launches start no execution.",
                        rule.name
                    ),
                )
                .of_group(group)
                .run(["aws", "events", "enable-rule", "--name", &rule.name]),
            );
        }
    }
    if matching.is_empty() {
        found.push(no_rule(deployment, group, hook).of_group(group));
    }
    found
}

fn without_target(deployment: &Deployment, rule: &Rule, input: Option<&ProfileInput>) -> Finding {
    let finding = Finding::new(
        Kind::RuleWithoutTarget,
        format!(
            "The rule {} has no target, so launches start no execution.",
            rule.name
        ),
    )
    .shown_by(format!("Its target must be {}.", deployment.machine.arn()));
    let role = known_role(deployment);
    let mut finding = finding;
    if role.is_none() {
        finding = finding.say(format!(
            "In the command below, replace {ROLE} with the ARN of the role with which EventBridge starts executions."
        ));
        if !deployment.stack().is_empty() {
            finding = finding.say("Its name in the stack:").run([
                "aws",
                "cloudformation",
                "describe-stack-resources",
                "--stack-name",
                deployment.stack(),
                "--query",
                "StackResources[?contains(LogicalResourceId, 'StartLaunchRole')].PhysicalResourceId",
            ]);
        }
    }
    let (machine, role) = (deployment.machine.arn(), role.unwrap_or(ROLE));
    let put = match input {
        Some(input) => put_target(rule, machine, role, &input.value),
        None => {
            finding = finding.say(
                "profile.json is the profile of your configuration. A deployment does not put the target back: \
                 CloudFormation sees no change.",
            );
            put_target_of_file(rule, machine, role)
        }
    };
    finding.remedy.push(put);
    finding
}

fn target(machine: &str, role: &str, template: &str) -> Value {
    json!([{
        "Id": "Target0",
        "Arn": machine,
        "RoleArn": role,
        "InputTransformer": {"InputTemplate": template},
    }])
}

/// The command that puts the target with this profile.
fn put_target(rule: &Rule, machine: &str, role: &str, profile: &Value) -> Remedy {
    // As the CDK app writes it: EventBridge would read `<…>` in a profile as a variable.
    let profile = profile
        .to_string()
        .replace('<', "\\u003c")
        .replace('>', "\\u003e");
    let targets = target(machine, role, &format!("{TEMPLATE_START}{profile}}}"));
    Remedy::run([
        "aws",
        "events",
        "put-targets",
        "--rule",
        &rule.name,
        "--targets",
        &targets.to_string(),
    ])
}

/// The same with a profile that is in a file. Python puts it into the template, as its quotes must be
/// escaped there.
fn put_target_of_file(rule: &Rule, machine: &str, role: &str) -> Remedy {
    let mut program = String::from("import json; t = json.loads(");
    program.push_str(&json!(target(machine, role, TEMPLATE_START).to_string()).to_string());
    program.push_str(
        "); p = json.dumps(json.load(open(\"profile.json\"))); \
         t[0][\"InputTransformer\"][\"InputTemplate\"] += p.replace(\"<\", \"\\\\u003c\").replace(\">\", \"\\\\u003e\") + \"}\"; \
         print(json.dumps(t))",
    );
    let (program, rule) = (quoted(&program), quoted(&rule.name));
    let words = [
        "python3",
        "-c",
        &program,
        ">",
        "targets.json",
        "&&",
        "aws",
        "events",
        "put-targets",
        "--rule",
        &rule,
        "--targets",
        "file://targets.json",
    ];
    Remedy::Shell(words.map(str::to_owned).to_vec())
}

/// The role that another rule starts the same state machine with.
fn known_role(deployment: &Deployment) -> Option<&str> {
    let machine = &deployment.machine;
    let mut targets = deployment
        .rules
        .iter()
        .flat_map(|rule| rule.targets_of(machine));
    targets.find_map(|target| target.role_arn.as_deref())
}

fn no_rule(deployment: &Deployment, group: &str, hook: &str) -> Finding {
    let mut finding = Finding::new(
        Kind::NoRule,
        format!(
            "No rule matches the launches of {group} at the hook {hook}, so they start no execution."
        ),
    );
    for rule in &deployment.rules {
        let differs = |field: &str, value: &str| {
            let wanted = rule.wanted(field)?;
            (!wanted.contains(&value)).then(|| {
                format!(
                    "The rule {} wants {field} {}, not {value}.",
                    rule.name,
                    wanted.join(" or ")
                )
            })
        };
        let differences = [
            differs("AutoScalingGroupName", group),
            differs("LifecycleHookName", hook),
        ];
        let [of_group, of_hook] = differences;
        // A rule that wants another group and another hook is of something else.
        if of_group.is_some() != of_hook.is_some() {
            finding.evidence.extend(of_group.into_iter().chain(of_hook));
        }
    }
    finding.say("Correct the profile's selector or hook in the configuration, and deploy.")
}

/// What is wrong with reconcile's rules.
pub(crate) fn reconcile_findings(deployment: &Deployment) -> Vec<Finding> {
    if deployment.reconcile.iter().any(|it| it.enabled) {
        return Vec::new();
    }
    let without = "Nothing starts lost launches, abandons those whose execution was stopped, or deletes interfaces that are left.";
    let Some(disabled) = deployment.reconcile.first() else {
        return vec![
            Finding::new(
                Kind::ReconcileNotScheduled,
                format!("No rule starts reconcile. {without}"),
            )
            .say("Deploy it: docs/operations/reconcile.md has its input."),
        ];
    };
    vec![
        Finding::new(
            Kind::ReconcileNotScheduled,
            format!(
                "The rule {} of reconcile is disabled. {without}",
                disabled.rule
            ),
        )
        .run(["aws", "events", "enable-rule", "--name", &disabled.rule]),
    ]
}

/// The rules whose profile cannot be read: their executions refuse their input.
pub(crate) fn unreadable(deployment: &Deployment) -> Vec<Finding> {
    let unreadable = deployment.unreadable.iter();
    let findings = unreadable.map(|(rule, problem)| {
        Finding::new(
            Kind::ProfileUnreadable,
            format!("The profile of the rule {rule} cannot be read: {problem}"),
        )
        .say(
            "Correct the profile in the configuration (`hookline profile check FILE`), and deploy.",
        )
    });
    findings.collect()
}

#[cfg(test)]
mod tests {
    use hookline_domain::execution::names::StateMachine;
    use hookline_domain::profile::Profile;

    use super::*;
    use crate::observed::deployment::Target;

    const MACHINE: &str = "arn:aws:states:us-west-2:123456789012:stateMachine:hookline-launch-node";

    fn rule(name: &str, group: &str, hook: &str, has_target: bool) -> Rule {
        let target = Target {
            arn: MACHINE.to_owned(),
            role_arn: Some("arn:aws:iam::123456789012:role/start".to_owned()),
            ..Target::default()
        };
        Rule {
            name: name.to_owned(),
            enabled: true,
            pattern: json!({
                "detail-type": ["EC2 Instance-launch Lifecycle Action"],
                "detail": {"AutoScalingGroupName": [group], "LifecycleHookName": [hook]},
            }),
            targets: has_target.then_some(target).into_iter().collect(),
            ..Rule::default()
        }
    }

    fn input() -> ProfileInput {
        let value = json!({
            "name": "upf",
            "selector": {"autoScalingGroupNames": ["upf"]},
            "hook": {"name": "hookline-launch"},
            "nodeTags": {"Name": "a <b>"},
        });
        ProfileInput {
            profile: Profile::read(value.clone()).unwrap(),
            value,
        }
    }

    fn found(rules: Vec<Rule>) -> Vec<Finding> {
        let deployment = Deployment::of(StateMachine::read(MACHINE).unwrap(), rules);
        findings(&deployment, "upf", "hookline-launch", Some(&input()))
    }

    fn kinds(rules: Vec<Rule>) -> Vec<Kind> {
        found(rules).iter().map(|finding| finding.kind).collect()
    }

    #[test]
    fn enabled_rule_with_a_target_is_enough() {
        let right = rule("launch-upf", "upf", "hookline-launch", true);
        assert_eq!(kinds(vec![right.clone()]), []);
        let mut disabled = rule("old", "upf", "hookline-launch", true);
        disabled.enabled = false;
        assert_eq!(kinds(vec![right, disabled.clone()]), []);
        assert_eq!(kinds(vec![disabled]), [Kind::RuleDisabled]);
    }

    #[test]
    fn target_that_is_gone_is_put_back_with_the_profile_and_the_role_of_another_rule() {
        let gone = rule("launch-upf", "upf", "hookline-launch", false);
        let other = rule("launch-smf", "smf", "hookline-launch", true);
        let found = found(vec![gone.clone(), other]);
        assert_eq!(found[0].kind, Kind::RuleWithoutTarget);
        let Some(Remedy::Run(words)) = found[0].remedy.last() else {
            panic!("{found:?}");
        };
        let targets: Value = serde_json::from_str(words.last().unwrap()).unwrap();
        assert_eq!(targets[0]["Arn"], MACHINE);
        assert_eq!(
            targets[0]["RoleArn"],
            "arn:aws:iam::123456789012:role/start"
        );
        let mut put_back = gone;
        put_back.targets = vec![Target {
            arn: MACHINE.to_owned(),
            template: targets[0]["InputTransformer"]["InputTemplate"]
                .as_str()
                .map(str::to_owned),
            ..Target::default()
        }];
        let deployment = Deployment::of(StateMachine::read(MACHINE).unwrap(), vec![put_back]);
        assert_eq!(deployment.profiles, [input()]);
    }

    #[test]
    fn target_is_put_back_with_a_profile_in_a_file_where_none_is_known() {
        let gone = rule("launch-upf", "upf", "hookline-launch", false);
        let deployment = Deployment::of(StateMachine::read(MACHINE).unwrap(), vec![gone.clone()]);
        let found = findings(&deployment, "upf", "hookline-launch", None);
        let Some(Remedy::Shell(words)) = found[0].remedy.last() else {
            panic!("{found:?}");
        };
        // What the command writes, by Python itself.
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(
            folder.path().join("profile.json"),
            input().value.to_string(),
        )
        .unwrap();
        let program = shlex::split(&words[2]).unwrap().remove(0);
        let output = std::process::Command::new("python3")
            .args(["-c", &program])
            .current_dir(folder.path())
            .output()
            .unwrap();
        let targets: Value = serde_json::from_slice(&output.stdout).unwrap();
        let mut put_back = gone;
        put_back.targets = vec![Target {
            arn: MACHINE.to_owned(),
            template: targets[0]["InputTransformer"]["InputTemplate"]
                .as_str()
                .map(str::to_owned),
            ..Target::default()
        }];
        let template = put_back.targets[0].template.clone().unwrap();
        assert!(template.contains("a \\u003cb\\u003e"), "{template}");
        let deployment = Deployment::of(StateMachine::read(MACHINE).unwrap(), vec![put_back]);
        assert_eq!(deployment.profiles, [input()]);
    }

    #[test]
    fn rule_that_wants_another_hook_says_so() {
        let found = found(vec![
            rule("launch-upf", "upf", "other", true),
            rule("launch-smf", "smf", "more", true),
        ]);
        assert_eq!(found[0].kind, Kind::NoRule);
        assert_eq!(
            found[0].evidence,
            ["The rule launch-upf wants LifecycleHookName other, not hookline-launch."]
        );
    }

    #[test]
    fn reconcile_without_a_rule_is_found() {
        let deployment = Deployment::of(StateMachine::read(MACHINE).unwrap(), Vec::new());
        assert_eq!(
            reconcile_findings(&deployment)[0].kind,
            Kind::ReconcileNotScheduled
        );
    }
}
