//! The core: Kubernetes FAQ entries, and the answers found in them.

pub mod condition;
pub mod id;
pub mod markdown;
pub mod placeholder;
pub mod problem;
pub mod signature;
pub mod version;
