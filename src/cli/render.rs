//! Entries and answers → text for a terminal, Markdown or JSON. Pure.

use std::collections::BTreeMap;
use std::fmt::Write;

use anstyle::{AnsiColor, Style};
use serde_json::{Value, json};
use textwrap::Options;

use super::looking;
use crate::cluster::evidence::Evidence;
use crate::faq::answer::{Answer, Faq, Hit, Outcome};
use crate::faq::entry::{Entry, Origin};
use crate::faq::markdown::{Block, Inline, plain};
use crate::faq::placeholder;
use crate::faq::version::ClusterVersion;

const BOLD: Style = Style::new().bold();
const CODE: Style = AnsiColor::Cyan.on_default();
const DIM: Style = Style::new().dimmed();
const HEADING: Style = AnsiColor::Yellow.on_default().bold();

/// What a page is drawn from.
pub(super) struct Page<'a> {
    pub faq: &'a Faq,
    /// The cluster's version, where it is known.
    pub version: Option<ClusterVersion>,
    /// Real names for the placeholders in commands.
    pub values: BTreeMap<String, String>,
    /// Columns.
    pub width: usize,
}

/// JSON for people's eyes, with a line feed at the end.
pub(super) fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

impl Page<'_> {
    /// An answer, as text.
    pub fn answer(&self, answer: &Answer) -> String {
        let mut out = String::new();
        match answer.outcome {
            Outcome::Entry => {
                if let Some(entry) = self.first(answer) {
                    out.push_str(&self.entry(entry));
                }
                self.how_sure(answer, &mut out);
            }
            Outcome::Choices => {
                out.push_str("Several entries are near. Which one do you mean?\n\n");
                self.hits(&answer.hits, &mut out);
                out.push_str("\nShow one with `k8sfaq show ID`, or ask with one more detail: the status, the error line, the kind of object.\n");
            }
            Outcome::NoMatch => {
                out.push_str("I have no answer to that.\n");
                if !answer.hits.is_empty() {
                    out.push_str("\nThe nearest entries are:\n\n");
                    self.hits(&answer.hits[..answer.hits.len().min(3)], &mut out);
                }
                out.push_str("\nAsk with the status (`Pending`), the error line, or the kind of object (`ingress`); `k8sfaq list` shows all topics.\n");
            }
        }
        out
    }

    fn first(&self, answer: &Answer) -> Option<&Entry> {
        answer.hits.first().and_then(|hit| self.faq.entry(&hit.id))
    }

    fn how_sure(&self, answer: &Answer, out: &mut String) {
        match (&answer.signature, answer.hits.first()) {
            (Some(fragment), _) => {
                let fragment: String = fragment.chars().take(100).collect();
                self.wrapped(
                    &format!("matched by “{}”", visible(&fragment)),
                    "",
                    "",
                    DIM,
                    out,
                );
            }
            (None, Some(hit)) => {
                self.wrapped(
                    &format!("match {:.0} %", hit.score * 100.0),
                    "",
                    "",
                    DIM,
                    out,
                );
            }
            (None, None) => {}
        }
        let others: Vec<&str> = answer
            .hits
            .iter()
            .skip(1)
            .take(3)
            .map(|hit| hit.id.as_str())
            .collect();
        if !others.is_empty() {
            self.wrapped(
                &format!("not what you meant? {}", others.join(", ")),
                "",
                "",
                DIM,
                out,
            );
        }
    }

    fn hits(&self, hits: &[Hit], out: &mut String) {
        for entry in hits.iter().filter_map(|hit| self.faq.entry(&hit.id)) {
            self.wrapped(&entry.title, "  ", "  ", BOLD, out);
            self.wrapped(
                &format!("k8sfaq show {}", entry.id),
                "    ",
                "    ",
                CODE,
                out,
            );
        }
    }

    /// An entry, as text.
    pub fn entry(&self, entry: &Entry) -> String {
        let mut out = String::new();
        self.wrapped(&entry.title, "", "", BOLD, &mut out);
        out.push('\n');
        self.prose(&entry.lead, "", "", &mut out);
        self.blocks(&self.steps(entry), 0, &mut out);
        if !entry.sources.is_empty() {
            let _ = write!(out, "\n{HEADING}Sources{HEADING:#}\n");
            for source in &entry.sources {
                self.wrapped(&source.title, "  ", "    ", Style::new(), &mut out);
                let _ = writeln!(out, "    {}", link(&source.url));
            }
        }
        out.push('\n');
        let related: Vec<&str> = entry
            .related
            .iter()
            .map(crate::faq::id::EntryId::as_str)
            .collect();
        if !related.is_empty() {
            self.wrapped(
                &format!("related: {}", related.join(", ")),
                "",
                "",
                DIM,
                &mut out,
            );
        }
        self.wrapped(&footer(entry), "", "", DIM, &mut out);
        out
    }

    /// The topics with their entries, as text.
    pub fn topics(&self, topics: &BTreeMap<&str, Vec<&Entry>>) -> String {
        let mut out = String::new();
        for (place, (topic, entries)) in topics.iter().enumerate() {
            if place > 0 {
                out.push('\n');
            }
            let _ = writeln!(
                out,
                "{HEADING}{topic}{HEADING:#} {DIM}({}){DIM:#}",
                entries.len()
            );
            for entry in entries {
                let _ = writeln!(out, "  {CODE}{}{CODE:#}", entry.id);
                self.wrapped(&entry.title, "    ", "    ", Style::new(), &mut out);
            }
        }
        out
    }

    /// An answer, as Markdown.
    pub fn answer_markdown(&self, answer: &Answer) -> String {
        let list = |hits: &[Hit]| {
            hits.iter().filter_map(|hit| self.faq.entry(&hit.id)).fold(
                String::new(),
                |mut list, entry| {
                    let _ = writeln!(list, "- `{}`: {}", entry.id, entry.title);
                    list
                },
            )
        };
        match answer.outcome {
            Outcome::Entry => self
                .first(answer)
                .map(|entry| self.entry_markdown(entry))
                .unwrap_or_default(),
            Outcome::Choices => format!("Several entries are near:\n\n{}", list(&answer.hits)),
            Outcome::NoMatch => format!(
                "I have no answer to that. The nearest entries are:\n\n{}",
                list(&answer.hits[..answer.hits.len().min(3)])
            ),
        }
    }

    /// An entry, as Markdown.
    pub fn entry_markdown(&self, entry: &Entry) -> String {
        let mut out = format!("# {}\n\n", entry.title);
        push_inlines(&entry.lead, &mut out);
        out.push_str("\n\n");
        push_markdown(&self.steps(entry), "", &mut out);
        if !entry.sources.is_empty() {
            out.push_str("## Sources\n\n");
            for source in &entry.sources {
                let _ = writeln!(out, "- [{}]({})", source.title, source.url);
            }
            out.push('\n');
        }
        let _ = writeln!(out, "*{}*", footer(entry));
        out
    }

    /// An entry, as JSON; its body is Markdown.
    pub fn entry_json(&self, entry: &Entry) -> Value {
        let mut body = String::new();
        push_markdown(&self.steps(entry), "", &mut body);
        let ids = |ids: &[crate::faq::id::EntryId]| {
            ids.iter().map(|id| json!(id.as_str())).collect::<Vec<_>>()
        };
        let names = |conditions: &[crate::faq::condition::Condition]| {
            conditions
                .iter()
                .map(|condition| json!(condition.name()))
                .collect::<Vec<_>>()
        };
        json!({
            "id": entry.id.as_str(),
            "topic": entry.topic,
            "title": entry.title,
            "answer": entry.lead_text(),
            "body": body.trim_end(),
            "sources": entry.sources.iter().map(|source| json!({ "title": source.title, "url": source.url })).collect::<Vec<_>>(),
            "related": ids(&entry.related),
            "explains": names(&entry.explains),
            "looks_for": names(&entry.looks_for),
            "reviewed": entry.reviewed.map(|date| date.to_string()),
            "from": entry.origin.to_string(),
        })
    }

    fn steps(&self, entry: &Entry) -> Vec<Block> {
        placeholder::fill(&entry.steps(self.version), &self.values)
    }

    fn blocks(&self, blocks: &[Block], indent: usize, out: &mut String) {
        let margin = " ".repeat(indent);
        for block in blocks {
            match block {
                Block::Heading { text, .. } => {
                    let _ = write!(out, "\n{HEADING}{}{HEADING:#}\n", visible(&plain(text)));
                }
                Block::Paragraph(text) => {
                    if indent == 0 {
                        out.push('\n');
                    }
                    self.prose(text, &margin, &margin, out);
                }
                Block::Code { text, .. } => {
                    for line in text.lines() {
                        let _ = writeln!(out, "{margin}    {CODE}{}{CODE:#}", visible(line));
                    }
                }
                Block::List { start, items } => self.list(*start, items, indent, out),
            }
        }
    }

    fn list(&self, start: Option<u64>, items: &[Vec<Block>], indent: usize, out: &mut String) {
        for (place, item) in (0..).zip(items) {
            let bullet = match start {
                Some(start) => format!("{}. ", start + place),
                None => "• ".to_owned(),
            };
            let first = format!("{}  {bullet}", " ".repeat(indent));
            let rest = " ".repeat(indent + 2 + bullet.chars().count());
            let below = if let Some((Block::Paragraph(text), below)) = item.split_first() {
                self.prose(text, &first, &rest, out);
                below
            } else {
                let _ = writeln!(out, "{}", first.trim_end());
                item
            };
            self.blocks(below, rest.len(), out);
        }
    }

    /// Styled text, wrapped.
    fn prose(&self, inlines: &[Inline], first: &str, rest: &str, out: &mut String) {
        let mut text = String::new();
        push_styled(inlines, &mut text);
        self.wrapped(&text, first, rest, Style::new(), out);
    }

    fn wrapped(&self, text: &str, first: &str, rest: &str, style: Style, out: &mut String) {
        let options = Options::new(self.width)
            .initial_indent(first)
            .subsequent_indent(rest)
            .break_words(false)
            .word_splitter(textwrap::WordSplitter::NoHyphenation);
        for line in textwrap::wrap(text, options) {
            let _ = writeln!(out, "{style}{line}{style:#}");
        }
    }
}

