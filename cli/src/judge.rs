//! Judgement: what is wrong, by what was observed. Pure functions, without calls and without a clock.

pub(crate) mod causes;
pub(crate) mod ended;
pub(crate) mod finding;
pub(crate) mod hooks;
pub(crate) mod interfaces;
pub(crate) mod launches;
pub(crate) mod network;
pub(crate) mod place;
pub(crate) mod replay;
pub(crate) mod rules;
pub(crate) mod story;
pub(crate) mod words;

pub(crate) use finding::{Finding, Kind, Remedy};
