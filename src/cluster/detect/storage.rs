//! Claims and volumes: pending, lost, released, stuck in deletion.

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

/// Deletion of a claim or volume that nobody uses takes moments.
const DELETION_GRACE: i64 = 30;

/// A volume whose policy is Delete goes within this time after its claim.
const RECLAIM_GRACE: i64 = 300;

/// The annotations that make a class the default.
const DEFAULT_CLASS: &[&str] = &[
    "storageclass.kubernetes.io/is-default-class",
    "storageclass.beta.kubernetes.io/is-default-class",
];

/// All that claims and volumes show.
pub(super) fn sightings(case: &Case<'_>, out: &mut Vec<Sighting>) {
    for claim in &case.view.claims.items {
        let phase = claim
            .status
            .as_ref()
            .and_then(|status| status.phase.as_deref())
            .unwrap_or_default();
        if claim.metadata.deletion_timestamp.is_some() {
            out.extend(claim_terminating(case, claim));
        } else if phase == "Lost" {
            out.push(lost(claim));
        } else if phase == "Pending" {
            out.extend(pending(case, claim));
        }
    }
    for volume in &case.view.volumes.items {
        out.extend(volume_sighting(case, volume));
    }
}

fn claim_object(name: &str) -> ObjectRef {
    ObjectRef::new("PersistentVolumeClaim", name)
}

fn lost(claim: &PersistentVolumeClaim) -> Sighting {
    let (namespace, name) = names(&claim.metadata);
    let volume = claim
        .spec
        .as_ref()
        .and_then(|spec| spec.volume_name.as_deref())
        .unwrap_or("(none)");
    Sighting::on(
        Condition::PvcLost,
        Severity::Critical,
        namespace,
        claim_object(name),
        format!("Volume {volume} is gone or belongs to another claim: claim {name} is lost"),
    )
    .says(Source::Status, "phase: Lost")
    .says(Source::Spec, &format!("volumeName: {volume}"))
    .command(commands::describe("PersistentVolumeClaim", name, namespace))
    .command(commands::describe("PersistentVolume", volume, ""))
}

fn is_default(class: &StorageClass) -> bool {
    class
        .metadata
        .annotations
        .as_ref()
        .is_some_and(|annotations| {
            DEFAULT_CLASS
                .iter()
                .any(|key| annotations.get(*key).is_some_and(|value| value == "true"))
        })
}

/// What is known of a claim's class.
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

fn class_of<'a>(case: &Case<'a>, claim: &'a PersistentVolumeClaim) -> Class<'a> {
    let classes = &case.view.storage_classes;
    let named = claim
        .spec
        .as_ref()
        .and_then(|spec| spec.storage_class_name.as_deref());
    match named {
        Some("") => Class::Static,
        Some(name) => match classes
            .items
            .iter()
            .find(|class| class.metadata.name.as_deref() == Some(name))
        {
            Some(class) => Class::Known(class),
            None if classes.is_complete() => Class::Missing(name),
            None => Class::Unknown,
        },
        None => match classes.items.iter().find(|class| is_default(class)) {
            Some(class) => Class::Known(class),
            None if classes.is_complete() => Class::NoDefault,
            None => Class::Unknown,
        },
    }
}

