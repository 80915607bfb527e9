//! `extract-pods`: which pod had which address, on which node, in which Availability Zone. One run
//! lists the nodes, the pods and the Services of one EKS cluster, and writes them as one object to S3. The query
//! on VPC Flow Logs reads these objects.
//!
//! [`extract`] is the function. It takes a [`payload`], reads [`objects`] from the cluster, and
//! turns them into lines ([`record`]) of one [`object`]. [`grouping`] chooses what a pod is counted
//! under, [`aws`] calls AWS, and [`error::Error`] is everything that can fail. The client of the
//! cluster is the crate `hookline-kubernetes`. [`kubernetes_services`] tells which Services select
//! which groups. [`instances`] is what EC2 knows of the nodes, [`attached`] their
//! further interfaces, and [`interfaces`] what else it has in their VPC; [`services`] names that. With `deletedPods`, a run lists nothing, and
//! [`deleted_pods`] writes what no listing shows.

pub mod attached;
pub mod aws;
pub mod deleted_pods;
mod described;
pub mod error;
pub mod extract;
pub mod grouping;
pub mod instances;
pub mod interfaces;
pub mod kubernetes_services;
pub mod object;
pub mod objects;
pub mod payload;
pub mod record;
pub mod services;
