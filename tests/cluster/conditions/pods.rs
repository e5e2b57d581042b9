//! The life of a pod: created, evicted, deleted, lost with its node.

use super::scene::Scene;
use super::written::{APP, container, deployment, pod, pod_with, ready, replica, running, unready};

const WITH_CLAIM: &str = "volumes: [{ name: data, persistentVolumeClaim: { claimName: data } }], containers: [{ name: app, image: 'registry.example/app:1' }]";

fn creating() -> String {
    unready(
        "Pending",
        &format!(
            "containerStatuses: [{}]",
            container("app", 0, "waiting: { reason: ContainerCreating }", "")
        ),
    )
}

#[tokio::test]
async fn what_keeps_containers_from_being_created_is_told_by_its_event() {
    let mut scene = Scene::new("creating").await;
    // All but the last are troubles: an image may take its minutes.
    for name in [
        "attach",
        "multi-attach",
        "no-addresses",
        "no-cni",
        "missing-secret",
        "no-driver",
        "silent",
        "pulls",
        "pulls-for-a-while",
    ] {
        scene.write(&pod(name, WITH_CLAIM, &creating())).await;
    }
    scene
        .write(&deployment("mount", 2, 1, WITH_CLAIM, ""))
        .await;
    scene
        .write(&replica("mount", "aaaaa", WITH_CLAIM, &creating()))
        .await;
    scene.tell("
        kubelet Pod/mount-7c9d8f6b5-aaaaa FailedMount x9 30s MountVolume.SetUp failed for volume \"pvc-1\" : mount failed: exit status 32
        kubelet Pod/mount-7c9d8f6b5-aaaaa FailedMount x4 20s Unable to attach or mount volumes: unmounted volumes=[data], unattached volumes=[data]: timed out waiting for the condition
        kubelet Pod/missing-secret FailedMount x9 30s MountVolume.SetUp failed for volume \"tls\" : secret \"web-tls\" not found
        kubelet Pod/no-driver FailedMount x9 30s MountVolume.MountDevice failed for volume \"pvc-1\" : kubernetes.io/csi: attacher.MountDevice failed to create newCsiDriverClient: driver name ebs.csi.aws.com not found in the list of registered CSI drivers
        attachdetach-controller Pod/attach FailedAttachVolume x5 30s AttachVolume.Attach failed for volume \"pvc-1\" : rpc error: code = NotFound desc = volume vol-1 not found
        attachdetach-controller Pod/multi-attach FailedAttachVolume x1 5m Multi-Attach error for volume \"pvc-1\" Volume is already used by pod(s) db-0
        kubelet Pod/no-addresses FailedCreatePodSandBox x9 30s Failed to create pod sandbox: rpc error: code = Unknown desc = failed to setup network for sandbox \"5f2b\": plugin type=\"aws-cni\" name=\"aws-cni\" failed (add): add cmd: failed to assign an IP address to container
        kubelet Pod/no-cni FailedCreatePodSandBox x9 30s Failed to create pod sandbox: rpc error: code = Unknown desc = failed to setup network for sandbox \"5f2b\": plugin type=\"calico\" failed (add): stat /var/lib/calico/nodename: no such file or directory
        kubelet Pod/pulls-for-a-while{app} Pulling x1 3m Pulling image \"registry.example/app:1\"
        kubelet Pod/pulls{app} Pulling x1 25m Pulling image \"registry.example/app:1\"
    ").await;
    insta::assert_snapshot!(scene.report().await, @r#"
    critical VolumeAttachFailed of Pod/attach 1/1: The volume cannot be attached (AttachVolume.Attach failed for volume "pvc-1" : rpc error: code = NotFound desc = volume vol-1 not found), so the containers of attach are not created
    critical VolumeMountFailed of Pod/missing-secret 1/1: What the volume is made of does not exist (secret "web-tls" not found), so the containers of missing-secret are not created
    critical VolumeMultiAttach of Pod/multi-attach 1/1: The volume is still attached to another node (Multi-Attach), so the containers of multi-attach are not created
    critical PodIpExhausted of Pod/no-addresses 1/1: The network plug-in has no free address for the pod, so the containers of no-addresses are not created
    critical PodSandboxFailed of Pod/no-cni 1/1: The network plug-in fails to set up the pod, so the containers of no-cni are not created
    critical VolumeMountFailed of Pod/no-driver 1/1: The volume's CSI driver does not run on the node, so the containers of no-driver are not created
    critical ContainerCreatingStuck of Pod/pulls 1/1: Image registry.example/app:1 has been pulled for … and is not there yet: the containers of pulls are not created
    critical ContainerCreatingStuck of Pod/silent 1/1: The containers of silent have not been created for …, and no event says why; node worker-1 may still be pulling the image or mounting volumes
    warning VolumeMountFailed of Deployment/mount 1/2: The volume cannot be mounted (mount failed: exit status 32), so the containers of mount-7c9d8f6b5-aaaaa are not created
    "#);
}

#[tokio::test]
async fn a_mount_that_succeeded_at_last_is_well() {
    let mut scene = Scene::new("mounted").await;
    scene
        .write(&pod(
            "mounted",
            WITH_CLAIM,
            &ready(&container("app", 0, &running("5m"), "")),
        ))
        .await;
    scene
        .write(&pod(
            "just-scheduled",
            WITH_CLAIM,
            &creating().replace("@-30m", "@-5s"),
        ))
        .await;
    scene.tell("
        kubelet Pod/mounted FailedMount x2 6m MountVolume.SetUp failed for volume \"tls\" : secret \"web-tls\" not found
        kubelet Pod/just-scheduled FailedMount x1 2s MountVolume.SetUp failed for volume \"tls\" : secret \"web-tls\" not found
    ").await;
    insta::assert_snapshot!(scene.report().await, @"");
}

fn failed(reason: &str, message: &str) -> String {
    format!("phase: Failed, reason: {reason}, message: '{message}', startTime: '@-30m'")
}

#[tokio::test]
async fn an_eviction_says_what_the_node_was_short_of() {
    let mut scene = Scene::new("evicted").await;
    scene.write(&deployment("short", 2, 1, APP, "")).await;
    scene.write(&replica("short", "aaaaa", APP, &failed("Evicted", "The node was low on resource: memory. Threshold quantity: 100Mi, available: 71Mi. Container app was using 1Gi, request is 0, has larger consumption of memory. "))).await;
    scene
        .write(&pod(
            "disk",
            APP,
            &failed(
                "Evicted",
                "Pod ephemeral local storage usage exceeds the total limit of containers 1Gi. ",
            ),
        ))
        .await;
    scene
        .write(&pod(
            "empty-dir",
            APP,
            &failed(
                "Evicted",
                "Usage of EmptyDir volume \"cache\" exceeds the limit \"500Mi\". ",
            ),
        ))
        .await;
    let refused = |reason: &str, message: &str| {
        format!("phase: Failed, reason: {reason}, startTime: '@-20m', message: '{message}'")
    };
    for (name, reason, message) in [
        (
            "shut-down",
            "Terminated",
            "Pod was terminated in response to imminent node shutdown.",
        ),
        (
            "no-device",
            "UnexpectedAdmissionError",
            "Pod was rejected: Allocate failed due to no healthy devices present; cannot allocate unhealthy devices nvidia.com/gpu, which is unexpected",
        ),
    ] {
        scene
            .write(&pod(name, APP, &refused(reason, message)))
            .await;
    }
    // Replaced: for information. Shut down with its node and replaced: well.
    scene.write(&deployment("replaced", 1, 1, APP, "")).await;
    scene
        .write(&replica(
            "replaced",
            "aaaaa",
            APP,
            &failed("Evicted", "The node had condition: [DiskPressure]. "),
        ))
        .await;
    scene
        .write(&replica(
            "replaced",
            "ccccc",
            APP,
            &failed(
                "Terminated",
                "Pod was terminated in response to imminent node shutdown.",
            ),
        ))
        .await;
    insta::assert_snapshot!(scene.report().await, @r#"
    critical EphemeralStorageExceeded of Pod/disk 1/1: Too much local disk used (Pod ephemeral local storage usage exceeds the total limit of containers 1Gi): disk was ended
    critical EphemeralStorageExceeded of Pod/empty-dir 1/1: Too much local disk used (Usage of EmptyDir volume "cache" exceeds the limit "500Mi"): empty-dir was ended
    critical UnschedulableResource of Pod/no-device 1/1: The node's kubelet cannot give it what it asks for (Allocate failed due to no healthy devices present; cannot allocate unhealthy devices nvidia.com/gpu, which is unexpected): no-device was ended
    critical PodNodeShutDown of Pod/shut-down 1/1: Its node was shut down: shut-down was ended
    warning Evicted of Deployment/short 1/2: Evicted because node worker-1 was low on memory: short-7c9d8f6b5-aaaaa was ended
    info Evicted of Deployment/replaced 1/1: Evicted because node worker-1 had the condition DiskPressure: replaced-7c9d8f6b5-aaaaa was ended
    "#);
}

#[tokio::test]
async fn a_pod_of_a_node_that_does_not_answer_is_lost() {
    let mut scene = Scene::new("lost").await.with_cluster();
    let silent = |type_: &str| {
        format!(
            "{{ type: {type_}, status: Unknown, reason: NodeStatusUnknown, message: Kubelet stopped posting node status., lastTransitionTime: '@-10m', lastHeartbeatTime: '@-11m' }}"
        )
    };
    scene.write(&format!("
apiVersion: v1
kind: Node
metadata: {{ name: NS-gone }}
spec: {{ taints: [{{ key: node.kubernetes.io/unreachable, effect: NoSchedule }}, {{ key: node.kubernetes.io/unreachable, effect: NoExecute }}] }}
status: {{ conditions: [{}, {}, {}, {}] }}
---
apiVersion: v1
kind: Node
metadata: {{ name: NS-there }}
status: {{ conditions: [{{ type: Ready, status: 'True', reason: KubeletReady, message: kubelet is posting ready status, lastTransitionTime: '@-5d' }}] }}
", silent("MemoryPressure"), silent("DiskPressure"), silent("PIDPressure"), silent("Ready"))).await;
    let on = |node: &str, status: &str| {
        replica("web", node, APP, status).replace("worker-1", &format!("NS-{node}"))
    };
    let app = container("app", 0, &running("5d"), "");
    let not_ready = ready(&app).replace(
        "type: Ready, status: 'True', lastTransitionTime: '@-30m'",
        "type: Ready, status: 'False', lastTransitionTime: '@-10m'",
    );
    scene.write(&deployment("web", 2, 1, APP, "")).await;
    scene.write(&on("gone", &not_ready)).await;
    scene.write(&on("there", &ready(&app))).await;
    scene
        .tell("node-controller Pod/web-7c9d8f6b5-gone NodeNotReady x1 10m Node is not ready")
        .await;
    insta::assert_snapshot!(scene.report().await, @r"
    critical NodeNotReady of Node/NS-gone 1/?: Its kubelet has stopped reporting: node NS-gone is not ready
    warning PodNodeLost of Deployment/web 1/2: Node NS-gone does not answer, so the true state of web-7c9d8f6b5-gone is not known <- NodeNotReady of Node/NS-gone
    ");
}

#[tokio::test]
async fn a_deletion_within_its_grace_period_is_well_and_a_very_long_one_is_said() {
    let mut scene = Scene::new("deleted").await;
    let app = ready(&container("app", 0, &running("29m"), ""));
    let held = |name: &str, seconds: u32| {
        pod_with(
            &format!("name: {name}, finalizers: [example.com/hold]"),
            &format!("terminationGracePeriodSeconds: {seconds}, {APP}"),
            &app,
        )
    };
    scene.write(&held("going", 60)).await;
    scene.write(&held("patient", 7200)).await;
    scene.delete("Pod/going").await;
    scene.delete("Pod/patient").await;
    insta::assert_snapshot!(scene.report().await, @"info PodStuckTerminating of Pod/patient 1/1: Grace period of 7200s still runs: patient is terminating");
}
