//! What Slack sends, read tolerantly: from JSON of any shape to the few events that we act on.
//!
//! The typed events of slack-morphism drop whole payloads for one field of another type (a number in `metadata`, a null
//! `team`), so only what is needed is read here, and nothing else can be wrong.

use serde_json::Value;

use super::text;

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Incoming {
    /// A slash command.
    Command(Command),
    /// A mention of the bot, or a direct message to it.
    Addressed(Said),
    /// A message in a channel that the bot is in, not meant for it.
    Overheard(Said),
    /// The message shortcut, on somebody's message.
    Shortcut(Shortcut),
    /// A button, or the search box.
    Press(Press),
    /// A person opened the bot's home.
    HomeOpened {
        user: String,
        channel: String,
        tab: Tab,
    },
    /// Slack drops events of this workspace for a while.
    RateLimited,
    /// Nothing to act on, and why.
    Ignored(Reason),
}

/// Why an event is not acted on. These are label values of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Edits, deletions, joins and other hidden kinds of messages.
    Subtype,
    /// The bot's own message.
    Own,
    /// A mention that its own event brings.
    BroughtByMention,
    /// A type that we do not know.
    UnknownType,
    /// A known type without what is needed to answer.
    Incomplete,
}

/// A slash command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    pub team: Option<String>,
    pub channel: String,
    /// `directmessage`, `privategroup` or a name.
    pub channel_name: String,
    pub user: String,
    pub text: String,
    pub response_url: String,
    pub trigger_id: Option<String>,
}

/// Something said in a channel or a direct message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    pub event_id: Option<String>,
    pub team: Option<String>,
    pub channel: String,
    /// Whether another organisation shares the channel.
    pub is_shared: bool,
    /// Whether it was said to the bot alone.
    pub is_direct: bool,
    pub author: Author,
    pub text: String,
    pub ts: String,
    pub thread: Option<String>,
}

/// Who said something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Author {
    /// A person.
    Person(String),
    /// Another bot: its id, and the name that it goes by.
    Bot { id: String, name: String },
}

/// The message shortcut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shortcut {
    pub callback_id: String,
    pub team: Option<String>,
    pub channel: String,
    pub channel_name: String,
    pub user: String,
    pub text: String,
    /// Where an answer for all belongs: the message's thread, or the one that it would begin.
    pub thread: String,
    pub response_url: String,
    pub trigger_id: Option<String>,
}

/// A button that was pressed, or a text that was entered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Press {
    pub team: Option<String>,
    pub user: String,
    pub channel: Option<String>,
    pub channel_name: String,
    /// The message that the button stands in.
    pub message: Option<String>,
    /// The thread of that message.
    pub thread: Option<String>,
    pub is_ephemeral: bool,
    /// The modal or home that the button stands in.
    pub view: Option<View>,
    pub response_url: Option<String>,
    pub trigger_id: Option<String>,
    pub action_id: String,
    pub value: String,
    pub action_ts: String,
}

/// A view that a button stands in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    pub id: String,
    pub is_modal: bool,
}

/// A tab of the bot's home.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tab {
    Home,
    Messages,
    Other,
}

/// The kinds of envelopes, and what HTTP requests are sorted into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    Command,
    Interaction,
    Event,
}

impl Kind {
    /// The kind of a Socket Mode envelope.
    #[must_use]
    pub fn of_envelope(kind: &str) -> Option<Self> {
        match kind {
            "slash_commands" => Some(Kind::Command),
            "interactive" => Some(Kind::Interaction),
            "events_api" => Some(Kind::Event),
            _ => None,
        }
    }
}

/// The ids that the bot itself goes by, so that it never answers itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Own {
    pub user: String,
    pub bot: Option<String>,
}

/// Reads a payload.
#[must_use]
pub fn read(kind: Kind, payload: &Value, own: &Own) -> Incoming {
    let read = match kind {
        Kind::Command => command(payload),
        Kind::Interaction => interaction(payload),
        Kind::Event => event(payload, own),
    };
    read.unwrap_or(Incoming::Ignored(Reason::Incomplete))
}

