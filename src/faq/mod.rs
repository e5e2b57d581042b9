//! The core: Kubernetes FAQ entries, and the answers found in them.

pub mod answer;
pub mod catalog;
mod check;
pub mod condition;
pub mod entry;
pub mod eval;
mod front_matter;
pub mod id;
pub mod markdown;
pub mod placeholder;
pub mod problem;
mod search;
pub mod signature;
pub mod version;
