//! The map of this tree.
pub mod cluster;
pub mod faq;
