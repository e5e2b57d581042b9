//! Claims that are pending, lost or stuck in deletion.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim, Pod};
use k8s_openapi::api::storage::v1::StorageClass;

use super::event::Seen;
use super::owner::names;
use super::scheduling::claims;
use super::sighting::Sighting;
use super::words::{age, clause, listed};
use super::{Case, commands};
use crate::cluster::finding::{ObjectRef, Severity, Source};
use crate::faq::condition::Condition;

/// Binding to a fitting volume, or to a class's new one, begins within this time (seconds).
const BINDING_GRACE: i64 = 15;

/// A provisioner that works has made its volume by then.
const PROVISIONING_GRACE: i64 = 60;

/// Deletion of a claim that nobody uses takes moments.
const DELETION_GRACE: i64 = 30;

/// The annotations that make a class the default.
const DEFAULT_CLASS: &[&str] = &[
    "storageclass.kubernetes.io/is-default-class",
    "storageclass.beta.kubernetes.io/is-default-class",
];

/// The annotation by which the scheduler tells the provisioner where the volume is needed.
const SELECTED_NODE: &str = "volume.kubernetes.io/selected-node";

/// All that claims show.
pub(super) fn sightings(case: &Case<'_>, out: &mut Vec<Sighting>) {
    for claim in &case.view.claims.items {
        let status = claim.status.as_ref();
        let phase = status.and_then(|status| status.phase.as_deref());
        if claim.metadata.deletion_timestamp.is_some() {
            out.extend(terminating(case, claim));
        } else if phase == Some("Lost") {
            out.push(lost(claim));
        } else if phase == Some("Pending") {
            out.extend(Pending::new(case, claim).sighting());
        }
    }
}

fn object(name: &str) -> ObjectRef {
    ObjectRef::new("PersistentVolumeClaim", name)
}

fn lost(claim: &PersistentVolumeClaim) -> Sighting {
    let (namespace, name) = names(&claim.metadata);
    let spec = claim.spec.as_ref();
    let volume = spec
        .and_then(|spec| spec.volume_name.as_deref())
        .unwrap_or("(none)");
    Sighting::on(
        Condition::PvcLost,
        Severity::Critical,
        namespace,
        object(name),
        format!("Volume {volume} is gone or belongs to another claim: claim {name} is lost"),
    )
    .says(Source::Status, "phase: Lost")
    .says(Source::Spec, &format!("volumeName: {volume}"))
    .command(commands::describe("PersistentVolumeClaim", name, namespace))
    .command(commands::describe("PersistentVolume", volume, ""))
}

fn is_default(class: &StorageClass) -> bool {
    let annotations = class.metadata.annotations.as_ref();
    annotations.is_some_and(|annotations| {
        DEFAULT_CLASS
            .iter()
            .any(|key| annotations.get(*key).is_some_and(|value| value == "true"))
    })
}

/// What is known of a claim's class.
#[derive(Clone, Copy)]
enum Class<'a> {
    /// It was read.
    Known(&'a StorageClass),
    /// The claim names one that does not exist.
    Missing(&'a str),
    /// The claim names none, and there is no default.
    NoDefault,
    /// The claim wants a volume without a class (`storageClassName: ""`).
    Static,
    /// Classes were not looked at.
    Unknown,
}

impl<'a> Class<'a> {
    fn of(case: &Case<'a>, claim: &'a PersistentVolumeClaim) -> Self {
        let classes = &case.view.storage_classes;
        let spec = claim.spec.as_ref();
        let (found, otherwise) = match spec.and_then(|spec| spec.storage_class_name.as_deref()) {
            Some("") => return Class::Static,
            Some(name) => (
                classes
                    .items
                    .iter()
                    .find(|class| names(&class.metadata).1 == name),
                Class::Missing(name),
            ),
            None => (
                classes.items.iter().find(|class| is_default(class)),
                Class::NoDefault,
            ),
        };
        match found {
            Some(class) => Class::Known(class),
            None if classes.is_complete() => otherwise,
            None => Class::Unknown,
        }
    }

    fn waits_for_a_pod(self) -> bool {
        matches!(self, Class::Known(class) if class.volume_binding_mode.as_deref() == Some("WaitForFirstConsumer"))
    }
}

/// A pending claim under examination.
struct Pending<'a> {
    case: &'a Case<'a>,
    claim: &'a PersistentVolumeClaim,
    namespace: &'a str,
    name: &'a str,
    created: Option<Timestamp>,
    events: Vec<Seen<'a>>,
    class: Class<'a>,
}

