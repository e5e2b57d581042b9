//! Which lookup a reply leaves, who may see what it finds, and the reply with what was found.

use std::panic::AssertUnwindSafe;
use std::time::Instant;

use futures_util::FutureExt;

use super::command::Target;
use super::evidence::{About, Beside, Clusters, Found, Lookup, Query};
use super::metrics::LookedUp;
use super::policy::{Looking, Scope};
use super::reply::{Answered, Audience, Evidence, HowSure, Refusal, Reply, Shown};
use super::request::ShareLookup;
use super::{Bot, Here, answering, refused, words};
use crate::cluster::asked;
use crate::cluster::detect::Entries;
use crate::faq::answer::Faq;
use crate::faq::condition::Condition;
use crate::faq::id::EntryId;
use crate::faq::placeholder;

impl Bot {
    /// Makes the lookup of a reply and hands back the whole reply with what it found, within the deadline that is set for it.
    pub async fn evidence(&self, lookup: Lookup) -> Shown {
        let started = Instant::now();
        let found = match &self.clusters {
            Some(clusters) => self.look(clusters, lookup.query).await,
            // Without clusters no lookup is handed out; after a change of settings one may still be under way.
            None => Found::said(words::broke(), LookedUp::Failed),
        };
        self.metrics.looked_up(found.outcome, started.elapsed());
        let reply = self.with_evidence(lookup.beside, found);
        Shown {
            reply,
            audience: lookup.audience,
            length: lookup.length,
            can_share: lookup.can_share,
            lookup: None,
        }
    }

    async fn look(&self, clusters: &Clusters, query: Query) -> Found {
        let look = async {
            // It is never closed; were it, looking without a bound would still be right.
            let _turn = self.lookups.acquire().await;
            AssertUnwindSafe((clusters.source)(query))
                .catch_unwind()
                .await
        };
        match tokio::time::timeout(clusters.deadline, look).await {
            Ok(Ok(found)) => found,
            Ok(Err(_)) => {
                self.metrics.panicked();
                Found::said(words::broke(), LookedUp::Failed)
            }
            Err(_) => Found::said(words::too_slow(clusters.deadline), LookedUp::TimedOut),
        }
    }

    /// The reply with what was found. Where an object was asked for, the entry for its worst finding answers.
    fn with_evidence(&self, beside: Beside, found: Found) -> Reply {
        let faq = self.faq();
        let worst = found.entry.as_ref().and_then(|id| faq.entry(id));
        let answer = match (beside, worst) {
            (Beside::Answer(answer), Some(entry)) if answer.id != entry.id => {
                let mut others = answering::refs(&faq, std::slice::from_ref(&answer.id));
                others.extend(answer.others);
                others.retain(|other| other.id != entry.id);
                answering::answered(&faq, entry, HowSure::Chosen, others)
            }
            // What an entry explains was looked for on the object, and is not there: words alone make it no answer.
            (Beside::Answer(answer), None)
                if found.is_well
                    && matches!(answer.how_sure, HowSure::Words(_))
                    && explains_a_condition(&faq, &answer.id) =>
            {
                return Reply::Status(found.blocks);
            }
            (Beside::Answer(answer), _) => *answer,
            (Beside::Other(_), Some(entry)) => {
                answering::answered(&faq, entry, HowSure::Chosen, Vec::new())
            }
            (Beside::Other(reply), None) if found.blocks.is_empty() => return *reply,
            (Beside::Other(_) | Beside::Nothing, _) => return Reply::Status(found.blocks),
        };
        Reply::Answer(Box::new(filled(&faq, answer, found)))
    }

    /// What was private, for everyone: the same entry, and the lookup again only where everyone may see it.
    pub(super) fn share(&self, here: &Here, entry: &EntryId, lookup: Option<ShareLookup>) -> Shown {
        let reply = answering::chosen(&here.faq, entry);
        let target = lookup.map(|lookup| Target {
            namespace: lookup.namespace,
            context: lookup.context,
        });
        match (&here.looking, target) {
            (Looking::Publicly(_), Some(target)) => {
                self.with_lookup(here, reply, "", target, Audience::Everyone)
            }
            _ => Shown {
                length: here.length(),
                ..Shown::public(reply)
            },
        }
    }

    pub(super) fn status(&self, here: &Here, target: Target, audience: Audience) -> Shown {
        let (scope, eyes) = match (&here.looking, &self.clusters) {
            (Looking::No, _) | (_, None) => return refused(Refusal::NoScope),
            (Looking::Privately(scope), Some(_)) => (scope, Audience::Asker),
            (Looking::Publicly(scope), Some(_)) => (scope, audience),
        };
        if !is_inside(scope, &target) {
            return refused(Refusal::OutOfScope);
        }
        Shown {
            audience: eyes,
            length: here.length(),
            lookup: Some(Lookup {
                query: Query {
                    about: About::Status,
                    target,
                    scope: scope.clone(),
                    entries: entries(&here.faq),
                },
                beside: Beside::Nothing,
                audience: eyes,
                length: here.length(),
                can_share: false,
            }),
            ..Shown::public(Reply::Status(words::looking()))
        }
    }

