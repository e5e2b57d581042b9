//! Markdown blocks as Slack's rich text.
//!
//! Rich text is structure, not markup: a text element shows its text as it stands, so nothing in an entry, a finding or a
//! question can become a mention, a link or broken formatting, and a command copies exactly as it was written. Fences lose
//! their language: Slack's list of languages is not published, and an unknown one would cost the whole message.

use serde_json::{Value, json};

use super::text::visible;
use crate::faq::markdown::{Block, Inline};

/// Blocks as `rich_text` blocks, one a section: Slack leaves a gap between blocks.
#[must_use]
pub fn blocks(blocks: &[Block]) -> Vec<Value> {
    let mut sections: Vec<Vec<Value>> = vec![Vec::new()];
    for block in blocks {
        if matches!(block, Block::Heading { level: 2, .. }) {
            sections.push(Vec::new());
        }
        if let Some(section) = sections.last_mut() {
            push_block(block, section);
        }
    }
    sections
        .into_iter()
        .filter(|elements| !elements.is_empty())
        .map(rich_text)
        .collect()
}

/// A run of text as one `rich_text` block.
#[must_use]
pub fn paragraph(inlines: &[Inline]) -> Value {
    rich_text(vec![section(elements(inlines, Style::default()))])
}

/// A `rich_text` block of the given elements.
#[must_use]
pub fn rich_text(elements: Vec<Value>) -> Value {
    json!({"type": "rich_text", "elements": Value::Array(elements)})
}

/// A section of the given elements.
#[must_use]
pub fn section(mut elements: Vec<Value>) -> Value {
    if elements.is_empty() {
        elements.push(plain(" "));
    }
    json!({"type": "rich_text_section", "elements": Value::Array(elements)})
}

/// Plain text.
#[must_use]
pub fn plain(text: &str) -> Value {
    styled(text, Style::default())
}

/// Bold text.
#[must_use]
pub fn bold(text: &str) -> Value {
    styled(
        text,
        Style {
            bold: true,
            ..Style::default()
        },
    )
}

/// Code within a line.
#[must_use]
pub fn code(text: &str) -> Value {
    styled(
        text,
        Style {
            code: true,
            ..Style::default()
        },
    )
}

/// A link.
#[must_use]
pub fn link(url: &str, text: &str) -> Value {
    json!({"type": "link", "url": url, "text": visible(text)})
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Style {
    bold: bool,
    italic: bool,
    code: bool,
}

fn styled(text: &str, style: Style) -> Value {
    let text = visible(text);
    // Slack turns down an empty text element.
    let text = if text.is_empty() { " " } else { &text };
    let mut element = json!({"type": "text", "text": text});
    let mut styles = serde_json::Map::new();
    for (name, is_on) in [
        ("bold", style.bold),
        ("italic", style.italic),
        ("code", style.code),
    ] {
        if is_on {
            styles.insert(name.to_owned(), Value::Bool(true));
        }
    }
    if !styles.is_empty() {
        element["style"] = Value::Object(styles);
    }
    element
}

fn elements(inlines: &[Inline], style: Style) -> Vec<Value> {
    let mut found = Vec::new();
    for inline in inlines {
        match inline {
            Inline::Text(text) if text.is_empty() => {}
            Inline::Text(text) => found.push(styled(text, style)),
            Inline::Code(text) => found.push(styled(
                text,
                Style {
                    code: true,
                    ..style
                },
            )),
            Inline::Strong(inner) => found.extend(elements(
                inner,
                Style {
                    bold: true,
                    ..style
                },
            )),
            Inline::Emphasis(inner) => {
                found.extend(elements(
                    inner,
                    Style {
                        italic: true,
                        ..style
                    },
                ));
            }
            Inline::Link { url, text } if url.starts_with("https://") => {
                found.push(link(url, &crate::faq::markdown::plain(text)));
            }
            Inline::Link { text, .. } => found.extend(elements(text, style)),
        }
    }
    merged(found)
}

/// Neighbours of one style as one element: each costs sixty characters of JSON.
fn merged(elements: Vec<Value>) -> Vec<Value> {
    let mut merged: Vec<Value> = Vec::with_capacity(elements.len());
    for element in elements {
        if let Some(last) = merged.last_mut()
            && last["type"] == "text"
            && element["type"] == "text"
            && last["style"] == element["style"]
            && let (Some(before), Some(after)) = (last["text"].as_str(), element["text"].as_str())
        {
            last["text"] = Value::String(format!("{before}{after}"));
        } else {
            merged.push(element);
        }
    }
    merged
}

fn push_block(block: &Block, out: &mut Vec<Value>) {
    match block {
        Block::Heading { text, .. } => {
            let style = Style {
                bold: true,
                ..Style::default()
            };
            out.push(section(elements(text, style)));
        }
        Block::Paragraph(text) => {
            let mut inner = elements(text, Style::default());
            // Two sections in a row run together without it.
            inner.push(plain("\n"));
            out.push(section(merged(inner)));
        }
        Block::List { start, items } => push_list(*start, items, 0, out),
        Block::Code { text, .. } => out.push(preformatted(text)),
    }
}

fn preformatted(text: &str) -> Value {
    json!({"type": "rich_text_preformatted", "elements": [plain(text)]})
}

/// A list. Slack's items hold text alone, so a fence or an inner list ends Slack's list, and the next one counts on.
fn push_list(start: Option<u64>, items: &[Vec<Block>], indent: u64, out: &mut Vec<Value>) {
    let mut gathered: Vec<Value> = Vec::new();
    let mut first = 0;
    for (number, item) in items.iter().enumerate() {
        let mut text: Vec<Value> = Vec::new();
        let mut has_begun = false;
        for block in item {
            match block {
                Block::Paragraph(inlines) | Block::Heading { text: inlines, .. } if !has_begun => {
                    if !text.is_empty() {
                        text.push(plain("\n"));
                    }
                    text.extend(elements(inlines, Style::default()));
                }
                other => {
                    if !has_begun {
                        gathered.push(section(merged(std::mem::take(&mut text))));
                        flush(start, first, indent, &mut gathered, out);
                        has_begun = true;
                    }
                    match other {
                        Block::List { start, items } => push_list(*start, items, indent + 1, out),
                        other => push_block(other, out),
                    }
                }
            }
        }
        if has_begun {
            first = number + 1;
        } else {
            gathered.push(section(merged(text)));
        }
    }
    flush(start, first, indent, &mut gathered, out);
}

fn flush(
    start: Option<u64>,
    first: usize,
    indent: u64,
    gathered: &mut Vec<Value>,
    out: &mut Vec<Value>,
) {
    if gathered.is_empty() {
        return;
    }
    let mut list = json!({
        "type": "rich_text_list",
        "style": if start.is_some() { "ordered" } else { "bullet" },
        "indent": indent,
        "elements": std::mem::take(gathered),
    });
    if let Some(start) = start {
        let offset = start.saturating_sub(1) + first as u64;
        if offset > 0 {
            list["offset"] = Value::from(offset);
        }
    }
    out.push(list);
}
