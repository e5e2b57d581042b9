//! `check`: everything that is wrong in the content, at once.

use std::fmt::Write;
use std::path::PathBuf;

use serde_json::json;

use super::{Exit, Result, counted, render};
use crate::faq::catalog::{Catalog, Loaded};
use crate::faq::problem::{Problem, Severity};

/// The arguments of `check`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Folders of entries, each on top of those before it
    dirs: Vec<PathBuf>,
    /// How to write what was found
    #[arg(long, value_enum, default_value = "text")]
    format: CheckFormat,
}

/// How `check` writes what it found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum CheckFormat {
    /// One line for each, as compilers write them
    Text,
    /// JSON, for machines
    Json,
}

/// Checks content. Problems end with status 1; warnings alone do not.
///
/// # Errors
/// A folder cannot be read, or standard output fails.
pub fn run(arguments: &Arguments) -> Result {
    for folder in &arguments.dirs {
        super::readable(folder)?;
    }
    let loaded = Catalog::check(&arguments.dirs, super::today());
    super::print(&match arguments.format {
        CheckFormat::Text => text(&loaded),
        CheckFormat::Json => render::pretty(&json!({
            "entries": loaded.catalog.len(),
            "problems": loaded.problems,
        })),
    })?;
    Ok(if loaded.has_problems() {
        Exit::NotFound
    } else {
        Exit::Found
    })
}

fn text(loaded: &Loaded) -> String {
    let mut text = String::new();
    for problem in &loaded.problems {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{problem}");
    }
    let count = |severity| {
        let is_one = |problem: &&Problem| problem.severity == severity;
        loaded.problems.iter().filter(is_one).count()
    };
    let _ = writeln!(
        text,
        "{} checked: {}, {}, {}",
        if loaded.catalog.len() == 1 {
            "1 entry".to_owned()
        } else {
            format!("{} entries", loaded.catalog.len())
        },
        counted(count(Severity::Problem), "problem"),
        counted(count(Severity::Warning), "warning"),
        counted(count(Severity::Note), "note"),
    );
    text
}