fn command(payload: &Value) -> Option<Incoming> {
    Some(Incoming::Command(Command {
        team: string(payload, "team_id"),
        channel: string(payload, "channel_id")?,
        channel_name: string(payload, "channel_name").unwrap_or_default(),
        user: string(payload, "user_id")?,
        text: text::read(&string(payload, "text").unwrap_or_default(), None),
        response_url: string(payload, "response_url")?,
        trigger_id: string(payload, "trigger_id"),
    }))
}

fn interaction(payload: &Value) -> Option<Incoming> {
    match payload["type"].as_str()? {
        "message_action" => shortcut(payload),
        "block_actions" => press(payload),
        _ => Some(Incoming::Ignored(Reason::UnknownType)),
    }
}

fn shortcut(payload: &Value) -> Option<Incoming> {
    let message = &payload["message"];
    let ts = string(message, "ts").or_else(|| string(payload, "message_ts"))?;
    Some(Incoming::Shortcut(Shortcut {
        callback_id: string(payload, "callback_id")?,
        team: team(payload),
        channel: string(&payload["channel"], "id")?,
        channel_name: string(&payload["channel"], "name").unwrap_or_default(),
        user: string(&payload["user"], "id")?,
        text: message_text(message, None),
        thread: string(message, "thread_ts").unwrap_or(ts),
        response_url: string(payload, "response_url")?,
        trigger_id: string(payload, "trigger_id"),
    }))
}

fn press(payload: &Value) -> Option<Incoming> {
    let action = payload["actions"].as_array()?.first()?;
    let (container, message) = (&payload["container"], &payload["message"]);
    let view = &payload["view"];
    Some(Incoming::Press(Press {
        team: team(payload),
        user: string(&payload["user"], "id")?,
        channel: string(&payload["channel"], "id").or_else(|| string(container, "channel_id")),
        channel_name: string(&payload["channel"], "name").unwrap_or_default(),
        message: string(container, "message_ts").or_else(|| string(message, "ts")),
        thread: string(container, "thread_ts").or_else(|| string(message, "thread_ts")),
        is_ephemeral: container["is_ephemeral"].as_bool().unwrap_or_default(),
        view: string(view, "id").map(|id| View {
            id,
            is_modal: view["type"] == "modal",
        }),
        response_url: string(payload, "response_url"),
        trigger_id: string(payload, "trigger_id"),
        action_id: string(action, "action_id")?,
        value: string(action, "value")
            .or_else(|| string(&action["selected_option"], "value"))
            .unwrap_or_default(),
        action_ts: string(action, "action_ts").unwrap_or_default(),
    }))
}

fn event(payload: &Value, own: &Own) -> Option<Incoming> {
    match payload["type"].as_str()? {
        "event_callback" => {}
        "app_rate_limited" => return Some(Incoming::RateLimited),
        _ => return Some(Incoming::Ignored(Reason::UnknownType)),
    }
    let event = &payload["event"];
    match event["type"].as_str()? {
        "app_mention" | "message" => said(payload, event, own),
        "app_home_opened" => Some(Incoming::HomeOpened {
            user: string(event, "user")?,
            channel: string(event, "channel").unwrap_or_default(),
            tab: match event["tab"].as_str() {
                // Slack leaves the tab out where there is only the home tab.
                Some("home") | None => Tab::Home,
                Some("messages") => Tab::Messages,
                Some(_) => Tab::Other,
            },
        }),
        _ => Some(Incoming::Ignored(Reason::UnknownType)),
    }
}

