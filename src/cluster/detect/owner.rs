//! Who owns a pod: the Deployment behind its `ReplicaSet`, the `CronJob` behind its Job, and how much of that serves.

use std::collections::HashMap;

use k8s_openapi::Metadata;
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};

use crate::cluster::finding::ObjectRef;
use crate::cluster::view::{Listing, View};

type ByName<'a, T> = HashMap<(&'a str, &'a str), &'a T>;

/// How many replicas an owner should have, and how many of them are ready.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) desired: Option<u32>,
    pub(super) ready: Option<u32>,
}

impl Standing {
    /// Whether all that should be there is ready.
    pub(super) fn is_whole(self) -> bool {
        matches!((self.desired, self.ready), (Some(desired), Some(ready)) if ready >= desired)
    }
}

/// The owners among the objects of a view.
pub(super) struct Owners<'a> {
    deployments: ByName<'a, Deployment>,
    replica_sets: ByName<'a, ReplicaSet>,
    stateful_sets: ByName<'a, StatefulSet>,
    daemon_sets: ByName<'a, DaemonSet>,
    jobs: ByName<'a, Job>,
}

impl<'a> Owners<'a> {
    pub(super) fn new(view: &'a View) -> Self {
        Owners {
            deployments: by_name(&view.deployments),
            replica_sets: by_name(&view.replica_sets),
            stateful_sets: by_name(&view.stateful_sets),
            daemon_sets: by_name(&view.daemon_sets),
            jobs: by_name(&view.jobs),
        }
    }

    /// The outermost known owner of a pod; the pod itself where it has none.
    pub(super) fn of_pod(&self, pod: &Pod) -> ObjectRef {
        let (namespace, name) = names(&pod.metadata);
        let Some(owner) = controller(&pod.metadata) else {
            return ObjectRef::new("Pod", name);
        };
        match owner.kind.as_str() {
            "ReplicaSet" => {
                let hash = pod
                    .metadata
                    .labels
                    .as_ref()
                    .and_then(|labels| labels.get("pod-template-hash"));
                self.of_replica_set(namespace, &owner.name, hash.map(String::as_str))
            }
            "Job" => self.of_job(namespace, &owner.name),
            // A static pod is its node's, yet nobody looks for it there.
            "Node" => ObjectRef::new("Pod", name),
            kind => ObjectRef::new(kind, &owner.name),
        }
    }

    /// The owner of a `ReplicaSet`. Where it was not read, its name tells: a Deployment's is followed by the template's hash.
    pub(super) fn of_replica_set(
        &self,
        namespace: &str,
        name: &str,
        template_hash: Option<&str>,
    ) -> ObjectRef {
        if let Some(replica_set) = self.replica_sets.get(&(namespace, name)) {
            return controller(&replica_set.metadata).map_or_else(
                || ObjectRef::new("ReplicaSet", name),
                |owner| ObjectRef::new(&owner.kind, &owner.name),
            );
        }
        template_hash
            .and_then(|hash| name.strip_suffix(hash)?.strip_suffix('-'))
            .map_or_else(
                || ObjectRef::new("ReplicaSet", name),
                |deployment| ObjectRef::new("Deployment", deployment),
            )
    }

    /// The owner of a Job: its `CronJob`, or itself.
    pub(super) fn of_job(&self, namespace: &str, name: &str) -> ObjectRef {
        self.jobs
            .get(&(namespace, name))
            .and_then(|job| controller(&job.metadata))
            .map_or_else(
                || ObjectRef::new("Job", name),
                |owner| ObjectRef::new(&owner.kind, &owner.name),
            )
    }

