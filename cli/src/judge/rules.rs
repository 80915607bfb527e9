//! The rules that start executions, for the launches of one group at one hook.

use std::collections::{BTreeMap, BTreeSet};

use hookline_domain::reconcile::ProfileInput;
use serde_json::{Map, Value, json};

use super::finding::{command_line, quoted};
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
    let sibling = sibling(deployment);
    if sibling.is_none() {
        finding = without_sibling(finding, deployment);
    }
    let (id, machine) = (TargetId(id), deployment.machine.arn());
    let put = match input {
        Some(input) => put_target(rule, &target(id, machine, sibling), &input.value),
        None => {
            finding = finding.say(
                "profile.json is the profile of your configuration. A deployment does not put the target back: \
                 CloudFormation sees no change.",
            );
            put_target_of_file(rule, &target(id, machine, sibling))
        }
    };
    finding.remedy.push(put);
    finding
}

/// What finds the role of a target, where no other rule has it.
fn without_sibling(finding: Finding, deployment: &Deployment) -> Finding {
    let finding = finding.say(format!(
        "Find the role with which EventBridge starts executions, and replace {ROLE} in the last command with its ARN:"
    ));
    let finding = match deployment.stack() {
        "" => finding.run([
            "aws",
            "iam",
            "list-roles",
            "--query",
            "Roles[?contains(to_string(AssumeRolePolicyDocument), 'events.amazonaws.com')].Arn",
            "--output",
            "text",
        ]),
        stack => {
            let resources = [
                "aws",
                "cloudformation",
                "describe-stack-resources",
                "--stack-name",
                stack,
                "--query",
                "StackResources[?contains(LogicalResourceId, 'StartLaunchRole') && ResourceType == 'AWS::IAM::Role'].PhysicalResourceId",
                "--output",
                "text",
            ];
            let resources = resources.map(str::to_owned);
            let name = format!("\"$({})\"", command_line(&resources));
            let words = [
                "aws",
                "iam",
                "get-role",
                "--role-name",
                &name,
                "--query",
                "Role.Arn",
                "--output",
                "text",
            ];
            let mut finding = finding;
            let command = Remedy::Shell(words.map(str::to_owned).to_vec());
            finding.remedy.push(command);
            finding
        }
    };
    finding.say(
        "The target of the stack also had a dead-letter queue and a limit for retries. To have them again, add \
         DeadLetterConfig and RetryPolicy to the target in the command: the template of the stack has both.",
    )
}

/// The id of a target in its rule.
#[derive(Clone, Copy)]
struct TargetId<'a>(&'a str);

/// A target without its input: with the role, the dead-letter queue and the retries of another rule's.
fn target(id: TargetId<'_>, machine: &str, sibling: Option<&Target>) -> Value {
    let role = sibling.and_then(|it| it.role_arn.as_deref());
    let mut target = json!({"Id": id.0, "Arn": machine, "RoleArn": role.unwrap_or(ROLE)});
    deliver_as(&mut target, sibling);
    target
}

/// Gives a target the dead-letter queue and the retries of another one.
fn deliver_as(target: &mut Value, sibling: Option<&Target>) {
    let Some(fields) = target.as_object_mut() else {
        return;
    };
    if let Some(queue) = sibling.and_then(|it| it.dead_letter_queue.as_ref()) {
        fields.insert("DeadLetterConfig".to_owned(), json!({"Arn": queue}));
    }
    if let Some(retry) = sibling.and_then(|it| it.retry) {
        let mut policy = Map::new();
        let attempts = retry.attempts.map(|it| ("MaximumRetryAttempts", it));
        let age = retry.event_age.map(|it| ("MaximumEventAgeInSeconds", it));
        for (name, value) in attempts.into_iter().chain(age) {
            policy.insert(name.to_owned(), json!(value));
        }
        fields.insert("RetryPolicy".to_owned(), Value::Object(policy));
    }
}

/// The target with its input's template, as `put-targets` takes it.
fn with_template(target: &Value, template: &str) -> Value {
    let mut target = target.clone();
    if let Some(fields) = target.as_object_mut() {
        fields.insert(
            "InputTransformer".to_owned(),
            json!({"InputTemplate": template}),
        );
    }
    json!([target])
}

/// The command that puts the target with this profile.
fn put_target(rule: &Rule, target: &Value, profile: &Value) -> Remedy {
    // As the CDK app writes it: EventBridge would read `<…>` in a profile as a variable.
    let profile = profile
        .to_string()
        .replace('<', "\\u003c")
        .replace('>', "\\u003e");
    let targets = with_template(target, &format!("{TEMPLATE_START}{profile}}}"));
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
fn put_target_of_file(rule: &Rule, target: &Value) -> Remedy {
    let mut program = String::from("import json; t = json.loads(");
    program.push_str(&json!(with_template(target, TEMPLATE_START).to_string()).to_string());
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

/// The target with which another rule starts the same state machine.
fn sibling(deployment: &Deployment) -> Option<&Target> {
    let machine = &deployment.machine;
    let mut targets = deployment
        .rules
        .iter()
        .flat_map(|rule| rule.targets_of(machine));
    targets.find(|target| target.role_arn.is_some())
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
    let mut without_target: Vec<Finding> = deployment
        .reconcile_without_target
        .iter()
        .map(|rule| reconcile_without_target(deployment, rule))
        .collect();
    if deployment.reconcile.is_empty() && !without_target.is_empty() {
        return without_target;
    }
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
    without_target.extend(findings);
    without_target
}

/// A rule of reconcile's schedule that has lost its target, with the command that puts it back: the
/// profiles of the launch rules that no other target of reconcile has.
fn reconcile_without_target(deployment: &Deployment, rule: &str) -> Finding {
    let others: Vec<&str> = deployment
        .reconcile
        .iter()
        .flat_map(|it| &it.profiles)
        .map(|input| input.profile.name.as_str())
        .collect();
    let lacking = deployment
        .of_rules
        .iter()
        .map(|(_, input)| input)
        .filter(|input| !others.contains(&input.profile.name.as_str()));
    let profiles: Vec<&Value> = lacking.map(|input| &input.value).collect();
    let mut input = json!({"stateMachineArn": deployment.machine.arn(), "profiles": profiles});
    let has_others = deployment.reconcile.last();
    if let (Some(other), Some(fields)) = (has_others, input.as_object_mut()) {
        // Only the first target of a schedule sets attributes, so the limits are those of the last one.
        let limits = other.input.get("limits").cloned();
        fields.extend(limits.map(|limits| ("limits".to_owned(), limits)));
        fields.insert("otherTargets".to_owned(), Value::Bool(true));
    }
    let function = deployment.function_arn("reconcile").unwrap_or_default();
    let mut target = json!({"Id": TARGET_ID, "Arn": function, "Input": input.to_string()});
    deliver_as(&mut target, sibling(deployment));
    Finding::new(
        Kind::ReconcileNotScheduled,
        format!("The rule {rule} of reconcile has no target, so it starts no round."),
    )
    .shown_by("A deployment does not put the target back: CloudFormation sees no change.")
    .say(
        "Put it back. If the configuration has retiredProfiles or reconcile, add to the command's Input what it says: \
         docs/operations/reconcile.md has each field.",
    )
    .run([
        "aws",
        "events",
        "put-targets",
        "--rule",
        rule,
        "--targets",
        &json!([target]).to_string(),
    ])
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
