//! What a button or select remembers: a version, what it does, and the little that it needs, in 100 bytes.

use std::fmt;

use crate::bot::request::{Vote, Why};
use crate::faq::id::EntryId;

/// The version of the grammar below. What stands in old messages is refused politely, never misread.
const VERSION: &str = "k1";

/// What pressing a component does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum CustomId {
    /// `k1:up:ID`, `k1:down:ID`: says whether an entry helped.
    Vote(Vote, EntryId),
    /// `k1:why:REASON:ID`: says why an entry did not help.
    Because(Why, EntryId),
    /// `k1:del:USER`: takes the message away, for that person and for moderators.
    Delete(u64),
    /// `k1:share:ID`: shows a private answer to all.
    Share(EntryId),
    /// `k1:pick`: shows the chosen entry privately, in a message of its own.
    Pick,
    /// `k1:swap`, `k1:swap:USER`: shows the chosen entry in the place of the choices; where those are public, for their
    /// asker only.
    Swap(Option<u64>),
    /// `k1:mute`: no more offers here.
    Mute,
}

impl CustomId {
    /// Reads what a component remembers; `None` for an older, newer or foreign one.
    #[must_use]
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (version, rest) = text.split_once(':')?;
        if version != VERSION {
            return None;
        }
        let (kind, value) = rest.split_once(':').unwrap_or((rest, ""));
        match kind {
            "up" => Some(CustomId::Vote(Vote::Up, value.parse().ok()?)),
            "down" => Some(CustomId::Vote(Vote::Down, value.parse().ok()?)),
            "why" => {
                let (why, id) = value.split_once(':')?;
                Some(CustomId::Because(Why::named(why)?, id.parse().ok()?))
            }
            "del" => Some(CustomId::Delete(value.parse().ok()?)),
            "share" => Some(CustomId::Share(value.parse().ok()?)),
            "pick" if value.is_empty() => Some(CustomId::Pick),
            "swap" if value.is_empty() => Some(CustomId::Swap(None)),
            "swap" => Some(CustomId::Swap(Some(value.parse().ok()?))),
            "mute" if value.is_empty() => Some(CustomId::Mute),
            _ => None,
        }
    }
}

impl fmt::Display for CustomId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{VERSION}:")?;
        match self {
            CustomId::Vote(vote, id) => write!(f, "{}:{id}", vote.name()),
            CustomId::Because(why, id) => write!(f, "why:{}:{id}", why.name()),
            CustomId::Delete(person) => write!(f, "del:{person}"),
            CustomId::Share(id) => write!(f, "share:{id}"),
            CustomId::Pick => f.write_str("pick"),
            CustomId::Swap(None) => f.write_str("swap"),
            CustomId::Swap(Some(person)) => write!(f, "swap:{person}"),
            CustomId::Mute => f.write_str("mute"),
        }
    }
}

impl From<CustomId> for String {
    fn from(id: CustomId) -> Self {
        id.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faq::id::MAX_ID_LENGTH;

    /// Longest `custom_id`, in characters; ours are ASCII.
    const MAX_CUSTOM_ID: usize = 100;

    #[test]
    fn every_component_is_read_back_and_fits_with_the_longest_id() {
        let longest: EntryId = "a".repeat(MAX_ID_LENGTH).parse().expect("an id");
        for id in [
            CustomId::Vote(Vote::Up, longest.clone()),
            CustomId::Vote(Vote::Down, longest.clone()),
            CustomId::Delete(u64::MAX),
            CustomId::Share(longest.clone()),
            CustomId::Pick,
            CustomId::Swap(None),
            CustomId::Swap(Some(u64::MAX)),
            CustomId::Because(Why::HardToRead, longest.clone()),
            CustomId::Mute,
        ] {
            let written = id.to_string();
            assert!(written.len() <= MAX_CUSTOM_ID, "{written}");
            assert_eq!(CustomId::parse(&written), Some(id));
        }
    }

    #[test]
    fn what_is_older_newer_or_foreign_is_none_of_ours() {
        for text in [
            "",
            "k1",
            "k0:up:pod-pending",
            "k2:pick",
            "k1:up:Not An Id",
            "k1:del:me",
            "k1:pick:x",
            "k1:swap:x",
            "k1:why:pod-pending",
            "k1:why:boredom:pod-pending",
            "tag:up",
        ] {
            assert_eq!(CustomId::parse(text), None, "{text}");
        }
    }
}
