//! Probes that fail: which one, and what it was answered.

use super::scene::Scene;
use super::written::{
    APP, backs_off, container, deployment, ended, pod, ready, replica, running, unready,
};

fn probed(kind: &str, rest: &str) -> String {
    format!(
        "containers: [{{ name: app, image: 'registry.example/app:1', {kind}: {{ httpGet: {{ path: /healthz, port: 8080 }}{rest} }} }}]"
    )
}

/// A container that runs and gets no traffic.
fn running_unready(started: bool, age: &str) -> String {
    format!(
        "containerStatuses: [{{ name: app, image: 'registry.example/app:1', imageID: '', ready: false, started: {started}, restartCount: 0, state: {{ {} }} }}]",
        running(age)
    )
}

#[tokio::test]
async fn a_liveness_probe_that_kills_is_named_and_memory_is_not() {
    let mut scene = Scene::new("liveness").await;
    let spec = probed("livenessProbe", "");
    scene.write(&deployment("api", 1, 0, &spec, "")).await;
    scene
        .write(&replica(
            "api",
            "aaaaa",
            &spec,
            &unready(
                "Running",
                &format!(
                    "containerStatuses: [{}]",
                    container("app", 8, &backs_off("app"), &ended("2m", "Error", 137))
                ),
            ),
        ))
        .await;
    scene
        .write(&pod(
            "runs-again",
            &spec,
            &ready(&container(
                "app",
                4,
                &running("40s"),
                &ended("45s", "Completed", 0),
            )),
        ))
        .await;
    // Well: one failed probe, and a few that failed one by one over an hour and never in a row.
    scene
        .write(&pod(
            "one-failure",
            &spec,
            &ready(&container("app", 0, &running("29m"), "")),
        ))
        .await;
    scene
        .write(&pod(
            "now-and-then",
            &spec,
            &ready(&container("app", 0, &running("29m"), "")),
        ))
        .await;
    scene.tell("
        kubelet Pod/api-7c9d8f6b5-aaaaa{app} Unhealthy x24 150s Liveness probe failed: HTTP probe failed with statuscode: 503
        kubelet Pod/api-7c9d8f6b5-aaaaa{app} Killing x8 150s Container app failed liveness probe, will be restarted
        kubelet Pod/api-7c9d8f6b5-aaaaa{app} BackOff x12 30s Back-off restarting failed container app in pod api-7c9d8f6b5-aaaaa_NS(8a5c)
        kubelet Pod/runs-again{app} Unhealthy x12 50s Liveness probe failed: Get \"http://10.0.0.7:8080/healthz\": context deadline exceeded (Client.Timeout exceeded while awaiting headers)
        kubelet Pod/runs-again{app} Killing x4 50s Container app failed liveness probe, will be restarted
        kubelet Pod/one-failure{app} Unhealthy x1 30s Liveness probe failed: HTTP probe failed with statuscode: 500
    ").await;
    scene.tell_spread("kubelet Pod/now-and-then{app} Unhealthy x4 30s Liveness probe failed: HTTP probe failed with statuscode: 500", "25m").await;
    insta::assert_snapshot!(scene.report().await, @r#"
    critical LivenessProbeFailing of Deployment/api 1/1 [app]: Liveness probe fails (HTTP probe failed with statuscode: 503), so the kubelet keeps restarting container app of api-7c9d8f6b5-aaaaa
    critical CrashLoopBackOff of Deployment/api 1/1 [app]: The liveness probe fails and the kubelet ends the container (exit code 137): container app of api-7c9d8f6b5-aaaaa is in back-off after 8 restarts <- LivenessProbeFailing of Deployment/api
    warning LivenessProbeFailing of Pod/runs-again 1/1 [app]: Liveness probe fails (Get "http://10.0.0.7:8080/healthz": context deadline exceeded (Client.Timeout exceeded while awaiting headers)), so the kubelet keeps restarting container app of runs-again
    "#);
}

#[tokio::test]
async fn a_readiness_probe_that_fails_says_what_it_was_answered() {
    let mut scene = Scene::new("readiness").await;
    let spec = probed("readinessProbe", "");
    let slow = probed("readinessProbe", ", initialDelaySeconds: 600");
    scene.write(&deployment("web", 2, 1, &spec, "")).await;
    scene
        .write(&replica(
            "web",
            "aaaaa",
            &spec,
            &unready("Running", &running_unready(true, "20m")),
        ))
        .await;
    scene
        .write(&replica(
            "web",
            "bbbbb",
            &spec,
            &ready(&container("app", 0, &running("29m"), "")),
        ))
        .await;
    // Well: it has been running for ten seconds; its probe has not begun; it failed once and is ready.
    scene
        .write(&pod(
            "just-begun",
            &spec,
            &unready("Running", &running_unready(true, "10s")),
        ))
        .await;
    scene
        .write(&pod(
            "slow",
            &slow,
            &unready("Running", &running_unready(true, "5m")),
        ))
        .await;
    scene
        .write(&pod(
            "failed-once",
            &spec,
            &ready(&container("app", 0, &running("29m"), "")),
        ))
        .await;
    scene.tell("
        kubelet Pod/web-7c9d8f6b5-aaaaa{app} Unhealthy x110 5s Readiness probe failed: Get \"http://10.0.0.9:8080/healthz\": dial tcp 10.0.0.9:8080: connect: connection refused
        kubelet Pod/just-begun{app} Unhealthy x1 5s Readiness probe failed: HTTP probe failed with statuscode: 503
        kubelet Pod/failed-once{app} Unhealthy x2 5m Readiness probe failed: HTTP probe failed with statuscode: 503
    ").await;
    insta::assert_snapshot!(scene.report().await, @r#"warning ReadinessProbeFailing of Deployment/web 1/2 [app]: Readiness probe fails (Get "http://10.0.0.9:8080/healthz": dial tcp 10.0.0.9:8080: connect: connection refused), so web-7c9d8f6b5-aaaaa gets no traffic: container app has been running for … and is not ready"#);
}

#[tokio::test]
async fn a_startup_probe_past_its_threshold_is_told_from_one_that_may_still_pass() {
    let mut scene = Scene::new("startup").await;
    let spec = probed("startupProbe", ", periodSeconds: 5, failureThreshold: 6");
    let patient = probed("startupProbe", ", periodSeconds: 10, failureThreshold: 60");
    scene.write(&pod("restarted", &spec, &unready("Running", &format!("containerStatuses: [{{ name: app, image: 'registry.example/app:1', imageID: '', ready: false, started: false, restartCount: 5, state: {{ {} }}, lastState: {{ {} }} }}]", running("10s"), ended("12s", "Error", 137))))).await;
    // Well: ten minutes are allowed, five are over.
    scene
        .write(&pod(
            "still-starting",
            &patient,
            &unready("Running", &running_unready(false, "5m")),
        ))
        .await;
    // Well: an app without probes that ended by SIGTERM when it was told to, and runs.
    scene
        .write(&pod(
            "no-probe",
            APP,
            &ready(&container(
                "app",
                1,
                &running("20m"),
                &ended("20m", "Error", 143),
            )),
        ))
        .await;
    scene.tell("
        kubelet Pod/restarted{app} Unhealthy x30 12s Startup probe failed: dial tcp 10.0.0.8:8080: connect: connection refused
        kubelet Pod/restarted{app} Killing x5 12s Container app failed startup probe, will be restarted
        kubelet Pod/still-starting{app} Unhealthy x28 5s Startup probe failed: dial tcp 10.0.0.8:8080: connect: connection refused
    ").await;
    insta::assert_snapshot!(scene.report().await, @"critical StartupProbeFailing of Pod/restarted 1/1 [app]: Startup probe fails (dial tcp 10.0.0.8:8080: connect: connection refused), so container app of restarted is restarted before it is up");
}

#[tokio::test]
async fn a_readiness_gate_that_nobody_sets_is_told_from_a_failing_probe() {
    let mut scene = Scene::new("gate").await;
    let spec = format!("readinessGates: [{{ conditionType: example.com/target }}], {APP}");
    let gated = |age: &str, gate: &str| {
        ready(&container("app", 0, &running("29m"), "")).replace(
            "{ type: Ready, status: 'True', lastTransitionTime: '@-30m' }",
            &format!("{{ type: Ready, status: 'False', reason: ReadinessGatesNotReady, message: 'corresponding condition of pod readiness gate \"example.com/target\" does not exist.', lastTransitionTime: '@-{age}' }}{gate}"),
        ).replace("{ type: ContainersReady, status: 'True', lastTransitionTime: '@-30m' }", &format!("{{ type: ContainersReady, status: 'True', lastTransitionTime: '@-{age}' }}"))
    };
    scene.write(&deployment("web", 2, 1, &spec, "")).await;
    scene
        .write(&replica("web", "aaaaa", &spec, &gated("20m", "")))
        .await;
    // Well: the gate is set; the pod has only just become ready otherwise.
    let set = ready(&container("app", 0, &running("29m"), "")).replace(
        "conditions: [",
        "conditions: [{ type: example.com/target, status: 'True' }, ",
    );
    scene.write(&replica("web", "bbbbb", &spec, &set)).await;
    scene.write(&pod("young", &spec, &gated("20s", ""))).await;
    insta::assert_snapshot!(scene.report().await, @"warning ReadinessGateUnmet of Deployment/web 1/2: Readiness gate example.com/target is not met (nobody has set it), so web-7c9d8f6b5-aaaaa gets no traffic although its containers are ready");
}
