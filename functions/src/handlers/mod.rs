//! One module for each Lambda function. A handler gets the data that its state names
//! (`hookline_domain::execution`), observes AWS, lets the domain decide, and writes. It can be
//! repeated at any point: it finds what an earlier run did.
//!
//! | function | state | does |
//! |---|---|---|
//! | [`tag_node`] | `TagNode` | looks up the instance, tags it, says what the launch needs next |
//! | [`plan_interfaces`] | `PlanInterfaces` | chooses subnets and addresses, creates nothing |
//! | [`create_interfaces`] | `CreateInterfaces` | creates the interfaces of the plan |
//! | [`attach_interfaces`] | `AttachInterfaces` | attaches, sets attributes, verifies invariant I1 |
//! | [`complete_hook`] | `ContinueLaunch`, `AbandonLaunch` | completes the lifecycle action |
//! | [`remove_startup_taint`] | `RemoveStartupTaint` | removes the taint with which the node registered in its cluster |
//! | [`set_delete_on_termination`] | `SetDeleteOnTermination` | sets DeleteOnTermination on the interfaces of a node that is ready |
//! | [`release_interfaces`] | `ReleaseInterfaces` | detaches and deletes the interfaces of the launch |
//! | [`name_nodes`] | `NameNodes`, of `name-node` | names and tags the nodes of one event |
//! | [`reconcile`] | none: a schedule and an event invoke it | finds lost launches and orphaned interfaces |
//! | [`adopt`] | none: a person invokes it | starts executions for running nodes |

pub mod adopt;
pub mod attach_interfaces;
pub mod complete_hook;
pub mod create_interfaces;
pub mod name_nodes;
pub mod plan_interfaces;
pub mod reconcile;
pub mod release_interfaces;
pub mod remove_startup_taint;
mod rounds;
pub mod set_delete_on_termination;
pub mod tag_node;
mod tagging;

pub use rounds::Skipped;

use std::future::Future;
use std::time::Duration;

use hookline_domain::error::{Error, Input, Result};
use hookline_domain::event::Launch;
use hookline_domain::execution::Node;
use hookline_domain::execution::previous::{self, Answer};
use hookline_domain::ids::NetworkInterfaceId;
use hookline_domain::instance::LaunchOrder;
use hookline_domain::parse::from_value;
use hookline_domain::time::epoch_milliseconds;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tracing::warn;

use crate::aws::Aws;
use crate::aws::interfaces::RemovalOutcome;
use crate::metrics::Metrics;

/// What a handler runs with.
#[derive(Debug, Clone)]
pub struct Context {
    /// The clients.
    pub aws: Aws,
    /// When Lambda ends the invocation.
    pub deadline: Instant,
    /// The time at the invocation's start, in seconds since the epoch.
    pub now: i64,
    /// What is measured in this invocation.
    pub metrics: Metrics,
}

impl Context {
    /// Milliseconds since the launch's event; `None` if the event's time is unknown or in the
    /// future.
    fn milliseconds_since(&self, launch: &Launch) -> Option<u64> {
        let begun = epoch_milliseconds(&launch.time)?;
        u64::try_from(self.metrics.now().checked_sub(begun)?).ok()
    }

    /// The same in whole seconds.
    fn seconds_since(&self, launch: &Launch) -> Option<u64> {
        Some(self.milliseconds_since(launch)? / 1000)
    }
}

/// Runs a function of the state machine: reads its request from the payload, and writes its result.
/// An execution that began under an earlier release gets the result in the format of that release.
async fn answer<Request, Returns, Handled>(
    context: Context,
    payload: Value,
    handler: impl FnOnce(Context, Request) -> Handled,
) -> Result<Value>
where
    Request: DeserializeOwned,
    Returns: Answer,
    Handled: Future<Output = Result<Returns>>,
{
    let is_previous = previous::is_previous(&payload);
    let payload = match is_previous {
        true => previous::request(payload),
        false => payload,
    };
    let request = from_value(Input::Payload, "payload", payload)?;
    let returns = handler(context, request).await?;
    match is_previous {
        true => returns.previous(),
        false => write("returning the result", &returns),
    }
}

/// Writes a result.
fn write<T: Serialize>(doing: &'static str, value: &T) -> Result<Value> {
    serde_json::to_value(value).map_err(|error| Error::Internal {
        doing,
        detail: error.to_string(),
    })
}

