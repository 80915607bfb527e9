//! The scenes that together reach every part of the state machine.
//!
//! Faults are AWS's: throttling, outages, refusals, what is late. Two things are out of reach, as
//! the engine (moto) differs from Step Functions there: it reports a refused Invoke as `Exception`,
//! so that no `Lambda.TooManyRequestsException` or `Lambda.ServiceException` comes from it, and it
//! counts a retrier's tries over the whole execution, where Step Functions begins again each time
//! that the state is entered.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::{launches, replays, taints};
use hookline_domain::profile::Profile;
use hookline_local::{Fault, FaultKind};
use hookline_testkit::deployment::{Execution, FUNCTIONS};

use hookline_testkit::stage::Stage;

/// A scene plays in a stage of its own: it prepares the stage, waits until all is at rest, and
/// checks.
pub(crate) type Scene = for<'a> fn(&'a Stage) -> Pin<Box<dyn Future<Output = Result<()>> + 'a>>;

pub(crate) const SCENES: &[(&str, Scene)] = &[
    (
        "an instance that EC2 never knows is abandoned after all tries",
        |s| Box::pin(launches::never_known(s)),
    ),
    ("a slow instance is waited for", |s| {
        Box::pin(launches::slow_instance(s))
    }),
    ("tagging recovers from faults", |s| {
        Box::pin(launches::got_over(s, |_, kind| {
            Ok(Fault::on("CreateTags", kind))
        }))
    }),
    ("planning recovers from faults", |s| {
        Box::pin(launches::got_over(s, |_, kind| Ok(listing(kind))))
    }),
    ("creating recovers from faults", |s| {
        Box::pin(launches::got_over(s, first_create))
    }),
    ("attaching recovers from faults", |s| {
        Box::pin(launches::got_over(s, |_, kind| Ok(attach("1", kind))))
    }),
    ("a lost interface is planned again", |s| {
        Box::pin(launches::interface_lost(s))
    }),
    ("continuing recovers from faults", |s| {
        Box::pin(launches::got_over(s, |_, kind| {
            Ok(completion("CONTINUE", kind))
        }))
    }),
    (
        "where calls are scarce, DeleteOnTermination is set after CONTINUE",
        |s| Box::pin(launches::scarce_calls(s)),
    ),
    ("setting DeleteOnTermination recovers from faults", |s| {
        Box::pin(launches::trouble_after_continue(s))
    }),
    (
        "a startup taint is removed when the node registers, despite faults",
        |s| Box::pin(taints::removed_despite_faults(s)),
    ),
    (
        "a startup taint that cannot be removed is reported, and removed by a replay",
        |s| Box::pin(taints::refused_then_replayed(s)),
    ),
    (
        "an instance that an attach does not find yet is asked for again",
        |s| Box::pin(launches::instance_not_found_by_an_attach(s)),
    ),
    (
        "a failure after CONTINUE changes nothing for the node",
        |s| Box::pin(launches::denied_after_continue(s)),
    ),
    (
        "abandoning recovers from faults, and a slow detach is waited for",
        |s| Box::pin(launches::slow_abandon(s)),
    ),
    ("releasing recovers from faults", |s| {
        Box::pin(launches::trouble_while_releasing(s))
    }),
    ("a refused call abandons the launch, in every state", |s| {
        Box::pin(launches::refused_everywhere(s))
    }),
    (
        "an interface that cannot be deleted is reported, and deleted by a replay",
        |s| Box::pin(replays::left_behind(s)),
    ),
    ("invalid input completes no hook", |s| {
        Box::pin(replays::input_refused(s))
    }),
    (
        "a profile without slots gets only its tags and its hook",
        |s| Box::pin(launches::no_slots(s)),
    ),
    ("another group's launch is ignored", |s| {
        Box::pin(replays::not_for_this_profile(s))
    }),
    ("a hook of another owner is not completed", |s| {
        Box::pin(replays::hook_not_ours(s))
    }),
    ("tags only, at a hook of another owner", |s| {
        Box::pin(replays::tags_only_at_a_hook_not_ours(s))
    }),
    (
        "a node in service is adopted, and stays in service on failure",
        |s| Box::pin(replays::adopted(s)),
    ),
    (
        "the launch of an instance that is gone at once is abandoned",
        |s| Box::pin(replays::gone_before_it_is_tagged(s)),
    ),
    (
        "a failure at a hook of another owner releases nothing",
        |s| Box::pin(replays::failed_at_a_hook_not_ours(s)),
    ),
    ("after repeated conflicts a launch waits", |s| {
        Box::pin(launches::waits_after_conflicts(s))
    }),
    (
        "launches of a burst wait for their turns to be tagged",
        |s| Box::pin(replays::tagged_in_turn(s)),
    ),
    (
        "a hook that is old is extended before the launch goes on",
        |s| Box::pin(replays::extends_an_old_hook(s)),
    ),
    ("a launch whose turn has come goes at once", |s| {
        Box::pin(launches::goes_when_its_turn_comes(s))
    }),
    ("a launch that cannot extend its hook continues", |s| {
        Box::pin(replays::cannot_extend_its_hook(s))
    }),
    ("a hook of another owner is not extended", |s| {
        Box::pin(launches::waits_at_a_hook_not_ours(s))
    }),
    (
        "interfaces stay if the launch was continued by another caller",
        |s| Box::pin(replays::went_on(s)),
    ),
    ("a CONTINUE that comes too late releases", |s| {
        Box::pin(launches::continued_too_late(s))
    }),
    (
        "a hook that cannot be completed is reported, and completed by a replay",
        |s| Box::pin(replays::hook_not_completed(s)),
    ),
    // The longest: it is last here, as the last is played first.
    (
        "lasting throttling extends the hook, and the launch succeeds",
        |s| Box::pin(launches::throttled_for_long(s)),
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

/// The listing that only a plan uses.
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

/// Throttles and then fails the calls of `fault`, three times each. So the SDK's attempts are used
/// up, and the function fails once with each.
pub(crate) fn trouble(stage: &Stage, fault: impl Fn(FaultKind) -> Result<Fault>) -> Result<()> {
    for kind in [FaultKind::Throttle, FaultKind::InternalError] {
        stage.local.inject(fault(kind)?.times(3));
    }
    Ok(())
}

/// Shorter timeouts, so that the functions wait less and leave the waiting to the state machine.
pub(crate) fn impatient(stage: &Stage) -> Result<()> {
    for (function, _) in FUNCTIONS {
        stage.deployment.reconfigure(function, |config| {
            config.timeout = Duration::from_secs(11);
        })?;
    }
    Ok(())
}

/// Launches one node. The launches before it fail, each in a state and with an error. The last gets
/// its interfaces, and nothing is left of the others.
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
