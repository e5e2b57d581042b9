//! What the question's field offers while somebody types.

use super::text;
use crate::faq::answer::Faq;
use crate::faq::entry::Entry;

/// Most choices that Discord shows.
const MAX_CHOICES: usize = 25;

/// Longest name of a choice.
const MAX_NAME: usize = 100;

/// What most people come for, offered before anything is typed: what breaks most often first, then what is done every day.
const POPULAR: [&str; 25] = [
    "pod-crashloopbackoff",
    "image-pull-backoff",
    "pod-pending",
    "oomkilled-exit-137",
    "container-exit-codes",
    "probe-failures",
    "createcontainerconfigerror",
    "pod-containercreating",
    "service-no-endpoints",
    "dns-resolution-failing",
    "ingress-502-503-504",
    "loadbalancer-external-ip-pending",
    "pvc-pending",
    "node-notready",
    "pod-stuck-terminating",
    "namespace-stuck-terminating",
    "pod-evicted-node-pressure",
    "rollout-stuck-progress-deadline",
    "hpa-not-scaling",
    "rbac-forbidden",
    "cpu-memory-requests-limits",
    "restart-pods",
    "view-logs",
    "exec-into-pod",
    "port-forward",
];

/// The choices for what was typed so far, best first: the name that is shown, and the entry's id.
#[must_use]
pub(super) fn choices(faq: &Faq, typed: &str) -> Vec<(String, String)> {
    let typed = text::clean(typed).trim().to_lowercase();
    let mut ranked: Vec<(Rank, &Entry)> = if typed.is_empty() {
        popular(faq)
    } else {
        found(faq, &typed)
    };
    ranked.sort_by(|(a, left), (b, right)| a.cmp(b).then_with(|| left.id.cmp(&right.id)));
    ranked
        .into_iter()
        .take(MAX_CHOICES)
        .map(|(_, entry)| (name(entry), entry.id.to_string()))
        .collect()
}

/// How near an entry is; the nearest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    /// A wording, or the id, is what was typed.
    Same,
    /// A wording, or the id, begins so.
    Begins,
    /// The search finds it, at this place.
    Hit(usize),
    /// Every word typed so far begins a word of one wording.
    Words,
    /// It stands at this place among the popular.
    Popular(usize),
}

fn popular(faq: &Faq) -> Vec<(Rank, &Entry)> {
    let ids = POPULAR.iter().filter_map(|id| id.parse().ok());
    ids.enumerate()
        .filter_map(|(place, id)| Some((Rank::Popular(place), faq.entry(&id)?)))
        .collect()
}

fn found<'a>(faq: &'a Faq, typed: &str) -> Vec<(Rank, &'a Entry)> {
    let hits = faq.answer(typed).hits;
    let words: Vec<&str> = typed.split_whitespace().collect();
    faq.catalog()
        .entries()
        .filter_map(|entry| {
            let place = hits.iter().position(|hit| hit.id == entry.id);
            let near = entry
                .wordings()
                .chain([entry.id.as_str()])
                .filter_map(|wording| nearness(&wording.to_lowercase(), typed, &words))
                .min();
            let rank = near.into_iter().chain(place.map(Rank::Hit)).min()?;
            Some((rank, entry))
        })
        .collect()
}

fn nearness(wording: &str, typed: &str, words: &[&str]) -> Option<Rank> {
    if bare(wording) == bare(typed) {
        return Some(Rank::Same);
    }
    if wording.starts_with(typed) {
        return Some(Rank::Begins);
    }
    let begins_a_word = |word: &&str| {
        let before = |(at, _)| wording[..at].chars().next_back();
        wording
            .match_indices(*word)
            .any(|found| before(found).is_none_or(|letter| !letter.is_alphanumeric()))
    };
    words.iter().all(begins_a_word).then_some(Rank::Words)
}

/// A wording without the mark at its end.
fn bare(text: &str) -> &str {
    text.trim_end_matches(['?', '.', '!'])
}

fn name(entry: &Entry) -> String {
    let name = text::cut(text::clean(&entry.title).trim(), MAX_NAME);
    if name.is_empty() {
        entry.id.to_string()
    } else {
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faq::catalog::Catalog;

    #[test]
    fn every_word_that_was_typed_begins_a_word() {
        let near = |typed: &str| {
            let words: Vec<&str> = typed.split_whitespace().collect();
            nearness("why is my pod stuck in crash-loop?", typed, &words)
        };
        assert_eq!(near("why is my pod stuck in crash-loop"), Some(Rank::Same));
        assert_eq!(near("why is my po"), Some(Rank::Begins));
        assert_eq!(near("loop po st"), Some(Rank::Words));
        assert_eq!(near("oop"), None);
        assert_eq!(near("pod uck"), None);
    }

    #[test]
    fn every_popular_entry_is_in_the_catalog() {
        let catalog = Catalog::shipped();
        for id in POPULAR {
            assert!(catalog.entry(&id.parse().expect("an id")).is_some(), "{id}");
        }
    }
}
