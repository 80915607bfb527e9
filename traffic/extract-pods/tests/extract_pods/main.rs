//! `extract-pods` against a simulated API server over TLS and a simulated AWS (EKS, STS, S3), all on loopback.

// Tests say what must be by failing; that is what these are for.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod binary;
mod cluster;
mod failures;
mod listing;
mod memory;
mod records;
mod runtime_api;
mod scene;
mod simulated_aws;
mod upload;
