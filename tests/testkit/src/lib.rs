//! The test kit: what the suites, the scale-out simulator, the benchmarks and the demo share.
//!
//! - [`attacks`] knows what the deployed roles must allow and must deny.
//! - [`calls`] finds the functions' calls in the log of the fake AWS.
//! - [`connector`] puts the fake AWS behind the real SDK, in process.
//! - [`scene`] builds a VPC, subnets, networks and a group with ordinary AWS calls, and the profile for them.
//! - [`launch`] runs the functions of one launch in process, one after the other.
//! - [`naming`] runs the function that names the nodes of a plain group, in process.
//! - [`deployment`] is Hookline deployed on one machine: the real state machine in a real engine, the real function
//!   binaries over the real Runtime API, and a rule that starts an execution for each launch.
//! - [`rules`] puts the rules that start executions; [`json_api`] makes the calls for both; [`wait`] waits for a condition.
//! - [`templates`] gives a group a launch template with user data.
//! - [`stage`] is a deployment with a scene, and what end-to-end tests wait for and look at.
//! - [`ministack`] is a second AWS on this machine, for what CloudFormation deploys.
//! - [`permissions`] knows which API actions each function may call.
//! - [`fixture_stack`] is the stack of these roles on the fake AWS, to look at.
//! - [`roles`] has the roles that the app deploys, for the fake AWS.
//! - [`program`] sets the exit codes of the programs.
//! - [`emf`] reads the metrics that the functions write to their logs.
//! - [`log_lines`] captures what functions log, and checks it.
//! - [`coverage`] finds the parts of a state machine that an execution reached.
//! - [`invariants`] checks the state of the fake AWS, and returns which invariants are violated.

// JSON is indexed by name, which gives null for an absent field.
#![allow(clippy::indexing_slicing)]

pub mod attacks;
pub mod calls;
pub mod connector;
pub mod coverage;
pub mod deployment;
pub mod emf;
pub mod fixture_stack;
pub mod invariants;
pub mod json_api;
pub mod launch;
pub mod log_lines;
pub mod ministack;
pub mod naming;
pub mod permissions;
pub mod program;
pub mod roles;
pub mod rules;
pub mod scene;
pub mod stage;
pub mod templates;
pub mod wait;
