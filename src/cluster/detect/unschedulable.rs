//! The scheduler's sentence, split into its causes with the nodes that each of them rules out.
//!
//! `0/5 nodes are available: 1 Insufficient memory, 2 node(s) had untolerated taint {dedicated: gpu}, … preemption: …` and its
//! older wordings. Since 1.35 (and late patch releases of 1.34) the taint itself is no longer named.

use super::words::contains_any;
use crate::faq::condition::Condition;

/// One cause of a pod that cannot be scheduled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cause {
    pub(super) condition: Condition,
    /// How many nodes it rules out; none where the scheduler gives no number.
    pub(super) nodes: Option<u32>,
    /// The scheduler's own words.
    pub(super) words: String,
}

/// All causes in a message of the scheduler, the one that rules out most nodes first; one cause for each condition.
pub(super) fn causes(message: &str) -> Vec<Cause> {
    let mut found: Vec<Cause> = Vec::new();
    for (nodes, words) in parts(message) {
        let condition = classify(&words);
        match found.iter_mut().find(|cause| cause.condition == condition) {
            Some(cause) => {
                cause.nodes = match (cause.nodes, nodes) {
                    (Some(a), Some(b)) => Some(a.saturating_add(b)),
                    (a, b) => a.or(b),
                };
                cause.words = format!("{}, {words}", cause.words);
            }
            None => found.push(Cause {
                condition,
                nodes,
                words,
            }),
        }
    }
    // No number means all nodes: an unbound claim stops the pod before any node is looked at.
    found.sort_by_key(|cause| std::cmp::Reverse(cause.nodes.unwrap_or(u32::MAX)));
    found
}

/// How many nodes there are, from `0/5 nodes are available`.
pub(super) fn node_count(message: &str) -> Option<u32> {
    let before = message.split_once(" nodes are available")?.0;
    before.rsplit_once('/')?.1.trim().parse().ok()
}

/// The counted parts of the sentence: `3`, `Insufficient cpu`.
fn parts(message: &str) -> Vec<(Option<u32>, String)> {
    let sentence = message
        .split_once("nodes are available:")
        .map_or(message, |(_, causes)| causes);
    let own = sentence
        .split_once(" preemption: ")
        .or_else(|| sentence.split_once("preemption: "))
        .map_or(sentence, |(own, _)| own);
    // What follows the first full stop is about what else was tried: `no new claims to deallocate, preemption: …` since 1.32.
    let own = own.split(". ").next().unwrap_or_default();
    let mut parts: Vec<(Option<u32>, String)> = Vec::new();
    for piece in own.split(", ") {
        let piece = piece.trim();
        let (number, words) = piece
            .split_once(' ')
            .map_or((None, piece), |(first, rest)| match first.parse::<u32>() {
                Ok(number) => (Some(number), rest),
                Err(_) => (None, piece),
            });
        match (number, parts.last_mut()) {
            // `node(s) had taint {a: b}, that the pod didn't tolerate` is one part.
            (None, Some((_, last))) => {
                last.push_str(", ");
                last.push_str(words);
            }
            _ => parts.push((number, words.to_owned())),
        }
    }
    for (_, words) in &mut parts {
        *words = words.trim().trim_end_matches('.').to_owned();
    }
    parts.retain(|(_, words)| !words.is_empty());
    parts
}

