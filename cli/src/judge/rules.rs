//! The rules that start executions, for the launches of one group at one hook.

mod missing;
mod target;
mod undelivered;

use std::collections::{BTreeMap, BTreeSet};

use hookline_domain::profile::Selector;
use hookline_domain::reconcile::ProfileInput;
use serde_json::{Value, json};

use super::words::list;
use super::{Finding, Kind};
use crate::observed::deployment::{Deployment, Reconcile};
use crate::observed::rule::{Rule, Target};
use target::{TARGET_ID, deliver_as, put_back, sibling};
pub(super) use undelivered::undelivered;

/// The most names that a text lists.
const LISTED: usize = 4;
/// The most characters of a target's input (Amazon EventBridge User Guide, "Amazon EventBridge
/// quotas").
const MAX_INPUT: usize = 8_192;
/// How old the event of a round may get, in seconds: the next round replaces one that is late
/// (`cdk/lib/launch/reconcile-rules.ts`).
const ROUND_EVENT_AGE_SECONDS: i64 = 300;

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
            let target = runs_executions(rule).filter(|target| {
                // A rule that somebody else made for a state machine of their own stays as it is, and so does
                // that of another deployment.
                let is_of_hookline =
                    rule.is_of_a_stack() || Deployment::stack_of(&target.arn).is_some();
                is_for && rule.enabled && is_of_hookline && !rule.of_another
            })?;
            Some(with_another_target(deployment, rule, target, input))
        });
        let finding = elsewhere.unwrap_or_else(|| no_rule(deployment, group, hook, input));
        found.push(finding.of_group(group));
    }
    found
}

/// Whether an enabled rule with a target reacts to the launches of `group` at `hook`.
pub(crate) fn answer(deployment: &Deployment, group: &str, hook: &str) -> bool {
    that_answers(deployment, group, hook).is_some()
}

/// The enabled rule with a target that reacts to the launches of `group` at `hook`.
fn that_answers<'a>(deployment: &'a Deployment, group: &str, hook: &str) -> Option<&'a Rule> {
    let mut rules = deployment.rules.iter();
    rules.find(|rule| rule.enabled && !rule.targets.is_empty() && rule.lets_through(group, hook))
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

