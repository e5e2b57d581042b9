//! What changed last in a Deployment's pod template: its newest `ReplicaSet` against the one before.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::core::v1::{Container, PodSpec, PodTemplateSpec};

use super::Case;
use super::owner::{controller, names};
use crate::cluster::finding::{Changed, ObjectRef};
use crate::cluster::redact;

/// The annotation that numbers a Deployment's `ReplicaSet`s.
const REVISION: &str = "deployment.kubernetes.io/revision";

/// The annotation that `kubectl rollout restart` sets.
const RESTARTED: &str = "kubectl.kubernetes.io/restartedAt";

/// Most differences that are named.
const MAX_DIFFERENCES: usize = 4;

/// The last change of an owner, where both of its newest `ReplicaSet`s were read.
pub(super) fn of(case: &Case<'_>, namespace: &str, owner: &ObjectRef) -> Option<Changed> {
    let mut revisions: Vec<(u64, &ReplicaSet)> = case
        .view
        .replica_sets
        .in_namespace(namespace)
        .filter(|set| {
            controller(&set.metadata)
                .is_some_and(|it| it.kind == owner.kind && it.name == owner.name)
        })
        .filter_map(|set| Some((revision(set)?, set)))
        .collect();
    revisions.sort_by_key(|(revision, set)| (*revision, names(&set.metadata).1));
    let [.., (_, before), (_, newest)] = revisions.as_slice() else {
        return None;
    };
    let what = differences(template(before)?, template(newest)?);
    (!what.is_empty()).then(|| Changed {
        what: redact::line(&what.join("; ")),
        at: newest
            .metadata
            .creation_timestamp
            .as_ref()
            .map(|time| time.0),
        object: ObjectRef::new("ReplicaSet", names(&newest.metadata).1),
    })
}

fn revision(set: &ReplicaSet) -> Option<u64> {
    set.metadata
        .annotations
        .as_ref()?
        .get(REVISION)?
        .parse()
        .ok()
}

fn template(set: &ReplicaSet) -> Option<&PodTemplateSpec> {
    set.spec.as_ref()?.template.as_ref()
}

fn differences(before: &PodTemplateSpec, after: &PodTemplateSpec) -> Vec<String> {
    let mut found = Vec::new();
    if let (Some(old), Some(new)) = (&before.spec, &after.spec) {
        for (kind, old, new) in [
            ("container", &old.containers[..], &new.containers[..]),
            (
                "init container",
                old.init_containers.as_deref().unwrap_or_default(),
                new.init_containers.as_deref().unwrap_or_default(),
            ),
        ] {
            containers(kind, old, new, &mut found);
        }
        of_the_pod(old, new, &mut found);
    }
    let annotation = |template: &PodTemplateSpec, key: &str| {
        template
            .metadata
            .as_ref()?
            .annotations
            .as_ref()?
            .get(key)
            .cloned()
    };
    if annotation(before, RESTARTED) != annotation(after, RESTARTED) {
        found.push("restarted with kubectl rollout restart".to_owned());
    }
    if found.is_empty() && before.spec == after.spec {
        found.push("labels or annotations of the pod template".to_owned());
    }
    let left = found.len().saturating_sub(MAX_DIFFERENCES);
    found.truncate(MAX_DIFFERENCES);
    if left > 0 {
        found.push(format!("and {left} more"));
    }
    found
}

fn containers(kind: &str, old: &[Container], new: &[Container], found: &mut Vec<String>) {
    let by_name = |containers| -> BTreeMap<String, Container> {
        let containers: &[Container] = containers;
        containers
            .iter()
            .map(|it| (it.name.clone(), it.clone()))
            .collect()
    };
    let (old, new) = (by_name(old), by_name(new));
    for (name, after) in &new {
        match old.get(name) {
            None => found.push(format!("{kind} {name} was added")),
            Some(before) => of_a_container(name, before, after, found),
        }
    }
    found.extend(
        old.keys()
            .filter(|name| !new.contains_key(*name))
            .map(|name| format!("{kind} {name} was removed")),
    );
}

fn of_a_container(name: &str, before: &Container, after: &Container, found: &mut Vec<String>) {
    let text = |image: &Option<String>| image.clone().unwrap_or_else(|| "none".to_owned());
    if before.image != after.image {
        found.push(format!(
            "image of {name}: {} → {}",
            text(&before.image),
            text(&after.image)
        ));
    }
    // Names only: a variable's value may be a secret.
    let variables = changed_variables(before, after);
    if !variables.is_empty() {
        found.push(format!("environment of {name}: {}", variables.join(", ")));
    }
    for (what, differs) in [
        (
            "sources of the environment",
            before.env_from != after.env_from,
        ),
        (
            "command",
            before.command != after.command || before.args != after.args,
        ),
        ("resources", before.resources != after.resources),
        (
            "probes",
            before.liveness_probe != after.liveness_probe
                || before.readiness_probe != after.readiness_probe
                || before.startup_probe != after.startup_probe,
        ),
        ("ports", before.ports != after.ports),
        ("volume mounts", before.volume_mounts != after.volume_mounts),
        (
            "security context",
            before.security_context != after.security_context,
        ),
    ] {
        if differs {
            found.push(format!("{what} of {name}"));
        }
    }
}

fn changed_variables(before: &Container, after: &Container) -> Vec<String> {
    let variables = |container: &Container| -> BTreeMap<String, _> {
        container
            .env
            .iter()
            .flatten()
            .map(|variable| (variable.name.clone(), variable.clone()))
            .collect()
    };
    let (before, after) = (variables(before), variables(after));
    before
        .keys()
        .chain(after.keys())
        .collect::<BTreeSet<_>>()
        .into_iter()
        .filter(|name| before.get(*name) != after.get(*name))
        .cloned()
        .collect()
}

fn of_the_pod(before: &PodSpec, after: &PodSpec, found: &mut Vec<String>) {
    for (what, differs) in [
        ("volumes", before.volumes != after.volumes),
        (
            "node selector or affinity",
            before.node_selector != after.node_selector || before.affinity != after.affinity,
        ),
        ("tolerations", before.tolerations != after.tolerations),
        (
            "service account",
            before.service_account_name != after.service_account_name,
        ),
        (
            "security context of the pod",
            before.security_context != after.security_context,
        ),
        (
            "image pull secrets",
            before.image_pull_secrets != after.image_pull_secrets,
        ),
    ] {
        if differs {
            found.push(what.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::detect::fixtures::object;
    use serde_json::json;

    fn template(container: &serde_json::Value) -> PodTemplateSpec {
        object(json!({"metadata": {}, "spec": {"containers": [container]}}))
    }

    #[test]
    fn a_new_image_is_named_with_the_old_one() {
        let found = differences(
            &template(&json!({"name": "app", "image": "shop/web:1"})),
            &template(&json!({"name": "app", "image": "shop/web:2"})),
        );
        assert_eq!(found, ["image of app: shop/web:1 → shop/web:2"]);
    }

    #[test]
    fn a_changed_variable_is_named_without_its_value() {
        let found = differences(
            &template(&json!({"name": "app", "env": [{"name": "DB_PASSWORD", "value": "old"}]})),
            &template(&json!({"name": "app", "env": [{"name": "DB_PASSWORD", "value": "new"}]})),
        );
        assert_eq!(found, ["environment of app: DB_PASSWORD"]);
    }
}
