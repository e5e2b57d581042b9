//! The bot's home in Slack, its modal and its suggested prompts.

use serde_json::{Value, json};

use super::button::{Button, SEARCH};
use super::parts::{actions, button};
use super::render::Message;
use super::rich;
use crate::bot::EXAMPLES;
use crate::bot::reply::{Reply, Shown};

/// Most topics with a button of their own.
const MAX_TOPICS: usize = 20;

/// Longest question of the search box, in characters.
const MAX_QUESTION: usize = 3_000;

/// The home tab: what it does, examples, a search box, the topics, the version.
#[must_use]
pub fn view(help: &Shown, topics: &Shown) -> Value {
    let entries = match &help.reply {
        Reply::Help(help) => help.entries,
        _ => 0,
    };
    let mut blocks = vec![
        json!({
            "type": "header",
            "text": {"type": "plain_text", "text": "Kubernetes answers", "emoji": false},
        }),
        sentence(&format!(
            "I answer Kubernetes questions out of {entries} entries that people wrote and checked, and name the sources. Ask me here, with /k8sfaq, with a mention in a channel, or with “Find answer” in a message's menu."
        )),
        json!({
            "type": "input",
            "dispatch_action": true,
            "element": {
                "type": "plain_text_input",
                "action_id": SEARCH,
                "max_length": MAX_QUESTION,
                "placeholder": {"type": "plain_text", "text": "A question or an error line", "emoji": false},
                "dispatch_action_config": {"trigger_actions_on": ["on_enter_pressed"]},
            },
            "label": {"type": "plain_text", "text": "Search", "emoji": false},
        }),
        sentence("Try one of these:"),
        actions(
            EXAMPLES
                .iter()
                .enumerate()
                .map(|(number, example)| {
                    button(example, &Button::Ask((*example).to_owned()), number)
                })
                .collect(),
        ),
    ];
    if let Reply::Topics(topics) = &topics.reply
        && !topics.is_empty()
    {
        blocks.push(sentence("Or look through a topic:"));
        blocks.push(actions(
            topics
                .iter()
                .take(MAX_TOPICS)
                .enumerate()
                .map(|(number, (topic, count))| {
                    button(
                        &format!("{topic} ({count})"),
                        &Button::Ask(format!("topics {topic}")),
                        EXAMPLES.len() + number,
                    )
                })
                .collect(),
        ));
    }
    blocks.push(json!({
        "type": "context",
        "elements": [{
            "type": "plain_text",
            "text": format!("k8sfaq {} · answering", env!("CARGO_PKG_VERSION")),
            "emoji": false,
        }],
    }));
    json!({"type": "home", "blocks": blocks})
}

/// A modal that shows a message.
#[must_use]
pub fn modal(message: &Message) -> Value {
    json!({
        "type": "modal",
        "title": {"type": "plain_text", "text": "k8sfaq", "emoji": false},
        "close": {"type": "plain_text", "text": "Close", "emoji": false},
        "blocks": message.blocks,
    })
}

/// What can be asked with one press in an empty conversation. A `thread_ts` belongs to the older kind of assistants.
#[must_use]
pub fn prompts(channel: &str) -> Value {
    json!({
        "channel_id": channel,
        "title": "For example:",
        "prompts": EXAMPLES
            .iter()
            .map(|example| json!({"title": example, "message": example}))
            .collect::<Vec<_>>(),
    })
}

fn sentence(text: &str) -> Value {
    rich::rich_text(vec![rich::section(vec![rich::plain(text)])])
}