fn pending(case: &Case<'_>, claim: &PersistentVolumeClaim) -> Option<Sighting> {
    let (namespace, name) = names(&claim.metadata);
    let created = claim
        .metadata
        .creation_timestamp
        .as_ref()
        .map(|time| time.0);
    let events = case.events.about(
        "PersistentVolumeClaim",
        namespace,
        name,
        claim.metadata.uid.as_deref(),
    );
    let event = |reason: &str| events.iter().find(|seen| seen.reason == reason);
    let class = class_of(case, claim);
    let finish = |condition, severity, summary: String, seen: Option<&Seen<'_>>| {
        let spec = claim.spec.as_ref();
        let wanted = spec
            .and_then(|spec| spec.storage_class_name.as_deref())
            .map_or_else(
                || "storageClassName: not set".to_owned(),
                |name| format!("storageClassName: \"{name}\""),
            );
        Some(
            Sighting::on(condition, severity, namespace, claim_object(name), summary)
                .since(created)
                .says(Source::Status, "phase: Pending")
                .says(Source::Spec, &wanted)
                .event(seen)
                .command(commands::describe("PersistentVolumeClaim", name, namespace))
                .command(commands::command(&["get", "storageclasses"], "")),
        )
    };

    let failed = event("ProvisioningFailed");
    let says_no_class = |seen: &&Seen<'_>| {
        seen.message.contains("storageclass") && seen.message.contains("not found")
    };
    if let Some(seen) = failed.filter(says_no_class) {
        return finish(
            Condition::PvcNoStorageClass,
            Severity::Critical,
            format!("Its storage class does not exist: claim {name} stays pending"),
            Some(seen),
        );
    }
    if let Some(seen) = failed {
        return finish(
            Condition::PvcProvisioningFailed,
            Severity::Critical,
            format!(
                "The provisioner fails ({}): claim {name} stays pending",
                clause(seen.message, 200)
            ),
            Some(seen),
        );
    }
    if let Class::Missing(class) = class
        && !case
            .view
            .volumes
            .items
            .iter()
            .any(|volume| is_available(volume, class))
    {
        return finish(
            Condition::PvcNoStorageClass,
            Severity::Critical,
            format!("Storage class {class} does not exist: claim {name} stays pending"),
            event("FailedBinding"),
        );
    }
    let no_class_said =
        event("FailedBinding").filter(|seen| seen.message.contains("no storage class is set"));
    let names_a_volume = claim
        .spec
        .as_ref()
        .is_some_and(|spec| spec.volume_name.is_some());
    let has_none = matches!(class, Class::NoDefault | Class::Static)
        && !names_a_volume
        && !case
            .view
            .volumes
            .items
            .iter()
            .any(|volume| is_available(volume, ""));
    if (no_class_said.is_some() && !matches!(class, Class::Known(_))
        || has_none && case.view.volumes.is_complete())
        && case.is_older(created, BINDING_GRACE)
    {
        return finish(
            Condition::PvcNoStorageClass,
            Severity::Critical,
            format!(
                "It names no storage class, there is no default and no volume fits: claim {name} stays pending"
            ),
            no_class_said.or(event("FailedBinding")),
        );
    }
    let waits_by_class = matches!(class, Class::Known(class) if class.volume_binding_mode.as_deref() == Some("WaitForFirstConsumer"));
    let waiting = event("WaitForFirstConsumer").or(event("WaitForPodScheduled"));
    let selected_node = claim
        .metadata
        .annotations
        .as_ref()
        .is_some_and(|annotations| annotations.contains_key("volume.kubernetes.io/selected-node"));
    let external = event("ExternalProvisioning")
        .filter(|seen| waiting.is_none_or(|waiting| seen.last > waiting.last));
    if (waits_by_class || waiting.is_some() && !matches!(class, Class::Known(_)))
        && !selected_node
        && external.is_none()
    {
        return finish(
            Condition::PvcWaitsForFirstConsumer,
            Severity::Info,
            format!(
                "Waits for the first pod that uses it, as its class says: claim {name} is bound once such a pod is scheduled"
            ),
            waiting,
        );
    }
    if let Some(seen) = external.filter(|_| case.is_older(created, PROVISIONING_GRACE)) {
        return finish(
            Condition::PvcProvisioningFailed,
            Severity::Critical,
            format!(
                "The provisioner has not answered for {}: claim {name} stays pending",
                age(case.age(created))
            ),
            Some(seen),
        );
    }
    if case.is_recent(created, PROVISIONING_GRACE) {
        return None;
    }
    let last = events.first();
    let why = last.map_or_else(
        || "no event says why".to_owned(),
        |seen| clause(seen.message, 160),
    );
    finish(
        Condition::PvcPending,
        Severity::Critical,
        format!(
            "Not bound for {} ({why}): claim {name} stays pending",
            age(case.age(created))
        ),
        last,
    )
}

/// Whether a volume of this class waits for a claim.
fn is_available(volume: &PersistentVolume, class: &str) -> bool {
    let phase = volume
        .status
        .as_ref()
        .and_then(|status| status.phase.as_deref());
    let own = volume
        .spec
        .as_ref()
        .and_then(|spec| spec.storage_class_name.as_deref())
        .unwrap_or_default();
    phase == Some("Available")
        && own == class
        && volume
            .spec
            .as_ref()
            .is_some_and(|spec| spec.claim_ref.is_none())
}

