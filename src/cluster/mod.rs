//! The read-only view of a cluster: which conditions its objects show, and why.

pub mod detect;
pub mod finding;
pub mod redact;
pub mod view;
