//! Hookline's calls of EC2 beside EC2's token buckets.
//!
//! A history shows the runs of functions, not their calls. So the calls are counted by what a run
//! must have called: one create for each interface that its plan lacked, one attach for each
//! interface, one call for each attribute that it had to set, as many CreateTags as a new node
//! needs, and one after the verdict. When in a run each call came is estimated.

use std::collections::{BTreeMap, BTreeSet};

use hookline_domain::execution::{
    Allocation, CompletionOutcome, DeleteOnTermination, DeleteOnTerminationTiming, Plan, Step,
};
use hookline_domain::ids::InstanceId;
use hookline_domain::profile::{RequestRates, Slot, TokenBucket};
use hookline_domain::tags::calls::{Target, minimal_calls};
use hookline_domain::tags::rules::NAME;
use hookline_domain::tags::{Tags, own};
use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::judge::story::part;
use crate::observed::execution::message;
use crate::observed::scale_out::Traced;

const CREATE: &str = "CreateNetworkInterface";
const ATTACH: &str = "AttachNetworkInterface";
const MODIFY: &str = "ModifyNetworkInterfaceAttribute";
const TAG: &str = "CreateTags";
const THROTTLED: &str = "Hookline.Throttled";

/// The calls of one action.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Calls {
    pub(crate) action: &'static str,
    /// EC2's bucket, by the newest profile.
    pub(crate) bucket: TokenBucket,
    /// When each call came, in milliseconds since the epoch, in order. In JSON, how many there
    /// were.
    #[serde(rename = "calls", serialize_with = "number")]
    pub(crate) at: Vec<i64>,
    /// The runs that EC2 throttled: when, in milliseconds since the epoch. In JSON, how many there
    /// were.
    #[serde(serialize_with = "number")]
    pub(crate) throttled: Vec<i64>,
    /// The most calls in one second.
    pub(crate) most_in_a_second: usize,
    /// The least tokens that the bucket has had, if it was full at first and nobody else called.
    pub(crate) least_tokens: f64,
}

fn number<S: Serializer>(times: &[i64], serializer: S) -> Result<S::Ok, S::Error> {
    times.len().serialize(serializer)
}

/// The calls of these executions.
pub(super) fn of(executions: &[Traced]) -> Vec<Calls> {
    let mut counter = Counter::default();
    let mut in_order: Vec<&Traced> = executions.iter().collect();
    in_order.sort_by_key(|traced| traced.execution.started);
    for traced in in_order {
        counter.count(traced);
    }
    let newest = executions.iter().max_by_key(|it| it.execution.started);
    let rates = newest.and_then(|traced| traced.execution.profile());
    let rates: RequestRates = rates
        .and_then(|profile| part(&profile, "requestRates"))
        .unwrap_or_default();
    [
        (CREATE, rates.create_network_interface),
        (ATTACH, rates.attach_network_interface),
        (MODIFY, rates.modify_network_interface_attribute),
        (TAG, rates.create_tags),
    ]
    .map(|(action, bucket)| {
        let calls = counter.calls.iter().filter(|(of, _)| *of == action);
        let mut at: Vec<i64> = calls.map(|(_, at)| *at).collect();
        at.sort_unstable();
        let throttled = counter.throttled.iter().filter(|(of, _)| of == action);
        Calls {
            action,
            bucket,
            most_in_a_second: most_in_a_second(&at),
            least_tokens: levels(&at, bucket)
                .map(|(_, tokens)| tokens)
                .fold(bucket.capacity.into(), f64::min),
            at,
            throttled: throttled.map(|(_, at)| *at).collect(),
        }
    })
    .into()
}

/// The most calls within a second.
fn most_in_a_second(at: &[i64]) -> usize {
    let within = |(n, from): (usize, &i64)| {
        let later = at.iter().skip(n);
        later.take_while(|at| *at - from < 1_000).count()
    };
    at.iter().enumerate().map(within).max().unwrap_or_default()
}