fn said(payload: &Value, event: &Value, own: &Own) -> Option<Incoming> {
    // Whatever is not one of these is an edit, a deletion, a join or the like.
    let is_plain = match event["subtype"].as_str() {
        None => true,
        Some(subtype) => matches!(subtype, "file_share" | "thread_broadcast" | "bot_message"),
    };
    if !is_plain || event["hidden"].as_bool().unwrap_or_default() {
        return Some(Incoming::Ignored(Reason::Subtype));
    }
    let (user, bot) = (string(event, "user"), string(event, "bot_id"));
    let is_own = user.as_ref() == Some(&own.user) || (bot.is_some() && bot == own.bot);
    if is_own {
        return Some(Incoming::Ignored(Reason::Own));
    }
    let is_mention = event["type"] == "app_mention";
    let channel = string(event, "channel")?;
    let is_direct = event["channel_type"] == "im" || (!is_mention && channel.starts_with('D'));
    let written = event["text"].as_str().unwrap_or_default();
    if !is_mention && !is_direct && text::mentions(written, &own.user) {
        return Some(Incoming::Ignored(Reason::BroughtByMention));
    }
    let author = match (user, bot) {
        (_, Some(id)) => Author::Bot {
            name: string(&event["bot_profile"], "name")
                .or_else(|| string(event, "username"))
                .unwrap_or_default(),
            id,
        },
        (Some(user), None) => Author::Person(user),
        // A workflow's message may name neither.
        (None, None) => Author::Bot {
            id: String::new(),
            name: string(event, "username").unwrap_or_default(),
        },
    };
    let said = Said {
        event_id: string(payload, "event_id"),
        team: string(payload, "team_id").or_else(|| string(event, "team")),
        is_shared: payload["is_ext_shared_channel"]
            .as_bool()
            .unwrap_or_default(),
        is_direct,
        author,
        text: message_text(event, Some(&own.user)),
        ts: string(event, "ts")?,
        thread: string(event, "thread_ts"),
        channel,
    };
    Some(if is_mention || is_direct {
        Incoming::Addressed(said)
    } else {
        Incoming::Overheard(said)
    })
}

/// Most characters of one message that are looked at: the search reads no more.
const MAX_TEXT: usize = 40_000;

/// A message's text; alerting tools put theirs into attachments or blocks and leave `text` empty.
fn message_text(message: &Value, bot: Option<&str>) -> String {
    let mut found = message["text"].as_str().unwrap_or_default().to_owned();
    for attachment in message["attachments"].as_array().into_iter().flatten() {
        for key in ["pretext", "title", "text"] {
            push_line(&mut found, attachment[key].as_str());
        }
        for field in attachment["fields"].as_array().into_iter().flatten() {
            push_line(&mut found, field["title"].as_str());
            push_line(&mut found, field["value"].as_str());
        }
        if attachment["text"].as_str().is_none_or(str::is_empty) {
            push_line(&mut found, attachment["fallback"].as_str());
        }
    }
    if found.trim().is_empty() {
        push_block_text(&message["blocks"], &mut found, 0);
    }
    if found.chars().count() > MAX_TEXT {
        found = found.chars().take(MAX_TEXT).collect();
    }
    text::read(&found, bot)
}

/// Deepest nesting of blocks that is looked at: rich text nests four levels.
const MAX_BLOCK_DEPTH: usize = 8;

fn push_block_text(value: &Value, found: &mut String, depth: usize) {
    if depth > MAX_BLOCK_DEPTH || found.len() > MAX_TEXT {
        return;
    }
    match value {
        Value::Array(items) => {
            for item in items {
                push_block_text(item, found, depth + 1);
            }
        }
        Value::Object(block) => {
            match block.get("text") {
                Some(Value::String(text)) => push_line(found, Some(text)),
                Some(nested) => push_block_text(nested, found, depth + 1),
                None => {}
            }
            for key in ["elements", "fields"] {
                if let Some(nested) = block.get(key) {
                    push_block_text(nested, found, depth + 1);
                }
            }
        }
        _ => {}
    }
}

fn push_line(found: &mut String, line: Option<&str>) {
    if let Some(line) = line.filter(|line| !line.is_empty()) {
        if !found.is_empty() {
            found.push('\n');
        }
        found.push_str(line);
    }
}

/// The workspace of an interaction; `team` is null where an organisation has installed the app.
fn team(payload: &Value) -> Option<String> {
    string(&payload["team"], "id").or_else(|| string(&payload["user"], "team_id"))
}

fn string(value: &Value, key: &str) -> Option<String> {
    value[key]
        .as_str()
        .filter(|text| !text.is_empty())
        .map(str::to_owned)
}
