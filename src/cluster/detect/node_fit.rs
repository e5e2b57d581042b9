//! Which nodes a pod asks for, and what about themselves keeps it off those: the scheduler's counts tell of all nodes, meant or not.

use k8s_openapi::api::core::v1::{
    Node, NodeSelectorRequirement, NodeSelectorTerm, Pod, Taint, Toleration,
};

/// The taint of a cordoned node.
const CORDONED: &str = "node.kubernetes.io/unschedulable";

/// How the nodes that a pod's selector and required affinity name stand to it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Fit {
    /// Open to the pod, but for resources, ports, volumes and other pods.
    pub(super) open: usize,
    /// With a taint that it does not tolerate.
    pub(super) tainted: usize,
    /// Cordoned.
    pub(super) cordoned: usize,
}

impl Fit {
    /// Whether there is no node of those that the pod asks for.
    pub(super) fn is_none(self) -> bool {
        self == Fit::default()
    }
}

/// How a pod's nodes stand to it.
pub(super) fn of(pod: &Pod, nodes: &[Node]) -> Fit {
    let mut fit = Fit::default();
    for node in nodes.iter().filter(|node| is_asked_for(pod, node)) {
        let spec = node.spec.as_ref();
        let taints = spec
            .and_then(|spec| spec.taints.as_deref())
            .unwrap_or_default();
        let bars = |taint: &Taint| {
            taint.key != CORDONED && taint.effect != "PreferNoSchedule" && !tolerates(pod, taint)
        };
        let is_cordoned = spec.and_then(|spec| spec.unschedulable) == Some(true);
        if taints.iter().any(bars) {
            fit.tainted += 1;
        } else if is_cordoned && !tolerates(pod, &cordon()) {
            fit.cordoned += 1;
        } else {
            fit.open += 1;
        }
    }
    fit
}

fn cordon() -> Taint {
    Taint {
        key: CORDONED.to_owned(),
        effect: "NoSchedule".to_owned(),
        ..Taint::default()
    }
}

fn tolerates(pod: &Pod, taint: &Taint) -> bool {
    pod.spec
        .iter()
        .flat_map(|spec| spec.tolerations.iter().flatten())
        .any(|it| does_tolerate(it, taint))
}

fn does_tolerate(toleration: &Toleration, taint: &Taint) -> bool {
    let key = toleration.key.as_deref().unwrap_or_default();
    let effect = toleration.effect.as_deref().unwrap_or_default();
    let is_same_value = || {
        toleration.value.as_deref().unwrap_or_default()
            == taint.value.as_deref().unwrap_or_default()
    };
    (effect.is_empty() || effect == taint.effect)
        && (key.is_empty() || key == taint.key)
        && match toleration.operator.as_deref().unwrap_or("Equal") {
            "Exists" => true,
            "Equal" => !key.is_empty() && is_same_value(),
            // Operators of later versions: what is not understood is not called barred.
            _ => true,
        }
}

/// Whether the pod's node selector and required node affinity name this node.
fn is_asked_for(pod: &Pod, node: &Node) -> bool {
    let Some(spec) = &pod.spec else { return true };
    let by_selector = spec
        .node_selector
        .iter()
        .flatten()
        .all(|(key, value)| label(node, key) == Some(value.as_str()));
    let affinity = spec
        .affinity
        .as_ref()
        .and_then(|affinity| affinity.node_affinity.as_ref())
        .and_then(|affinity| {
            affinity
                .required_during_scheduling_ignored_during_execution
                .as_ref()
        });
    // Any term suffices, and every requirement of it must hold.
    by_selector
        && affinity.is_none_or(|required| {
            required
                .node_selector_terms
                .iter()
                .any(|term| does_match(term, node))
        })
}

