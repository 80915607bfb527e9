//! What the end-to-end tests and the demo share.
//!
//! - [`connector`] puts the simulated AWS behind the real SDK, in process.
//! - [`scene`] builds a VPC, subnets, networks and a group with ordinary AWS calls, and the profile for them.
//! - [`launch`] runs the functions of one launch in process, one after the other.
//! - [`naming`] runs the function that names the nodes of a plain group, in process.
//! - [`deployment`] is Hookline deployed on one machine: the real state machine in a real engine, the real function
//!   binaries over the real Runtime API, and a rule that starts an execution for each launch.
//! - [`stage`] is a deployment with a scene, and what end-to-end tests wait for and look at.
//! - [`ministack`] is a second AWS on this machine, for what CloudFormation deploys.
//! - [`sim`] runs the same handlers and the same state machine in virtual time.
//! - [`bench`] measures, and draws what it has measured.
//! - [`permissions`] knows which API actions each function may call.
//! - [`coverage`] tells which parts of a state machine an execution has been through.
//! - [`invariants`] looks at the simulated AWS from outside and says which promises are broken.

// JSON is indexed by name here, which gives null where nothing is.
#![allow(clippy::indexing_slicing)]

pub mod bench;
pub mod connector;
pub mod coverage;
pub mod demo;
pub mod deployment;
pub mod emf;
pub mod invariants;
pub mod launch;
pub mod ministack;
pub mod naming;
pub mod permissions;
pub mod scene;
pub mod sim;
pub mod stage;