impl<'a> Pending<'a> {
    fn new(case: &'a Case<'a>, claim: &'a PersistentVolumeClaim) -> Self {
        let (namespace, name) = names(&claim.metadata);
        let uid = claim.metadata.uid.as_deref();
        Pending {
            case,
            claim,
            namespace,
            name,
            created: claim
                .metadata
                .creation_timestamp
                .as_ref()
                .map(|time| time.0),
            events: case
                .events
                .about("PersistentVolumeClaim", namespace, name, uid),
            class: Class::of(case, claim),
        }
    }

    /// What the events say first, then what the class says, then only that it waits.
    fn sighting(&self) -> Option<Sighting> {
        self.failed()
            .or_else(|| self.without_class())
            .or_else(|| self.waits_for_a_pod())
            .or_else(|| self.not_answered())
            .or_else(|| self.otherwise())
    }

    fn event(&self, reason: &str) -> Option<&Seen<'a>> {
        self.events.iter().find(|seen| seen.reason == reason)
    }

    fn waiting(&self) -> Option<&Seen<'a>> {
        self.event("WaitForFirstConsumer")
            .or(self.event("WaitForPodScheduled"))
    }

    /// The provisioner was asked after the claim had stopped waiting for a pod.
    fn asked_for(&self) -> Option<&Seen<'a>> {
        let waiting = self.waiting();
        self.event("ExternalProvisioning")
            .filter(|seen| waiting.is_none_or(|waiting| seen.last > waiting.last))
    }

    fn failed(&self) -> Option<Sighting> {
        let seen = self.event("ProvisioningFailed")?;
        let name = self.name;
        if seen.message.contains("storageclass") && seen.message.contains("not found") {
            let spec = self.claim.spec.as_ref();
            let class = spec.and_then(|spec| spec.storage_class_name.as_deref());
            let class = class.map_or_else(
                || "Its storage class".to_owned(),
                |class| format!("Storage class {class}"),
            );
            let summary = format!("{class} does not exist: claim {name} stays pending");
            return Some(self.critical(Condition::PvcNoStorageClass, summary, Some(seen)));
        }
        let summary = format!(
            "The provisioner fails ({}): claim {name} stays pending",
            clause(seen.message, 200)
        );
        Some(self.critical(Condition::PvcProvisioningFailed, summary, Some(seen)))
    }

    fn without_class(&self) -> Option<Sighting> {
        let name = self.name;
        let binding = self.event("FailedBinding");
        if let Class::Missing(class) = self.class {
            let summary =
                format!("Storage class {class} does not exist: claim {name} stays pending");
            let sighting = || self.critical(Condition::PvcNoStorageClass, summary, binding);
            return (!self.has_volume(class)).then(sighting);
        }
        let said = binding.filter(|seen| seen.message.contains("no storage class is set"));
        let names_a_volume = self
            .claim
            .spec
            .as_ref()
            .is_some_and(|spec| spec.volume_name.is_some());
        let has_none = matches!(self.class, Class::NoDefault | Class::Static)
            && !names_a_volume
            && self.case.view.volumes.is_complete()
            && !self.has_volume("");
        let is_said = said.is_some() && !matches!(self.class, Class::Known(_));
        if !(is_said || has_none) || self.case.is_recent(self.created, BINDING_GRACE) {
            return None;
        }
        let summary = format!(
            "It names no storage class, there is no default and no volume fits: claim {name} stays pending"
        );
        Some(self.critical(Condition::PvcNoStorageClass, summary, said.or(binding)))
    }

    fn waits_for_a_pod(&self) -> Option<Sighting> {
        let annotations = self.claim.metadata.annotations.as_ref();
        let has_node =
            annotations.is_some_and(|annotations| annotations.contains_key(SELECTED_NODE));
        let waits = self.class.waits_for_a_pod()
            || self.waiting().is_some() && !matches!(self.class, Class::Known(_));
        if !waits || has_node || self.asked_for().is_some() {
            return None;
        }
        let name = self.name;
        let summary = format!(
            "Waits for the first pod that uses it, as its class says: claim {name} is bound once such a pod is scheduled"
        );
        let mut sighting =
            self.critical(Condition::PvcWaitsForFirstConsumer, summary, self.waiting());
        sighting.severity = Severity::Info;
        Some(sighting)
    }

    fn not_answered(&self) -> Option<Sighting> {
        let seen = self.asked_for()?;
        if self.case.is_recent(self.created, PROVISIONING_GRACE) {
            return None;
        }
        let waited = age(self.case.age(self.created));
        let summary = format!(
            "The provisioner has not answered for {waited}: claim {} stays pending",
            self.name
        );
        Some(self.critical(Condition::PvcProvisioningFailed, summary, Some(seen)))
    }

    fn otherwise(&self) -> Option<Sighting> {
        if self.case.is_recent(self.created, PROVISIONING_GRACE) {
            return None;
        }
        let last = self.events.first();
        let why = last.map_or_else(
            || "no event says why".to_owned(),
            |seen| clause(seen.message, 160),
        );
        let waited = age(self.case.age(self.created));
        let summary = format!(
            "Not bound for {waited} ({why}): claim {} stays pending",
            self.name
        );
        Some(self.critical(Condition::PvcPending, summary, last))
    }

    /// Whether a volume of this class waits for a claim.
    fn has_volume(&self, class: &str) -> bool {
        self.case
            .view
            .volumes
            .items
            .iter()
            .any(|volume| is_available(volume, class))
    }

    fn critical(&self, condition: Condition, summary: String, seen: Option<&Seen<'_>>) -> Sighting {
        let spec = self.claim.spec.as_ref();
        let class = spec.and_then(|spec| spec.storage_class_name.as_deref());
        let class = class.map_or_else(|| "not set".to_owned(), |class| format!("\"{class}\""));
        Sighting::on(
            condition,
            Severity::Critical,
            self.namespace,
            object(self.name),
            summary,
        )
        .since(self.created)
        .says(Source::Status, "phase: Pending")
        .says(Source::Spec, &format!("storageClassName: {class}"))
        .event(seen)
        .command(commands::describe(
            "PersistentVolumeClaim",
            self.name,
            self.namespace,
        ))
        .command(commands::command(&["get", "storageclasses"], ""))
    }
}

