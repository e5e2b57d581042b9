//! The contract's person in Slack.

use std::sync::Arc;

use k8sfaq::bot::request::Vote;
use k8sfaq::slack::Mode;
use k8sfaq::slack::conversation::Core;
use serde_json::{Value, json};

use super::message::Message;
use super::team::Team;
use super::{Chat, Use};
use crate::slack::fake::Call;
use crate::slack::workspace::{At, Workspace, string};

pub const CHANNEL: &str = "C1";

const PERSON: &str = "U1";

/// Over Socket Mode, or over HTTP.
pub struct Slack<const IS_HTTP: bool>(Workspace);

/// The number of the call that brought a message, and the payload's buttons.
#[derive(Debug, Clone)]
pub struct Origin {
    call: usize,
    body: Value,
}

impl<const IS_HTTP: bool> Chat for Slack<IS_HTTP> {
    type Origin = Origin;

    async fn open(team: &Team) -> Self {
        let core = Core {
            bot: Arc::clone(&team.bot),
            handle: Arc::clone(&team.handle),
        };
        let mode = if IS_HTTP { Mode::Http } else { Mode::Socket };
        Slack(Workspace::open_with(mode, core, |_| {}).await)
    }

    async fn asks(&self, text: &str) -> Message<Origin> {
        let before = self.calls();
        let payload = self.0.command_payload(text);
        self.0.deliver("slash_commands", &payload).await;
        self.message(before).await
    }

    async fn mentions(&self, text: &str) -> Message<Origin> {
        let before = self.calls();
        let payload = self.0.mention_payload(&format!("<@UBOT> {text}"), None);
        self.0.deliver("events_api", &payload).await;
        self.message(before).await
    }

    async fn asks_about(&self, text: &str) -> Message<Origin> {
        let before = self.calls();
        let message =
            json!({"type": "message", "user": "U2", "text": text, "ts": "1650000000.000100"});
        let payload = self.0.shortcut_payload(&message);
        self.0.deliver("interactive", &payload).await;
        self.message(before).await
    }

    async fn uses(&self, message: &Message<Origin>, what: Use<'_>) -> Message<Origin> {
        let before = self.calls();
        let button = button(&message.origin.body, what);
        let at = if message.is_private {
            At::Ephemeral { channel: CHANNEL }
        } else {
            let newest = |world: &crate::slack::fake::World| {
                world.messages.iter().map(|(_, ts)| ts.clone()).max()
            };
            At::Public {
                channel: CHANNEL,
                ts: self.0.fake.until("the message", newest).await,
                thread: Some(string(&message.origin.body["thread_ts"])),
            }
        };
        self.0.press(&button, PERSON, &at).await;
        self.message(before).await
    }

    async fn later(&self, message: &Message<Origin>) -> Message<Origin> {
        self.message(message.origin.call + 1).await
    }

    async fn close(self) {
        self.0.close().await;
    }
}

impl<const IS_HTTP: bool> Slack<IS_HTTP> {
    fn calls(&self) -> usize {
        self.0.fake.world.lock().unwrap().calls.len()
    }

    /// The first message since a call that Slack did.
    async fn message(&self, since: usize) -> Message<Origin> {
        self.0
            .fake
            .until("a message", |world| {
                let calls = world.calls.iter().enumerate().skip(since);
                let shown = |call: &Call| call.done && call.body["text"].is_string();
                let (number, call) = calls.into_iter().find(|(_, call)| shown(call))?;
                Some(seen(number, call))
            })
            .await
    }
}

