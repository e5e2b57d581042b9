//! Search: a question in anybody's words → the entries that answer it, and how sure that is.

mod analyzer;
mod builder;
mod index;
mod paste;
mod rank;
mod words;

use std::collections::BTreeMap;
use std::panic::resume_unwind;
use std::thread;

use rustc_hash::FxHashMap;

use super::answer::{Answer, Hit, MAX_HITS};
use super::catalog::Catalog;
use super::id::EntryId;
use super::signature::{Found, Signature, Signatures};
use analyzer::{Compounds, Surface, Term};
use builder::Builder;
use index::Index;
use rank::{Ranked, Style, Vocabulary};

/// Longest question that is looked at, in characters; of a longer one its end. A pasted `kubectl describe` of a large pod has about this many.
pub const MAX_QUESTION: usize = 40_000;

/// Most terms that are searched with; a paste has more, and the rarest say the most.
const MAX_TERMS: usize = 48;

/// Entries that BM25 hands on to ranking: enough that the right one is among them, few enough to be quick.
const CANDIDATES: usize = 32;

/// A number that stands for a term.
type TermId = u32;

/// All entries, ready to be searched.
pub(super) struct Search {
    index: Index,
    compounds: Compounds,
    terms: FxHashMap<String, TermId>,
    /// In how many entries each term stands.
    frequencies: Vec<u32>,
    /// In how many entries' titles and aliases each term stands.
    worded_frequencies: Vec<u32>,
    /// The entry of each title and alias, by its plain words.
    exact: FxHashMap<String, usize>,
    entries: Vec<Indexed>,
    /// The words of the entries before stemming, each with its terms: its own, and the one that it also counts as.
    surfaces: FxHashMap<String, (TermId, Option<TermId>)>,
    signatures: Signatures,
    /// The entry of each signature.
    owners: Vec<usize>,
}

/// An entry's terms.
struct Indexed {
    id: EntryId,
    /// Those of the title, and of each alias, sorted.
    wordings: Vec<Wording>,
    /// All of them, sorted.
    all: Vec<TermId>,
}

/// The terms of a title or alias.
struct Wording {
    /// Sorted.
    terms: Vec<TermId>,
    /// The sum of their idf.
    mass: f32,
}

/// A term of a question.
#[derive(Debug, Clone)]
struct QueryTerm {
    text: String,
    /// Its number, where any entry has it.
    id: Option<TermId>,
    /// How much it counts: 1 where it stands in the question as it is.
    weight: f32,
    /// How rare it is among the entries.
    idf: f32,
    /// How rare it is among the titles and aliases of the entries.
    worded_idf: f32,
}

impl Search {
    /// Indexes a catalog.
    pub(super) fn new(catalog: &Catalog) -> tantivy::Result<Self> {
        let mut compounds = Compounds::new();
        for entry in catalog.entries() {
            for wording in entry.wordings() {
                compounds.learn(wording);
            }
            for condition in entry.explains.iter().chain(&entry.looks_for) {
                compounds.learn(condition.name());
            }
        }
        let (signatures, owners): (Vec<&Signature>, Vec<usize>) = catalog
            .entries()
            .enumerate()
            .flat_map(|(at, entry)| {
                entry
                    .signatures
                    .iter()
                    .map(move |signature| (signature, at))
            })
            .unzip();
        let mut builder = Builder::default();
        let (index, signatures) = thread::scope(|scope| {
            let signatures = scope.spawn(|| Signatures::new(signatures));
            let documents = catalog
                .entries()
                .map(|entry| builder.add(entry, &compounds));
            let index = Index::build(documents);
            let signatures = signatures
                .join()
                .unwrap_or_else(|panic| resume_unwind(panic));
            (index, signatures)
        });
        let (index, signatures) = (
            index?,
            signatures.map_err(tantivy::TantivyError::InvalidArgument)?,
        );
        let mut search = Search {
            index,
            compounds,
            terms: builder.terms,
            frequencies: builder.frequencies,
            worded_frequencies: builder.worded_frequencies,
            exact: builder.exact,
            entries: builder.entries,
            surfaces: builder.surfaces,
            signatures,
            owners,
        };
        search.weigh_wordings();
        Ok(search)
    }

    /// Wordings are weighed when all entries are in: only then is it known how rare a term is.
    fn weigh_wordings(&mut self) {
        let idf: Vec<f32> = (0..self.frequencies.len())
            .map(|id| self.idf(&self.worded_frequencies, TermId::try_from(id).ok()))
            .collect();
        for wording in self
            .entries
            .iter_mut()
            .flat_map(|entry| &mut entry.wordings)
        {
            wording.mass = wording.terms.iter().map(|id| idf[*id as usize]).sum();
        }
    }

