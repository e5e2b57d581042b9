//! The closed list of things that can be wrong with a cluster's objects, by name.
//!
//! The names live here so that content can refer to them; how each is recognised on a live object is the cluster module's work.

use std::fmt;
use std::str::FromStr;

macro_rules! conditions {
    ($($(#[doc = $doc:literal])+ $name:ident,)+) => {
        /// A named thing that can be wrong with an object.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Condition {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Condition {
            /// Every condition, in the order of their declaration.
            pub const ALL: &'static [Condition] = &[$(Condition::$name,)+];

            /// The name that front matter, JSON and metrics use.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Condition::$name => stringify!($name),)+
                }
            }
        }
    };
}

conditions! {
    // Containers.
    /// A container keeps ending and the kubelet waits longer and longer before it starts it again.
    CrashLoopBackOff,
    /// The kernel killed a container for memory and the kubelet says so (reason `OOMKilled`).
    OomKilled,
    /// A container ended with a code other than 0 and is not (or not yet) in back-off.
    ContainerExited,
    /// The runtime cannot start the container's process (`RunContainerError`, `CreateContainerError`, `StartError`).
    ContainerCannotRun,
    /// The binary is for another CPU architecture, or is no executable format at all.
    ExecFormatError,
    /// A Secret, a `ConfigMap` or one of their keys that the container needs is not there.
    CreateContainerConfigError,
    /// An init container fails or does not end, so the pod's main containers never start.
    InitContainerFailing,
    /// The registry answers that the image or tag does not exist.
    ImageNotFound,
    /// The registry refuses the pull for lack of (right) credentials.
    ImagePullUnauthorized,
    /// The registry refuses the pull because of too many requests.
    ImagePullRateLimited,
    /// The registry cannot be reached: name, network or TLS.
    ImageRegistryUnreachable,
    /// The image has no variant for the node's operating system and architecture.
    ImagePlatformMismatch,
    /// The image reference cannot be parsed.
    InvalidImageName,
    /// `imagePullPolicy: Never` and the image is not on the node.
    ImageNeverPull,
    /// The pull fails for a reason that none of the other image conditions names.
    ImagePullFailed,
    /// The liveness probe fails and the kubelet restarts the container.
    LivenessProbeFailing,
    /// The readiness probe fails and the pod gets no traffic.
    ReadinessProbeFailing,
    /// The containers are ready, and a readiness gate that somebody outside the pod sets keeps the pod out of its Services.
    ReadinessGateUnmet,
    /// The startup probe fails and the container is restarted before it is up.
    StartupProbeFailing,
    /// A container beside the main one is down while the others run.
    SidecarDown,

    // Scheduling.
    /// No node has enough unrequested CPU.
    UnschedulableCpu,
    /// No node has enough unrequested memory.
    UnschedulableMemory,
    /// No node has enough of another resource (GPU, ephemeral storage, hugepages …).
    UnschedulableResource,
    /// Nodes have a taint that the pod does not tolerate.
    UnschedulableTaint,
    /// No node matches the pod's node selector or node affinity.
    UnschedulableNodeAffinity,
    /// The pod's (anti-)affinity to other pods or its topology spread leaves no node.
    UnschedulablePodAffinity,
    /// Nodes are cordoned.
    UnschedulableCordoned,
    /// Nodes have reached their maximum number of pods.
    UnschedulableTooManyPods,
    /// The pod's volume is in a zone (or on a node) where the pod cannot go.
    UnschedulableVolumeZone,
    /// The pod waits for a claim that is not bound or does not exist.
    UnschedulableUnboundClaim,
    /// The host port is taken on every node that would do.
    UnschedulableHostPort,
    /// A scheduling gate holds the pod back.
    SchedulingGated,
    /// The scheduler finds no node for a reason that none of the others names, or nothing schedules at all.
    Unschedulable,
    /// A pod of higher priority took this pod's place.
    Preempted,

    // The life of a pod.
    /// A volume cannot be mounted.
    VolumeMountFailed,
    /// A volume cannot be attached to the node.
    VolumeAttachFailed,
    /// A `ReadWriteOnce` volume is still attached to another node.
    VolumeMultiAttach,
    /// The pod's network sandbox cannot be created.
    PodSandboxFailed,
    /// The network plug-in has no free address for the pod.
    PodIpExhausted,
    /// The containers have not been created for long, and no event says why.
    ContainerCreatingStuck,
    /// The kubelet evicted the pod because the node ran short of memory, disk or process ids.
    Evicted,
    /// The pod was ended, or not let in, because its node was shut down.
    PodNodeShutDown,
    /// The pod used more local disk than its limit (or its `emptyDir`'s) allows.
    EphemeralStorageExceeded,
    /// The pod has been deleted but does not go.
    PodStuckTerminating,
    /// The pod's node does not answer, so the pod's state is not known.
    PodNodeLost,

    // Workloads.
    /// A rollout makes no progress.
    RolloutStuck,
    /// A controller cannot create pods for a reason that none of the others names.
    PodCreationFailed,
    /// Pods cannot be created because of a resource quota or limit range.
    QuotaExceeded,
    /// Pods cannot be created because Pod Security admission refuses them.
    PodSecurityViolation,
    /// Pods cannot be created because an admission webhook or policy refuses them.
    AdmissionDenied,
    /// A `StatefulSet` waits for its first pod that is not ready.
    StatefulSetBlocked,
    /// A `DaemonSet` does not run, or is not ready, on every node where it should.
    DaemonSetUnavailable,
    /// A Job has failed (back-off limit, deadline or failure policy).
    JobFailed,
    /// A `CronJob` is suspended.
    CronJobSuspended,
    /// A `CronJob` has missed its schedule.
    CronJobMissed,
    /// A `HorizontalPodAutoscaler` cannot read its metrics or cannot scale its target.
    HpaUnable,
    /// A `HorizontalPodAutoscaler` wants more replicas than its maximum.
    HpaAtMaximum,
    /// A `PodDisruptionBudget` allows no disruption, so drains wait.
    PdbBlocksDisruption,

    // Network and storage.
    /// A Service's selector matches no pod.
    ServiceWithoutEndpoints,
    /// A Service's selector matches pods, but none is ready.
    ServicePodsNotReady,
    /// A Service's target port does not exist on its pods.
    ServicePortMismatch,
    /// An Ingress names no class that any controller serves.
    IngressClassMissing,
    /// An Ingress names a backend Service or port that does not exist.
    IngressBackendMissing,
    /// A Service of type `LoadBalancer` has no address yet.
    LoadBalancerPending,
    /// A claim names no (existing) storage class, and there is no default and no fitting volume.
    PvcNoStorageClass,
    /// The provisioner fails to create a claim's volume, or does not answer.
    PvcProvisioningFailed,
    /// A claim waits for the first pod that uses it (`WaitForFirstConsumer`): normal until there is one.
    PvcWaitsForFirstConsumer,
    /// A claim is Pending for a reason that none of the others names.
    PvcPending,
    /// A claim has lost its volume, or a volume has failed.
    PvcLost,
    /// A volume is Released: its claim is gone, and no new claim can bind it.
    PvReleased,
    /// A claim or volume has been deleted but does not go.
    PvcStuckTerminating,

    // Nodes and cluster.
    /// A node is not ready.
    NodeNotReady,
    /// A node is short of memory.
    NodeMemoryPressure,
    /// A node is short of disk space or inodes.
    NodeDiskPressure,
    /// A node is short of process ids.
    NodePidPressure,
    /// A node's network is not set up.
    NodeNetworkUnavailable,
    /// A node is cordoned: nothing new is scheduled there.
    NodeCordoned,
    /// A namespace has been deleted but does not go.
    NamespaceStuckTerminating,
    /// A resource quota is used up.
    QuotaExhausted,
    /// The API server cannot call an admission webhook.
    WebhookUnreachable,
    /// An aggregated API is not available.
    ApiServiceUnavailable,
    /// `CoreDNS` has no (or too few) ready pods.
    CoreDnsUnhealthy,
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that is no condition's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown condition `{0}`")]
pub struct UnknownCondition(pub String);

impl FromStr for Condition {
    type Err = UnknownCondition;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Condition::ALL
            .iter()
            .copied()
            .find(|condition| condition.name() == name)
            .ok_or_else(|| UnknownCondition(name.to_owned()))
    }
}
