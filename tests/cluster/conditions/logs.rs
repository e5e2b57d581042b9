//! The last words of a crashed container, where reading logs is switched on.

use k8sfaq::cluster::finding::Source;

use super::scene::Scene;
use super::written::{APP, backs_off, container, ended, pod, unready};
use crate::kubelet::Kubelet;

const LOG: &str = "line one, long before the end
connecting to postgres://shop:s3cr3t-Passw0rd@db.shop:5432/shop
1
2
3
4
5
panic: dial tcp 10.0.0.5:5432: connect: connection refused
@everyone <!channel> `exit status 2`
";

/// A node whose kubelet listens on this port, with a pod that crashes there.
async fn crash(scene: &mut Scene, port: u16) {
    scene
        .write(&format!(
            "apiVersion: v1\nkind: Node\nmetadata: {{ name: NS-node }}\nstatus: {{ addresses: [{{ type: InternalIP, address: 127.0.0.1 }}], daemonEndpoints: {{ kubeletEndpoint: {{ Port: {port} }} }}, conditions: [{{ type: Ready, status: 'True' }}] }}"
        ))
        .await;
    let crashed = container("app", 12, &backs_off("app"), &ended("2m", "Error", 2));
    let status = unready("Running", &format!("containerStatuses: [{crashed}]"));
    scene
        .write(&pod("web", APP, &status).replace("worker-1", "NS-node"))
        .await;
}

async fn log_lines(scene: &Scene) -> String {
    let findings = scene.findings().await;
    let lines: Vec<&str> = findings[0]
        .evidence
        .iter()
        .filter(|line| line.source == Source::Log)
        .map(|line| line.text.as_str())
        .collect();
    lines.join("\n")
}

#[tokio::test]
async fn the_last_lines_of_the_run_that_ended_are_evidence_without_their_secrets() {
    let kubelet = Kubelet::start("app", LOG);
    let mut scene = Scene::new("logs").await.with_logs();
    crash(&mut scene, kubelet.port).await;
    insta::assert_snapshot!(log_lines(&scene).await, @r"
    connecting to postgres://[redacted]@db.shop:5432/shop
    1
    2
    3
    4
    5
    panic: dial tcp 10.0.0.5:5432: connect: connection refused
    @everyone <!channel> `exit status 2`
    ");
}

#[tokio::test]
async fn no_log_is_read_where_that_is_not_switched_on() {
    let kubelet = Kubelet::start("app", LOG);
    let mut scene = Scene::new("no-logs").await;
    crash(&mut scene, kubelet.port).await;
    assert_eq!(log_lines(&scene).await, "");
    assert_eq!(kubelet.asked(), 0);
}

#[tokio::test]
async fn a_log_that_cannot_be_read_takes_nothing_from_the_finding() {
    let kubelet = Kubelet::start("another", LOG);
    let mut scene = Scene::new("lost-logs").await.with_logs();
    crash(&mut scene, kubelet.port).await;
    assert_eq!(log_lines(&scene).await, "");
    assert!(kubelet.asked() > 0);
    insta::assert_snapshot!(scene.report().await, @"critical CrashLoopBackOff of Pod/web 1/1 [app]: Exit code 2, the application's own error, often wrong usage of a command or shell: container app of web is in back-off after 12 restarts");
}
