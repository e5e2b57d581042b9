//! Pods that no node takes, by cause.

use k8s_openapi::api::core::v1::Pod;

use super::commands;
use super::node_fit;
use super::pod_case::PodCase;
use super::sighting::Sighting;
use super::unschedulable::{self, Cause};
use super::words::{age, counted, listed};
use crate::cluster::finding::{ObjectRef, Severity, Source};
use crate::faq::condition::Condition;

/// A working scheduler looks at a new pod within moments.
const SCHEDULER_GRACE: i64 = 60;

/// A claim is bound within moments where it can be.
const CLAIM_GRACE: i64 = 15;

/// Why a pod has no node.
pub(super) fn sightings(pod: &PodCase<'_>, out: &mut Vec<Sighting>) {
    if pod.node().is_some() || !matches!(pod.phase(), "Pending" | "") || pod.pod.spec.is_none() {
        return;
    }
    let scheduled = pod
        .condition("PodScheduled")
        .filter(|condition| condition.status != "True");
    match scheduled.map(|condition| condition.reason.as_deref().unwrap_or_default()) {
        Some("SchedulingGated") => out.push(gated(pod)),
        _ if has_gates(pod.pod) => out.push(gated(pod)),
        Some(_) => unschedulable(pod, out),
        None => out.extend(overlooked(pod)),
    }
}

fn has_gates(pod: &Pod) -> bool {
    pod.spec
        .as_ref()
        .and_then(|spec| spec.scheduling_gates.as_ref())
        .is_some_and(|gates| !gates.is_empty())
}

fn gated(pod: &PodCase<'_>) -> Sighting {
    let gates: Vec<String> = pod
        .pod
        .spec
        .iter()
        .flat_map(|spec| spec.scheduling_gates.iter().flatten())
        .map(|gate| gate.name.clone())
        .collect();
    let mut sighting = pod
        .sighting(
            Condition::SchedulingGated,
            format!(
                "Held back by scheduling gate {}: {} is not scheduled until that is removed",
                listed(&gates, 3),
                pod.name
            ),
        )
        .since(pod.started())
        .says(
            Source::Spec,
            &format!("schedulingGates: {}", gates.join(", ")),
        )
        .command(commands::get_yaml("Pod", pod.name, pod.namespace));
    // A gate is set on purpose.
    sighting.severity = Severity::Info;
    sighting
}

fn unschedulable(pod: &PodCase<'_>, out: &mut Vec<Sighting>) {
    let condition = pod.condition("PodScheduled");
    let status = condition
        .and_then(|condition| condition.message.as_deref())
        .unwrap_or_default();
    let event = pod
        .events
        .iter()
        .find(|seen| seen.reason == "FailedScheduling" && !seen.message.is_empty());
    let said = if status.is_empty() {
        event.map(|seen| seen.message).unwrap_or_default()
    } else {
        status
    };
    let since = condition
        .and_then(|condition| condition.last_transition_time.as_ref())
        .map(|time| time.0)
        .or(event.and_then(|seen| seen.first))
        .or(pod.started());
    let mut causes = unschedulable::causes(said);
    if causes.is_empty() {
        causes.push(Cause {
            condition: Condition::Unschedulable,
            nodes: None,
            words: "the scheduler gives no reason".to_owned(),
        });
    }
    sift(pod, &mut causes);
    let main = causes[0].condition;
    for cause in &causes {
        if cause.condition == Condition::UnschedulableUnboundClaim
            && pod.case.is_recent(since, CLAIM_GRACE)
        {
            continue;
        }
        let mut sighting = pod
            .sighting(
                cause.condition,
                format!("{}: {} waits for a node", wording(cause, said), pod.name),
            )
            .since(since)
            .says(Source::Status, &format!("PodScheduled: {status}"))
            .event(event.filter(|seen| seen.message != status))
            .command(commands::describe("Pod", pod.name, pod.namespace));
        for event in pod
            .events
            .iter()
            .filter(|seen| matches!(seen.reason, "NotTriggerScaleUp" | "TriggeredScaleUp"))
            .take(1)
        {
            sighting = sighting.event(Some(event));
        }
        sighting = match cause.condition {
            Condition::UnschedulableUnboundClaim => waits_for_claims(pod, sighting),
            Condition::UnschedulableCpu
            | Condition::UnschedulableMemory
            | Condition::UnschedulableResource => sighting.says(Source::Spec, &requests(pod)),
            _ => sighting,
        };
        sighting.beside = (cause.condition != main).then_some(main);
        out.push(sighting.command(commands::command(&["get", "nodes"], "")));
    }
}

