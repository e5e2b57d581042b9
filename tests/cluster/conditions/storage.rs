//! Claims and volumes that are pending, lost, released or in use.

use super::scene::Scene;
use super::written::{container, pod, ready, running, unscheduled};

fn claim(name: &str, spec: &str) -> String {
    format!(
        "---\napiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {{ name: {name} }}\nspec: {{ accessModes: [ReadWriteOnce], resources: {{ requests: {{ storage: 1Gi }} }}, {spec} }}\n"
    )
}

fn class(name: &str, mode: &str) -> String {
    format!(
        "---\napiVersion: storage.k8s.io/v1\nkind: StorageClass\nmetadata: {{ name: NS-{name} }}\nprovisioner: ebs.csi.aws.com\nvolumeBindingMode: {mode}\n"
    )
}

fn volume(name: &str, policy: &str, status: &str) -> String {
    format!(
        "---\napiVersion: v1\nkind: PersistentVolume\nmetadata: {{ name: NS-{name} }}\nspec: {{ accessModes: [ReadWriteOnce], capacity: {{ storage: 1Gi }}, storageClassName: NS-gp3, persistentVolumeReclaimPolicy: {policy}, csi: {{ driver: ebs.csi.aws.com, volumeHandle: vol-{name} }}, claimRef: {{ apiVersion: v1, kind: PersistentVolumeClaim, namespace: NS, name: of-{name}, uid: 00000000-0000-4000-8000-000000000009 }} }}\nstatus: {{ {status} }}\n"
    )
}

fn mounting(claim: &str) -> String {
    format!(
        "volumes: [{{ name: data, persistentVolumeClaim: {{ claimName: {claim} }} }}], containers: [{{ name: app, image: 'registry.example/app:1' }}]"
    )
}

