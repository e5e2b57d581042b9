//! Nodes, namespaces, quotas, aggregated APIs and DNS.

use serde_json::{Value, json};

use super::{only, the, well};
use crate::cluster::detect::fixtures::{ago, all, merge};
use crate::cluster::finding::Severity;
use crate::cluster::view::View;
use crate::faq::condition::Condition;

fn node(conditions: &Value, spec: &Value) -> View {
    View {
        nodes: all(vec![
            json!({"metadata": {"name": "n1", "creationTimestamp": ago(9000)}, "spec": spec, "status": {"conditions": conditions}}),
        ]),
        ..View::default()
    }
}

fn condition(type_: &str, status: &str, reason: &str, message: &str) -> Value {
    json!({"type": type_, "status": status, "reason": reason, "message": message, "lastTransitionTime": ago(300), "lastHeartbeatTime": ago(310)})
}

fn ready() -> Value {
    condition(
        "Ready",
        "True",
        "KubeletReady",
        "kubelet is posting ready status",
    )
}

#[test]
fn a_node_that_is_not_ready_says_why() {
    let view = node(
        &json!([condition(
            "Ready",
            "Unknown",
            "NodeStatusUnknown",
            "Kubelet stopped posting node status."
        )]),
        &json!({}),
    );
    only(&view, &[Condition::NodeNotReady]);
    let finding = the(Condition::NodeNotReady, &view);
    assert_eq!(
        finding.summary,
        "Its kubelet has stopped reporting: node n1 is not ready"
    );
    assert_eq!(finding.namespace, None);
    assert!(
        finding
            .evidence
            .iter()
            .any(|line| line.text == "last heartbeat 5m ago")
    );
    let network = node(
        &json!([condition(
            "Ready",
            "False",
            "KubeletNotReady",
            "container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:Network plugin returns error: cni plugin not initialized"
        )]),
        &json!({}),
    );
    assert!(
        the(Condition::NodeNotReady, &network)
            .summary
            .starts_with("Its network plug-in is not ready")
    );
}

#[test]
fn a_ready_node_and_a_node_that_has_just_joined_are_well() {
    well(&node(&json!([ready()]), &json!({})));
    well(&View {
        nodes: all(vec![
            json!({"metadata": {"name": "n1", "creationTimestamp": ago(5)}, "status": {"conditions": [
            {"type": "Ready", "status": "False", "reason": "KubeletNotReady", "lastTransitionTime": ago(5)}]}}),
        ]),
        ..View::default()
    });
}

#[test]
fn each_pressure_has_its_condition_and_false_or_unknown_is_none() {
    for (type_, found) in [
        ("MemoryPressure", Condition::NodeMemoryPressure),
        ("DiskPressure", Condition::NodeDiskPressure),
        ("PIDPressure", Condition::NodePidPressure),
        ("NetworkUnavailable", Condition::NodeNetworkUnavailable),
    ] {
        only(
            &node(
                &json!([ready(), condition(type_, "True", "Kubelet", "has pressure")]),
                &json!({}),
            ),
            &[found],
        );
        well(&node(
            &json!([ready(), condition(type_, "False", "Kubelet", "has none")]),
            &json!({}),
        ));
        well(&node(
            &json!([
                ready(),
                condition(type_, "Unknown", "NodeStatusUnknown", "")
            ]),
            &json!({}),
        ));
    }
}

#[test]
fn a_cordoned_node_is_for_information() {
    let view = node(&json!([ready()]), &json!({"unschedulable": true}));
    only(&view, &[Condition::NodeCordoned]);
    assert_eq!(the(Condition::NodeCordoned, &view).severity, Severity::Info);
}

fn namespace(seconds: i64, conditions: &Value) -> View {
    View {
        namespaces: all(vec![json!({
            "metadata": {"name": "old", "deletionTimestamp": ago(seconds)}, "spec": {"finalizers": ["kubernetes"]},
            "status": {"phase": "Terminating", "conditions": conditions}
        })]),
        ..View::default()
    }
}

