//! A deployment, as its rules show it: the state machine, the profiles, and how launches and
//! reconcile are started.

use std::collections::BTreeMap;

use hookline_domain::deployment::Deployment as Name;
use hookline_domain::execution::names::StateMachine;
use hookline_domain::profile::Selector;
use hookline_domain::reconcile::hooks::ExpectedHooks;
use hookline_domain::reconcile::{Limits, ProfileInput, ReconcileInput};
use hookline_domain::tags::own;
use serde_json::Value;

use super::function::FunctionRef;
use super::group::Group;
use super::input_template::{profile_of, read};
use super::network::SeenInterface;
use super::rule::Rule;

/// The name of the state machine; a stack puts its own name and a hyphen before it.
pub(crate) const MACHINE: &str = "launch-node";
/// The name of the state machine that names nodes on launch, in the same way.
const NAMING_MACHINE: &str = "name-node";
/// A rule that starts the rounds of reconcile.
#[derive(Clone, Debug)]
pub(crate) struct Reconcile {
    pub(crate) rule: String,
    /// The ARN of the rule's target.
    pub(crate) target: String,
    /// The constant input of the target.
    pub(crate) input: Value,
    /// The ARN of the target's dead-letter queue.
    pub(crate) dead_letter_queue: Option<String>,
    pub(crate) enabled: bool,
    /// As `rate(5 minutes)`.
    pub(crate) schedule: String,
    /// The profiles with which it starts executions.
    pub(crate) profiles: Vec<ProfileInput>,
    /// Those with which it only ends what began.
    pub(crate) retired: Vec<ProfileInput>,
    pub(crate) limits: Limits,
    /// What the configuration says of the launch hooks.
    pub(crate) hooks: ExpectedHooks,
}

impl Reconcile {
    /// The function that it starts, if it is one.
    pub(crate) fn function(&self) -> Option<FunctionRef> {
        FunctionRef::of_arn(&self.target)
    }

    /// How often it runs, in seconds, if its schedule is a rate.
    pub(crate) fn every(&self) -> Option<i64> {
        let rate = self.schedule.strip_prefix("rate(")?.strip_suffix(')')?;
        let (number, unit) = rate.split_once(' ')?;
        let seconds = match unit.trim_end_matches('s') {
            "minute" => 60,
            "hour" => 3_600,
            "day" => 86_400,
            _ => return None,
        };
        number.parse::<i64>().ok()?.checked_mul(seconds)
    }
}

/// A deployment.
#[derive(Clone, Debug)]
pub(crate) struct Deployment {
    pub(crate) machine: StateMachine,
    /// The rules that start its executions, and those of its own for launches that have no target
    /// at all.
    pub(crate) rules: Vec<Rule>,
    /// The other rules for launches: their targets are not its state machine, or they are another
    /// deployment's and have none.
    pub(crate) elsewhere: Vec<Rule>,
    /// The rules that start reconcile.
    pub(crate) reconcile: Vec<Reconcile>,
    /// The names of rules of reconcile's schedule that have no target.
    pub(crate) reconcile_without_target: Vec<String>,
    /// The profiles, each once: those of the rules, and those that only reconcile has.
    pub(crate) profiles: Vec<ProfileInput>,
    /// Rules whose profile cannot be read, and why.
    pub(crate) unreadable: Vec<(String, String)>,
    /// The profile of each rule, with the rule's name.
    pub(crate) of_rules: Vec<(String, ProfileInput)>,
}

impl Deployment {
    /// The part of the state machine's name that the stack has put before it; empty if there is
    /// none.
    pub(crate) fn stack_of(machine: &str) -> Option<&str> {
        let name = machine.rsplit(':').next().unwrap_or(machine);
        let before = name.strip_suffix(MACHINE)?;
        match before {
            "" => Some(""),
            _ => before.strip_suffix('-').filter(|stack| !stack.is_empty()),
        }
    }

    /// Whether a state machine of this name is the deployment's: launches run in it, or it names
    /// nodes.
    pub(crate) fn has_machine(&self, name: &str) -> bool {
        let before = match self.stack() {
            "" => String::new(),
            stack => format!("{stack}-"),
        };
        [MACHINE, NAMING_MACHINE]
            .iter()
            .any(|machine| name.strip_prefix(&before) == Some(machine))
    }