#[tokio::test]
async fn a_pending_claim_says_whether_its_class_its_provisioner_or_its_pod_is_missing() {
    let mut scene = Scene::new("claims").await.with_cluster();
    scene.write(&class("gp3", "Immediate")).await;
    scene.write(&class("late", "WaitForFirstConsumer")).await;
    scene
        .write(&claim("no-such-class", "storageClassName: NS-fast"))
        .await;
    scene
        .write(&claim("fails", "storageClassName: NS-gp3"))
        .await;
    scene
        .write(&claim("waits", "storageClassName: NS-late"))
        .await;
    scene.write(&unscheduled("db", &mounting("fails"), "conditions: [{ type: PodScheduled, status: 'False', reason: Unschedulable, lastTransitionTime: '@-10m', message: '0/3 nodes are available: pod has unbound immediate PersistentVolumeClaims. not found' }]")).await;
    // Well: bound, with the pod that uses it.
    scene.write(&(claim("bound", "storageClassName: NS-gp3, volumeName: NS-vol") + "status: { phase: Bound, accessModes: [ReadWriteOnce], capacity: { storage: 1Gi } }\n")).await;
    scene
        .write(&pod(
            "served",
            &mounting("bound"),
            &ready(&container("app", 0, &running("29m"), "")),
        ))
        .await;
    // Well: it failed once, and is bound.
    scene.write(&(claim("bound-at-last", "storageClassName: NS-gp3, volumeName: NS-vol2") + "status: { phase: Bound, accessModes: [ReadWriteOnce], capacity: { storage: 1Gi } }\n")).await;
    // Well: it has only just been asked for.
    scene
        .write(&claim("asked-for", "storageClassName: NS-gp3"))
        .await;
    scene.tell("
        persistentvolume-controller PersistentVolumeClaim/no-such-class ProvisioningFailed x9 20s storageclass.storage.k8s.io \"NS-fast\" not found
        ebs.csi.aws.com PersistentVolumeClaim/fails ProvisioningFailed x5 30s failed to provision volume with StorageClass \"NS-gp3\": rpc error: code = Internal desc = UnauthorizedOperation: You are not authorized
        persistentvolume-controller PersistentVolumeClaim/fails ExternalProvisioning x20 5s Waiting for a volume to be created either by the external provisioner 'ebs.csi.aws.com' or manually by the system administrator.
        persistentvolume-controller PersistentVolumeClaim/waits WaitForFirstConsumer x40 5s waiting for first consumer to be created before binding
        ebs.csi.aws.com PersistentVolumeClaim/bound-at-last ProvisioningFailed x1 30m failed to provision volume with StorageClass \"NS-gp3\": rpc error: code = DeadlineExceeded desc = context deadline exceeded
    ").await;
    insta::assert_snapshot!(scene.report().await, @r#"
    critical PvcProvisioningFailed of PersistentVolumeClaim/fails 1/?: The provisioner fails (failed to provision volume with StorageClass "NS-gp3": rpc error: code = Internal desc = UnauthorizedOperation: You are not authorized): claim fails stays pending
    critical PvcNoStorageClass of PersistentVolumeClaim/no-such-class 1/?: Storage class NS-fast does not exist: claim no-such-class stays pending
    critical UnschedulableUnboundClaim of Pod/db 1/1: A volume claim of the pod is not bound or does not exist (pod has unbound immediate PersistentVolumeClaims): db waits for a node <- PvcProvisioningFailed of PersistentVolumeClaim/fails
    info PvcWaitsForFirstConsumer of PersistentVolumeClaim/waits 1/?: Waits for the first pod that uses it, as its class says: claim waits is bound once such a pod is scheduled
    "#);
}

#[tokio::test]
async fn a_claim_is_judged_by_its_events_where_classes_may_not_be_looked_at() {
    let mut scene = Scene::new("claims-only").await;
    scene
        .write(&claim("no-such-class", "storageClassName: fast"))
        .await;
    scene.write(&claim("waits", "storageClassName: late")).await;
    scene.tell("
        persistentvolume-controller PersistentVolumeClaim/no-such-class ProvisioningFailed x9 20s storageclass.storage.k8s.io \"fast\" not found
        persistentvolume-controller PersistentVolumeClaim/waits WaitForFirstConsumer x40 5s waiting for first consumer to be created before binding
    ").await;
    insta::assert_snapshot!(scene.report().await, @r"
    critical PvcNoStorageClass of PersistentVolumeClaim/no-such-class 1/?: Storage class fast does not exist: claim no-such-class stays pending
    info PvcWaitsForFirstConsumer of PersistentVolumeClaim/waits 1/?: Waits for the first pod that uses it, as its class says: claim waits is bound once such a pod is scheduled
    ");
}

#[tokio::test]
async fn a_lost_claim_and_volumes_that_failed_or_were_released_are_found() {
    let mut scene = Scene::new("volumes").await.with_cluster();
    scene
        .write(
            &(claim("lost", "storageClassName: NS-gp3, volumeName: NS-gone")
                + "status: { phase: Lost }\n"),
        )
        .await;
    scene.write(&volume("failed", "Delete", "phase: Failed, message: 'error deleting EBS volume: VolumeInUse', lastPhaseTransitionTime: '@-10m'")).await;
    scene
        .write(&volume(
            "kept",
            "Retain",
            "phase: Released, lastPhaseTransitionTime: '@-10m'",
        ))
        .await;
    scene
        .write(&volume(
            "undeleted",
            "Delete",
            "phase: Released, lastPhaseTransitionTime: '@-20m'",
        ))
        .await;
    // Well: bound; released a moment ago and about to be deleted.
    scene
        .write(&volume(
            "bound",
            "Delete",
            "phase: Bound, lastPhaseTransitionTime: '@-5d'",
        ))
        .await;
    scene
        .write(&volume(
            "going",
            "Delete",
            "phase: Released, lastPhaseTransitionTime: '@-5s'",
        ))
        .await;
    insta::assert_snapshot!(scene.report().await, @r"
    critical PvcLost of PersistentVolume/NS-failed 1/?: Reclaiming it failed (error deleting EBS volume: VolumeInUse): volume NS-failed has failed
    critical PvcLost of PersistentVolumeClaim/lost 1/?: Volume NS-gone is gone or belongs to another claim: claim lost is lost
    warning PvReleased of PersistentVolume/NS-undeleted 1/?: Its claim NS/of-undeleted is gone: volume NS-undeleted should be deleted and is not
    info PvReleased of PersistentVolume/NS-kept 1/?: Its claim NS/of-kept is gone: volume NS-kept is kept (Retain) and no new claim can bind it
    ");
}
