//! Ranking and confidence: which of BM25's candidates answers, and whether it is sure enough to be said.
//!
//! The weights are fitted (softmax for ranking, logistic regression for confidence) on 715 labelled questions that are
//! neither in the repository nor in any entry. `tests/eval/questions.jsonl` had no part in it.

use super::index::Boosts;
use super::{Indexed, QueryTerm, TermId, Wording};
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
        let boosts = |title, aliases, signatures, body| Boosts {
            title,
            aliases,
            signatures,
            body,
        };
        match self {
            Style::Keywords => boosts(1.0, 1.6, 0.4, 0.5),
            Style::Sentence => boosts(0.8, 1.2, 0.4, 0.8),
            // What is pasted was printed by a program: it is like samples and bodies, not like questions.
            Style::Pasted => boosts(0.4, 0.8, 1.2, 0.8),
        }
    }

    /// How much a word that no entry has takes off the share of the question that is understood.
    fn unknown_weight(self) -> f32 {
        match self {
            Style::Keywords => 0.8,
            Style::Sentence => 0.5,
            Style::Pasted => 0.15,
        }
    }
}

/// Whose words a question uses, apart from any entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Vocabulary {
    /// It names a technology that the FAQ is not about.
    pub is_foreign: bool,
    /// It has a word that hardly anybody uses outside Kubernetes.
    pub is_ours: bool,
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
struct Features {
    /// Its BM25 score as a share of the best candidate's.
    bm25: f32,
    /// Its BM25 score as a share of a good score for so much of a question.
    strength: f32,
    /// The share of the question that stands in the entry at all, weighted by how rare the terms are.
    coverage: f32,
    /// The share of the question that stands in its title and aliases.
    worded: f32,
    /// The best likeness (F-measure) of the question and one wording.
    phrase: f32,
    /// The largest share of the question that stands in one wording.
    recall: f32,
    /// Whether it shares but one term with the question.
    is_single: bool,
}

impl Features {
    /// The order of candidates. The unit is that of the fit: a lead of 1 makes an entry e times as likely.
    fn order(self, style: Style) -> f32 {
        let weights = match style {
            Style::Keywords => [4.89, 1.91, 0.67, 1.0, 3.75, 1.57],
            Style::Sentence | Style::Pasted => [4.23, 2.25, 1.52, 3.42, 2.74, 1.24],
        };
        let features = [
            self.bm25,
            self.strength,
            self.coverage,
            self.worded,
            self.phrase,
            self.recall,
        ];
        weights
            .iter()
            .zip(features)
            .map(|(weight, feature)| weight * feature)
            .sum()
    }
}

/// Scores candidates (entry, BM25 score), best first.
pub(super) fn rank(
    entries: &[Indexed],
    terms: &[QueryTerm],
    style: Style,
    vocabulary: Vocabulary,
    found: &[(usize, f32)],
) -> Vec<Ranked> {
    let best = found
        .first()
        .map_or(1.0, |(_, score)| score.max(f32::EPSILON));
    let mass = Mass::of(terms, style);
    let mut ordered: Vec<(usize, f32, Features)> = found
        .iter()
        .map(|(entry, score)| {
            let features = features(&entries[*entry], terms, &mass, *score, best);
            (*entry, features.order(style), features)
        })
        .collect();
    ordered.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    let Some((_, first, features)) = ordered.first().copied() else {
        return Vec::new();
    };
    let lead = ordered
        .get(1)
        .map_or(first, |(_, second, _)| first - second);
    let sure = confidence(features, lead, terms, &mass, style, vocabulary);
    ordered
        .into_iter()
        .map(|(entry, order, _)| Ranked {
            entry,
            score: sure * (order - first).exp(),
        })
        .collect()
}

/// How much a question's terms weigh together.
struct Mass {
    total: f32,
    known: f32,
    worded_total: f32,
    unknown_weight: f32,
}

impl Mass {
    fn of(terms: &[QueryTerm], style: Style) -> Self {
        let mut mass = Mass {
            total: 0.0,
            known: 0.0,
            worded_total: 0.0,
            unknown_weight: style.unknown_weight(),
        };
        let mut full = 0.0;
        for term in terms {
            mass.total += mass.term(term);
            mass.worded_total += mass.worded_term(term);
            full += term.weight * term.idf;
            if term.id.is_some() {
                mass.known += term.weight * term.idf;
            }
        }
        mass.known /= f32::max(full, f32::EPSILON);
        mass.total = mass.total.max(f32::EPSILON);
        mass.worded_total = mass.worded_total.max(f32::EPSILON);
        mass
    }

