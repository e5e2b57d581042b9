//! Probes that fail, and probes that are only just starting.

use serde_json::{Value, json};

use super::{only, the, well};
use crate::cluster::detect::fixtures::{ago, event, merge, pod, pod_with, pods};
use crate::faq::condition::Condition;

fn with_probe(kind: &str, probe: &Value, status: &Value) -> Value {
    let mut it = pod_with(status);
    it["spec"]["containers"][0][kind] = probe.clone();
    it
}

fn killed_once(code: i32) -> Value {
    json!({"restartCount": 3, "state": {"waiting": {"reason": "CrashLoopBackOff"}},
        "lastState": {"terminated": {"reason": "Error", "exitCode": code, "finishedAt": ago(20)}}})
}

#[test]
fn a_kill_after_a_failed_liveness_probe_is_the_probes_and_not_memorys() {
    let it = with_probe(
        "livenessProbe",
        &json!({"httpGet": {"path": "/healthz", "port": 8080}}),
        &killed_once(137),
    );
    let events = vec![
        event(
            "Pod",
            "web",
            "Unhealthy",
            "Liveness probe failed: HTTP probe failed with statuscode: 500",
            9,
            25,
        ),
        event(
            "Pod",
            "web",
            "Killing",
            "Container app failed liveness probe, will be restarted",
            3,
            24,
        ),
    ];
    let view = pods(vec![it], events);
    only(
        &view,
        &[Condition::LivenessProbeFailing, Condition::CrashLoopBackOff],
    );
    let finding = the(Condition::LivenessProbeFailing, &view);
    assert_eq!(
        finding.summary,
        "Liveness probe fails (HTTP probe failed with statuscode: 500), so the kubelet keeps restarting container app of web"
    );
    assert_eq!(
        the(Condition::CrashLoopBackOff, &view)
            .cause
            .unwrap()
            .condition,
        Condition::LivenessProbeFailing
    );
}

#[test]
fn one_failed_liveness_probe_is_well() {
    let status =
        json!({"ready": true, "started": true, "state": {"running": {"startedAt": ago(3600)}}});
    let it = with_probe(
        "livenessProbe",
        &json!({"httpGet": {"port": 8080}}),
        &status,
    );
    let events = vec![event(
        "Pod",
        "web",
        "Unhealthy",
        "Liveness probe failed: context deadline exceeded",
        1,
        25,
    )];
    well(&pods(vec![it], events));
}

#[test]
fn an_out_of_memory_kill_is_not_the_liveness_probes() {
    let mut status = killed_once(137);
    status["lastState"]["terminated"]["reason"] = json!("OOMKilled");
    let it = with_probe(
        "livenessProbe",
        &json!({"httpGet": {"port": 8080}}),
        &status,
    );
    let events = vec![event(
        "Pod",
        "web",
        "Unhealthy",
        "Liveness probe failed: connection refused",
        2,
        25,
    )];
    only(
        &pods(vec![it], events),
        &[Condition::OomKilled, Condition::CrashLoopBackOff],
    );
}

#[test]
fn a_crash_of_its_own_is_not_blamed_on_a_liveness_probe_that_failed_beside_it() {
    let it = with_probe(
        "livenessProbe",
        &json!({"httpGet": {"port": 8080}}),
        &killed_once(1),
    );
    let events = vec![event(
        "Pod",
        "web",
        "Unhealthy",
        "Liveness probe failed: connection refused",
        1,
        25,
    )];
    only(&pods(vec![it], events), &[Condition::CrashLoopBackOff]);
}

fn unready(seconds: i64) -> Value {
    json!({"ready": false, "started": true, "state": {"running": {"startedAt": ago(seconds)}}})
}

#[test]
fn a_readiness_probe_that_fails_says_what_it_was_answered() {
    let it = with_probe(
        "readinessProbe",
        &json!({"httpGet": {"path": "/ready", "port": 8080}}),
        &unready(900),
    );
    let events = vec![event(
        "Pod",
        "web",
        "Unhealthy",
        "Readiness probe failed: Get \"http://10.0.0.7:8080/ready\": dial tcp 10.0.0.7:8080: connect: connection refused",
        80,
        5,
    )];
    let view = pods(vec![it], events);
    only(&view, &[Condition::ReadinessProbeFailing]);
    assert!(
        the(Condition::ReadinessProbeFailing, &view)
            .summary
            .contains("connection refused")
    );
}

