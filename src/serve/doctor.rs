//! The prerequisites of everything but the adapters, which check their own.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use crate::bot::health::{Check, Part};
use crate::bot::policy;
use crate::cluster;
use crate::cluster::connect::Place;
use crate::cluster::evidence::{Namespaces, NotChecked};
use crate::cluster::fetch::ReadError;
use crate::cluster::lease::Lease;
use crate::cluster::lookup::{Cluster, Scope};
use crate::cluster::name::{Namespace, ObjectName};
use crate::cluster::render::not_checked;
use crate::cluster::review::{Right, Rights};
use crate::state::{self, State};
use crate::web;

/// Whoever runs doctor waits longer than one who asks.
const VERSION_TIMEOUT: Duration = Duration::from_secs(5);

/// Most namespaces of patterns whose rights are reviewed: each costs a request, and they have one Role or `ClusterRole` mostly.
const MOST_NAMESPACES: usize = 40;

/// Most rights that one line names.
const MOST_RIGHTS: usize = 12;

/// Whether the content can be used.
#[must_use]
pub fn content(dirs: &[PathBuf]) -> Vec<Check> {
    match super::content(dirs) {
        Err(error) => vec![Check::fail(
            Part::Content,
            "the catalog",
            format!("{error:#}"),
            "mend content.dirs",
        )],
        Ok(content) => {
            let entries = content.faq.catalog().len();
            let mut checks = vec![Check::pass(
                Part::Content,
                "the catalog",
                format!("{entries} entries are indexed"),
            )];
            for problem in content.problems {
                let place = format!("{}:{}:{}", problem.path, problem.line, problem.column);
                checks.push(Check::fail(
                    Part::Content,
                    place,
                    problem.message,
                    problem.cure,
                ));
            }
            checks
        }
    }
}

/// Whether the state can be kept.
#[must_use]
pub fn state(settings: &state::Settings) -> Check {
    let what = "the state store";
    match (State::open(settings.dir.as_deref()), &settings.dir) {
        (Err(error), _) => Check::fail(
            Part::State,
            what,
            error.to_string(),
            "mend state.dir, or take it out to keep state in memory",
        ),
        (Ok(_), Some(dir)) => {
            Check::pass(Part::State, what, format!("kept in `{}`", dir.display()))
        }
        (Ok(_), None) => Check::warning(
            Part::State,
            what,
            "kept in memory: votes, misses and mutes end with the process",
            "set state.dir to a folder that outlives it",
        ),
    }
}

/// Whether each cluster can be reached, and whether the bot's rights there are those that it needs.
pub async fn clusters(
    settings: &BTreeMap<String, cluster::Settings>,
    channels: &policy::Settings,
    people: &policy::People,
    lease: Option<&ObjectName>,
) -> Vec<Check> {
    let mut checks = Vec::new();
    let scopes: Vec<&policy::Scope> = channels.scopes().chain(people.scopes()).collect();
    let named: BTreeSet<&String> = scopes.iter().flat_map(|scope| &scope.clusters).collect();
    for name in named {
        if !settings.contains_key(name) {
            checks.push(Check::fail(
                Part::Cluster,
                format!("cluster {name}"),
                "a scope names it, and no setting says where it is",
                format!("add a section [cluster.{name}], or take the name out of the scopes"),
            ));
        }
    }
    for (name, settings) in settings {
        let scopes: Vec<&policy::Scope> = scopes
            .iter()
            .copied()
            .filter(|scope| scope.clusters.contains(name))
            .collect();
        checks.extend(cluster(name, settings, &scopes, lease).await);
    }
    checks
}

async fn cluster(
    name: &str,
    settings: &cluster::Settings,
    scopes: &[&policy::Scope],
    lease: Option<&ObjectName>,
) -> Vec<Check> {
    let what = format!("cluster {name}");
    let fail = |what: &str, detail: String, cure: &str| {
        vec![Check::fail(Part::Cluster, what, detail, cure)]
    };
    let cluster = match Cluster::connect(&settings.place()).await {
        Ok(cluster) => cluster,
        Err(error) => {
            let cure = format!("mend kubeconfig and context of [cluster.{name}]");
            return fail(&what, error.to_string(), &cure);
        }
    };
    let mut checks = match cluster.version(VERSION_TIMEOUT).await {
        Ok(version) => {
            let answers = format!("answers, {}", version.text);
            vec![Check::pass(Part::Cluster, &what, answers)]
        }
        Err(error) => {
            let cure = "check the address and credentials of its context, and the way there";
            return fail(&what, error.to_string(), cure);
        }
    };
    let what = format!("rights in cluster {name}");
    if scopes.is_empty() {
        let detail = "no scope names it, so nobody may look at it";
        let cure = "name it in a channel's scope, or take its section out";
        checks.push(Check::warning(Part::Cluster, what, detail, cure));
        return checks;
    }
    let lease = lease.map(ObjectName::as_str);
    let scope = match scope(&cluster, settings, scopes).await {
        Ok(scope) => scope,
        Err(missed) => {
            let detail = format!(
                "a scope names namespaces by a pattern, and they cannot be listed: {}",
                not_checked(&missed)
            );
            let cure = "grant it (namespaces in deploy/manifests/rbac.yaml), or name the namespaces one by one";
            checks.extend(fail(&what, detail, cure));
            return checks;
        }
    };
    match cluster.rights(&scope, lease).await {
        Ok(rights) => checks.extend(judged(&what, &rights, settings)),
        Err(error) => checks.extend(fail(&what, error.to_string(), "run doctor again")),
    }
    checks
}

