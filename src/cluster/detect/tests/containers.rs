//! Containers that end, cannot run or lack their configuration.

use serde_json::{Value, json};

use super::{only, the, well};
use crate::cluster::detect::fixtures::{ago, all, event, merge, pod, pod_with, pods};
use crate::cluster::finding::{ObjectRef, Severity};
use crate::cluster::view::View;
use crate::faq::condition::Condition;

fn ended(reason: &str, code: i32, seconds_ago: i64) -> Value {
    json!({"terminated": {"reason": reason, "exitCode": code, "finishedAt": ago(seconds_ago)}})
}

fn in_back_off(reason: &str, code: i32) -> Value {
    pod_with(&json!({
        "restartCount": 7, "lastState": ended(reason, code, 30),
        "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 5m0s restarting failed container=app"}}
    }))
}

fn runs(seconds: i64, restarts: i32, last: &Value) -> Value {
    let mut it = pod_with(&json!({
        "ready": true, "restartCount": restarts, "started": true, "lastState": last, "state": {"running": {"startedAt": ago(seconds)}}
    }));
    it["status"]["conditions"] =
        json!([{"type": "Ready", "status": "True", "lastTransitionTime": ago(seconds)}]);
    it
}

#[test]
fn a_crash_loop_says_the_exit_code_first() {
    let view = pods(vec![in_back_off("Error", 127)], vec![]);
    only(&view, &[Condition::CrashLoopBackOff]);
    let finding = the(Condition::CrashLoopBackOff, &view);
    assert_eq!(
        finding.summary,
        "Exit code 127, command not found: container app of web is in back-off after 7 restarts"
    );
    assert_eq!(finding.severity, Severity::Critical);
    assert_eq!(finding.containers, ["app"]);
    assert_eq!(
        finding.commands[0],
        "kubectl logs web -c app --previous -n shop"
    );
}

#[test]
fn a_short_run_between_two_crashes_is_still_a_crash_loop() {
    let back_off = event(
        "Pod",
        "web",
        "BackOff",
        "Back-off restarting failed container app in pod web",
        9,
        40,
    );
    let view = pods(vec![runs(5, 6, &ended("Error", 1, 6))], vec![back_off]);
    only(&view, &[Condition::CrashLoopBackOff]);
}

#[test]
fn one_restart_at_the_start_and_well_since_is_well() {
    well(&pods(vec![runs(1800, 1, &ended("Error", 1, 1801))], vec![]));
    well(&pods(vec![runs(120, 1, &ended("Error", 1, 121))], vec![]));
}

#[test]
fn out_of_memory_is_found_on_a_pod_that_runs_again() {
    let mut it = runs(300, 1, &ended("OOMKilled", 137, 301));
    merge(
        &mut it["spec"],
        &json!({"containers": [{"name": "app", "resources": {"limits": {"memory": "128Mi"}}}]}),
    );
    let view = pods(vec![it], vec![]);
    only(&view, &[Condition::OomKilled]);
    let finding = the(Condition::OomKilled, &view);
    assert_eq!(
        finding.summary,
        "Out of memory: container app of web was killed by the kernel (its memory limit is 128Mi) and runs again"
    );
    assert_eq!(finding.severity, Severity::Warning);
}

#[test]
fn a_crash_loop_for_memory_is_folded_under_out_of_memory() {
    let view = pods(vec![in_back_off("OOMKilled", 137)], vec![]);
    only(&view, &[Condition::OomKilled, Condition::CrashLoopBackOff]);
    let cause = the(Condition::CrashLoopBackOff, &view).cause.unwrap();
    assert_eq!(cause.condition, Condition::OomKilled);
}

#[test]
fn exit_code_137_without_the_reason_is_not_out_of_memory() {
    let view = pods(vec![in_back_off("Error", 137)], vec![]);
    only(&view, &[Condition::CrashLoopBackOff]);
    assert!(
        the(Condition::CrashLoopBackOff, &view)
            .summary
            .contains("not reported as out of memory")
    );
}

#[test]
fn memory_trouble_of_days_ago_is_history() {
    well(&pods(
        vec![runs(200_000, 1, &ended("OOMKilled", 137, 200_001))],
        vec![],
    ));
}

#[test]
fn an_ended_container_without_back_off_is_found() {
    let mut it = pod_with(&json!({"state": ended("Error", 2, 60)}));
    merge(
        &mut it,
        &json!({"spec": {"restartPolicy": "Never"}, "status": {"phase": "Failed"}}),
    );
    let view = pods(vec![it], vec![]);
    only(&view, &[Condition::ContainerExited]);
    assert!(
        the(Condition::ContainerExited, &view)
            .summary
            .starts_with("Exit code 2, ")
    );
}