/// A value of the data, as a log line names it: as it is in the data.
fn data_name<T: Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(Value::String(name)) => name,
        Ok(other) => other.to_string(),
        Err(_) => String::new(),
    }
}

/// A list for a log field, `None` if it is empty. CloudWatch truncates long fields, so the list has the
/// first items only.
fn log_list(items: impl IntoIterator<Item = impl ToString>) -> Option<String> {
    const MAX_LISTED: usize = 50;
    let mut items = items.into_iter();
    let mut texts: Vec<String> = items
        .by_ref()
        .take(MAX_LISTED)
        .map(|item| item.to_string())
        .collect();
    let more = items.count();
    if more > 0 {
        texts.push(format!("and {more} more"));
    }
    (!texts.is_empty()).then(|| texts.join(", "))
}

/// The place of a launch among all, by what `TagNode` saw.
fn launch_order(launch: &Launch, node: &Node) -> LaunchOrder {
    LaunchOrder {
        since: launch.began_at(node.launched_at),
        instance_id: node.instance_id.clone(),
    }
}

/// Deletes interfaces of a launch that no slot needs. The launch does not need that, so a failure
/// does not end it.
async fn delete_surplus(context: &Context, surplus: impl IntoIterator<Item = &NetworkInterfaceId>) {
    for id in surplus {
        warn!(interface = %id, "created twice for this launch: deleting the surplus one");
        delete_or_warn(context, id, "surplus interface not deleted").await;
    }
}

/// Deletes an interface, or logs `message` with the reason why it is not deleted.
async fn delete_or_warn(context: &Context, id: &NetworkInterfaceId, message: &str) {
    let deleted = context.aws.delete_interface(id).await;
    if let Err(error) | Ok(RemovalOutcome::Denied(error)) = deleted {
        warn!(interface = %id, %error, "{message}");
    }
}

/// Waits until all calls of ModifyNetworkInterfaceAttribute have ended, and returns the first failure.
async fn join_attribute_calls(calls: &mut JoinSet<Result<()>>) -> Result<()> {
    let mut result = Ok(());
    while let Some(done) = calls.join_next().await {
        let done = done.unwrap_or_else(|error| {
            Err(Error::Internal {
                doing: "ModifyNetworkInterfaceAttribute",
                detail: error.to_string(),
            })
        });
        result = result.and(done);
    }
    result
}

/// Growing pauses between describe calls, for what EC2 shows late, until the function's time is
/// used up.
#[derive(Debug)]
struct Backoff {
    until: Instant,
    pause: Duration,
    growth: f32,
}

impl Backoff {
    const FIRST_PAUSE: Duration = Duration::from_millis(500);
    const GROWTH: f32 = 1.6;
    const MAX_PAUSE: Duration = Duration::from_secs(4);
    /// The most time that one invocation waits in total. After that the state machine retries,
    /// whose waits cost nothing.
    const MAX_TOTAL: Duration = Duration::from_secs(20);
    /// Time that is kept for the calls after the last pause.
    const RESERVE: Duration = Duration::from_secs(10);

    fn new(context: &Context) -> Self {
        Self::beginning_with(context, Self::FIRST_PAUSE, Self::MAX_TOTAL)
    }

    /// For an instance that is still pending so many seconds after the event: at most four looks in ten seconds, and
    /// the fewer, the longer it has been pending. After fifty seconds there is none: the state machine
    /// waits, and launches share its looks.
    fn until_running(context: &Context, seconds_since_event: u64) -> Self {
        const SHORTEST: Duration = Duration::from_millis(2500);
        let a_fifth = Duration::from_millis(seconds_since_event.saturating_mul(200));
        Self {
            growth: 1.0,
            ..Self::beginning_with(context, a_fifth.max(SHORTEST), Duration::from_secs(10))
        }
    }

    fn beginning_with(context: &Context, pause: Duration, total: Duration) -> Self {
        let now = Instant::now();
        let reserved = context.deadline.checked_sub(Self::RESERVE).unwrap_or(now);
        Self {
            until: reserved.min(now + total),
            pause,
            growth: Self::GROWTH,
        }
    }

    /// Waits, as a rule a little longer each time; `false` if no time is left.
    async fn wait(&mut self) -> bool {
        if Instant::now() + self.pause > self.until {
            return false;
        }
        tokio::time::sleep(self.pause).await;
        let grown = self.pause.mul_f32(self.growth);
        self.pause = grown.min(Self::MAX_PAUSE.max(self.pause));
        true
    }
}
