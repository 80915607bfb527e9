//! A client for the Kubernetes API of an EKS cluster. It needs the cluster's name and AWS
//! credentials: no kubeconfig, no CLI.
//!
//! ```no_run
//! # async fn example(config: aws_config::SdkConfig) -> Result<(), Box<dyn std::error::Error>> {
//! use std::time::Duration;
//!
//! use hookline_kubernetes::{Backoff, Caller, Cluster};
//! use k8s_openapi::api::core::v1::{Node, Pod};
//! use kube::api::{Patch, PatchParams};
//!
//! let caller = Caller::new(config, "the role of this function")?;
//! let cluster = Cluster::find("prod", &caller).await?;
//!
//! // Any call: kube's own API.
//! let nodes = kube::Api::<Node>::all(cluster.client());
//! let ready = serde_json::json!({"metadata": {"labels": {"ready": "true"}}});
//! let patched = nodes.patch("node-1", &PatchParams::default(), &Patch::Merge(&ready)).await;
//! patched.map_err(|error| cluster.error("patch Node node-1", error))?;
//!
//! // Reads with retries, until a deadline. The memory of a list is bounded by its largest page.
//! let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
//! let reader = cluster.reader(Backoff::default(), deadline);
//! let mut pods = reader.list::<Pod>(500);
//! while let Some(page) = pods.next_page().await? {
//!     println!("{} pods", page.len());
//! }
//! # Ok(())
//! # }
//! ```
//!
//! - [`Caller`] and [`Cluster`]: find the cluster with EKS's `DescribeCluster`, and connect to it.
//! - [`Reader`], [`List`] and [`Watch`]: read objects, and what happened to them. An [`Object`] is a type that holds as much of a
//!   Kubernetes object as its user needs.
//! - [`Error`]: what failed, and in which cluster.

mod client;
mod eks;
mod error;
mod list;
mod object;
mod reader;
mod token;
mod watch;

pub use eks::{Caller, Cluster};
pub use error::{Error, RequestFailure, Result};
pub use list::List;
pub use object::{Object, null_is_default};
pub use reader::{Backoff, Reader};
pub use watch::{Event, Watch};
