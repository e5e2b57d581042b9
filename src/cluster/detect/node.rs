//! Nodes that are not ready, short of something, or cordoned.

use k8s_openapi::api::core::v1::{Node, NodeCondition};

use super::owner::names;
use super::sighting::Sighting;
use super::words::{age, clause, contains_any};
use super::{Case, commands};
use crate::cluster::finding::{ObjectRef, Severity, Source};
use crate::faq::condition::Condition;

/// A node that has just registered becomes ready once its network is up.
const START: i64 = 30;

/// All that nodes show.
pub(super) fn sightings(case: &Case<'_>, out: &mut Vec<Sighting>) {
    for node in &case.view.nodes.items {
        out.extend(not_ready(case, node));
        for (type_, condition, cause) in [
            (
                "MemoryPressure",
                Condition::NodeMemoryPressure,
                "Short of memory",
            ),
            (
                "DiskPressure",
                Condition::NodeDiskPressure,
                "Short of disk space or inodes",
            ),
            (
                "PIDPressure",
                Condition::NodePidPressure,
                "Short of process ids",
            ),
            (
                "NetworkUnavailable",
                Condition::NodeNetworkUnavailable,
                "Its network is not set up",
            ),
        ] {
            out.extend(true_condition(case, node, type_, condition, cause));
        }
        out.extend(cordoned(node));
    }
}

fn condition<'a>(node: &'a Node, type_: &str) -> Option<&'a NodeCondition> {
    node.status
        .as_ref()?
        .conditions
        .as_ref()?
        .iter()
        .find(|condition| condition.type_ == type_)
}

/// A node's Ready condition.
pub(super) fn ready(node: &Node) -> Option<&NodeCondition> {
    condition(node, "Ready")
}

/// A condition in one line: `Ready Unknown: NodeStatusUnknown: Kubelet stopped posting node status.`
pub(super) fn condition_line(condition: &NodeCondition) -> String {
    format!(
        "{} {}: {}: {}",
        condition.type_,
        condition.status,
        condition.reason.as_deref().unwrap_or_default(),
        condition.message.as_deref().unwrap_or_default()
    )
}

fn not_ready(case: &Case<'_>, node: &Node) -> Option<Sighting> {
    let name = names(&node.metadata).1;
    let created = node.metadata.creation_timestamp.as_ref().map(|time| time.0);
    let ready = ready(node);
    if ready.is_some_and(|ready| ready.status == "True") {
        return None;
    }
    let since = ready
        .and_then(|ready| ready.last_transition_time.as_ref())
        .map(|time| time.0);
    let is_starting = case.is_recent(created, START) && case.is_recent(since.or(created), START);
    // A half-filled object says nothing: without a Ready condition there must at least be a time since which it is missing.
    if is_starting || (ready.is_none() && (created.is_none() || node.status.is_none())) {
        return None;
    }
    let said = ready
        .and_then(|ready| ready.message.as_deref())
        .unwrap_or_default();
    let lower = said.to_lowercase();
    let reason = ready
        .and_then(|ready| ready.reason.as_deref())
        .unwrap_or_default();
    let cause = match ready.map(|ready| ready.status.as_str()) {
        None => "Its kubelet has never reported".to_owned(),
        Some("Unknown") => "Its kubelet has stopped reporting".to_owned(),
        _ if contains_any(
            &lower,
            &[
                "cni",
                "network plugin",
                "networkready=false",
                "networkpluginnotready",
            ],
        ) =>
        {
            "Its network plug-in is not ready".to_owned()
        }
        _ if contains_any(
            &lower,
            &[
                "container runtime",
                "runtime is down",
                "pleg is not healthy",
            ],
        ) =>
        {
            format!("Its container runtime is not well ({})", clause(said, 120))
        }
        _ if said.is_empty() && reason.is_empty() => {
            "Its kubelet reports that it is not ready".to_owned()
        }
        _ => format!("Its kubelet reports {reason} ({})", clause(said, 140)),
    };
    let heartbeat = ready
        .and_then(|ready| ready.last_heartbeat_time.as_ref())
        .map(|time| format!("last heartbeat {} ago", age(case.age(Some(time.0)))))
        .unwrap_or_default();
    let event = case
        .events
        .about("Node", "", name, None)
        .into_iter()
        .find(|seen| seen.is_warning || seen.reason == "NodeNotReady");
    Some(
        Sighting::on(
            Condition::NodeNotReady,
            Severity::Critical,
            "",
            ObjectRef::new("Node", name),
            format!("{cause}: node {name} is not ready"),
        )
        .since(since.or(created))
        .says(
            Source::Status,
            &ready.map_or_else(|| "no Ready condition".to_owned(), condition_line),
        )
        .says(Source::Status, &heartbeat)
        .event(event.as_ref())
        .command(commands::describe("Node", name, ""))
        .command(commands::command(
            &[
                "get",
                "pods",
                "-A",
                "-o",
                "wide",
                "--field-selector",
                &format!("spec.nodeName={name}"),
            ],
            "",
        )),
    )
}

fn true_condition(
    case: &Case<'_>,
    node: &Node,
    type_: &str,
    found: Condition,
    cause: &str,
) -> Option<Sighting> {
    let name = names(&node.metadata).1;
    let condition = condition(node, type_).filter(|condition| condition.status == "True")?;
    let since = condition.last_transition_time.as_ref().map(|time| time.0);
    let event = case
        .events
        .about("Node", "", name, None)
        .into_iter()
        .find(|seen| {
            seen.reason.contains(type_)
                || seen.message.contains(type_)
                || seen.reason == "EvictionThresholdMet"
        });
    Some(
        Sighting::on(
            found,
            Severity::Warning,
            "",
            ObjectRef::new("Node", name),
            format!("{cause}: node {name} has the condition {type_}"),
        )
        .since(since)
        .says(Source::Status, &condition_line(condition))
        .event(event.as_ref())
        .command(commands::describe("Node", name, "")),
    )
}

fn cordoned(node: &Node) -> Option<Sighting> {
    let name = names(&node.metadata).1;
    if node.spec.as_ref().and_then(|spec| spec.unschedulable) != Some(true) {
        return None;
    }
    let since = node
        .spec
        .iter()
        .flat_map(|spec| spec.taints.iter().flatten())
        .find(|taint| taint.key == "node.kubernetes.io/unschedulable")
        .and_then(|taint| taint.time_added.as_ref())
        .map(|time| time.0);
    Some(
        Sighting::on(
            Condition::NodeCordoned,
            Severity::Info,
            "",
            ObjectRef::new("Node", name),
            format!("Cordoned: nothing new is scheduled on node {name}"),
        )
        .since(since)
        .says(Source::Spec, "unschedulable: true")
        .command(commands::command(&["uncordon", name], "")),
    )
}
