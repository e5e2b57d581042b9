//! Ranking and confidence: which of BM25's candidates answers, and whether it is sure enough to be said.

use super::index::Boosts;
use super::{Indexed, QueryTerm, TermId};
use crate::faq::answer::{Hit, Outcome};

/// Weight of a word that the question's word also counts as.
pub(super) const ALSO_WEIGHT: f32 = 0.4;

/// Weight of each half of a word that was split in two.
pub(super) const SPLIT_WEIGHT: f32 = 0.9;

/// Most corrections of one misspelt word that are searched with.
pub(super) const MAX_CORRECTIONS: usize = 2;

/// Weight of a corrected word, by its edit distance.
pub(super) fn correction_weight(distance: u8) -> f32 {
    if distance < 2 { 0.9 } else { 0.75 }
}

/// How a question is put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// A few words.
    Keywords,
    /// A sentence or more.
    Sentence,
    /// Pasted output.
    Pasted,
}

impl Style {
    pub(super) fn of(is_pasted: bool, terms: &[QueryTerm]) -> Self {
        /// Up to this many terms a question is a handful of keywords.
        const FEW: usize = 4;
        if is_pasted {
            Style::Pasted
        } else if terms.len() <= FEW {
            Style::Keywords
        } else {
            Style::Sentence
        }
    }

    pub(super) fn boosts(self) -> Boosts {
        match self {
            Style::Keywords => Boosts {
                title: 1.0,
                aliases: 1.6,
                signatures: 0.4,
                body: 0.5,
            },
            Style::Sentence => Boosts {
                title: 0.8,
                aliases: 1.2,
                signatures: 0.4,
                body: 0.8,
            },
            Style::Pasted => Boosts {
                title: 0.4,
                aliases: 0.8,
                signatures: 1.2,
                body: 0.8,
            },
        }
    }

    /// How much a word that no entry has takes off the coverage.
    fn unknown_weight(self) -> f32 {
        match self {
            Style::Keywords => 0.8,
            Style::Sentence => 0.5,
            Style::Pasted => 0.15,
        }
    }
}

/// A candidate with its score.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ranked {
    pub entry: usize,
    /// How sure it is that this entry answers: 0 to 1.
    pub score: f32,
}

/// What is known of a candidate; every feature is from 0 to 1.
#[derive(Debug, Clone, Copy)]
pub(super) struct Features {
    /// Its BM25 score as a share of the best candidate's.
    pub bm25: f32,
    /// Its BM25 score as a share of what the question's terms could give.
    pub strength: f32,
    /// The idf-weighted share of the question that stands in the entry at all.
    pub coverage: f32,
    /// The same, in its title and aliases.
    pub worded: f32,
    /// The best likeness (F-measure) of the question and one wording.
    pub phrase: f32,
}

/// Scores candidates (entry, BM25 score), best first.
pub(super) fn rank(
    entries: &[Indexed],
    terms: &[QueryTerm],
    style: Style,
    found: &[(usize, f32)],
) -> Vec<Ranked> {
    let best = found
        .first()
        .map_or(1.0, |(_, score)| score.max(f32::EPSILON));
    let mut ranked: Vec<Ranked> = found
        .iter()
        .map(|(entry, score)| {
            let features = features(&entries[*entry], terms, style, *score, best);
            Ranked {
                entry: *entry,
                score: score_of(features, style),
            }
        })
        .collect();
    ranked.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.entry.cmp(&b.entry)));
    ranked
}

fn features(entry: &Indexed, terms: &[QueryTerm], style: Style, score: f32, best: f32) -> Features {
    let mass = |term: &QueryTerm| {
        let weight = term.weight * term.idf;
        if term.id.is_some() {
            weight
        } else {
            weight * style.unknown_weight()
        }
    };
    let total: f32 = terms.iter().map(mass).sum::<f32>().max(f32::EPSILON);
    let share = |ids: &[TermId]| {
        terms
            .iter()
            .filter(|term| term.id.is_some_and(|id| ids.binary_search(&id).is_ok()))
            .map(mass)
            .sum::<f32>()
            / total
    };
    let worded = terms
        .iter()
        .filter(|term| {
            term.id.is_some_and(|id| {
                entry
                    .wordings
                    .iter()
                    .any(|wording| wording.binary_search(&id).is_ok())
            })
        })
        .map(mass)
        .sum::<f32>()
        / total;
    Features {
        bm25: score / best,
        strength: (score / (total * 4.0)).min(1.0),
        coverage: share(&entry.all),
        worded,
        phrase: entry
            .wordings
            .iter()
            .map(|wording| likeness(wording, terms, share(wording)))
            .fold(0.0, f32::max),
    }
}

/// The F-measure of a question and a wording: 1 where they have the same terms.
fn likeness(wording: &[TermId], terms: &[QueryTerm], recall: f32) -> f32 {
    if recall == 0.0 || wording.is_empty() {
        return 0.0;
    }
    let shared = terms
        .iter()
        .filter(|term| term.id.is_some_and(|id| wording.binary_search(&id).is_ok()))
        .map(|term| term.weight)
        .sum::<f32>();
    #[expect(clippy::cast_precision_loss, reason = "a wording has a few terms")]
    let precision = (shared / wording.len() as f32).min(1.0);
    2.0 * precision * recall / (precision + recall)
}

fn score_of(features: Features, style: Style) -> f32 {
    let Features {
        bm25,
        strength,
        coverage,
        worded,
        phrase,
    } = features;
    let score = match style {
        Style::Keywords => {
            0.15 * bm25 + 0.10 * strength + 0.15 * coverage + 0.20 * worded + 0.40 * phrase
        }
        Style::Sentence => {
            0.25 * bm25 + 0.15 * strength + 0.20 * coverage + 0.20 * worded + 0.20 * phrase
        }
        Style::Pasted => {
            0.35 * bm25 + 0.15 * strength + 0.30 * coverage + 0.15 * worded + 0.05 * phrase
        }
    };
    score.clamp(0.0, 1.0)
}

/// The score of an entry whose signature matched, by its place among those.
pub(super) fn signature_score(place: usize) -> f32 {
    match place {
        0 => 1.0,
        1 => 0.95,
        _ => 0.9,
    }
}

/// From this score on, an entry answers by itself if no other is close.
const SURE: f32 = 0.52;

/// Below this score, nothing is near.
const NEAR: f32 = 0.38;

/// An entry answers by itself when it is this much ahead of the next.
const AHEAD: f32 = 0.02;

/// What to make of scored hits.
pub(super) fn outcome(hits: &[Hit], has_signature: bool) -> Outcome {
    let score = |place: usize| hits.get(place).map_or(0.0, |hit| hit.score);
    if has_signature || (score(0) >= SURE && score(0) - score(1) >= AHEAD) {
        Outcome::Entry
    } else if score(0) >= NEAR {
        Outcome::Choices
    } else {
        Outcome::NoMatch
    }
}
