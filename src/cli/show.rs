//! `show`: an entry by its id.

use std::collections::BTreeMap;

use super::render::{self, Page};
use super::{CommandError, Content, Format, Result};
use crate::faq::version::ClusterVersion;

/// The arguments of `show`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The entry's id, such as pod-crashloopbackoff
    id: String,
    #[command(flatten)]
    content: Content,
    /// How to write the entry
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    /// The cluster's version, such as 1.33: leave out steps that do not hold for it
    #[arg(long, value_name = "VERSION")]
    kubernetes: Option<ClusterVersion>,
}

/// Shows an entry.
///
/// # Errors
/// No entry has the id, or standard output fails.
pub fn run(arguments: &Arguments) -> Result {
    let faq = arguments.content.load()?;
    let typed = arguments.id.trim();
    let Some(entry) = typed.parse().ok().and_then(|id| faq.entry(&id)) else {
        let shown: String = typed.chars().take(80).collect();
        let cure = match faq.catalog().closest_id(typed) {
            Some(id) => format!("did you mean `{id}`?"),
            None => "`k8sfaq list` lists the ids".to_owned(),
        };
        return Err(CommandError::Usage(format!(
            "no entry has the id `{shown}`: {cure}"
        )));
    };
    let page = Page {
        faq: &faq,
        version: arguments.kubernetes,
        values: BTreeMap::new(),
        width: super::width(),
    };
    super::print(&match arguments.format {
        Format::Text => page.entry(entry),
        Format::Markdown => page.entry_markdown(entry),
        Format::Json => render::pretty(&page.entry_json(entry)),
    })
}
