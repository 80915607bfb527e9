//! `extract-pods` against a fake API server over TLS and a fake AWS (EKS, STS, S3), all on
//! loopback.

// A test fails by a panic.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod binary;
mod cluster;
mod deleted_pods;
mod failures;
mod fake_aws;
mod instances;
mod interfaces;
mod listing;
mod memory;
mod records;
mod runtime_api;
mod scene;
mod services;
mod upload;
mod vpc;
