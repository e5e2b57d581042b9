//! Pods that have a node and whose containers are not created: volumes, network sandbox, addresses.

use super::commands;
use super::event::Seen;
use super::pod_case::PodCase;
use super::scheduling::claims;
use super::sighting::Sighting;
use super::words::{age, clause, contains_any};
use crate::cluster::finding::{ObjectRef, Source};
use crate::faq::condition::Condition;

/// A mount that fails once succeeds moments later where the Secret or volume is just being made.
const FIRST_TRY: i64 = 20;

/// Volumes, network and a usual image take less; a first pull of a big image may take longer.
const CREATION_GRACE: i64 = 120;

/// A big image over a slow line takes minutes; one that takes longer is worth a word.
const PULL_GRACE: i64 = 600;

/// What keeps the containers of a scheduled pod from being created.
pub(super) fn sightings(pod: &PodCase<'_>, out: &mut Vec<Sighting>) {
    if !is_creating(pod) || pod.case.is_recent(since(pod), FIRST_TRY) {
        return;
    }
    let before = out.len();
    if let Some(seen) = newest(pod, &["FailedAttachVolume"]) {
        out.push(attach(pod, seen));
    } else if let Some(seen) = newest(pod, &["FailedMount", "FailedMapVolume"]) {
        out.push(mount(pod, seen));
    }
    if let Some(seen) = newest(
        pod,
        &[
            "FailedCreatePodSandBox",
            "NetworkNotReady",
            "FailedPodSandBoxStatus",
        ],
    ) {
        out.push(sandbox(pod, seen));
    }
    let something_else_is_said = pod.parts.iter().any(|part| {
        !matches!(
            part.waiting_reason(),
            "ContainerCreating" | "PodInitializing" | ""
        )
    });
    if out.len() == before && !something_else_is_said && needs_a_reason(pod) {
        match pulling(pod) {
            Some(seen) => out.extend(slow_pull(pod, seen)),
            None => out.push(stuck(pod)),
        }
    }
}

/// Whether the containers have not been created for so long that the usual events about the pod are worth a read.
fn needs_a_reason(pod: &PodCase<'_>) -> bool {
    pod.case.is_older(since(pod), CREATION_GRACE)
}

/// The pods whose creation no event explains: only the usual ones, which are left out of the lists, may tell.
pub(crate) fn unexplained(
    view: &crate::cluster::view::View,
    now: jiff::Timestamp,
) -> Vec<&k8s_openapi::api::core::v1::Pod> {
    let case = super::Case {
        view,
        events: super::event::EventIndex::new(&view.events),
        owners: super::owner::Owners::new(view),
        now,
    };
    let is_unexplained = |pod: &&k8s_openapi::api::core::v1::Pod| {
        let pod = PodCase::new(&case, pod);
        is_creating(&pod) && needs_a_reason(&pod) && pod.events.is_empty()
    };
    view.pods.items.iter().filter(is_unexplained).collect()
}

/// The image that is being pulled right now.
fn pulling<'p, 'a>(pod: &'p PodCase<'a>) -> Option<&'p Seen<'a>> {
    newest(pod, &["Pulling", "Pulled", "Failed", "BackOff"]).filter(|seen| seen.reason == "Pulling")
}

fn slow_pull(pod: &PodCase<'_>, seen: &Seen<'_>) -> Option<Sighting> {
    if pod.case.is_recent(seen.last, PULL_GRACE) {
        return None;
    }
    let image = seen.message.split('"').nth(1).unwrap_or("of it");
    let node = pod.node().unwrap_or_default();
    let summary = format!(
        "Image {image} has been pulled for {} and is not there yet: the containers of {} are not created",
        age(pod.case.age(seen.last)),
        pod.name
    );
    Some(
        pod.sighting(Condition::ContainerCreatingStuck, summary)
            .since(seen.last)
            .event(Some(seen))
            .depends_on(ObjectRef::new("Node", node))
            .command(commands::describe("Pod", pod.name, pod.namespace))
            .command(commands::describe("Node", node, "")),
    )
}

fn is_creating(pod: &PodCase<'_>) -> bool {
    pod.node().is_some()
        && matches!(pod.phase(), "Pending" | "")
        && pod.pod.status.is_some()
        && pod.parts.iter().all(|part| {
            part.last_end().is_none()
                && !part.is_running()
                && matches!(
                    part.waiting_reason(),
                    "ContainerCreating" | "PodInitializing" | ""
                )
        })
}

/// When the kubelet began: the pod was scheduled.
fn since(pod: &PodCase<'_>) -> Option<jiff::Timestamp> {
    pod.condition("PodScheduled")
        .filter(|condition| condition.status == "True")
        .and_then(|condition| condition.last_transition_time.as_ref())
        .map(|time| time.0)
        .or(pod.started())
}

fn newest<'p, 'a>(pod: &'p PodCase<'a>, reasons: &[&str]) -> Option<&'p Seen<'a>> {
    pod.events
        .iter()
        .find(|seen| reasons.contains(&seen.reason))
}