fn is_of_the_node(condition: Condition) -> bool {
    matches!(
        condition,
        Condition::UnschedulableCordoned
            | Condition::UnschedulableTaint
            | Condition::UnschedulableNodeAffinity
    )
}

/// Puts the cause first that a person has to do something about. The scheduler stops at a node's first fault and asks in this
/// order: cordoned, taint, selector, then resources, ports, volumes and other pods. So a node with one of the latter was meant
/// and open; where all nodes are known, those that the pod asks for tell which of the former matters, and a taint or cordon on
/// none of them is no cause.
fn sift(pod: &PodCase<'_>, causes: &mut Vec<Cause>) {
    let nodes = &pod.case.view.nodes;
    let fit = nodes
        .is_complete()
        .then(|| node_fit::of(pod.pod, &nodes.items));
    if let Some(fit) = fit {
        let matters = |cause: &Cause| match cause.condition {
            Condition::UnschedulableTaint => fit.tainted > 0,
            Condition::UnschedulableCordoned => fit.cordoned > 0,
            Condition::UnschedulableNodeAffinity => fit.is_none(),
            _ => true,
        };
        if causes.iter().any(matters) {
            causes.retain(matters);
        }
    }
    let is_behind_the_selector = causes.iter().any(|cause| !is_of_the_node(cause.condition));
    let telling = |cause: &Cause| match (fit, cause.condition) {
        (Some(fit), Condition::UnschedulableTaint | Condition::UnschedulableCordoned) => {
            u8::from(fit.open > 0)
        }
        // Whatever lies behind the selector has passed it.
        (None, Condition::UnschedulableNodeAffinity) => u8::from(is_behind_the_selector),
        _ => 0,
    };
    // Stable: among equals, the one that rules out most nodes stays first.
    causes.sort_by_key(telling);
}

fn wording(cause: &Cause, message: &str) -> String {
    let nodes = match (cause.nodes, unschedulable::node_count(message)) {
        (Some(nodes), Some(all)) => format!(
            " on {nodes} of {}",
            counted(usize::try_from(all).unwrap_or(0), "node")
        ),
        (Some(nodes), None) => format!(
            " on {}",
            counted(usize::try_from(nodes).unwrap_or(0), "node")
        ),
        (None, _) => String::new(),
    };
    let what = match cause.condition {
        Condition::UnschedulableCpu => "Not enough unrequested CPU".to_owned(),
        Condition::UnschedulableMemory => "Not enough unrequested memory".to_owned(),
        Condition::UnschedulableTaint => "A taint that the pod does not tolerate".to_owned(),
        Condition::UnschedulableNodeAffinity => {
            "The pod's node selector or node affinity does not match".to_owned()
        }
        Condition::UnschedulablePodAffinity => {
            "The pod's affinity, anti-affinity or topology spread rules out the nodes".to_owned()
        }
        Condition::UnschedulableCordoned => "Cordoned".to_owned(),
        Condition::UnschedulableTooManyPods => "The maximum number of pods is reached".to_owned(),
        Condition::UnschedulableVolumeZone => {
            "The pod's volume is bound to another zone or node".to_owned()
        }
        Condition::UnschedulableUnboundClaim => {
            "A volume claim of the pod is not bound or does not exist".to_owned()
        }
        Condition::UnschedulableHostPort => "The host port is taken".to_owned(),
        _ => return format!("{}{nodes}", super::container::capital(&cause.words)),
    };
    if matches!(cause.condition, Condition::UnschedulableUnboundClaim) || nodes.is_empty() {
        format!("{what} ({})", cause.words)
    } else {
        format!("{what}{nodes} ({})", cause.words)
    }
}

