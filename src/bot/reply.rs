//! What the bot hands back to an adapter, ready to be rendered.

use super::evidence::Lookup;
use crate::faq::entry::{Entry, Origin, Source};
use crate::faq::id::EntryId;
use crate::faq::markdown::{Block, Inline};
use crate::faq::version::ClusterVersion;

/// What to show.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// One entry answers.
    Answer(Box<Answered>),
    /// One of a few does.
    Choices(Choices),
    /// None does.
    NoMatch(NoMatch),
    /// What can be asked.
    Help(Help),
    /// The topics with the number of their entries.
    Topics(Vec<(String, usize)>),
    /// A topic's entries.
    Topic {
        topic: String,
        entries: Vec<EntryRef>,
    },
    /// What is wrong in the cluster now, or why that cannot be told.
    Status(Vec<Block>),
    /// A vote was counted.
    Thanks(Thanks),
    /// No more offers come in this thread.
    Muted,
    /// The request is turned down.
    Refused(Refusal),
    /// Say nothing.
    Silence,
}

/// A reply with how it is to be shown.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown {
    /// What to show.
    pub reply: Reply,
    /// To whom.
    pub audience: Audience,
    /// How much of it.
    pub length: Length,
    /// Whether the asker may put it in front of everyone.
    pub can_share: bool,
    /// What is looked up in a cluster for it. An adapter shows this reply at once, awaits [`super::Bot::evidence`] and shows
    /// what that returns in this message's place, or, where its audience is narrower, to the asker beside it.
    pub lookup: Option<Lookup>,
}

impl Shown {
    /// A reply for the asker alone.
    #[must_use]
    pub fn private(reply: Reply) -> Self {
        Shown {
            reply,
            audience: Audience::Asker,
            length: Length::Full,
            can_share: false,
            lookup: None,
        }
    }

    /// The same reply without what a cluster shows.
    #[must_use]
    pub fn without_evidence(&self) -> Self {
        let mut shown = self.clone();
        if let Reply::Answer(answer) = &mut shown.reply {
            answer.evidence = Evidence::NotLookedUp;
        }
        shown
    }

    /// A reply for everyone.
    #[must_use]
    pub fn public(reply: Reply) -> Self {
        Shown {
            audience: Audience::Everyone,
            ..Shown::private(reply)
        }
    }
}

/// Who sees a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// Only the person who asked.
    Asker,
    /// Everyone in the channel or thread.
    Everyone,
}

/// How much of an answer is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Length {
    /// All of it.
    Full,
    /// The answer and its first steps: in an incident, a screenful of a phone.
    Terse,
}

/// An entry that answers.
#[derive(Debug, Clone, PartialEq)]
pub struct Answered {
    /// The entry's id.
    pub id: EntryId,
    /// Its topic.
    pub topic: String,
    /// Its title.
    pub title: String,
    /// The answer in one or two sentences.
    pub lead: Vec<Inline>,
    /// The steps that hold for the cluster's version, with placeholders filled where evidence names them.
    pub steps: Vec<Block>,
    /// Where its facts come from.
    pub sources: Vec<Source>,
    /// Entries to read next.
    pub related: Vec<EntryRef>,
    /// The team's own folder that it comes from; none for a shipped entry.
    pub folder: Option<String>,
    /// How sure it is that this was meant.
    pub how_sure: HowSure,
    /// The other hits.
    pub others: Vec<EntryRef>,
    /// What the cluster shows.
    pub evidence: Evidence,
}

/// How sure it is that an entry was meant.
#[derive(Debug, Clone, PartialEq)]
pub enum HowSure {
    /// A line of the question names it; this is the line's fragment.
    Signature(String),
    /// The words of the question match, as surely as this (0 to 1).
    Words(f32),
    /// It was chosen by name.
    Chosen,
}

/// What the cluster shows beside an answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Evidence {
    /// Nothing was looked up: no cluster, no scope, or nothing to look for.
    NotLookedUp,
    /// A lookup runs; the same message will be edited.
    Pending,
    /// What was found, or why nothing could be.
    Shown(Vec<Block>),
    /// What was named is outside what this place may look at; whether it exists is not said.
    OutOfScope,
}

/// An entry by id and title.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryRef {
    /// Its id.
    pub id: EntryId,
    /// Its title.
    pub title: String,
}

impl EntryRef {
    /// Refers to an entry.
    #[must_use]
    pub fn of(entry: &Entry) -> Self {
        EntryRef {
            id: entry.id.clone(),
            title: entry.title.clone(),
        }
    }
}

/// A few entries, one of which answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choices {
    /// The candidates, best first.
    pub candidates: Vec<EntryRef>,
    /// Whom to ask when none of them is meant, in the channel's own words.
    pub ask_a_human: Option<String>,
}

/// Nothing answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoMatch {
    /// The nearest entries.
    pub nearest: Vec<EntryRef>,
    /// Whom to ask instead, in the channel's own words.
    pub ask_a_human: Option<String>,
}

/// What can be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Help {
    /// How many entries there are.
    pub entries: usize,
    /// Questions that can be tried as they stand.
    pub examples: [&'static str; 3],
}

/// What is said to a vote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Thanks {
    /// Nothing more.
    Noted,
    /// Whoever was not helped by this entry may say why.
    AskingWhy(EntryId),
    /// The reason was noted.
    ForReason,
}

/// Why a request is turned down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The person or the channel asks too often; it can go on after so many seconds.
    TooMany { seconds: u64 },
    /// The same entry was shown here a moment ago; it can be shown again after so many seconds.
    JustAnswered { seconds: u64 },
    /// Too much is in flight at once.
    Busy,
    /// The bot is muted in this channel.
    MutedHere,
    /// Nothing is shown to everyone in this channel.
    PrivateHere,
    /// Nothing may be looked at from this place.
    NoScope,
    /// What was named may not be looked at from this place.
    OutOfScope,
    /// The button belongs to an entry that is no longer there.
    NoSuchEntry,
    /// Something of ours broke.
    Broken,
}

impl Answered {
    /// An entry as an answer, before anything is looked up.
    #[must_use]
    pub fn of(
        entry: &Entry,
        how_sure: HowSure,
        related: Vec<EntryRef>,
        others: Vec<EntryRef>,
        version: Option<ClusterVersion>,
    ) -> Self {
        Answered {
            id: entry.id.clone(),
            topic: entry.topic.clone(),
            title: entry.title.clone(),
            lead: entry.lead.clone(),
            steps: entry.steps(version),
            sources: entry.sources.clone(),
            related,
            folder: match &entry.origin {
                Origin::Shipped => None,
                Origin::Folder(folder) => Some(folder.display().to_string()),
            },
            how_sure,
            others,
            evidence: Evidence::NotLookedUp,
        }
    }
}
