//! A host for Lambda functions that are programs on this machine.
//!
//! On AWS, a function of a custom runtime is a program called `bootstrap` that asks the Lambda
//! Runtime API for work, over HTTP, in a loop (Lambda Developer Guide, "Using the Lambda runtime
//! API for custom runtimes"). This module is the other side: it starts the same program as a child
//! process, hands it one invocation at a time, keeps it warm, and ends it at its timeout. Callers
//! see the status codes, function errors and throttling of Lambda.
//!
//! - `host`: the functions, their limits and counters;
//! - `invocation`: one invocation, from its concurrency slot to its outcome;
//! - `sandbox`: one child process with its own Runtime API on a loopback port;
//! - `runtime_api`: the four routes of that API;
//! - `outcome`, `environment`: how invocations end, and the environment variables of programs;
//! - `api`: Lambda's public API (`Invoke`, `ListFunctions` and what else tells of functions) on top.

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

pub(crate) use api::{ACCOUNT_SETTINGS, FUNCTION_CONCURRENCY, FUNCTIONS, act};
