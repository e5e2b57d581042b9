//! Looks at a cluster: by conditions, by object, or for an overview; what could not be looked at is part of what comes back.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use tokio::sync::OnceCell;
use tokio::time::{Instant, timeout_at};

use super::access::{Reach, Resource};
use super::connect::{self, ConnectError, Place};
use super::detect::{self, Entries};
use super::fetch::{Ask, Read, ReadError, Reader, Traffic};
use super::finding::{EvidenceLine, Finding, Source};
use super::gather::{self, Gathered, Order};
use super::kind::Kind;
use super::name::{Namespace, ObjectName};
use super::shared::Shared;
use super::{plan, redact};
use crate::faq::condition::Condition;

/// Most findings of one lookup; the worst are kept.
const MAX_FINDINGS: usize = 300;

/// Most findings whose container's log is read, and most lines and bytes of each.
const MAX_LOGS: usize = 3;
const LOG_LINES: i64 = 8;
const LOG_BYTES: i64 = 8 * 1024;

/// Reading what has come in and judging it takes milliseconds; this is for a busy machine.
const JUDGING: Duration = Duration::from_millis(200);

/// What is asked of a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum What {
    /// Findings of these conditions.
    Conditions(Vec<Condition>),
    /// Findings about one object, and about what causes them.
    Object(Target),
    /// All findings.
    Overview,
}

/// One object that was asked for. Its names are validated, so they can neither become a path nor a selector.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Target {
    /// Its kind, where it was said.
    pub kind: Option<Kind>,
    /// Its namespace, where it was said; else it is looked for in the whole scope.
    pub namespace: Option<Namespace>,
    /// Its name.
    pub name: ObjectName,
}

/// Where may be looked.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Scope {
    /// The namespaces.
    pub namespaces: Namespaces,
    /// Whether nodes, volumes, classes and other objects of the cluster as a whole belong to it.
    pub cluster: bool,
    /// Namespaces in which a crashed container's last log lines may be read.
    pub logs: Vec<Namespace>,
}

/// The namespaces of a scope.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Namespaces {
    /// All of them; then the cluster's own objects belong to the scope as well.
    All,
    /// These.
    Named(Vec<Namespace>),
}

/// One question to a cluster.
#[derive(Debug, Clone)]
pub struct Lookup {
    /// What is asked.
    pub what: What,
    /// Where may be looked.
    pub scope: Scope,
    /// How long all of it may take.
    pub deadline: Duration,
}

/// What a lookup brought back: the stable interface of `--format json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Evidence {
    /// The cluster's name: its context.
    pub cluster: String,
    /// The server's version, such as `v1.36.3`, where it said it.
    pub version: Option<String>,
    /// Where was looked.
    #[serde(serialize_with = "scope_form")]
    pub scope: Namespaces,
    /// When the oldest part of it was read.
    pub checked_at: Timestamp,
    /// What was found, the worst first.
    pub findings: Vec<Finding>,
    /// What could not be looked at.
    pub not_checked: Vec<NotChecked>,
    /// What was left out because there was too much.
    pub truncated: Option<Truncated>,
    /// What was looked at, for a sentence such as "nothing found in 37 pods". No part of the JSON.
    #[serde(skip)]
    pub looked_at: LookedAt,
}

/// How much was looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LookedAt {
    /// Objects and rows that were read.
    pub objects: usize,
    /// Pods among them.
    pub pods: usize,
    /// The namespaces.
    pub namespaces: Vec<String>,
    /// The resources, as RBAC writes them.
    pub resources: Vec<String>,
}

/// Something that could not be looked at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct NotChecked {
    /// What, such as `pods in shop`.
    pub what: String,
    /// Why.
    pub why: Why,
    /// What to do about it, or what exactly was said.
    pub detail: String,
}

/// Why something could not be looked at: five different sentences.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// The server refuses; the detail holds the rule that would grant it.
    Denied,
    /// There is no such object or API.
    NotFound,
    /// No answer before the deadline.
    TimedOut,
    /// No connection, or no readable answer.
    Unreachable,
    /// Expired or missing credentials.
    Unauthorized,
}

/// What was left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Truncated {
    /// Pods that look sick and were not read.
    pub pods: usize,
    /// Findings beyond those that are given.
    pub findings: usize,
}

