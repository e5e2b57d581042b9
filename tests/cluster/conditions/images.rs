//! Images that cannot be pulled, by what the registry answers.

use super::scene::Scene;
use super::written::{APP, container, deployment, pod, ready, replica, running, unready, waits};

/// A pod whose image is not there, as the kubelet writes it between two tries.
fn waiting(reason: &str, message: &str) -> String {
    unready(
        "Pending",
        &format!(
            "containerStatuses: [{}]",
            container("app", 0, &waits(reason, message), "")
        ),
    )
}

#[tokio::test]
async fn each_answer_of_a_registry_is_a_condition_of_its_own() {
    let mut scene = Scene::new("images").await;
    let pulls = "failed to pull and unpack image \"registry.example/app:1\": failed to resolve reference \"registry.example/app:1\"";
    scene.write(&deployment("no-such-tag", 2, 1, APP, "")).await;
    scene
        .write(&replica(
            "no-such-tag",
            "aaaaa",
            APP,
            &waiting(
                "ErrImagePull",
                &format!(
                    "rpc error: code = NotFound desc = {pulls}: registry.example/app:1: not found"
                ),
            ),
        ))
        .await;
    scene
        .write(&replica(
            "no-such-tag",
            "bbbbb",
            APP,
            &ready(&container("app", 0, &running("29m"), "")),
        ))
        .await;
    for (name, reason, message) in [
        ("no-credentials", "ErrImagePull", format!("{pulls}: pull access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed")),
        ("too-many", "ErrImagePull", "failed to copy: httpReadSeeker: failed open: unexpected status code https://registry-1.docker.io/v2/library/app/manifests/sha256:1: 429 Too Many Requests - Server message: toomanyrequests: You have reached your unauthenticated pull rate limit.".to_owned()),
        ("no-such-host", "ErrImagePull", "failed to do request: Head \"https://registry.example/v2/app/manifests/1\": dial tcp: lookup registry.example on 10.96.0.10:53: no such host".to_owned()),
        ("other-platform", "ErrImagePull", format!("rpc error: code = NotFound desc = {pulls}: no match for platform in manifest: not found")),
        ("bad-name", "InvalidImageName", "Failed to apply default image tag \"Registry.example/App:1\": couldn't parse image name \"Registry.example/App:1\": invalid reference format: repository name must be lowercase".to_owned()),
        ("never", "ErrImageNeverPull", "Container image \"registry.example/app:1\" is not present with pull policy of Never".to_owned()),
        ("unnamed", "ErrImagePull", "failed to extract layer sha256:1: write /var/lib/containerd: no space left on device".to_owned()),
    ] {
        scene.write(&pod(name, APP, &waiting(reason, &message))).await;
    }
    // A back-off that only repeats the image's name: the event tells.
    scene
        .write(&pod(
            "told-by-event",
            APP,
            &waiting(
                "ImagePullBackOff",
                "Back-off pulling image \"registry.example/app:1\"",
            ),
        ))
        .await;
    scene.tell(&format!("
        kubelet Pod/told-by-event{{app}} Failed x4 60s Failed to pull image \"registry.example/app:1\": {pulls}: unexpected status from HEAD request to https://registry.example/v2/app/manifests/1: 401 Unauthorized
        kubelet Pod/told-by-event{{app}} Failed x4 60s Error: ErrImagePull
        kubelet Pod/told-by-event{{app}} BackOff x9 20s Back-off pulling image \"registry.example/app:1\"
    ")).await;
    // Well: an earlier pull failed, and the container runs.
    scene
        .write(&pod(
            "pulled-at-last",
            APP,
            &ready(&container("app", 0, &running("5m"), "")),
        ))
        .await;
    scene.tell(&format!("kubelet Pod/pulled-at-last{{app}} Failed x2 6m Failed to pull image \"registry.example/app:1\": {pulls}: registry.example/app:1: not found")).await;
    insta::assert_snapshot!(scene.report().await, @r"
    critical InvalidImageName of Pod/bad-name 1/1 [app]: Image name registry.example/app:1 cannot be parsed: container app of bad-name waits
    critical ImageNeverPull of Pod/never 1/1 [app]: Image registry.example/app:1 is not on the node and the pull policy is Never: container app of never waits
    critical ImagePullUnauthorized of Pod/no-credentials 1/1 [app]: The registry refuses image registry.example/app:1 without the right credentials: container app of no-credentials waits
    critical ImageRegistryUnreachable of Pod/no-such-host 1/1 [app]: The registry of image registry.example/app:1 cannot be reached from the node: container app of no-such-host waits
    critical ImagePlatformMismatch of Pod/other-platform 1/1 [app]: Image registry.example/app:1 has no variant for the node's platform: container app of other-platform waits
    critical ImagePullUnauthorized of Pod/told-by-event 1/1 [app]: The registry refuses image registry.example/app:1 without the right credentials: container app of told-by-event waits
    critical ImagePullRateLimited of Pod/too-many 1/1 [app]: The registry refuses image registry.example/app:1 after too many pulls: container app of too-many waits
    critical ImagePullFailed of Pod/unnamed 1/1 [app]: Image registry.example/app:1 cannot be pulled: container app of unnamed waits
    warning ImageNotFound of Deployment/no-such-tag 1/2 [app]: The registry has no image registry.example/app:1: container app of no-such-tag-7c9d8f6b5-aaaaa waits
    ");
}
