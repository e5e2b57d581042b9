//! The parts of a message: headers, lines, lists and buttons, within Slack's lengths. Pure.

use serde_json::{Value, json};

use super::button::{Button, Carried};
use super::rich;
use super::text::{cut, visible};
use crate::bot::request::Vote;

/// Longest label of a button, in characters.
pub(super) const MAX_LABEL: usize = 75;

/// Longest title in a header block, in characters.
pub(super) const MAX_HEADER: usize = 150;

/// Longest line of context, in characters.
pub(super) const MAX_CONTEXT: usize = 300;

pub(super) fn header(title: &str) -> Value {
    json!({
        "type": "header",
        "text": {"type": "plain_text", "text": cut(&filled(title), MAX_HEADER), "emoji": false},
    })
}

pub(super) fn plain_context(line: &str) -> Value {
    json!({
        "type": "context",
        "elements": [{"type": "plain_text", "text": cut(&filled(line), MAX_CONTEXT), "emoji": false}],
    })
}

pub(super) fn list(title: &str, rows: Vec<Value>) -> Value {
    let mut elements = vec![rich::section(vec![rich::bold(title)])];
    if !rows.is_empty() {
        elements.push(
            json!({"type": "rich_text_list", "style": "bullet", "elements": Value::Array(rows)}),
        );
    }
    rich::rich_text(elements)
}

pub(super) fn actions(elements: Vec<Value>) -> Value {
    json!({"type": "actions", "elements": Value::Array(elements)})
}

pub(super) fn button(name: &str, button: &Button, number: usize) -> Value {
    json!({
        "type": "button",
        "text": {"type": "plain_text", "text": label(name), "emoji": false},
        "action_id": button.action_id(number),
        "value": button.value(),
    })
}

pub(super) fn feedback(carried: &Carried) -> Value {
    let choice = |name: &str, spoken: &str, vote: Vote| {
        json!({
            "text": {"type": "plain_text", "text": name},
            "accessibility_label": spoken,
            "value": Button::Vote(carried.clone(), vote).value(),
        })
    };
    json!({
        "type": "context_actions",
        "elements": [{
            "type": "feedback_buttons",
            "action_id": Button::Vote(carried.clone(), Vote::Up).action_id(0),
            "positive_button": choice("Helpful", "This answer helped", Vote::Up),
            "negative_button": choice("Not helpful", "This answer did not help", Vote::Down),
        }],
    })
}

pub(super) fn label(text: &str) -> String {
    cut(&filled(&one_line(text)), MAX_LABEL)
}

pub(super) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Slack turns down empty texts.
pub(super) fn filled(text: &str) -> String {
    let text = visible(text);
    if text.trim().is_empty() {
        "–".to_owned()
    } else {
        text
    }
}