    /// The Job that controls a pod, where it was read.
    pub(super) fn job_of(&self, pod: &Pod) -> Option<&'a Job> {
        let owner = controller(&pod.metadata).filter(|owner| owner.kind == "Job")?;
        self.jobs
            .get(&(names(&pod.metadata).0, owner.name.as_str()))
            .copied()
    }

    /// The owner of a pod that is gone, by its name: `web-7c9d8f6b5-x2x4z` was one of Deployment `web`, `db-0` of `StatefulSet` `db`.
    pub(super) fn of_gone_pod(&self, namespace: &str, name: &str) -> Option<ObjectRef> {
        let outer = name.rsplit_once('-')?.0;
        let key = (namespace, outer);
        if self.replica_sets.contains_key(&key) {
            return Some(self.of_replica_set(namespace, outer, None));
        }
        if let Some((deployment, _)) = outer.rsplit_once('-')
            && self.deployments.contains_key(&(namespace, deployment))
        {
            return Some(ObjectRef::new("Deployment", deployment));
        }
        if self.jobs.contains_key(&key) {
            return Some(self.of_job(namespace, outer));
        }
        [
            ("StatefulSet", self.stateful_sets.contains_key(&key)),
            ("DaemonSet", self.daemon_sets.contains_key(&key)),
        ]
        .into_iter()
        .find_map(|(kind, is_there)| is_there.then(|| ObjectRef::new(kind, outer)))
    }

    /// How an owner stands, where its status was read.
    pub(super) fn standing(&self, namespace: &str, owner: &ObjectRef) -> Standing {
        let key = (namespace, owner.name.as_str());
        match owner.kind.as_str() {
            "Deployment" => self.deployments.get(&key).map(|it| {
                let ready = it
                    .status
                    .as_ref()
                    .map(|status| status.ready_replicas.unwrap_or(0));
                standing(
                    it.spec.as_ref().map(|spec| spec.replicas.unwrap_or(1)),
                    ready,
                )
            }),
            "StatefulSet" => self.stateful_sets.get(&key).map(|it| {
                let ready = it
                    .status
                    .as_ref()
                    .map(|status| status.ready_replicas.unwrap_or(0));
                standing(
                    it.spec.as_ref().map(|spec| spec.replicas.unwrap_or(1)),
                    ready,
                )
            }),
            "ReplicaSet" => self.replica_sets.get(&key).map(|it| {
                let ready = it
                    .status
                    .as_ref()
                    .map(|status| status.ready_replicas.unwrap_or(0));
                standing(
                    it.spec.as_ref().map(|spec| spec.replicas.unwrap_or(1)),
                    ready,
                )
            }),
            "DaemonSet" => self.daemon_sets.get(&key).map(|it| {
                let status = it.status.as_ref();
                standing(
                    status.map(|status| status.desired_number_scheduled),
                    status.map(|status| status.number_ready),
                )
            }),
            "Job" => self.jobs.get(&key).map(|it| {
                let spec = it.spec.as_ref();
                let at_once = spec.map(|spec| {
                    let parallel = spec.parallelism.unwrap_or(1);
                    spec.completions.map_or(parallel, |all| all.min(parallel))
                });
                let ready = it.status.as_ref().map(|status| status.ready.unwrap_or(0));
                standing(at_once, ready)
            }),
            _ => None,
        }
        .unwrap_or_default()
    }
}

fn standing(desired: Option<i32>, ready: Option<i32>) -> Standing {
    let count = |number: i32| u32::try_from(number).unwrap_or(0);
    Standing {
        desired: desired.map(count),
        ready: ready.map(count),
    }
}

/// An object's namespace (empty for cluster objects) and name.
pub(super) fn names(meta: &ObjectMeta) -> (&str, &str) {
    (
        meta.namespace.as_deref().unwrap_or_default(),
        meta.name.as_deref().unwrap_or_default(),
    )
}

/// The owner that controls an object; an owner of which nobody says that it controls, where there is but one.
pub(super) fn controller(meta: &ObjectMeta) -> Option<&OwnerReference> {
    let owners = meta.owner_references.as_deref().unwrap_or_default();
    owners
        .iter()
        .find(|owner| owner.controller == Some(true))
        .or(match owners {
            [only] => Some(only),
            _ => None,
        })
}

fn by_name<T: Metadata<Ty = ObjectMeta>>(listing: &Listing<T>) -> ByName<'_, T> {
    listing
        .items
        .iter()
        .map(|item| (names(item.metadata()), item))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::detect::fixtures::object;
    use serde_json::json;

    fn pod_of(kind: &str, name: &str) -> Pod {
        object(json!({"metadata": {
            "namespace": "shop", "name": "checkout-7899d5c6b8-x2x9z", "labels": {"pod-template-hash": "7899d5c6b8"},
            "ownerReferences": [{"apiVersion": "v1", "kind": kind, "name": name, "uid": "u", "controller": true}]
        }}))
    }

    #[test]
    fn a_replica_sets_pod_belongs_to_the_deployment_even_where_the_replica_set_was_not_read() {
        let view = View::default();
        let owner = Owners::new(&view).of_pod(&pod_of("ReplicaSet", "checkout-7899d5c6b8"));
        assert_eq!(owner, ObjectRef::new("Deployment", "checkout"));
    }

    #[test]
    fn a_replica_set_that_another_kind_controls_is_not_called_a_deployments() {
        let view = View {
            replica_sets: Listing::all(vec![object(json!({"metadata": {
                "namespace": "shop", "name": "checkout-7899d5c6b8",
                "ownerReferences": [{"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "name": "checkout", "uid": "u", "controller": true}]
            }}))]),
            ..View::default()
        };
        let owner = Owners::new(&view).of_pod(&pod_of("ReplicaSet", "checkout-7899d5c6b8"));
        assert_eq!(owner, ObjectRef::new("Rollout", "checkout"));
    }

    #[test]
    fn a_job_that_was_not_read_is_not_said_to_be_a_cron_jobs() {
        let view = View::default();
        let owner = Owners::new(&view).of_pod(&pod_of("Job", "backup-29384710"));
        assert_eq!(owner, ObjectRef::new("Job", "backup-29384710"));
    }

    #[test]
    fn a_static_pod_and_a_bare_pod_own_themselves() {
        let view = View::default();
        let owners = Owners::new(&view);
        assert_eq!(owners.of_pod(&pod_of("Node", "worker-1")).kind, "Pod");
        assert_eq!(owners.of_pod(&Pod::default()).kind, "Pod");
    }
}
