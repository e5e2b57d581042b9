//! Reads what a lookup needs: tables and lists first, then only the pods that look sick, then who owns them.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;
use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Event, Namespace, Pod};
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use super::access::{Reach, Resource};
use super::decode::{Items, add, extend, items};
use super::detect;
use super::evidence::Truncated;
use super::fetch::{Answer, Ask, Read, ReadError, Reader};
use super::pod_owner;
use super::rows::{self, Row};
use super::suspects::suspects;
use super::view::{Coverage, Listing, View};

/// Most pods that are read in full: each is about 10 KB, and nobody reads more in a chat.
const MAX_PODS: usize = 250;

/// Most Services whose pods are looked at, and most pods of each.
const MAX_SERVICES: usize = 60;
const MAX_BACKING: u32 = 50;

/// Most pods whose usual events are read, and most events of each: those of a pod's creation are a handful.
const MAX_UNEXPLAINED: usize = 20;
const MAX_USUAL_EVENTS: u32 = 20;

/// Most owners that are read by name.
const MAX_OWNERS: usize = 60;

/// Most events of one answer.
const MAX_EVENTS: u32 = 3000;

/// Events that tell of nothing but the usual; a cluster's events are mostly these.
const WITHOUT_CHATTER: &str = "reason!=Scheduled,reason!=Pulled,reason!=Pulling,reason!=Created,reason!=Started,reason!=SuccessfulCreate,reason!=SuccessfulDelete,reason!=ScalingReplicaSet,reason!=Completed,reason!=SawCompletedJob,reason!=SuccessfulRescale,reason!=ProvisioningSucceeded,reason!=SuccessfulAttachVolume,reason!=LeaderElection";

/// What is to be read, and where.
pub(super) struct Order<'a> {
    /// The resources to list.
    pub(super) resources: &'a BTreeSet<Resource>,
    /// The namespaces; none for all.
    pub(super) namespaces: Option<&'a [String]>,
    /// Whether objects of the cluster as a whole may be read.
    pub(super) cluster: bool,
    /// Pods that are read in full whatever their rows say, by name in any of the namespaces.
    pub(super) named_pod: Option<&'a str>,
}

/// What came back.
#[derive(Default)]
pub(super) struct Gathered {
    pub(super) view: View,
    /// Reads that failed.
    pub(super) missed: Vec<(Read, ReadError)>,
    /// What was not read, for there was too much.
    pub(super) left_out: Truncated,
    /// All pods of the tables, by namespace.
    pub(super) pod_names: BTreeMap<String, Vec<String>>,
    /// How many objects were looked at.
    pub(super) objects: usize,
    /// The namespaces that were looked at.
    pub(super) namespaces: Vec<String>,
    /// When the oldest of the answers was given.
    pub(super) oldest: Option<Timestamp>,
}

impl Gathered {
    /// Whether nothing was there at all: no list, no table.
    pub(super) fn has_only_not_found(&self) -> bool {
        self.oldest.is_none()
            && !self.missed.is_empty()
            && self
                .missed
                .iter()
                .all(|(_, error)| *error == ReadError::NotFound)
    }
}

/// Reads all that the order names, as far as the deadline allows.
pub(super) async fn gather(reader: &Reader, order: &Order<'_>, deadline: Instant) -> Gathered {
    let mut gathering = Gathering {
        reader,
        deadline,
        done: Gathered::default(),
    };
    let Some(namespaces) = gathering.namespaces(order).await else {
        return gathering.done;
    };
    gathering.done.namespaces = namespaces;
    let rows = gathering.first_round(order).await;
    gathering.sick_pods(order, &rows).await;
    gathering.usual_events(order).await;
    gathering.owners(order).await;
    gathering.empty_namespaces(order, &rows).await;
    gathering.done
}

struct Gathering<'a> {
    reader: &'a Reader,
    deadline: Instant,
    done: Gathered,
}

