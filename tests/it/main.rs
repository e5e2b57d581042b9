//! The tests that need Rust alone: through the front door, on loopback.
mod conditions;
