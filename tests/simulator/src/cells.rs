//! The cells of the fault matrix: what goes wrong in each run.

use hookline_local::autoscaling::LifecycleState;
use hookline_local::ec2::{self, InterfaceSpec};
use hookline_local::{LocalAws, World};
use hookline_testkit::scene::HOOK;

use crate::run::{GROUP, Run};
use crate::tap::{FaultAction, Intervention};

/// Something that goes wrong once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cell {
    /// Calls of the functions, from a position on, are struck so many times in a row.
    Call {
        /// The position.
        position: usize,
        /// How.
        strike: FaultAction,
        /// How often.
        times: usize,
    },
    /// The launch's event goes astray.
    Event(DeliveryFault),
    /// Somebody does something just before a call.
    Interference {
        /// What.
        what: Interference,
        /// Before which call.
        position: usize,
    },
    /// Describe calls lag by so many seconds, all by the same or each by its own part of it.
    Lag {
        /// At most.
        seconds: u64,
        /// Each by its own part.
        varies: bool,
    },
}

/// How an event goes astray.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryFault {
    /// It comes twice, at once.
    Duplicate,
    /// It comes a second time half a minute later.
    DuplicateLate,
    /// It comes ten minutes late.
    Delayed,
    /// It never comes.
    Lost,
}

/// What somebody else does.
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
                    // One that is on its way out already is as good.
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

/// The instances that wait at a launch hook.
#[must_use]
pub fn launching(world: &World) -> Vec<String> {
    world
        .autoscaling
        .states(GROUP)
        .into_iter()
        .filter(|(_, state)| *state == LifecycleState::PendingWait)
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

/// A call by somebody else; it may well be refused.
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
    /// A name that finds it again.
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

    /// The row of the table that it counts in.
    #[must_use]
    pub fn row(self) -> String {
        match self {
            Self::Call { strike, times, .. } => format!("call {} x{times}", strike.name()),
            Self::Interference { what, .. } => format!("{what:?} meanwhile"),
            Self::Event(_) | Self::Lag { .. } => self.name(),
        }
    }

    /// Whether the launched node itself must come InService: the fault passes.
    pub(crate) fn is_transient(self) -> bool {
        match self {
            // An event that never comes is made up for by `reconcile`.
            Self::Call { .. } | Self::Lag { .. } | Self::Event(_) => true,
            Self::Interference { .. } => false,
        }
    }
}

/// Every cell, for a launch that makes `calls` calls.
#[must_use]
pub fn cells(calls: usize) -> Vec<Cell> {
    let mut cells = Vec::new();
    for position in 0..calls {
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
