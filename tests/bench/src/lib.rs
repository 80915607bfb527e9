//! The benchmarks: what `cargo xtask bench` and `cargo xtask plot` measure, and how they write it
//! down.
//!
//! - [`scale`] simulates scale-outs of growing size for each way to choose an address; [`chart`] draws them;
//!   [`scale_outs`] are large ones of several kinds.
//! - [`launch`] measures one launch in virtual time, beside [`sequential`], the algorithm of the public samples, and
//!   [`critical_path`], the longest chain of calls that depend on each other.
//! - [`cold_start`] starts the functions' executables; [`cost`] adds up what a launch costs.
//! - [`allocator`] reads what the criterion benchmark has measured.
//! - [`machine`] describes the machine; [`section`] writes the results to docs/performance.md.

// JSON is indexed by name, which gives null for an absent field.
#![allow(clippy::indexing_slicing)]

pub mod allocator;
pub mod chart;
pub mod cold_start;
pub mod cost;
pub mod critical_path;
pub mod launch;
pub mod machine;
pub mod scale;
pub mod scale_outs;
pub mod section;
pub mod sequential;
