//! The contract's person in Discord.

use std::ops::Range;
use std::sync::Arc;

use k8sfaq::discord::Answers;
use pulldown_cmark::{Event, Parser, Tag, TagEnd};
use serde_json::{Value, json};

use super::message::Message;
use super::team::Team;
use super::{Chat, Use};
use crate::discord::bot::{Running, message_of, written};
use crate::discord::fake::{BOB, BOT, CHANNEL, DIRECT, Fakes};

pub fn channel() -> String {
    CHANNEL.to_string()
}

pub struct Discord(Running);

/// Where a message is, and what it looked like.
#[derive(Debug, Clone)]
pub struct Origin {
    at: At,
    body: Value,
}

#[derive(Debug, Clone, Copy)]
enum At {
    /// The answer to an interaction.
    Interaction(u64),
    /// Beside the answer to an interaction, for the asker alone.
    Beside,
    /// In a channel: the number of the message.
    Posted(usize),
}

impl Chat for Discord {
    type Origin = Origin;

    async fn open(team: &Team) -> Self {
        let answers = Answers {
            bot: Arc::clone(&team.bot),
            handle: Arc::clone(&team.handle),
        };
        Discord(Running::start_with(answers).await)
    }

    async fn asks(&self, text: &str) -> Message<Origin> {
        let options = json!([
            {"name": "question", "type": 3, "value": text},
            {"name": "private", "type": 5, "value": true},
        ]);
        let data = json!({"id": "600", "name": "k8sfaq", "type": 1, "options": options});
        self.answer(self.0.fake.interaction(2, data, json!({})))
            .await
    }

    async fn mentions(&self, text: &str) -> Message<Origin> {
        let before = self.0.fake.with(|state| state.messages.len());
        let message = written(self.0.fake.id(), &format!("<@{BOT}> {text}"));
        let body = self.0.sends(message).await;
        seen(At::Posted(before), false, &body)
    }

    async fn asks_about(&self, text: &str) -> Message<Origin> {
        let message = message_of(BOB, text);
        let id = string(&message["id"]);
        let data = json!({"id": "601", "name": "Answer from FAQ", "type": 3, "target_id": id,
            "resolved": {"messages": {id: message}}});
        let asked = self.0.fake.interaction(2, data, json!({}));
        self.answer(asked).await
    }

    async fn uses(&self, message: &Message<Origin>, what: Use<'_>) -> Message<Origin> {
        let mut data = component(&message.origin.body, what);
        if let Use::Choose(entry) = what {
            data["values"] = json!([entry]);
        }
        let mut under = message_of(BOT, "an answer");
        under["flags"] = json!(if message.is_private { 64 } else { 0 });
        let used = self.0.fake.interaction(3, data, json!({"message": under}));
        let mut answer = self.answer(used).await;
        // What takes the place of a message is seen by whoever saw that.
        let kind = self
            .0
            .fake
            .with(|state| state.interactions[&used].acknowledged);
        if kind.unwrap().0 == 7 {
            answer.is_private = message.is_private;
        }
        answer
    }

    async fn later(&self, message: &Message<Origin>) -> Message<Origin> {
        let later = |state: &mut Fakes| match message.origin.at {
            At::Interaction(id) => {
                let call = state.interactions.get(&id)?;
                if let Some(beside) = call.follow_ups.first() {
                    return Some(seen(At::Beside, beside["flags"] == 64, beside));
                }
                let body = call.message.as_ref()?;
                let is_edited = *body != message.origin.body;
                is_edited.then(|| seen(message.origin.at, call.is_private, body))
            }
            At::Posted(number) => {
                let body = &state.messages[number];
                if *body != message.origin.body {
                    return Some(seen(message.origin.at, false, body));
                }
                let (at, beside) = state.messages.iter().enumerate().nth(number + 1)?;
                let is_direct = beside["channel_id"].as_str() == Some(&DIRECT.to_string());
                Some(seen(At::Posted(at), is_direct, beside))
            }
            At::Beside => None,
        };
        self.0.fake.until("what comes later", later).await
    }

    async fn close(self) {
        self.0.ends().await;
    }
}

impl Discord {
    /// What an interaction is answered with.
    async fn answer(&self, asked: u64) -> Message<Origin> {
        let answer = |state: &mut Fakes| {
            let call = state.interactions.get(&asked)?;
            let body = call.message.as_ref()?;
            Some(seen(At::Interaction(asked), call.is_private, body))
        };
        self.0.fake.until("an answer", answer).await
    }
}

