//! The read-only view of a cluster: which conditions its objects show, and why.
//!
//! Reading and judging are apart: [`lookup`] reads what [`access`] lists and nothing else, [`detect`] is pure.

pub mod access;
pub mod connect;
pub mod detect;
pub mod fetch;
pub mod finding;
mod gather;
pub mod kind;
pub mod lookup;
pub mod name;
mod plan;
pub mod redact;
mod rows;
pub mod view;
