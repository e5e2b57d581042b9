//! What shows only after a while, because for a moment it is well: the API server gives every object the time of its own birth
//! and of its own deletion, so these scenes wait, all at once.

use k8sfaq::faq::condition::Condition;

use super::scene::Scene;
use super::written::{APP, container, pod_with, ready, running, unscheduled};

#[tokio::test]
async fn what_waits_for_too_long_is_found() {
    let (services, claims, pods, deleted, dns, terminating, api) = tokio::join!(
        Box::pin(services()),
        Box::pin(claims()),
        Box::pin(pods()),
        Box::pin(deleted()),
        Box::pin(dns()),
        Box::pin(terminating()),
        Box::pin(aggregated()),
    );
    insta::assert_snapshot!(services, @"info LoadBalancerPending of Service/web 1/?: The load balancer is still being made: Service web has been waiting for its external address for …");
    insta::assert_snapshot!(claims, @r"
    critical PvcProvisioningFailed of PersistentVolumeClaim/no-answer 1/?: The provisioner has not answered for …: claim no-answer stays pending
    critical PvcNoStorageClass of PersistentVolumeClaim/no-class 1/?: It names no storage class, there is no default and no volume fits: claim no-class stays pending
    critical PvcPending of PersistentVolumeClaim/silent 1/?: Not bound for … (no event says why): claim silent stays pending
    ");
    insta::assert_snapshot!(pods, @"critical Unschedulable of Pod/overlooked 1/1: No scheduler has looked at overlooked for …: nothing answers to the scheduler name volcano");
    insta::assert_snapshot!(deleted, @r"
    warning PvcStuckTerminating of PersistentVolumeClaim/data 1/?: user still uses it: claim data has been deleted … ago and does not go
    warning PodStuckTerminating of Pod/held 1/1: Finalizer example.com/hold has not been removed: held should have been gone for …
    warning PodStuckTerminating of Pod/user 1/1: The kubelet of node worker-1 has not confirmed the end: user should have been gone for …
    ");
    insta::assert_snapshot!(dns, @"critical CoreDnsUnhealthy of Deployment/coredns-NS 2/2: No pod is ready: names in the cluster may not be resolved (Deployment coredns-NS)");
    insta::assert_snapshot!(terminating, @"warning NamespaceStuckTerminating of Namespace/NS 1/?: Finalizers remain (Some content in the namespace has finalizers remaining: example.com/hold in 1 resource instances): namespace NS was deleted … ago and does not go");
    insta::assert_snapshot!(api, @"critical ApiServiceUnavailable of APIService/v1.NS.example.com 1/?: Its Service NS/gone does not exist: the aggregated API v1.NS.example.com is not available");
}

async fn services() -> String {
    let mut scene = Scene::new("late-balancer").await;
    scene.write("apiVersion: v1\nkind: Service\nmetadata: { name: web }\nspec: { type: LoadBalancer, ports: [{ port: 80 }] }").await;
    scene
        .tell("service-controller Service/web EnsuringLoadBalancer x1 0s Ensuring load balancer")
        .await;
    scene.report_once(Condition::LoadBalancerPending).await
}

async fn claims() -> String {
    let mut scene = Scene::new("late-claims").await.with_cluster();
    let claim = |name: &str, class: &str| {
        format!(
            "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {{ name: {name} }}\nspec: {{ accessModes: [ReadWriteOnce], resources: {{ requests: {{ storage: 1Gi }} }}{class} }}\n"
        )
    };
    scene.write("apiVersion: storage.k8s.io/v1\nkind: StorageClass\nmetadata: { name: NS-gp3 }\nprovisioner: ebs.csi.aws.com\n").await;
    scene.write(&claim("no-class", "")).await;
    scene
        .write(&claim("no-answer", ", storageClassName: NS-gp3"))
        .await;
    scene
        .write(&claim("silent", ", storageClassName: NS-gp3"))
        .await;
    scene.tell("
        persistentvolume-controller PersistentVolumeClaim/no-class FailedBinding x9 5s no persistent volumes available for this claim and no storage class is set
        persistentvolume-controller PersistentVolumeClaim/no-answer ExternalProvisioning x9 5s Waiting for a volume to be created either by the external provisioner 'ebs.csi.aws.com' or manually by the system administrator. If volume creation is delayed, please verify that the provisioner is running and correctly registered.
    ").await;
    scene.report_once(Condition::PvcPending).await
}

async fn pods() -> String {
    let mut scene = Scene::new("late-pods").await;
    scene
        .write(&unscheduled(
            "overlooked",
            &format!("schedulerName: volcano, {APP}"),
            "",
        ))
        .await;
    scene.report_once(Condition::Unschedulable).await
}

async fn deleted() -> String {
    let mut scene = Scene::new("late-deleted").await;
    let app = ready(&container("app", 0, &running("29m"), ""));
    let mounting = format!(
        "terminationGracePeriodSeconds: 1, volumes: [{{ name: data, persistentVolumeClaim: {{ claimName: data }} }}], {APP}"
    );
    scene.write("apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: { name: data, finalizers: [kubernetes.io/pvc-protection] }\nspec: { accessModes: [ReadWriteOnce], resources: { requests: { storage: 1Gi } }, volumeName: data }\nstatus: { phase: Bound }").await;
    scene
        .write(&pod_with(
            "name: held, finalizers: [example.com/hold]",
            &format!("terminationGracePeriodSeconds: 1, {APP}"),
            &app,
        ))
        .await;
    scene.write(&pod_with("name: user", &mounting, &app)).await;
    for reference in ["Pod/held", "Pod/user", "PersistentVolumeClaim/data"] {
        scene.delete(reference).await;
    }
    scene.report_once(Condition::PodStuckTerminating).await
}

async fn dns() -> String {
    let mut scene = Scene::new("late-dns").await.with_cluster();
    scene.write("
apiVersion: apps/v1
kind: Deployment
metadata: { name: coredns-NS, namespace: kube-system, labels: { k8s-app: kube-dns } }
spec: { replicas: 2, selector: { matchLabels: { k8s-app: kube-dns } }, template: { metadata: { labels: { k8s-app: kube-dns } }, spec: { containers: [{ name: coredns, image: 'registry.k8s.io/coredns/coredns:v1.12.0' }] } } }
status: { observedGeneration: 1, replicas: 2, updatedReplicas: 2, unavailableReplicas: 2, conditions: [{ type: Available, status: 'False', reason: MinimumReplicasUnavailable, lastTransitionTime: '@-10m' }] }
").await;
    scene.report_once(Condition::CoreDnsUnhealthy).await
}

async fn terminating() -> String {
    let mut scene = Scene::new("late-namespace").await.with_cluster();
    scene.delete(&format!("Namespace/{}", scene.name())).await;
    scene.write("apiVersion: v1\nkind: Namespace\nmetadata: { name: NS }\nstatus: { phase: Terminating, conditions: [{ type: NamespaceContentRemaining, status: 'True', reason: SomeResourcesRemain, message: 'Some resources are remaining: widgets.example.com has 1 resource instances', lastTransitionTime: '@-1m' }, { type: NamespaceFinalizersRemaining, status: 'True', reason: SomeFinalizersRemain, message: 'Some content in the namespace has finalizers remaining: example.com/hold in 1 resource instances', lastTransitionTime: '@-1m' }] }").await;
    scene
        .report_once(Condition::NamespaceStuckTerminating)
        .await
}

/// The API server itself finds that the backend is missing.
async fn aggregated() -> String {
    let mut scene = Scene::new("late-api").await.with_cluster();
    scene.write("apiVersion: apiregistration.k8s.io/v1\nkind: APIService\nmetadata: { name: v1.NS.example.com }\nspec: { group: NS.example.com, version: v1, groupPriorityMinimum: 100, versionPriority: 10, insecureSkipTLSVerify: true, service: { namespace: NS, name: gone } }").await;
    let report = scene.report_once(Condition::ApiServiceUnavailable).await;
    scene
        .delete(&format!("APIService/v1.{}.example.com", scene.name()))
        .await;
    report
}