fn seen(at: At, is_private: bool, body: &Value) -> Message<Origin> {
    let origin = Origin {
        at,
        body: body.clone(),
    };
    let mut message = Message::at(origin, is_private);
    push_markdown(&string(&body["content"]), &mut message);
    for embed in body["embeds"].as_array().into_iter().flatten() {
        push_markdown(&string(&embed["title"]), &mut message);
        message
            .links
            .extend(embed["url"].as_str().map(str::to_owned));
        push_markdown(&string(&embed["description"]), &mut message);
        // A footer knows no marks.
        message.says(&string(&embed["footer"]["text"]));
        message.says("\n");
    }
    for row in body["components"].as_array().into_iter().flatten() {
        for component in row["components"].as_array().into_iter().flatten() {
            push_component(component, &mut message);
        }
    }
    let allowed = &body["allowed_mentions"];
    let allowed = [&allowed["parse"], &allowed["users"], &allowed["roles"]];
    let called = allowed.into_iter().filter_map(Value::as_array).flatten();
    message.calls = called.map(string).collect();
    message
}

/// Stands for an ampersand: Discord knows no entities.
const AMPERSAND: char = '\u{e000}';

/// What a reader of Markdown sees. Discord's own dialect is near enough to the common one for words, fences and links.
fn push_markdown(markdown: &str, message: &mut Message<Origin>) {
    let markdown = markdown.replace('&', &AMPERSAND.to_string());
    let read = |text: &str| text.replace(AMPERSAND, "&").replace('\u{200b}', "");
    let mut fence: Option<String> = None;
    for (event, range) in Parser::new(&markdown).into_offset_iter() {
        match event {
            Event::Text(text) => {
                match &mut fence {
                    Some(fence) => fence.push_str(&read(&text)),
                    None => message.mentions.extend(mentions(&markdown, &range)),
                }
                message.says(&read(&text));
            }
            Event::Code(text) | Event::InlineHtml(text) | Event::Html(text) => {
                message.says(&read(&text));
            }
            Event::SoftBreak | Event::HardBreak => message.says("\n"),
            Event::Start(Tag::CodeBlock(_)) => fence = Some(String::new()),
            Event::Start(Tag::Link { dest_url, .. }) => message.links.push(read(&dest_url)),
            Event::End(TagEnd::CodeBlock) => {
                let text = fence.take().unwrap_or_default();
                message
                    .commands
                    .push(text.trim_end_matches('\n').to_owned());
            }
            Event::End(TagEnd::Paragraph | TagEnd::Item | TagEnd::Heading(_)) => {
                message.says("\n");
            }
            _ => {}
        }
    }
}

/// What begins within a range that Discord makes a mention of.
fn mentions(markdown: &str, range: &Range<usize>) -> Vec<String> {
    let begins = |mark: &&str| {
        let found = markdown[range.start..].match_indices(*mark);
        let at: Vec<usize> = found.map(|(at, _)| range.start + at).collect();
        at.into_iter()
            .filter(|at| range.contains(at) && !markdown[..*at].ends_with('\\'))
            .map(|at| markdown[at..].chars().take(24).collect())
            .collect::<Vec<String>>()
    };
    ["<@", "<#", "@everyone", "@here"]
        .iter()
        .flat_map(begins)
        .collect()
}

fn push_component(component: &Value, message: &mut Message<Origin>) {
    message
        .links
        .extend(component["url"].as_str().map(str::to_owned));
    let id = string(&component["custom_id"]);
    let parts: Vec<&str> = id.split(':').collect();
    match parts.as_slice() {
        ["k1", "up", entry] => message.entry = Some((*entry).to_owned()),
        ["k1", "share", _] => message.can_share = true,
        ["k1", "why", why, _] => message.reasons.push((*why).to_owned()),
        ["k1", "pick" | "swap", ..] => {
            let options = component["options"].as_array().into_iter().flatten();
            message
                .choices
                .extend(options.map(|option| string(&option["value"])));
        }
        _ => {}
    }
    let said = [&component["label"], &component["placeholder"]];
    for said in said.into_iter().filter_map(Value::as_str) {
        message.says(&format!(" [{said}]"));
    }
}

/// What Discord tells of the use of a component.
fn component(body: &Value, what: Use<'_>) -> Value {
    let is_wanted = |component: &&Value| {
        let id = string(&component["custom_id"]);
        let parts: Vec<&str> = id.split(':').skip(1).collect();
        match (what, parts.as_slice()) {
            (Use::Choose(entry), ["pick" | "swap", ..]) => {
                let mut options = component["options"].as_array().into_iter().flatten();
                options.any(|option| option["value"] == entry)
            }
            (Use::Vote(vote), [name, _]) => *name == vote.name(),
            (Use::Because(why), ["why", name, _]) => *name == why,
            (Use::Share, ["share", _]) => true,
            _ => false,
        }
    };
    let rows = body["components"].as_array().into_iter().flatten();
    let mut components = rows.flat_map(|row| row["components"].as_array().into_iter().flatten());
    let Some(component) = components.find(is_wanted) else {
        panic!("no {what:?} in {body:#}");
    };
    json!({"custom_id": component["custom_id"], "component_type": component["type"]})
}

fn string(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
