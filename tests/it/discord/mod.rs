//! The Discord adapter against a Discord on loopback.

mod bot;
mod commands;
mod fake;
mod limits;
