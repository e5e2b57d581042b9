//! Messages that address the bot: mentions, replies to it, direct messages; and its replies to them.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use tokio::time::Instant;

use super::place::number;
use super::render::{self, Rendered, Setting};
use super::rest::RestError;
use super::{Adapter, Denial, Denied, lock, send};
use crate::bot::policy::Author;
use crate::bot::reply::{Audience, Refusal, Reply, Shown};
use crate::bot::request::{Action, Person, Place, Platform, Request};

/// Messages that are remembered as answered: after a resume Discord may tell of one again.
const MAX_SEEN: usize = 4096;

/// How long a channel's refusal is believed before it is tried again.
const BELIEVED_FOR: Duration = Duration::from_secs(600);

/// Discord's ids begin with the milliseconds since 2015, above 22 other bits.
const MILLISECONDS_AN_HOUR: u64 = 60 * 60 * 1000;

/// Discord's message types that people write: a message, and a reply.
const WRITTEN: [u64; 2] = [0, 19];

/// The messages that were answered lately.
#[derive(Default)]
pub(super) struct Seen(Mutex<(VecDeque<u64>, HashSet<u64>)>);

impl Seen {
    /// Whether a message is met for the first time.
    fn is_new(&self, message: u64) -> bool {
        let mut seen = lock(&self.0);
        let (order, set) = &mut *seen;
        if !set.insert(message) {
            return false;
        }
        order.push_back(message);
        if order.len() > MAX_SEEN
            && let Some(oldest) = order.pop_front()
        {
            set.remove(&oldest);
        }
        true
    }
}

/// What is read of a message.
#[derive(Debug, Deserialize)]
struct Message {
    id: Id,
    channel_id: Id,
    #[serde(default)]
    guild_id: Option<Id>,
    author: User,
    #[serde(default)]
    webhook_id: Option<Id>,
    #[serde(default)]
    content: String,
    #[serde(default, rename = "type")]
    kind: u64,
    #[serde(default)]
    mentions: Vec<User>,
    #[serde(default)]
    member: Option<Member>,
    #[serde(default)]
    #[serde(rename = "referenced_message")]
    replied_to: Option<Referenced>,
    #[serde(default)]
    embeds: Vec<Embed>,
}

/// What an alert says in an embed.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Embed {
    title: Option<String>,
    description: Option<String>,
    fields: Vec<Field>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Field {
    name: String,
    value: String,
}

#[derive(Debug, Deserialize)]
struct User {
    id: Id,
    #[serde(default)]
    username: String,
    #[serde(default)]
    bot: bool,
}

#[derive(Debug, Deserialize)]
struct Member {
    #[serde(default)]
    roles: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Referenced {
    author: User,
    #[serde(default)]
    content: String,
}

/// One of Discord's ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Id(u64);

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let missing = || serde::de::Error::custom("an id that is no number");
        number(&value).map(Id).ok_or_else(missing)
    }
}

impl Adapter {
    /// Takes a message. Most of them are none of ours, and are dropped here at once.
    pub(super) fn message(self: &Arc<Self>, data: Value) {
        let Ok(message) = Message::deserialize(data) else {
            self.unparsed("unparsed_message");
            return;
        };
        let Some(me) = self.me.get() else {
            return;
        };
        let mut place = self
            .threads
            .of_message(message.guild_id.map(|id| id.0), message.channel_id.0);
        let action = match addressed(&message, me.user) {
            Some(action) => action,
            None if message.author.id.0 != me.user => match self.overheard(&message, &mut place) {
                Some(action) => action,
                None => return,
            },
            None => return,
        };
        if !self.seen.is_new(message.id.0) {
            return;
        }
        self.metrics.event(Platform::Discord, "mention");
        let Ok(permit) = Arc::clone(&self.room).try_acquire_owned() else {
            self.metrics.refused("in_work");
            return;
        };
        let adapter = Arc::clone(self);
        self.spawn(permit, async move {
            adapter.answer_message(message, place, action).await;
        });
    }