/// What the cluster shows, as text below an answer.
pub(super) fn evidence(evidence: Option<&Evidence>) -> String {
    evidence.map_or_else(String::new, |evidence| {
        let text = looking::text(evidence);
        format!("\n{HEADING}What the cluster shows{HEADING:#}\n{text}")
    })
}

/// What the cluster shows, as Markdown below an answer.
pub(super) fn evidence_markdown(evidence: Option<&Evidence>) -> String {
    evidence.map_or_else(String::new, |evidence| {
        // The cluster's own words cannot end the fence.
        let text = looking::text(evidence).replace("```", "` ` `");
        format!("\n## What the cluster shows\n\n```text\n{text}```\n")
    })
}

/// The topics with their entries, as Markdown.
pub(super) fn topics_markdown(topics: &BTreeMap<&str, Vec<&Entry>>) -> String {
    let mut out = String::new();
    for (topic, entries) in topics {
        let _ = write!(out, "## {topic}\n\n");
        for entry in entries {
            let _ = writeln!(out, "- `{}`: {}", entry.id, entry.title);
        }
        out.push('\n');
    }
    out
}

fn footer(entry: &Entry) -> String {
    let mut footer = format!("entry {} ({})", entry.id, entry.topic);
    if let Origin::Folder(folder) = &entry.origin {
        let _ = write!(footer, ", from {}", visible(&folder.display().to_string()));
    }
    if let Some(reviewed) = entry.reviewed {
        let _ = write!(footer, ", reviewed {reviewed}");
    }
    if !entry.versions.is_all() {
        let _ = write!(footer, ", holds for Kubernetes {}", entry.versions);
    }
    footer
}

