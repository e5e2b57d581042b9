//! Claims and volumes.

use serde_json::{Value, json};

use super::{only, the, well};
use crate::cluster::detect::fixtures::{ago, all, event, merge, object, pod, pods};
use crate::cluster::finding::{ObjectRef, Severity};
use crate::cluster::view::View;
use crate::faq::condition::Condition;

fn claim(spec: &Value, phase: &str) -> Value {
    let mut it = json!({
        "metadata": {"namespace": "shop", "name": "data", "creationTimestamp": ago(900)},
        "spec": {"accessModes": ["ReadWriteOnce"]}, "status": {"phase": phase}
    });
    merge(&mut it["spec"], spec);
    it
}

fn class(name: &str, mode: &str) -> Value {
    json!({"metadata": {"name": name}, "provisioner": "ebs.csi.aws.com", "volumeBindingMode": mode})
}

fn with(claim: Value, classes: Vec<Value>, events: Vec<Value>) -> View {
    View {
        claims: all(vec![claim]),
        storage_classes: all(classes),
        volumes: all(vec![]),
        events: events.into_iter().map(object).collect(),
        ..View::default()
    }
}

fn said(reason: &str, message: &str) -> Value {
    event("PersistentVolumeClaim", "data", reason, message, 5, 20)
}

#[test]
fn a_class_that_does_not_exist_and_none_at_all_are_found() {
    only(
        &with(
            claim(&json!({"storageClassName": "fsat"}), "Pending"),
            vec![class("fast", "Immediate")],
            vec![],
        ),
        &[Condition::PvcNoStorageClass],
    );
    only(
        &with(
            claim(&json!({}), "Pending"),
            vec![class("fast", "Immediate")],
            vec![],
        ),
        &[Condition::PvcNoStorageClass],
    );
}

#[test]
fn a_missing_class_is_read_from_events_where_classes_were_not_looked_at() {
    for said in [
        said(
            "ProvisioningFailed",
            "storageclass.storage.k8s.io \"fsat\" not found",
        ),
        said(
            "FailedBinding",
            "no persistent volumes available for this claim and no storage class is set",
        ),
    ] {
        let mut view = with(claim(&json!({}), "Pending"), vec![], vec![said]);
        view.storage_classes = crate::cluster::view::Listing::default();
        only(&view, &[Condition::PvcNoStorageClass]);
    }
}

#[test]
fn a_claim_for_which_a_static_volume_waits_is_not_without_class() {
    let mut young = claim(&json!({"storageClassName": "manual"}), "Pending");
    young["metadata"]["creationTimestamp"] = json!(ago(5));
    let mut view = with(young, vec![], vec![]);
    view.volumes = all(vec![
        json!({"metadata": {"name": "v"}, "spec": {"storageClassName": "manual"}, "status": {"phase": "Available"}}),
    ]);
    well(&view);
}

#[test]
fn a_provisioner_that_fails_or_does_not_answer_is_found() {
    let named = || claim(&json!({"storageClassName": "fast"}), "Pending");
    let failed = said(
        "ProvisioningFailed",
        "failed to provision volume with StorageClass \"fast\": rpc error: UnauthorizedOperation",
    );
    only(
        &with(named(), vec![class("fast", "Immediate")], vec![failed]),
        &[Condition::PvcProvisioningFailed],
    );
    let silent = said(
        "ExternalProvisioning",
        "Waiting for a volume to be created either by the external provisioner 'ebs.csi.aws.com'",
    );
    let view = with(named(), vec![class("fast", "Immediate")], vec![silent]);
    only(&view, &[Condition::PvcProvisioningFailed]);
    assert!(
        the(Condition::PvcProvisioningFailed, &view)
            .summary
            .starts_with("The provisioner has not answered for")
    );
}

#[test]
fn a_claim_that_waits_for_its_first_pod_is_for_information() {
    let view = with(
        claim(&json!({"storageClassName": "slow"}), "Pending"),
        vec![class("slow", "WaitForFirstConsumer")],
        vec![],
    );
    only(&view, &[Condition::PvcWaitsForFirstConsumer]);
    assert_eq!(
        the(Condition::PvcWaitsForFirstConsumer, &view).severity,
        Severity::Info
    );
}

