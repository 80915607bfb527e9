//! The scenes that together reach every part of the state machine.
//!
//! Faults are AWS's: throttling, outages, refusals, what is late. Two things are out of reach, as the engine (moto)
//! differs from Step Functions there: it reports a refused Invoke as `Exception`, so that no
//! `Lambda.TooManyRequestsException` or `Lambda.ServiceException` comes from it, and it counts a retrier's tries over
//! the whole execution, where Step Functions begins again each time that the state is entered.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::{launches, replays};
use hookline_domain::profile::Profile;
use hookline_local::{Fault, FaultKind};
use hookline_testkit::deployment::{Execution, FUNCTIONS};

use hookline_testkit::stage::Stage;

/// Plays in a stage of its own: prepares it, waits until it has come to rest, and looks.
pub(crate) type Scene = for<'a> fn(&'a Stage) -> Pin<Box<dyn Future<Output = Result<()>> + 'a>>;

pub(crate) const SCENES: &[(&str, Scene)] = &[
    (
        "an instance that EC2 never knows is abandoned after all tries",
        |s| Box::pin(launches::never_known(s)),
    ),
    ("a slow instance is waited for", |s| {
        Box::pin(launches::slow_instance(s))
    }),
    ("trouble while tagging is got over", |s| {
        Box::pin(launches::got_over(s, |_, kind| {
            Ok(Fault::on("CreateTags", kind))
        }))
    }),
    ("trouble while planning is got over", |s| {
        Box::pin(launches::got_over(s, |_, kind| Ok(listing(kind))))
    }),
    ("trouble while creating is got over", |s| {
        Box::pin(launches::got_over(s, first_create))
    }),
    ("trouble while attaching is got over", |s| {
        Box::pin(launches::got_over(s, |_, kind| Ok(attach("1", kind))))
    }),
    (
        "throttling that lasts extends the hook, and is got over",
        |s| Box::pin(launches::throttled_for_long(s)),
    ),
    ("an interface that is lost is planned anew", |s| {
        Box::pin(launches::interface_lost(s))
    }),
    ("trouble while continuing is got over", |s| {
        Box::pin(launches::got_over(s, |_, kind| {
            Ok(completion("CONTINUE", kind))
        }))
    }),
    (
        "trouble while abandoning is got over, and a slow detach waited for",
        |s| Box::pin(launches::slow_abandon(s)),
    ),
    ("trouble while releasing is got over", |s| {
        Box::pin(launches::trouble_while_releasing(s))
    }),
    ("what is refused is abandoned, whichever state it is", |s| {
        Box::pin(launches::refused_everywhere(s))
    }),
    (
        "what cannot be deleted is told, and gone after a replay",
        |s| Box::pin(replays::left_behind(s)),
    ),
    ("input that cannot be read completes no hook", |s| {
        Box::pin(replays::input_refused(s))
    }),
    (
        "a profile without slots gets only its tags and its hook",
        |s| Box::pin(launches::no_slots(s)),
    ),
    ("another group's launch is left alone", |s| {
        Box::pin(replays::not_for_this_profile(s))
    }),
    ("a hook that is not ours is left to its owner", |s| {
        Box::pin(replays::hook_not_ours(s))
    }),
    ("tags only, at a hook that is not ours", |s| {
        Box::pin(replays::tags_only_at_a_hook_not_ours(s))
    }),
    (
        "a node in service is adopted, and a failure leaves it so",
        |s| Box::pin(replays::adopted(s)),
    ),
    ("an instance that is gone at once is abandoned", |s| {
        Box::pin(replays::gone_before_it_is_tagged(s))
    }),
    (
        "at a hook that is not ours a failure takes nothing away",
        |s| Box::pin(replays::failed_at_a_hook_not_ours(s)),
    ),
    (
        "after repeated conflicts a launch waits for its turn",
        |s| Box::pin(launches::waits_for_its_turn(s)),
    ),
    (
        "a launch that cannot extend its hook goes on all the same",
        |s| Box::pin(launches::waits_without_a_heartbeat(s)),
    ),
    ("a hook that is not ours is not extended", |s| {
        Box::pin(launches::waits_at_a_hook_not_ours(s))
    }),
    ("interfaces stay when the launch went on without us", |s| {
        Box::pin(replays::went_on(s))
    }),
    ("a CONTINUE that comes too late releases", |s| {
        Box::pin(launches::continued_too_late(s))
    }),
    (
        "a hook that cannot be completed is told, and completed by a replay",
        |s| Box::pin(replays::hook_not_completed(s)),
    ),
];

pub(crate) const GROUP: &str = "upf";

pub(crate) fn error(status: u16, code: &str, message: &str) -> FaultKind {
    FaultKind::Error {
        status,
        code: code.to_owned(),
        message: message.to_owned(),
    }
}

pub(crate) fn denied() -> FaultKind {
    error(
        403,
        "AccessDenied",
        "You are not authorized to perform this operation.",
    )
}

/// The listing that only a plan is made from.
pub(crate) fn listing(kind: FaultKind) -> Fault {
    Fault::on("DescribeNetworkInterfaces", kind).when("Filter.1.Name", "subnet-id")
}

pub(crate) fn first_create(stage: &Stage, kind: FaultKind) -> Result<Fault> {
    let first = stage
        .scene
        .networks
        .first()
        .and_then(|network| network.subnets.first());
    Ok(Fault::on("CreateNetworkInterface", kind).when("SubnetId", first.context("no subnet")?))
}

pub(crate) fn attach(device_index: &str, kind: FaultKind) -> Fault {
    Fault::on("AttachNetworkInterface", kind).when("DeviceIndex", device_index)
}

pub(crate) fn completion(result: &str, kind: FaultKind) -> Fault {
    Fault::on("CompleteLifecycleAction", kind).when("LifecycleActionResult", result)
}

/// Throttles and then fails the calls that `fault` strikes, each three times: so the SDK's own tries are used up, and
/// the function fails once by each.
pub(crate) fn trouble(stage: &Stage, fault: impl Fn(FaultKind) -> Result<Fault>) -> Result<()> {
    for kind in [FaultKind::Throttle, FaultKind::InternalError] {
        stage.local.inject(fault(kind)?.times(3));
    }
    Ok(())
}

/// Shorter timeouts, so that the functions have less patience and leave the waiting to the state machine.
pub(crate) fn impatient(stage: &Stage) -> Result<()> {
    for (function, _) in FUNCTIONS {
        stage.deployment.reconfigure(function, |config| {
            config.timeout = Duration::from_secs(11);
        })?;
    }
    Ok(())
}

/// Launches one node. Those before it fail, each in a state and with an error; the last is wired, and nothing is left
/// of the others.
pub(crate) async fn launch_with_failures(
    stage: &Stage,
    profile: &Profile,
    failures: &[(&str, &str)],
) -> Result<Vec<Execution>> {
    stage.scene.scale(GROUP, 1).await?;
    stage.in_service(GROUP, 1).await?;
    let executions = stage.ended(failures.len() + 1).await?;
    assert_eq!(executions.len(), failures.len() + 1, "{executions:#?}");
    for (execution, (state, error)) in executions.iter().zip(failures) {
        stage.expect(execution, "FAILED", state).await?;
        assert_eq!(execution.error.as_deref(), Some(*error), "{execution:#?}");
    }
    let last = executions.last().context("no execution")?;
    stage.expect(last, "SUCCEEDED", "NodeReady").await?;
    stage.at_rest(std::slice::from_ref(profile)).await?;
    Ok(executions)
}