fn does_match(term: &NodeSelectorTerm, node: &Node) -> bool {
    let expressions = term.match_expressions.as_deref().unwrap_or_default();
    let fields = term.match_fields.as_deref().unwrap_or_default();
    let is_empty = expressions.is_empty() && fields.is_empty();
    !is_empty
        && expressions
            .iter()
            .all(|it| does_hold(it, label(node, &it.key)))
        && fields
            .iter()
            .all(|it| does_hold(it, node.metadata.name.as_deref()))
}

fn does_hold(requirement: &NodeSelectorRequirement, value: Option<&str>) -> bool {
    let values = requirement.values.as_deref().unwrap_or_default();
    let is_listed = value.is_some_and(|value| values.iter().any(|it| it == value));
    let number = |text: Option<&str>| text.and_then(|text| text.parse::<i64>().ok());
    let bound = number(values.first().map(String::as_str));
    match requirement.operator.as_str() {
        "In" => is_listed,
        "NotIn" => !is_listed,
        "Exists" => value.is_some(),
        "DoesNotExist" => value.is_none(),
        "Gt" => matches!((number(value), bound), (Some(value), Some(bound)) if value > bound),
        "Lt" => matches!((number(value), bound), (Some(value), Some(bound)) if value < bound),
        _ => true,
    }
}

fn label<'n>(node: &'n Node, key: &str) -> Option<&'n str> {
    node.metadata.labels.as_ref()?.get(key).map(String::as_str)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::cluster::detect::fixtures::object;

    fn nodes() -> Vec<Node> {
        [
            json!({"metadata": {"name": "a", "labels": {"pool": "main", "cores": "8"}}, "spec": {}}),
            json!({"metadata": {"name": "b", "labels": {"pool": "gpu"}}, "spec": {"taints": [{"key": "dedicated", "value": "gpu", "effect": "NoSchedule"}]}}),
            json!({"metadata": {"name": "c", "labels": {"pool": "edge"}}, "spec": {"unschedulable": true, "taints": [{"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}]}}),
        ]
        .into_iter()
        .map(object)
        .collect()
    }

    fn fit(spec: &Value) -> (usize, usize, usize) {
        let pod: Pod = object(json!({"metadata": {}, "spec": spec}));
        let Fit {
            open,
            tainted,
            cordoned,
        } = of(&pod, &nodes());
        (open, tainted, cordoned)
    }

    fn affinity(requirement: &Value) -> Value {
        json!({"containers": [], "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution":
            {"nodeSelectorTerms": [requirement]}}}})
    }

    #[test]
    fn only_the_nodes_that_a_pod_asks_for_count() {
        for (spec, expected) in [
            (json!({"containers": []}), (1, 1, 1)),
            (
                json!({"containers": [], "nodeSelector": {"pool": "gpu"}}),
                (0, 1, 0),
            ),
            (
                json!({"containers": [], "nodeSelector": {"pool": "edge"}}),
                (0, 0, 1),
            ),
            (
                json!({"containers": [], "nodeSelector": {"disk": "nvme"}}),
                (0, 0, 0),
            ),
            (
                json!({"containers": [], "tolerations": [{"key": "dedicated", "operator": "Equal", "value": "gpu"}]}),
                (2, 0, 1),
            ),
            (
                json!({"containers": [], "tolerations": [{"operator": "Exists"}]}),
                (3, 0, 0),
            ),
            (
                affinity(
                    &json!({"matchExpressions": [{"key": "pool", "operator": "NotIn", "values": ["gpu"]}]}),
                ),
                (1, 0, 1),
            ),
            (
                affinity(
                    &json!({"matchExpressions": [{"key": "cores", "operator": "Gt", "values": ["4"]}]}),
                ),
                (1, 0, 0),
            ),
            (
                affinity(
                    &json!({"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["b"]}]}),
                ),
                (0, 1, 0),
            ),
            (affinity(&json!({})), (0, 0, 0)),
        ] {
            assert_eq!(fit(&spec), expected, "{spec}");
        }
    }
}
