//! Looks at a cluster: by conditions, by object, or for an overview; what could not be looked at is part of what comes back.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1 as core;
use tokio::sync::OnceCell;
use tokio::time::{Instant, timeout_at};

use super::access::Resource;
use super::connect::{self, ConnectError, Place};
use super::decode::items;
use super::detect::{self, Entries};
use super::evidence::{Evidence, LookedAt, Namespaces, NotChecked, Truncated, Why};
use super::failure::{not_checked, sentence};
use super::fetch::{Ask, Read, ReadError, Reader, Traffic};
use super::finding::{EvidenceLine, Finding, Source};
use super::gather::{self, Order};
use super::kind::Kind;
use super::name::{Namespace, ObjectName};
use super::redact;
use super::shared::Shared;
use super::wanted::{self, Wanted};
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

    /// The names of all namespaces, for scopes that name some by a pattern.
    ///
    /// # Errors
    ///
    /// As for any read, told as what could not be looked at.
    pub async fn namespaces(&self, deadline: Duration) -> Result<Vec<Namespace>, NotChecked> {
        let read = Read {
            resource: Resource::Namespaces,
            namespace: None,
            ask: Ask::List,
        };
        let told = |error: &ReadError| sentence("namespaces", error, Some(&read));
        let answer = self.reader.read(&read, Instant::now() + deadline).await;
        let answer = answer.map_err(|error| told(&error))?;
        let items = items::<core::Namespace>(&answer.body).map_err(|error| {
            told(&ReadError::Unreachable(format!(
                "the answer is not readable: {error}"
            )))
        })?;
        Ok(items
            .items
            .into_iter()
            .filter_map(|namespace| namespace.metadata.name?.parse().ok())
            .collect())
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
        let what = format!("cluster {}", self.name);
        let missed = sentence(&what, &ReadError::TimedOut, None);
        Evidence {
            version: self.version.get().map(|version| version.text.clone()),
            ..Evidence::of_nothing(&self.name, lookup.scope.namespaces.clone(), missed)
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
            findings: findings_left_out,
            ..gathered.left_out
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
                targets: match &lookup.what {
                    What::Object(target) => wanted::there(target, &gathered),
                    What::Conditions(_) | What::Overview => Vec::new(),
                },
            },
            findings,
            not_checked,
            truncated: truncated.if_any(),
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
