//! Services that nobody serves, or that point at a port that is not there.

use super::scene::Scene;
use super::written::{
    APP, backs_off, container, deployment, ended, pod_with, ready, replica, running, unready,
};

const WITH_PORT: &str = "containers: [{ name: app, image: 'registry.example/app:1', ports: [{ name: http, containerPort: 8080 }] }]";

fn service(name: &str, spec: &str) -> String {
    format!(
        "---\napiVersion: v1\nkind: Service\nmetadata: {{ name: {name} }}\nspec: {{ {spec} }}\n"
    )
}

fn crashing() -> String {
    unready(
        "Running",
        &format!(
            "containerStatuses: [{}]",
            container("app", 12, &backs_off("app"), &ended("2m", "Error", 1))
        ),
    )
}

fn serving() -> String {
    ready(&container("app", 0, &running("29m"), ""))
}

#[tokio::test]
async fn a_service_that_nobody_serves_says_whether_the_selector_or_the_pods_are_the_reason() {
    let mut scene = Scene::new("services").await;
    scene.write(&deployment("web", 2, 2, WITH_PORT, "")).await;
    scene
        .write(&replica("web", "aaaaa", WITH_PORT, &serving()))
        .await;
    scene.write(&deployment("down", 1, 0, WITH_PORT, "")).await;
    scene
        .write(&replica("down", "aaaaa", WITH_PORT, &crashing()))
        .await;
    scene
        .write(&deployment("at-zero", 0, 0, WITH_PORT, ""))
        .await;
    scene
        .write(&service(
            "typing-error",
            "selector: { app: wbe }, ports: [{ port: 80, targetPort: http }]",
        ))
        .await;
    scene
        .write(&service(
            "down",
            "selector: { app: down }, ports: [{ port: 80, targetPort: http }]",
        ))
        .await;
    scene
        .write(&service(
            "at-zero",
            "selector: { app: at-zero }, ports: [{ port: 80, targetPort: http }]",
        ))
        .await;
    // Well: served; headless and empty; filled by somebody else; an external name; unready pods that are published all the same.
    scene
        .write(&service(
            "web",
            "selector: { app: web }, ports: [{ port: 80, targetPort: http }]",
        ))
        .await;
    scene
        .write(&service(
            "headless",
            "clusterIP: None, selector: { app: nobody }",
        ))
        .await;
    scene
        .write(&service("by-hand", "ports: [{ port: 80 }]"))
        .await;
    scene
        .write(&service(
            "outside",
            "type: ExternalName, externalName: db.example.com",
        ))
        .await;
    scene.write(&service("published", "publishNotReadyAddresses: true, selector: { app: down }, ports: [{ port: 80, targetPort: http }]")).await;
    insta::assert_snapshot!(scene.report().await, @r"
    critical CrashLoopBackOff of Deployment/down 1/1 [app]: Exit code 1, the application's own error: container app of down-7c9d8f6b5-aaaaa is in back-off after 12 restarts
    critical ServiceWithoutEndpoints of Service/typing-error 1/?: The selector app=wbe matches no pod: Service typing-error has no endpoints
    critical ServicePodsNotReady of Service/down 1/1: No pod is ready of the 1 that its selector matches: Service down has nobody to send traffic to <- CrashLoopBackOff of Deployment/down
    info ServiceWithoutEndpoints of Service/at-zero 1/?: Scaled to zero is Deployment at-zero: Service at-zero has no endpoints
    ");
}

#[tokio::test]
async fn pods_that_only_start_or_only_end_are_no_trouble_of_their_service() {
    let mut scene = Scene::new("services-moving").await;
    scene
        .write(&deployment("starts", 1, 0, WITH_PORT, ""))
        .await;
    scene
        .write(&replica(
            "starts",
            "aaaaa",
            WITH_PORT,
            &unready(
                "Pending",
                &format!(
                    "containerStatuses: [{}]",
                    container("app", 0, "waiting: { reason: ContainerCreating }", "")
                ),
            )
            .replace("@-30m", "@-10s")
            .replace("@-20m", "@-10s"),
        ))
        .await;
    scene
        .write(&service(
            "starts",
            "selector: { app: starts }, ports: [{ port: 80, targetPort: http }]",
        ))
        .await;
    // Scaled to zero a moment ago: the pods are ready still, and no longer get traffic.
    scene.write(&deployment("ends", 0, 0, WITH_PORT, "")).await;
    scene
        .write(&replica("ends", "aaaaa", WITH_PORT, &serving()))
        .await;
    scene
        .write(&service(
            "ends",
            "selector: { app: ends }, ports: [{ port: 80, targetPort: http }]",
        ))
        .await;
    scene.delete("Pod/ends-7c9d8f6b5-aaaaa").await;
    // Replaced one after the other by `strategy: Recreate`.
    scene
        .write(&deployment("replaced", 1, 0, WITH_PORT, ""))
        .await;
    scene
        .write(&replica("replaced", "aaaaa", WITH_PORT, &serving()))
        .await;
    scene
        .write(&service(
            "replaced",
            "selector: { app: replaced }, ports: [{ port: 80, targetPort: http }]",
        ))
        .await;
    scene.delete("Pod/replaced-7c9d8f6b5-aaaaa").await;
    insta::assert_snapshot!(scene.report().await, @"");
}

#[tokio::test]
async fn a_target_port_that_no_container_has_is_found_by_name_and_by_number() {
    let mut scene = Scene::new("ports").await;
    scene.write(&deployment("web", 1, 1, WITH_PORT, "")).await;
    scene
        .write(&replica("web", "aaaaa", WITH_PORT, &serving()))
        .await;
    scene
        .write(&pod_with(
            "name: undeclared, labels: { app: undeclared }",
            APP,
            &serving(),
        ))
        .await;
    scene
        .write(&service(
            "wrong-name",
            "selector: { app: web }, ports: [{ port: 80, targetPort: web }]",
        ))
        .await;
    scene
        .write(&service(
            "wrong-number",
            "selector: { app: web }, ports: [{ port: 80, targetPort: 9090 }]",
        ))
        .await;
    scene
        .write(&service(
            "no-target",
            "selector: { app: web }, ports: [{ port: 80 }]",
        ))
        .await;
    scene.write(&service("one-of-two", "selector: { app: web }, ports: [{ name: a, port: 80, targetPort: http }, { name: b, port: 81, targetPort: metrics }]")).await;
    // Well: by name, by number, and a number that pods without declared ports may well listen on.
    scene
        .write(&service(
            "by-name",
            "selector: { app: web }, ports: [{ port: 80, targetPort: http }]",
        ))
        .await;
    scene
        .write(&service(
            "by-number",
            "selector: { app: web }, ports: [{ port: 80, targetPort: 8080 }]",
        ))
        .await;
    scene
        .write(&service(
            "undeclared",
            "selector: { app: undeclared }, ports: [{ port: 80, targetPort: 9090 }]",
        ))
        .await;
    insta::assert_snapshot!(scene.report().await, @r"
    critical ServicePortMismatch of Service/no-target 1/?: Target port 80 is on no container of its pods (they have 8080 (http)): Service no-target port 80 reaches nobody
    critical ServicePortMismatch of Service/wrong-name 1/?: Target port web is on no container of its pods (they have 8080 (http)): Service wrong-name port 80 reaches nobody
    critical ServicePortMismatch of Service/wrong-number 1/?: Target port 9090 is on no container of its pods (they have 8080 (http)): Service wrong-number port 80 reaches nobody
    warning ServicePortMismatch of Service/one-of-two 1/?: Target port metrics is on no container of its pods (they have 8080 (http)): Service one-of-two port 81 reaches nobody
    ");
}

#[tokio::test]
async fn a_load_balancer_that_cannot_be_made_says_why() {
    let mut scene = Scene::new("balancer").await;
    scene.write(&deployment("web", 1, 1, WITH_PORT, "")).await;
    scene
        .write(&replica("web", "aaaaa", WITH_PORT, &serving()))
        .await;
    let balanced =
        "type: LoadBalancer, selector: { app: web }, ports: [{ port: 80, targetPort: http }]";
    scene.write(&service("refused", balanced)).await;
    // Well: it has its address; it has only just been asked for.
    scene
        .write(
            &(service("there", balanced)
                + "status: { loadBalancer: { ingress: [{ ip: 192.0.2.7 }] } }\n"),
        )
        .await;
    scene.write(&service("asked-for", balanced)).await;
    scene.tell("
        service-controller Service/refused SyncLoadBalancerFailed x6 30s Error syncing load balancer: failed to ensure load balancer: could not find any suitable subnets for creating the ELB
        service-controller Service/asked-for EnsuringLoadBalancer x1 5s Ensuring load balancer
    ").await;
    insta::assert_snapshot!(scene.report().await, @"critical LoadBalancerPending of Service/refused 1/?: The load balancer cannot be made (Error syncing load balancer: failed to ensure load balancer: could not find any suitable subnets for creating the ELB): Service refused has been waiting for its external address for …");
}
