//! A rule of EventBridge with its targets, and which launches its event pattern lets through.

use hookline_domain::execution::names::StateMachine;
use hookline_domain::profile::Selector;
use hookline_domain::reconcile::ProfileInput;
use serde_json::Value;

/// The source of the event of a launch.
pub(crate) const SOURCE: &str = "aws.autoscaling";
/// The detail type of the event of a launch that waits at a hook.
pub(crate) const LAUNCH: &str = "EC2 Instance-launch Lifecycle Action";
/// What the descriptions of a stack's rules end in.
const MARK: &str = "(Hookline)";
/// The description of a rule of reconcile's schedule (`cdk/lib/launch/reconcile-rules.ts`).
const ROUNDS: &str = "Starts the rounds of reconcile (Hookline)";

/// A rule of EventBridge.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rule {
    pub(crate) name: String,
    pub(crate) enabled: bool,
    pub(crate) description: String,
    /// The event pattern; null for a schedule.
    pub(crate) pattern: Value,
    pub(crate) schedule: Option<String>,
    pub(crate) targets: Vec<Target>,
    /// Whether it is another deployment's, by its name.
    pub(crate) of_another: bool,
}

/// A target of a rule.
#[derive(Clone, Debug, Default)]
pub(crate) struct Target {
    /// Its id in the rule: a target that is put with the same id replaces it.
    pub(crate) id: String,
    pub(crate) arn: String,
    pub(crate) role_arn: Option<String>,
    /// The template of its input.
    pub(crate) template: Option<String>,
    /// Its constant input.
    pub(crate) input: Option<String>,
    /// The ARN of its dead-letter queue.
    pub(crate) dead_letter_queue: Option<String>,
    pub(crate) retry: Option<Retry>,
}

/// How EventBridge retries a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Retry {
    pub(crate) attempts: Option<i32>,
    /// In seconds.
    pub(crate) event_age: Option<i32>,
}

impl Target {
    /// The version or the alias of a state machine that it names (Step Functions Developer Guide,
    /// "State machine versions": `arn:…:stateMachine:NAME:VERSION`); `None` for the state machine
    /// itself.
    pub(crate) fn qualifier_of(&self, machine: &StateMachine) -> Option<&str> {
        self.arn.strip_prefix(machine.arn())?.strip_prefix(':')
    }
}

impl Rule {
    /// Whether its targets must be known: it matches launches at a hook, or may be reconcile's.
    pub(crate) fn is_of_interest(&self, stack: &str) -> bool {
        self.matches_launches() || self.may_be_reconciles(stack)
    }

    fn may_be_reconciles(&self, stack: &str) -> bool {
        let named = self.name.to_ascii_lowercase().contains("reconcile");
        let of_stack = !stack.is_empty() && self.name.starts_with(stack);
        self.schedule.is_some() && (named || of_stack || self.is_of_a_stack())
    }

    /// Whether it is reconcile's of this stack, and has lost its target.
    pub(super) fn is_reconciles_without_target(&self, stack: &str) -> bool {
        let of_stack = stack.is_empty() || self.name.starts_with(&format!("{stack}-"));
        let named = self.name.to_ascii_lowercase().contains("reconcile");
        let is_reconciles = self.description == ROUNDS || named;
        let without_target = self.schedule.is_some() && self.targets.is_empty();
        without_target && of_stack && is_reconciles && !self.of_another
    }

    /// Whether the CDK app has made it, by its description.
    pub(crate) fn is_of_a_stack(&self) -> bool {
        self.description.ends_with(MARK)
    }

    /// Whether its pattern may match the event of a launch at a hook, by the event's source and
    /// type.
    pub(crate) fn matches_launches(&self) -> bool {
        let allows = |field: &str, value: &str| {
            let wanted = self.pattern.get(field).and_then(Value::as_array);
            wanted.map(|wanted| wanted.iter().any(|text| text == value))
        };
        match (allows("source", SOURCE), allows("detail-type", LAUNCH)) {
            // A pattern without both is about something else, though it may match.
            (None, None) => false,
            (source, detail_type) => source != Some(false) && detail_type != Some(false),
        }
    }

    /// The texts that a field of the event's detail must be one of; `None` if it may be anything,
    /// or if the pattern says it in another way than by whole texts.
    pub(crate) fn wanted(&self, field: &str) -> Option<Vec<&str>> {
        let wanted = self.pattern.get("detail")?.get(field)?.as_array()?;
        wanted.iter().map(Value::as_str).collect()
    }