fn is_available(volume: &PersistentVolume, class: &str) -> bool {
    let (Some(spec), Some(status)) = (&volume.spec, &volume.status) else {
        return false;
    };
    status.phase.as_deref() == Some("Available")
        && spec.storage_class_name.as_deref().unwrap_or_default() == class
        && spec.claim_ref.is_none()
}

fn terminating(case: &Case<'_>, claim: &PersistentVolumeClaim) -> Option<Sighting> {
    let (namespace, name) = names(&claim.metadata);
    let since = claim
        .metadata
        .deletion_timestamp
        .as_ref()
        .map(|time| time.0);
    if case.is_recent(since, DELETION_GRACE) {
        return None;
    }
    let uses = |pod: &&Pod| claims(pod).iter().any(|it| it == name);
    let pods = case.view.pods.in_namespace(namespace);
    let users: Vec<&str> = pods
        .filter(uses)
        .map(|pod| names(&pod.metadata).1)
        .collect();
    let finalizers = claim.metadata.finalizers.as_deref().unwrap_or_default();
    let cause = if !users.is_empty() {
        format!("{} still uses it", listed(&users, 3))
    } else if finalizers
        .iter()
        .any(|it| it == "kubernetes.io/pvc-protection")
    {
        "A pod still uses it (kubernetes.io/pvc-protection)".to_owned()
    } else {
        format!("Finalizer {} has not been removed", listed(finalizers, 3))
    };
    let deleted = age(case.age(since));
    Some(
        Sighting::on(
            Condition::PvcStuckTerminating,
            Severity::Warning,
            namespace,
            object(name),
            format!("{cause}: claim {name} has been deleted {deleted} ago and does not go"),
        )
        .since(since)
        .says(
            Source::Spec,
            &format!("finalizers: {}", finalizers.join(", ")),
        )
        .command(commands::describe("PersistentVolumeClaim", name, namespace)),
    )
}
