//! What the user data of an EKS node says: how the node would join its cluster, and why it would
//! not.
//!
//! Three programs read user data on a node, and each reads it in its own way: cloud-init, nodeadm
//! and Bottlerocket. [`explain`] follows all three: it decodes (`decode`), splits into parts
//! (`walk`), follows scripts without running them (`shell`), merges NodeConfigs as nodeadm does
//! (`node_config`), and says what the node would do (`join`) and whether that fits a profile
//! (`fit`). Nothing is fetched and nothing is run.
//!
//! Input is bounded (`limits`); what passes the bounds is refused with a reason. No secret of
//! user data is in an [`Explanation`]: all values pass `show`.

mod bootstrap_script;
mod bottlerocket;
mod cloud_config;
mod cluster;
mod decode;
pub mod expression;
mod findings;
mod fit;
mod gate;
mod instance_types;
mod join;
mod kind;
mod kubelet;
mod leaf;
mod limits;
mod mime;
mod node_config;
mod parts;
mod read;
mod setting;
mod shell;
mod show;
mod walk;
mod yaml;

pub use cluster::Origin;
pub use decode::{Encoding, Encodings};
pub use findings::{Finding, Severity};
pub use gate::{ClaimedPlace, Gate, GateNetwork, OnNode};
pub use instance_types::NetworkLimits;
pub use join::{BY_INSTANCE_TYPE, Bootstrap, Join};
pub use kind::Kind;
pub use kubelet::{Label, Taint};
pub use limits::{MAX_DECODED, MAX_DEPTH, MAX_INPUT, MAX_PARTS, MAX_USER_DATA, Refusal};
pub use parts::{Part, Reader};
pub use read::{Context, Explanation, explain};
pub use setting::{Setting, Sourced};