    /// Reads what the rules of the Region say of the deployment of `machine`.
    pub(crate) fn of(machine: StateMachine, rules: Vec<Rule>) -> Self {
        let reconcile: Vec<_> = rules
            .iter()
            .flat_map(|rule| reconcile(rule, &machine))
            .collect();
        let stack = Self::stack_of(machine.arn()).unwrap_or_default();
        let without_target = rules
            .iter()
            .filter(|rule| rule.is_reconciles_without_target(stack));
        let reconcile_without_target = without_target.map(|rule| rule.name.clone()).collect();
        let of_launches = rules.into_iter().filter(Rule::matches_launches);
        let (mut own, other): (Vec<Rule>, Vec<Rule>) =
            of_launches.partition(|rule| rule.targets_of(&machine).next().is_some());
        let mut profiles: Vec<ProfileInput> = Vec::new();
        let mut unreadable = Vec::new();
        let mut of_rules = Vec::new();
        let mut add = |input: ProfileInput| {
            if !profiles.iter().any(|known| known.profile == input.profile) {
                profiles.push(input);
            }
        };
        for rule in &own {
            for target in rule.targets_of(&machine) {
                match profile_of(target) {
                    Ok(input) => {
                        of_rules.push((rule.name.clone(), input.clone()));
                        add(input);
                    }
                    Err(problem) => unreadable.push((rule.name.clone(), problem)),
                }
            }
        }
        let active = reconcile.iter().flat_map(|it| &it.profiles);
        for input in active.chain(reconcile.iter().flat_map(|it| &it.retired)) {
            let is_named = |known: &ProfileInput| known.profile.name == input.profile.name;
            if !profiles.iter().any(is_named) {
                profiles.push(input.clone());
            }
        }
        let is_elsewhere = |rule: &Rule| !rule.targets.is_empty() || rule.of_another;
        let (other, without_target): (Vec<Rule>, Vec<Rule>) =
            other.into_iter().partition(is_elsewhere);
        let without_target = without_target.into_iter();
        own.extend(without_target.filter(|rule| rule.may_be_of(stack, &profiles)));
        own.sort_by(|a, b| a.name.cmp(&b.name));
        Self {
            machine,
            rules: own,
            elsewhere: other,
            reconcile,
            reconcile_without_target,
            profiles,
            unreadable,
            of_rules,
        }
    }

    /// The stack's name, which is before the names of its resources; empty if there is none.
    pub(crate) fn stack(&self) -> &str {
        Self::stack_of(self.machine.arn()).unwrap_or_default()
    }

    /// Its name, which the interfaces that it creates have as a tag: the prefix of the names of its
    /// functions. Where there is no prefix, the tags of its groups' interfaces tell; else it is the
    /// name that docs/deploy.md and docs/try-it.md use.
    pub(crate) fn name(&self, interfaces: &[SeenInterface]) -> Name {
        let groups = self.named_groups();
        let of_tag = || {
            let mut tags = interfaces.iter().map(|seen| &seen.interface.tags);
            let tags = tags.find(|tags| {
                tags.contains_key(own::DEPLOYMENT)
                    && tags
                        .get(own::AUTO_SCALING_GROUP)
                        .is_some_and(|group| groups.contains(group))
            })?;
            Name::read(tags.get(own::DEPLOYMENT)?).ok()
        };
        let of_stack = Name::read(self.stack()).ok();
        of_stack.or_else(of_tag).unwrap_or_else(default_name)
    }

    /// The name of one of its functions, as `adopt`.
    pub(crate) fn function(&self, name: &str) -> String {
        match self.stack() {
            "" => name.to_owned(),
            stack => format!("{stack}-{name}"),
        }
    }

    /// The ARN of one of its functions, which is in the account and Region of the state machine.
    pub(crate) fn function_arn(&self, name: &str) -> Option<String> {
        let (before, _) = self.machine.arn().split_once(":stateMachine:")?;
        let before = before.replacen(":states:", ":lambda:", 1);
        Some(format!("{before}:function:{}", self.function(name)))
    }

    /// Whether no launch begins with a profile any more: only reconcile has it, among its retired
    /// ones.
    pub(crate) fn is_retired(&self, input: &ProfileInput) -> bool {
        let is = |other: &ProfileInput| other.profile == input.profile;
        let of_rules = self.of_rules.iter().map(|(_, other)| other);
        let active = self.reconcile.iter().flat_map(|it| &it.profiles);
        let mut retired = self.reconcile.iter().flat_map(|it| &it.retired);
        retired.any(is) && !of_rules.chain(active).any(is)
    }

    /// The profiles with which launches begin.
    pub(crate) fn active(&self) -> impl Iterator<Item = &ProfileInput> {
        self.profiles.iter().filter(|it| !self.is_retired(it))
    }