fn no_rule(
    deployment: &Deployment,
    group: &str,
    hook: &str,
    input: Option<&ProfileInput>,
) -> Finding {
    let mut finding = Finding::new(
        Kind::NoRule,
        format!(
            "No rule matches the launches of {group} at the hook {hook}, so they start no execution."
        ),
    );
    if let Some(input) = input.filter(|it| missing::is_gone(deployment, it)) {
        return missing::put_anew(finding, deployment, input);
    }
    for rule in &deployment.rules {
        let differs = |field: &str, value: &str| {
            (rule.allows(field, value) == Some(false)).then(|| {
                let wanted = match rule.wanted(field) {
                    Some(wanted) => wanted.join(" or "),
                    None => {
                        let wanted = rule.pattern.pointer(&format!("/detail/{field}"));
                        wanted.map(Value::to_string).unwrap_or_default()
                    }
                };
                format!(
                    "The rule {} wants {field} {wanted}, not {value}.",
                    rule.name
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
    let finding =
        finding.say("Correct the profile's selector or hook in the configuration, and deploy.");
    let Some(rule) = input.and_then(|input| changed(deployment, group, hook, input)) else {
        return finding;
    };
    finding
        .say(format!(
            "If somebody changed the pattern of the rule {}, a deployment does not put it back: CloudFormation sees no change. \
             Put it back:",
            rule.name
        ))
        .run(put_pattern(rule, group, hook))
}

/// The rule that has the profile, which covers the group, and whose pattern lacks the group or the
/// hook.
fn changed<'a>(
    deployment: &'a Deployment,
    group: &str,
    hook: &str,
    input: &ProfileInput,
) -> Option<&'a Rule> {
    let has = |rule: &&Rule| {
        let mut of_rules = deployment.of_rules.iter();
        of_rules.any(|(name, it)| *name == rule.name && it.profile == input.profile)
    };
    let fits = input.profile.hook.name == hook;
    let names_group = match &input.profile.selector {
        Selector::AutoScalingGroupNames(names) => names.iter().any(|name| name == group),
        Selector::Tag(_) | Selector::Tags(_) => false,
    };
    let mut rules = deployment.rules.iter();
    rules.find(has).filter(|_| fits && names_group)
}

/// The command that puts a rule with the groups and the hook in its pattern. It has all that the
/// rule has: PutRule forgets what it is not given (Amazon EventBridge API Reference, PutRule).
fn put_pattern(rule: &Rule, group: &str, hook: &str) -> Vec<String> {
    let mut pattern = rule.pattern.clone();
    for (field, value) in [("AutoScalingGroupName", group), ("LifecycleHookName", hook)] {
        let is = pattern.pointer_mut(&format!("/detail/{field}"));
        if let (Some(is), Some(false)) = (is, rule.allows(field, value)) {
            *is = json!([value]);
        }
    }
    let pattern = pattern.to_string();
    let state = match rule.enabled {
        true => "ENABLED",
        false => "DISABLED",
    };
    let words = [
        "aws",
        "events",
        "put-rule",
        "--name",
        &rule.name,
        "--event-pattern",
        &pattern,
        "--state",
        state,
    ];
    let description = match rule.description.as_str() {
        "" => None,
        text => Some(["--description", text]),
    };
    let words = words.into_iter().chain(description.into_iter().flatten());
    words.map(str::to_owned).collect()
}

/// What is wrong with reconcile's rules. Each has other profiles; the interfaces that are left are
/// seen by every round.
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
    let lacking: Vec<&ProfileInput> = deployment
        .of_rules
        .iter()
        .map(|(_, input)| input)
        .filter(|input| !others.contains(&input.profile.name.as_str()))
        .collect();
    let profiles: Vec<&Value> = lacking.iter().map(|input| &input.value).collect();
    let mut input = json!({"stateMachineArn": deployment.machine.arn(), "profiles": profiles});
    let has_others = deployment.reconcile.last();
    if let (Some(other), Some(fields)) = (has_others, input.as_object_mut()) {
        // Only the first target of a schedule sets attributes. If no other one does, the lost one
        // did.
        let mut limits = other.input.get("limits").cloned();
        let sets_none = |it: &Reconcile| it.limits.attributes_per_round == 0;
        if deployment.reconcile.iter().all(sets_none)
            && let Some(limits) = limits.as_mut().and_then(Value::as_object_mut)
        {
            limits.remove("attributesPerRound");
        }
        fields.extend(limits.map(|limits| ("limits".to_owned(), limits)));
        fields.insert("otherTargets".to_owned(), Value::Bool(true));
        let others = answered_by_others(deployment, &lacking);
        if !others.is_empty() {
            fields.insert("hooks".to_owned(), json!({"others": others}));
        }
    }
    let function = deployment.function_arn("reconcile").unwrap_or_default();
    let mut target = json!({"Id": TARGET_ID, "Arn": function, "Input": input.to_string()});
    deliver_as(&mut target, sibling(deployment));
    if let Some(policy) = target.get_mut("RetryPolicy") {
        policy["MaximumEventAgeInSeconds"] = json!(ROUND_EVENT_AGE_SECONDS);
    }
    let finding = Finding::new(
        Kind::ReconcileNotScheduled,
        format!("The rule {rule} of reconcile has no target, so it starts no round."),
    )
    .shown_by("A deployment does not put the target back: CloudFormation sees no change.");
    let is_too_long = input.to_string().len() > MAX_INPUT;
    let of_template = template_inputs(deployment.stack());
    let finding = match (is_too_long, of_template.is_some()) {
        (true, has_template) => finding.say(format!(
            "Its profiles do not fit into one target, whose input has at most {MAX_INPUT} characters. Put back the targets that \
             the rule had, by aws events put-targets{}",
            match has_template {
                true => ". The template of the stack has their inputs:",
                false => " (docs/operations/reconcile.md, \"Its input\").",
            }
        )),
        (false, true) => finding.say(
            "The lost input may also have had retiredProfiles, and more in hooks and limits. The template of the stack has \
             it: add these fields to the Input of the last command. See them by:",
        ),
        (false, false) => finding.say(
            "If the configuration has retiredProfiles, or says something of hooks or reconcile, add it to the command's Input: \
             docs/operations/reconcile.md has each field.",
        ),
    };
    let finding = match of_template {
        Some(words) => finding.run(words),
        None => finding,
    };
    if is_too_long {
        return finding;
    }
    finding.say("Put it back:").run([
        "aws",
        "events",
        "put-targets",
        "--rule",
        rule,
        "--targets",
        &json!([target]).to_string(),
    ])
}

/// The hooks that the other targets of reconcile's schedule answer or know, as the CDK app has them
/// in each target (`cdk/lib/launch/reconcile-rules.ts`, `hooksOf`).
fn answered_by_others(deployment: &Deployment, these: &[&ProfileInput]) -> BTreeSet<String> {
    let targets = deployment.reconcile.iter();
    let mut names: BTreeSet<String> = targets
        .flat_map(|it| {
            let profiles = it.profiles.iter().chain(&it.retired);
            let own = profiles.map(|input| input.profile.hook.name.clone());
            own.chain(it.hooks.others.iter().cloned())
        })
        .collect();
    names.retain(|name| !these.iter().any(|input| input.profile.hook.name == *name));
    names
}

/// The command that shows the inputs of the schedules' targets, as the template of the stack has
/// them.
fn template_inputs(stack: &str) -> Option<[&str; 7]> {
    const INPUTS: &str = "TemplateBody.Resources.*|[?Type=='AWS::Events::Rule'&&Properties.ScheduleExpression].Properties.Targets[].Input";
    let words = [
        "aws",
        "cloudformation",
        "get-template",
        "--stack-name",
        stack,
        "--query",
        INPUTS,
    ];
    (!stack.is_empty()).then_some(words)
}

/// The rules whose profile cannot be read, of those that react to the launches of `group` at
/// `hook`.
pub(super) fn unreadable_for(deployment: &Deployment, group: &str, hook: &str) -> Vec<Finding> {
    let reacts = |name: &str| {
        let mut rules = deployment.rules.iter();
        rules.any(|rule| rule.name == name && rule.enabled && rule.lets_through(group, hook))
    };
    let unreadable = deployment.unreadable.iter();
    unreadable_of(unreadable.filter(|(rule, _)| reacts(rule)))
        .into_iter()
        .map(|finding| finding.of_group(group))
        .collect()
}

/// The rules whose profile cannot be read: their executions refuse their input.
pub(crate) fn unreadable(deployment: &Deployment) -> Vec<Finding> {
    unreadable_of(deployment.unreadable.iter())
}

fn unreadable_of<'a>(unreadable: impl Iterator<Item = &'a (String, String)>) -> Vec<Finding> {
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
