//! The life of a pod: created, evicted, terminating, lost, preempted.

use serde_json::{Value, json};

use super::{only, the, well};
use crate::cluster::detect::fixtures::{ago, all, event, merge, pod, pods};
use crate::cluster::finding::{ObjectRef, Severity};
use crate::faq::condition::Condition;

fn creating(seconds: i64) -> Value {
    pod(
        &json!({}),
        &json!({
            "phase": "Pending", "startTime": ago(seconds),
            "conditions": [{"type": "PodScheduled", "status": "True", "lastTransitionTime": ago(seconds)}, {"type": "Ready", "status": "False"}],
            "containerStatuses": [{"name": "app", "ready": false, "restartCount": 0, "image": "", "imageID": "", "state": {"waiting": {"reason": "ContainerCreating"}}}]
        }),
    )
}

#[test]
fn each_event_about_creation_has_its_condition() {
    for (reason, message, condition) in [
        (
            "FailedMount",
            "MountVolume.SetUp failed for volume \"creds\" : secret \"db\" not found",
            Condition::VolumeMountFailed,
        ),
        (
            "FailedAttachVolume",
            "AttachVolume.Attach failed for volume \"pvc-1\" : rpc error: code = Internal",
            Condition::VolumeAttachFailed,
        ),
        (
            "FailedAttachVolume",
            "Multi-Attach error for volume \"pvc-1\" Volume is already exclusively attached to one node",
            Condition::VolumeMultiAttach,
        ),
        (
            "FailedCreatePodSandBox",
            "Failed to create pod sandbox: plugin type=\"calico\" failed (add): error getting ClusterInformation",
            Condition::PodSandboxFailed,
        ),
        (
            "FailedCreatePodSandBox",
            "plugin type=\"aws-cni\" failed (add): add cmd: failed to assign an IP address to container",
            Condition::PodIpExhausted,
        ),
    ] {
        let view = pods(
            vec![creating(300)],
            vec![event("Pod", "web", reason, message, 5, 10)],
        );
        only(&view, &[condition]);
        assert!(
            the(condition, &view)
                .evidence
                .iter()
                .any(|line| line.text.contains(message))
        );
    }
}

#[test]
fn a_pod_that_is_being_created_for_under_a_minute_is_well() {
    well(&pods(vec![creating(50)], vec![]));
    let once = event(
        "Pod",
        "web",
        "FailedMount",
        "MountVolume.SetUp failed for volume \"c\" : configmap \"c\" not found",
        1,
        5,
    );
    well(&pods(vec![creating(10)], vec![once]));
}

#[test]
fn a_pod_that_is_being_created_for_long_without_a_reason_is_stuck() {
    only(
        &pods(vec![creating(900)], vec![]),
        &[Condition::ContainerCreatingStuck],
    );
}

fn failed(reason: &str, message: &str) -> Value {
    pod(
        &json!({}),
        &json!({"phase": "Failed", "reason": reason, "message": message}),
    )
}

#[test]
fn an_eviction_names_the_resource() {
    let message =
        "The node was low on resource: memory. Threshold quantity: 100Mi, available: 52Mi.";
    let view = pods(vec![failed("Evicted", message)], vec![]);
    only(&view, &[Condition::Evicted]);
    assert_eq!(
        the(Condition::Evicted, &view).summary,
        "Evicted because node n1 was low on memory: web was ended"
    );
    let rejected = pods(
        vec![failed(
            "Evicted",
            "Pod was rejected: The node had condition: [DiskPressure]. ",
        )],
        vec![],
    );
    assert!(
        the(Condition::Evicted, &rejected)
            .summary
            .contains("had the condition DiskPressure")
    );
}

#[test]
fn an_eviction_for_the_pods_own_disk_use_is_told_apart() {
    for message in [
        "Pod ephemeral local storage usage exceeds the total limit of containers 1Gi. ",
        "Container app exceeded its local ephemeral storage limit \"1Gi\". ",
        "Usage of EmptyDir volume \"tmp\" exceeds the limit \"1Gi\". ",
    ] {
        only(
            &pods(vec![failed("Evicted", message)], vec![]),
            &[Condition::EphemeralStorageExceeded],
        );
    }
}

fn deleted(seconds: i64, metadata: &Value) -> Value {
    let mut it = pod(&json!({}), &json!({}));
    merge(
        &mut it["metadata"],
        &json!({"deletionTimestamp": ago(seconds), "deletionGracePeriodSeconds": 30}),
    );
    merge(&mut it["metadata"], metadata);
    it
}

#[test]
fn a_pod_that_should_be_gone_is_stuck_and_its_finalizer_is_named() {
    let view = pods(
        vec![deleted(
            600,
            &json!({"finalizers": ["example.com/cleanup"]}),
        )],
        vec![],
    );
    only(&view, &[Condition::PodStuckTerminating]);
    assert!(
        the(Condition::PodStuckTerminating, &view)
            .summary
            .starts_with("Finalizer example.com/cleanup has not been removed")
    );
}

#[test]
fn a_pod_within_its_grace_period_or_just_past_it_is_well() {
    well(&pods(vec![deleted(-20, &json!({}))], vec![]));
    well(&pods(vec![deleted(5, &json!({}))], vec![]));
}

