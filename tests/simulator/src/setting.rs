//! The settings of the fault matrix: what the launches of each have in common.

use std::time::Duration;

use anyhow::Result;
use hookline_domain::profile::TokenBucket;
use hookline_testkit::scene::{Size, WarmPool};

use crate::cells::{Cell, cells};
use crate::faults::calls_of_a_launch;
use crate::run::{GROUP, Run, Scenario};

/// What the launches of a matrix have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setting {
    /// The nodes have a gate, and the slots have device indexes.
    Gate,
    /// The nodes have no gate, and the slots leave their device indexes open: the VPC CNI attaches
    /// its own interfaces meanwhile.
    NoGate,
    /// As with a gate, and DeleteOnTermination is set after CONTINUE.
    ScarceAttributes,
    /// The nodes have a gate and are launched into a warm pool of stopped instances.
    IntoWarmPool,
    /// The nodes leave such a pool for the group.
    OutOfWarmPool,
}

impl Setting {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Gate,
        Self::NoGate,
        Self::ScarceAttributes,
        Self::IntoWarmPool,
        Self::OutOfWarmPool,
    ];

    /// The cells of this setting's matrix. Where only the calls after CONTINUE differ, only these.
    ///
    /// # Errors
    /// If the scene cannot be built.
    pub fn cells(self) -> Result<Vec<Cell>> {
        let calls = calls_of_a_launch(self)?;
        Ok(match self {
            Self::Gate | Self::NoGate | Self::IntoWarmPool | Self::OutOfWarmPool => cells(0..calls),
            Self::ScarceAttributes => {
                let of_the_state = 1 + Size::default().networks;
                cells(calls.saturating_sub(of_the_state)..calls)
            }
        })
    }

    /// A scene of this setting, in a subnet that few nodes fill.
    pub(crate) fn scenario(self, nodes: usize, seed: u64) -> Scenario {
        let size = Size {
            azs: 1,
            prefix: 28,
            device_indexes: self != Self::NoGate,
            ..Size::default()
        };
        let mut scenario = Scenario::new(nodes, size, seed);
        scenario.gate = self != Self::NoGate;
        // Not even the attributes of one launch fit into what a burst takes of this bucket, so every launch
        // sets DeleteOnTermination after CONTINUE.
        scenario.attributes = (self == Self::ScarceAttributes).then_some(TokenBucket {
            capacity: 1,
            refill_per_second: 5,
        });
        if matches!(self, Self::IntoWarmPool | Self::OutOfWarmPool) {
            scenario.warm_pool = Some(WarmPool {
                state: "Stopped",
                prepared: i32::try_from(nodes).unwrap_or(i32::MAX),
                reuse: false,
            });
        }
        scenario.limit = Duration::from_secs(4 * 3600);
        scenario.look_every = Duration::from_secs(2);
        scenario
    }

    /// A word for tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Gate => "gate",
            Self::NoGate => "no gate",
            Self::ScarceAttributes => "after CONTINUE",
            Self::IntoWarmPool => "into a warm pool",
            Self::OutOfWarmPool => "out of a warm pool",
        }
    }

    /// Does what comes before the launches that the faults are for.
    pub(crate) async fn prepare(self, run: &Run) -> Result<()> {
        match self {
            Self::OutOfWarmPool => run.fill_warm_pool().await,
            _ => Ok(()),
        }
    }

    /// Begins the launches.
    pub(crate) async fn begin(self, run: &mut Run) -> Result<()> {
        match self {
            Self::IntoWarmPool => run.put_warm_pool().await,
            _ => run.scale_out().await,
        }
    }

    /// How many of the nodes are where their launch leads.
    pub(crate) fn ready(self, run: &Run) -> usize {
        match self {
            Self::IntoWarmPool => run.ready_in_pool(),
            _ => run.in_service(),
        }
    }

    /// Launches no more nodes, and ends those that are there, also in the pool.
    pub(crate) async fn scale_in(self, run: &Run) -> Result<()> {
        run.scene.scale(GROUP, 0).await?;
        match self {
            Self::IntoWarmPool | Self::OutOfWarmPool => run.scene.delete_warm_pool(GROUP).await,
            _ => Ok(()),
        }
    }
}
