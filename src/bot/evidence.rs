//! The seam to live evidence: what is to be looked up, and what came of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;

use super::command::Target;
use super::metrics::LookedUp;
use super::policy::Scope;
use super::reply::{Answered, Audience, Length, Reply};
use crate::cluster::detect::Entries;
use crate::faq::condition::Condition;
use crate::faq::id::EntryId;
use crate::faq::markdown::Block;
use crate::faq::version::ClusterVersion;

/// What is to be looked up in a cluster.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// What the person wants to see.
    pub about: About,
    /// The namespace and cluster that were named; already inside the scope.
    pub target: Target,
    /// What may be looked at.
    pub scope: Scope,
    /// Which entry explains which condition.
    pub entries: Entries,
}

/// What a lookup is about.
#[derive(Debug, Clone, PartialEq)]
pub enum About {
    /// The conditions that an entry explains or looks for.
    Entry {
        /// The entry.
        id: EntryId,
        /// Its conditions, those that it explains first.
        conditions: Vec<Condition>,
        /// The question, which may name an object; empty where the entry was chosen.
        question: String,
    },
    /// An object, where no entry answers.
    Object {
        /// The question, which names it.
        question: String,
    },
    /// Everything that is wrong.
    Status,
}

/// What came of a lookup.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// What to show, failures included, already redacted.
    pub blocks: Vec<Block>,
    /// Real names for the placeholders of the answer's commands.
    pub values: BTreeMap<String, String>,
    /// The cluster's version, where it is known.
    pub version: Option<ClusterVersion>,
    /// The entry that explains the worst finding about the object that was asked for.
    pub entry: Option<EntryId>,
    /// Whether an object was asked for that is there and shows nothing wrong.
    pub is_well: bool,
    /// What it comes to.
    pub outcome: LookedUp,
}

impl Found {
    /// Nothing but words: what was seen, or why nothing was.
    #[must_use]
    pub fn said(blocks: Vec<Block>, outcome: LookedUp) -> Self {
        Found {
            blocks,
            values: BTreeMap::new(),
            version: None,
            entry: None,
            is_well: false,
            outcome,
        }
    }
}

/// Where evidence comes from. It must not fail: what could not be looked at is part of what is found.
pub type Source = Arc<dyn Fn(Query) -> BoxFuture<'static, Found> + Send + Sync>;

/// A source of evidence with the time that it gets.
#[derive(Clone)]
pub struct Clusters {
    /// The names of the clusters that can be looked at.
    pub names: Vec<String>,
    /// Looks.
    pub source: Source,
    /// How long a lookup may take.
    pub deadline: Duration,
}

/// A lookup that is still to be made; [`super::Bot::evidence`] makes it.
#[derive(Debug, Clone, PartialEq)]
pub struct Lookup {
    pub(super) query: Query,
    /// What the evidence belongs to.
    pub(super) beside: Beside,
    /// Who may see the evidence.
    pub(super) audience: Audience,
    pub(super) length: Length,
    pub(super) can_share: bool,
}

/// What evidence belongs to.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Beside {
    /// An answer.
    Answer(Box<Answered>),
    /// A reply that is none; it stays where the question turns out to be about no object.
    Other(Box<Reply>),
    /// Nothing: it stands for itself.
    Nothing,
}

impl Lookup {
    /// Who may see the evidence. Where the answer went to everyone and this says the asker, it is a message of its own to them alone.
    #[must_use]
    pub fn audience(&self) -> Audience {
        self.audience
    }

    /// The namespace and cluster that were named: a button that shares the answer carries them on.
    #[must_use]
    pub fn target(&self) -> &Target {
        &self.query.target
    }
}
