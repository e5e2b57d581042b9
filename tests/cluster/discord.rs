//! The Discord of the other test target, of which not all is needed here.
#![allow(dead_code, reason = "the other test target uses the rest")]

#[path = "../it/discord/fake.rs"]
pub mod fake;
#[path = "../it/discord/limits.rs"]
mod limits;