    fn known_or_less(&self, term: &QueryTerm, weight: f32) -> f32 {
        if term.id.is_some() {
            weight
        } else {
            weight * self.unknown_weight
        }
    }

    fn term(&self, term: &QueryTerm) -> f32 {
        self.known_or_less(term, term.weight * term.idf)
    }

    fn worded_term(&self, term: &QueryTerm) -> f32 {
        self.known_or_less(term, term.weight * term.worded_idf)
    }
}

fn features(entry: &Indexed, terms: &[QueryTerm], mass: &Mass, score: f32, best: f32) -> Features {
    /// BM25 score for each unit of idf that a good candidate has.
    const GOOD: f32 = 4.0;
    let is_in =
        |ids: &[TermId], term: &QueryTerm| term.id.is_some_and(|id| ids.binary_search(&id).is_ok());
    let coverage: f32 = terms
        .iter()
        .filter(|term| is_in(&entry.all, term))
        .map(|term| mass.term(term))
        .sum();
    let worded: f32 = terms
        .iter()
        .filter(|term| {
            entry
                .wordings
                .iter()
                .any(|wording| is_in(&wording.terms, term))
        })
        .map(|term| mass.worded_term(term))
        .sum();
    let (mut phrase, mut recall) = (0.0_f32, 0.0_f32);
    for wording in &entry.wordings {
        let shared: f32 = terms
            .iter()
            .filter(|term| is_in(&wording.terms, term))
            .map(|term| mass.worded_term(term))
            .sum();
        let share = shared / mass.worded_total;
        recall = recall.max(share);
        phrase = phrase.max(likeness(wording, shared, share));
    }
    Features {
        bm25: score / best,
        strength: (score / (mass.total * GOOD)).min(1.0),
        coverage: coverage / mass.total,
        worded: worded / mass.worded_total,
        phrase,
        recall,
        is_single: terms.iter().filter(|term| is_in(&entry.all, term)).count() <= 1,
    }
}

/// The F-measure of a question and a wording: 1 where they have the same terms.
fn likeness(wording: &Wording, shared: f32, recall: f32) -> f32 {
    if recall <= 0.0 || wording.mass <= 0.0 {
        return 0.0;
    }
    let precision = (shared / wording.mass).min(1.0);
    2.0 * precision * recall / (precision + recall)
}

/// How likely it is that the first candidate answers, by logistic regression.
fn confidence(
    first: Features,
    lead: f32,
    terms: &[QueryTerm],
    mass: &Mass,
    style: Style,
    vocabulary: Vocabulary,
) -> f32 {
    /// Further ahead than this says no more.
    const FAR: f32 = 3.0;
    /// More terms than this say no more.
    const MANY: f32 = 12.0;
    #[expect(
        clippy::cast_precision_loss,
        reason = "a question has at most 48 terms"
    )]
    let length = (terms.len() as f32).min(MANY) / MANY;
    let mut logit = -4.52
        + 0.80 * first.strength
        + 1.06 * first.worded
        + 1.74 * first.phrase
        + 0.61 * first.recall
        + 1.10 * lead.min(FAR)
        + 0.35 * mass.known
        + 2.15 * length;
    if vocabulary.is_foreign && style != Style::Pasted {
        logit -= if vocabulary.is_ours { 1.38 } else { 3.24 };
    }
    if style == Style::Keywords && !vocabulary.is_ours {
        logit -= 0.56;
        // One word of everyday English that some entry happens to have: "are you a human?"
        if first.is_single {
            logit -= 1.5;
        }
    }
    1.0 / (1.0 + (-logit).exp())
}

/// The score of an entry whose signature matched, by its place among those.
pub(super) fn signature_score(place: usize) -> f32 {
    match place {
        0 => 1.0,
        1 => 0.95,
        _ => 0.9,
    }
}

/// The score of an entry that has the question among its wordings, word by word.
pub(super) const EXACT_SCORE: f32 = 1.0;

/// From this score on, an entry answers by itself.
const SURE: f32 = 0.65;

/// Below this score, nothing is near.
const NEAR: f32 = 0.2;

/// What to make of hits.
pub(super) fn outcome(hits: &[Hit]) -> Outcome {
    match hits.first().map_or(0.0, |hit| hit.score) {
        score if score >= SURE => Outcome::Entry,
        score if score >= NEAR => Outcome::Choices,
        _ => Outcome::NoMatch,
    }
}
