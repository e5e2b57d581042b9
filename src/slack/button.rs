//! What a button carries in its `value`, so that it works after a restart and on any replica.

use serde::{Deserialize, Serialize};

use crate::bot::command::{Namespace, Target};
use crate::bot::reply::EntryRef;
use crate::bot::request::{Vote, Why};
use crate::faq::id::EntryId;

/// Slack's longest value of a button, in characters.
pub const MAX_VALUE: usize = 2_000;

/// Most alternatives that a button carries.
pub const MAX_OTHERS: usize = 5;

/// The version of the values. A button of another version is turned down with a friendly word: messages stay for years.
const VERSION: u8 = 1;

/// What a button does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Button {
    /// Puts the answer in front of everyone.
    Share(Carried),
    /// Says that another entry was meant.
    Other(Carried),
    /// Chooses an entry.
    Pick(Carried),
    /// Says whether the answer helped.
    Vote(Carried, Vote),
    /// Says why it did not.
    Why(Carried, Why),
    /// Wants no more offers in this thread.
    Mute(Carried),
    /// Asks a question that stands on the button.
    Ask(String),
    /// Asks what was typed into the home's search box.
    Search(String),
    /// Opens a link; Slack tells us all the same.
    Link,
}

/// The state of a conversation, as far as its buttons need it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Carried {
    /// The entry that the button is about.
    pub entry: Option<EntryId>,
    /// The alternatives.
    pub others: Vec<EntryId>,
    /// The thread that an answer for all belongs to.
    pub thread: Option<String>,
    /// Where something was looked up for the answer; none, nothing was.
    pub lookup: Option<Target>,
    /// Who asked, where the message is for all: others get their alternatives privately.
    pub asker: Option<String>,
}

/// A button that we did not make, or made in another version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidButton {
    /// An `action_id` that is none of ours.
    #[error("an unknown action")]
    UnknownAction,
    /// A value that cannot be read.
    #[error("a value that cannot be read")]
    UnreadableValue,
}

/// The value as it is written. One letter a key: the ids need the room.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    v: u8,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    e: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    o: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    t: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    n: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    c: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    l: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    u: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    q: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    d: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    w: Option<String>,
}

/// The `action_id` of the home's search box, whose value is what a person typed.
pub const SEARCH: &str = "search";

impl Button {
    /// The `action_id`: the action, and a number that keeps it apart from the other buttons of its message.
    #[must_use]
    pub fn action_id(&self, number: usize) -> String {
        let action = match self {
            Button::Share(_) => "share",
            Button::Other(_) => "other",
            Button::Pick(_) => "pick",
            Button::Vote(..) => "vote",
            Button::Why(..) => "why",
            Button::Mute(_) => "mute",
            Button::Ask(_) => "ask",
            Button::Search(_) => return SEARCH.to_owned(),
            Button::Link => "link",
        };
        format!("{action}.{number}")
    }

    /// The `value`, at most [`MAX_VALUE`] characters: what does not fit is the cluster's name, then the alternatives.
    #[must_use]
    pub fn value(&self) -> String {
        let mut written = match self {
            Button::Share(carried)
            | Button::Other(carried)
            | Button::Pick(carried)
            | Button::Mute(carried) => write(carried),
            Button::Vote(carried, vote) => Written {
                d: Some(*vote == Vote::Up),
                ..write(carried)
            },
            Button::Why(carried, why) => Written {
                w: Some(why.name().to_owned()),
                ..write(carried)
            },
            Button::Ask(question) => Written {
                v: VERSION,
                q: Some(question.clone()),
                ..Written::default()
            },
            Button::Search(text) => return text.clone(),
            Button::Link => Written {
                v: VERSION,
                ..Written::default()
            },
        };
        let fits = |written: &Written| json(written).chars().count() <= MAX_VALUE;
        if !fits(&written) {
            written.c = None;
        }
        if !fits(&written) {
            written.o = Vec::new();
        }
        if !fits(&written) {
            written = Written {
                v: VERSION,
                ..Written::default()
            };
        }
        json(&written)
    }

