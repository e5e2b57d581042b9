//! The Discord adapter against a Discord on loopback.

pub mod bot;
mod commands;
mod components;
pub mod fake;
mod gateway;
mod limits;
mod mentions;
mod process;
mod rest;
