//! What is measured of Hookline, and how it is written down: `cargo xtask plot` and `cargo xtask bench`.
//!
//! - [`scale`] simulates scale-outs of growing size for each way to choose an address; [`chart`] draws them;
//!   [`scale_outs`] are large ones of several kinds.
//! - [`launch`] measures one launch in virtual time, beside [`sequential`], the algorithm of the public samples, and
//!   [`critical_path`], what no order of the calls can beat.
//! - [`cold_start`] starts the functions' executables; [`cost`] adds up what a launch costs.
//! - [`allocator`] reads what the criterion benchmark has measured.
//! - [`machine`] says where, [`section`] keeps the marked place in docs/performance.md.

// JSON is indexed by name here, which gives null where nothing is.
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
