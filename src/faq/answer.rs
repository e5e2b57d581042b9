//! Questions and answers: what is asked, and what the core says.

use serde::Serialize;

use super::catalog::Catalog;
use super::entry::Entry;
use super::id::EntryId;
use super::search::Search;

/// Most hits that an answer carries.
pub const MAX_HITS: usize = 5;

/// A catalog that is ready to answer.
pub struct Faq {
    catalog: Catalog,
    search: Search,
}

/// What the core says to a question.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// How sure it is.
    pub outcome: Outcome,
    /// The nearest entries, best first, at most [`MAX_HITS`], whatever the outcome.
    pub hits: Vec<Hit>,
    /// The error line that named the first hit, if one did.
    pub signature: Option<String>,
}

/// How sure an answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The first hit answers.
    Entry,
    /// One of the hits answers; the asker knows which.
    Choices,
    /// Nothing is near.
    NoMatch,
}

/// An entry that is near a question.
#[derive(Debug, Clone, PartialEq)]
pub struct Hit {
    /// The entry.
    pub id: EntryId,
    /// How sure it is that the entry answers, from 0 to 1.
    pub score: f32,
}

/// The index could not be built.
#[derive(Debug, thiserror::Error)]
#[error("the index cannot be built: {0}")]
pub struct IndexError(String);

impl Faq {
    /// Indexes a catalog.
    ///
    /// # Errors
    /// The index needs more memory than is allowed.
    pub fn new(catalog: Catalog) -> Result<Self, IndexError> {
        let search = Search::new(&catalog).map_err(|error| IndexError(error.to_string()))?;
        Ok(Faq { catalog, search })
    }

    /// All entries.
    #[must_use]
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// The entry of an id.
    #[must_use]
    pub fn entry(&self, id: &EntryId) -> Option<&Entry> {
        self.catalog.entry(id)
    }

    /// Answers a question in anybody's words, pasted output included. Only its first 40,000 characters are looked at.
    #[must_use]
    pub fn answer(&self, question: &str) -> Answer {
        self.search.search(question)
    }
}
