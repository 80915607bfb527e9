//! Judgement: what is wrong, by what was observed. Pure functions, without calls and without a
//! clock.

pub(crate) mod causes;
pub(crate) mod check;
pub(crate) mod ended;
pub(crate) mod finding;
pub(crate) mod forecast;
pub(crate) mod hooks;
pub(crate) mod interfaces;
pub(crate) mod launches;
pub(crate) mod network;
pub(crate) mod pause;
pub(crate) mod place;
pub(crate) mod release;
pub(crate) mod replay;
pub(crate) mod round;
pub(crate) mod rules;
pub(crate) mod story;
mod tagging;
mod throttled;
pub(crate) mod timeline;
pub(crate) mod trouble;
pub(crate) mod versions;
mod waits;
pub(crate) mod watch;
mod wired;
pub(crate) mod words;

pub(crate) use finding::{Finding, Kind, Remedy};
