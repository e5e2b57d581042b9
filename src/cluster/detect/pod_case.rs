//! One pod with what its detectors ask again and again: its containers, events, owner and standing.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{
    Container, ContainerStateTerminated, ContainerStateWaiting, ContainerStatus, Pod, PodCondition,
};

use super::Case;
use super::event::Seen;
use super::owner::{Standing, names};
use super::sighting::Sighting;
use crate::cluster::finding::{ObjectRef, Severity};
use crate::faq::condition::Condition;

/// What a container is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Runs to its end before the others start.
    Init,
    /// Runs beside the main one: an init container with `restartPolicy: Always`, or a further container.
    Sidecar,
    /// The pod's purpose: its first container, or the one that `kubectl.kubernetes.io/default-container` names.
    Main,
}

/// A container's status with its role.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part<'a> {
    pub(super) role: Role,
    pub(super) status: &'a ContainerStatus,
    pub(super) spec: Option<&'a Container>,
    /// Whether it stands among the init containers (also as a sidecar).
    pub(super) is_init: bool,
}

impl<'a> Part<'a> {
    pub(super) fn name(&self) -> &'a str {
        &self.status.name
    }

    pub(super) fn waiting(&self) -> Option<&'a ContainerStateWaiting> {
        self.status.state.as_ref()?.waiting.as_ref()
    }

    pub(super) fn waiting_reason(&self) -> &'a str {
        self.waiting()
            .and_then(|waiting| waiting.reason.as_deref())
            .unwrap_or_default()
    }

    pub(super) fn is_running(&self) -> bool {
        self.status
            .state
            .as_ref()
            .is_some_and(|state| state.running.is_some())
    }

    pub(super) fn running_since(&self) -> Option<Timestamp> {
        let started = self
            .status
            .state
            .as_ref()?
            .running
            .as_ref()?
            .started_at
            .as_ref()?;
        Some(started.0)
    }

    /// How it ended just now.
    pub(super) fn ended(&self) -> Option<&'a ContainerStateTerminated> {
        self.status.state.as_ref()?.terminated.as_ref()
    }

    /// How it ended last, now or before its present run.
    pub(super) fn last_end(&self) -> Option<&'a ContainerStateTerminated> {
        self.ended()
            .or_else(|| self.status.last_state.as_ref()?.terminated.as_ref())
    }

    pub(super) fn restarts(&self) -> i32 {
        self.status.restart_count
    }
}

/// When a container ended.
pub(super) fn finished(ended: &ContainerStateTerminated) -> Option<Timestamp> {
    ended.finished_at.as_ref().map(|time| time.0)
}

/// One pod under examination.
pub(super) struct PodCase<'a> {
    pub(super) case: &'a Case<'a>,
    pub(super) pod: &'a Pod,
    pub(super) namespace: &'a str,
    pub(super) name: &'a str,
    pub(super) owner: ObjectRef,
    pub(super) standing: Standing,
    pub(super) events: Vec<Seen<'a>>,
    pub(super) parts: Vec<Part<'a>>,
}

impl<'a> PodCase<'a> {
    pub(super) fn new(case: &'a Case<'a>, pod: &'a Pod) -> Self {
        let (namespace, name) = names(&pod.metadata);
        let owner = case.owners.of_pod(pod);
        PodCase {
            case,
            pod,
            namespace,
            name,
            standing: case.owners.standing(namespace, &owner),
            owner,
            events: case
                .events
                .about("Pod", namespace, name, pod.metadata.uid.as_deref()),
            parts: parts(pod),
        }
    }

