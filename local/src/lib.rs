//! A simulated AWS for one machine: EC2 network interfaces and instances, Auto Scaling groups with
//! lifecycle hooks, EventBridge rules, a host for Lambda function binaries, and EKS clusters of which nodes and pods can be
//! listed. What it does not simulate it can hand on to a server that does ([`forward`]).
//!
//! It speaks the real wire protocols, so the AWS SDKs, the AWS CLI and boto3 work against it unchanged:
//! over TCP (`server`), or in process by handing requests to [`LocalAws::handle`] from an SDK HTTP
//! connector. Everything in it runs on tokio's clock and on one seeded random generator: with the clock
//! paused, hours pass in milliseconds and one seed replays one history.
//!
//! ```text
//! request ──▶ dispatch (record, fault, token bucket, latency) ──▶ ec2 | autoscaling | … ──▶ World
//! ```

pub mod autoscaling;
mod buckets;
mod calls;
mod cloudtrail;
mod dispatch;
pub mod ec2;
pub mod eks;
pub mod eventbridge;
mod faults;
pub mod forward;
pub mod kernel;
pub mod lambda;
mod local_aws;
pub mod server;
mod service;
mod settings;
pub mod stepfunctions;
pub mod sts;
pub mod wire;
mod world;

pub use buckets::Bucket;
pub use calls::{CallRecord, Outcome};
pub use dispatch::ConnectionReset;
pub use faults::{Fault, FaultKind};
pub use kernel::{Event, Kernel};
pub use local_aws::{LocalAws, WeakLocalAws};
pub use settings::{Latency, Settings};
pub use wire::error::ApiError;
pub use world::World;