    /// Searches.
    pub(super) fn search(&self, question: &str) -> Answer {
        let question = bounded(question);
        let matched = self.matched(question);
        let exact = self
            .exact
            .get(&analyzer::plain(&analyzer::words(question)))
            .copied();
        let is_pasted = paste::is_pasted(question);
        let text = if is_pasted {
            paste::essence(question)
        } else {
            paste::masked(question)
        };
        let terms = self.query_terms(&text);
        let style = Style::of(is_pasted, &terms);
        let vocabulary = analyzer::vocabulary(question, &terms);
        let ranked = self.rank(&terms, style, vocabulary);
        self.answer(&matched, exact, &ranked)
    }

    fn answer(
        &self,
        matched: &[(usize, Found)],
        exact: Option<usize>,
        ranked: &[Ranked],
    ) -> Answer {
        let mut scored: Vec<(usize, f32)> = Vec::new();
        let by_signature = matched
            .iter()
            .enumerate()
            .map(|(place, (entry, _))| (*entry, rank::signature_score(place)));
        let by_wording = exact.map(|entry| (entry, rank::EXACT_SCORE));
        let by_terms = ranked.iter().map(|ranked| (ranked.entry, ranked.score));
        for (entry, score) in by_wording.into_iter().chain(by_signature).chain(by_terms) {
            if scored.iter().all(|(known, _)| *known != entry) {
                scored.push((entry, score));
            }
        }
        scored.truncate(MAX_HITS);
        let hits: Vec<Hit> = scored
            .into_iter()
            .map(|(entry, score)| Hit {
                id: self.entries[entry].id.clone(),
                score,
            })
            .collect();
        let signature = matched
            .first()
            .filter(|(entry, _)| {
                hits.first()
                    .is_some_and(|hit| hit.id == self.entries[*entry].id)
            })
            .map(|(_, found)| found.fragment.clone());
        Answer {
            outcome: rank::outcome(&hits),
            hits,
            signature,
        }
    }

    /// The entries whose signatures match, the one with the longest fragment first.
    fn matched(&self, question: &str) -> Vec<(usize, Found)> {
        let mut longest: BTreeMap<usize, Found> = BTreeMap::new();
        for line in question.lines() {
            for found in self.signatures.find(line) {
                let entry = self.owners[found.index];
                let is_longer = longest
                    .get(&entry)
                    .is_none_or(|known| known.fragment.len() < found.fragment.len());
                if is_longer {
                    longest.insert(entry, found);
                }
            }
        }
        let mut matched: Vec<(usize, Found)> = longest.into_iter().collect();
        matched.sort_by(|a, b| {
            b.1.fragment
                .len()
                .cmp(&a.1.fragment.len())
                .then(a.0.cmp(&b.0))
        });
        matched
    }

    fn query_terms(&self, text: &str) -> Vec<QueryTerm> {
        let mut weights: BTreeMap<String, f32> = BTreeMap::new();
        let mut add = |term: Term, weight: f32| {
            let weight = match term {
                Term::Own(_) => weight,
                Term::Also(_) => weight * rank::ALSO_WEIGHT,
            };
            let known = weights.entry(term.text().to_owned()).or_insert(0.0);
            *known = known.max(weight);
        };
        analyzer::each_surface(&analyzer::words(text), &self.compounds, |surface| {
            if self.is_known(surface.text) {
                for term in analyzer::terms(surface.text) {
                    add(term, 1.0);
                }
                return;
            }
            if analyzer::is_nearly_stopped(surface.text) {
                return;
            }
            let meant = self.meant(surface);
            if meant.is_empty()
                && let Some(term) = analyzer::terms(surface.text).next()
            {
                add(term, 1.0);
            }
            for (word, weight) in meant {
                for term in analyzer::terms(&word) {
                    add(term, weight);
                }
            }
        });
        let mut terms: Vec<QueryTerm> = weights
            .into_iter()
            .map(|(text, weight)| {
                let id = self.terms.get(&text).copied();
                QueryTerm {
                    idf: self.idf(&self.frequencies, id),
                    worded_idf: self.idf(&self.worded_frequencies, id),
                    id,
                    weight,
                    text,
                }
            })
            .collect();
        if terms.len() > MAX_TERMS {
            // Words that no entry has cannot find anything: they go first.
            terms.sort_by(|a, b| {
                (b.id.is_some(), b.weight * b.idf)
                    .partial_cmp(&(a.id.is_some(), a.weight * a.idf))
                    .unwrap_or(std::cmp::Ordering::Equal)
                    .then_with(|| a.text.cmp(&b.text))
            });
            terms.truncate(MAX_TERMS);
            terms.sort_by(|a, b| a.text.cmp(&b.text));
        }
        terms
    }