    /// Reads what a press brought.
    ///
    /// # Errors
    /// It is no button of ours, or none of this version.
    pub fn parse(action_id: &str, value: &str) -> Result<Self, InvalidButton> {
        let action = action_id.split('.').next().unwrap_or_default();
        match action {
            "link" => return Ok(Button::Link),
            SEARCH => return Ok(Button::Search(value.to_owned())),
            "share" | "other" | "pick" | "vote" | "why" | "mute" | "ask" => {}
            _ => return Err(InvalidButton::UnknownAction),
        }
        let unreadable = InvalidButton::UnreadableValue;
        if value.chars().count() > MAX_VALUE {
            return Err(unreadable);
        }
        let written: Written = serde_json::from_str(value).map_err(|_| unreadable)?;
        if written.v != VERSION {
            return Err(unreadable);
        }
        let (question, is_up) = (written.q.clone(), written.d);
        let why = written.w.as_deref().and_then(Why::named);
        let carried = read(written)?;
        let needs_entry = matches!(action, "share" | "other" | "pick" | "vote" | "why");
        if needs_entry && carried.entry.is_none() {
            return Err(unreadable);
        }
        match action {
            "share" => Ok(Button::Share(carried)),
            "other" => Ok(Button::Other(carried)),
            "pick" => Ok(Button::Pick(carried)),
            "vote" => {
                let is_up = is_up.ok_or(unreadable)?;
                let vote = if is_up { Vote::Up } else { Vote::Down };
                Ok(Button::Vote(carried, vote))
            }
            "why" => Ok(Button::Why(carried, why.ok_or(unreadable)?)),
            "mute" => Ok(Button::Mute(carried)),
            _ => Ok(Button::Ask(question.ok_or(unreadable)?)),
        }
    }
}

impl Carried {
    /// The same conversation about another entry; the entry that it leaves becomes an alternative.
    #[must_use]
    pub fn about(&self, entry: &EntryId) -> Self {
        let others = self
            .entry
            .iter()
            .chain(&self.others)
            .filter(|other| *other != entry)
            .take(MAX_OTHERS)
            .cloned()
            .collect();
        Carried {
            entry: Some(entry.clone()),
            others,
            ..self.clone()
        }
    }

    /// The same conversation with these alternatives.
    #[must_use]
    pub fn with_others<'a>(&self, others: impl IntoIterator<Item = &'a EntryRef>) -> Self {
        let mut ids: Vec<EntryId> = Vec::new();
        for other in others {
            if Some(&other.id) != self.entry.as_ref() && !ids.contains(&other.id) {
                ids.push(other.id.clone());
            }
        }
        ids.truncate(MAX_OTHERS);
        Carried {
            others: ids,
            ..self.clone()
        }
    }
}

fn write(carried: &Carried) -> Written {
    let target = carried.lookup.as_ref();
    Written {
        v: VERSION,
        e: carried.entry.as_ref().map(ToString::to_string),
        o: carried.others.iter().map(ToString::to_string).collect(),
        t: carried.thread.clone(),
        n: target
            .and_then(|target| target.namespace.as_ref())
            .map(|namespace| namespace.as_str().to_owned()),
        c: target.and_then(|target| target.context.clone()),
        l: target.is_some(),
        u: carried.asker.clone(),
        ..Written::default()
    }
}

fn read(written: Written) -> Result<Carried, InvalidButton> {
    let unreadable = InvalidButton::UnreadableValue;
    let id = |text: String| text.parse::<EntryId>().map_err(|_| unreadable);
    if written.o.len() > MAX_OTHERS {
        return Err(unreadable);
    }
    let is_plain = |text: &String, letters: fn(char) -> bool| {
        !text.is_empty() && text.len() <= 40 && text.chars().all(letters)
    };
    let is_ts = |text: &String| is_plain(text, |letter| letter.is_ascii_digit() || letter == '.');
    let is_user = |text: &String| is_plain(text, |letter| letter.is_ascii_alphanumeric());
    if !written.t.as_ref().is_none_or(is_ts) || !written.u.as_ref().is_none_or(is_user) {
        return Err(unreadable);
    }
    let target = Target {
        namespace: match written.n {
            Some(name) => Some(Namespace::parse(&name).ok_or(unreadable)?),
            None => None,
        },
        context: written.c,
    };
    Ok(Carried {
        entry: written.e.map(id).transpose()?,
        others: written.o.into_iter().map(id).collect::<Result<_, _>>()?,
        thread: written.t,
        lookup: written.l.then_some(target),
        asker: written.u,
    })
}

fn json(written: &Written) -> String {
    serde_json::to_string(written).unwrap_or_default()
}