#[test]
fn a_very_long_grace_period_is_for_information() {
    let view = pods(
        vec![deleted(-3000, &json!({"deletionGracePeriodSeconds": 3600}))],
        vec![],
    );
    assert_eq!(
        the(Condition::PodStuckTerminating, &view).severity,
        Severity::Info
    );
}

fn silent_node() -> Value {
    json!({"metadata": {"name": "n1", "creationTimestamp": ago(9000)}, "status": {"conditions": [
        {"type": "Ready", "status": "Unknown", "reason": "NodeStatusUnknown", "message": "Kubelet stopped posting node status.", "lastTransitionTime": ago(400)}
    ]}})
}

#[test]
fn pods_of_a_silent_node_are_lost_and_folded_under_it() {
    let mut view = pods(vec![pod(&json!({}), &json!({}))], vec![]);
    view.nodes = all(vec![silent_node()]);
    only(&view, &[Condition::NodeNotReady, Condition::PodNodeLost]);
    assert_eq!(
        the(Condition::PodNodeLost, &view).cause.unwrap().owner,
        ObjectRef::new("Node", "n1")
    );
}

#[test]
fn pods_of_a_node_that_answers_are_not_lost() {
    let mut view = pods(vec![pod(&json!({}), &json!({}))], vec![]);
    view.nodes = all(vec![
        json!({"metadata": {"name": "n1"}, "status": {"conditions": [{"type": "Ready", "status": "True"}]}}),
    ]);
    well(&view);
}

#[test]
fn a_preempted_pod_is_found_after_it_is_gone_and_well_once_it_is_replaced() {
    let set = json!({"metadata": {"namespace": "shop", "name": "web-1", "ownerReferences": [
        {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": "d", "controller": true}]}});
    let deployment = |ready: i32| json!({"metadata": {"namespace": "shop", "name": "web"}, "spec": {"replicas": 2, "selector": {}, "template": {}}, "status": {"readyReplicas": ready}});
    let mut view = pods(
        vec![],
        vec![event(
            "Pod",
            "web-1-x",
            "Preempted",
            "Preempted by pod 5f on node n1",
            1,
            60,
        )],
    );
    view.replica_sets = all(vec![set]);
    view.deployments = all(vec![deployment(1)]);
    only(&view, &[Condition::Preempted]);
    assert_eq!(
        the(Condition::Preempted, &view).owner,
        ObjectRef::new("Deployment", "web")
    );
    view.deployments = all(vec![deployment(2)]);
    well(&view);
}

fn refused(reason: &str, message: &str) -> crate::cluster::view::View {
    let mut it = pod(
        &json!({}),
        &json!({"phase": "Failed", "reason": reason, "message": message}),
    );
    it["status"]
        .as_object_mut()
        .unwrap()
        .remove("containerStatuses");
    pods(vec![it], vec![])
}

#[test]
fn what_the_kubelet_refuses_is_told_by_its_reason() {
    for (reason, condition) in [
        ("OutOfcpu", Condition::UnschedulableCpu),
        ("OutOfnvidia.com/gpu", Condition::UnschedulableResource),
        ("UnexpectedAdmissionError", Condition::UnschedulableResource),
        ("TopologyAffinityError", Condition::UnschedulableResource),
        ("SysctlForbidden", Condition::ContainerCannotRun),
        ("NodeShutdown", Condition::PodNodeShutDown),
        ("DeadlineExceeded", Condition::ContainerExited),
    ] {
        only(&refused(reason, "Pod was rejected: why"), &[condition]);
    }
    let view = refused(
        "UnexpectedAdmissionError",
        "Pod was rejected: Allocate failed due to no healthy devices present",
    );
    assert!(
        the(Condition::UnschedulableResource, &view)
            .summary
            .contains("(Allocate failed due to no healthy devices present)")
    );
    only(
        &refused(
            "Terminated",
            "Pod was terminated in response to imminent node shutdown.",
        ),
        &[Condition::PodNodeShutDown],
    );
    well(&refused("SomethingNew", "said"));
}

#[test]
fn a_pod_that_failed_for_an_unknown_reason_shows_how_its_containers_ended() {
    let it = pod(
        &json!({"restartPolicy": "Never"}),
        &json!({"phase": "Failed", "reason": "SomethingNew", "containerStatuses": [
            {"name": "app", "ready": false, "restartCount": 0, "image": "i", "imageID": "", "state": {"terminated": {"exitCode": 3, "reason": "Error", "finishedAt": ago(60)}}}]}),
    );
    only(&pods(vec![it], vec![]), &[Condition::ContainerExited]);
}

#[test]
fn a_pod_that_is_being_created_on_a_silent_node_is_lost_and_no_more() {
    let mut view = pods(vec![creating(900)], vec![]);
    only(&view, &[Condition::ContainerCreatingStuck]);
    view.nodes = all(vec![json!({
        "metadata": {"name": "n1", "creationTimestamp": ago(9000)}, "spec": {},
        "status": {"conditions": [{"type": "Ready", "status": "Unknown", "reason": "NodeStatusUnknown", "lastTransitionTime": ago(800)}]}
    })]);
    only(&view, &[Condition::NodeNotReady, Condition::PodNodeLost]);
}