/// The tokens that a bucket has after each of these calls, which are in order: it is full at first,
/// and nobody else calls. A call that finds none takes none, because EC2 refuses it.
pub(crate) fn levels(at: &[i64], bucket: TokenBucket) -> impl Iterator<Item = (i64, f64)> {
    let capacity = f64::from(bucket.capacity);
    let refill = f64::from(bucket.refill_per_second);
    let first = at.first().copied().unwrap_or_default();
    at.iter()
        .scan((first, capacity), move |(last, tokens), at| {
            #[allow(clippy::cast_precision_loss)] // milliseconds between calls are far below 2^53
            let seconds = (at - *last) as f64 / 1_000.0;
            *tokens = (*tokens + seconds * refill).min(capacity);
            *tokens = (*tokens - 1.0).max(0.0);
            *last = *at;
            Some((*at, *tokens))
        })
}

#[derive(Default)]
struct Counter {
    calls: Vec<(&'static str, i64)>,
    /// The action that was throttled, and when.
    throttled: Vec<(String, i64)>,
    /// The nodes that have their tags: a later execution finds them.
    tagged: BTreeSet<InstanceId>,
}

/// What is known of an execution while its events are read.
#[derive(Default)]
struct Reading {
    slots: Vec<Slot>,
    instance: Option<InstanceId>,
    /// How many CreateTags a new node needs.
    tags: usize,
    state: String,
    run_began: i64,
    plan: Option<Plan>,
    /// Whether a run has attached the interfaces: a later run finds them.
    attached: bool,
    /// On how many interfaces DeleteOnTermination is set.
    set: usize,
}

impl Counter {
    fn count(&mut self, traced: &Traced) {
        let profile = traced.execution.profile().unwrap_or_default();
        let mut reading = Reading {
            slots: part(&profile, "slots").unwrap_or_default(),
            instance: traced.execution.instance(),
            tags: tags_of_a_node(&profile),
            ..Reading::default()
        };
        for event in &traced.history {
            if let Some(state) = event.entered() {
                state.clone_into(&mut reading.state);
                reading.run_began = event.at;
            } else if event.left().is_some() {
                let output = event.output.as_deref().unwrap_or_default();
                let output = serde_json::from_str(output).unwrap_or_default();
                self.run(&mut reading, event.at, Some(&output));
                reading.state.clear();
            } else if event.kind.ends_with("Scheduled") {
                // A retry comes a while after the run that failed.
                reading.run_began = event.at;
            } else if let Some((error, cause)) = event.function_failure() {
                if error == THROTTLED {
                    let told = message(cause);
                    let action = told.split(':').next().unwrap_or_default();
                    self.throttled.push((action.to_owned(), event.at));
                    if action == TAG {
                        self.calls.push((TAG, event.at));
                    }
                }
                // Nothing was attached: the run only waited for the instance.
                if error != "Hookline.InstanceNotRunning" {
                    self.run(&mut reading, event.at, None);
                }
            }
        }
    }

    /// Counts the calls of a run, which ended at this time with this data, if it succeeded.
    fn run(&mut self, reading: &mut Reading, ended: i64, output: Option<&Value>) {
        let began = reading.run_began;
        let planned = match reading.plan.as_ref().map(|plan| &plan.step) {
            Some(Step::Create { slots, .. }) => slots.as_slice(),
            _ => &[],
        };
        match (reading.state.as_str(), output) {
            ("TagNode", Some(output)) if has_node(output) => {
                let is_new = reading
                    .instance
                    .take()
                    .is_some_and(|it| self.tagged.insert(it));
                let calls = if is_new { reading.tags } else { 0 };
                self.spread(TAG, calls, began, ended);
            }
            ("ContinueLaunch" | "AbandonLaunch", Some(output)) if is_told(output) => {
                self.calls.push((TAG, ended));
            }
            ("PlanInterfaces", Some(output)) => reading.plan = part(output, "plan"),
            ("CreateInterfaces", _) => {
                let lacking = planned.iter().filter(|slot| slot.existing.is_none());
                // It makes them all at once.
                self.calls.extend(lacking.map(|_| (CREATE, began)));
                let allocation: Option<Allocation> = output.and_then(|it| part(it, "allocation"));
                if allocation.is_some_and(|allocation| allocation.is_throttled()) {
                    self.throttled.push((CREATE.to_owned(), ended));
                }
            }
            // EC2 refuses the first attach of a run that finds them attached.
            ("AttachInterfaces", _) if reading.attached => self.calls.push((ATTACH, began)),
            ("AttachInterfaces", _) => {
                reading.attached = true;
                let timing = reading.plan.as_ref().map(|plan| plan.delete_on_termination);
                let at_once = timing == Some(DeleteOnTerminationTiming::AtOnce);
                let attributes = |slot: &Slot| usize::from(!slot.source_dest_check);
                let attributes: usize = reading.slots.iter().map(attributes).sum();
                let attributes = attributes + if at_once { reading.slots.len() } else { 0 };
                self.spread(ATTACH, planned.len(), began, ended);
                self.spread(MODIFY, attributes, began, ended);
            }
            ("SetDeleteOnTermination", Some(output)) => {
                let now: Option<DeleteOnTermination> = part(output, "deleteOnTermination");
                let set = now.map_or(reading.set, |now| now.set.len());
                self.spread(MODIFY, set.saturating_sub(reading.set), began, ended);
                reading.set = set;
            }
            _ => {}
        }
    }

