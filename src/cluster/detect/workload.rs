//! Deployments, stateful sets and daemon sets that do not get where they should.

use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, StatefulSet};
use k8s_openapi::api::core::v1::Pod;

use super::owner::{controller, names};
use super::pod_case::{condition, is_ready};
use super::sighting::Sighting;
use super::{Case, commands};
use crate::cluster::finding::{ObjectRef, Severity, Source};
use crate::faq::condition::Condition;

/// A pod that is this young (seconds) may still become ready.
const START: i64 = 60;

/// All that workloads as wholes show.
pub(super) fn sightings(case: &Case<'_>, out: &mut Vec<Sighting>) {
    out.extend(case.view.deployments.items.iter().filter_map(rollout_stuck));
    out.extend(
        case.view
            .stateful_sets
            .items
            .iter()
            .filter_map(|set| blocked(case, set)),
    );
    out.extend(
        case.view
            .daemon_sets
            .items
            .iter()
            .filter_map(|set| unavailable(case, set)),
    );
}

fn count(number: i32) -> Option<u32> {
    u32::try_from(number).ok()
}

fn rollout_stuck(deployment: &Deployment) -> Option<Sighting> {
    let (namespace, name) = names(&deployment.metadata);
    let (spec, status) = (deployment.spec.as_ref()?, deployment.status.as_ref()?);
    let stuck = status.conditions.iter().flatten().find(|condition| {
        condition.type_ == "Progressing"
            && condition.status == "False"
            && condition.reason.as_deref() == Some("ProgressDeadlineExceeded")
    })?;
    let desired = spec.replicas.unwrap_or(1);
    // The controller has not seen the newest specification yet: what it said was about the one before.
    let is_stale = status.observed_generation < deployment.metadata.generation;
    if desired == 0 || spec.paused == Some(true) || is_stale {
        return None;
    }
    let (updated, ready) = (
        status.updated_replicas.unwrap_or(0),
        status.ready_replicas.unwrap_or(0),
    );
    let deadline = spec.progress_deadline_seconds.unwrap_or(600);
    let severity = if ready == 0 {
        Severity::Critical
    } else {
        Severity::Warning
    };
    Some(
        Sighting::on(
            Condition::RolloutStuck,
            severity,
            namespace,
            ObjectRef::new("Deployment", name),
            format!("No progress within {deadline}s: {updated} of {desired} pods of Deployment {name} are updated, {ready} are ready"),
        )
        .since(stuck.last_transition_time.as_ref().map(|time| time.0))
        .says(
            Source::Status,
            &format!("Progressing False: ProgressDeadlineExceeded: {}", stuck.message.as_deref().unwrap_or_default()),
        )
        .counts(status.unavailable_replicas.or(Some(desired - ready)).and_then(count), count(desired))
        .command(commands::command(&["rollout", "status", &format!("deployment/{name}")], namespace))
        .command(commands::describe("Deployment", name, namespace)),
    )
}

/// The pods of an owner that were read.
fn pods_of<'a>(case: &Case<'a>, namespace: &str, kind: &str, name: &str) -> Vec<&'a Pod> {
    case.view
        .pods
        .in_namespace(namespace)
        .filter(|pod| {
            controller(&pod.metadata).is_some_and(|owner| owner.kind == kind && owner.name == name)
        })
        .collect()
}

/// Whether a pod is so young, and so free of failure, that nothing can be said of it yet.
fn is_starting(case: &Case<'_>, pod: &Pod) -> bool {
    let status = pod.status.as_ref();
    let started = status
        .and_then(|status| status.start_time.as_ref())
        .or(pod.metadata.creation_timestamp.as_ref())
        .map(|time| time.0);
    let restarted = status
        .and_then(|status| status.container_statuses.as_ref())
        .is_some_and(|all| all.iter().any(|container| container.restart_count > 0));
    let unschedulable =
        condition(pod, "PodScheduled").is_some_and(|condition| condition.status == "False");
    case.is_recent(started, START) && !restarted && !unschedulable
}

fn ordinal(pod: &Pod) -> u32 {
    let name = names(&pod.metadata).1;
    name.rsplit_once('-')
        .and_then(|(_, number)| number.parse().ok())
        .unwrap_or(u32::MAX)
}

