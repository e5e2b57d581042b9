//! `config`: every setting as it holds, and where it comes from.

use std::fmt::Write;

use serde::Serialize;
use serde_json::{Value, json};

use super::{Result, render};

/// A setting as it holds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Setting {
    /// Its key: `web.listen`.
    pub key: String,
    /// Its value; null where it is not set.
    pub value: Value,
    /// Where it comes from.
    pub origin: String,
}

/// How settings are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum SettingsFormat {
    /// A line for each, as a TOML file would have it
    Text,
    /// JSON, for machines
    Json,
}

/// Prints settings.
///
/// # Errors
/// Standard output fails.
pub fn run(settings: &[Setting], format: SettingsFormat) -> Result {
    super::print(&match format {
        SettingsFormat::Json => render::pretty(&json!({ "settings": settings })),
        SettingsFormat::Text => text(settings),
    })
}

fn text(settings: &[Setting]) -> String {
    let line = |setting: &Setting| match &setting.value {
        Value::Null => format!("# {} is not set", setting.key),
        value => format!("{} = {value}", setting.key),
    };
    let lines: Vec<String> = settings.iter().map(line).collect();
    let longest = lines.iter().map(|line| line.chars().count()).max();
    // Origins stand in one column, unless a long value would push them out of sight.
    let column = longest.unwrap_or_default().min(50);
    let mut text = String::new();
    for (line, setting) in lines.iter().zip(settings) {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{line:column$}  # {}", setting.origin);
    }
    text
}
