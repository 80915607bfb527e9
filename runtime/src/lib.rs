//! What the process of a Lambda function shares with every other, whatever it does: the Runtime API and the logs
//! ([`serve`], [`init_logs`]), reading what it is given ([`payload`]), and the AWS SDK as Hookline runs it ([`sdk`]).
//!
//! Nothing here knows what a function is for, nor which AWS services it calls: a crate that depends on this one does
//! not compile the SDK of a service that it has no use for.

pub mod sdk;
mod serve;

pub use hookline_payload as payload;
pub use serve::{Invocation, init_logs, serve};
