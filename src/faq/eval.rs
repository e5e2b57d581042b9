//! Measuring the search on labelled questions.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::answer::{Answer, Faq, Outcome};
use super::id::EntryId;

/// A question with the entries that answer it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Labelled {
    /// The question.
    pub question: String,
    /// What sort of question it is, such as `error` or `chatty`; figures are given for each.
    pub kind: String,
    /// The ids of the entries that answer it; none where no entry should.
    pub expect: Vec<String>,
}

/// A line of labelled questions that cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum LabelError {
    /// It is not of the form.
    #[error(
        "line {line}: {message}; write {{\"question\": \"…\", \"kind\": \"…\", \"expect\": [\"id\", …]}}"
    )]
    Form { line: usize, message: String },
    /// It expects an entry that does not exist.
    #[error("line {line}: no entry has the id `{id}`; correct it, or take it out of `expect`")]
    UnknownId { line: usize, id: String },
}

/// Reads labelled questions, one JSON object a line; empty lines are passed over.
///
/// # Errors
/// Every line that cannot be used.
pub fn read(text: &str, faq: &Faq) -> Result<Vec<Labelled>, Vec<LabelError>> {
    let mut questions = Vec::new();
    let mut errors = Vec::new();
    for (at, line) in text.lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        let line_number = at + 1;
        match serde_json::from_str::<Labelled>(line) {
            Ok(question) => {
                errors.extend(
                    question
                        .expect
                        .iter()
                        .filter(|id| {
                            id.parse::<EntryId>()
                                .map_or(true, |id| faq.entry(&id).is_none())
                        })
                        .map(|id| LabelError::UnknownId {
                            line: line_number,
                            id: id.clone(),
                        }),
                );
                questions.push(question);
            }
            Err(error) => errors.push(LabelError::Form {
                line: line_number,
                message: error.to_string(),
            }),
        }
    }
    if errors.is_empty() {
        Ok(questions)
    } else {
        Err(errors)
    }
}

/// The figures of a run, by kind and in all, and every miss.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// The figures of each kind.
    pub kinds: BTreeMap<String, Figures>,
    /// The figures of all questions together.
    pub all: Figures,
    /// The questions that were not answered as expected.
    pub misses: Vec<Miss>,
}

/// Counts of one kind of question, and the shares that follow from them.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Figures {
    /// Questions that an entry answers.
    pub in_scope: usize,
    /// … of which an expected entry is the first hit, whatever the outcome.
    pub rank_1: usize,
    /// … of which an expected entry is among the first three hits.
    pub rank_3: usize,
    /// … that are answered with an expected entry.
    pub right: usize,
    /// … that are answered with choices, an expected entry among them.
    pub offered: usize,
    /// … that are answered with an entry that is not expected.
    pub wrong: usize,
    /// The sum of 1 / rank of the first expected entry (0 where it is no hit).
    pub reciprocal_ranks: f64,
    /// Questions that no entry answers.
    pub out_of_scope: usize,
    /// … that are answered with an entry all the same.
    pub false_answers: usize,
    /// … that are answered with choices.
    pub false_choices: usize,
    /// Questions that got no match, in and out of scope.
    pub abstentions: usize,
}

/// A question that was not answered as expected.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Miss {
    /// The question.
    pub question: String,
    /// Its kind.
    pub kind: String,
    /// What was expected.
    pub expect: Vec<String>,
    /// What was said.
    pub outcome: Outcome,
    /// The hits with their scores, best first.
    pub hits: Vec<(String, f32)>,
}