/// A server's version as two plain numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterVersion {
    /// The major version, 1 so far.
    pub major: u32,
    /// The minor version, such as 36.
    pub minor: u32,
    /// The server's own text, such as `v1.36.3`.
    pub text: String,
}

/// One cluster that may be looked at.
pub struct Cluster {
    name: String,
    namespace: Namespace,
    reader: Reader,
    version: OnceCell<ClusterVersion>,
    lookups: Shared<(What, Scope), Arc<Evidence>>,
}

impl Cluster {
    /// Finds a cluster by the rules of kubeconfig files; nothing is asked of it yet.
    ///
    /// # Errors
    ///
    /// When there is no usable kubeconfig or context, and no cluster around.
    pub async fn connect(place: &Place) -> Result<Cluster, ConnectError> {
        let found = connect::find(place).await?;
        let namespace = found.namespace.parse().or_else(|_| "default".parse());
        Ok(Cluster {
            name: found.name,
            namespace: namespace.map_err(|_| ConnectError::NotFound("no namespace".to_owned()))?,
            reader: Reader::new(found.client),
            version: OnceCell::new(),
            lookups: Shared::default(),
        })
    }

    /// The context's name, or `in-cluster`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The namespace that the context names, or `default`.
    #[must_use]
    pub fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    /// What was transferred since the start.
    #[must_use]
    pub fn traffic(&self) -> Traffic {
        self.reader.traffic()
    }

    /// The API server, for the self-subject reviews of `doctor`.
    pub(super) fn reader(&self) -> &Reader {
        &self.reader
    }

    /// The server's version; it is asked once.
    ///
    /// # Errors
    ///
    /// As for any read.
    pub async fn version(&self, deadline: Duration) -> Result<&ClusterVersion, ReadError> {
        let until = Instant::now() + deadline;
        self.version
            .get_or_try_init(|| async {
                let info = self.reader.version(until).await?;
                let digits = |text: &str| {
                    text.chars()
                        .take_while(char::is_ascii_digit)
                        .collect::<String>()
                        .parse()
                        .ok()
                };
                match (digits(&info.major), digits(&info.minor)) {
                    (Some(major), Some(minor)) => Ok(ClusterVersion {
                        major,
                        minor,
                        text: redact::line(&info.git_version),
                    }),
                    _ => Err(ReadError::Unreachable(
                        "the server's version is not readable".to_owned(),
                    )),
                }
            })
            .await
    }

    /// Looks, within the lookup's deadline. It never fails: what could not be read is part of the evidence.
    ///
    /// Who asks the same at the same time, or within a few seconds, gets the same evidence; `checked_at` tells its age.
    pub async fn lookup(&self, lookup: &Lookup, entries: &Entries) -> Arc<Evidence> {
        let until = Instant::now() + lookup.deadline;
        let key = (lookup.what.clone(), lookup.scope.clone());
        // Boxed: reading and judging together are a future of 20 KB.
        let look = async { Arc::new(Box::pin(self.look(lookup, entries, until)).await) };
        // What was late may be in time for the next.
        let lasts = |evidence: &Arc<Evidence>| {
            evidence
                .not_checked
                .iter()
                .all(|missed| missed.why != Why::TimedOut)
        };
        // A look ends by itself at its deadline; the moment beyond is for judging what came.
        match timeout_at(until + JUDGING, self.lookups.get(&key, look, lasts)).await {
            Ok(evidence) => evidence,
            Err(_) => Arc::new(self.nothing_in_time(lookup)),
        }
    }

    /// The evidence of one who waited for another's look in vain.
    fn nothing_in_time(&self, lookup: &Lookup) -> Evidence {
        Evidence {
            cluster: self.name.clone(),
            version: self.version.get().map(|version| version.text.clone()),
            scope: lookup.scope.namespaces.clone(),
            checked_at: Timestamp::now(),
            findings: Vec::new(),
            not_checked: vec![sentence(
                &format!("cluster {}", self.name),
                &ReadError::TimedOut,
                None,
            )],
            truncated: None,
            looked_at: LookedAt::default(),
        }
    }