fn blocked(case: &Case<'_>, set: &StatefulSet) -> Option<Sighting> {
    let (namespace, name) = names(&set.metadata);
    let (spec, status) = (set.spec.as_ref()?, set.status.as_ref()?);
    let desired = spec.replicas.unwrap_or(1);
    let (there, ready) = (status.replicas, status.ready_replicas.unwrap_or(0));
    let strategy = spec.update_strategy.as_ref();
    let by_hand = strategy.and_then(|strategy| strategy.type_.as_deref()) == Some("OnDelete");
    // Pods below the partition keep the earlier revision by intention.
    let partition = strategy
        .and_then(|strategy| strategy.rolling_update.as_ref()?.partition)
        .unwrap_or(0);
    let updated = status.updated_replicas.unwrap_or(0);
    if by_hand
        && there > 0
        && ready >= there
        && there >= desired
        && status.update_revision.is_some()
        && status.update_revision != status.current_revision
        && updated < there
    {
        return Some(waits_for_hands(set, namespace, name, updated, there));
    }
    if spec.pod_management_policy.as_deref() == Some("Parallel")
        || desired == 0
        || there == 0
        || ready >= there
    {
        return None;
    }
    let waits_to_grow = there < desired;
    let waits_to_update = status.update_revision != status.current_revision
        && updated < there - partition
        && !by_hand
        && desired > 1;
    if !waits_to_grow && !waits_to_update {
        return None;
    }
    let mut unready: Vec<&Pod> = pods_of(case, namespace, "StatefulSet", name)
        .into_iter()
        .filter(|pod| !is_ready(pod))
        .collect();
    unready.sort_by_key(|pod| ordinal(pod));
    let first = unready.first().copied();
    let is_starting = match first {
        Some(pod) => is_starting(case, pod),
        None => case.is_recent(
            set.metadata.creation_timestamp.as_ref().map(|time| time.0),
            START,
        ),
    };
    if is_starting {
        return None;
    }
    let waited_for = first.map_or_else(
        || "its first pod that is not ready".to_owned(),
        |pod| names(&pod.metadata).1.to_owned(),
    );
    let what = if waits_to_grow {
        "its further pods are not created"
    } else {
        "its update does not go on"
    };
    let severity = if ready == 0 {
        Severity::Critical
    } else {
        Severity::Warning
    };
    Some(
        Sighting::on(
            Condition::StatefulSetBlocked,
            severity,
            namespace,
            ObjectRef::new("StatefulSet", name),
            format!("Waits for {waited_for} to become ready: {ready} of {desired} pods of StatefulSet {name} are ready and {what}"),
        )
        .since(first.and_then(|pod| condition(pod, "Ready")?.last_transition_time.as_ref()).map(|time| time.0))
        .says(
            Source::Status,
            &format!("replicas {there}, readyReplicas {ready}, updatedReplicas {}", status.updated_replicas.unwrap_or(0)),
        )
        .says(
            Source::Spec,
            &format!("replicas {desired}, podManagementPolicy {}", spec.pod_management_policy.as_deref().unwrap_or("OrderedReady")),
        )
        .counts(count(desired - ready), count(desired))
        .command(first.and_then(|pod| commands::describe("Pod", names(&pod.metadata).1, namespace)))
        .command(commands::describe("StatefulSet", name, namespace)),
    )
}

/// `OnDelete` is chosen: a new revision reaches a pod when somebody deletes it.
fn waits_for_hands(
    set: &StatefulSet,
    namespace: &str,
    name: &str,
    updated: i32,
    there: i32,
) -> Sighting {
    let mut sighting = Sighting::on(
        Condition::StatefulSetBlocked,
        Severity::Info,
        namespace,
        ObjectRef::new("StatefulSet", name),
        format!("Updates only pods that are deleted by hand (OnDelete): {updated} of {there} pods of StatefulSet {name} have the newest revision"),
    )
    .says(Source::Spec, "updateStrategy: OnDelete")
    .counts(count(there - updated), count(there))
    .command(commands::command(
        &["get", "pods", "-L", "controller-revision-hash"],
        namespace,
    ));
    if let Some(status) = &set.status {
        sighting = sighting.says(
            Source::Status,
            &format!(
                "currentRevision {}, updateRevision {}, updatedReplicas {updated}",
                status.current_revision.as_deref().unwrap_or_default(),
                status.update_revision.as_deref().unwrap_or_default()
            ),
        );
    }
    sighting
}

fn unavailable(case: &Case<'_>, set: &DaemonSet) -> Option<Sighting> {
    let (namespace, name) = names(&set.metadata);
    let status = set.status.as_ref()?;
    let (desired, ready) = (status.desired_number_scheduled, status.number_ready);
    let is_stale = status.observed_generation < set.metadata.generation;
    let is_new = case.is_recent(
        set.metadata.creation_timestamp.as_ref().map(|time| time.0),
        START,
    );
    if ready >= desired || is_stale {
        return None;
    }
    let unready: Vec<&Pod> = pods_of(case, namespace, "DaemonSet", name)
        .into_iter()
        .filter(|pod| !is_ready(pod))
        .collect();
    let all_start = !unready.is_empty()
        && unready
            .iter()
            .all(|pod| is_starting(case, pod) || pod.metadata.deletion_timestamp.is_some());
    // One pod at a time is away while an update rolls.
    let rolls = status.updated_number_scheduled.unwrap_or(desired) < desired
        && desired - ready <= 1
        && unready.is_empty();
    let nothing_known = unready.is_empty() && is_new;
    if all_start || rolls || nothing_known {
        return None;
    }
    let missing = desired - ready;
    let severity = if ready == 0 {
        Severity::Critical
    } else {
        Severity::Warning
    };
    let not_there = desired - status.current_number_scheduled;
    let detail = if not_there > 0 {
        format!(", and on {not_there} there is none at all")
    } else {
        String::new()
    };
    Some(
        Sighting::on(
            Condition::DaemonSetUnavailable,
            severity,
            namespace,
            ObjectRef::new("DaemonSet", name),
            format!("No ready pod on {missing} of {desired} nodes: DaemonSet {name} is ready on {ready}{detail}"),
        )
        .since(
            unready
                .iter()
                .filter_map(|pod| condition(pod, "Ready")?.last_transition_time.as_ref())
                .map(|time| time.0)
                .min(),
        )
        .says(
            Source::Status,
            &format!(
                "desiredNumberScheduled {desired}, currentNumberScheduled {}, numberReady {ready}, numberUnavailable {}",
                status.current_number_scheduled,
                status.number_unavailable.unwrap_or(0)
            ),
        )
        .counts(count(missing), count(desired))
        .command(commands::describe("DaemonSet", name, namespace)),
    )
}
