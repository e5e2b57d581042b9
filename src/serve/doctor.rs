//! The prerequisites that can be looked at without a network.

use std::path::PathBuf;

use crate::bot::health::{Check, Part};
use crate::state::{self, State};
use crate::web;

/// Whether the content can be used.
#[must_use]
pub fn content(dirs: &[PathBuf]) -> Vec<Check> {
    match super::content(dirs) {
        Err(error) => vec![Check::fail(
            Part::Content,
            "the catalog",
            format!("{error:#}"),
            "mend content.dirs",
        )],
        Ok(content) => {
            let entries = content.faq.catalog().len();
            let mut checks = vec![Check::pass(
                Part::Content,
                "the catalog",
                format!("{entries} entries are indexed"),
            )];
            for problem in content.problems {
                let place = format!("{}:{}:{}", problem.path, problem.line, problem.column);
                checks.push(Check::fail(
                    Part::Content,
                    place,
                    problem.message,
                    problem.cure,
                ));
            }
            checks
        }
    }
}

/// Whether the state can be kept.
#[must_use]
pub fn state(settings: &state::Settings) -> Check {
    let what = "the state store";
    match (State::open(settings.dir.as_deref()), &settings.dir) {
        (Err(error), _) => Check::fail(
            Part::State,
            what,
            error.to_string(),
            "mend state.dir, or take it out to keep state in memory",
        ),
        (Ok(_), Some(dir)) => {
            Check::pass(Part::State, what, format!("kept in `{}`", dir.display()))
        }
        (Ok(_), None) => Check::warning(
            Part::State,
            what,
            "kept in memory: votes, misses and mutes end with the process",
            "set state.dir to a folder that outlives it",
        ),
    }
}

/// Whether health and metrics can be served.
#[must_use]
pub fn web(settings: &web::Settings) -> Check {
    let what = "the address of health and metrics";
    match std::net::TcpListener::bind(settings.listen) {
        Ok(_) => Check::pass(Part::Process, what, format!("{} is free", settings.listen)),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => Check::warning(
            Part::Process,
            what,
            format!("{} is in use", settings.listen),
            "nothing, where `k8sfaq serve` is running here; else set web.listen to another address",
        ),
        Err(error) => Check::fail(
            Part::Process,
            what,
            format!("{} cannot be used: {error}", settings.listen),
            "set web.listen to an address of this machine",
        ),
    }
}