    /// A message that is not addressed to the bot, in a channel that it watches.
    fn overheard(&self, message: &Message, place: &mut Place) -> Option<Action> {
        let is_written = WRITTEN.contains(&message.kind) && !message.content.trim().is_empty();
        let is_alert = !message.embeds.is_empty();
        if !(is_written || is_alert) || message.guild_id.is_none() {
            return None;
        }
        let id = message
            .webhook_id
            .unwrap_or(message.author.id)
            .0
            .to_string();
        let author = if message.author.bot || message.webhook_id.is_some() {
            Author::Bot {
                id: &id,
                name: &message.author.username,
            }
        } else {
            Author::Person
        };
        if !self.answers.bot.hears(place, author) {
            return None;
        }
        // An offer is made once for each thread and entry. A channel without threads would then never see it again, so
        // there it is once an hour.
        if place.thread.is_none() {
            let hour = message.id.0 >> 22;
            let hour = hour / MILLISECONDS_AN_HOUR;
            place.thread = Some(format!("{}/{hour}", place.channel));
        }
        let mut parts = vec![message.content.clone()];
        for embed in &message.embeds {
            parts.extend(embed.title.iter().chain(&embed.description).cloned());
            let fields = embed.fields.iter();
            parts.extend(fields.map(|field| format!("{}: {}", field.name, field.value)));
        }
        parts.retain(|part| !part.trim().is_empty());
        let text = parts.join("\n");
        Some(Action::Overheard { text })
    }

    async fn answer_message(self: &Arc<Self>, message: Message, place: Place, action: Action) {
        let channel = message.channel_id.0;
        let denial = self.denial(channel);
        if denial == Some(Denial::Messages) {
            return;
        }
        let is_offer = matches!(action, Action::Overheard { .. });
        let is_in_thread = place.thread == Some(channel.to_string());
        let asker = message.author.id.0;
        let request = Request {
            person: Person {
                id: asker.to_string(),
                groups: message.member.map_or_else(Vec::new, |member| member.roles),
            },
            place,
            action,
        };
        let mut shown = match tokio::time::timeout(super::GIVE_UP_AFTER, self.ask(request)).await {
            Ok(result) => self.answered(result),
            Err(_) => return,
        };
        if is_said_by_silence(&shown) {
            return;
        }
        let lookup = shown.lookup.take();
        let setting = Setting {
            asker: (!is_offer).then_some(asker),
            is_text_only: denial == Some(Denial::Embeds),
            can_mute: is_offer && is_in_thread,
            ..Setting::default()
        };
        // A channel that is private to its askers is answered by a direct message: a reply cannot be for one person alone.
        let is_refusal = matches!(shown.reply, Reply::Refused(_));
        if shown.audience == Audience::Asker && message.guild_id.is_some() && !is_refusal {
            self.whisper(asker, &shown).await;
            return;
        }
        let Some(rendered) = render::render(&shown, &setting) else {
            return;
        };
        let sent = self
            .reply(channel, message.id.0, &rendered, &shown, &setting)
            .await;
        let (id, result) = match sent {
            Ok(id) => (id, Ok(())),
            Err(error) => (None, Err(error)),
        };
        if !Self::settle("a reply to a message", result) {
            return;
        }
        let (Some(lookup), Some(id)) = (lookup, id) else {
            return;
        };
        let evidence = self.answers.bot.evidence(lookup).await;
        if evidence.audience == Audience::Asker && shown.audience == Audience::Everyone {
            self.whisper(asker, &evidence).await;
            return;
        }
        let setting = Setting {
            is_text_only: self.denial(channel) == Some(Denial::Embeds),
            ..setting
        };
        if let Some(rendered) = render::render(&evidence, &setting) {
            let result = send::edit(&self.rest, channel, id, &rendered).await;
            Self::settle("what the cluster shows", result);
        }
    }

    /// Tells somebody alone, in a direct message.
    async fn whisper(&self, person: u64, shown: &Shown) {
        let setting = Setting {
            is_private: true,
            ..Setting::default()
        };
        let Some(rendered) = render::render(shown, &setting) else {
            return;
        };
        let result = send::direct(&self.rest, person, &rendered).await;
        Self::settle("a direct message", result);
    }