#[test]
fn a_readiness_probe_within_its_initial_delay_is_well() {
    let it = with_probe(
        "readinessProbe",
        &json!({"httpGet": {"port": 8080}, "initialDelaySeconds": 120}),
        &unready(60),
    );
    well(&pods(vec![it], vec![]));
}

#[test]
fn a_readiness_probe_that_fails_for_the_first_moments_is_well() {
    let it = with_probe(
        "readinessProbe",
        &json!({"httpGet": {"port": 8080}}),
        &unready(15),
    );
    let events = vec![event(
        "Pod",
        "web",
        "Unhealthy",
        "Readiness probe failed: connection refused",
        1,
        5,
    )];
    well(&pods(vec![it], events));
}

#[test]
fn pods_of_a_lost_node_are_not_blamed_on_their_readiness_probe() {
    let mut it = with_probe(
        "readinessProbe",
        &json!({"httpGet": {"port": 8080}}),
        &unready(900),
    );
    it["status"]["conditions"] = json!([{"type": "Ready", "status": "False", "reason": "NodeNotReady", "lastTransitionTime": ago(100)}]);
    well(&pods(vec![it], vec![]));
}

#[test]
fn a_startup_probe_past_its_threshold_is_failing_and_before_it_is_well() {
    let probe = json!({"httpGet": {"port": 8080}, "periodSeconds": 10, "failureThreshold": 30});
    let failed = || {
        vec![event(
            "Pod",
            "web",
            "Unhealthy",
            "Startup probe failed: connection refused",
            12,
            5,
        )]
    };
    let running = |seconds| json!({"ready": false, "started": false, "state": {"running": {"startedAt": ago(seconds)}}});
    only(
        &pods(
            vec![with_probe("startupProbe", &probe, &running(400))],
            failed(),
        ),
        &[Condition::StartupProbeFailing],
    );
    well(&pods(
        vec![with_probe("startupProbe", &probe, &running(120))],
        failed(),
    ));
}

#[test]
fn a_restart_by_the_startup_probe_is_the_startup_probes() {
    let mut status = killed_once(137);
    merge(&mut status, &json!({"started": false}));
    let it = with_probe("startupProbe", &json!({"httpGet": {"port": 8080}}), &status);
    let events = vec![
        event(
            "Pod",
            "web",
            "Unhealthy",
            "Startup probe failed: connection refused",
            9,
            25,
        ),
        event(
            "Pod",
            "web",
            "Killing",
            "Container app failed startup probe, will be restarted",
            3,
            24,
        ),
    ];
    only(
        &pods(vec![it], events),
        &[Condition::StartupProbeFailing, Condition::CrashLoopBackOff],
    );
}

fn gated(gate: &Value, ready_since: i64) -> Value {
    let mut status = json!({"conditions": [
        {"type": "Ready", "status": "False", "reason": "ReadinessGatesNotReady", "message": "corresponding condition of pod readiness gate \"example.com/target\" does not exist.", "lastTransitionTime": ago(ready_since)},
        {"type": "ContainersReady", "status": "True", "lastTransitionTime": ago(ready_since)},
    ], "containerStatuses": [{"name": "app", "ready": true, "started": true, "restartCount": 0, "image": "i", "imageID": "", "state": {"running": {"startedAt": ago(ready_since)}}}]});
    if gate.is_object() {
        status["conditions"]
            .as_array_mut()
            .unwrap()
            .push(gate.clone());
    }
    pod(
        &json!({"readinessGates": [{"conditionType": "example.com/target"}]}),
        &status,
    )
}

#[test]
fn a_readiness_gate_that_nobody_sets_is_told_from_a_failing_probe() {
    let view = pods(vec![gated(&Value::Null, 600)], vec![]);
    only(&view, &[Condition::ReadinessGateUnmet]);
    let summary = the(Condition::ReadinessGateUnmet, &view).summary;
    assert!(
        summary.starts_with("Readiness gate example.com/target is not met (nobody has set it)"),
        "{summary}"
    );
    let refused = json!({"type": "example.com/target", "status": "False", "reason": "Unhealthy", "message": "404"});
    let view = pods(vec![gated(&refused, 600)], vec![]);
    assert!(
        the(Condition::ReadinessGateUnmet, &view)
            .summary
            .contains("(False Unhealthy 404)")
    );
}

#[test]
fn a_readiness_gate_that_is_set_or_still_young_is_well() {
    well(&pods(vec![gated(&Value::Null, 30)], vec![]));
    let set = json!({"type": "example.com/target", "status": "True"});
    well(&pods(vec![gated(&set, 600)], vec![]));
}