#[test]
fn a_segmentation_fault_just_now_is_found_although_the_container_runs_again() {
    let view = pods(vec![runs(60, 1, &ended("Error", 139, 61))], vec![]);
    only(&view, &[Condition::ContainerExited]);
}

#[test]
fn a_completed_pod_is_well() {
    let mut it = pod_with(&json!({"state": ended("Completed", 0, 60)}));
    merge(
        &mut it,
        &json!({"spec": {"restartPolicy": "Never"}, "status": {"phase": "Succeeded"}}),
    );
    well(&pods(vec![it], vec![]));
}

#[test]
fn a_terminating_pods_end_by_sigterm_is_well() {
    let mut it = pod_with(&json!({"state": ended("Error", 143, 2)}));
    merge(
        &mut it["metadata"],
        &json!({"deletionTimestamp": ago(-10), "deletionGracePeriodSeconds": 30}),
    );
    well(&pods(vec![it], vec![]));
}

#[test]
fn a_start_error_is_a_container_that_cannot_run() {
    let last = json!({"terminated": {"reason": "StartError", "exitCode": 128, "finishedAt": ago(9), "message":
        "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: exec: \"srv\": executable file not found in $PATH: unknown"}});
    let view = pods(
        vec![pod_with(
            &json!({"restartCount": 4, "lastState": last, "state": {"waiting": {"reason": "CrashLoopBackOff"}}}),
        )],
        vec![],
    );
    only(
        &view,
        &[Condition::ContainerCannotRun, Condition::CrashLoopBackOff],
    );
    let finding = the(Condition::ContainerCannotRun, &view);
    assert_eq!(
        finding.summary,
        "The command does not exist in the image: container app of web cannot run"
    );
}

#[test]
fn a_start_error_that_is_over_is_well() {
    well(&pods(
        vec![runs(1200, 1, &ended("StartError", 128, 1201))],
        vec![],
    ));
}

#[test]
fn the_wrong_architecture_is_told_from_other_start_errors() {
    let waiting = json!({"waiting": {"reason": "RunContainerError", "message": "exec /app/server: exec format error"}});
    let view = pods(vec![pod_with(&json!({"state": waiting}))], vec![]);
    only(&view, &[Condition::ExecFormatError]);
}

#[test]
fn a_missing_secret_key_is_named() {
    let waiting = json!({"waiting": {"reason": "CreateContainerConfigError", "message": "couldn't find key password in Secret shop/db"}});
    let view = pods(vec![pod_with(&json!({"state": waiting}))], vec![]);
    only(&view, &[Condition::CreateContainerConfigError]);
    assert_eq!(
        the(Condition::CreateContainerConfigError, &view).summary,
        "Key password is missing in Secret shop/db, so container app of web cannot be created"
    );
}

fn with_init(status: &Value) -> Value {
    let mut init =
        json!({"name": "migrate", "ready": false, "restartCount": 0, "image": "m", "imageID": ""});
    merge(&mut init, status);
    pod(
        &json!({"initContainers": [{"name": "migrate"}]}),
        &json!({
            "phase": "Pending", "initContainerStatuses": [init],
            "containerStatuses": [{"name": "app", "ready": false, "restartCount": 0, "image": "", "imageID": "", "state": {"waiting": {"reason": "PodInitializing"}}}]
        }),
    )
}

#[test]
fn an_init_container_that_crashes_is_found() {
    let status = json!({"restartCount": 5, "lastState": ended("Error", 1, 20), "state": {"waiting": {"reason": "CrashLoopBackOff"}}});
    let view = pods(vec![with_init(&status)], vec![]);
    only(
        &view,
        &[Condition::InitContainerFailing, Condition::CrashLoopBackOff],
    );
    assert_eq!(
        the(Condition::CrashLoopBackOff, &view)
            .cause
            .unwrap()
            .condition,
        Condition::InitContainerFailing
    );
}

#[test]
fn an_init_container_that_does_not_end_is_found_and_a_young_one_is_well() {
    let running = |seconds| with_init(&json!({"state": {"running": {"startedAt": ago(seconds)}}}));
    only(
        &pods(vec![running(900)], vec![]),
        &[Condition::InitContainerFailing],
    );
    well(&pods(vec![running(60)], vec![]));
}

#[test]
fn a_native_sidecar_that_runs_does_not_count_as_an_endless_init_container() {
    let mut it = runs(3600, 0, &json!({}));
    it["spec"]["initContainers"] = json!([{"name": "proxy", "restartPolicy": "Always"}]);
    it["status"]["initContainerStatuses"] = json!([{"name": "proxy", "ready": true, "started": true, "restartCount": 0, "image": "", "imageID": "", "state": {"running": {"startedAt": ago(3600)}}}]);
    well(&pods(vec![it], vec![]));
}

