//! Judgement: what is wrong, by what was observed. Pure functions, without calls and without a clock.

pub(crate) mod finding;
pub(crate) mod hooks;
pub(crate) mod interfaces;
pub(crate) mod launches;
pub(crate) mod rules;
pub(crate) mod words;

pub(crate) use finding::{Finding, Kind, Remedy};