    pub(super) fn phase(&self) -> &'a str {
        self.pod
            .status
            .as_ref()
            .and_then(|status| status.phase.as_deref())
            .unwrap_or_default()
    }

    /// The pod's own reason, such as `Evicted`.
    pub(super) fn reason(&self) -> &'a str {
        self.pod
            .status
            .as_ref()
            .and_then(|status| status.reason.as_deref())
            .unwrap_or_default()
    }

    /// The pod's own message.
    pub(super) fn message(&self) -> &'a str {
        self.pod
            .status
            .as_ref()
            .and_then(|status| status.message.as_deref())
            .unwrap_or_default()
    }

    pub(super) fn node(&self) -> Option<&'a str> {
        self.pod
            .spec
            .as_ref()?
            .node_name
            .as_deref()
            .filter(|name| !name.is_empty())
    }

    pub(super) fn condition(&self, type_: &str) -> Option<&'a PodCondition> {
        condition(self.pod, type_)
    }

    pub(super) fn is_being_deleted(&self) -> bool {
        self.pod.metadata.deletion_timestamp.is_some()
    }

    pub(super) fn restarts_always(&self) -> bool {
        let policy = self
            .pod
            .spec
            .as_ref()
            .and_then(|spec| spec.restart_policy.as_deref());
        policy.is_none_or(|policy| policy == "Always")
    }

    pub(super) fn never_restarts(&self) -> bool {
        let policy = self
            .pod
            .spec
            .as_ref()
            .and_then(|spec| spec.restart_policy.as_deref());
        policy == Some("Never")
    }

    /// When the kubelet took the pod on, or else when it was created.
    pub(super) fn started(&self) -> Option<Timestamp> {
        let status = self.pod.status.as_ref();
        status
            .and_then(|status| status.start_time.as_ref())
            .or(self.pod.metadata.creation_timestamp.as_ref())
            .map(|time| time.0)
    }

    pub(super) fn is_ready(&self) -> bool {
        is_ready(self.pod)
    }

    /// Since when the pod is not ready.
    pub(super) fn unready_since(&self) -> Option<Timestamp> {
        self.condition("Ready")
            .filter(|condition| condition.status != "True")
            .and_then(|condition| condition.last_transition_time.as_ref())
            .map(|time| time.0)
    }

    /// The newest event of this reason about this container (or about no container in particular).
    pub(super) fn event(&self, reason: &str, container: &str) -> Option<&Seen<'a>> {
        self.events.iter().find(|seen| {
            seen.reason == reason && seen.container.is_none_or(|name| name == container)
        })
    }

    /// Whether at least one main container runs.
    pub(super) fn main_runs(&self) -> bool {
        self.parts
            .iter()
            .any(|part| part.role == Role::Main && part.is_running())
    }

    /// How bad it is when this pod does not serve.
    pub(super) fn severity(&self) -> Severity {
        match (self.standing.ready, self.owner.kind.as_str()) {
            (Some(0), _) => Severity::Critical,
            // A pod without an owner is all that there is.
            (None, "Pod") if !self.is_ready() => Severity::Critical,
            _ => Severity::Warning,
        }
    }

    /// A condition of this pod.
    pub(super) fn sighting(&self, condition: Condition, summary: impl Into<String>) -> Sighting {
        let mut sighting = Sighting::on(
            condition,
            self.severity(),
            self.namespace,
            ObjectRef::new("Pod", self.name),
            summary,
        )
        .owned_by(self.owner.clone());
        sighting.desired = (self.owner.kind == "Pod").then_some(1);
        sighting
    }
}

/// A pod's condition of this type.
pub(super) fn condition<'a>(pod: &'a Pod, type_: &str) -> Option<&'a PodCondition> {
    pod.status
        .as_ref()?
        .conditions
        .as_ref()?
        .iter()
        .find(|condition| condition.type_ == type_)
}

/// Whether the pod gets traffic.
pub(super) fn is_ready(pod: &Pod) -> bool {
    condition(pod, "Ready").is_some_and(|condition| condition.status == "True")
}

/// The annotation that names a pod's main container.
const DEFAULT_CONTAINER: &str = "kubectl.kubernetes.io/default-container";

fn parts(pod: &Pod) -> Vec<Part<'_>> {
    let Some(status) = &pod.status else {
        return Vec::new();
    };
    let spec = pod.spec.as_ref();
    let containers = spec
        .map(|spec| spec.containers.as_slice())
        .unwrap_or_default();
    let init_containers = spec
        .and_then(|spec| spec.init_containers.as_deref())
        .unwrap_or_default();
    let named_main = pod
        .metadata
        .annotations
        .as_ref()
        .and_then(|annotations| annotations.get(DEFAULT_CONTAINER))
        .filter(|name| containers.iter().any(|container| container.name == **name));
    let main = named_main
        .map(String::as_str)
        .or_else(|| containers.first().map(|it| it.name.as_str()));

    let init = status
        .init_container_statuses
        .iter()
        .flatten()
        .map(|status| {
            let spec = init_containers
                .iter()
                .find(|container| container.name == status.name);
            let is_sidecar =
                spec.is_some_and(|container| container.restart_policy.as_deref() == Some("Always"));
            Part {
                role: if is_sidecar {
                    Role::Sidecar
                } else {
                    Role::Init
                },
                status,
                spec,
                is_init: true,
            }
        });
    let others = status
        .container_statuses
        .iter()
        .flatten()
        .map(|status| Part {
            role: if main.is_none_or(|main| main == status.name) {
                Role::Main
            } else {
                Role::Sidecar
            },
            status,
            spec: containers
                .iter()
                .find(|container| container.name == status.name),
            is_init: false,
        });
    init.chain(others).collect()
}
