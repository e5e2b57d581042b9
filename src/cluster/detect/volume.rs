//! Volumes that have failed, are released, or are stuck in deletion.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::PersistentVolume;

use super::event::Seen;
use super::owner::names;
use super::sighting::Sighting;
use super::words::{age, clause, listed};
use super::{Case, commands};
use crate::cluster::finding::{ObjectRef, Severity, Source};
use crate::faq::condition::Condition;

/// Deletion of a volume that nothing holds takes moments (seconds).
const DELETION_GRACE: i64 = 30;

/// A volume whose policy is Delete goes within this time after its claim.
const RECLAIM_GRACE: i64 = 300;

/// All that volumes show.
pub(super) fn sightings(case: &Case<'_>, out: &mut Vec<Sighting>) {
    for volume in &case.view.volumes.items {
        let status = volume.status.as_ref();
        let phase = status
            .and_then(|status| status.phase.as_deref())
            .unwrap_or_default();
        out.extend(match (&volume.metadata.deletion_timestamp, phase) {
            (Some(deleted), _) => terminating(case, volume, deleted.0, phase),
            (None, "Failed") => Some(failed(case, volume)),
            (None, "Released") => released(case, volume),
            (None, _) => None,
        });
    }
}

fn sighting(
    volume: &PersistentVolume,
    condition: Condition,
    severity: Severity,
    summary: String,
) -> Sighting {
    let name = names(&volume.metadata).1;
    let status = volume.status.as_ref();
    let phase = status
        .and_then(|status| status.phase.as_deref())
        .unwrap_or_default();
    let message = status
        .and_then(|status| status.message.as_deref())
        .unwrap_or_default();
    Sighting::on(
        condition,
        severity,
        "",
        ObjectRef::new("PersistentVolume", name),
        summary,
    )
    .since(changed_phase(volume))
    .says(Source::Status, &format!("phase: {phase} {message}"))
    .command(commands::describe("PersistentVolume", name, ""))
}

fn changed_phase(volume: &PersistentVolume) -> Option<Timestamp> {
    let status = volume.status.as_ref()?;
    status
        .last_phase_transition_time
        .as_ref()
        .map(|time| time.0)
}

fn warning<'a>(case: &Case<'a>, volume: &PersistentVolume) -> Option<Seen<'a>> {
    let uid = volume.metadata.uid.as_deref();
    let events = case
        .events
        .about("PersistentVolume", "", names(&volume.metadata).1, uid);
    events.into_iter().find(|seen| seen.is_warning)
}

/// Namespace and name of the claim that a volume belongs to.
fn claim(volume: &PersistentVolume) -> String {
    let claim = volume
        .spec
        .as_ref()
        .and_then(|spec| spec.claim_ref.as_ref());
    claim.map_or_else(
        || "(unknown)".to_owned(),
        |claim| {
            let part = |text: &Option<String>| text.clone().unwrap_or_default();
            format!("{}/{}", part(&claim.namespace), part(&claim.name))
        },
    )
}

fn terminating(
    case: &Case<'_>,
    volume: &PersistentVolume,
    deleted: Timestamp,
    phase: &str,
) -> Option<Sighting> {
    if case.is_recent(Some(deleted), DELETION_GRACE) {
        return None;
    }
    let name = names(&volume.metadata).1;
    let finalizers = volume.metadata.finalizers.as_deref().unwrap_or_default();
    let cause = if phase == "Bound" {
        format!("It is bound to {}", claim(volume))
    } else {
        format!("Finalizer {} has not been removed", listed(finalizers, 3))
    };
    let since = age(case.age(Some(deleted)));
    let summary = format!("{cause}: volume {name} has been deleted {since} ago and does not go");
    Some(
        sighting(
            volume,
            Condition::PvcStuckTerminating,
            Severity::Warning,
            summary,
        )
        .since(Some(deleted))
        .says(
            Source::Spec,
            &format!("finalizers: {}", finalizers.join(", ")),
        ),
    )
}

fn failed(case: &Case<'_>, volume: &PersistentVolume) -> Sighting {
    let event = warning(case, volume);
    let status = volume.status.as_ref();
    let said = status
        .and_then(|status| status.message.as_deref())
        .filter(|said| !said.is_empty());
    let why = said
        .or(event.map(|seen| seen.message))
        .unwrap_or("no reason given");
    let name = names(&volume.metadata).1;
    let summary = format!(
        "Reclaiming it failed ({}): volume {name} has failed",
        clause(why, 160)
    );
    sighting(volume, Condition::PvcLost, Severity::Critical, summary).event(event.as_ref())
}

/// Keeping a volume is what the policy Retain asks for; one that should be deleted takes a moment.
fn released(case: &Case<'_>, volume: &PersistentVolume) -> Option<Sighting> {
    let spec = volume.spec.as_ref();
    let policy = spec.and_then(|spec| spec.persistent_volume_reclaim_policy.as_deref());
    let policy = policy.unwrap_or("Retain");
    let event = warning(case, volume);
    let is_kept = policy != "Delete";
    if !is_kept && event.is_none() && case.is_recent(changed_phase(volume), RECLAIM_GRACE) {
        return None;
    }
    let (severity, what) = if is_kept {
        (
            Severity::Info,
            "is kept (Retain) and no new claim can bind it",
        )
    } else {
        (Severity::Warning, "should be deleted and is not")
    };
    let name = names(&volume.metadata).1;
    let summary = format!("Its claim {} is gone: volume {name} {what}", claim(volume));
    Some(
        sighting(volume, Condition::PvReleased, severity, summary)
            .says(
                Source::Spec,
                &format!("persistentVolumeReclaimPolicy: {policy}"),
            )
            .event(event.as_ref()),
    )
}
