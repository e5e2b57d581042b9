//! Workloads, Jobs, autoscalers and budgets.

use serde_json::{Value, json};

use super::{only, the, well};
use crate::cluster::detect::fixtures::{ago, all, event, merge, object, pods};
use crate::cluster::finding::{ObjectRef, Severity};
use crate::cluster::view::View;
use crate::faq::condition::Condition;

fn deployment(status: &Value) -> Value {
    json!({
        "metadata": {"namespace": "shop", "name": "web", "generation": 3, "creationTimestamp": ago(9000)},
        "spec": {"replicas": 3, "progressDeadlineSeconds": 600, "selector": {}, "template": {}},
        "status": status
    })
}

fn with_deployment(status: &Value) -> View {
    View {
        deployments: all(vec![deployment(status)]),
        ..View::default()
    }
}

fn deadline_exceeded() -> Value {
    json!({"observedGeneration": 3, "replicas": 4, "readyReplicas": 2, "updatedReplicas": 1, "conditions": [
        {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "ReplicaSet \"web-2\" has timed out progressing.", "lastTransitionTime": ago(300)}
    ]})
}

#[test]
fn a_rollout_past_its_deadline_is_stuck() {
    let view = with_deployment(&deadline_exceeded());
    only(&view, &[Condition::RolloutStuck]);
    let finding = the(Condition::RolloutStuck, &view);
    assert_eq!(finding.severity, Severity::Warning);
    assert!(
        finding
            .summary
            .starts_with("No progress within 600s: 1 of 3 pods of Deployment web are updated")
    );
}

#[test]
fn a_rollout_in_progress_a_stale_status_and_a_deployment_at_zero_are_well() {
    well(&with_deployment(
        &json!({"observedGeneration": 3, "replicas": 4, "readyReplicas": 2, "updatedReplicas": 1, "conditions": [
            {"type": "Progressing", "status": "True", "reason": "ReplicaSetUpdated"}
        ]}),
    ));
    let mut stale = deadline_exceeded();
    stale["observedGeneration"] = json!(2);
    well(&with_deployment(&stale));
    let mut zero = deployment(&json!({"observedGeneration": 3}));
    zero["spec"]["replicas"] = json!(0);
    well(&View {
        deployments: all(vec![zero]),
        ..View::default()
    });
}