    /// Whether reconcile starts executions with a profile, by an enabled rule.
    pub(crate) fn reconcile_starts(&self, input: &ProfileInput) -> bool {
        let enabled = self.reconcile.iter().filter(|it| it.enabled);
        let mut profiles = enabled.flat_map(|it| &it.profiles);
        input.profile.hook.complete && profiles.any(|other| other.profile == input.profile)
    }

    /// The groups that the profiles and the rules name.
    pub(crate) fn named_groups(&self) -> Vec<String> {
        self.groups_named_by(self.profiles.iter())
    }

    /// The same without those that only a retired profile names: they need not exist any more.
    pub(crate) fn active_groups(&self) -> Vec<String> {
        self.groups_named_by(self.active())
    }

    fn groups_named_by<'a>(&self, profiles: impl Iterator<Item = &'a ProfileInput>) -> Vec<String> {
        let of_profiles = profiles.filter_map(|input| match &input.profile.selector {
            Selector::AutoScalingGroupNames(names) => Some(names.iter().cloned()),
            Selector::Tag(_) | Selector::Tags(_) => None,
        });
        let of_rules = self
            .rules
            .iter()
            .filter_map(|rule| rule.wanted("AutoScalingGroupName"));
        let mut groups: Vec<String> = of_profiles.flatten().collect();
        groups.extend(of_rules.flatten().map(str::to_owned));
        groups.sort();
        groups.dedup();
        groups
    }

    /// Whether it prepares the instances of a group, as far as the group shows it: a profile or a rule
    /// names it, or a profile selects the tags that its instances get.
    pub(crate) fn covers(&self, group: &Group) -> bool {
        let names = |rule: &Rule| {
            let wanted = rule.wanted("AutoScalingGroupName");
            wanted.is_some_and(|it| it.contains(&group.name.as_str()))
        };
        self.selects(&group.name, &group.tags) || self.rules.iter().any(names)
    }

    /// Whether a profile selects an instance of a group that has these tags.
    pub(crate) fn selects(&self, group: &str, tags: &BTreeMap<String, String>) -> bool {
        let mut profiles = self.profiles.iter();
        profiles.any(|input| input.profile.selector.covers(group, tags))
    }

    /// Whether a profile selects by a tag, so that any group may be one of its.
    pub(crate) fn selects_by_tag(&self) -> bool {
        let mut profiles = self.profiles.iter();
        profiles.any(|input| input.profile.selector.is_by_tag())
    }

    /// What the configuration says of the launch hooks.
    pub(crate) fn expected_hooks(&self) -> ExpectedHooks {
        let mut expected = ExpectedHooks::default();
        for reconcile in &self.reconcile {
            expected.extend(&reconcile.hooks);
        }
        // What began with a retired profile still waits at its hook, as reconcile has it.
        let retired = self.profiles.iter().filter(|it| self.is_retired(it));
        let retired = retired.map(|input| input.profile.hook.name.clone());
        expected.others.extend(retired);
        expected
    }

    /// The limits of reconcile, and how often it runs in seconds, if one of its rules is enabled.
    pub(crate) fn rounds(&self) -> Option<(Limits, Option<i64>)> {
        let running = self.reconcile.iter().find(|it| it.enabled)?;
        Some((running.limits, running.every()))
    }
}

/// `hookline`, the default `stackName`.
fn default_name() -> Name {
    Name::read("hookline").unwrap_or_else(|error| unreachable!("{error}"))
}

/// The rounds of reconcile that a rule starts for this state machine.
fn reconcile(rule: &Rule, machine: &StateMachine) -> Vec<Reconcile> {
    let Some(schedule) = &rule.schedule else {
        return Vec::new();
    };
    let targets = rule.targets.iter();
    let found = targets.filter_map(|target| {
        let value: Value = serde_json::from_str(target.input.as_deref()?).ok()?;
        let input = ReconcileInput::of_any_release(value.clone())?;
        (input.state_machine_arn == machine.arn()).then(|| Reconcile {
            rule: rule.name.clone(),
            target: target.arn.clone(),
            input: value,
            dead_letter_queue: target.dead_letter_queue.clone(),
            enabled: rule.enabled,
            schedule: schedule.clone(),
            profiles: readable(input.profiles),
            retired: readable(input.retired_profiles),
            limits: input.limits,
            hooks: input.hooks,
        })
    });
    found.collect()
}

fn readable(values: Vec<Value>) -> Vec<ProfileInput> {
    let profiles = values.into_iter().map(read);
    profiles.filter_map(Result::ok).collect()
}

#[cfg(test)]
#[path = "deployment_tests.rs"]
mod tests;