    /// Calls that a run makes one after the other.
    fn spread(&mut self, action: &'static str, calls: usize, began: i64, ended: i64) {
        let number = i64::try_from(calls).unwrap_or(i64::MAX);
        let step = (ended - began).max(0) / number.max(1);
        self.calls
            .extend((0..number).map(|n| (action, began + n * step)));
    }
}

/// How many CreateTags give a new node the tags of its profile, and those that Hookline marks it
/// with.
fn tags_of_a_node(profile: &Value) -> usize {
    let tags = |field: &str| -> Tags { part(profile, field).unwrap_or_default() };
    let mut node = tags("nodeTags");
    if profile.get("namePreset").is_some_and(Value::is_string) {
        node.entry(NAME.to_owned()).or_default();
    }
    let slots: Vec<Slot> = part(profile, "slots").unwrap_or_default();
    if !slots.is_empty() {
        node.entry(own::LAUNCHED_AT.to_owned()).or_default();
    }
    let targets = [
        ("the node", node),
        ("a volume", tags("volumeTags")),
        ("an interface", tags("interfaceTags")),
    ];
    let targets = targets.map(|(resource, wanted)| Target {
        resource: resource.to_owned(),
        current: BTreeMap::new(),
        wanted,
    });
    minimal_calls(&targets).len()
}

/// Whether the profile covers the instance.
fn has_node(output: &Value) -> bool {
    output.get("node").is_some_and(Value::is_object)
}

/// Whether the instance gets the verdict as a tag (`hookline_domain::execution::verdict_tags`).
fn is_told(output: &Value) -> bool {
    let completion = output.get("completion").unwrap_or(&Value::Null);
    match part(completion, "outcome") {
        Some(CompletionOutcome::Completed) => true,
        Some(CompletionOutcome::NotOurs) => has_node(output),
        // The execution that completed it has told it.
        Some(CompletionOutcome::AlreadyCompleted | CompletionOutcome::AlreadyContinued) | None => {
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const BUCKET: TokenBucket = TokenBucket {
        capacity: 3,
        refill_per_second: 1,
    };

    #[test]
    fn bucket_refills_and_is_never_fuller_than_full_nor_emptier_than_empty() {
        let at = [0, 0, 0, 0, 1_500, 20_000];
        let levels: Vec<f64> = levels(&at, BUCKET).map(|(_, tokens)| tokens).collect();
        assert_eq!(levels, [2.0, 1.0, 0.0, 0.0, 0.5, 2.0]);
    }

    #[test]
    fn tags_of_a_node_take_as_few_calls_as_tag_node_makes() {
        let slots = json!([{"network": "a", "subnetIds": ["subnet-00000001"]}]);
        for (profile, calls) in [
            (json!({}), 0),
            (json!({"slots": slots}), 1),
            (json!({"nodeTags": {"Name": "a"}, "slots": slots}), 1),
            (json!({"namePreset": "amazon-vpc-cni-names"}), 1),
            (
                json!({"volumeTags": {"a": "b"}, "interfaceTags": {"a": "b"}}),
                1,
            ),
            (
                json!({"nodeTags": {"Name": "a"}, "volumeTags": {"a": "b"}}),
                2,
            ),
        ] {
            assert_eq!(tags_of_a_node(&profile), calls, "{profile}");
        }
    }

    #[test]
    fn most_calls_in_a_second_are_of_any_second() {
        assert_eq!(most_in_a_second(&[]), 0);
        assert_eq!(most_in_a_second(&[900, 950, 1_100, 1_899, 1_900]), 4);
    }
}
