//! What an adapter hands to the bot: who asks, where, and what.

use super::command::Namespace;
use crate::faq::id::EntryId;

/// A chat platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Platform {
    /// Slack.
    Slack,
    /// Discord.
    Discord,
}

impl Platform {
    /// The name that config, metrics and the state store use.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Platform::Slack => "slack",
            Platform::Discord => "discord",
        }
    }
}

/// Something that a person did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Who did it.
    pub person: Person,
    /// Where.
    pub place: Place,
    /// What.
    pub action: Action,
}

/// A person on a platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The platform's id of the person.
    pub id: String,
    /// The platform's ids of the person's roles and user groups, where the event tells them.
    pub groups: Vec<String>,
}

/// Where something is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The platform.
    pub platform: Platform,
    /// The platform's id of the workspace or guild; none in some direct messages.
    pub workspace: Option<String>,
    /// The platform's id of the channel.
    pub channel: String,
    /// The thread: Slack's `ts` of its first message, Discord's channel id of it.
    pub thread: Option<String>,
    /// What sort of place it is.
    pub kind: PlaceKind,
}

/// What sort of place something is asked in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlaceKind {
    /// A channel of one organisation.
    Channel,
    /// A channel that another organisation shares: what is said there leaves the house.
    Shared,
    /// A direct message between the person and the bot.
    Direct,
    /// Somewhere that the bot is no member of: a direct message between people, a guild that only the person has installed it for.
    Foreign,
}

/// What a person did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Typed a slash command: only the person sees the answer.
    Command { text: String },
    /// Typed a slash command whose answer everyone may see, as Discord's are unless they are asked for in private.
    OpenCommand { text: String },
    /// Addressed the bot: by a mention, a direct message or a reply to it.
    Mention { text: String },
    /// Asked for an answer to somebody's message, privately.
    Message { text: String },
    /// Said something that the bot was not asked for, in a channel that it watches.
    Overheard { text: String },
    /// Chose an entry: a candidate, a related one, an alternative, an autocomplete choice.
    Pick { entry: EntryId },
    /// Said that the answer is not what was meant, and wants the other hits.
    NotWhatIMeant {
        shown: EntryId,
        others: Vec<EntryId>,
    },
    /// Wants an answer that was private to be seen by all.
    Share {
        entry: EntryId,
        lookup: Option<ShareLookup>,
    },
    /// Says whether an answer helped.
    Vote { entry: EntryId, vote: Vote },
    /// Says why an answer did not help.
    Because { entry: EntryId, why: Why },
    /// Wants no more offers in this thread.
    Mute,
    /// Opened the bot's home.
    Home,
}

/// What a shared answer looks up again, under the public rule.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ShareLookup {
    /// The namespace that was asked for.
    pub namespace: Option<Namespace>,
    /// The cluster that was asked for.
    pub context: Option<String>,
}

/// A judgement of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Vote {
    /// It helped.
    Up,
    /// It did not.
    Down,
}

impl Vote {
    /// The name that metrics and the state store use.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Vote::Up => "up",
            Vote::Down => "down",
        }
    }
}

/// Why an answer did not help: a closed list, so that no text of a person is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Why {
    /// It is about something else.
    WrongTopic,
    /// It is not true any more.
    OutOfDate,
    /// It leaves something out.
    MissingStep,
    /// It cannot be followed.
    HardToRead,
}

impl Why {
    /// All of them, in the order in which they are offered.
    pub const ALL: [Why; 4] = [
        Why::WrongTopic,
        Why::OutOfDate,
        Why::MissingStep,
        Why::HardToRead,
    ];

    /// The name that buttons, metrics and the state store use.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Why::WrongTopic => "wrong_topic",
            Why::OutOfDate => "out_of_date",
            Why::MissingStep => "missing_step",
            Why::HardToRead => "hard_to_read",
        }
    }

    /// The one with a name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Why::ALL.into_iter().find(|why| why.name() == name)
    }
}