fn push_styled(inlines: &[Inline], out: &mut String) {
    for inline in inlines {
        match inline {
            Inline::Text(text) => out.push_str(&visible(text)),
            Inline::Code(code) => {
                // A styled run may be wrapped, so every word carries the style.
                let words: Vec<String> = code
                    .split(' ')
                    .map(|word| format!("{CODE}{}{CODE:#}", visible(word)))
                    .collect();
                out.push_str(&words.join(" "));
            }
            Inline::Strong(inner) => {
                let text = visible(&plain(inner));
                let words: Vec<String> = text
                    .split(' ')
                    .map(|word| format!("{BOLD}{word}{BOLD:#}"))
                    .collect();
                out.push_str(&words.join(" "));
            }
            Inline::Emphasis(inner) => push_styled(inner, out),
            Inline::Link { url, text } => {
                push_styled(text, out);
                let _ = write!(out, " ({})", link(url));
            }
        }
    }
}

/// An address that terminals open on a click (OSC 8); where styles are taken off, the address stays.
fn link(url: &str) -> String {
    let url = visible(url);
    format!("\u{1b}]8;;{url}\u{1b}\\{url}\u{1b}]8;;\u{1b}\\")
}

/// A text without control characters: content must not be able to drive a terminal.
fn visible(text: &str) -> String {
    text.chars()
        .filter(|letter| !letter.is_control() || *letter == '\t')
        .collect()
}

fn push_markdown(blocks: &[Block], margin: &str, out: &mut String) {
    for block in blocks {
        match block {
            Block::Heading { level, text } => {
                let _ = write!(out, "{margin}{} ", "#".repeat(usize::from(*level)));
                push_inlines(text, out);
                out.push_str("\n\n");
            }
            Block::Paragraph(text) => {
                out.push_str(margin);
                push_inlines(text, out);
                out.push_str("\n\n");
            }
            Block::Code { language, text } => {
                let _ = writeln!(out, "{margin}```{language}");
                for line in text.lines() {
                    let _ = writeln!(out, "{margin}{line}");
                }
                let _ = write!(out, "{margin}```\n\n");
            }
            Block::List { start, items } => {
                for (place, item) in (0..).zip(items) {
                    let bullet = match start {
                        Some(start) => format!("{}. ", start + place),
                        None => "- ".to_owned(),
                    };
                    let inner = format!("{margin}{}", " ".repeat(bullet.len()));
                    let mut text = String::new();
                    push_markdown(item, &inner, &mut text);
                    let _ = writeln!(out, "{margin}{bullet}{}", text.trim());
                }
                out.push('\n');
            }
        }
    }
}

fn push_inlines(inlines: &[Inline], out: &mut String) {
    for inline in inlines {
        match inline {
            Inline::Text(text) => out.push_str(text),
            Inline::Code(code) => {
                let fence = if code.contains('`') { "``" } else { "`" };
                let _ = write!(out, "{fence}{code}{fence}");
            }
            Inline::Strong(inner) => {
                out.push_str("**");
                push_inlines(inner, out);
                out.push_str("**");
            }
            Inline::Emphasis(inner) => {
                out.push('*');
                push_inlines(inner, out);
                out.push('*');
            }
            Inline::Link { url, text } => {
                out.push('[');
                push_inlines(text, out);
                let _ = write!(out, "]({url})");
            }
        }
    }
}