fn classify(words: &str) -> Condition {
    let said = words.to_lowercase();
    if let Some(resource) = said
        .split_once("insufficient ")
        .map(|(_, rest)| rest.trim())
    {
        return match resource {
            "cpu" => Condition::UnschedulableCpu,
            "memory" => Condition::UnschedulableMemory,
            "pods" => Condition::UnschedulableTooManyPods,
            _ => Condition::UnschedulableResource,
        };
    }
    if let Some((_, plugins)) = said.split_once("didn't satisfy plugin(s) [") {
        return of_plugin(plugins);
    }
    // The most telling words first: some sentences hold the words of others.
    // Its claim is bound, to a volume that one pod at a time may use: none of the other conditions names that.
    if said.contains("readwriteoncepod") {
        return Condition::Unschedulable;
    }
    for (condition, words) in [
        (Condition::UnschedulableTooManyPods, &["too many pods"][..]),
        (
            Condition::UnschedulableCordoned,
            &[
                "were unschedulable",
                "node.kubernetes.io/unschedulable",
                "node is unschedulable",
            ],
        ),
        (
            Condition::UnschedulableVolumeZone,
            &[
                "volume node affinity conflict",
                "persistentvolume's node affinity", // since 1.35
                "no available volume zone",
                "volume zone",
            ],
        ),
        (
            Condition::UnschedulableUnboundClaim,
            &[
                "unbound immediate persistentvolumeclaims",
                "persistentvolumeclaim",
                "didn't find available persistent volumes",
                "bound to non-existent persistentvolume",
                "bound to non-existent pv",
                "unbound",
                "binding volumes",
            ],
        ),
        (Condition::UnschedulableTaint, &["taint"]),
        (Condition::UnschedulableHostPort, &["free ports"]),
        (
            Condition::UnschedulablePodAffinity,
            &[
                "pod affinity",
                "anti-affinity",
                "topology spread",
                "inter-pod affinity",
            ],
        ),
        (
            Condition::UnschedulableNodeAffinity,
            &[
                "node affinity",
                "node selector",
                "match pod's node",
                "requested node name",
                "hostname",
            ],
        ),
        (
            Condition::UnschedulableResource,
            &[
                "max volume count",
                "enough free storage",
                "cannot allocate all claims",
                "resource claim",
                "resourceclaim",
                "hugepages",
            ],
        ),
    ] {
        if contains_any(&said, words) {
            return condition;
        }
    }
    Condition::Unschedulable
}