fn waits_for_claims(pod: &PodCase<'_>, sighting: Sighting) -> Sighting {
    let claims = claims(pod.pod);
    let unbound = claims.iter().filter(|name| {
        pod.case
            .view
            .claims
            .find(pod.namespace, name)
            .is_none_or(|claim| {
                claim
                    .status
                    .as_ref()
                    .and_then(|status| status.phase.as_deref())
                    != Some("Bound")
            })
    });
    unbound.fold(sighting, |sighting, name| {
        sighting
            .depends_on(ObjectRef::new("PersistentVolumeClaim", name))
            .command(commands::describe(
                "PersistentVolumeClaim",
                name,
                pod.namespace,
            ))
    })
}

/// The names of the claims that a pod mounts.
pub(super) fn claims(pod: &Pod) -> Vec<String> {
    let name = pod.metadata.name.as_deref().unwrap_or_default();
    pod.spec
        .iter()
        .flat_map(|spec| spec.volumes.iter().flatten())
        .filter_map(
            |volume| match (&volume.persistent_volume_claim, &volume.ephemeral) {
                (Some(source), _) => Some(source.claim_name.clone()),
                (None, Some(_)) => Some(format!("{name}-{}", volume.name)),
                (None, None) => None,
            },
        )
        .collect()
}

fn requests(pod: &PodCase<'_>) -> String {
    let requests: Vec<String> = pod
        .pod
        .spec
        .iter()
        .flat_map(|spec| &spec.containers)
        .filter_map(|container| {
            let requests = container.resources.as_ref()?.requests.as_ref()?;
            let listed: Vec<String> = requests
                .iter()
                .map(|(name, quantity)| format!("{name} {}", quantity.0))
                .collect();
            Some(format!("{} requests {}", container.name, listed.join(", ")))
        })
        .collect();
    requests.join("; ")
}

/// No scheduler has said anything about the pod.
fn overlooked(pod: &PodCase<'_>) -> Option<Sighting> {
    // A pod without a status was read half-filled; it is no witness.
    pod.pod.status.as_ref()?;
    let event = pod
        .events
        .iter()
        .find(|seen| seen.reason == "FailedScheduling");
    let is_waiting = pod.pod.metadata.creation_timestamp.is_some()
        && pod.case.is_older(pod.started(), SCHEDULER_GRACE);
    if !is_waiting
        || pod
            .parts
            .iter()
            .any(|part| part.is_running() || part.last_end().is_some())
    {
        return None;
    }
    // While a volume or device is being made for the node that the scheduler has chosen, it says nothing for minutes.
    if waits_for_devices(pod) {
        return None;
    }
    let claims = claims(pod.pod);
    if !claims.is_empty() {
        return unbound(pod, &claims);
    }
    let scheduler = pod
        .pod
        .spec
        .as_ref()
        .and_then(|spec| spec.scheduler_name.as_deref())
        .unwrap_or("default-scheduler");
    Some(
        pod.sighting(
            Condition::Unschedulable,
            format!(
                "No scheduler has looked at {} for {}: nothing answers to the scheduler name {scheduler}",
                pod.name,
                age(pod.case.age(pod.started()))
            ),
        )
        .since(pod.started())
        .says(Source::Spec, &format!("schedulerName: {scheduler}"))
        .event(event)
        .command(commands::describe("Pod", pod.name, pod.namespace)),
    )
}

fn waits_for_devices(pod: &PodCase<'_>) -> bool {
    pod.pod
        .spec
        .as_ref()
        .and_then(|spec| spec.resource_claims.as_ref())
        .is_some_and(|claims| !claims.is_empty())
}

/// A pod whose claims are known and not all bound; nothing is said of claims that were not read.
fn unbound(pod: &PodCase<'_>, claims: &[String]) -> Option<Sighting> {
    let phase = |name: &String| {
        let claim = pod.case.view.claims.find(pod.namespace, name);
        claim.map(|claim| {
            claim
                .status
                .as_ref()
                .and_then(|status| status.phase.clone())
        })
    };
    let name = claims
        .iter()
        .find(|name| phase(name).is_some_and(|phase| phase.as_deref() != Some("Bound")))?;
    let sighting = pod
        .sighting(
            Condition::UnschedulableUnboundClaim,
            format!(
                "Claim {name} is not bound yet: {} waits for its volume before it gets a node",
                pod.name
            ),
        )
        .since(pod.started())
        .says(
            Source::Spec,
            &format!("volumes use the claims {}", claims.join(", ")),
        )
        .command(commands::describe("Pod", pod.name, pod.namespace));
    Some(waits_for_claims(pod, sighting))
}
