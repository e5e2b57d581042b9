//! Pods and workloads in YAML, as their controllers and the kubelet write them.

/// The hash that a Deployment gives the pods of its template.
const HASH: &str = "7c9d8f6b5";

/// An owner's uid; nothing here looks the owner up by it.
const UID: &str = "00000000-0000-4000-8000-000000000001";

/// A pod on node `worker-1`; the inner parts of its `spec` and `status` in flow style.
pub fn pod(name: &str, spec: &str, status: &str) -> String {
    pod_with(&format!("name: {name}"), spec, status)
}

/// A pod with these inner parts of its `metadata`, `spec` and `status`.
pub fn pod_with(metadata: &str, spec: &str, status: &str) -> String {
    format!(
        "---\napiVersion: v1\nkind: Pod\nmetadata: {{ {metadata} }}\nspec: {{ nodeName: worker-1, {spec} }}\nstatus: {{ {status} }}\n"
    )
}

/// A pod that waits for a node.
pub fn unscheduled(name: &str, spec: &str, status: &str) -> String {
    format!(
        "---\napiVersion: v1\nkind: Pod\nmetadata: {{ name: {name} }}\nspec: {{ {spec} }}\nstatus: {{ phase: Pending, {status} }}\n"
    )
}

/// A Deployment with its `ReplicaSet`; `status` continues that of the Deployment.
pub fn deployment(name: &str, desired: i32, ready: i32, spec: &str, status: &str) -> String {
    let template =
        format!("template: {{ metadata: {{ labels: {{ app: {name} }} }}, spec: {{ {spec} }} }}");
    let counts = format!("replicas: {desired}, readyReplicas: {ready}, availableReplicas: {ready}");
    format!(
        "---
apiVersion: apps/v1
kind: Deployment
metadata: {{ name: {name}, annotations: {{ deployment.kubernetes.io/revision: '1' }} }}
spec: {{ replicas: {desired}, selector: {{ matchLabels: {{ app: {name} }} }}, {template} }}
status: {{ observedGeneration: 1, updatedReplicas: {desired}, {counts}, unavailableReplicas: {}, {status} }}
---
apiVersion: apps/v1
kind: ReplicaSet
metadata:
  name: {name}-{HASH}
  labels: {{ app: {name}, pod-template-hash: {HASH} }}
  annotations: {{ deployment.kubernetes.io/revision: '1' }}
  ownerReferences: [{{ apiVersion: apps/v1, kind: Deployment, name: {name}, uid: {UID}, controller: true }}]
spec:
  replicas: {desired}
  selector: {{ matchLabels: {{ app: {name}, pod-template-hash: {HASH} }} }}
  template: {{ metadata: {{ labels: {{ app: {name}, pod-template-hash: {HASH} }} }}, spec: {{ {spec} }} }}
status: {{ observedGeneration: 1, {counts} }}
",
        desired - ready
    )
}

/// One pod of a Deployment.
pub fn replica(deployment: &str, suffix: &str, spec: &str, status: &str) -> String {
    pod_with(
        &format!(
            "name: {deployment}-{HASH}-{suffix}, labels: {{ app: {deployment}, pod-template-hash: {HASH} }}, ownerReferences: [{{ apiVersion: apps/v1, kind: ReplicaSet, name: {deployment}-{HASH}, uid: {UID}, controller: true }}]"
        ),
        spec,
        status,
    )
}

/// One pod of another controller, such as `StatefulSet db`.
pub fn owned(kind: &str, owner: &str, name: &str, spec: &str, status: &str) -> String {
    let group = if kind == "Job" { "batch/v1" } else { "apps/v1" };
    pod_with(
        &format!(
            "name: {name}, labels: {{ app: {owner} }}, ownerReferences: [{{ apiVersion: {group}, kind: {kind}, name: {owner}, uid: {UID}, controller: true }}]"
        ),
        spec,
        status,
    )
}

/// The status of a pod that the kubelet started half an hour ago and that gets traffic.
pub fn ready(containers: &str) -> String {
    let is_so =
        |type_: &str| format!("{{ type: {type_}, status: 'True', lastTransitionTime: '@-30m' }}");
    let conditions = ["PodScheduled", "Initialized", "ContainersReady", "Ready"].map(is_so);
    format!(
        "phase: Running, startTime: '@-30m', conditions: [{}], containerStatuses: [{containers}]",
        conditions.join(", ")
    )
}

/// The status of a pod that has not been ready for 20 minutes; `rest` holds its containers' statuses.
pub fn unready(phase: &str, rest: &str) -> String {
    let unready = |type_: &str| {
        format!(
            "{{ type: {type_}, status: 'False', reason: ContainersNotReady, message: 'containers with unready status: [app]', lastTransitionTime: '@-20m' }}"
        )
    };
    let scheduled = "{ type: PodScheduled, status: 'True', lastTransitionTime: '@-30m' }";
    format!(
        "phase: {phase}, startTime: '@-30m', conditions: [{scheduled}, {}, {}], {rest}",
        unready("ContainersReady"),
        unready("Ready")
    )
}

/// A container's status: how often it was restarted, its state, and how it ended before.
pub fn container(name: &str, restarts: i32, state: &str, last: &str) -> String {
    let runs = state.starts_with("running");
    format!(
        "{{ name: {name}, image: 'registry.example/{name}:1', imageID: '', ready: {runs}, started: {runs}, restartCount: {restarts}, state: {{ {state} }}, lastState: {{ {last} }} }}"
    )
}

/// The state of a container that has been running for so long, such as `10m`.
pub fn running(age: &str) -> String {
    format!("running: {{ startedAt: '@-{age}' }}")
}

/// The state of a container that ended so long ago with this reason and code.
pub fn ended(age: &str, reason: &str, code: i32) -> String {
    format!(
        "terminated: {{ reason: {reason}, exitCode: {code}, startedAt: '@-29m', finishedAt: '@-{age}', containerID: 'containerd://5f2b' }}"
    )
}

/// The state of a container that waits.
pub fn waits(reason: &str, message: &str) -> String {
    format!(
        "waiting: {{ reason: {reason}, message: '{}' }}",
        message.replace('\'', "''")
    )
}

/// The back-off of a container that was just restarted in vain.
pub fn backs_off(container: &str) -> String {
    waits(
        "CrashLoopBackOff",
        &format!("back-off 5m0s restarting failed container={container} pod=web_shop(8a5c)"),
    )
}

/// The inner part of a pod's specification with one container `app`.
pub const APP: &str = "containers: [{ name: app, image: 'registry.example/app:1' }]";