/// All that any channel may look at; a pattern stands for the namespaces that it meets now, the first of them where there are many.
async fn scope(
    cluster: &Cluster,
    settings: &cluster::Settings,
    scopes: &[&policy::Scope],
) -> Result<Scope, NotChecked> {
    let all = || scopes.iter().flat_map(|scope| &scope.namespaces);
    let namespaces = if all().any(|pattern| pattern == "*") {
        Namespaces::All
    } else {
        let mut names: BTreeSet<Namespace> = all().filter_map(|name| name.parse().ok()).collect();
        if all().any(|pattern| pattern.ends_with('*')) {
            let there = cluster.namespaces(VERSION_TIMEOUT).await?;
            let is_meant =
                |name: &&Namespace| scopes.iter().any(|scope| scope.holds(name.as_str()));
            names.extend(there.iter().filter(is_meant).take(MOST_NAMESPACES).cloned());
        }
        Namespaces::Named(names.into_iter().collect())
    };
    Ok(Scope {
        namespaces,
        cluster: scopes.iter().any(|scope| scope.cluster),
        logs: settings.logs.clone(),
    })
}

/// Whether the Lease that several replicas share can be read and updated.
pub async fn lease(name: &ObjectName) -> Check {
    let what = format!("the Lease {name}");
    let cure = "run inside the cluster, or take serve.lease out";
    let lease = match Lease::find(&Place::default(), name).await {
        Ok(lease) => lease,
        Err(error) => return Check::fail(Part::Cluster, what, error.to_string(), cure),
    };
    let looked = async {
        let holder = lease.holder().await?;
        if lease.may_be_updated().await? {
            Ok(holder)
        } else {
            Err(ReadError::Denied)
        }
    };
    match looked.await {
        Ok(Some(holder)) => Check::pass(Part::Cluster, what, format!("{holder} holds it")),
        Ok(None) => Check::pass(Part::Cluster, what, "nobody holds it"),
        Err(error) => {
            let (sentence, cure) = lease.sentence(&error);
            Check::fail(Part::Cluster, what, sentence, cure)
        }
    }
}

fn judged(what: &str, rights: &Rights, settings: &cluster::Settings) -> Vec<Check> {
    let mut checks = Vec::new();
    if !rights.missing.is_empty() {
        checks.push(Check::fail(
            Part::Cluster,
            what,
            format!("may not {}", listed(&rights.missing)),
            "grant them: deploy/manifests/rbac.yaml for all namespaces, rbac-namespace.yaml beside it for one; the chart does where rbac.create is true",
        ));
    }
    if !settings.logs.is_empty() && !rights.optional_missing.is_empty() {
        checks.push(Check::warning(
            Part::Cluster,
            what,
            format!(
                "logs are switched on, and may not {}",
                listed(&rights.optional_missing)
            ),
            "apply deploy/manifests/rbac-logs.yaml in those namespaces, or take `logs` out",
        ));
    }
    if !rights.excess.is_empty() {
        checks.push(Check::warning(
            Part::Cluster,
            what,
            format!("may {}, and needs none of it", listed(&rights.excess)),
            "give the bot an account of its own, with the rules of deploy/manifests/rbac.yaml and no others",
        ));
    }
    if !rights.incomplete.is_empty() {
        let namespaces = rights.incomplete.join(", ");
        checks.push(Check::warning(
            Part::Cluster,
            what,
            format!("the server cannot list all rights in {namespaces}"),
            "check there by `kubectl auth can-i --list`",
        ));
    }
    if checks.is_empty() {
        checks.push(Check::pass(
            Part::Cluster,
            what,
            "those that it needs, and no others",
        ));
    }
    checks
}

/// Rights as a list that is cut where it says enough.
fn listed(rights: &[Right]) -> String {
    let shown: Vec<String> = rights
        .iter()
        .take(MOST_RIGHTS)
        .map(ToString::to_string)
        .collect();
    let more = rights.len().saturating_sub(MOST_RIGHTS);
    let more = match more {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{}{more}", shown.join(", "))
}

/// Whether health and metrics can be served.
#[must_use]
pub fn web(settings: &web::Settings) -> Check {
    let what = "the address of health and metrics";
    match std::net::TcpListener::bind(settings.listen) {
        Ok(_) => Check::pass(Part::Process, what, format!("{} is free", settings.listen)),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => Check::warning(
            Part::Process,
            what,
            format!("{} is in use", settings.listen),
            "nothing, where `k8sfaq serve` is running here; else set web.listen to another address",
        ),
        Err(error) => Check::fail(
            Part::Process,
            what,
            format!("{} cannot be used: {error}", settings.listen),
            "set web.listen to an address of this machine",
        ),
    }
}
