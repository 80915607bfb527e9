//! What was observed, as plain data: what the commands judge. SDK types stay in [`crate::aws`].

pub(crate) mod account;
pub(crate) mod case;
pub(crate) mod deployment;
pub(crate) mod execution;
pub(crate) mod fleet;
pub(crate) mod forecast;
pub(crate) mod function;
pub(crate) mod group;
mod input_template;
pub(crate) mod network;
pub(crate) mod role;
pub(crate) mod rule;
pub(crate) mod scale_out;
pub(crate) mod stack;
pub(crate) mod template;
pub(crate) mod throttled;
pub(crate) mod uncovered;
pub(crate) mod user_data;
