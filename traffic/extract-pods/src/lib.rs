//! `extract-pods`: which pod had which address, on which node, in which Availability Zone. One run lists the nodes and
//! the pods of one EKS cluster and writes them as one object to S3, where the query on VPC Flow Logs finds them.
//!
//! [`extract`] is the function; what it is given is a [`payload`], what it writes is in [`record`] and [`object`], and
//! what it can fail with is an [`error::Error`]. [`kubernetes`] asks the cluster, [`aws`] asks AWS, [`grouping`] says
//! what a pod is counted under.

pub mod aws;
pub mod error;
pub mod extract;
pub mod grouping;
pub mod kubernetes;
pub mod object;
pub mod payload;
pub mod record;
