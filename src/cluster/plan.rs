//! Which resources have to be read to look for a condition.

use std::collections::BTreeSet;

use super::access::{Reach, Resource};
use crate::faq::condition::Condition;

/// Everything that an overview reads.
pub(super) const OVERVIEW: &[Resource] = &[
    Resource::Pods,
    Resource::Events,
    Resource::Services,
    Resource::Claims,
    Resource::Quotas,
    Resource::Deployments,
    Resource::StatefulSets,
    Resource::DaemonSets,
    Resource::Jobs,
    Resource::CronJobs,
    Resource::Autoscalers,
    Resource::DisruptionBudgets,
    Resource::Ingresses,
    Resource::Namespaces,
    Resource::Nodes,
    Resource::Volumes,
    Resource::StorageClasses,
    Resource::IngressClasses,
    Resource::ApiServices,
];

/// The resources for these conditions. Owners of sick pods are read by name, beyond this.
pub(super) fn resources(conditions: &[Condition]) -> BTreeSet<Resource> {
    conditions
        .iter()
        .flat_map(|condition| of(*condition))
        .copied()
        .collect()
}

/// Whether these resources can tell anything where only namespaces are looked at.
pub(super) fn are_all_of_the_cluster(resources: &BTreeSet<Resource>) -> bool {
    resources
        .iter()
        .all(|resource| resource.access().reach == Reach::Cluster || *resource == Resource::Events)
}

#[allow(
    clippy::too_many_lines,
    reason = "a table, one line for each condition"
)]
fn of(condition: Condition) -> &'static [Resource] {
    use Resource as R;
    match condition {
        Condition::CrashLoopBackOff
        | Condition::OomKilled
        | Condition::ContainerExited
        | Condition::ContainerCannotRun
        | Condition::ExecFormatError
        | Condition::CreateContainerConfigError
        | Condition::InitContainerFailing
        | Condition::ImageNotFound
        | Condition::ImagePullUnauthorized
        | Condition::ImagePullRateLimited
        | Condition::ImageRegistryUnreachable
        | Condition::ImagePlatformMismatch
        | Condition::InvalidImageName
        | Condition::ImageNeverPull
        | Condition::ImagePullFailed
        | Condition::LivenessProbeFailing
        | Condition::ReadinessProbeFailing
        | Condition::ReadinessGateUnmet
        | Condition::StartupProbeFailing
        | Condition::SidecarDown
        | Condition::SchedulingGated
        | Condition::PodSandboxFailed
        | Condition::PodIpExhausted
        | Condition::ContainerCreatingStuck
        | Condition::Evicted
        | Condition::PodNodeShutDown
        | Condition::EphemeralStorageExceeded => &[R::Pods, R::Events],
        Condition::Unschedulable
        | Condition::UnschedulableUnboundClaim
        | Condition::UnschedulableVolumeZone => &[R::Pods, R::Events, R::Claims, R::Nodes],
        Condition::VolumeMountFailed
        | Condition::VolumeAttachFailed
        | Condition::VolumeMultiAttach => &[R::Pods, R::Events, R::Claims],
        // Which of the scheduler's causes matters, the nodes tell that the pod asks for.
        Condition::UnschedulableCpu
        | Condition::UnschedulableMemory
        | Condition::UnschedulableResource
        | Condition::UnschedulableTaint
        | Condition::UnschedulableNodeAffinity
        | Condition::UnschedulablePodAffinity
        | Condition::UnschedulableTooManyPods
        | Condition::UnschedulableHostPort
        | Condition::UnschedulableCordoned
        | Condition::PodStuckTerminating
        | Condition::PodNodeLost => &[R::Pods, R::Events, R::Nodes],
        // Of pods that are gone only their names tell whose they were.
        Condition::Preempted => &[
            R::Pods,
            R::Events,
            R::Deployments,
            R::StatefulSets,
            R::DaemonSets,
            R::Jobs,
        ],
        Condition::RolloutStuck | Condition::CoreDnsUnhealthy => {
            &[R::Deployments, R::Pods, R::Events]
        }
        Condition::PodCreationFailed
        | Condition::QuotaExceeded
        | Condition::PodSecurityViolation
        | Condition::AdmissionDenied
        | Condition::WebhookUnreachable => &[
            R::Deployments,
            R::StatefulSets,
            R::DaemonSets,
            R::Jobs,
            R::CronJobs,
            R::Events,
        ],
        Condition::StatefulSetBlocked => &[R::StatefulSets, R::Pods, R::Events],
        Condition::DaemonSetUnavailable => &[R::DaemonSets, R::Pods, R::Events],
        Condition::JobFailed => &[R::Jobs, R::CronJobs, R::Pods, R::Events],
        Condition::CronJobSuspended | Condition::CronJobMissed => {
            &[R::CronJobs, R::Jobs, R::Events]
        }
        Condition::HpaUnable | Condition::HpaAtMaximum => &[R::Autoscalers, R::ApiServices],
        Condition::PdbBlocksDisruption => &[
            R::DisruptionBudgets,
            R::Deployments,
            R::StatefulSets,
            R::Pods,
            R::Events,
        ],
        Condition::ServiceWithoutEndpoints
        | Condition::ServicePodsNotReady
        | Condition::ServicePortMismatch => &[
            R::Services,
            R::Deployments,
            R::StatefulSets,
            R::DaemonSets,
            R::Pods,
            R::Events,
        ],
        Condition::IngressClassMissing => &[R::Ingresses, R::IngressClasses],
        Condition::IngressBackendMissing => &[R::Ingresses, R::Services],
        Condition::LoadBalancerPending => &[R::Services, R::Events],
        Condition::PvcNoStorageClass
        | Condition::PvcProvisioningFailed
        | Condition::PvcWaitsForFirstConsumer
        | Condition::PvcPending
        | Condition::PvcLost => &[R::Claims, R::StorageClasses, R::Volumes, R::Events],
        Condition::PvReleased => &[R::Volumes, R::Events],
        Condition::PvcStuckTerminating => &[R::Claims, R::Volumes, R::Pods, R::Events],
        Condition::NodeNotReady
        | Condition::NodeMemoryPressure
        | Condition::NodeDiskPressure
        | Condition::NodePidPressure
        | Condition::NodeNetworkUnavailable
        | Condition::NodeCordoned => &[R::Nodes, R::Events],
        Condition::NamespaceStuckTerminating => &[R::Namespaces, R::ApiServices],
        Condition::QuotaExhausted => &[R::Quotas],
        Condition::ApiServiceUnavailable => &[R::ApiServices],
    }
}
