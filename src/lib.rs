//! The map of this tree.
pub mod faq;