#[test]
fn a_namespace_that_does_not_go_says_what_holds_it() {
    let view = namespace(
        900,
        &json!([
            {"type": "NamespaceContentRemaining", "status": "True", "message": "Some resources are remaining: widgets.example.com has 1 resource instances"},
            {"type": "NamespaceFinalizersRemaining", "status": "True", "message": "Some content in the namespace has finalizers remaining: example.com/cleanup in 1 resource instances"}
        ]),
    );
    only(&view, &[Condition::NamespaceStuckTerminating]);
    assert!(
        the(Condition::NamespaceStuckTerminating, &view)
            .summary
            .contains("example.com/cleanup in 1 resource instances")
    );
}

#[test]
fn a_namespace_that_has_just_been_deleted_is_well() {
    well(&namespace(
        10,
        &json!([{"type": "NamespaceContentRemaining", "status": "True", "message": "pods. has 3 resource instances"}]),
    ));
    well(&namespace(60, &json!([])));
}

#[test]
fn a_namespace_held_by_a_dead_api_is_folded_under_it() {
    let mut view = namespace(
        900,
        &json!([{"type": "NamespaceDeletionDiscoveryFailure", "status": "True", "message": "Discovery failed for some groups"}]),
    );
    view.api_services = all(vec![api("False")]);
    assert_eq!(
        the(Condition::NamespaceStuckTerminating, &view)
            .cause
            .unwrap()
            .condition,
        Condition::ApiServiceUnavailable
    );
}

fn api(status: &str) -> Value {
    json!({
        "metadata": {"name": "v1beta1.metrics.k8s.io"},
        "spec": {"groupPriorityMinimum": 1, "versionPriority": 1, "service": {"namespace": "kube-system", "name": "metrics-server"}},
        "status": {"conditions": [{"type": "Available", "status": status, "reason": "MissingEndpoints", "message": "endpoints for service/metrics-server have no addresses", "lastTransitionTime": ago(300)}]}
    })
}

#[test]
fn an_aggregated_api_that_is_down_is_found_and_a_local_or_available_one_is_well() {
    let with = |api: Value| View {
        api_services: all(vec![api]),
        ..View::default()
    };
    only(&with(api("False")), &[Condition::ApiServiceUnavailable]);
    well(&with(api("True")));
    let mut local = api("False");
    local["spec"].as_object_mut().unwrap().remove("service");
    well(&with(local));
}

#[test]
fn a_used_up_quota_is_found_and_a_prohibition_or_a_free_one_is_well() {
    let quota = |used: &str, hard: &str| View {
        quotas: all(vec![
            json!({"metadata": {"namespace": "shop", "name": "q"}, "status": {"used": {"requests.cpu": used}, "hard": {"requests.cpu": hard}}}),
        ]),
        ..View::default()
    };
    let view = quota("2000m", "2");
    only(&view, &[Condition::QuotaExhausted]);
    assert!(
        the(Condition::QuotaExhausted, &view)
            .summary
            .starts_with("Used up: requests.cpu 2000m of 2 of quota q")
    );
    well(&quota("0", "0"));
    well(&quota("1900m", "2"));
}

fn dns(patch: &Value) -> View {
    let mut it = json!({
        "metadata": {"namespace": "kube-system", "name": "coredns", "labels": {"k8s-app": "kube-dns"}, "creationTimestamp": ago(90_000)},
        "spec": {"replicas": 2, "selector": {}, "template": {}},
        "status": {"replicas": 2, "readyReplicas": 2}
    });
    merge(&mut it, patch);
    View {
        deployments: all(vec![it]),
        ..View::default()
    }
}

#[test]
fn dns_with_too_few_ready_pods_is_found() {
    well(&dns(&json!({})));
    assert_eq!(
        the(
            Condition::CoreDnsUnhealthy,
            &dns(&json!({"status": {"readyReplicas": 0}}))
        )
        .severity,
        Severity::Critical
    );
    assert_eq!(
        the(
            Condition::CoreDnsUnhealthy,
            &dns(&json!({"status": {"readyReplicas": 1}}))
        )
        .severity,
        Severity::Warning
    );
    assert_eq!(
        the(
            Condition::CoreDnsUnhealthy,
            &dns(&json!({"spec": {"replicas": 0}, "status": {"replicas": 0, "readyReplicas": 0}}))
        )
        .severity,
        Severity::Critical
    );
}

#[test]
fn a_deployment_of_the_same_label_elsewhere_is_not_dns() {
    well(&dns(
        &json!({"metadata": {"namespace": "shop"}, "status": {"readyReplicas": 1}}),
    ));
}
