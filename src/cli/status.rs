//! `status`: what is wrong in a cluster now.

use std::time::Duration;

use super::looking::{self, Configured};
use super::{CommandError, Content, Exit, Result, render};
use crate::cluster::evidence::{Evidence, NotChecked, Why};
use crate::cluster::lookup::{Lookup, What};

/// The arguments of `status`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Ends with status 1 where anything was found, 2 where nothing was found and not all could be looked at, else 0."
)]
pub struct Arguments {
    #[command(flatten)]
    looking: looking::Where,
    #[command(flatten)]
    content: Content,
    /// How to write the findings
    #[arg(long, value_enum, default_value = "text")]
    format: StatusFormat,
}

/// How findings are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum StatusFormat {
    /// By owner, the worst first, consequences under their causes
    Text,
    /// JSON, for machines
    Json,
}

/// How long a person waits for a server that answers, only slowly. No answer of the FAQ waits behind this one.
const PATIENCE: Duration = Duration::from_secs(15);

/// Whether a part came in time and a part did not.
fn is_slow(evidence: &Evidence) -> bool {
    let late = |missed: &NotChecked| missed.why == Why::TimedOut;
    evidence.looked_at.objects > 0 && evidence.not_checked.iter().any(late)
}

/// Prints what is wrong.
///
/// # Errors
/// The content cannot be used, or standard output fails.
pub fn run(arguments: &Arguments, configured: &Configured) -> Result {
    let catalog = arguments.content.catalog()?;
    let evidence = looking::wait(async {
        let looking = arguments.looking.find(configured).await?;
        let mut lookup = Lookup {
            what: What::Overview,
            scope: looking.scope,
            deadline: looking.deadline,
        };
        let entries = looking::entries(&catalog);
        let mut evidence = looking.cluster.lookup(&lookup, &entries).await;
        if is_slow(&evidence) && lookup.deadline < PATIENCE {
            lookup.deadline = PATIENCE;
            evidence = looking.cluster.lookup(&lookup, &entries).await;
        }
        Ok::<Evidence, Box<Evidence>>(evidence.as_ref().clone())
    })?;
    let evidence = evidence.unwrap_or_else(|nothing| *nothing);
    super::print(&match arguments.format {
        StatusFormat::Text => looking::text(&evidence),
        StatusFormat::Json => {
            let json = serde_json::to_value(&evidence);
            render::pretty(&json.map_err(|error| CommandError::Process(error.into()))?)
        }
    })?;
    Ok(if !evidence.findings.is_empty() {
        Exit::NotFound
    } else if evidence.not_checked.is_empty() {
        Exit::Found
    } else {
        Exit::NotLooked
    })
}
