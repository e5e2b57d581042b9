//! Slack: conversations, faults, limits and set-up, against a fake Slack on loopback.
mod conversations;
mod drawn;
pub mod fake;
mod faults;
mod http;
mod policy;
mod render;
mod rules;
mod setup;
pub mod workspace;
