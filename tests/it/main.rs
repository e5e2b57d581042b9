//! The tests that need Rust alone: through the front door, on loopback.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on says so by panicking"
)]

mod binary;
mod bytes;
mod check;
mod contract;
mod deploy;
mod discord;
mod layering;
mod questions;
mod search;
mod serve;
mod slack;
mod terminal;
mod tls;
