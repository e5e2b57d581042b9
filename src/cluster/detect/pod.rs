//! The life of a pod as a whole: evicted, lost, terminating, preempted; and which families look at it.

use k8s_openapi::api::core::v1::{Node, Pod};

use super::pod_case::PodCase;
use super::sighting::Sighting;
use super::words::{age, clause, listed, time};
use super::{Case, commands, container, creating, image, job, probe, scheduling};
use crate::cluster::finding::{ObjectRef, Severity, Source};
use crate::faq::condition::Condition;

/// The kubelet removes a pod within seconds once its grace period is over.
const DELETION_MARGIN: i64 = 30;

/// A longer grace period than this is worth saying while it runs, in seconds.
const LONG_GRACE: i64 = 600;

/// An eviction that its owner has long replaced is history.
const EVICTION_HISTORY: i64 = 24 * 3600;

/// All that one pod shows.
pub(super) fn sightings(case: &Case<'_>, pod: &Pod, out: &mut Vec<Sighting>) {
    let pod = PodCase::new(case, pod);
    if pod.name.is_empty() || pod.phase() == "Succeeded" {
        return;
    }
    if pod.is_being_deleted() {
        out.extend(stuck_terminating(&pod));
        out.extend(lost(&pod));
        return;
    }
    if pod.phase() == "Failed" && !pod.reason().is_empty() {
        let before = out.len();
        out.extend(ended_as_a_whole(&pod));
        // Whatever else the kubelet calls it, a pod that ran has containers that ended.
        if out.len() > before || pod.standing.is_whole() || pod.parts.is_empty() {
            return;
        }
    }
    let job = case.owners.job_of(pod.pod);
    if job.is_some_and(|job| job::is_complete(job) || job::is_superseded(case, job))
        || pod.phase() == "Failed" && job.is_some_and(job::runs_again)
    {
        return;
    }
    let lost = lost(&pod);
    scheduling::sightings(&pod, out);
    // On a node that does not answer nobody creates anything.
    if lost.is_none() {
        creating::sightings(&pod, out);
    }
    out.extend(lost);
    image::sightings(&pod, out);
    container::sightings(&pod, out);
    probe::sightings(&pod, out);
}

/// A pod that failed with a reason of its own: the kubelet ended or refused it.
fn ended_as_a_whole(pod: &PodCase<'_>) -> Option<Sighting> {
    let at = pod
        .condition("Ready")
        .and_then(|condition| condition.last_transition_time.as_ref())
        .map(|time| time.0)
        .or(pod.started());
    if pod.standing.is_whole() && pod.case.is_older(at, EVICTION_HISTORY) {
        return None;
    }
    let message = pod.message();
    let (condition, cause) = match pod.reason() {
        "Evicted" if is_local_disk(message) => (
            Condition::EphemeralStorageExceeded,
            format!("Too much local disk used ({})", clause(message, 160)),
        ),
        "Evicted" => (
            Condition::Evicted,
            format!(
                "Evicted because node {} {}",
                pod.node().unwrap_or("of it"),
                pressure(message)
            ),
        ),
        "Preempting" => (
            Condition::Preempted,
            "Preempted by a pod that the node needs more".to_owned(),
        ),
        // The kubelet refused what the scheduler sent, or its node went; a controller sends another pod.
        _ if pod.standing.is_whole() => return None,
        "NodeShutdown" | "Shutdown" => (
            Condition::PodNodeShutDown,
            "Its node was shut down".to_owned(),
        ),
        "Terminated" if message.contains("node shutdown") => (
            Condition::PodNodeShutDown,
            "Its node was shut down".to_owned(),
        ),
        "DeadlineExceeded" if pod.owner.kind == "Pod" => (
            Condition::ContainerExited,
            "Its deadline (activeDeadlineSeconds) passed".to_owned(),
        ),
        "OutOfcpu" => (
            Condition::UnschedulableCpu,
            "The node had not enough unrequested CPU left".to_owned(),
        ),
        "OutOfmemory" => (
            Condition::UnschedulableMemory,
            "The node had not enough unrequested memory left".to_owned(),
        ),
        "OutOfpods" => (
            Condition::UnschedulableTooManyPods,
            "The node had reached its maximum number of pods".to_owned(),
        ),
        "NodeAffinity" => (
            Condition::UnschedulableNodeAffinity,
            "The node no longer matches the pod's node selector or affinity".to_owned(),
        ),
        "NodeLost" => (
            Condition::PodNodeLost,
            "The pod's node does not answer".to_owned(),
        ),
        other => refused_by_kubelet(other, message)?,
    };
    let mut sighting = pod
        .sighting(condition, format!("{cause}: {} was ended", pod.name))
        .since(at)
        .says(Source::Status, &format!("{}: {message}", pod.reason()))
        .command(commands::describe("Pod", pod.name, pod.namespace));
    if let Some(node) = pod.node() {
        sighting = sighting.command(commands::describe("Node", node, ""));
    }
    // Its owner has replaced it: what is left is to know why.
    if pod.standing.is_whole() {
        sighting.severity = Severity::Info;
    }
    let event = pod
        .events
        .iter()
        .find(|seen| seen.reason == pod.reason() && seen.message != message);
    Some(sighting.event(event))
}