fn attach(pod: &PodCase<'_>, seen: &Seen<'_>) -> Sighting {
    let multi = seen.message.to_lowercase().contains("multi-attach");
    let (condition, cause) = if multi {
        (
            Condition::VolumeMultiAttach,
            "The volume is still attached to another node (Multi-Attach)".to_owned(),
        )
    } else {
        (
            Condition::VolumeAttachFailed,
            format!(
                "The volume cannot be attached ({})",
                clause(seen.message, 160)
            ),
        )
    };
    with_claims(pod, finish(pod, seen, condition, &cause))
}

fn mount(pod: &PodCase<'_>, seen: &Seen<'_>) -> Sighting {
    // The time-out of the whole says less than the failure of one volume.
    let telling = pod
        .events
        .iter()
        .find(|event| event.reason == "FailedMount" && event.message.contains("MountVolume"))
        .unwrap_or(seen);
    let said = telling.message.to_lowercase();
    if said.contains("multi-attach") {
        return with_claims(
            pod,
            finish(
                pod,
                telling,
                Condition::VolumeMultiAttach,
                "The volume is still attached to another node (Multi-Attach)",
            ),
        );
    }
    let cause = if said.contains("not found in the list of registered csi drivers") {
        "The volume's CSI driver does not run on the node".to_owned()
    } else if said.contains("references non-existent") {
        "A key that the volume names does not exist".to_owned()
    } else if contains_any(&said, &["secret", "configmap", "object "])
        && contains_any(&said, &["not found", "not registered"])
    {
        format!(
            "What the volume is made of does not exist ({})",
            after_colon(telling.message)
        )
    } else {
        format!(
            "The volume cannot be mounted ({})",
            after_colon(telling.message)
        )
    };
    with_claims(
        pod,
        finish(pod, telling, Condition::VolumeMountFailed, &cause),
    )
}

/// The end of `MountVolume.SetUp failed for volume "x" : secret "y" not found`.
fn after_colon(message: &str) -> String {
    let end = message.split_once(" : ").map_or(message, |(_, end)| end);
    clause(end, 160)
}

fn sandbox(pod: &PodCase<'_>, seen: &Seen<'_>) -> Sighting {
    let said = seen.message.to_lowercase();
    let exhausted = contains_any(
        &said,
        &[
            "failed to assign an ip address",
            "no ip addresses available",
            "no available ip",
            "no more ip",
            "no free ip",
            "ip address pool",
            "insufficientfreeaddresses",
            "insufficientcidrblocks",
            "no addresses available",
            "out of ip",
            "ip pool",
            "range is full",
            "all ip addresses",
        ],
    );
    if exhausted {
        return finish(
            pod,
            seen,
            Condition::PodIpExhausted,
            "The network plug-in has no free address for the pod",
        );
    }
    let cause = if contains_any(
        &said,
        &[
            "cni plugin not initialized",
            "network is not ready",
            "network plugin is not ready",
            "networkpluginnotready",
        ],
    ) {
        "The network plug-in of the node is not ready".to_owned()
    } else if contains_any(&said, &["setup network", "plugin type=", "cni"]) {
        "The network plug-in fails to set up the pod".to_owned()
    } else {
        format!(
            "The pod's sandbox cannot be created ({})",
            clause(seen.message, 160)
        )
    };
    finish(pod, seen, Condition::PodSandboxFailed, &cause)
}

fn stuck(pod: &PodCase<'_>) -> Sighting {
    let waiting = pod
        .parts
        .iter()
        .map(super::container::waiting_line)
        .find(|line| !line.is_empty())
        .unwrap_or_else(|| "no container has a status".to_owned());
    pod.sighting(
        Condition::ContainerCreatingStuck,
        format!(
            "The containers of {} have not been created for {}, and no event says why; node {} may still be pulling the image or mounting volumes",
            pod.name,
            age(pod.case.age(since(pod))),
            pod.node().unwrap_or_default()
        ),
    )
    .since(since(pod))
    .says(Source::Status, &waiting)
    .depends_on(ObjectRef::new("Node", pod.node().unwrap_or_default()))
    .command(commands::describe("Pod", pod.name, pod.namespace))
    .command(commands::describe("Node", pod.node().unwrap_or_default(), ""))
}

fn finish(pod: &PodCase<'_>, seen: &Seen<'_>, condition: Condition, cause: &str) -> Sighting {
    pod.sighting(
        condition,
        format!("{cause}, so the containers of {} are not created", pod.name),
    )
    .since(since(pod))
    .event(Some(seen))
    .says(
        Source::Status,
        &pod.parts
            .first()
            .map(super::container::waiting_line)
            .unwrap_or_default(),
    )
    .command(commands::describe("Pod", pod.name, pod.namespace))
}

fn with_claims(pod: &PodCase<'_>, sighting: Sighting) -> Sighting {
    claims(pod.pod).iter().fold(sighting, |sighting, claim| {
        sighting
            .depends_on(ObjectRef::new("PersistentVolumeClaim", claim))
            .command(commands::describe(
                "PersistentVolumeClaim",
                claim,
                pod.namespace,
            ))
    })
}
