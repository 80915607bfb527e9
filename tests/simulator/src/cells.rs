//! The cells of the fault matrix: what goes wrong in each run.

use std::ops::Range;

use hookline_local::autoscaling::LifecycleState;
use hookline_local::ec2::{self, InterfaceSpec};
use hookline_local::{LocalAws, World};
use hookline_testkit::scene::HOOK;

use crate::run::{GROUP, Run};
use crate::tap::{FaultAction, Intervention};

/// Something that goes wrong once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cell {
    /// A fault is injected into several calls of the functions in a row.
    Call {
        /// The position of the first call, from 0.
        position: usize,
        /// What happens to each call.
        strike: FaultAction,
        /// How many calls.
        times: usize,
    },
    /// The launch's event is not delivered as it should be.
    Event(DeliveryFault),
    /// Somebody interferes just before a call.
    Interference {
        /// What they do.
        what: Interference,
        /// The position of the call.
        position: usize,
    },
    /// Describe calls show the state of some seconds ago.
    Lag {
        /// The lag in seconds.
        seconds: u64,
        /// Whether each call lags by a random part of it.
        varies: bool,
    },
}

/// How the delivery of an event fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryFault {
    /// It is delivered twice, at once.
    Duplicate,
    /// It is delivered again half a minute later.
    DuplicateLate,
    /// It is delivered ten minutes late.
    Delayed,
    /// It is not delivered.
    Lost,
}

/// What somebody does during a launch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interference {
    /// The instance is terminated.
    Terminated,
    /// The lifecycle action ends with ABANDON, as by its timeout.
    HookEnded,
    /// The first network's subnet is filled.
    SubnetFilled,
    /// The interfaces' security group is deleted, where EC2 allows it.
    GroupDeleted,
}

impl Interference {
    pub(crate) const ALL: [Self; 4] = [
        Self::Terminated,
        Self::HookEnded,
        Self::SubnetFilled,
        Self::GroupDeleted,
    ];

    pub(crate) fn intervention(self, run: &Run) -> Intervention {
        let subnet = run
            .scene
            .networks
            .first()
            .and_then(|network| network.subnets.first())
            .cloned();
        let group = run.scene.security_group.clone();
        Box::new(move |local| match self {
            Self::Terminated => local.with_world(|world| {
                for instance in launching(world) {
                    // An instance that is terminating already is fine too.
                    let _ = world.terminate_instance(&instance);
                }
            }),
            Self::HookEnded => {
                let local = local.clone();
                tokio::spawn(async move {
                    for (instance, token) in local.with_world(|world| actions(world)) {
                        query(
                            &local,
                            "autoscaling",
                            &format!(
                                "Action=CompleteLifecycleAction&Version=2011-01-01&AutoScalingGroupName={GROUP}&LifecycleHookName={}&LifecycleActionToken={token}&InstanceId={instance}&LifecycleActionResult=ABANDON",
                                HOOK
                            ),
                        )
                        .await;
                    }
                });
            }
            Self::SubnetFilled => local.with_world(|world| {
                let subnet_id = subnet.unwrap_or_default();
                while ec2::create_network_interface(
                    &mut world.ec2,
                    &mut world.kernel,
                    InterfaceSpec {
                        subnet_id: subnet_id.clone(),
                        ..InterfaceSpec::default()
                    },
                )
                .is_ok()
                {}
            }),
            Self::GroupDeleted => {
                let local = local.clone();
                tokio::spawn(async move {
                    let call =
                        format!("Action=DeleteSecurityGroup&Version=2016-11-15&GroupId={group}");
                    query(&local, "ec2", &call).await;
                });
            }
        })
    }
}

/// The instances that wait at a launch lifecycle hook.
#[must_use]
pub fn launching(world: &World) -> Vec<String> {
    world
        .autoscaling
        .states(GROUP)
        .into_iter()
        .filter(|(_, state)| {
            let waits = [
                LifecycleState::PendingWait,
                LifecycleState::WarmedPendingWait,
            ];
            waits.contains(state)
        })
        .map(|(instance, _)| instance)
        .collect()
}

fn actions(world: &World) -> Vec<(String, String)> {
    launching(world)
        .into_iter()
        .filter_map(|instance| {
            let history = world.autoscaling.histories().get(&instance)?;
            let (_, _, token) = history.actions.last()?;
            Some((instance, token.clone()))
        })
        .collect()
}

/// A call by somebody else, which EC2 or Auto Scaling may refuse.
async fn query(local: &LocalAws, service: &str, body: &str) {
    let scope =
        format!("AWS4-HMAC-SHA256 Credential=test/20260101/us-west-2/{service}/aws4_request");
    let request = http::Request::post("/")
        .header("authorization", scope)
        .body(body.to_owned().into());
    if let Ok(request) = request {
        let _ = local.handle(request).await;
    }
}

impl Cell {
    /// The cell's name, which is unique.
    #[must_use]
    pub fn name(self) -> String {
        match self {
            Self::Call {
                position,
                strike,
                times,
            } => {
                format!("call {position} {} x{times}", strike.name())
            }
            Self::Event(astray) => format!("event {astray:?}"),
            Self::Interference { what, position } => format!("{what:?} before call {position}"),
            Self::Lag { seconds, varies } => {
                format!(
                    "describe lag {seconds} s{}",
                    if varies { ", varying" } else { "" }
                )
            }
        }
    }

    /// The row of the report's table that the cell counts in.
    #[must_use]
    pub fn row(self) -> String {
        match self {
            Self::Call { strike, times, .. } => format!("call {} x{times}", strike.name()),
            Self::Interference { what, .. } => format!("{what:?} before a call"),
            Self::Event(_) | Self::Lag { .. } => self.name(),
        }
    }

    /// Whether there is one for each call of a launch.
    #[must_use]
    pub fn is_at_a_call(self) -> bool {
        matches!(self, Self::Call { .. } | Self::Interference { .. })
    }

    /// Whether the launched node itself must come InService, because the fault passes.
    pub(crate) fn is_transient(self) -> bool {
        match self {
            // For an event that is not delivered, `reconcile` starts the execution.
            Self::Call { .. } | Self::Lag { .. } | Self::Event(_) => true,
            Self::Interference { .. } => false,
        }
    }
}

/// Every cell, with faults at these of a launch's calls.
#[must_use]
pub fn cells(calls: Range<usize>) -> Vec<Cell> {
    let mut cells = Vec::new();
    for position in calls {
        for strike in FaultAction::ALL {
            for times in [1, 3] {
                cells.push(Cell::Call {
                    position,
                    strike,
                    times,
                });
            }
        }
        for what in Interference::ALL {
            cells.push(Cell::Interference { what, position });
        }
    }
    for astray in [
        DeliveryFault::Duplicate,
        DeliveryFault::DuplicateLate,
        DeliveryFault::Delayed,
        DeliveryFault::Lost,
    ] {
        cells.push(Cell::Event(astray));
    }
    for seconds in [1, 2, 5, 10] {
        for varies in [false, true] {
            cells.push(Cell::Lag { seconds, varies });
        }
    }
    cells
}
