//! `list`: the topics, or the entries of one.

use std::collections::BTreeMap;

use serde_json::json;

use super::render::{self, Page};
use super::{CommandError, Content, Format, Result};
use crate::faq::entry::Entry;

/// The arguments of `list`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Only the entries of this topic
    topic: Option<String>,
    #[command(flatten)]
    content: Content,
    /// How to write the list
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// Lists entries.
///
/// # Errors
/// There is no such topic, or standard output fails.
pub fn run(arguments: &Arguments) -> Result {
    let faq = arguments.content.load()?;
    let mut topics = faq.catalog().topics();
    if let Some(typed) = &arguments.topic {
        topics.retain(|topic, _| topic == typed);
        if topics.is_empty() {
            let shown: String = typed.chars().take(80).collect();
            let cure = match faq.catalog().closest_topic(typed) {
                Some(topic) => format!("did you mean `{topic}`?"),
                None => "`k8sfaq list` lists the topics".to_owned(),
            };
            return Err(CommandError::Usage(format!(
                "there is no topic `{shown}`: {cure}"
            )));
        }
    }
    let page = Page {
        faq: &faq,
        version: None,
        values: BTreeMap::new(),
        width: super::width(),
    };
    super::print(&match arguments.format {
        Format::Text => page.topics(&topics),
        Format::Markdown => render::topics_markdown(&topics),
        Format::Json => {
            let entries: Vec<_> = topics
                .values()
                .flatten()
                .map(|entry| brief(entry))
                .collect();
            render::pretty(&json!(entries))
        }
    })
}

fn brief(entry: &Entry) -> serde_json::Value {
    json!({ "id": entry.id.as_str(), "topic": entry.topic, "title": entry.title })
}
