//! From a question to evidence: the object that it names, else the conditions of its entry.

use std::sync::Arc;
use std::time::Duration;

use super::asked::{Asked, Certainty};
use super::detect::Entries;
use super::evidence::{Evidence, Namespaces};
use super::lookup::{Cluster, Lookup, Scope, Target, What};
use crate::faq::condition::Condition;

/// What a question is about, and what the cluster shows of it.
#[derive(Debug, Clone)]
pub struct Triage {
    /// What it turned out to be about.
    pub subject: Subject,
    /// What the cluster shows.
    pub evidence: Arc<Evidence>,
}

/// What a question turned out to be about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// An object that it names.
    Object,
    /// The conditions of the entry that answers it.
    Conditions,
}

impl Cluster {
    /// Looks for what a question is about. A guessed name counts only where the cluster has an object of that name.
    ///
    /// `None` where there is nothing to look for: no object and no condition.
    pub async fn triage(
        &self,
        asked: Option<&Asked>,
        conditions: &[Condition],
        scope: &Scope,
        deadline: Duration,
        entries: &Entries,
    ) -> Option<Triage> {
        let look = |what, scope: Scope| {
            let lookup = Lookup {
                what,
                scope,
                deadline,
            };
            async move { self.lookup(&lookup, entries).await }
        };
        let by_object = async {
            match asked {
                Some(Asked { target, .. }) => {
                    Some(look(What::Object(target.clone()), around(target, scope)).await)
                }
                None => None,
            }
        };
        let is_named = asked.is_some_and(|asked| asked.certainty == Certainty::Named);
        let by_conditions = async {
            if is_named || conditions.is_empty() {
                None
            } else {
                Some(look(What::Conditions(conditions.to_vec()), scope.clone()).await)
            }
        };
        // Together: both read much the same, and share what they read.
        let (object, general) = tokio::join!(by_object, by_conditions);
        let object = object.filter(|evidence| {
            is_named || !evidence.looked_at.targets.is_empty() || !evidence.findings.is_empty()
        });
        object
            .map(|evidence| Triage {
                subject: Subject::Object,
                evidence,
            })
            .or_else(|| {
                general.map(|evidence| Triage {
                    subject: Subject::Conditions,
                    evidence,
                })
            })
    }
}

/// The scope of one object: its own namespace, where that was named.
fn around(target: &Target, scope: &Scope) -> Scope {
    let Some(namespace) = &target.namespace else {
        return scope.clone();
    };
    Scope {
        namespaces: Namespaces::Named(vec![namespace.clone()]),
        cluster: scope.cluster || scope.namespaces == Namespaces::All,
        logs: scope.logs.clone(),
    }
}