    /// Sends a reply; as text where embeds are not allowed. What a channel refuses is remembered for a while.
    async fn reply(
        &self,
        channel: u64,
        message: u64,
        rendered: &Rendered,
        shown: &Shown,
        setting: &Setting,
    ) -> Result<Option<u64>, RestError> {
        let error = match send::reply(&self.rest, channel, message, rendered).await {
            Err(error) if error.is_denied() => error,
            result => return result,
        };
        // 50013 may mean that embeds alone are not allowed; 50001 and 50007 mean that nothing is.
        let may_be_embeds = error.code() == Some(50_013) && !rendered.embeds.is_empty();
        if !may_be_embeds {
            self.deny(channel, Denial::Messages);
            return Err(error);
        }
        let as_text = Setting {
            is_text_only: true,
            ..setting.clone()
        };
        let Some(plain) = render::render(shown, &as_text) else {
            return Err(error);
        };
        let result = send::reply(&self.rest, channel, message, &plain).await;
        match &result {
            Ok(_) => {
                tracing::info!(
                    channel,
                    "discord lets the bot send no embeds there: it sends text; give it Embed Links"
                );
                self.deny(channel, Denial::Embeds);
            }
            Err(error) if error.is_denied() => self.deny(channel, Denial::Messages),
            Err(_) => {}
        }
        result
    }

    fn denial(&self, channel: u64) -> Option<Denial> {
        let denied = lock(&self.denied);
        let known = denied.get(&channel)?;
        (known.until > Instant::now()).then_some(known.what)
    }

    fn deny(&self, channel: u64, what: Denial) {
        let mut denied = lock(&self.denied);
        let now = Instant::now();
        denied.retain(|_, known| known.until > now);
        denied.insert(
            channel,
            Denied {
                what,
                until: now + BELIEVED_FOR,
            },
        );
    }
}

/// To a message the bot does not answer that it may not answer, or that too much is asked.
fn is_said_by_silence(shown: &Shown) -> bool {
    match &shown.reply {
        Reply::Silence => true,
        Reply::Refused(refusal) => match refusal {
            Refusal::TooMany { .. }
            | Refusal::JustAnswered { .. }
            | Refusal::MutedHere
            | Refusal::PrivateHere
            | Refusal::Busy => true,
            Refusal::NoScope | Refusal::OutOfScope | Refusal::NoSuchEntry | Refusal::Broken => {
                false
            }
        },
        _ => false,
    }
}

/// What a message wants of the bot; none where it is not addressed.
fn addressed(message: &Message, me: u64) -> Option<Action> {
    let is_persons =
        !message.author.bot && message.webhook_id.is_none() && WRITTEN.contains(&message.kind);
    if !is_persons || message.author.id.0 == me {
        return None;
    }
    let text = without_mention(&message.content, me);
    let is_direct = message.guild_id.is_none();
    let is_named = text.len() != message.content.trim().len();
    let replied = message.replied_to.as_ref();
    let is_reply_to_me = replied.is_some_and(|replied| replied.author.id.0 == me);
    let is_mentioned = message.mentions.iter().any(|user| user.id.0 == me) || is_named;
    if is_reply_to_me && !is_named && text.is_empty() {
        return None;
    }
    if !(is_direct || is_mentioned || is_reply_to_me) {
        return None;
    }
    // Naming the bot under somebody's message asks about that message, where Discord shows us its text.
    let text = match replied {
        Some(replied) if text.is_empty() && !is_reply_to_me => replied.content.clone(),
        _ => text,
    };
    Some(Action::Mention { text })
}

/// A text without the bot's mention, wherever it stands.
fn without_mention(content: &str, me: u64) -> String {
    let mut text = content.to_owned();
    for mention in [format!("<@{me}>"), format!("<@!{me}>")] {
        text = text.replace(&mention, " ");
    }
    if text == content {
        return content.trim().to_owned();
    }
    // A mention in the middle leaves two spaces; line breaks stay, for a paste is read line by line.
    let lines: Vec<String> = text
        .lines()
        .map(|line| {
            line.split(' ')
                .filter(|word| !word.is_empty())
                .collect::<Vec<_>>()
                .join(" ")
        })
        .collect();
    lines.join("\n").trim().to_owned()
}
