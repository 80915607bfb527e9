//! The EventBridge events that start executions: of launches at a hook and of adopted nodes
//! ([`launch`]), and of launched instances that get names ([`naming`]).

pub mod cloudtrail;
pub mod envelope;
pub mod launch;
pub mod launched;
pub mod naming;

pub use launch::{
    ADOPT, Event, Launch, LifecycleAction, OWN_SOURCE, TransitionEndpoint, WAITS, WAITS_FOR_POOL,
};
pub use launched::{LaunchDetails, LaunchEvent, LaunchedInstance, Omitted};
