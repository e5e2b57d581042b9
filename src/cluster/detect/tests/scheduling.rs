//! Pods that no node takes.

use serde_json::{Value, json};

use super::{found, only, the, well};
use crate::cluster::detect::fixtures::{ago, all, merge, object, pod, pods};
use crate::cluster::finding::Severity;
use crate::faq::condition::Condition;

fn pending(message: &str) -> Value {
    let mut it = pod(
        &json!({"nodeName": null}),
        &json!({"phase": "Pending", "startTime": null, "conditions": [
            {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message, "lastTransitionTime": ago(600)}
        ]}),
    );
    it["status"].as_object_mut().unwrap().remove("startTime");
    it
}

#[test]
fn each_cause_of_the_sentence_is_a_finding_and_the_smaller_ones_are_folded() {
    let message = "0/5 nodes are available: 1 node(s) had untolerated taint(s), 4 Insufficient cpu. preemption: 0/5 nodes are available: 5 Preemption is not helpful for scheduling.";
    let view = pods(vec![pending(message)], vec![]);
    only(
        &view,
        &[Condition::UnschedulableCpu, Condition::UnschedulableTaint],
    );
    let cpu = the(Condition::UnschedulableCpu, &view);
    assert_eq!(
        cpu.summary,
        "Not enough unrequested CPU on 4 of 5 nodes (Insufficient cpu): web waits for a node"
    );
    assert_eq!((cpu.severity, cpu.cause), (Severity::Critical, None));
    assert_eq!(
        the(Condition::UnschedulableTaint, &view)
            .cause
            .unwrap()
            .condition,
        Condition::UnschedulableCpu
    );
}

#[test]
fn the_nodes_that_a_pod_asks_for_tell_the_cause_and_not_the_most_nodes() {
    let main = |message: &str, spec: &Value, nodes: Vec<Value>| {
        let mut it = pending(message);
        merge(&mut it["spec"], spec);
        let mut view = pods(vec![it], vec![]);
        if !nodes.is_empty() {
            view.nodes = all(nodes);
        }
        let first = found(&view).remove(0);
        assert_eq!(first.cause, None);
        first.condition
    };
    let node = |name: &str, pool: &str, spec: &Value| json!({"metadata": {"name": name, "labels": {"pool": pool}}, "spec": spec, "status": {"conditions": [{"type": "Ready", "status": "True"}]}});
    let nodes = || {
        vec![
            node("a", "main", &json!({})),
            node("b", "main", &json!({})),
            node(
                "c",
                "gpu",
                &json!({"taints": [{"key": "dedicated", "effect": "NoSchedule"}]}),
            ),
            node("d", "small", &json!({})),
        ]
    };
    let message = |words: &str| format!("0/4 nodes are available: {words}.");
    // Only the node in the pool counts, and that one has a taint.
    assert_eq!(
        main(
            &message(
                "1 node(s) had untolerated taint(s), 3 node(s) didn't match Pod's node affinity/selector"
            ),
            &json!({"nodeSelector": {"pool": "gpu"}}),
            nodes()
        ),
        Condition::UnschedulableTaint
    );
    // No node is in the pool: the taint of another one does not matter.
    assert_eq!(
        main(
            &message(
                "3 node(s) didn't match Pod's node affinity/selector, 1 node(s) had untolerated taint(s)"
            ),
            &json!({"nodeSelector": {"pool": "nvme"}}),
            nodes()
        ),
        Condition::UnschedulableNodeAffinity
    );
    let short = message(
        "1 Insufficient cpu, 1 node(s) had untolerated taint(s), 2 node(s) didn't match Pod's node affinity/selector",
    );
    assert_eq!(
        main(&short, &json!({"nodeSelector": {"pool": "small"}}), nodes()),
        Condition::UnschedulableCpu
    );
    let mut it = pending(&short);
    merge(&mut it["spec"], &json!({"nodeSelector": {"pool": "small"}}));
    let mut view = pods(vec![it], vec![]);
    view.nodes = all(nodes());
    // A taint on a node that the pod does not ask for is nothing to it.
    only(&view, &[Condition::UnschedulableCpu]);
    // Without the nodes: the one that is short of CPU has passed the selector.
    assert_eq!(
        main(&short, &json!({"nodeSelector": {"pool": "small"}}), vec![]),
        Condition::UnschedulableCpu
    );
}

