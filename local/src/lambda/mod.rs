//! A host for Lambda functions that are programs on this machine.
//!
//! On AWS a function built for a custom runtime is a program called `bootstrap` which asks the Lambda Runtime API
//! for work, over HTTP, in a loop. This module is the other side of that conversation: it starts the very same
//! program as a child process, hands it one invocation at a time, keeps it warm for the next, and ends it when it
//! overstays its timeout. What callers see (status codes, function errors, throttling) is what Lambda would answer.
//!
//! - `host`: which functions there are, their sandboxes, concurrency and counters;
//! - `sandbox`: one child process with its own Runtime API on a loopback port;
//! - `runtime_api`: the four routes of that API;
//! - `outcome`, `environment`: how invocations end, and what programs find around them;
//! - `api`: Lambda's public API (`Invoke`, `ListFunctions`, `GetFunction`) on top.

mod api;
mod environment;
mod function;
mod host;
mod invocation;
mod outcome;
mod runtime_api;
mod sandbox;

pub use environment::credentials;
pub use function::{Counters, FunctionConfig, LogLine};
pub use host::Lambda;
pub use outcome::{InvokeError, Outcome};

pub(crate) use api::act;