fn claim_terminating(case: &Case<'_>, claim: &PersistentVolumeClaim) -> Option<Sighting> {
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
    let users: Vec<String> = case
        .view
        .pods
        .in_namespace(namespace)
        .filter(uses)
        .map(|pod| names(&pod.metadata).1.to_owned())
        .collect();
    let finalizers = claim.metadata.finalizers.as_deref().unwrap_or_default();
    let is_protected = finalizers
        .iter()
        .any(|it| it == "kubernetes.io/pvc-protection");
    let cause = if !users.is_empty() {
        format!("{} still uses it", listed(&users, 3))
    } else if is_protected {
        "A pod still uses it (kubernetes.io/pvc-protection)".to_owned()
    } else {
        format!("Finalizer {} has not been removed", listed(finalizers, 3))
    };
    Some(
        terminating(
            claim_object(name),
            namespace,
            format!(
                "{cause}: claim {name} has been deleted {} ago and does not go",
                age(case.age(since))
            ),
            finalizers,
        )
        .since(since)
        .command(commands::describe("PersistentVolumeClaim", name, namespace)),
    )
}

fn terminating(
    object: ObjectRef,
    namespace: &str,
    summary: String,
    finalizers: &[String],
) -> Sighting {
    Sighting::on(
        Condition::PvcStuckTerminating,
        Severity::Warning,
        namespace,
        object,
        summary,
    )
    .says(
        Source::Spec,
        &format!("finalizers: {}", finalizers.join(", ")),
    )
}

fn volume_sighting(case: &Case<'_>, volume: &PersistentVolume) -> Option<Sighting> {
    let name = names(&volume.metadata).1;
    let status = volume.status.as_ref();
    let phase = status
        .and_then(|status| status.phase.as_deref())
        .unwrap_or_default();
    let object = ObjectRef::new("PersistentVolume", name);
    let deleted = volume
        .metadata
        .deletion_timestamp
        .as_ref()
        .map(|time| time.0);
    let claim = volume
        .spec
        .as_ref()
        .and_then(|spec| spec.claim_ref.as_ref())
        .map(|claim| {
            format!(
                "{}/{}",
                claim.namespace.as_deref().unwrap_or_default(),
                claim.name.as_deref().unwrap_or_default()
            )
        });
    let policy = volume
        .spec
        .as_ref()
        .and_then(|spec| spec.persistent_volume_reclaim_policy.as_deref())
        .unwrap_or("Retain");
    let since = status
        .and_then(|status| status.last_phase_transition_time.as_ref())
        .map(|time| time.0);
    let message = status
        .and_then(|status| status.message.as_deref())
        .unwrap_or_default();
    let describe = commands::describe("PersistentVolume", name, "");
    if deleted.is_some() {
        let finalizers = volume.metadata.finalizers.as_deref().unwrap_or_default();
        if case.is_recent(deleted, DELETION_GRACE) {
            return None;
        }
        let cause = if phase == "Bound" {
            format!("It is bound to {}", claim.as_deref().unwrap_or("a claim"))
        } else {
            format!("Finalizer {} has not been removed", listed(finalizers, 3))
        };
        let summary = format!(
            "{cause}: volume {name} has been deleted {} ago and does not go",
            age(case.age(deleted))
        );
        return Some(
            terminating(object, "", summary, finalizers)
                .since(deleted)
                .command(describe),
        );
    }
    let event = case
        .events
        .about("PersistentVolume", "", name, volume.metadata.uid.as_deref())
        .into_iter()
        .find(|seen| seen.is_warning);
    match phase {
        "Failed" => {
            let why = if message.is_empty() {
                event.map_or("no reason given", |seen| seen.message)
            } else {
                message
            };
            Some(
                Sighting::on(
                    Condition::PvcLost,
                    Severity::Critical,
                    "",
                    object,
                    format!(
                        "Reclaiming it failed ({}): volume {name} has failed",
                        clause(why, 160)
                    ),
                )
                .since(since)
                .says(Source::Status, &format!("phase: Failed: {message}"))
                .event(event.as_ref())
                .command(describe),
            )
        }
        "Released" => {
            // Keeping it is what the policy asks for; one that should be deleted takes a moment.
            let is_kept = policy != "Delete";
            if !is_kept && case.is_recent(since, RECLAIM_GRACE) && event.is_none() {
                return None;
            }
            let severity = if is_kept {
                Severity::Info
            } else {
                Severity::Warning
            };
            let what = if is_kept {
                "is kept (Retain) and no new claim can bind it"
            } else {
                "should be deleted and is not"
            };
            Some(
                Sighting::on(
                    Condition::PvReleased,
                    severity,
                    "",
                    object,
                    format!(
                        "Its claim {} is gone: volume {name} {what}",
                        claim.as_deref().unwrap_or("(unknown)")
                    ),
                )
                .since(since)
                .says(Source::Status, &format!("phase: Released {message}"))
                .says(
                    Source::Spec,
                    &format!("persistentVolumeReclaimPolicy: {policy}"),
                )
                .event(event.as_ref())
                .command(describe),
            )
        }
        _ => None,
    }
}
