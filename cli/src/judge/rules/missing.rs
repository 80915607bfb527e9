//! The commands that put back a rule that is gone. A deployment does not: CloudFormation compares
//! templates, and the template has not changed.

use hookline_domain::profile::{Profile, Selector};
use hookline_domain::reconcile::ProfileInput;
use serde_json::json;

use super::target::{TARGET_ID, name_in_stack, put_back_on};
use crate::judge::Finding;
use crate::judge::Remedy;
use crate::judge::finding::quoted;
use crate::observed::deployment::Deployment;
use crate::observed::rule::{LAUNCH, SOURCE};

/// The most characters of an event pattern (Amazon EventBridge User Guide, "Amazon EventBridge
/// quotas").
const MAX_PATTERN: usize = 2_048;

/// Whether the rule of this profile is gone: launches begin with the profile, by what reconcile
/// has, and no rule has it.
pub(super) fn is_gone(deployment: &Deployment, input: &ProfileInput) -> bool {
    let name = &input.profile.name;
    let has = |other: &ProfileInput| other.profile.name == *name;
    let mut of_rules = deployment.of_rules.iter().map(|(_, other)| other);
    let mut active = deployment.reconcile.iter().flat_map(|it| &it.profiles);
    active.any(has)
        && !of_rules.any(has)
        // What a rule without a readable profile is for, its pattern does not tell.
        && deployment.unreadable.is_empty()
}

/// The finding with the commands that put the rule and its target.
pub(super) fn put_anew(finding: Finding, deployment: &Deployment, input: &ProfileInput) -> Finding {
    let profile = &input.profile;
    let (name, of_stack) = match deployment.stack() {
        "" => (quoted(&format!("launch-{}", profile.name)), false),
        stack => {
            let id = logical_id(&profile.name);
            (name_in_stack(stack, &id, "AWS::Events::Rule"), true)
        }
    };
    let mut finding = finding.say(format!(
        "The rule of the profile {} is gone. A deployment does not put it back: CloudFormation sees no change. {}",
        profile.name,
        match of_stack {
            true => "Put it back by the name by which the stack knows it:",
            false => "Put it back:",
        }
    ));
    let description = format!(
        "Starts an execution for each launch of {} (Hookline)",
        profile.name
    );
    let words = [
        "aws".to_owned(),
        "events".to_owned(),
        "put-rule".to_owned(),
        "--name".to_owned(),
        name.clone(),
        "--event-pattern".to_owned(),
        quoted(&pattern(profile)),
        "--state".to_owned(),
        "ENABLED".to_owned(),
        "--description".to_owned(),
        quoted(&description),
    ];
    finding.remedy.push(Remedy::Shell(words.to_vec()));
    put_back_on(
        finding.say("Then its target:"),
        deployment,
        &name,
        TARGET_ID,
        Some(input),
    )
}

/// The event pattern of a profile's rule, as the CDK app makes it
/// (`cdk/lib/launch/launch-rule.ts`): with the groups only if they fit.
fn pattern(profile: &Profile) -> String {
    let pattern = |detail| json!({"source": [SOURCE], "detail-type": [LAUNCH], "detail": detail});
    let hook = &profile.hook.name;
    if let Selector::AutoScalingGroupNames(groups) = &profile.selector {
        let detail = json!({"LifecycleHookName": [hook], "AutoScalingGroupName": groups});
        let with_groups = pattern(detail).to_string();
        if with_groups.chars().count() <= MAX_PATTERN {
            return with_groups;
        }
    }
    pattern(json!({"LifecycleHookName": [hook]})).to_string()
}

/// What the logical id of the rule of a profile has: letters and digits of the construct's path
/// only (`LaunchRule` of `Launch-PROFILE`).
fn logical_id(profile: &str) -> String {
    let plain: String = profile
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .collect();
    format!("Launch{plain}Rule")
}