    async fn look(&self, lookup: &Lookup, entries: &Entries, until: Instant) -> Evidence {
        let wanted = Wanted::new(lookup);
        let order = Order {
            resources: &wanted.resources,
            namespaces: wanted.namespaces.as_deref(),
            cluster: wanted.cluster,
            named_pod: wanted.named_pod.as_deref(),
        };
        let (gathered, version) = tokio::join!(
            gather::gather(&self.reader, &order, until),
            self.version(lookup.deadline)
        );
        let now = Timestamp::now();
        let mut findings = detect::findings(&gathered.view, entries, now);
        Wanted::keep_asked(lookup, &gathered, &mut findings);
        let mut not_checked = if version.is_err() && gathered.has_only_not_found() {
            vec![sentence(
                &format!("cluster {}", self.name),
                &ReadError::Unreachable(
                    "what answers at its address is no Kubernetes API".to_owned(),
                ),
                None,
            )]
        } else {
            not_checked(&self.name, &gathered.missed)
        };
        not_checked.extend(wanted.missing_target(lookup, &gathered));
        let findings_left_out = findings.len().saturating_sub(MAX_FINDINGS);
        findings.truncate(MAX_FINDINGS);
        self.add_logs(&lookup.scope, &mut findings, until).await;
        let truncated = Truncated {
            pods: gathered.pods_left_out,
            findings: findings_left_out,
        };
        Evidence {
            cluster: self.name.clone(),
            version: version.ok().map(|version| version.text.clone()),
            scope: lookup.scope.namespaces.clone(),
            checked_at: gathered.oldest.unwrap_or(now),
            looked_at: LookedAt {
                objects: gathered.objects,
                pods: gathered.pod_names.values().map(Vec::len).sum(),
                namespaces: gathered.namespaces.clone(),
                resources: wanted.resources.iter().map(ToString::to_string).collect(),
            },
            findings,
            not_checked,
            truncated: (truncated.pods > 0 || truncated.findings > 0).then_some(truncated),
        }
    }

    /// The last lines of crashed containers, where that is switched on. A log that cannot be read is no loss worth a word.
    async fn add_logs(&self, scope: &Scope, findings: &mut [Finding], until: Instant) {
        let crashed = findings
            .iter_mut()
            .filter(|finding| {
                matches!(
                    finding.condition,
                    Condition::CrashLoopBackOff
                        | Condition::ContainerExited
                        | Condition::InitContainerFailing
                )
            })
            .filter(|finding| {
                scope
                    .logs
                    .iter()
                    .any(|allowed| finding.namespace.as_deref() == Some(allowed.as_str()))
            })
            .take(MAX_LOGS);
        for finding in crashed {
            let (Some(pod), Some(container)) =
                (finding.objects.first(), finding.containers.first())
            else {
                continue;
            };
            let read = Read {
                resource: Resource::PodLogs,
                namespace: finding.namespace.clone(),
                ask: Ask::PreviousLog {
                    name: pod.name.clone(),
                    container: container.clone(),
                    lines: LOG_LINES,
                    bytes: LOG_BYTES,
                },
            };
            if let Ok(answer) = self.reader.read(&read, until).await {
                let text = String::from_utf8_lossy(&answer.body);
                finding
                    .evidence
                    .extend(redact::lines(&text).into_iter().map(|text| EvidenceLine {
                        text,
                        source: Source::Log,
                    }));
            }
        }
    }
}

/// What a lookup makes necessary to read.
struct Wanted {
    resources: BTreeSet<Resource>,
    namespaces: Option<Vec<String>>,
    cluster: bool,
    named_pod: Option<String>,
}

impl Wanted {
    fn new(lookup: &Lookup) -> Self {
        let all: BTreeSet<Resource> = plan::OVERVIEW.iter().copied().collect();
        let mut resources = match &lookup.what {
            What::Conditions(conditions) => plan::resources(conditions),
            What::Object(_) | What::Overview => all,
        };
        let mut namespaces = match &lookup.scope.namespaces {
            Namespaces::All => None,
            Namespaces::Named(names) => {
                Some(names.iter().map(ToString::to_string).collect::<Vec<_>>())
            }
        };
        let cluster = lookup.scope.cluster || namespaces.is_none();
        let mut named_pod = None;
        if let What::Object(target) = &lookup.what {
            if let Some(namespace) = &target.namespace {
                namespaces = Some(vec![namespace.to_string()]);
            }
            if target.kind.is_none_or(|kind| kind == Kind::Pod) {
                named_pod = Some(target.name.to_string());
            }
            // For an object of the cluster nothing in namespaces is read.
            if target
                .kind
                .is_some_and(|kind| kind.resource().access().reach == Reach::Cluster)
            {
                resources.retain(|resource| {
                    resource.access().reach == Reach::Cluster || *resource == Resource::Events
                });
            }
        }
        if plan::are_all_of_the_cluster(&resources) && !cluster {
            resources.clear();
        }
        Wanted {
            resources,
            namespaces,
            cluster,
            named_pod,
        }
    }

