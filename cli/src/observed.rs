//! What was observed, as plain data: what the commands judge. SDK types stay in [`crate::aws`].

pub(crate) mod case;
pub(crate) mod deployment;
pub(crate) mod execution;
pub(crate) mod fleet;
pub(crate) mod group;
pub(crate) mod network;
