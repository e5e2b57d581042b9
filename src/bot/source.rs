//! The source of live evidence: the clusters of the settings, each found when it is first asked.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use jiff::Timestamp;
use tokio::sync::OnceCell;

use super::evidence::{About, Clusters, Found, Query};
use super::findings;
use super::metrics::LookedUp;
use super::policy;
use super::words;
use crate::cluster::access::Reach;
use crate::cluster::asked::{self, Asked, Certainty};
use crate::cluster::connect::ConnectError;
use crate::cluster::evidence::{Evidence, Namespaces, NotChecked, Why};
use crate::cluster::finding::Finding;
use crate::cluster::lookup::{Cluster, Lookup, Scope, What};
use crate::cluster::name::Namespace;
use crate::cluster::triage::{Subject, Triage};
use crate::cluster::values::values;
use crate::cluster::{self};
use crate::faq::condition::Condition;

/// What waiting for a turn, judging and writing may take beyond the deadline of the lookup itself.
const BEYOND: Duration = Duration::from_millis(500);

/// The clusters of the settings by their names; `None` without any.
#[must_use]
pub fn clusters(settings: &BTreeMap<String, cluster::Settings>) -> Option<Clusters> {
    let longest = settings.values().map(cluster::Settings::deadline).max()?;
    let known: BTreeMap<String, Known> = settings
        .iter()
        .map(|(name, settings)| (name.clone(), Known::new(settings)))
        .collect();
    let known = Arc::new(known);
    Some(Clusters {
        names: settings.keys().cloned().collect(),
        source: Arc::new(move |query| {
            let known = Arc::clone(&known);
            async move { look(&known, &query).await }.boxed()
        }),
        deadline: longest + BEYOND,
    })
}

/// A cluster of the settings. One that cannot be found is looked for again by the next who asks.
struct Known {
    settings: cluster::Settings,
    cluster: OnceCell<Cluster>,
}

impl Known {
    fn new(settings: &cluster::Settings) -> Self {
        Known {
            settings: settings.clone(),
            cluster: OnceCell::new(),
        }
    }

    async fn cluster(&self) -> Result<&Cluster, ConnectError> {
        self.cluster
            .get_or_try_init(async || Cluster::connect(&self.settings.place()).await)
            .await
    }
}

async fn look(known: &BTreeMap<String, Known>, query: &Query) -> Found {
    let started = Instant::now();
    // Where no cluster is named, the first of the scope is meant; the bot has held the named one against the scope.
    let named = query.target.context.as_ref();
    let Some(name) = named.or(query.scope.clusters.first()) else {
        return Found::said(words::no_such_cluster(), LookedUp::Failed);
    };
    let Some(Known { settings, .. }) = known.get(name) else {
        return Found::said(words::no_such_cluster(), LookedUp::Failed);
    };
    let cluster = match known[name].cluster().await {
        Ok(cluster) => cluster,
        Err(error) => {
            tracing::warn!(cluster = name, %error, "a cluster of the settings cannot be used");
            return Found::said(words::no_way_to(name), LookedUp::Failed);
        }
    };
    let asked = match named_object(query) {
        Ok(asked) => asked,
        Err(OutOfScope) => return Found::said(words::out_of_scope(), LookedUp::Nothing),
    };
    let (scope, missed) = scope(cluster, query, settings).await;
    let deadline = settings.deadline().saturating_sub(started.elapsed());
    let conditions: &[Condition] = match &query.about {
        About::Entry { conditions, .. } => conditions,
        About::Object { .. } | About::Status => &[],
    };
    let triage = if query.about == About::Status {
        let lookup = Lookup {
            what: What::Overview,
            scope,
            deadline,
        };
        Some(Triage {
            subject: Subject::Conditions,
            evidence: cluster.lookup(&lookup, &query.entries).await,
        })
    } else {
        let entries = &query.entries;
        cluster
            .triage(asked.as_ref(), conditions, &scope, deadline, entries)
            .await
    };
    // Nothing was meant that could be looked for.
    let Some(Triage { subject, evidence }) = triage else {
        return Found::said(Vec::new(), LookedUp::Nothing);
    };
    let mut evidence = evidence.as_ref().clone();
    evidence.cluster.clone_from(name);
    evidence.not_checked.extend(missed);
    let most = match query.about {
        About::Status => findings::MOST_OF_A_STATUS,
        About::Entry { .. } | About::Object { .. } => findings::MOST_BESIDE_AN_ANSWER,
    };
    Found {
        blocks: findings::blocks(&evidence, most, Timestamp::now()),
        values: meant(&evidence, conditions).map(values).unwrap_or_default(),
        version: evidence
            .version
            .as_deref()
            .and_then(|version| version.parse().ok()),
        entry: match subject {
            Subject::Object => evidence.worst().and_then(|worst| worst.entry.clone()),
            Subject::Conditions => None,
        },
        is_well: subject == Subject::Object && evidence.shows_it_well(),
        outcome: outcome(&evidence),
    }
}