impl Figures {
    fn share(part: usize, whole: usize) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
        let (part, whole) = (part as f64, whole as f64);
        if whole == 0.0 { 0.0 } else { part / whole }
    }

    /// The share of questions in scope whose first hit is expected.
    #[must_use]
    pub fn rank_at_1(&self) -> f64 {
        Self::share(self.rank_1, self.in_scope)
    }

    /// The share of questions in scope with an expected entry among the first three hits.
    #[must_use]
    pub fn rank_at_3(&self) -> f64 {
        Self::share(self.rank_3, self.in_scope)
    }

    /// The share of questions in scope that are answered with an expected entry.
    #[must_use]
    pub fn right_share(&self) -> f64 {
        Self::share(self.right, self.in_scope)
    }

    /// The share of questions in scope that are answered with an expected entry, or offered one among choices.
    #[must_use]
    pub fn right_or_offered_share(&self) -> f64 {
        Self::share(self.right + self.offered, self.in_scope)
    }

    /// The share of questions in scope that are answered with an entry that is not expected.
    #[must_use]
    pub fn wrong_share(&self) -> f64 {
        Self::share(self.wrong, self.in_scope)
    }

    /// The mean reciprocal rank of the first expected entry.
    #[must_use]
    pub fn mrr(&self) -> f64 {
        if self.in_scope == 0 {
            return 0.0;
        }
        #[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
        let questions = self.in_scope as f64;
        self.reciprocal_ranks / questions
    }

    /// The share of questions out of scope that are answered with an entry.
    #[must_use]
    pub fn false_answer_share(&self) -> f64 {
        Self::share(self.false_answers, self.out_of_scope)
    }

    /// The share of questions out of scope that are answered with choices.
    #[must_use]
    pub fn false_choice_share(&self) -> f64 {
        Self::share(self.false_choices, self.out_of_scope)
    }

    /// The share of abstentions that were due: questions out of scope.
    #[must_use]
    pub fn abstention_precision(&self) -> f64 {
        Self::share(self.due_abstentions(), self.abstentions)
    }

    /// The share of questions out of scope that got no match.
    #[must_use]
    pub fn abstention_recall(&self) -> f64 {
        Self::share(self.due_abstentions(), self.out_of_scope)
    }

    fn due_abstentions(&self) -> usize {
        self.out_of_scope - self.false_answers - self.false_choices
    }

    fn count(&mut self, expect: &BTreeSet<&str>, answer: &Answer) {
        let rank = answer
            .hits
            .iter()
            .position(|hit| expect.contains(hit.id.as_str()));
        if answer.outcome == Outcome::NoMatch {
            self.abstentions += 1;
        }
        if expect.is_empty() {
            self.out_of_scope += 1;
            match answer.outcome {
                Outcome::Entry => self.false_answers += 1,
                Outcome::Choices => self.false_choices += 1,
                Outcome::NoMatch => {}
            }
            return;
        }
        self.in_scope += 1;
        if let Some(rank) = rank {
            self.rank_1 += usize::from(rank == 0);
            self.rank_3 += usize::from(rank < 3);
            #[expect(clippy::cast_precision_loss, reason = "a rank is at most 5")]
            let reciprocal = 1.0 / (rank as f64 + 1.0);
            self.reciprocal_ranks += reciprocal;
        }
        match (answer.outcome, rank) {
            (Outcome::Entry, Some(0)) => self.right += 1,
            (Outcome::Entry, _) => self.wrong += 1,
            (Outcome::Choices, Some(_)) => self.offered += 1,
            (Outcome::Choices, None) | (Outcome::NoMatch, _) => {}
        }
    }
}

/// Asks every question and counts.
#[must_use]
pub fn run(faq: &Faq, questions: &[Labelled]) -> Report {
    let mut report = Report {
        kinds: BTreeMap::new(),
        all: Figures::default(),
        misses: Vec::new(),
    };
    for labelled in questions {
        let answer = faq.answer(&labelled.question);
        let expect: BTreeSet<&str> = labelled.expect.iter().map(String::as_str).collect();
        report.all.count(&expect, &answer);
        report
            .kinds
            .entry(labelled.kind.clone())
            .or_default()
            .count(&expect, &answer);
        let first_is_expected = answer
            .hits
            .first()
            .is_some_and(|hit| expect.contains(hit.id.as_str()));
        let is_as_expected = if expect.is_empty() {
            answer.outcome == Outcome::NoMatch
        } else {
            answer.outcome == Outcome::Entry && first_is_expected
        };
        if !is_as_expected {
            report.misses.push(Miss {
                question: labelled.question.clone(),
                kind: labelled.kind.clone(),
                expect: labelled.expect.clone(),
                outcome: answer.outcome,
                hits: answer
                    .hits
                    .iter()
                    .map(|hit| (hit.id.to_string(), hit.score))
                    .collect(),
            });
        }
    }
    report
}