    /// Leaves only the findings that were asked for.
    fn keep_asked(lookup: &Lookup, gathered: &Gathered, findings: &mut Vec<Finding>) {
        match &lookup.what {
            What::Overview => {}
            What::Conditions(conditions) => {
                findings.retain(|finding| conditions.contains(&finding.condition));
            }
            What::Object(target) => {
                let pods = Self::pods_of(target, gathered);
                let is_about = |finding: &Finding| {
                    let mut objects = finding.objects.iter().chain([&finding.owner]);
                    objects.any(|object| {
                        let kind_fits = target.kind.is_none_or(|kind| kind.name() == object.kind);
                        (kind_fits && object.name == target.name.as_str())
                            || (object.kind == "Pod" && pods.contains(object.name.as_str()))
                    })
                };
                // What causes a finding about the object belongs to the answer, and what causes that.
                let mut asked: BTreeSet<usize> = (0..findings.len())
                    .filter(|index| is_about(&findings[*index]))
                    .collect();
                loop {
                    let causes: BTreeSet<usize> = asked
                        .iter()
                        .filter_map(|index| findings[*index].cause.as_ref())
                        .flat_map(|cause| {
                            let is_it = |finding: &Finding| {
                                finding.condition == cause.condition && finding.owner == cause.owner
                            };
                            (0..findings.len())
                                .filter(|index| is_it(&findings[*index]))
                                .collect::<Vec<_>>()
                        })
                        .collect();
                    let before = asked.len();
                    asked.extend(causes);
                    if asked.len() == before {
                        break;
                    }
                }
                let mut index = 0;
                findings.retain(|_| {
                    index += 1;
                    asked.contains(&(index - 1))
                });
            }
        }
    }

    /// The sick pods of a node or claim that was asked for.
    fn pods_of<'g>(target: &Target, gathered: &'g Gathered) -> BTreeSet<&'g str> {
        let uses_it = |pod: &k8s_openapi::api::core::v1::Pod| {
            let spec = pod.spec.as_ref();
            match target.kind {
                Some(Kind::Node) => {
                    spec.and_then(|spec| spec.node_name.as_deref()) == Some(target.name.as_str())
                }
                Some(Kind::ReplicaSet) => {
                    pod.metadata.owner_references.iter().flatten().any(|owner| {
                        owner.kind == "ReplicaSet" && owner.name == target.name.as_str()
                    })
                }
                _ => false,
            }
        };
        gathered
            .view
            .pods
            .items
            .iter()
            .filter(|pod| uses_it(pod))
            .filter_map(|pod| pod.metadata.name.as_deref())
            .collect()
    }

    /// Says that the object does not exist, where everything that could hold it was read.
    fn missing_target(&self, lookup: &Lookup, gathered: &Gathered) -> Option<NotChecked> {
        let What::Object(target) = &lookup.what else {
            return None;
        };
        let kind = target
            .kind
            .map_or_else(|| "object".to_owned(), |kind| kind.to_string());
        let place = target
            .namespace
            .as_ref()
            .map_or_else(String::new, |namespace| format!(" in {namespace}"));
        let could_not_read = gathered.missed.iter().any(|(read, _)| {
            target
                .kind
                .is_none_or(|kind| kind.resource() == read.resource)
        });
        // A ReplicaSet is read only through its pods.
        let is_listed = target.kind.is_none_or(|kind| {
            self.resources.contains(&kind.resource())
                && (self.cluster || kind.resource().access().reach == Reach::Namespaced)
        });
        if could_not_read || !is_listed || exists(target, gathered) {
            return None;
        }
        Some(NotChecked {
            what: format!("{kind} {}{place}", target.name),
            why: Why::NotFound,
            detail: "there is no object of this name where was looked".to_owned(),
        })
    }
}