/// What was named may not be looked at here; whether it exists is not said.
struct OutOfScope;

/// The object that the question names, held against the scope. A mere guess outside of it was no name.
fn named_object(query: &Query) -> Result<Option<Asked>, OutOfScope> {
    let (About::Entry { question, .. } | About::Object { question }) = &query.about else {
        return Ok(None);
    };
    let Some(asked) = asked::object(question) else {
        return Ok(None);
    };
    let target = &asked.target;
    let is_namespace_inside = target
        .namespace
        .as_ref()
        .is_none_or(|namespace| query.scope.holds(namespace.as_str()));
    let is_of_the_cluster = target
        .kind
        .is_some_and(|kind| kind.resource().access().reach == Reach::Cluster);
    if is_namespace_inside && (!is_of_the_cluster || query.scope.cluster) {
        return Ok(Some(asked));
    }
    match asked.certainty {
        Certainty::Named => Err(OutOfScope),
        Certainty::Guessed => Ok(None),
    }
}

/// The channel's scope as the cluster's: patterns become the namespaces that there are. What cannot be told is not looked at.
async fn scope(
    cluster: &Cluster,
    query: &Query,
    settings: &cluster::Settings,
) -> (Scope, Option<NotChecked>) {
    let policy::Scope {
        namespaces, logs, ..
    } = &query.scope;
    let of_the_cluster = query.scope.cluster
        // Who names a namespace wants that one's status.
        && (query.about != About::Status || query.target.namespace.is_none());
    let logs: Vec<Namespace> = settings
        .logs
        .iter()
        .filter(|namespace| *logs && query.scope.holds(namespace.as_str()))
        .cloned()
        .collect();
    let in_these = |namespaces| Scope {
        namespaces,
        cluster: of_the_cluster,
        logs: logs.clone(),
    };
    if let Some(namespace) = &query.target.namespace {
        let namespace = namespace.as_str().parse().into_iter().collect();
        return (in_these(Namespaces::Named(namespace)), None);
    }
    if of_the_cluster && namespaces.iter().any(|pattern| pattern == "*") {
        return (in_these(Namespaces::All), None);
    }
    let exact = namespaces
        .iter()
        .filter_map(|name| name.parse::<Namespace>().ok());
    let mut names: Vec<Namespace> = exact.collect();
    let mut missed = None;
    if namespaces.iter().any(|pattern| pattern.ends_with('*')) {
        match cluster.namespaces(settings.deadline()).await {
            Ok(all) => names.extend(
                all.into_iter()
                    .filter(|namespace| query.scope.holds(namespace.as_str())),
            ),
            Err(error) => missed = Some(error),
        }
    }
    names.sort();
    names.dedup();
    (in_these(Namespaces::Named(names)), missed)
}

/// The finding whose names fill the answer's commands: the worst that the entry is about, else the worst.
fn meant<'a>(evidence: &'a Evidence, conditions: &[Condition]) -> Option<&'a Finding> {
    let of_the_entry = |finding: &&Finding| conditions.contains(&finding.condition);
    let found = evidence.findings.iter().find(of_the_entry);
    found.or_else(|| evidence.worst())
}

fn outcome(evidence: &Evidence) -> LookedUp {
    if !evidence.findings.is_empty() {
        LookedUp::Found
    } else if evidence.not_checked.is_empty() {
        LookedUp::Nothing
    } else if evidence.looked_at.objects > 0 {
        LookedUp::Partial
    } else if evidence
        .not_checked
        .iter()
        .all(|missed| missed.why == Why::TimedOut)
    {
        LookedUp::TimedOut
    } else {
        LookedUp::Failed
    }
}
