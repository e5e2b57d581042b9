//! The map of this tree.
pub mod bot;
pub mod cli;
pub mod cluster;
pub mod config;
pub mod discord;
pub mod faq;
pub mod serve;
pub mod slack;
pub mod state;
pub mod web;