fn refused(message: &str) -> Value {
    json!({"observedGeneration": 3, "replicas": 1, "updatedReplicas": 1, "readyReplicas": 1, "conditions": [
        {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": message, "lastTransitionTime": ago(60)}
    ]})
}

#[test]
fn each_refusal_of_pods_has_its_condition() {
    for (message, condition) in [
        (
            "pods \"web-1\" is forbidden: exceeded quota: compute, requested: pods=1, used: pods=5, limited: pods=5",
            Condition::QuotaExceeded,
        ),
        (
            "pods \"web-1\" is forbidden: violates PodSecurity \"restricted:latest\": runAsNonRoot != true",
            Condition::PodSecurityViolation,
        ),
        (
            "admission webhook \"policy.example.com\" denied the request: no latest tags",
            Condition::AdmissionDenied,
        ),
        (
            "Internal error occurred: failed calling webhook \"policy.example.com\": no endpoints available",
            Condition::WebhookUnreachable,
        ),
        (
            "pods \"web-1\" is forbidden: error looking up service account shop/web: serviceaccount \"web\" not found",
            Condition::PodCreationFailed,
        ),
    ] {
        let view = with_deployment(&refused(message));
        only(&view, &[condition]);
        let finding = the(condition, &view);
        assert_eq!((finding.affected, finding.desired), (2, Some(3)));
    }
}

#[test]
fn a_refusal_is_read_from_the_replica_sets_event_too() {
    let mut view = with_deployment(&json!({"observedGeneration": 3, "replicas": 0}));
    view.events = vec![object(event(
        "ReplicaSet",
        "web-7899d5c6b8",
        "FailedCreate",
        "Error creating: pods \"x\" is forbidden: exceeded quota: compute, requested: pods=1",
        3,
        30,
    ))];
    let finding = the(Condition::QuotaExceeded, &view);
    assert_eq!(finding.owner, ObjectRef::new("Deployment", "web"));
    assert_eq!(
        finding.objects,
        [ObjectRef::new("ReplicaSet", "web-7899d5c6b8")]
    );
}

#[test]
fn an_old_refusal_of_a_deployment_that_has_all_its_pods_is_well() {
    let mut view = with_deployment(
        &json!({"observedGeneration": 3, "replicas": 3, "updatedReplicas": 3, "readyReplicas": 3}),
    );
    view.events = vec![object(event(
        "ReplicaSet",
        "web-7899d5c6b8",
        "FailedCreate",
        "exceeded quota: compute, requested: pods=1",
        3,
        300,
    ))];
    well(&view);
}

fn stateful_set(status: &Value) -> Value {
    let mut set = json!({
        "metadata": {"namespace": "shop", "name": "db", "creationTimestamp": ago(9000)},
        "spec": {"replicas": 3, "serviceName": "db", "selector": {}, "template": {}},
        "status": {"replicas": 1, "readyReplicas": 0, "updateRevision": "a", "currentRevision": "a"}
    });
    merge(&mut set["status"], status);
    set
}

#[test]
fn a_stateful_set_waits_for_its_first_pod() {
    let pod = json!({
        "metadata": {"namespace": "shop", "name": "db-0", "ownerReferences": [{"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "db", "uid": "s", "controller": true}]},
        "spec": {"nodeName": "n1", "containers": []},
        "status": {"phase": "Running", "startTime": ago(900), "conditions": [{"type": "Ready", "status": "False", "lastTransitionTime": ago(900)}]}
    });
    let mut view = pods(vec![pod], vec![]);
    view.stateful_sets = all(vec![stateful_set(&json!({}))]);
    only(&view, &[Condition::StatefulSetBlocked]);
    let finding = the(Condition::StatefulSetBlocked, &view);
    assert!(
        finding
            .summary
            .starts_with("Waits for db-0 to become ready: 0 of 3")
    );
}

#[test]
fn an_update_by_hand_is_only_told_and_one_within_its_partition_is_well() {
    let updating =
        json!({"replicas": 3, "readyReplicas": 3, "updateRevision": "b", "updatedReplicas": 1});
    let mut by_hand = stateful_set(&updating);
    by_hand["spec"]["updateStrategy"] = json!({"type": "OnDelete"});
    let view = View {
        stateful_sets: all(vec![by_hand]),
        ..View::default()
    };
    let finding = the(Condition::StatefulSetBlocked, &view);
    assert_eq!(finding.severity, Severity::Info);
    assert!(
        finding
            .summary
            .ends_with("(OnDelete): 1 of 3 pods of StatefulSet db have the newest revision"),
        "{}",
        finding.summary
    );
    // One of the pods that keep the earlier revision by intention is not ready: no update waits for it.
    let mut partition = stateful_set(&updating);
    partition["status"]["readyReplicas"] = json!(2);
    partition["spec"]["updateStrategy"] =
        json!({"type": "RollingUpdate", "rollingUpdate": {"partition": 2}});
    well(&View {
        stateful_sets: all(vec![partition]),
        ..View::default()
    });
}

#[test]
fn a_parallel_a_starting_and_a_whole_stateful_set_are_well() {
    let mut parallel = stateful_set(&json!({}));
    parallel["spec"]["podManagementPolicy"] = json!("Parallel");
    let mut starting = stateful_set(&json!({}));
    starting["metadata"]["creationTimestamp"] = json!(ago(20));
    let whole = stateful_set(&json!({"replicas": 3, "readyReplicas": 3}));
    let held_back_by_partition = stateful_set(
        &json!({"replicas": 3, "readyReplicas": 3, "updateRevision": "b", "updatedReplicas": 1}),
    );
    for set in [parallel, starting, whole, held_back_by_partition] {
        well(&View {
            stateful_sets: all(vec![set]),
            ..View::default()
        });
    }
}

fn daemon_set(status: &Value) -> View {
    let mut set = json!({
        "metadata": {"namespace": "shop", "name": "agent", "generation": 1, "creationTimestamp": ago(9000)},
        "spec": {"selector": {}, "template": {}},
        "status": {"observedGeneration": 1, "desiredNumberScheduled": 5, "currentNumberScheduled": 5, "updatedNumberScheduled": 5, "numberReady": 5, "numberMisscheduled": 0}
    });
    merge(&mut set["status"], status);
    View {
        daemon_sets: all(vec![set]),
        ..View::default()
    }
}

#[test]
fn a_daemon_set_that_is_not_ready_everywhere_is_found() {
    let view = daemon_set(&json!({"numberReady": 3}));
    only(&view, &[Condition::DaemonSetUnavailable]);
    assert_eq!(the(Condition::DaemonSetUnavailable, &view).affected, 2);
}

#[test]
fn a_daemon_set_without_nodes_and_one_that_rolls_are_well() {
    well(&daemon_set(
        &json!({"desiredNumberScheduled": 0, "currentNumberScheduled": 0, "numberReady": 0}),
    ));
    well(&daemon_set(
        &json!({"numberReady": 4, "updatedNumberScheduled": 2}),
    ));
}

fn job(name: &str, condition: &Value, start: i64) -> Value {
    json!({
        "metadata": {"namespace": "shop", "name": name, "creationTimestamp": ago(start), "ownerReferences": [
            {"apiVersion": "batch/v1", "kind": "CronJob", "name": "report", "uid": "c", "controller": true}]},
        "spec": {"backoffLimit": 2, "template": {}},
        "status": {"startTime": ago(start), "failed": 3, "conditions": [condition]}
    })
}

fn job_failed() -> Value {
    json!({"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded", "message": "Job has reached the specified backoff limit", "lastTransitionTime": ago(100)})
}

#[test]
fn a_failed_job_belongs_to_its_cron_job_and_says_why() {
    let view = View {
        jobs: all(vec![job("report-1", &job_failed(), 900)]),
        ..View::default()
    };
    only(&view, &[Condition::JobFailed]);
    let finding = the(Condition::JobFailed, &view);
    assert_eq!(finding.owner, ObjectRef::new("CronJob", "report"));
    assert_eq!(
        finding.summary,
        "Back-off limit of 2 reached after 3 failed pods: Job report-1 has failed"
    );
}

#[test]
fn a_failed_job_whose_next_run_succeeded_and_its_pods_are_well() {
    let complete = json!({"type": "Complete", "status": "True"});
    let pod = json!({
        "metadata": {"namespace": "shop", "name": "report-1-x", "ownerReferences": [{"apiVersion": "batch/v1", "kind": "Job", "name": "report-1", "uid": "j", "controller": true}]},
        "spec": {"nodeName": "n1", "restartPolicy": "Never", "containers": [{"name": "app"}]},
        "status": {"phase": "Failed", "containerStatuses": [{"name": "app", "ready": false, "restartCount": 0, "image": "", "imageID": "",
            "state": {"terminated": {"exitCode": 1, "reason": "Error"}}}]}
    });
    let mut view = pods(vec![pod], vec![]);
    view.jobs = all(vec![
        job("report-1", &job_failed(), 900),
        job("report-2", &complete, 300),
    ]);
    well(&view);
    view.jobs = all(vec![job("report-1", &complete, 900)]);
    well(&view);
    view.jobs = all(vec![job("report-1", &job_failed(), 900)]);
    only(&view, &[Condition::ContainerExited, Condition::JobFailed]);
    assert_eq!(
        the(Condition::JobFailed, &view).cause.unwrap().condition,
        Condition::ContainerExited
    );
}

#[test]
fn a_pod_that_failed_once_and_whose_job_runs_again_is_well() {
    let pod = json!({
        "metadata": {"namespace": "shop", "name": "import-x", "ownerReferences": [{"apiVersion": "batch/v1", "kind": "Job", "name": "import", "uid": "j", "controller": true}]},
        "spec": {"nodeName": "n1", "restartPolicy": "Never", "containers": [{"name": "app"}]},
        "status": {"phase": "Failed", "containerStatuses": [{"name": "app", "ready": false, "restartCount": 0, "image": "", "imageID": "",
            "state": {"terminated": {"exitCode": 1, "reason": "Error"}}}]}
    });
    let mut view = pods(vec![pod], vec![]);
    let mut with_status = |status: &Value| {
        view.jobs = all(vec![json!({
            "metadata": {"namespace": "shop", "name": "import"}, "spec": {"backoffLimit": 6, "template": {}}, "status": status
        })]);
        view.clone()
    };
    well(&with_status(&json!({"failed": 1, "active": 1, "ready": 1})));
    for status in [
        json!({"failed": 3, "active": 1, "ready": 1}),
        json!({"failed": 1, "active": 1, "ready": 0}),
        json!({"failed": 1}),
    ] {
        only(&with_status(&status), &[Condition::ContainerExited]);
    }
}

fn cron_job(spec: &Value, status: &Value) -> Value {
    let mut it = json!({
        "metadata": {"namespace": "shop", "name": "report", "creationTimestamp": ago(90_000)},
        "spec": {"schedule": "*/10 * * * *", "jobTemplate": {}}, "status": {"lastScheduleTime": ago(600)}
    });
    merge(&mut it["spec"], spec);
    merge(&mut it["status"], status);
    it
}

fn with_cron_job(spec: &Value, status: &Value) -> View {
    View {
        cron_jobs: all(vec![cron_job(spec, status)]),
        ..View::default()
    }
}

#[test]
fn a_suspended_cron_job_is_for_information_and_misses_nothing() {
    let view = with_cron_job(
        &json!({"suspend": true}),
        &json!({"lastScheduleTime": ago(80_000)}),
    );
    only(&view, &[Condition::CronJobSuspended]);
    assert_eq!(
        the(Condition::CronJobSuspended, &view).severity,
        Severity::Info
    );
}

#[test]
fn a_cron_job_that_is_late_is_found_and_the_running_job_is_named() {
    let view = with_cron_job(
        &json!({"concurrencyPolicy": "Forbid"}),
        &json!({"lastScheduleTime": ago(3600), "active": [{"kind": "Job", "name": "report-1"}]}),
    );
    only(&view, &[Condition::CronJobMissed]);
    assert!(
        the(Condition::CronJobMissed, &view)
            .summary
            .starts_with("Its earlier Job report-1 still runs")
    );
}

#[test]
fn a_cron_job_on_time_and_one_whose_zone_decides_are_well() {
    well(&with_cron_job(&json!({}), &json!({})));
    well(&with_cron_job(
        &json!({"schedule": "0 2 * * *", "timeZone": "Asia/Tokyo"}),
        &json!({"lastScheduleTime": ago(90_000)}),
    ));
    let mut recovered = with_cron_job(&json!({}), &json!({}));
    recovered.events = vec![object(event(
        "CronJob",
        "report",
        "MissSchedule",
        "Missed scheduled time to start a job",
        1,
        1200,
    ))];
    well(&recovered);
}

#[test]
fn a_missed_start_is_read_from_the_event() {
    let mut view = with_cron_job(
        &json!({"startingDeadlineSeconds": 5}),
        &json!({"lastScheduleTime": ago(3600)}),
    );
    well(&view);
    view.events = vec![object(event(
        "CronJob",
        "report",
        "MissSchedule",
        "Missed scheduled time to start a job: 2026-11-25",
        1,
        300,
    ))];
    only(&view, &[Condition::CronJobMissed]);
}

fn autoscaler(conditions: &Value) -> View {
    View {
        autoscalers: all(vec![json!({
            "metadata": {"namespace": "shop", "name": "web"},
            "spec": {"maxReplicas": 5, "scaleTargetRef": {"kind": "Deployment", "name": "web"}},
            "status": {"currentReplicas": 5, "desiredReplicas": 5, "conditions": conditions}
        })]),
        ..View::default()
    }
}

fn condition(type_: &str, status: &str, reason: &str, message: &str) -> Value {
    json!({"type": type_, "status": status, "reason": reason, "message": message, "lastTransitionTime": ago(600)})
}

#[test]
fn an_autoscaler_without_metrics_is_unable() {
    let said = "the HPA was unable to compute the replica count: failed to get cpu utilization: unable to get metrics for resource cpu: no metrics returned from resource metrics API";
    let view = autoscaler(&json!([condition(
        "ScalingActive",
        "False",
        "FailedGetResourceMetric",
        said
    )]));
    only(&view, &[Condition::HpaUnable]);
    let lost = autoscaler(&json!([condition(
        "AbleToScale",
        "False",
        "FailedGetScale",
        "deployments.apps \"web\" not found"
    )]));
    assert!(
        the(Condition::HpaUnable, &lost)
            .summary
            .starts_with("Its target Deployment web cannot be read")
    );
}

#[test]
fn an_autoscaler_whose_target_is_at_zero_is_well() {
    well(&autoscaler(&json!([condition(
        "ScalingActive",
        "False",
        "ScalingDisabled",
        "scaling is disabled since the replica count of the target is zero"
    )])));
}

#[test]
fn an_autoscaler_that_wants_more_is_at_its_maximum_and_one_that_is_there_is_well() {
    only(
        &autoscaler(&json!([condition(
            "ScalingLimited",
            "True",
            "TooManyReplicas",
            "more than maximum"
        )])),
        &[Condition::HpaAtMaximum],
    );
    well(&autoscaler(&json!([condition(
        "ScalingLimited",
        "True",
        "TooFewReplicas",
        "less than minimum"
    )])));
    well(&autoscaler(&json!([condition(
        "ScalingLimited",
        "False",
        "DesiredWithinRange",
        ""
    )])));
}

fn budget(status: &Value) -> View {
    View {
        disruption_budgets: all(vec![json!({
            "metadata": {"namespace": "shop", "name": "web", "generation": 1, "creationTimestamp": ago(900)},
            "spec": {"minAvailable": 3, "selector": {"matchLabels": {"app": "web"}}},
            "status": status
        })]),
        ..View::default()
    }
}

#[test]
fn a_budget_without_room_says_whether_its_pods_are_healthy() {
    let healthy = budget(
        &json!({"observedGeneration": 1, "disruptionsAllowed": 0, "currentHealthy": 3, "desiredHealthy": 3, "expectedPods": 3}),
    );
    assert!(
        the(Condition::PdbBlocksDisruption, &healthy)
            .summary
            .starts_with("All 3 pods are healthy, and minAvailable 3")
    );
    let unhealthy = budget(
        &json!({"observedGeneration": 1, "disruptionsAllowed": 0, "currentHealthy": 1, "desiredHealthy": 3, "expectedPods": 3}),
    );
    assert!(
        the(Condition::PdbBlocksDisruption, &unhealthy)
            .summary
            .starts_with("1 of 3 pods healthy and 3 needed")
    );
}

#[test]
fn a_budget_with_room_or_without_pods_is_well() {
    well(&budget(
        &json!({"observedGeneration": 1, "disruptionsAllowed": 1, "currentHealthy": 4, "desiredHealthy": 3, "expectedPods": 4}),
    ));
    well(&budget(
        &json!({"observedGeneration": 1, "disruptionsAllowed": 0, "currentHealthy": 0, "desiredHealthy": 0, "expectedPods": 0}),
    ));
}

#[test]
fn a_budget_that_cannot_be_computed_blocks_too() {
    let view = budget(
        &json!({"observedGeneration": 1, "disruptionsAllowed": 0, "currentHealthy": 0, "desiredHealthy": 0, "expectedPods": 0, "conditions": [
            {"type": "DisruptionAllowed", "status": "False", "reason": "SyncFailed", "message": "found no controllers for pod web", "lastTransitionTime": ago(300)}
        ]}),
    );
    only(&view, &[Condition::PdbBlocksDisruption]);
}
