//! The index: every entry's terms in tantivy, built in memory.

use tantivy::collector::TopDocs;
use tantivy::directory::RamDirectory;
use tantivy::query::{BooleanQuery, BoostQuery, FuzzyTermQuery, Occur, Query, TermQuery};
use tantivy::schema::{Field, IndexRecordOption, Schema, TextFieldIndexing, TextOptions};
use tantivy::{Index as TantivyIndex, IndexSettings, Searcher, TantivyDocument, Term as IndexTerm};

/// Memory that building begins with, in bytes: tantivy's least. It grows as needed, and there is one segment whatever the size.
const BUILD_MEMORY: usize = 15_000_000;

/// A document's terms, field by field, each followed by a space.
#[derive(Debug, Default)]
pub(super) struct Document {
    pub title: String,
    pub aliases: String,
    pub signatures: String,
    pub body: String,
    /// Words before stemming, for spelling: those that no document before it has.
    pub surfaces: String,
}

/// How much each field counts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Boosts {
    pub title: f32,
    pub aliases: f32,
    pub signatures: f32,
    pub body: f32,
}

struct Fields {
    title: Field,
    aliases: Field,
    signatures: Field,
    body: Field,
    surfaces: Field,
}

/// Entries by their terms. A document's number is its entry's place in the catalog.
pub(super) struct Index {
    searcher: Searcher,
    fields: Fields,
}

impl Index {
    /// Indexes documents, all in one segment, so that the same documents give the same scores and order everywhere.
    pub(super) fn build(documents: impl Iterator<Item = Document>) -> tantivy::Result<Self> {
        let mut schema = Schema::builder();
        let scored = || options(IndexRecordOption::WithFreqs, true);
        let fields = Fields {
            title: schema.add_text_field("title", scored()),
            aliases: schema.add_text_field("aliases", scored()),
            signatures: schema.add_text_field("signatures", scored()),
            body: schema.add_text_field("body", scored()),
            surfaces: schema.add_text_field("surfaces", options(IndexRecordOption::Basic, false)),
        };
        let mut writer = TantivyIndex::builder()
            .schema(schema.build())
            .settings(IndexSettings::default())
            .single_segment_index_writer::<TantivyDocument>(RamDirectory::create(), BUILD_MEMORY)?;
        for document in documents {
            let mut indexed = TantivyDocument::default();
            indexed.add_text(fields.title, document.title);
            indexed.add_text(fields.aliases, document.aliases);
            indexed.add_text(fields.signatures, document.signatures);
            indexed.add_text(fields.body, document.body);
            indexed.add_text(fields.surfaces, document.surfaces);
            writer.add_document(indexed)?;
        }
        let searcher = writer.finalize()?.reader()?.searcher();
        Ok(Index { searcher, fields })
    }

    /// The best documents for weighted terms, best first, each with its BM25 score.
    pub(super) fn search(
        &self,
        terms: &[(String, f32)],
        boosts: Boosts,
        limit: usize,
    ) -> Vec<(usize, f32)> {
        let fields = [
            (self.fields.title, boosts.title),
            (self.fields.aliases, boosts.aliases),
            (self.fields.signatures, boosts.signatures),
            (self.fields.body, boosts.body),
        ];
        let clauses: Vec<(Occur, Box<dyn Query>)> = terms
            .iter()
            .flat_map(|(term, weight)| {
                fields.iter().map(move |(field, boost)| {
                    let query = TermQuery::new(
                        IndexTerm::from_field_text(*field, term),
                        IndexRecordOption::WithFreqs,
                    );
                    let boosted: Box<dyn Query> =
                        Box::new(BoostQuery::new(Box::new(query), weight * boost));
                    (Occur::Should, boosted)
                })
            })
            .collect();
        let collector = TopDocs::with_limit(limit).order_by_score();
        self.searcher
            .search(&BooleanQuery::new(clauses), &collector)
            .unwrap_or_default()
            .into_iter()
            .map(|(score, address)| (address.doc_id as usize, score))
            .collect()
    }

    /// The entries' words within an edit distance of 1 or 2 from a word, a swap of neighbours counting as one edit.
    pub(super) fn similar_words(&self, word: &str, distance: u8) -> Vec<String> {
        let query = FuzzyTermQuery::new(
            IndexTerm::from_field_text(self.fields.surfaces, word),
            distance,
            true,
        );
        let Ok(automaton) = query.automaton() else {
            return Vec::new();
        };
        let mut similar = Vec::new();
        for segment in self.searcher.segment_readers() {
            let Ok(index) = segment.inverted_index(self.fields.surfaces) else {
                continue;
            };
            let Ok(mut stream) = index.terms().search(&automaton).into_stream() else {
                continue;
            };
            while stream.advance() {
                if let Ok(found) = std::str::from_utf8(stream.key()) {
                    similar.push(found.to_owned());
                }
            }
        }
        similar
    }
}

fn options(record: IndexRecordOption, with_lengths: bool) -> TextOptions {
    TextOptions::default().set_indexing_options(
        TextFieldIndexing::default()
            // The terms are joined by spaces: tantivy would keep tokens of our own as JSON.
            .set_tokenizer("whitespace")
            .set_index_option(record)
            .set_fieldnorms(with_lengths),
    )
}
