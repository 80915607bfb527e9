//! The facts about AWS that the product and the fake AWS rest on, as assertions.
//!
//! A [`fact::Fact`] is one value: a name, a sentence, a source, what must be observed, and the
//! function that tries it with the ordinary SDK. The same facts are tried on the fake AWS, as part
//! of the tests, and in an AWS account, by whoever has one (`docs/conformance.md`).
//!
//! - [`facts`]: the facts; [`sources`]: where they are from;
//! - [`run`]: tries them, and removes what was made; [`fake`]: on a fake AWS in this process;
//! - [`deployment`]: a deployment that is looked at; [`simulator`]: what IAM says of its roles;
//! - [`stage`], [`instance`], [`group`]: what a run makes; [`room`], [`blocks`]: its place in a VPC;
//!   [`cleanup`]: the removal;
//! - [`report`], [`recording`]: what is written of a run; [`scrub`]: without ids;
//! - [`estimate`]: what a run makes and costs; [`page`]: `docs/facts.md`.

pub mod blocks;
pub mod cleanup;
pub mod clients;
pub mod deployment;
pub mod estimate;
pub mod fact;
pub mod facts;
pub mod fake;
pub mod group;
pub mod instance;
pub mod page;
pub mod recording;
pub mod report;
pub mod room;
pub mod run;
pub mod scrub;
mod shared;
pub mod simulator;
pub mod sources;
pub mod stage;
pub mod wait;
