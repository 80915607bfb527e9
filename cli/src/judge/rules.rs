//! The rules that start executions, for the launches of one group at one hook.

use std::collections::{BTreeMap, BTreeSet};

use hookline_domain::reconcile::ProfileInput;
use serde_json::{Value, json};

use super::finding::quoted;
use super::words::list;
use super::{Finding, Kind, Remedy};
use crate::observed::deployment::{Deployment, Rule, Target};

/// How the template of a target's input begins; the profile and a brace follow.
const TEMPLATE_START: &str = "{\"event\":<aws.events.event.json>,\"profile\":";
/// The most names that a text lists.
const LISTED: usize = 4;
/// The id that the CDK gives the only target of a rule.
const TARGET_ID: &str = "Target0";
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
    if answer(deployment, group, hook) {
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
        let mut elsewhere = deployment.elsewhere.iter();
        let elsewhere = elsewhere.find_map(|rule| {
            let is_for = rule.names("LifecycleHookName", hook) && rule.lets_through(group, hook);
            let target = runs_executions(rule).filter(|_| is_for)?;
            Some(with_another_target(deployment, rule, target, input))
        });
        let finding = elsewhere.unwrap_or_else(|| no_rule(deployment, group, hook));
        found.push(finding.of_group(group));
    }
    found
}

/// Whether an enabled rule with a target reacts to the launches of `group` at `hook`.
pub(crate) fn answer(deployment: &Deployment, group: &str, hook: &str) -> bool {
    let mut rules = deployment.rules.iter();
    rules.any(|rule| rule.enabled && !rule.targets.is_empty() && rule.lets_through(group, hook))
}

/// The target of a rule that is a state machine.
fn runs_executions(rule: &Rule) -> Option<&Target> {
    let mut targets = rule.targets.iter();
    targets.find(|target| target.arn.contains(":stateMachine:"))
}

/// A rule for these launches that starts executions of another state machine, as of one that was
/// replaced.
fn with_another_target(
    deployment: &Deployment,
    rule: &Rule,
    target: &Target,
    input: Option<&ProfileInput>,
) -> Finding {
    let finding = Finding::new(
        Kind::NoRule,
        format!(
            "The rule {} matches these launches, and its target is {}: they start no execution of {}.",
            rule.name,
            target.arn,
            deployment.machine.arn()
        ),
    )
    .say("If another deployment is to answer this hook, correct the profile's selector in the configuration, and deploy.");
    let id = Some(target.id.as_str()).filter(|id| !id.is_empty());
    put_back(
        finding.say("Otherwise put the right target in its place."),
        deployment,
        rule,
        id.unwrap_or(TARGET_ID),
        input,
    )
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
    put_back(finding, deployment, rule, TARGET_ID, input)
}

/// The finding with the command that puts the target with this id.
fn put_back(
    mut finding: Finding,
    deployment: &Deployment,
    rule: &Rule,
    id: &str,
    input: Option<&ProfileInput>,
) -> Finding {
    let role = known_role(deployment);
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
    finding = finding.say(
        "The target of the stack also had a dead-letter queue and a limit for retries. To have them again, add \
         DeadLetterConfig and RetryPolicy to the target in the command: the template of the stack has both.",
    );
    let put = match input {
        Some(input) => put_target(rule, id, machine, role, &input.value),
        None => {
            finding = finding.say(
                "profile.json is the profile of your configuration. A deployment does not put the target back: \
                 CloudFormation sees no change.",
            );
            put_target_of_file(rule, id, machine, role)
        }
    };
    finding.remedy.push(put);
    finding
}

fn target(id: &str, machine: &str, role: &str, template: &str) -> Value {
    json!([{
        "Id": id,
        "Arn": machine,
        "RoleArn": role,
        "InputTransformer": {"InputTemplate": template},
    }])
}

/// The command that puts the target with this profile.
fn put_target(rule: &Rule, id: &str, machine: &str, role: &str, profile: &Value) -> Remedy {
    // As the CDK app writes it: EventBridge would read `<…>` in a profile as a variable.
    let profile = profile
        .to_string()
        .replace('<', "\\u003c")
        .replace('>', "\\u003e");
    let targets = target(id, machine, role, &format!("{TEMPLATE_START}{profile}}}"));
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
fn put_target_of_file(rule: &Rule, id: &str, machine: &str, role: &str) -> Remedy {
    let mut program = String::from("import json; t = json.loads(");
    program.push_str(&json!(target(id, machine, role, TEMPLATE_START).to_string()).to_string());
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

/// What is wrong with reconcile's rules. Each has other profiles; the interfaces that are left are seen by
/// every round.
pub(crate) fn reconcile_findings(deployment: &Deployment) -> Vec<Finding> {
    let without = "Nothing starts lost launches, abandons those whose execution was stopped, or deletes interfaces that are left.";
    if deployment.reconcile.is_empty() {
        return vec![
            Finding::new(
                Kind::ReconcileNotScheduled,
                format!("No rule starts reconcile. {without}"),
            )
            .say("Deploy it: docs/operations/reconcile.md has its input."),
        ];
    }
    let any_runs = deployment.reconcile.iter().any(|it| it.enabled);
    let mut disabled: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for reconcile in deployment.reconcile.iter().filter(|it| !it.enabled) {
        let profiles = reconcile.profiles.iter().chain(&reconcile.retired);
        let names = disabled.entry(&reconcile.rule).or_default();
        names.extend(profiles.map(|input| input.profile.name.as_str()));
    }
    let findings = disabled.into_iter().map(|(rule, profiles)| {
        let means = match any_runs {
            false => without.to_owned(),
            true => format!(
                "Nothing starts lost launches of the profiles {}, or abandons those whose execution was stopped.",
                list(profiles, LISTED)
            ),
        };
        Finding::new(
            Kind::ReconcileNotScheduled,
            format!("The rule {rule} of reconcile is disabled. {means}"),
        )
        .run(["aws", "events", "enable-rule", "--name", rule])
    });
    findings.collect()
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
#[path = "rules_tests.rs"]
mod tests;
