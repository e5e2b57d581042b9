//! What a person can ask and press, whatever the platform.

pub mod command;
pub mod reply;
pub mod request;

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::faq::answer::{Answer, Faq, Outcome};
use crate::faq::entry::Entry;
use crate::faq::id::EntryId;
use command::{Command, Question};
use reply::{
    Answered, Audience, Choices, EntryRef, Help, HowSure, Length, NoMatch, Refusal, Reply, Shown,
};
use request::{Action, Request};

/// Questions that show what the bot is for, and that its own FAQ answers.
pub const EXAMPLES: [&str; 3] = ["crashloop", "why is my pod pending?", "exit code 137"];

/// Most titles that are offered where nothing matches.
const MAX_NEAREST: usize = 3;

/// The use cases, with what they need.
pub struct Bot {
    faq: ArcSwap<Faq>,
}

impl Bot {
    /// A bot that answers from a catalog.
    #[must_use]
    pub fn new(faq: Faq) -> Self {
        Bot {
            faq: ArcSwap::from_pointee(faq),
        }
    }

    /// The catalog that answers now.
    #[must_use]
    pub fn faq(&self) -> Arc<Faq> {
        self.faq.load_full()
    }

    /// Answers from another catalog from now on; what is in flight ends with the old one.
    pub fn replace_faq(&self, faq: Faq) {
        self.faq.store(Arc::new(faq));
    }

    /// Does what a person asks. It waits for no cluster: evidence follows by itself.
    #[expect(
        clippy::unused_async,
        reason = "channel policy and the state store will be awaited"
    )]
    pub async fn handle(&self, request: Request) -> Shown {
        let faq = self.faq();
        let private = |reply| Shown {
            reply,
            audience: Audience::Asker,
            length: Length::Full,
        };
        let public = |reply| Shown {
            reply,
            audience: Audience::Everyone,
            length: Length::Full,
        };
        match request.action {
            Action::Command { text } | Action::Message { text } => private(command(&faq, &text)),
            Action::Mention { text } => public(command(&faq, &text)),
            Action::Overheard { text } => public(overheard(&faq, &text)),
            Action::Pick { entry } => private(chosen(&faq, &entry)),
            Action::NotWhatIMeant { others, .. } => private(Reply::Choices(Choices {
                candidates: refs(&faq, &others),
                ask_a_human: None,
            })),
            Action::Share { entry, .. } => public(chosen(&faq, &entry)),
            Action::Vote { .. } => private(Reply::Thanks),
            Action::Mute => public(Reply::Muted),
            Action::Home => private(help(&faq)),
        }
    }
}

fn command(faq: &Faq, text: &str) -> Reply {
    match Command::parse(text, faq.catalog(), |_| false) {
        Command::Help => help(faq),
        Command::Topics(None) => Reply::Topics(
            faq.catalog()
                .topics()
                .into_iter()
                .map(|(topic, entries)| (topic.to_owned(), entries.len()))
                .collect(),
        ),
        Command::Topics(Some(topic)) => Reply::Topic {
            entries: faq
                .catalog()
                .topics()
                .get(topic.as_str())
                .map(|entries| entries.iter().map(|entry| EntryRef::of(entry)).collect())
                .unwrap_or_default(),
            topic,
        },
        Command::Show(id) => chosen(faq, &id),
        Command::Status(_) => Reply::Status(Vec::new()),
        Command::Ask(Question { text, .. }) => asked(faq, &faq.answer(&text)),
    }
}

fn asked(faq: &Faq, answer: &Answer) -> Reply {
    let ids: Vec<EntryId> = answer.hits.iter().map(|hit| hit.id.clone()).collect();
    match (
        answer.outcome,
        answer.hits.first().and_then(|hit| faq.entry(&hit.id)),
    ) {
        (Outcome::Entry, Some(entry)) => {
            let how_sure = match &answer.signature {
                Some(fragment) => HowSure::Signature(fragment.clone()),
                None => HowSure::Words(answer.hits[0].score),
            };
            Reply::Answer(Box::new(answered(
                faq,
                entry,
                how_sure,
                refs(faq, &ids[1..]),
            )))
        }
        (Outcome::Choices, _) => Reply::Choices(Choices {
            candidates: refs(faq, &ids),
            ask_a_human: None,
        }),
        (Outcome::Entry | Outcome::NoMatch, _) => Reply::NoMatch(NoMatch {
            nearest: refs(faq, &ids[..ids.len().min(MAX_NEAREST)]),
            ask_a_human: None,
        }),
    }
}

/// A watched message gets an answer only where a signature names one.
fn overheard(faq: &Faq, text: &str) -> Reply {
    let answer = faq.answer(text);
    if answer.signature.is_some() {
        asked(faq, &answer)
    } else {
        Reply::Silence
    }
}

fn chosen(faq: &Faq, id: &EntryId) -> Reply {
    match faq.entry(id) {
        Some(entry) => Reply::Answer(Box::new(answered(faq, entry, HowSure::Chosen, Vec::new()))),
        None => Reply::Refused(Refusal::NoSuchEntry),
    }
}

fn answered(faq: &Faq, entry: &Entry, how_sure: HowSure, others: Vec<EntryRef>) -> Answered {
    Answered::of(entry, how_sure, refs(faq, &entry.related), others, None)
}

fn help(faq: &Faq) -> Reply {
    Reply::Help(Help {
        entries: faq.catalog().len(),
        examples: EXAMPLES,
    })
}

fn refs(faq: &Faq, ids: &[EntryId]) -> Vec<EntryRef> {
    ids.iter()
        .filter_map(|id| faq.entry(id))
        .map(EntryRef::of)
        .collect()
}