/// What the kubelet refused to run at all: a device, a setting that the node does not allow.
fn refused_by_kubelet(reason: &str, message: &str) -> Option<(Condition, String)> {
    let said = clause(message.trim_start_matches("Pod was rejected: "), 160);
    Some(match reason {
        "UnexpectedAdmissionError" | "TopologyAffinityError" | "SMTAlignmentError" => (
            Condition::UnschedulableResource,
            format!("The node's kubelet cannot give it what it asks for ({said})"),
        ),
        "SysctlForbidden"
        | "AppArmor"
        | "PodOSNotSupported"
        | "PodOSSelectorNodeLabelDoesNotMatch"
        | "PodFeatureUnsupported"
        | "InvalidNodeInfo"
        | "PodLevelResourcesNotAdmittedReason" => (
            Condition::ContainerCannotRun,
            format!("The node's kubelet refuses the pod ({reason}: {said})"),
        ),
        other => {
            let resource = other
                .strip_prefix("OutOf")
                .filter(|name| !name.is_empty())?;
            (
                Condition::UnschedulableResource,
                format!("The node had not enough {resource} left"),
            )
        }
    })
}

fn is_local_disk(message: &str) -> bool {
    [
        "ephemeral local storage usage exceeds",
        "exceeded its local ephemeral storage limit",
        "Usage of EmptyDir volume",
    ]
    .iter()
    .any(|words| message.contains(words))
}

/// Which resource the node was short of, from the kubelet's words.
fn pressure(message: &str) -> String {
    if let Some((_, rest)) = message.split_once("low on resource: ") {
        let resource = rest.split(['.', ',']).next().unwrap_or_default().trim();
        return format!("was low on {resource}");
    }
    if let Some((_, rest)) = message.split_once("had condition: ") {
        let conditions = rest
            .trim_start_matches('[')
            .split(']')
            .next()
            .unwrap_or_default();
        return format!("had the condition {conditions}");
    }
    if message.is_empty() {
        "ran short".to_owned()
    } else {
        format!("ran short ({})", clause(message, 120))
    }
}

/// The node of a pod and whether it does not answer; none where nodes were not looked at.
fn node_of<'a>(pod: &PodCase<'a>) -> Option<&'a Node> {
    let name = pod.node()?;
    pod.case
        .view
        .nodes
        .items
        .iter()
        .find(|node| node.metadata.name.as_deref() == Some(name))
}

fn is_silent(node: &Node) -> bool {
    super::node::ready(node).is_some_and(|ready| ready.status == "Unknown")
}

fn lost(pod: &PodCase<'_>) -> Option<Sighting> {
    let node = pod.node()?;
    let by_node = node_of(pod).is_some_and(is_silent);
    let by_status = pod.reason() == "NodeLost" || pod.phase() == "Unknown";
    let by_taint = pod.condition("DisruptionTarget").is_some_and(|condition| {
        condition.status == "True" && condition.reason.as_deref() == Some("DeletionByTaintManager")
    }) && pod.case.is_older(
        pod.pod
            .metadata
            .deletion_timestamp
            .as_ref()
            .map(|time| time.0),
        DELETION_MARGIN,
    );
    let event = pod
        .events
        .iter()
        .find(|seen| seen.reason == "NodeNotReady")
        .filter(|_| {
            pod.condition("Ready")
                .is_some_and(|condition| condition.status != "True")
        });
    let by_event = event.is_some()
        && node_of(pod).is_none_or(is_silent)
        && pod.case.view.nodes.items.is_empty();
    // A node that does not exist is no sign: the controller that collects such pods needs a moment, and deletes them.
    if !(by_node || by_status || by_taint || by_event) {
        return None;
    }
    Some(
        pod.sighting(
            Condition::PodNodeLost,
            format!(
                "Node {node} does not answer, so the true state of {} is not known",
                pod.name
            ),
        )
        .since(pod.unready_since())
        .says(
            Source::Status,
            &format!("{} {}", pod.reason(), pod.message()),
        )
        .says(
            Source::Status,
            &node_of(pod)
                .and_then(super::node::ready)
                .map(super::node::condition_line)
                .unwrap_or_default(),
        )
        .event(event)
        .depends_on(ObjectRef::new("Node", node))
        .command(commands::describe("Node", node, ""))
        .command(commands::describe("Pod", pod.name, pod.namespace)),
    )
}