#[test]
fn a_claim_that_waits_without_a_known_reason_is_pending_and_a_new_or_bound_one_is_well() {
    let named = |phase: &str| claim(&json!({"storageClassName": "fast"}), phase);
    only(
        &with(named("Pending"), vec![class("fast", "Immediate")], vec![]),
        &[Condition::PvcPending],
    );
    let mut young = named("Pending");
    young["metadata"]["creationTimestamp"] = json!(ago(5));
    well(&with(young, vec![class("fast", "Immediate")], vec![]));
    well(&with(
        named("Bound"),
        vec![class("fast", "Immediate")],
        vec![],
    ));
}

#[test]
fn a_lost_claim_and_a_failed_volume_are_found() {
    only(
        &with(
            claim(&json!({"volumeName": "pv-1"}), "Lost"),
            vec![],
            vec![],
        ),
        &[Condition::PvcLost],
    );
    let failed = json!({"metadata": {"name": "pv-1"}, "spec": {"persistentVolumeReclaimPolicy": "Delete"}, "status": {"phase": "Failed", "message": "no deleter"}});
    let view = View {
        volumes: all(vec![failed]),
        ..View::default()
    };
    only(&view, &[Condition::PvcLost]);
    assert_eq!(the(Condition::PvcLost, &view).namespace, None);
}

fn volume(policy: &str, phase: &str, seconds: i64) -> View {
    View {
        volumes: all(vec![json!({
            "metadata": {"name": "pv-1"}, "spec": {"persistentVolumeReclaimPolicy": policy, "claimRef": {"namespace": "shop", "name": "data"}},
            "status": {"phase": phase, "lastPhaseTransitionTime": ago(seconds)}
        })]),
        ..View::default()
    }
}

#[test]
fn a_released_volume_is_for_information_when_it_is_kept_and_a_warning_when_it_should_go() {
    assert_eq!(
        the(Condition::PvReleased, &volume("Retain", "Released", 900)).severity,
        Severity::Info
    );
    assert_eq!(
        the(Condition::PvReleased, &volume("Delete", "Released", 900)).severity,
        Severity::Warning
    );
    well(&volume("Delete", "Released", 10));
    well(&volume("Retain", "Bound", 10));
}

#[test]
fn a_claim_that_does_not_go_names_the_pod_that_uses_it() {
    let deleted = |seconds: i64| {
        let mut it = claim(&json!({}), "Bound");
        merge(
            &mut it["metadata"],
            &json!({"deletionTimestamp": ago(seconds), "finalizers": ["kubernetes.io/pvc-protection"]}),
        );
        it
    };
    let mut user = pod(
        &json!({"volumes": [{"name": "d", "persistentVolumeClaim": {"claimName": "data"}}]}),
        &json!({}),
    );
    user["status"]["conditions"] = json!([{"type": "Ready", "status": "True"}]);
    let mut view = pods(vec![user], vec![]);
    view.claims = all(vec![deleted(300)]);
    only(&view, &[Condition::PvcStuckTerminating]);
    assert!(
        the(Condition::PvcStuckTerminating, &view)
            .summary
            .starts_with("web still uses it")
    );
    view.claims = all(vec![deleted(5)]);
    well(&view);
}

#[test]
fn a_pod_that_waits_for_a_claim_is_folded_under_what_is_wrong_with_the_claim() {
    let waiting = pod(
        &json!({"nodeName": null, "volumes": [{"name": "d", "persistentVolumeClaim": {"claimName": "data"}}]}),
        &json!({"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "lastTransitionTime": ago(300),
            "message": "0/3 nodes are available: pod has unbound immediate PersistentVolumeClaims."}]}),
    );
    let mut view = with(
        claim(&json!({"storageClassName": "fsat"}), "Pending"),
        vec![],
        vec![],
    );
    view.pods = pods(vec![waiting], vec![]).pods;
    only(
        &view,
        &[
            Condition::UnschedulableUnboundClaim,
            Condition::PvcNoStorageClass,
        ],
    );
    let cause = the(Condition::UnschedulableUnboundClaim, &view)
        .cause
        .unwrap();
    assert_eq!(cause.owner, ObjectRef::new("PersistentVolumeClaim", "data"));
}
