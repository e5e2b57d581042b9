//! Entries → the terms that they are found by, numbered and counted.

use rustc_hash::FxHashMap;

use super::analyzer::{self, Compounds, Term, Words};
use super::index::Document;
use super::{Indexed, TermId, Wording, paste};
use crate::faq::entry::Entry;
use crate::faq::markdown::plain_blocks;

/// What all entries have together, entry by entry.
#[derive(Default)]
pub(super) struct Builder {
    pub terms: FxHashMap<String, TermId>,
    pub frequencies: Vec<u32>,
    pub worded_frequencies: Vec<u32>,
    pub exact: FxHashMap<String, usize>,
    pub entries: Vec<Indexed>,
    /// The terms of each word that was met; entries share most of their words, and stemming takes time.
    pub surfaces: FxHashMap<String, (TermId, Option<TermId>)>,
    /// The terms by their numbers.
    texts: Vec<String>,
}

impl Builder {
    /// Takes an entry in.
    pub(super) fn add(&mut self, entry: &Entry, compounds: &Compounds) -> Document {
        let mut terms = Terms::default();
        let mut document = Document::default();
        let mut wordings = Vec::new();
        for (place, wording) in entry.wordings().enumerate() {
            let words = analyzer::words(wording);
            self.exact
                .entry(analyzer::plain(&words))
                .or_insert(self.entries.len());
            let first = terms.own.len();
            let field = if place == 0 {
                &mut document.title
            } else {
                &mut document.aliases
            };
            self.push_terms(&words, compounds, &mut terms, field);
            wordings.push(Wording {
                terms: sorted(terms.own[first..].to_vec()),
                mass: 0.0,
            });
        }
        for id in sorted(terms.own.clone()) {
            self.worded_frequencies[id as usize] += 1;
        }
        for signature in &entry.signatures {
            let masked = analyzer::words(&paste::masked(&signature.sample));
            self.push_terms(&masked, compounds, &mut terms, &mut document.signatures);
        }
        let body = analyzer::words(&body(entry));
        self.push_terms(&body, compounds, &mut terms, &mut document.body);
        document.surfaces = terms.surfaces;
        terms.own.extend(terms.also);
        let all = sorted(terms.own);
        for id in &all {
            self.frequencies[*id as usize] += 1;
        }
        self.entries.push(Indexed {
            id: entry.id.clone(),
            wordings,
            all,
        });
        document
    }

    fn push_terms(
        &mut self,
        words: &Words,
        compounds: &Compounds,
        terms: &mut Terms,
        field: &mut String,
    ) {
        analyzer::each_surface(words, compounds, |surface| {
            let (own, also) = self.terms_of(surface.text, &mut terms.surfaces);
            terms.own.push(own);
            terms.also.extend(also);
            for id in std::iter::once(own).chain(also) {
                field.push_str(&self.texts[id as usize]);
                field.push(' ');
            }
        });
    }

    /// The terms of a word; where it is a new one, it is added to `new`.
    fn terms_of(&mut self, surface: &str, new: &mut String) -> (TermId, Option<TermId>) {
        if let Some(known) = self.surfaces.get(surface) {
            return *known;
        }
        let (mut own, mut also) = (None, None);
        for term in analyzer::terms(surface) {
            match term {
                Term::Own(text) => own = Some(self.id(text)),
                Term::Also(text) => also = Some(self.id(text)),
            }
        }
        let known = (own.unwrap_or_default(), also);
        self.surfaces.insert(surface.to_owned(), known);
        new.push_str(surface);
        new.push(' ');
        known
    }

    fn id(&mut self, term: String) -> TermId {
        if let Some(id) = self.terms.get(&term) {
            return *id;
        }
        let id = TermId::try_from(self.texts.len()).unwrap_or(TermId::MAX);
        self.frequencies.push(0);
        self.worded_frequencies.push(0);
        self.texts.push(term.clone());
        self.terms.insert(term, id);
        id
    }
}

/// The terms of one entry, as they come.
#[derive(Default)]
struct Terms {
    own: Vec<TermId>,
    also: Vec<TermId>,
    /// Words that no entry before it has, each followed by a space.
    surfaces: String,
}

fn sorted(mut ids: Vec<TermId>) -> Vec<TermId> {
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// All that an entry says, but for its wordings and signatures.
fn body(entry: &Entry) -> String {
    let mut body = entry.lead_text();
    body.push('\n');
    body.push_str(&plain_blocks(&entry.body));
    for tag in entry.tags.iter().chain([&entry.topic]) {
        body.push('\n');
        body.push_str(tag);
    }
    for condition in entry.explains.iter().chain(&entry.looks_for) {
        body.push('\n');
        body.push_str(condition.name());
    }
    body
}