fn stuck_terminating(pod: &PodCase<'_>) -> Option<Sighting> {
    // The API server writes the end of the grace period, not the time of the request.
    let deadline = pod.pod.metadata.deletion_timestamp.as_ref()?.0;
    let grace = pod.pod.metadata.deletion_grace_period_seconds.unwrap_or(0);
    let finalizers = pod.pod.metadata.finalizers.as_deref().unwrap_or_default();
    let is_overdue = pod.case.is_older(Some(deadline), DELETION_MARGIN);
    let is_long = grace > LONG_GRACE && !is_overdue;
    if !is_overdue && !is_long {
        return None;
    }
    let node_is_silent = node_of(pod).is_some_and(is_silent);
    let cause = if is_long {
        format!("Grace period of {grace}s still runs")
    } else if !finalizers.is_empty() {
        format!("Finalizer {} has not been removed", listed(finalizers, 3))
    } else if node_is_silent {
        format!(
            "Node {} does not answer and cannot confirm the end",
            pod.node().unwrap_or_default()
        )
    } else {
        format!(
            "The kubelet of node {} has not confirmed the end",
            pod.node().unwrap_or("(none)")
        )
    };
    let overdue = pod.case.now.duration_since(deadline);
    let state = if is_long {
        "is terminating".to_owned()
    } else {
        format!("should have been gone for {}", age(overdue))
    };
    let mut sighting = pod
        .sighting(
            Condition::PodStuckTerminating,
            format!("{cause}: {} {state}", pod.name),
        )
        .since(Some(deadline))
        .says(
            Source::Status,
            &format!(
                "deletionTimestamp {}, deletionGracePeriodSeconds {grace}",
                time(deadline)
            ),
        );
    if !finalizers.is_empty() {
        sighting = sighting.says(
            Source::Spec,
            &format!("finalizers: {}", finalizers.join(", ")),
        );
    }
    for event in pod
        .events
        .iter()
        .filter(|seen| {
            matches!(
                seen.reason,
                "FailedKillPod" | "FailedPreStopHook" | "FailedUnmount"
            )
        })
        .take(2)
    {
        sighting = sighting.event(Some(event));
    }
    if let Some(node) = pod.node() {
        sighting = sighting.depends_on(ObjectRef::new("Node", node));
    }
    if is_long {
        sighting.severity = Severity::Info;
    }
    Some(
        sighting
            .command(commands::get_yaml("Pod", pod.name, pod.namespace))
            .command(
                pod.node()
                    .and_then(|node| commands::describe("Node", node, "")),
            ),
    )
}

/// Pods that had to make room and are gone: only the scheduler's events still tell. A workload that is whole again is well.
pub(super) fn preempted_and_gone(case: &Case<'_>, out: &mut Vec<Sighting>) {
    for seen in case.events.of_reason("Preempted") {
        if seen.kind != "Pod" || seen.name.is_empty() {
            continue;
        }
        let still_there = case.view.pods.find(seen.namespace, seen.name);
        let owner = match still_there {
            Some(pod) => Some(case.owners.of_pod(pod)),
            None => case.owners.of_gone_pod(seen.namespace, seen.name),
        };
        // A generated name of which no owner is known any more: the owner is gone too.
        if owner.is_none() && has_generated_name(seen.name) {
            continue;
        }
        let owner = owner.unwrap_or_else(|| ObjectRef::new("Pod", seen.name));
        let standing = case.owners.standing(seen.namespace, &owner);
        // A StatefulSet's pod comes back under the same name.
        let came_back = still_there.is_some_and(super::pod_case::is_ready);
        if standing.is_whole() || came_back {
            continue;
        }
        let severity = if standing.ready == Some(0) || owner.kind == "Pod" {
            Severity::Critical
        } else {
            Severity::Warning
        };
        out.push(
            Sighting::on(
                Condition::Preempted,
                severity,
                seen.namespace,
                ObjectRef::new("Pod", seen.name),
                format!(
                    "Preempted: {} had to make room for a pod of higher priority",
                    seen.name
                ),
            )
            .owned_by(owner)
            .since(seen.first)
            .event(Some(&seen))
            .command(commands::command(&["get", "priorityclasses"], "")),
        );
    }
}

/// Whether a name ends as controllers end the names of their pods: in five of the letters and digits that can form no word.
fn has_generated_name(name: &str) -> bool {
    name.rsplit_once('-').is_some_and(|(_, end)| {
        end.len() == 5
            && end
                .chars()
                .all(|character| "bcdfghjklmnpqrstvwxz2456789".contains(character))
    })
}
