//! Pods that no node takes, by the causes that the scheduler names.

use super::scene::Scene;
use super::written::{APP, container, deployment, pod, ready, running, unscheduled};

fn refused(message: &str) -> String {
    format!(
        "conditions: [{{ type: PodScheduled, status: 'False', reason: Unschedulable, lastTransitionTime: '@-10m', message: '{}' }}]",
        message.replace('\'', "''")
    )
}

#[tokio::test]
async fn each_cause_of_the_schedulers_sentence_is_a_condition_with_its_nodes() {
    let mut scene = Scene::new("unschedulable").await;
    let preemption =
        "preemption: 0/5 nodes are available: 5 Preemption is not helpful for scheduling.";
    for (name, message) in [
        ("cpu", format!("0/5 nodes are available: 5 Insufficient cpu. no new claims to deallocate, {preemption}")),
        ("memory", "0/5 nodes are available: 1 node(s) had untolerated taint(s), 4 Insufficient memory. preemption: 0/5 nodes are available: 1 Preemption is not helpful for scheduling, 4 No preemption victims found for incoming pod.".to_owned()),
        ("gpu", format!("0/5 nodes are available: 5 Insufficient nvidia.com/gpu. {preemption}")),
        ("taint", format!("0/5 nodes are available: 5 node(s) had untolerated taint {{dedicated: gpu}}. {preemption}")),
        ("selector", format!("0/5 nodes are available: 5 node(s) didn't match Pod's node affinity/selector. {preemption}")),
        ("spread", format!("0/5 nodes are available: 5 node(s) didn't match pod topology spread constraints. {preemption}")),
        ("anti-affinity", format!("0/5 nodes are available: 5 node(s) didn't match pod anti-affinity rules. {preemption}")),
        ("cordoned", format!("0/5 nodes are available: 5 node(s) were unschedulable. {preemption}")),
        ("full", format!("0/5 nodes are available: 5 Too many pods. {preemption}")),
        ("zone", format!("0/5 nodes are available: 5 node(s) had volume node affinity conflict. {preemption}")),
        ("claim", format!("0/5 nodes are available: pod has unbound immediate PersistentVolumeClaims. {preemption}")),
        ("no-claim", "0/5 nodes are available: persistentvolumeclaim \"data\" not found. not found".to_owned()),
        ("port", format!("0/5 nodes are available: 5 node(s) didn't have free ports for the requested pod ports. {preemption}")),
        ("lost-volume", format!("0/5 nodes are available: 5 node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s). {preemption}")),
        ("no-storage", format!("0/5 nodes are available: 5 node(s) did not have enough free storage. {preemption}")),
        ("in-use", format!("0/5 nodes are available: 1 node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode, 4 node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already in-use by another pod. {preemption}")),
        ("no-nodes", "no nodes available to schedule pods".to_owned()),
    ] {
        scene.write(&unscheduled(name, APP, &refused(&message))).await;
        scene.tell(&format!("default-scheduler Pod/{name} FailedScheduling x3 20s {message}")).await;
    }
    // Well: it had to wait once, and runs.
    scene
        .write(&pod(
            "placed",
            APP,
            &ready(&container("app", 0, &running("5m"), "")),
        ))
        .await;
    scene.tell("default-scheduler Pod/placed FailedScheduling x1 6m 0/5 nodes are available: 5 Insufficient cpu.").await;
    insta::assert_snapshot!(scene.report().await, @r#"
    critical UnschedulablePodAffinity of Pod/anti-affinity 1/1: The pod's affinity, anti-affinity or topology spread rules out the nodes on 5 of 5 nodes (node(s) didn't match pod anti-affinity rules): anti-affinity waits for a node
    critical UnschedulableUnboundClaim of Pod/claim 1/1: A volume claim of the pod is not bound or does not exist (pod has unbound immediate PersistentVolumeClaims): claim waits for a node
    critical UnschedulableCordoned of Pod/cordoned 1/1: Cordoned on 5 of 5 nodes (node(s) were unschedulable): cordoned waits for a node
    critical UnschedulableCpu of Pod/cpu 1/1: Not enough unrequested CPU on 5 of 5 nodes (Insufficient cpu): cpu waits for a node
    critical UnschedulableTooManyPods of Pod/full 1/1: The maximum number of pods is reached on 5 of 5 nodes (Too many pods): full waits for a node
    critical UnschedulableResource of Pod/gpu 1/1: Insufficient nvidia.com/gpu on 5 of 5 nodes: gpu waits for a node
    critical Unschedulable of Pod/in-use 1/1: Node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode, node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already in-use by another pod on 5 of 5 nodes: in-use waits for a node
    critical UnschedulableUnboundClaim of Pod/lost-volume 1/1: A volume claim of the pod is not bound or does not exist (node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)): lost-volume waits for a node
    critical UnschedulableMemory of Pod/memory 1/1: Not enough unrequested memory on 4 of 5 nodes (Insufficient memory): memory waits for a node
    critical UnschedulableUnboundClaim of Pod/no-claim 1/1: A volume claim of the pod is not bound or does not exist (persistentvolumeclaim "data" not found): no-claim waits for a node
    critical Unschedulable of Pod/no-nodes 1/1: No nodes available to schedule pods: no-nodes waits for a node
    critical UnschedulableResource of Pod/no-storage 1/1: Node(s) did not have enough free storage on 5 of 5 nodes: no-storage waits for a node
    critical UnschedulableHostPort of Pod/port 1/1: The host port is taken on 5 of 5 nodes (node(s) didn't have free ports for the requested pod ports): port waits for a node
    critical UnschedulableNodeAffinity of Pod/selector 1/1: The pod's node selector or node affinity does not match on 5 of 5 nodes (node(s) didn't match Pod's node affinity/selector): selector waits for a node
    critical UnschedulablePodAffinity of Pod/spread 1/1: The pod's affinity, anti-affinity or topology spread rules out the nodes on 5 of 5 nodes (node(s) didn't match pod topology spread constraints): spread waits for a node
    critical UnschedulableTaint of Pod/taint 1/1: A taint that the pod does not tolerate on 5 of 5 nodes (node(s) had untolerated taint {dedicated: gpu}): taint waits for a node
    critical UnschedulableVolumeZone of Pod/zone 1/1: The pod's volume is bound to another zone or node on 5 of 5 nodes (node(s) had volume node affinity conflict): zone waits for a node
    critical UnschedulableTaint of Pod/memory 1/1: A taint that the pod does not tolerate on 1 of 5 nodes (node(s) had untolerated taint(s)): memory waits for a node <- UnschedulableMemory of Pod/memory
    "#);
}

#[tokio::test]
async fn a_gate_is_for_information_and_a_preempted_pod_says_who_took_its_place() {
    let mut scene = Scene::new("gates").await;
    scene.write(&unscheduled("gated", &format!("schedulingGates: [{{ name: example.com/quota }}], {APP}"), "conditions: [{ type: PodScheduled, status: 'False', reason: SchedulingGated, message: 'Scheduling is blocked due to non-empty scheduling gates' }]")).await;
    scene.write(&deployment("batch", 2, 1, APP, "")).await;
    scene.write(&deployment("whole-again", 1, 1, APP, "")).await;
    scene.tell("
        default-scheduler Pod/batch-7c9d8f6b5-zzzzz Preempted x1 5m Preempted by pod 0f0e on node worker-1
        default-scheduler Pod/whole-again-7c9d8f6b5-zzzzz Preempted x1 5m Preempted by pod 0f0e on node worker-1
    ").await;
    insta::assert_snapshot!(scene.report().await, @r"
    warning Preempted of Deployment/batch 1/2: Preempted: batch-7c9d8f6b5-zzzzz had to make room for a pod of higher priority
    info SchedulingGated of Pod/gated 1/1: Held back by scheduling gate example.com/quota: gated is not scheduled until that is removed
    ");
}
