//! The launch hooks of a group, held against what its profiles need.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::admission::heartbeat::MAX_SECONDS_GOING_ON;
use crate::profile::Profile;

/// The launch hook that EKS puts on the group of each managed node group, and completes itself.
pub const EKS_HOOK: &str = "Launch-LC-Hook";
/// The longest time between two heartbeats of a launch in a busy account, in seconds: the longest
/// retries of one task, one attempt of each of the others, of PlanInterfaces two (docs/errors.md,
/// "Retries"), and the longest that a launch goes on without extending its hook. The CDK app refuses a shorter timeout
/// (`cdk/lib/launch/hook-timeouts.ts`).
pub const MIN_HEARTBEAT: i64 = 1_131 + 5 * 90 + MAX_SECONDS_GOING_ON as i64;

/// A lifecycle hook that launches wait at (Auto Scaling API Reference, *LifecycleHook*).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaunchHook {
    /// Its name.
    pub name: String,
    /// `ABANDON` or `CONTINUE`: what a launch gets that nobody completes.
    pub default_result: String,
    /// The heartbeat timeout, in seconds.
    pub heartbeat_seconds: i64,
}

/// What the configuration says of the launch hooks: `hooks` of reconcile's payload.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ExpectedHooks {
    /// The heartbeat timeouts with which the configuration puts the hook of a profile, in seconds, by
    /// the profile's name. One whose hook is put by other means is not here.
    pub heartbeat_seconds: BTreeMap<String, BTreeSet<i64>>,
    /// The names of launch hooks that other owners complete.
    pub others: BTreeSet<String>,
}

impl ExpectedHooks {
    /// Adds what another target of the same schedule says.
    pub fn extend(&mut self, other: &Self) {
        for (profile, seconds) in &other.heartbeat_seconds {
            let known = self.heartbeat_seconds.entry(profile.clone()).or_default();
            known.extend(seconds);
        }
        self.others.extend(other.others.iter().cloned());
    }
}

/// What does not fit between a group's launch hooks and its profiles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HookProblem<'a> {
    /// The group lacks the profile's hook, so its instances go InService unprepared.
    Missing(&'a Profile),
    /// The profile's hook is not as a launch needs it.
    Unsafe(UnsafeHook<'a>),
    /// No profile answers the hook.
    Unanswered(&'a LaunchHook),
}

/// A hook of a profile that ends launches too early, or the wrong way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnsafeHook<'a> {
    /// The profile.
    pub profile: &'a Profile,
    /// Its hook.
    pub hook: &'a LaunchHook,
    /// Whether a launch goes on that nobody completes.
    pub continues: bool,
    /// Whether the heartbeat timeout is shorter than a launch may need.
    pub is_short: bool,
    /// The timeouts with which the configuration puts the hook, if this is another.
    pub configured: Option<&'a BTreeSet<i64>>,
}

/// What is wrong with the launch hooks of a group that these profiles cover.
///
/// The owner of a hook that Hookline does not complete decides on its settings.
#[must_use]
pub fn hook_problems<'a>(
    hooks: &'a [LaunchHook],
    profiles: &[&'a Profile],
    expected: &'a ExpectedHooks,
) -> Vec<HookProblem<'a>> {
    let mut found = Vec::new();
    for &profile in profiles {
        match hooks.iter().find(|hook| hook.name == profile.hook.name) {
            None => found.push(HookProblem::Missing(profile)),
            Some(hook) if profile.hook.complete => {
                found.extend(unsafe_hook(profile, hook, expected).map(HookProblem::Unsafe));
            }
            Some(_) => {}
        }
    }
    let is_answered = |hook: &&LaunchHook| {
        let mut profiles = profiles.iter();
        hook.name == EKS_HOOK
            || expected.others.contains(&hook.name)
            || profiles.any(|profile| profile.hook.name == hook.name)
    };
    if !profiles.is_empty() {
        let of_nobody = hooks.iter().filter(|hook| !is_answered(hook));
        found.extend(of_nobody.map(HookProblem::Unanswered));
    }
    found
}

