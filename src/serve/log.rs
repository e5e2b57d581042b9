//! The log: text for people, JSON for machines.

use std::io::IsTerminal;

use serde::{Deserialize, Serialize};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

/// The settings of the log.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// How lines are written.
    pub format: Format,
    /// The least level that is written. Below `info`, lines may hold what people asked.
    pub level: Level,
}

/// How lines are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// The least level that is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// What keeps the bot from answering.
    Error,
    /// And what somebody should look at.
    Warn,
    /// And what happens seldom: start, stop, reload, reconnect.
    #[default]
    Info,
    /// And what happens with every request.
    Debug,
    /// And everything.
    Trace,
}

/// Writes the log to standard error from now on. Other crates write warnings only: at lower levels some print tokens and texts.
///
/// # Errors
/// Something writes a log already.
pub fn start(settings: &Settings) -> Result<(), TryInitError> {
    let level = match settings.level {
        Level::Error => "error",
        Level::Warn => "warn",
        Level::Info => "info",
        Level::Debug => "debug",
        Level::Trace => "trace",
    };
    let others = if settings.level == Level::Error {
        "error"
    } else {
        "warn"
    };
    let filter = EnvFilter::new(format!("{others},k8sfaq={level}"));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    match settings.format {
        Format::Text => log.finish().try_init(),
        Format::Json => log.json().flatten_event(true).finish().try_init(),
    }
}
