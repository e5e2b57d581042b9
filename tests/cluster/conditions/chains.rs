//! What follows from what: several conditions of one trouble, folded under its cause.

use super::scene::Scene;
use super::written::{
    APP, backs_off, container, deployment, ended, owned, pod, ready, replica, running, unready,
    unscheduled, waits,
};

const WITH_INIT: &str = "initContainers: [{ name: fetch, image: 'registry.example/fetch:1' }], containers: [{ name: app, image: 'registry.example/app:1' }]";

#[tokio::test]
async fn a_service_a_budget_and_a_rollout_follow_from_the_crash_of_their_pods() {
    let mut scene = Scene::new("chain-crash").await;
    let stuck = "conditions: [{ type: Progressing, status: 'False', reason: ProgressDeadlineExceeded, message: timed out, lastTransitionTime: '@-10m' }]";
    scene.write(&deployment("web", 1, 0, APP, stuck)).await;
    scene
        .write(&replica(
            "web",
            "aaaaa",
            APP,
            &unready(
                "Running",
                &format!(
                    "containerStatuses: [{}]",
                    container("app", 9, &backs_off("app"), &ended("1m", "OOMKilled", 137))
                ),
            ),
        ))
        .await;
    scene.write("
apiVersion: v1
kind: Service
metadata: { name: web }
spec: { selector: { app: web }, ports: [{ port: 80 }] }
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: { name: web }
spec: { minAvailable: 1, selector: { matchLabels: { app: web } } }
status: { observedGeneration: 1, disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 1, expectedPods: 1, conditions: [{ type: DisruptionAllowed, status: 'False', reason: InsufficientPods, message: '', lastTransitionTime: '@-10m' }] }
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: { name: web }
spec: { ingressClassName: nginx, rules: [{ http: { paths: [{ path: /, pathType: Prefix, backend: { service: { name: web, port: { number: 80 } } } }] } }] }
").await;
    insta::assert_snapshot!(scene.report().await, @r"
    critical OomKilled of Deployment/web 1/1 [app]: Out of memory: container app of web-7c9d8f6b5-aaaaa was killed by the kernel (it has no memory limit of its own, so the pod's or the node's memory ran out) and is down
    critical CrashLoopBackOff of Deployment/web 1/1 [app]: Exit code 137, out of memory: container app of web-7c9d8f6b5-aaaaa is in back-off after 9 restarts <- OomKilled of Deployment/web
    critical RolloutStuck of Deployment/web 1/1: No progress within 600s: 1 of 1 pods of Deployment web are updated, 0 are ready <- OomKilled of Deployment/web
    critical ServicePodsNotReady of Service/web 1/1: No pod is ready of the 1 that its selector matches: Service web has nobody to send traffic to <- OomKilled of Deployment/web
    warning PdbBlocksDisruption of PodDisruptionBudget/web 1/1: 0 of 1 pod healthy and 1 needed: disruption budget web allows no eviction, so a drain waits <- OomKilled of Deployment/web
    ");
}

#[tokio::test]
async fn a_replica_set_of_nobody_says_why_it_may_not_create_its_pods() {
    let mut scene = Scene::new("chain-set").await;
    let bare = "apiVersion: apps/v1\nkind: ReplicaSet\nmetadata: { name: bare }\nspec: { replicas: 2, selector: { matchLabels: { app: bare } }, template: { metadata: { labels: { app: bare } }, spec: { containers: [{ name: app, image: 'registry.example/app:1' }] } } }\nstatus: { replicas: 0, observedGeneration: 1, conditions: [{ type: ReplicaFailure, status: 'True', reason: FailedCreate, message: 'pods \"bare-x\" is forbidden: exceeded quota: compute, requested: pods=1, used: pods=10, limited: pods=10', lastTransitionTime: '@-10m' }] }";
    scene.write(bare).await;
    scene.tell(r#"replicaset-controller ReplicaSet/bare FailedCreate x15 60s Error creating: pods "bare-x" is forbidden: exceeded quota: compute, requested: pods=1, used: pods=10, limited: pods=10"#).await;
    insta::assert_snapshot!(scene.report().await, @"critical QuotaExceeded of ReplicaSet/bare 2/2: Quota compute is exceeded (requested: pods=1, used: pods=10, limited: pods=10): ReplicaSet bare lacks 2 of 2 pods");
}

#[tokio::test]
async fn an_image_of_an_init_container_that_is_not_there_is_the_images_trouble() {
    let mut scene = Scene::new("chain-init").await;
    let fetch = container(
        "fetch",
        0,
        &waits(
            "ImagePullBackOff",
            "Back-off pulling image \"registry.example/fetch:1\": ErrImagePull: rpc error: code = NotFound desc = failed to pull and unpack image \"registry.example/fetch:1\": failed to resolve reference \"registry.example/fetch:1\": registry.example/fetch:1: not found",
        ),
        "",
    );
    let app = container("app", 0, "waiting: { reason: PodInitializing }", "");
    scene
        .write(&pod(
            "web",
            WITH_INIT,
            &unready(
                "Pending",
                &format!("initContainerStatuses: [{fetch}], containerStatuses: [{app}]"),
            ),
        ))
        .await;
    insta::assert_snapshot!(scene.report().await, @"critical ImageNotFound of Pod/web 1/1 [fetch]: The registry has no image registry.example/fetch:1: container fetch of web waits");
}

#[tokio::test]
async fn pods_of_a_job_that_restart_in_place_belong_to_the_job() {
    let mut scene = Scene::new("chain-job").await;
    let spec = format!("restartPolicy: OnFailure, {APP}");
    scene.write(&format!("apiVersion: batch/v1\nkind: Job\nmetadata: {{ name: import }}\nspec: {{ template: {{ spec: {{ {spec} }} }} }}\nstatus: {{ active: 1, ready: 0, startTime: '@-30m' }}")).await;
    scene
        .write(&owned(
            "Job",
            "import",
            "import-aaaaa",
            &spec,
            &unready(
                "Running",
                &format!(
                    "containerStatuses: [{}]",
                    container("app", 4, &backs_off("app"), &ended("1m", "Error", 126))
                ),
            ),
        ))
        .await;
    insta::assert_snapshot!(scene.report().await, @"critical CrashLoopBackOff of Job/import 1/1 [app]: Exit code 126, the command was found but cannot be executed: container app of import-aaaaa is in back-off after 4 restarts");
}

#[tokio::test]
async fn a_stateful_set_waits_for_a_pod_that_waits_for_a_claim() {
    let mut scene = Scene::new("chain-claim").await;
    scene.write("
apiVersion: apps/v1
kind: StatefulSet
metadata: { name: db }
spec: { replicas: 3, serviceName: db, selector: { matchLabels: { app: db } }, template: { metadata: { labels: { app: db } }, spec: { containers: [{ name: app, image: 'registry.example/app:1' }] } } }
status: { observedGeneration: 1, replicas: 1, readyReplicas: 0, availableReplicas: 0, currentRevision: db-1, updateRevision: db-1, currentReplicas: 1, updatedReplicas: 1 }
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: { name: data-db-0 }
spec: { accessModes: [ReadWriteOnce], storageClassName: fast, resources: { requests: { storage: 1Gi } } }
").await;
    let pending = unscheduled(
        "db-0",
        "volumes: [{ name: data, persistentVolumeClaim: { claimName: data-db-0 } }], containers: [{ name: app, image: 'registry.example/app:1' }]",
        "conditions: [{ type: PodScheduled, status: 'False', reason: Unschedulable, lastTransitionTime: '@-10m', message: '0/3 nodes are available: pod has unbound immediate PersistentVolumeClaims. preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.' }]",
    );
    scene.write(&pending.replace("name: db-0 }", "name: db-0, labels: { app: db }, ownerReferences: [{ apiVersion: apps/v1, kind: StatefulSet, name: db, uid: 00000000-0000-4000-8000-000000000001, controller: true }] }")).await;
    scene.tell("persistentvolume-controller PersistentVolumeClaim/data-db-0 ProvisioningFailed x9 20s storageclass.storage.k8s.io \"fast\" not found").await;
    insta::assert_snapshot!(scene.report().await, @r"
    critical PvcNoStorageClass of PersistentVolumeClaim/data-db-0 1/?: Storage class fast does not exist: claim data-db-0 stays pending
    critical UnschedulableUnboundClaim of StatefulSet/db 1/3: A volume claim of the pod is not bound or does not exist (pod has unbound immediate PersistentVolumeClaims): db-0 waits for a node <- PvcNoStorageClass of PersistentVolumeClaim/data-db-0
    critical StatefulSetBlocked of StatefulSet/db 3/3: Waits for db-0 to become ready: 0 of 3 pods of StatefulSet db are ready and its further pods are not created <- UnschedulableUnboundClaim of StatefulSet/db
    ");
}

#[tokio::test]
async fn a_lost_node_is_told_by_its_pods_where_nodes_may_not_be_looked_at() {
    let mut scene = Scene::new("chain-lost").await;
    let app = container("app", 0, &running("5d"), "");
    let lost = ready(&app).replace(
        "type: Ready, status: 'True', lastTransitionTime: '@-30m'",
        "type: Ready, status: 'False', lastTransitionTime: '@-10m'",
    );
    scene.write(&deployment("web", 1, 0, APP, "")).await;
    scene.write(&replica("web", "aaaaa", APP, &lost)).await;
    scene
        .tell("node-controller Pod/web-7c9d8f6b5-aaaaa NodeNotReady x1 10m Node is not ready")
        .await;
    insta::assert_snapshot!(scene.report().await, @"critical PodNodeLost of Deployment/web 1/1: Node worker-1 does not answer, so the true state of web-7c9d8f6b5-aaaaa is not known");
}

#[tokio::test]
async fn a_question_for_a_service_brings_what_its_trouble_follows_from() {
    let mut scene = Scene::new("chain-object").await;
    scene.write(&deployment("api", 1, 0, APP, "")).await;
    scene
        .write(&replica(
            "api",
            "aaaaa",
            APP,
            &unready(
                "Running",
                &format!(
                    "containerStatuses: [{}]",
                    container("app", 9, &backs_off("app"), &ended("1m", "Error", 1))
                ),
            ),
        ))
        .await;
    scene
        .write(&pod(
            "other",
            APP,
            &unready(
                "Running",
                &format!(
                    "containerStatuses: [{}]",
                    container("app", 9, &backs_off("app"), &ended("1m", "Error", 1))
                ),
            ),
        ))
        .await;
    scene.write("apiVersion: v1\nkind: Service\nmetadata: { name: shop }\nspec: { selector: { app: api }, ports: [{ port: 80 }] }").await;
    insta::assert_snapshot!(scene.about("service", "shop").await, @r"
    critical CrashLoopBackOff of Deployment/api 1/1 [app]: Exit code 1, the application's own error: container app of api-7c9d8f6b5-aaaaa is in back-off after 9 restarts
    critical ServicePodsNotReady of Service/shop 1/1: No pod is ready of the 1 that its selector matches: Service shop has nobody to send traffic to <- CrashLoopBackOff of Deployment/api
    ");
}