fn seen(number: usize, call: &Call) -> Message<Origin> {
    let body = &call.body;
    let is_private = match call.method.as_str() {
        "chat.postMessage" | "chat.update" => false,
        "chat.postEphemeral" => true,
        // What replaces a private message stays private.
        _ => body["response_type"] != "in_channel",
    };
    let origin = Origin {
        call: number,
        body: body.clone(),
    };
    let mut message = Message::at(origin, is_private);
    // Screen readers read the text in place of the blocks, and Slack acts on the marks in it.
    let text = string(&body["text"]);
    let marks = text.match_indices('<').map(|(at, _)| text[at..].to_owned());
    message.mentions.extend(marks);
    for block in body["blocks"].as_array().into_iter().flatten() {
        push(block, &mut message);
        message.says("\n");
    }
    if body["blocks"].as_array().is_none_or(Vec::is_empty) {
        message.says(&text);
    }
    message.calls = message
        .mentions
        .iter()
        .filter(|mark| mark.starts_with('<'))
        .cloned()
        .collect();
    message
}

fn push(element: &Value, message: &mut Message<Origin>) {
    match element["type"].as_str().unwrap_or_default() {
        "header" => message.says(&string(&element["text"]["text"])),
        "plain_text" | "text" => message.says(&string(&element["text"])),
        "link" => {
            message.says(&string(&element["text"]));
            message.links.push(string(&element["url"]));
        }
        "user" => {
            // A structured name: Slack shows it, and tells the person of it.
            message.mentions.push(string(&element["user_id"]));
            message.says(&string(&element["user_id"]));
        }
        "button" | "static_select" | "feedback_buttons" => push_button(element, message),
        kind => {
            let before = message.words.len();
            for inner in element["elements"].as_array().into_iter().flatten() {
                push(inner, message);
                if matches!(kind, "rich_text" | "rich_text_list") {
                    message.says("\n");
                }
            }
            if kind == "rich_text_preformatted" {
                message.commands.push(message.words[before..].to_owned());
            }
        }
    }
}

fn push_button(element: &Value, message: &mut Message<Origin>) {
    let action = string(&element["action_id"]);
    let action = action.split('.').next().unwrap_or_default();
    if let Some(url) = element["url"].as_str() {
        message.links.push(url.to_owned());
    }
    let carried = |value: &Value| -> Value {
        serde_json::from_str(value.as_str().unwrap_or_default()).unwrap_or_default()
    };
    match action {
        "pick" => {
            let options = element["options"].as_array().into_iter().flatten();
            for value in options
                .map(|option| &option["value"])
                .chain([&element["value"]])
            {
                message
                    .choices
                    .extend(carried(value)["e"].as_str().map(str::to_owned));
            }
        }
        "share" => message.can_share = true,
        "vote" => {
            let value = carried(&element["positive_button"]["value"]);
            message.entry = value["e"].as_str().map(str::to_owned);
        }
        "why" => message
            .reasons
            .push(string(&carried(&element["value"])["w"])),
        _ => {}
    }
    if action != "vote" {
        message.says(&format!(" [{}]", string(&element["text"]["text"])));
    }
}

/// The `action_id` and the value of a button.
fn button(body: &Value, what: Use<'_>) -> (String, String) {
    let is_wanted = |action: &str, value: &str| {
        let carried: Value = serde_json::from_str(value).unwrap_or_default();
        match what {
            Use::Choose(entry) => action == "pick" && carried["e"] == entry,
            Use::Share => action == "share",
            Use::Vote(vote) => action == "vote" && carried["d"] == (vote == Vote::Up),
            Use::Because(why) => action == "why" && carried["w"] == why,
        }
    };
    let blocks = body["blocks"].as_array().into_iter().flatten();
    let elements = blocks.flat_map(|block| block["elements"].as_array().into_iter().flatten());
    for element in elements {
        let id = string(&element["action_id"]);
        let action = id.split('.').next().unwrap_or_default();
        let options = element["options"].as_array().into_iter().flatten();
        let values = options.map(|option| &option["value"]).chain([
            &element["value"],
            &element["positive_button"]["value"],
            &element["negative_button"]["value"],
        ]);
        for value in values.filter_map(Value::as_str) {
            if is_wanted(action, value) {
                return (id, value.to_owned());
            }
        }
    }
    panic!("no {what:?} in {body:#}");
}