    /// Whether its pattern allows this value of a field of the event's detail; `None` if it has a
    /// content filter that is not known here.
    pub(crate) fn allows(&self, field: &str, value: &str) -> Option<bool> {
        let detail = self.pattern.get("detail");
        let Some(wanted) = detail
            .and_then(|it| it.get(field))
            .and_then(Value::as_array)
        else {
            return Some(true);
        };
        let fits = |it: &Value| matches_value(it, value);
        match wanted.iter().any(|it| fits(it) == Some(true)) {
            true => Some(true),
            false => wanted.iter().all(|it| fits(it).is_some()).then_some(false),
        }
    }

    /// Whether it may let the event of a launch through, and a content filter leaves that open.
    pub(crate) fn cannot_tell(&self, group: &str, hook: &str) -> bool {
        let is_open = |field: &str, value: &str| self.allows(field, value).is_none();
        self.lets_through(group, hook)
            && (is_open("AutoScalingGroupName", group) || is_open("LifecycleHookName", hook))
    }

    /// Whether it lets the event of a launch through, or may do so.
    pub(crate) fn lets_through(&self, group: &str, hook: &str) -> bool {
        let fits = |field: &str, value: &str| self.allows(field, value) != Some(false);
        self.matches_launches()
            && fits("AutoScalingGroupName", group)
            && fits("LifecycleHookName", hook)
    }

    /// Whether a field of the event's detail must be one of some texts, and this is one of them.
    pub(crate) fn names(&self, field: &str, value: &str) -> bool {
        let wanted = self.wanted(field);
        wanted.is_some_and(|wanted| wanted.contains(&value))
    }

    /// Notes whether it is another deployment's. CloudFormation puts the stack's name and a hyphen before the
    /// names that it makes, and a stack's name may begin with another's and a hyphen.
    pub(crate) fn note_owner<'a>(&mut self, own: &str, stacks: impl Iterator<Item = &'a str>) {
        let named = stacks.filter(|stack| {
            let rest = self.name.strip_prefix(stack);
            !stack.is_empty() && rest.is_some_and(|rest| rest.starts_with('-'))
        });
        let owner = named.max_by_key(|stack| stack.len());
        self.of_another = owner.is_some_and(|owner| owner != own);
    }

    /// Whether it may be of this stack, or for launches of these profiles. Without a stack, its
    /// name tells nothing.
    pub(super) fn may_be_of(&self, stack: &str, profiles: &[ProfileInput]) -> bool {
        let names = |field: &str, value: &str| self.names(field, value);
        let is_for = |input: &ProfileInput| {
            let groups = match &input.profile.selector {
                Selector::AutoScalingGroupNames(groups) => groups
                    .iter()
                    .any(|group| names("AutoScalingGroupName", group)),
                Selector::Tag(_) | Selector::Tags(_) => true,
            };
            groups && names("LifecycleHookName", &input.profile.hook.name)
        };
        let is_named = stack.is_empty() || self.name.starts_with(&format!("{stack}-"));
        !self.of_another && (is_named || profiles.iter().any(is_for))
    }

    /// The targets that are this state machine, or a version or an alias of it.
    pub(crate) fn targets_of<'a>(
        &'a self,
        machine: &'a StateMachine,
    ) -> impl Iterator<Item = &'a Target> {
        let is_of = |target: &&Target| {
            target.arn == machine.arn() || target.qualifier_of(machine).is_some()
        };
        self.targets.iter().filter(is_of)
    }
}

/// Whether an item of an event pattern's list matches a text (EventBridge User Guide, "Comparison
/// operators for use in event patterns"); `None` for an operator that is not known here.
fn matches_value(item: &Value, value: &str) -> Option<bool> {
    if let Some(text) = item.as_str() {
        return Some(text == value);
    }
    let mut fields = item.as_object()?.iter();
    let (Some((operator, operand)), None) = (fields.next(), fields.next()) else {
        return None;
    };
    match (operator.as_str(), operand) {
        ("prefix", Value::String(prefix)) => Some(value.starts_with(prefix)),
        ("suffix", Value::String(suffix)) => Some(value.ends_with(suffix)),
        ("equals-ignore-case", Value::String(text)) => {
            Some(text.to_lowercase() == value.to_lowercase())
        }
        ("exists", Value::Bool(exists)) => Some(*exists),
        ("anything-but", Value::String(text)) => Some(text != value),
        ("anything-but", Value::Array(texts)) if texts.iter().all(Value::is_string) => {
            Some(!texts.iter().any(|text| text == value))
        }
        _ => None,
    }
}