#[test]
fn every_scheduling_condition_is_found_on_a_pod() {
    for (words, condition) in [
        ("3 Insufficient memory", Condition::UnschedulableMemory),
        (
            "3 Insufficient nvidia.com/gpu",
            Condition::UnschedulableResource,
        ),
        (
            "3 node(s) had untolerated taint {dedicated: gpu}",
            Condition::UnschedulableTaint,
        ),
        (
            "3 node(s) didn't match Pod's node affinity/selector",
            Condition::UnschedulableNodeAffinity,
        ),
        (
            "3 node(s) didn't match pod anti-affinity rules",
            Condition::UnschedulablePodAffinity,
        ),
        (
            "3 node(s) were unschedulable",
            Condition::UnschedulableCordoned,
        ),
        ("3 Too many pods", Condition::UnschedulableTooManyPods),
        (
            "3 node(s) had volume node affinity conflict",
            Condition::UnschedulableVolumeZone,
        ),
        (
            "pod has unbound immediate PersistentVolumeClaims",
            Condition::UnschedulableUnboundClaim,
        ),
        (
            "3 node(s) didn't have free ports for the requested pod ports",
            Condition::UnschedulableHostPort,
        ),
        ("3 node(s) are odd", Condition::Unschedulable),
    ] {
        only(
            &pods(
                vec![pending(&format!("0/3 nodes are available: {words}."))],
                vec![],
            ),
            &[condition],
        );
    }
}

#[test]
fn the_sentence_is_taken_from_a_scheduler_event_where_the_status_has_none() {
    let mut view = pods(vec![pending("")], vec![]);
    view.events = vec![object(json!({
        "metadata": {"namespace": "shop", "name": "e"}, "type": "Warning", "reason": "FailedScheduling", "message": "0/3 nodes are available: 3 Insufficient memory.",
        "eventTime": "2026-11-25T08:59:00.000000Z", "lastTimestamp": null, "reportingComponent": "default-scheduler",
        "involvedObject": {"kind": "Pod", "namespace": "shop", "name": "web"}
    }))];
    only(&view, &[Condition::UnschedulableMemory]);
}

#[test]
fn a_scheduling_gate_is_for_information() {
    let it = pod(
        &json!({"nodeName": null, "schedulingGates": [{"name": "kueue.x-k8s.io/admission"}]}),
        &json!({"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False", "reason": "SchedulingGated"}]}),
    );
    let view = pods(vec![it], vec![]);
    only(&view, &[Condition::SchedulingGated]);
    assert_eq!(
        the(Condition::SchedulingGated, &view).severity,
        Severity::Info
    );
}

#[test]
fn a_pod_that_no_scheduler_looked_at_is_found_and_a_new_one_is_well() {
    let created = |seconds| {
        let mut it = pod(
            &json!({"nodeName": null, "schedulerName": "lost"}),
            &json!({"phase": "Pending", "conditions": null, "startTime": null}),
        );
        it["metadata"]["creationTimestamp"] = json!(ago(seconds));
        it
    };
    let view = pods(vec![created(600)], vec![]);
    only(&view, &[Condition::Unschedulable]);
    assert!(
        the(Condition::Unschedulable, &view)
            .summary
            .contains("scheduler name lost")
    );
    well(&pods(vec![created(10)], vec![]));
}

#[test]
fn a_scheduled_pod_is_not_called_unschedulable_by_an_old_event() {
    let mut it = pod(
        &json!({}),
        &json!({"containerStatuses": [{"name": "app", "ready": true, "started": true, "restartCount": 0, "image": "", "imageID": "", "state": {"running": {"startedAt": ago(60)}}}]}),
    );
    it["status"]["conditions"] = json!([{"type": "Ready", "status": "True"}]);
    let old = crate::cluster::detect::fixtures::event(
        "Pod",
        "web",
        "FailedScheduling",
        "0/3 nodes are available: 3 Insufficient cpu.",
        3,
        120,
    );
    well(&pods(vec![it], vec![old]));
}

#[test]
fn a_pod_whose_volume_is_still_being_made_is_not_said_to_be_overlooked() {
    let waiting = pod(
        &json!({"nodeName": null, "volumes": [{"name": "d", "persistentVolumeClaim": {"claimName": "data"}}]}),
        &json!({"phase": "Pending", "conditions": null, "startTime": null}),
    );
    let mut view = pods(vec![waiting], vec![]);
    well(&view);
    view.claims = crate::cluster::detect::fixtures::all(vec![
        json!({"metadata": {"namespace": "shop", "name": "data", "creationTimestamp": ago(20)}, "spec": {"storageClassName": "fast"}, "status": {"phase": "Pending"}}),
    ]);
    only(&view, &[Condition::UnschedulableUnboundClaim]);
}
