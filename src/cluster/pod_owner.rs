//! Which read tells who owns a pod.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::Pod;

use super::access::Resource;
use super::fetch::{Ask, Read};
use super::view::View;

pub(super) fn controller_kind(pod: &Pod) -> Option<&str> {
    let owners = pod.metadata.owner_references.as_ref()?;
    owners
        .iter()
        .find(|owner| owner.controller == Some(true))
        .map(|owner| owner.kind.as_str())
}

fn controller_name(pod: &Pod) -> Option<&str> {
    let owners = pod.metadata.owner_references.as_ref()?;
    owners
        .iter()
        .find(|owner| owner.controller == Some(true))
        .map(|owner| owner.name.as_str())
}

fn replica_set(pod: &Pod) -> Option<&str> {
    (controller_kind(pod) == Some("ReplicaSet"))
        .then(|| controller_name(pod))
        .flatten()
}

/// The Deployment's name that the name of a pod's `ReplicaSet` holds.
fn deployment_of(pod: &Pod) -> Option<String> {
    let hash = pod.metadata.labels.as_ref()?.get("pod-template-hash")?;
    let name = replica_set(pod)?
        .strip_suffix(hash.as_str())?
        .strip_suffix('-')?;
    Some(name.to_owned())
}

/// The read that tells who owns a pod, unless a list already does.
pub(super) fn owner_read(pod: &Pod, listed: &BTreeSet<Resource>) -> Option<Read> {
    let (resource, name) = match controller_kind(pod)? {
        "ReplicaSet" => match deployment_of(pod) {
            Some(deployment) => (Resource::Deployments, deployment),
            None => (Resource::ReplicaSets, replica_set(pod)?.to_owned()),
        },
        "StatefulSet" => (Resource::StatefulSets, controller_name(pod)?.to_owned()),
        "DaemonSet" => (Resource::DaemonSets, controller_name(pod)?.to_owned()),
        _ => return None,
    };
    let is_listed = listed.contains(&resource) && resource != Resource::ReplicaSets;
    (!is_listed).then(|| Read {
        resource,
        namespace: pod.metadata.namespace.clone(),
        ask: Ask::Get { name },
    })
}

/// The `ReplicaSet`s that may not create their pods and belong to none of the Deployments that were listed: only events tell of them.
pub(super) fn refused_sets(view: &View, most: usize) -> Vec<Read> {
    let reads: BTreeSet<Read> = view
        .events
        .iter()
        .filter(|event| event.reason.as_deref() == Some("FailedCreate"))
        .filter_map(|event| {
            let about = &event.involved_object;
            let (namespace, name) = (about.namespace.as_deref()?, about.name.as_deref()?);
            let deployment = name.rsplit_once('-').map_or(name, |(outer, _)| outer);
            let is_bare = about.kind.as_deref() == Some("ReplicaSet")
                && view.deployments.covers(namespace)
                && view.deployments.find(namespace, deployment).is_none();
            is_bare.then(|| Read {
                resource: Resource::ReplicaSets,
                namespace: Some(namespace.to_owned()),
                ask: Ask::Get {
                    name: name.to_owned(),
                },
            })
        })
        .collect();
    reads.into_iter().take(most).collect()
}

/// The `ReplicaSet`s of each Deployment that has sick pods or lacks some; of a sick `ReplicaSet` without a known Deployment, itself.
pub(super) fn revisions(view: &View, most: usize) -> Vec<Read> {
    let mut owners: BTreeSet<(String, String)> = BTreeSet::new();
    let mut reads: BTreeSet<Read> = BTreeSet::new();
    for pod in &view.pods.items {
        let (Some(namespace), Some(set)) = (pod.metadata.namespace.as_deref(), replica_set(pod))
        else {
            continue;
        };
        match deployment_of(pod).filter(|name| view.deployments.find(namespace, name).is_some()) {
            Some(deployment) => {
                owners.insert((namespace.to_owned(), deployment));
            }
            None => {
                reads.insert(Read {
                    resource: Resource::ReplicaSets,
                    namespace: Some(namespace.to_owned()),
                    ask: Ask::Get {
                        name: set.to_owned(),
                    },
                });
            }
        }
    }
    for deployment in &view.deployments.items {
        let desired = deployment
            .spec
            .as_ref()
            .map_or(0, |spec| spec.replicas.unwrap_or(1));
        let available = deployment
            .status
            .as_ref()
            .and_then(|status| status.available_replicas)
            .unwrap_or(0);
        if available < desired
            && let (Some(namespace), Some(name)) =
                (&deployment.metadata.namespace, &deployment.metadata.name)
        {
            owners.insert((namespace.clone(), name.clone()));
        }
    }
    for (namespace, name) in owners {
        let labels = view
            .deployments
            .find(&namespace, &name)
            .and_then(|deployment| deployment.spec.as_ref()?.selector.match_labels.as_ref())
            .map(|labels| {
                labels
                    .iter()
                    .map(|(key, value)| format!("{key}={value}"))
                    .collect::<Vec<_>>()
                    .join(",")
            });
        if let Some(labels) = labels.filter(|labels| !labels.is_empty()) {
            reads.insert(Read {
                resource: Resource::ReplicaSets,
                namespace: Some(namespace),
                ask: Ask::Selected { labels, limit: 20 },
            });
        }
    }
    reads.into_iter().take(most).collect()
}