impl Gathering<'_> {
    /// All these reads at once; failed ones are noted, but for objects that are gone by now.
    async fn all(&mut self, reads: Vec<Read>) -> Vec<(Read, Answer)> {
        let answers = join_all(
            reads
                .iter()
                .map(|read| self.reader.read(read, self.deadline)),
        )
        .await;
        let mut good = Vec::new();
        for (read, answer) in reads.into_iter().zip(answers) {
            match answer {
                Ok(answer) => {
                    self.done.oldest = Some(
                        self.done
                            .oldest
                            .map_or(answer.at, |oldest| oldest.min(answer.at)),
                    );
                    good.push((read, answer));
                }
                Err(ReadError::NotFound) if matches!(read.ask, Ask::Get { .. }) => {}
                Err(error) => self.done.missed.push((read, error)),
            }
        }
        good
    }

    /// The objects of an answer; one that cannot be read is noted.
    fn objects<T: DeserializeOwned>(&mut self, read: &Read, answer: &Answer) -> Option<Items<T>> {
        match items(&answer.body) {
            Ok(items) => Some(items),
            Err(error) => {
                let reason = format!("the answer is not readable: {error}");
                self.done
                    .missed
                    .push((read.clone(), ReadError::Unreachable(reason)));
                None
            }
        }
    }

    /// The namespaces to look at. With all of them the server is asked; their objects are kept for detection.
    async fn namespaces(&mut self, order: &Order<'_>) -> Option<Vec<String>> {
        let may_list = order.cluster
            && (order.namespaces.is_none() || order.resources.contains(&Resource::Namespaces));
        if may_list {
            let reads = vec![Read {
                resource: Resource::Namespaces,
                namespace: None,
                ask: Ask::List,
            }];
            for (read, answer) in self.all(reads).await {
                if let Some(items) = self.objects::<Namespace>(&read, &answer) {
                    self.done.objects += items.items.len();
                    self.done.view.namespaces = Listing::all(items.items);
                }
            }
        }
        match order.namespaces {
            Some(names) => Some(names.to_vec()),
            None if self.done.view.namespaces.is_complete() => Some(
                self.done
                    .view
                    .namespaces
                    .items
                    .iter()
                    .filter_map(|namespace| namespace.metadata.name.clone())
                    .collect(),
            ),
            None => None,
        }
    }

    /// Tables of pods, and lists of everything else that is asked for.
    async fn first_round(&mut self, order: &Order<'_>) -> Vec<(String, Row)> {
        let mut reads = Vec::new();
        for resource in order.resources {
            let ask = match resource {
                Resource::Pods => Ask::Table,
                Resource::Events => Ask::Filtered {
                    fields: WITHOUT_CHATTER.to_owned(),
                    limit: MAX_EVENTS,
                },
                Resource::Namespaces | Resource::PodLogs => continue,
                _ => Ask::List,
            };
            let everywhere = order.namespaces.is_none() && *resource != Resource::Pods;
            match resource.access().reach {
                Reach::Cluster if order.cluster => reads.push(Read {
                    resource: *resource,
                    namespace: None,
                    ask,
                }),
                Reach::Cluster => {}
                // Rows of a table carry no namespace, so pods are asked for in each.
                Reach::Namespaced if everywhere => reads.push(Read {
                    resource: *resource,
                    namespace: None,
                    ask,
                }),
                Reach::Namespaced => {
                    reads.extend(self.done.namespaces.iter().map(|namespace| Read {
                        resource: *resource,
                        namespace: Some(namespace.clone()),
                        ask: ask.clone(),
                    }));
                }
            }
        }
        // The cluster's DNS is the cluster's concern, whatever namespaces a scope names.
        let sees_dns = order
            .namespaces
            .is_none_or(|names| names.iter().any(|name| name == "kube-system"));
        if order.cluster && !sees_dns && order.resources.contains(&Resource::Deployments) {
            reads.push(Read {
                resource: Resource::Deployments,
                namespace: Some("kube-system".to_owned()),
                ask: Ask::Selected {
                    labels: "k8s-app=kube-dns".to_owned(),
                    limit: 10,
                },
            });
        }
        let mut rows = Vec::new();
        for (read, answer) in self.all(reads).await {
            if read.resource == Resource::Pods {
                rows.extend(self.rows(&read, &answer));
            } else {
                self.keep(&read, &answer);
            }
        }
        rows
    }

    fn rows(&mut self, read: &Read, answer: &Answer) -> Vec<(String, Row)> {
        let namespace = read.namespace.clone().unwrap_or_default();
        match rows::parse(&answer.body) {
            Ok(rows) => {
                self.done.objects += rows.len();
                self.done.pod_names.insert(
                    namespace.clone(),
                    rows.iter().map(|row| row.name.clone()).collect(),
                );
                rows.into_iter()
                    .map(|row| (namespace.clone(), row))
                    .collect()
            }
            Err(error) => {
                self.done.missed.push((
                    read.clone(),
                    ReadError::Unreachable(format!("the table is not readable: {error}")),
                ));
                Vec::new()
            }
        }
    }

    /// Puts a list into the view.
    fn keep(&mut self, read: &Read, answer: &Answer) {
        macro_rules! keep {
            ($field:ident) => {
                if let Some(items) = self.objects(read, answer) {
                    self.done.objects += items.items.len();
                    extend(&mut self.done.view.$field, items, read);
                }
            };
        }
        match read.resource {
            Resource::Events => {
                if let Some(items) = self.objects::<Event>(read, answer) {
                    self.done.left_out.events |= items.has_more;
                    self.done.view.events.extend(items.items);
                }
            }
            Resource::Services => keep!(services),
            Resource::Claims => keep!(claims),
            Resource::Quotas => keep!(quotas),
            Resource::Deployments => keep!(deployments),
            Resource::ReplicaSets => keep!(replica_sets),
            Resource::StatefulSets => keep!(stateful_sets),
            Resource::DaemonSets => keep!(daemon_sets),
            Resource::Jobs => keep!(jobs),
            Resource::CronJobs => keep!(cron_jobs),
            Resource::Autoscalers => keep!(autoscalers),
            Resource::DisruptionBudgets => keep!(disruption_budgets),
            Resource::Ingresses => keep!(ingresses),
            Resource::Nodes => keep!(nodes),
            Resource::Volumes => keep!(volumes),
            Resource::StorageClasses => keep!(storage_classes),
            Resource::IngressClasses => keep!(ingress_classes),
            Resource::ApiServices => keep!(api_services),
            Resource::Pods | Resource::PodLogs | Resource::Namespaces => {}
        }
    }

    /// The pods whose rows, nodes or events look wrong, in full, and those behind Services that nothing shows to be served.
    async fn sick_pods(&mut self, order: &Order<'_>, rows: &[(String, Row)]) {
        let mut sick = suspects(&self.done.view, rows, order.named_pod);
        self.done.left_out.pods = sick.len().saturating_sub(MAX_PODS);
        sick.truncate(MAX_PODS);
        let mut reads: Vec<Read> = sick
            .into_iter()
            .map(|(namespace, name)| Read {
                resource: Resource::Pods,
                namespace: Some(namespace),
                ask: Ask::Get { name },
            })
            .collect();
        let mut of_service = BTreeMap::new();
        if order.resources.contains(&Resource::Pods) {
            let doubtful = detect::doubtful_services(&self.done.view);
            self.done.left_out.services = doubtful.len().saturating_sub(MAX_SERVICES);
            for (key, selector) in doubtful.into_iter().take(MAX_SERVICES) {
                let labels: Vec<String> = selector
                    .iter()
                    .map(|(name, value)| format!("{name}={value}"))
                    .collect();
                let read = Read {
                    resource: Resource::Pods,
                    namespace: Some(key.0.clone()),
                    ask: Ask::Selected {
                        labels: labels.join(","),
                        limit: MAX_BACKING,
                    },
                };
                of_service
                    .entry(read.clone())
                    .or_insert_with(Vec::new)
                    .push(key);
                if !reads.contains(&read) {
                    reads.push(read);
                }
            }
        }
        let mut pods = Vec::new();
        for (read, answer) in self.all(reads).await {
            if let Ask::Get { .. } = read.ask {
                pods.extend(serde_json::from_slice::<Pod>(&answer.body).ok());
            } else if let Some(found) = self.objects::<Pod>(&read, &answer) {
                // Of a part of the pods nothing can be said, unless it shows that the Service is served.
                if !found.has_more || found.items.iter().any(is_ready) {
                    for key in of_service.get(&read).into_iter().flatten() {
                        self.done
                            .view
                            .backing_pods
                            .insert(key.clone(), found.items.clone());
                    }
                }
            }
        }
        self.done.view.pods = Listing::new(pods, Coverage::default());
    }

    /// The usual events of pods whose creation takes long while nothing unusual is said: an image may still be being pulled.
    async fn usual_events(&mut self, order: &Order<'_>) {
        if !order.resources.contains(&Resource::Events) {
            return;
        }
        let reads: Vec<Read> = detect::unexplained_creations(&self.done.view, Timestamp::now())
            .into_iter()
            .take(MAX_UNEXPLAINED)
            .filter_map(|pod| {
                let name = pod.metadata.name.as_deref()?;
                Some(Read {
                    resource: Resource::Events,
                    namespace: pod.metadata.namespace.clone(),
                    ask: Ask::Filtered {
                        fields: format!("involvedObject.kind=Pod,involvedObject.name={name}"),
                        limit: MAX_USUAL_EVENTS,
                    },
                })
            })
            .collect();
        for (read, answer) in self.all(reads).await {
            self.keep(&read, &answer);
        }
    }

    /// Who owns the sick pods, where no list has told, and the `ReplicaSet`s of their Deployments.
    async fn owners(&mut self, order: &Order<'_>) {
        let wanted: BTreeSet<Read> = self
            .done
            .view
            .pods
            .items
            .iter()
            .filter_map(|pod| pod_owner::owner_read(pod, order.resources))
            .collect();
        self.done.left_out.owners = wanted.len().saturating_sub(MAX_OWNERS);
        let mut reads: Vec<Read> = wanted.into_iter().take(MAX_OWNERS).collect();
        // A Job's pod is judged by what became of the Job, and of the runs after it.
        let with_jobs: BTreeSet<&str> = self
            .done
            .view
            .pods
            .items
            .iter()
            .filter(|pod| pod_owner::controller_kind(pod) == Some("Job"))
            .filter_map(|pod| pod.metadata.namespace.as_deref())
            .collect();
        for namespace in with_jobs {
            for resource in [Resource::Jobs, Resource::CronJobs] {
                if !order.resources.contains(&resource) {
                    reads.push(Read {
                        resource,
                        namespace: Some(namespace.to_owned()),
                        ask: Ask::List,
                    });
                }
            }
        }
        reads.extend(pod_owner::refused_sets(&self.done.view, MAX_OWNERS));
        for (read, answer) in self.all(reads).await {
            self.keep_owner(&read, &answer);
        }
        let reads = pod_owner::revisions(&self.done.view, MAX_OWNERS);
        for (read, answer) in self.all(reads).await {
            self.keep(&read, &answer);
        }
    }

    /// A namespace that does not exist is listed as an empty one. Where the bot may ask, it says so; where it may not, nothing is lost.
    async fn empty_namespaces(&mut self, order: &Order<'_>, rows: &[(String, Row)]) {
        if self.done.view.namespaces.is_complete() {
            let known: BTreeSet<&str> = self
                .done
                .view
                .namespaces
                .items
                .iter()
                .filter_map(|it| it.metadata.name.as_deref())
                .collect();
            let missing: Vec<String> = self
                .done
                .namespaces
                .iter()
                .filter(|name| !known.contains(name.as_str()))
                .cloned()
                .collect();
            self.done.missed.extend(
                missing
                    .iter()
                    .map(|name| (namespace_read(name), ReadError::NotFound)),
            );
            return;
        }
        let Some(names) = order
            .namespaces
            .filter(|_| order.resources.contains(&Resource::Pods))
        else {
            return;
        };
        for name in names
            .iter()
            .filter(|name| rows.iter().all(|(namespace, _)| namespace != *name))
        {
            let read = namespace_read(name);
            if self.reader.read(&read, self.deadline).await == Err(ReadError::NotFound) {
                self.done.missed.push((read, ReadError::NotFound));
            }
        }
    }

    fn keep_owner(&mut self, read: &Read, answer: &Answer) {
        if !matches!(read.ask, Ask::Get { .. }) {
            self.keep(read, answer);
            return;
        }
        let view = &mut self.done.view;
        match read.resource {
            Resource::Deployments => add::<Deployment>(&mut view.deployments, answer),
            Resource::StatefulSets => add::<StatefulSet>(&mut view.stateful_sets, answer),
            Resource::DaemonSets => add::<DaemonSet>(&mut view.daemon_sets, answer),
            Resource::ReplicaSets => add::<ReplicaSet>(&mut view.replica_sets, answer),
            Resource::Jobs => add::<Job>(&mut view.jobs, answer),
            _ => {}
        }
    }
}

fn namespace_read(name: &str) -> Read {
    Read {
        resource: Resource::Namespaces,
        namespace: None,
        ask: Ask::Get {
            name: name.to_owned(),
        },
    }
}

fn is_ready(pod: &Pod) -> bool {
    let conditions = pod
        .status
        .as_ref()
        .and_then(|status| status.conditions.as_deref())
        .unwrap_or_default();
    conditions
        .iter()
        .any(|condition| condition.type_ == "Ready" && condition.status == "True")
}