/// The condition of nodes that were left out before they were looked at one by one, by the first plug-in that did: a `DaemonSet`'s
/// pod asks for one node by its name, so `NodeAffinity` leaves out all others.
fn of_plugin(plugins: &str) -> Condition {
    let first = plugins.split([']', ' ', ',']).next().unwrap_or_default();
    match first {
        "nodeaffinity" | "nodename" => Condition::UnschedulableNodeAffinity,
        "nodeunschedulable" => Condition::UnschedulableCordoned,
        "tainttoleration" => Condition::UnschedulableTaint,
        "podtopologyspread" | "interpodaffinity" => Condition::UnschedulablePodAffinity,
        "volumebinding" | "volumezone" => Condition::UnschedulableVolumeZone,
        "nodeports" => Condition::UnschedulableHostPort,
        "noderesourcesfit" | "nodevolumelimits" | "dynamicresources" => {
            Condition::UnschedulableResource
        }
        _ => Condition::Unschedulable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(message: &str) -> Vec<(Condition, Option<u32>)> {
        causes(message)
            .into_iter()
            .map(|cause| (cause.condition, cause.nodes))
            .collect()
    }

    #[test]
    fn a_sentence_is_split_by_cause_with_node_counts() {
        let message = "0/9 nodes are available: 1 Insufficient memory, 1 node(s) had untolerated taint {dedicated: gpu}, 2 node(s) were unschedulable, 5 Insufficient cpu. preemption: 0/9 nodes are available: 4 No preemption victims found for incoming pod, 5 Preemption is not helpful for scheduling.";
        assert_eq!(
            split(message),
            [
                (Condition::UnschedulableCpu, Some(5)),
                (Condition::UnschedulableCordoned, Some(2)),
                (Condition::UnschedulableMemory, Some(1)),
                (Condition::UnschedulableTaint, Some(1)),
            ]
        );
        assert_eq!(node_count(message), Some(9));
    }

    #[test]
    fn older_wordings_are_understood() {
        assert_eq!(
            split(
                "0/4 nodes are available: 1 node(s) had taint {node-role.kubernetes.io/master: }, that the pod didn't tolerate, 3 Insufficient nvidia.com/gpu."
            ),
            [
                (Condition::UnschedulableResource, Some(3)),
                (Condition::UnschedulableTaint, Some(1))
            ]
        );
        assert_eq!(
            split("0/3 nodes are available: 3 node(s) didn't match node selector."),
            [(Condition::UnschedulableNodeAffinity, Some(3))]
        );
    }

    #[test]
    fn what_else_was_tried_is_no_cause() {
        let found = causes(
            "0/1 nodes are available: 1 Insufficient memory. no new claims to deallocate, preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.",
        );
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].words, "Insufficient memory");
    }

    #[test]
    fn several_taints_are_one_cause() {
        let found = causes(
            "0/3 nodes are available: 1 node(s) had untolerated taint {a: b}, 2 node(s) had untolerated taint(s).",
        );
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].nodes, Some(3));
    }

    #[test]
    fn every_cause_has_its_condition() {
        for (words, condition) in [
            (
                "2 Insufficient ephemeral-storage",
                Condition::UnschedulableResource,
            ),
            ("2 Too many pods", Condition::UnschedulableTooManyPods),
            (
                "2 node(s) didn't match Pod's node affinity/selector",
                Condition::UnschedulableNodeAffinity,
            ),
            (
                "2 node(s) didn't match pod affinity rules",
                Condition::UnschedulablePodAffinity,
            ),
            (
                "2 node(s) didn't match pod anti-affinity rules",
                Condition::UnschedulablePodAffinity,
            ),
            (
                "2 node(s) didn't satisfy existing pods anti-affinity rules",
                Condition::UnschedulablePodAffinity,
            ),
            (
                "2 node(s) didn't match pod topology spread constraints (missing required label)",
                Condition::UnschedulablePodAffinity,
            ),
            (
                "2 node(s) had volume node affinity conflict",
                Condition::UnschedulableVolumeZone,
            ),
            (
                "2 node(s) didn't match PersistentVolume's node affinity",
                Condition::UnschedulableVolumeZone,
            ),
            (
                "2 node(s) had no available volume zone",
                Condition::UnschedulableVolumeZone,
            ),
            (
                "pod has unbound immediate PersistentVolumeClaims",
                Condition::UnschedulableUnboundClaim,
            ),
            (
                "persistentvolumeclaim \"data\" not found",
                Condition::UnschedulableUnboundClaim,
            ),
            (
                "2 node(s) didn't find available persistent volumes to bind",
                Condition::UnschedulableUnboundClaim,
            ),
            (
                "2 node(s) didn't have free ports for the requested pod ports",
                Condition::UnschedulableHostPort,
            ),
            (
                "2 node(s) exceed max volume count",
                Condition::UnschedulableResource,
            ),
            (
                "2 node(s) had untolerated taint {node.kubernetes.io/not-ready: }",
                Condition::UnschedulableTaint,
            ),
            (
                "2 node(s) had untolerated taint {node.kubernetes.io/unschedulable: }",
                Condition::UnschedulableCordoned,
            ),
            (
                "2 node(s) didn't satisfy plugin(s) [NodeAffinity]",
                Condition::UnschedulableNodeAffinity,
            ),
            (
                "2 node(s) didn't satisfy plugin(s) [VolumeBinding VolumeZone]",
                Condition::UnschedulableVolumeZone,
            ),
            (
                "2 of something nobody has heard of",
                Condition::Unschedulable,
            ),
        ] {
            let message = format!(
                "0/2 nodes are available: {words}. preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling."
            );
            assert_eq!(
                causes(&message).first().map(|cause| cause.condition),
                Some(condition),
                "{words}"
            );
        }
        assert_eq!(
            split("no nodes available to schedule pods"),
            [(Condition::Unschedulable, None)]
        );
        assert!(causes("").is_empty());
    }
}