    /// A reply with the lookup that belongs to it, where this place may look and the entry has conditions to look for.
    pub(super) fn with_lookup(
        &self,
        here: &Here,
        reply: Reply,
        question: &str,
        target: Target,
        audience: Audience,
    ) -> Shown {
        let shown = |reply, lookup| Shown {
            reply,
            audience,
            length: here.length(),
            can_share: false,
            lookup,
        };
        let asks = match &reply {
            Reply::Answer(answer) => Asks::Entry(answer.id.clone()),
            Reply::Choices(_) | Reply::NoMatch(_) => Asks::Object,
            _ => return shown(reply, None),
        };
        let (scope, eyes) = match (&here.looking, &self.clusters) {
            (Looking::No, _) | (_, None) => return shown(reply, None),
            (Looking::Privately(scope), Some(_)) => (scope, Audience::Asker),
            (Looking::Publicly(scope), Some(_)) => (scope, audience),
        };
        let is_inside = is_inside(scope, &target);
        if !is_inside {
            let reply = with_evidence(reply, Evidence::OutOfScope);
            return shown(reply, None);
        }
        let names_an_object = asked::object(question).is_some();
        let question = question.to_owned();
        let about = match asks {
            Asks::Entry(id) => {
                let conditions = conditions(&here.faq, &id);
                if conditions.is_empty() && !names_an_object {
                    return shown(reply, None);
                }
                About::Entry {
                    id,
                    conditions,
                    question,
                }
            }
            Asks::Object if names_an_object => About::Object { question },
            Asks::Object => return shown(reply, None),
        };
        let lookup = Lookup {
            query: Query {
                about,
                target,
                scope: scope.clone(),
                entries: entries(&here.faq),
            },
            beside: match reply.clone() {
                Reply::Answer(answer) => Beside::Answer(answer),
                other => Beside::Other(Box::new(other)),
            },
            audience: eyes,
            length: here.length(),
            can_share: here.can_share(eyes),
        };
        let reply = if eyes == audience {
            with_evidence(reply, Evidence::Pending)
        } else {
            reply
        };
        shown(reply, Some(lookup))
    }
}

/// What a reply leaves to be looked up.
enum Asks {
    /// The conditions of its entry, and the object that the question names.
    Entry(EntryId),
    /// The object that the question names.
    Object,
}

/// The answer with the steps of the cluster's version, real names in its commands, and what was found.
fn filled(faq: &Faq, answer: Answered, found: Found) -> Answered {
    let steps = match faq.entry(&answer.id) {
        Some(entry) if found.version.is_some() => entry.steps(found.version),
        _ => answer.steps.clone(),
    };
    Answered {
        steps: placeholder::fill(&steps, &found.values),
        evidence: if found.blocks.is_empty() {
            Evidence::NotLookedUp
        } else {
            Evidence::Shown(found.blocks)
        },
        ..answer
    }
}

/// An answer with another word on its evidence; other replies have none.
fn with_evidence(reply: Reply, evidence: Evidence) -> Reply {
    match reply {
        Reply::Answer(answer) => Reply::Answer(Box::new(Answered {
            evidence,
            ..*answer
        })),
        other => other,
    }
}

/// Whether an entry is about something that can be wrong, and no instruction or explanation.
fn explains_a_condition(faq: &Faq, id: &EntryId) -> bool {
    faq.entry(id)
        .is_some_and(|entry| !entry.explains.is_empty())
}

/// The conditions that an entry explains, then those that it looks for.
fn conditions(faq: &Faq, id: &EntryId) -> Vec<Condition> {
    faq.entry(id).map_or_else(Vec::new, |entry| {
        let all = entry.explains.iter().chain(&entry.looks_for);
        all.copied().collect()
    })
}

/// Which entry explains which condition.
fn entries(faq: &Faq) -> Entries {
    let explaining = |condition: &Condition| {
        let entry = faq.catalog().explaining(*condition)?;
        Some((*condition, entry.id.clone()))
    };
    Condition::ALL.iter().filter_map(explaining).collect()
}

fn is_inside(scope: &Scope, target: &Target) -> bool {
    target
        .namespace
        .as_ref()
        .is_none_or(|namespace| scope.holds(namespace.as_str()))
        && target
            .context
            .as_ref()
            .is_none_or(|context| scope.clusters.contains(context))
}
