//! The map of this tree.
pub mod bot;
pub mod cli;
pub mod cluster;
pub mod faq;
