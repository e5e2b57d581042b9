//! The core: Kubernetes FAQ entries and what they explain.
pub mod condition;