fn unsafe_hook<'a>(
    profile: &'a Profile,
    hook: &'a LaunchHook,
    expected: &'a ExpectedHooks,
) -> Option<UnsafeHook<'a>> {
    let configured = expected.heartbeat_seconds.get(&profile.name);
    let found = UnsafeHook {
        profile,
        hook,
        continues: hook.default_result == "CONTINUE",
        is_short: hook.heartbeat_seconds < MIN_HEARTBEAT,
        configured: configured.filter(|it| !it.contains(&hook.heartbeat_seconds)),
    };
    (found.continues || found.is_short || found.configured.is_some()).then_some(found)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn profile(complete: bool) -> Profile {
        Profile::read(json!({
            "name": "upf",
            "selector": {"autoScalingGroupNames": ["upf"]},
            "hook": {"name": "hookline-launch", "complete": complete},
        }))
        .unwrap()
    }

    fn hook(name: &str, default_result: &str, heartbeat_seconds: i64) -> LaunchHook {
        LaunchHook {
            name: name.to_owned(),
            default_result: default_result.to_owned(),
            heartbeat_seconds,
        }
    }

    fn own(default_result: &str, heartbeat_seconds: i64) -> LaunchHook {
        hook("hookline-launch", default_result, heartbeat_seconds)
    }

    /// The problems in short, of hooks that the configuration puts with these timeouts.
    fn problems(hooks: &[LaunchHook], complete: bool, configured: &[i64]) -> Vec<String> {
        let profile = profile(complete);
        let mut expected = ExpectedHooks::default();
        if !configured.is_empty() {
            let seconds = configured.iter().copied().collect();
            expected.heartbeat_seconds.insert("upf".to_owned(), seconds);
        }
        expected.others.insert("of-another-team".to_owned());
        let found = hook_problems(hooks, &[&profile], &expected);
        let short = |problem| match problem {
            HookProblem::Missing(profile) => format!("{} is missing", profile.hook.name),
            HookProblem::Unsafe(it) => format!(
                "continues {}, short {}, differs {}",
                it.continues,
                it.is_short,
                it.configured.is_some()
            ),
            HookProblem::Unanswered(hook) => format!("nobody answers {}", hook.name),
        };
        found.into_iter().map(short).collect()
    }

    #[test]
    fn hook_as_a_launch_needs_it_is_right() {
        let none: [&str; 0] = [];
        for seconds in [1_791, 1_800, 7_200] {
            assert_eq!(problems(&[own("ABANDON", seconds)], true, &[]), none);
        }
        assert_eq!(problems(&[own("ABANDON", 1_800)], true, &[1_800]), none);
        // The profile has groups with different timeouts.
        let configured = [1_800, 3_600];
        assert_eq!(problems(&[own("ABANDON", 3_600)], true, &configured), none);
    }

    #[test]
    fn hook_that_continues_is_short_or_differs_from_the_configuration_is_unsafe() {
        for (default_result, seconds, configured, wanted) in [
            (
                "CONTINUE",
                1_800,
                &[][..],
                "true, short false, differs false",
            ),
            ("CONTINUE", 60, &[1_800], "true, short true, differs true"),
            ("ABANDON", 1_490, &[], "false, short true, differs false"),
            (
                "ABANDON",
                3_600,
                &[1_800],
                "false, short false, differs true",
            ),
            (
                "ABANDON",
                2_000,
                &[1_800, 3_600],
                "false, short false, differs true",
            ),
        ] {
            let found = problems(&[own(default_result, seconds)], true, configured);
            assert_eq!(found, [format!("continues {wanted}")]);
        }
    }

    #[test]
    fn settings_of_a_hook_that_another_owner_completes_are_not_judged() {
        let hooks = [own("CONTINUE", 60)];
        assert_eq!(problems(&hooks, false, &[1_800]), [""; 0]);
    }

    #[test]
    fn missing_hook_and_one_that_nobody_answers_are_found() {
        assert_eq!(problems(&[], true, &[]), ["hookline-launch is missing"]);
        assert_eq!(problems(&[], false, &[]), ["hookline-launch is missing"]);
        let hooks = [hook("drain", "ABANDON", 300), own("ABANDON", 1_800)];
        assert_eq!(problems(&hooks, true, &[]), ["nobody answers drain"]);
    }

    #[test]
    fn hook_of_eks_or_of_a_named_owner_is_answered() {
        let hooks = [
            own("ABANDON", 1_800),
            hook(EKS_HOOK, "CONTINUE", 1_800),
            hook("of-another-team", "CONTINUE", 60),
        ];
        assert_eq!(problems(&hooks, true, &[]), [""; 0]);
    }

    #[test]
    fn group_without_a_profile_has_no_problem() {
        let hooks = [hook("drain", "ABANDON", 300)];
        let expected = ExpectedHooks::default();
        assert_eq!(hook_problems(&hooks, &[], &expected), []);
    }

    #[test]
    fn targets_of_one_schedule_say_it_together() {
        let read = |value| serde_json::from_value::<ExpectedHooks>(value).unwrap();
        let mut all = read(json!({"heartbeatSeconds": {"upf": [1_800]}, "others": ["a"]}));
        all.extend(&read(
            json!({"heartbeatSeconds": {"upf": [3_600], "smf": [1_800]}}),
        ));
        all.extend(&read(json!({"others": ["b"]})));
        let wanted = json!({
            "heartbeatSeconds": {"upf": [1_800, 3_600], "smf": [1_800]}, "others": ["a", "b"],
        });
        assert_eq!(all, read(wanted));
    }
}
