//! Nodes that are not ready, short of something, or cordoned.

use super::scene::Scene;

fn node(name: &str, spec: &str, conditions: &[String]) -> String {
    format!(
        "---\napiVersion: v1\nkind: Node\nmetadata: {{ name: NS-{name} }}\nspec: {{ {spec} }}\nstatus: {{ conditions: [{}] }}\n",
        conditions.join(", ")
    )
}

fn says(type_: &str, status: &str, reason: &str, message: &str) -> String {
    format!(
        "{{ type: {type_}, status: '{status}', reason: {reason}, message: '{message}', lastTransitionTime: '@-10m', lastHeartbeatTime: '@-1m' }}"
    )
}

fn is_ready() -> String {
    says(
        "Ready",
        "True",
        "KubeletReady",
        "kubelet is posting ready status",
    )
}

fn unpressed() -> Vec<String> {
    vec![
        says(
            "MemoryPressure",
            "False",
            "KubeletHasSufficientMemory",
            "kubelet has sufficient memory available",
        ),
        says(
            "DiskPressure",
            "False",
            "KubeletHasNoDiskPressure",
            "kubelet has no disk pressure",
        ),
        says(
            "PIDPressure",
            "False",
            "KubeletHasSufficientPID",
            "kubelet has sufficient PID available",
        ),
        says(
            "NetworkUnavailable",
            "False",
            "FlannelIsUp",
            "Flannel is running on this node",
        ),
        is_ready(),
    ]
}

#[tokio::test]
async fn a_node_that_is_not_ready_says_why() {
    let mut scene = Scene::new("nodes").await.with_cluster();
    scene
        .write(&node(
            "silent",
            "taints: [{ key: node.kubernetes.io/unreachable, effect: NoExecute }]",
            &[says(
                "Ready",
                "Unknown",
                "NodeStatusUnknown",
                "Kubelet stopped posting node status.",
            )],
        ))
        .await;
    scene.write(&node("no-network", "taints: [{ key: node.kubernetes.io/not-ready, effect: NoSchedule }]", &[says("Ready", "False", "KubeletNotReady", "container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:Network plugin returns error: cni plugin not initialized")])).await;
    scene.write(&node("no-runtime", "", &[says("Ready", "False", "KubeletNotReady", "[container runtime is down, PLEG is not healthy: pleg was last seen active 5m ago]")])).await;
    // Well: it has all that it needs; a control plane's taint keeps nobody out who should be in.
    scene.write(&node("well", "", &unpressed())).await;
    scene
        .write(&node(
            "control-plane",
            "taints: [{ key: node-role.kubernetes.io/control-plane, effect: NoSchedule }]",
            &unpressed(),
        ))
        .await;
    insta::assert_snapshot!(scene.report().await, @r"
    critical NodeNotReady of Node/NS-no-network 1/?: Its network plug-in is not ready: node NS-no-network is not ready
    critical NodeNotReady of Node/NS-no-runtime 1/?: Its container runtime is not well ([container runtime is down, PLEG is not healthy: pleg was last seen active 5m ago]): node NS-no-runtime is not ready
    critical NodeNotReady of Node/NS-silent 1/?: Its kubelet has stopped reporting: node NS-silent is not ready
    ");
}

#[tokio::test]
async fn each_pressure_of_a_node_is_a_condition_of_its_own_and_a_cordon_is_for_information() {
    let mut scene = Scene::new("pressure").await.with_cluster();
    for (name, condition) in [
        (
            "memory",
            says(
                "MemoryPressure",
                "True",
                "KubeletHasInsufficientMemory",
                "kubelet has insufficient memory available",
            ),
        ),
        (
            "disk",
            says(
                "DiskPressure",
                "True",
                "KubeletHasDiskPressure",
                "kubelet has disk pressure",
            ),
        ),
        (
            "pids",
            says(
                "PIDPressure",
                "True",
                "KubeletHasInsufficientPID",
                "kubelet has insufficient PID available",
            ),
        ),
        (
            "network",
            says(
                "NetworkUnavailable",
                "True",
                "NoRouteCreated",
                "RouteController failed to create a route",
            ),
        ),
    ] {
        scene.write(&node(name, "", &[condition, is_ready()])).await;
    }
    scene.write(&node("cordoned", "unschedulable: true, taints: [{ key: node.kubernetes.io/unschedulable, effect: NoSchedule }]", &unpressed())).await;
    insta::assert_snapshot!(scene.report().await, @r"
    warning NodeDiskPressure of Node/NS-disk 1/?: Short of disk space or inodes: node NS-disk has the condition DiskPressure
    warning NodeMemoryPressure of Node/NS-memory 1/?: Short of memory: node NS-memory has the condition MemoryPressure
    warning NodeNetworkUnavailable of Node/NS-network 1/?: Its network is not set up: node NS-network has the condition NetworkUnavailable
    warning NodePidPressure of Node/NS-pids 1/?: Short of process ids: node NS-pids has the condition PIDPressure
    info NodeCordoned of Node/NS-cordoned 1/?: Cordoned: nothing new is scheduled on node NS-cordoned
    ");
}
