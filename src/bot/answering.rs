//! From a command or a question to a reply, out of the catalog alone.

use super::EXAMPLES;
use super::command::Command;
use super::reply::{Answered, Choices, EntryRef, Help, HowSure, NoMatch, Refusal, Reply};
use crate::faq::answer::{Answer, Faq, Outcome};
use crate::faq::entry::Entry;
use crate::faq::id::EntryId;

/// Most titles that are offered where nothing matches.
const MAX_NEAREST: usize = 3;

/// What the catalog says to a command that is no question; a status is the cluster's to tell.
pub(super) fn looked_up(faq: &Faq, command: &Command) -> Option<Reply> {
    match command {
        Command::Help => Some(help(faq)),
        Command::Topics(None) => Some(Reply::Topics(
            faq.catalog()
                .topics()
                .into_iter()
                .map(|(topic, entries)| (topic.to_owned(), entries.len()))
                .collect(),
        )),
        Command::Topics(Some(topic)) => Some(Reply::Topic {
            entries: faq
                .catalog()
                .topics()
                .get(topic.as_str())
                .map(|entries| entries.iter().map(|entry| EntryRef::of(entry)).collect())
                .unwrap_or_default(),
            topic: topic.clone(),
        }),
        Command::Show(id) => Some(chosen(faq, id)),
        Command::Status(_) | Command::Ask(_) => None,
    }
}

/// What the catalog says to a question.
pub(super) fn asked(faq: &Faq, answer: &Answer, ask_a_human: Option<String>) -> Reply {
    let ids: Vec<EntryId> = answer.hits.iter().map(|hit| hit.id.clone()).collect();
    let first = answer.hits.first();
    match (answer.outcome, first.and_then(|hit| faq.entry(&hit.id))) {
        (Outcome::Entry, Some(entry)) => {
            let how_sure = match &answer.signature {
                Some(fragment) => HowSure::Signature(fragment.clone()),
                None => HowSure::Words(first.map_or(0.0, |hit| hit.score)),
            };
            let others = refs(faq, ids.get(1..).unwrap_or_default());
            Reply::Answer(Box::new(answered(faq, entry, how_sure, others)))
        }
        (Outcome::Choices, _) => Reply::Choices(Choices {
            candidates: refs(faq, &ids),
            ask_a_human,
        }),
        (Outcome::Entry | Outcome::NoMatch, _) => Reply::NoMatch(NoMatch {
            nearest: refs(faq, &ids[..ids.len().min(MAX_NEAREST)]),
            ask_a_human,
        }),
    }
}

/// The entry that was chosen by name.
pub(super) fn chosen(faq: &Faq, id: &EntryId) -> Reply {
    match faq.entry(id) {
        Some(entry) => Reply::Answer(Box::new(answered(faq, entry, HowSure::Chosen, Vec::new()))),
        None => Reply::Refused(Refusal::NoSuchEntry),
    }
}

/// What can be asked.
pub(super) fn help(faq: &Faq) -> Reply {
    Reply::Help(Help {
        entries: faq.catalog().len(),
        examples: EXAMPLES,
    })
}

/// Entries by id and title; those that are gone are left out.
pub(super) fn refs(faq: &Faq, ids: &[EntryId]) -> Vec<EntryRef> {
    ids.iter()
        .filter_map(|id| faq.entry(id))
        .map(EntryRef::of)
        .collect()
}

/// An entry as an answer.
pub(super) fn answered(
    faq: &Faq,
    entry: &Entry,
    how_sure: HowSure,
    others: Vec<EntryRef>,
) -> Answered {
    Answered::of(entry, how_sure, refs(faq, &entry.related), others, None)
}
