//! The map of this tree.
pub mod bot;
pub mod cli;
pub mod faq;
pub mod state;
