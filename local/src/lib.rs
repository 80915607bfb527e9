//! The fake AWS: EC2 network interfaces and instances, Auto Scaling groups with lifecycle hooks,
//! EventBridge rules, SQS queues, a host for Lambda function binaries, the metrics that these write, and EKS
//! clusters with an API server that lists nodes and pods. If the settings say so, the instances boot, and kubelet and the VPC CNI
//! start on them ([`node`]). Requests for any other service can go to a server that has it
//! ([`forward`]).
//!
//! It speaks AWS's own wire protocols, so the AWS SDKs, the AWS CLI and boto3 work against it
//! unchanged: over TCP (`server`), or in process, when an SDK's HTTP connector hands its requests
//! to [`LocalAws::handle`]. Everything runs on tokio's clock and one seeded random generator. With
//! the clock paused, hours pass in milliseconds, and one seed gives one history.
//!
//! ```text
//! request ──▶ dispatch (record, fault, token bucket, latency, IAM) ──▶ ec2 | autoscaling | … ──▶ kernel
//! ```
//!
//! Read [`kernel`] first: every service runs on it. [`World`] puts the services together.

pub mod autoscaling;
mod buckets;
mod calls;
pub mod cloudformation;
mod cloudtrail;
pub mod cloudwatch;
mod dispatch;
pub mod ec2;
pub mod eks;
pub mod eventbridge;
mod faults;
pub mod forward;
pub mod iam;
pub mod kernel;
pub mod lambda;
mod local_aws;
pub mod node;
mod reserved_port;
pub mod server;
mod service;
mod service_quotas;
mod settings;
pub mod sqs;
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
pub use reserved_port::ReservedPort;
pub use settings::{Latency, Settings};
pub use wire::error::ApiError;
pub use world::World;