    fn is_known(&self, surface: &str) -> bool {
        self.surfaces.contains_key(surface)
            || analyzer::terms(surface)
                .next()
                .is_some_and(|term| self.terms.contains_key(term.text()))
    }

    /// What an unknown word most likely means: two known words written as one, or a known word with a typing error.
    fn meant(&self, surface: Surface<'_>) -> Vec<(String, f32)> {
        let word = surface.text;
        let length = word.chars().count();
        if surface.is_joined || !word.chars().all(char::is_alphabetic) || length < 4 {
            return Vec::new();
        }
        if let Some((first, second)) = self.split(word) {
            return vec![(first, rank::SPLIT_WEIGHT), (second, rank::SPLIT_WEIGHT)];
        }
        let distances: &[u8] = if length < 6 { &[1] } else { &[1, 2] };
        for distance in distances {
            let mut similar: Vec<(usize, u32, String)> = self
                .index
                .similar_words(word, *distance)
                .into_iter()
                .filter(|known| plausible(word, known, *distance))
                .map(|known| {
                    // Typing errors seldom touch the first letter, and rather the middle than the end.
                    let prefix = common_prefix(word, &known);
                    (prefix, self.frequency(&known), known)
                })
                .collect();
            similar.sort_by(|a, b| b.0.cmp(&a.0).then(b.1.cmp(&a.1)).then(a.2.cmp(&b.2)));
            similar.truncate(rank::MAX_CORRECTIONS);
            if !similar.is_empty() {
                let weight = rank::correction_weight(*distance);
                return similar
                    .into_iter()
                    .map(|(_, _, known)| (known, weight))
                    .collect();
            }
        }
        Vec::new()
    }

    fn split(&self, word: &str) -> Option<(String, String)> {
        /// Shortest part: shorter ones turn any word into two.
        const SHORTEST: usize = 3;
        if !word.is_ascii() || word.len() < 2 * SHORTEST {
            return None;
        }
        (SHORTEST..=word.len() - SHORTEST)
            .map(|at| word.split_at(at))
            .filter(|(first, second)| {
                self.surfaces.contains_key(*first) && self.surfaces.contains_key(*second)
            })
            .max_by_key(|(first, second)| self.frequency(first).min(self.frequency(second)))
            .map(|(first, second)| (first.to_owned(), second.to_owned()))
    }

    fn frequency(&self, surface: &str) -> u32 {
        analyzer::terms(surface)
            .next()
            .and_then(|term| self.terms.get(term.text()))
            .map_or(0, |id| self.frequencies[*id as usize])
    }

    /// Lucene's inverse document frequency: 0 for a term that every entry has.
    fn idf(&self, frequencies: &[u32], id: Option<TermId>) -> f32 {
        #[expect(clippy::cast_precision_loss, reason = "counts far below 2^24")]
        let (entries, frequency) = (
            self.entries.len() as f32,
            id.map_or(0, |id| frequencies[id as usize]) as f32,
        );
        ((entries - frequency + 0.5) / (frequency + 0.5) + 1.0).ln()
    }

    fn rank(&self, terms: &[QueryTerm], style: Style, vocabulary: Vocabulary) -> Vec<Ranked> {
        let known: Vec<(String, f32)> = terms
            .iter()
            .filter(|term| term.id.is_some())
            .map(|term| (term.text.clone(), term.weight))
            .collect();
        if known.is_empty() {
            return Vec::new();
        }
        let found = self.index.search(&known, style.boosts(), CANDIDATES);
        rank::rank(&self.entries, terms, style, vocabulary, &found)
    }
}

/// The end of a question that is too long: events and errors stand at the end of what is pasted.
fn bounded(question: &str) -> &str {
    match question.char_indices().rev().nth(MAX_QUESTION) {
        Some((before, letter)) => &question[before + letter.len_utf8()..],
        None => question,
    }
}

fn common_prefix(a: &str, b: &str) -> usize {
    a.chars().zip(b.chars()).take_while(|(a, b)| a == b).count()
}

/// Whether a known word can be what was meant: at two edits, the beginnings must agree.
fn plausible(word: &str, known: &str, distance: u8) -> bool {
    distance < 2 || common_prefix(word, known) >= 2
}