fn exists(target: &Target, gathered: &Gathered) -> bool {
    let name = target.name.as_str();
    let view = &gathered.view;
    macro_rules! has {
        ($($kind:ident $field:ident,)+) => {
            $((target.kind.is_none_or(|kind| kind == Kind::$kind)
                && view.$field.items.iter().any(|item| item.metadata.name.as_deref() == Some(name))))||+
        };
    }
    let is_pod = target.kind.is_none_or(|kind| kind == Kind::Pod)
        && gathered.pod_names.values().flatten().any(|pod| pod == name);
    is_pod
        || has! {
            Deployment deployments,
            ReplicaSet replica_sets,
            StatefulSet stateful_sets,
            DaemonSet daemon_sets,
            Job jobs,
            CronJob cron_jobs,
            Service services,
            Ingress ingresses,
            PersistentVolumeClaim claims,
            HorizontalPodAutoscaler autoscalers,
            PodDisruptionBudget disruption_budgets,
            ResourceQuota quotas,
            Node nodes,
            PersistentVolume volumes,
            Namespace namespaces,
            APIService api_services,
        }
}

/// Failed reads as sentences, those of the same kind and reason in one. Where nothing of a cluster answers, one says it all.
fn not_checked(cluster: &str, missed: &[(Read, ReadError)]) -> Vec<NotChecked> {
    let of_the_whole = missed
        .iter()
        .find(|(_, error)| matches!(error, ReadError::Unauthorized));
    if let Some((_, error)) = of_the_whole {
        return vec![sentence(&format!("cluster {cluster}"), error, None)];
    }
    let is_no_connection = |error: &ReadError| matches!(error, ReadError::Unreachable(said) if !said.starts_with("the answer") && !said.starts_with("the API server"));
    if let Some((_, error)) = missed.iter().find(|(_, error)| is_no_connection(error)) {
        return vec![sentence(&format!("cluster {cluster}"), error, None)];
    }
    let absent =
        missed
            .iter()
            .filter_map(|(read, error)| match (&read.ask, read.resource, error) {
                (Ask::Get { name }, Resource::Namespaces, ReadError::NotFound) => {
                    Some(NotChecked {
                        what: format!("namespace {name}"),
                        why: Why::NotFound,
                        detail: "there is no such namespace".to_owned(),
                    })
                }
                _ => None,
            });
    let absent: Vec<NotChecked> = absent.collect();
    if !absent.is_empty() {
        return absent;
    }
    let mut groups: BTreeMap<(Resource, String), (Vec<String>, &Read, &ReadError)> =
        BTreeMap::new();
    for (read, error) in missed {
        let key = (read.resource, error.to_string());
        let group = groups
            .entry(key)
            .or_insert_with(|| (Vec::new(), read, error));
        if let Some(namespace) = &read.namespace
            && !group.0.contains(namespace)
        {
            group.0.push(namespace.clone());
        }
    }
    groups
        .into_values()
        .map(|(mut namespaces, read, error)| {
            namespaces.sort();
            let place = match (namespaces.as_slice(), read.resource.access().reach) {
                ([], Reach::Namespaced) => " in all namespaces".to_owned(),
                ([], Reach::Cluster) => String::new(),
                ([only], _) => format!(" in {only}"),
                ([first, rest @ ..], _) => {
                    format!(" in {first} and {} more namespaces", rest.len())
                }
            };
            sentence(&format!("{}{place}", read.resource), error, Some(read))
        })
        .collect()
}

fn sentence(what: &str, error: &ReadError, read: Option<&Read>) -> NotChecked {
    let (why, detail) = match error {
        ReadError::Denied => {
            let verb = read.map_or("list", |read| read.verb().name());
            let rule = read
                .map(|read| read.resource.access().rule())
                .unwrap_or_default();
            (
                Why::Denied,
                format!("may not {verb} {what}; this rule would grant it: {{{rule}}}"),
            )
        }
        ReadError::NotFound => (
            Why::NotFound,
            "the API server knows no such resource".to_owned(),
        ),
        ReadError::TimedOut => (Why::TimedOut, "no answer before the deadline".to_owned()),
        ReadError::Unreachable(said) => (Why::Unreachable, said.clone()),
        ReadError::Unauthorized => (
            Why::Unauthorized,
            "the credentials are missing, expired or refused; sign in again".to_owned(),
        ),
    };
    NotChecked {
        what: what.to_owned(),
        why,
        detail,
    }
}

fn scope_form<S: Serializer>(scope: &Namespaces, serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(1))?;
    match scope {
        Namespaces::All => map.serialize_entry("namespaces", "all")?,
        Namespaces::Named(names) => map.serialize_entry("namespaces", names)?,
    }
    map.end()
}
