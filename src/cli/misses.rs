//! `misses`: the questions without an answer, those asked most often first.

use std::fmt::Write;

use serde_json::json;

use super::{Result, render};
use crate::state::Misses;

/// The arguments of `misses`.
#[derive(Debug, Clone, clap::Args)]
pub struct Arguments {
    /// Most lines to print
    #[arg(long, default_value_t = 50, value_name = "NUMBER")]
    pub most: u32,
    /// How to write them
    #[arg(long, value_enum, default_value = "text")]
    pub format: MissesFormat,
}

/// How misses are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum MissesFormat {
    /// A line for each
    Text,
    /// JSON, for machines
    Json,
}

/// Prints misses.
///
/// # Errors
/// Standard output fails.
pub fn run(misses: &[Misses], format: MissesFormat) -> Result {
    super::print(&match format {
        MissesFormat::Json => render::pretty(&json!({ "misses": misses })),
        MissesFormat::Text => text(misses),
    })
}

fn text(misses: &[Misses]) -> String {
    if misses.is_empty() {
        return "no question went without an answer\n".to_owned();
    }
    let nearest = |miss: &Misses| miss.nearest.clone().unwrap_or_else(|| "-".to_owned());
    let column = misses.iter().map(|miss| nearest(miss).len()).max();
    let column = column.unwrap_or_default().max("nearest".len());
    let mut text = format!("count  last        {:column$}  question\n", "nearest");
    for miss in misses {
        let day = jiff::Timestamp::from_second(miss.last)
            .map(|time| time.strftime("%Y-%m-%d").to_string())
            .unwrap_or_default();
        let question = miss.question.as_deref().unwrap_or("(not kept)");
        let question = question.split_whitespace().collect::<Vec<_>>().join(" ");
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{:>5}  {day:10}  {:column$}  {question}",
            miss.count,
            nearest(miss)
        );
    }
    text
}
