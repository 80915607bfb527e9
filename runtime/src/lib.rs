//! What every Lambda function of Hookline shares, whatever its task:
//!
//! - [`serve()`]: the Lambda Runtime API.
//! - [`logs`]: logs as JSON lines.
//! - [`payload`]: reads JSON into types, with errors that name the field.
//! - [`sdk`]: the settings of the AWS SDK.
//! - [`aws_errors`]: the failures that are the same for every AWS service, with their texts and
//!   names.
//!
//! This crate does not know what a function does, nor which AWS services it calls. A crate that
//! depends on it compiles the SDKs of its own services only.

pub mod aws_errors;
pub mod logs;
pub mod sdk;
mod serve;

pub use hookline_payload as payload;
pub use serve::{Invocation, serve};
