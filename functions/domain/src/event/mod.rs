//! The EventBridge events that start executions: of launches that wait at a hook or are to be adopted ([`launch`]), and of
//! launched instances that are to be named ([`naming`]).

pub mod cloudtrail;
pub mod envelope;
pub mod launch;
pub mod launched;
pub mod naming;

pub use launch::{ADOPT, Event, Launch, LifecycleAction, OWN_SOURCE};
pub use launched::{LaunchDetails, LaunchEvent, LaunchedInstance, Omitted};
