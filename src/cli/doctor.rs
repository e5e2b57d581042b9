//! `doctor`: every prerequisite as a line, with the cure where it is not met.

use std::fmt::Write;

use serde_json::json;

use super::{Exit, Result, counted, render};
use crate::bot::health::{Check, Verdict};

/// How checks are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum DoctorFormat {
    /// A line for each check, and its cure below it
    Text,
    /// JSON, for machines
    Json,
}

/// Prints checks. One that is not met ends with status 1; warnings alone do not.
///
/// # Errors
/// Standard output fails.
pub fn run(checks: &[Check], format: DoctorFormat) -> Result {
    let is_fail = |check: &&Check| matches!(check.verdict, Verdict::Fail { .. });
    let failed = checks.iter().filter(is_fail).count();
    super::print(&match format {
        DoctorFormat::Text => text(checks, failed),
        DoctorFormat::Json => render::pretty(&json!({ "failed": failed, "checks": checks })),
    })?;
    Ok(if failed == 0 {
        Exit::Found
    } else {
        Exit::NotFound
    })
}

fn text(checks: &[Check], failed: usize) -> String {
    let mut text = String::new();
    for Check {
        part,
        what,
        verdict,
    } in checks
    {
        let (word, detail, cure) = match verdict {
            Verdict::Pass { detail } => ("pass", detail, None),
            Verdict::Warning { detail, cure } => ("warn", detail, Some(cure)),
            Verdict::Fail { detail, cure } => ("FAIL", detail, Some(cure)),
            Verdict::Skipped { detail } => ("skip", detail, None),
        };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{word}  {}: {what}: {detail}", part.name());
        if let Some(cure) = cure {
            let _ = writeln!(text, "      → {cure}");
        }
    }
    let _ = match failed {
        0 => writeln!(
            text,
            "{}: nothing is missing",
            counted(checks.len(), "check")
        ),
        _ => writeln!(
            text,
            "{}: {} not met",
            counted(checks.len(), "check"),
            if failed == 1 {
                "1 is".to_owned()
            } else {
                format!("{failed} are")
            },
        ),
    };
    text
}