fn beside_main(sidecar: &Value) -> Value {
    let mut it = runs(3600, 0, &json!({}));
    it["spec"]["containers"] = json!([{"name": "app"}, {"name": "proxy"}]);
    let mut status =
        json!({"name": "proxy", "ready": false, "restartCount": 0, "image": "", "imageID": ""});
    merge(&mut status, sidecar);
    it["status"]["containerStatuses"]
        .as_array_mut()
        .unwrap()
        .push(status);
    it["status"]["conditions"] =
        json!([{"type": "Ready", "status": "False", "lastTransitionTime": ago(600)}]);
    it
}

#[test]
fn a_sidecar_that_is_down_beside_a_running_main_container_is_found() {
    let down = json!({"restartCount": 6, "lastState": ended("Error", 1, 20), "state": {"waiting": {"reason": "CrashLoopBackOff"}}});
    let view = pods(vec![beside_main(&down)], vec![]);
    only(
        &view,
        &[Condition::SidecarDown, Condition::CrashLoopBackOff],
    );
    assert_eq!(the(Condition::SidecarDown, &view).containers, ["proxy"]);
}

#[test]
fn a_helper_of_a_job_that_has_done_its_work_is_well() {
    let mut it = beside_main(&json!({"state": ended("Completed", 0, 20)}));
    it["spec"]["restartPolicy"] = json!("Never");
    well(&pods(vec![it], vec![]));
}

#[test]
fn a_main_container_that_is_down_is_no_sidecar() {
    let mut it =
        beside_main(&json!({"ready": true, "state": {"running": {"startedAt": ago(600)}}}));
    merge(
        &mut it["status"]["containerStatuses"][0],
        &json!({"ready": false, "restartCount": 6, "lastState": ended("Error", 1, 20), "state": {"waiting": {"reason": "CrashLoopBackOff"}}}),
    );
    it["status"]["containerStatuses"][0]["state"]
        .as_object_mut()
        .unwrap()
        .remove("running");
    only(&pods(vec![it], vec![]), &[Condition::CrashLoopBackOff]);
}

#[test]
fn pods_of_a_deployment_are_one_finding_with_its_replicas() {
    let owned = |name: &str| {
        let mut it = in_back_off("Error", 1);
        merge(
            &mut it["metadata"],
            &json!({"name": name, "uid": name, "labels": {"pod-template-hash": "7899d5c6b8"}, "ownerReferences": [
                {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-7899d5c6b8", "uid": "rs", "controller": true}
            ]}),
        );
        it
    };
    let mut view = pods(
        vec![owned("web-7899d5c6b8-b"), owned("web-7899d5c6b8-a")],
        vec![],
    );
    view.deployments = all(vec![json!({
        "metadata": {"namespace": "shop", "name": "web"}, "spec": {"replicas": 3, "selector": {}, "template": {}}, "status": {"replicas": 3, "readyReplicas": 1}
    })]);
    let finding = the(Condition::CrashLoopBackOff, &view);
    assert_eq!(finding.owner, ObjectRef::new("Deployment", "web"));
    assert_eq!(
        (finding.affected, finding.desired, finding.severity),
        (2, Some(3), Severity::Warning)
    );
    assert_eq!(
        finding.summary,
        "Exit code 1, the application's own error: container app of web-7899d5c6b8-a is in back-off after 7 restarts (1 pod more alike)"
    );
}

#[test]
fn the_newest_replica_sets_change_is_told() {
    let set = |name: &str, revision: &str, image: &str| {
        json!({
            "metadata": {"namespace": "shop", "name": name, "creationTimestamp": ago(900), "annotations": {"deployment.kubernetes.io/revision": revision},
                "ownerReferences": [{"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": "d", "controller": true}]},
            "spec": {"selector": {}, "template": {"spec": {"containers": [{"name": "app", "image": image}]}}}
        })
    };
    let mut it = in_back_off("Error", 1);
    merge(
        &mut it["metadata"],
        &json!({"ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-2", "uid": "rs", "controller": true}]}),
    );
    let view = View {
        replica_sets: all(vec![
            set("web-2", "10", "shop/web:2"),
            set("web-1", "9", "shop/web:1"),
        ]),
        ..pods(vec![it], vec![])
    };
    let changed = the(Condition::CrashLoopBackOff, &view).changed.unwrap();
    assert_eq!(changed.what, "image of app: shop/web:1 → shop/web:2");
    assert_eq!(changed.object, ObjectRef::new("ReplicaSet", "web-2"));
}
