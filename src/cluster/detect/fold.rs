//! Gathers sightings into one finding for each condition and owner, and tells consequences from causes.

use std::collections::{BTreeMap, BTreeSet};

use super::owner::Standing;
use super::sighting::Sighting;
use super::words::counted;
use super::{Case, Entries, changed};
use crate::cluster::finding::{Cause, EvidenceLine, Finding, ObjectRef, Severity};
use crate::faq::condition::Condition;

/// Most lines of evidence of one finding: enough for a status, its events and two more pods that say something else.
const MAX_EVIDENCE: usize = 8;

/// Most commands of one finding: more are not run.
const MAX_COMMANDS: usize = 4;

/// The findings of these sightings, the worst first, consequences after what is no consequence.
pub(super) fn findings(
    case: &Case<'_>,
    sightings: Vec<Sighting>,
    entries: &Entries,
) -> Vec<Finding> {
    let mut groups: BTreeMap<(Condition, Option<String>, ObjectRef), Vec<Sighting>> =
        BTreeMap::new();
    for sighting in sightings {
        let key = (
            sighting.condition,
            sighting.namespace.clone(),
            sighting.owner.clone(),
        );
        groups.entry(key).or_default().push(sighting);
    }
    let mut gathered: Vec<Gathered> = groups
        .into_values()
        .filter_map(|group| gather(case, group, entries))
        .collect();
    let causes: Vec<Option<Cause>> = gathered
        .iter()
        .map(|consequence| cause_of(consequence, &gathered))
        .collect();
    for (found, cause) in gathered.iter_mut().zip(causes) {
        found.finding.cause = cause;
    }
    let mut findings: Vec<Finding> = gathered.into_iter().map(|found| found.finding).collect();
    findings.sort_by(|a, b| order(a).cmp(&order(b)));
    findings
}

fn order(finding: &Finding) -> impl Ord + use<'_> {
    (
        finding.severity,
        finding.cause.is_some(),
        finding.namespace.as_deref(),
        &finding.owner,
        finding.condition,
    )
}

/// A finding with what is needed to find its cause.
struct Gathered {
    finding: Finding,
    depends_on: BTreeSet<ObjectRef>,
    beside: Option<Condition>,
}

fn gather(case: &Case<'_>, mut group: Vec<Sighting>, entries: &Entries) -> Option<Gathered> {
    group.sort_by(|a, b| {
        (&a.object, &a.container, &a.summary).cmp(&(&b.object, &b.container, &b.summary))
    });
    let severity = group.iter().map(|sighting| sighting.severity).min()?;
    let objects: BTreeSet<ObjectRef> = group
        .iter()
        .map(|sighting| sighting.object.clone())
        .collect();
    let containers: BTreeSet<String> = group
        .iter()
        .filter_map(|sighting| sighting.container.clone())
        .collect();
    // The worst one speaks for all; among equals the first by name.
    let speaker = group.iter().min_by_key(|sighting| sighting.severity)?;
    let others = objects.len().saturating_sub(1);
    let summary = if others == 0 {
        speaker.summary.clone()
    } else {
        format!(
            "{} ({} more alike)",
            speaker.summary,
            counted(others, &speaker.object.kind.to_lowercase())
        )
    };
    let namespace = speaker.namespace.clone();
    let Standing { desired, .. } = case
        .owners
        .standing(namespace.as_deref().unwrap_or_default(), &speaker.owner);
    let affected = speaker
        .affected
        .unwrap_or_else(|| u32::try_from(objects.len()).unwrap_or(u32::MAX));
    let commands = speaker
        .commands
        .iter()
        .take(MAX_COMMANDS)
        .cloned()
        .collect();
    let finding = Finding {
        condition: speaker.condition,
        entry: entries.get(&speaker.condition).cloned(),
        severity,
        changed: changed::of(
            case,
            namespace.as_deref().unwrap_or_default(),
            &speaker.owner,
        ),
        namespace,
        owner: speaker.owner.clone(),
        objects: objects.into_iter().collect(),
        containers: containers.into_iter().collect(),
        affected,
        desired: speaker.desired.or(desired),
        since: group.iter().filter_map(|sighting| sighting.since).min(),
        summary,
        evidence: evidence(speaker, &group),
        commands,
        cause: None,
    };
    Some(Gathered {
        finding,
        depends_on: group
            .iter()
            .flat_map(|sighting| sighting.depends_on.iter().cloned())
            .collect(),
        beside: group.iter().find_map(|sighting| sighting.beside),
    })
}

/// The speaker's lines first, then what others say in other words.
fn evidence(speaker: &Sighting, group: &[Sighting]) -> Vec<EvidenceLine> {
    let mut lines: Vec<EvidenceLine> = Vec::new();
    for line in speaker
        .evidence
        .iter()
        .chain(group.iter().flat_map(|sighting| &sighting.evidence))
    {
        if lines.len() < MAX_EVIDENCE && !lines.contains(line) {
            lines.push(line.clone());
        }
    }
    lines
}

/// How far a condition stands from a first cause. A finding is folded under one of a lower rank, never the other way, so there is
/// no circle. What is not listed is a cause of its own.
fn rank(condition: Condition) -> u8 {
    match condition {
        Condition::LivenessProbeFailing
        | Condition::StartupProbeFailing
        | Condition::PodNodeLost
        | Condition::UnschedulableUnboundClaim
        | Condition::UnschedulableCordoned
        | Condition::VolumeMountFailed
        | Condition::VolumeMultiAttach
        | Condition::NamespaceStuckTerminating
        | Condition::PvcWaitsForFirstConsumer
        | Condition::HpaUnable => 1,
        Condition::InitContainerFailing
        | Condition::PodStuckTerminating
        | Condition::PvcStuckTerminating => 2,
        Condition::SidecarDown => 3,
        Condition::CrashLoopBackOff => 4,
        Condition::ContainerExited => 5,
        Condition::ReadinessProbeFailing | Condition::ReadinessGateUnmet => 6,
        Condition::StatefulSetBlocked
        | Condition::DaemonSetUnavailable
        | Condition::JobFailed
        | Condition::CoreDnsUnhealthy => 7,
        Condition::RolloutStuck | Condition::CronJobMissed => 8,
        Condition::ServicePodsNotReady
        | Condition::ServiceWithoutEndpoints
        | Condition::PdbBlocksDisruption => 9,
        _ => 0,
    }
}

/// The rank from which on a condition is the workload's and follows from whatever any of its pods shows.
const OF_THE_WHOLE_OWNER: u8 = 7;

fn cause_of(consequence: &Gathered, all: &[Gathered]) -> Option<Cause> {
    let own_rank = rank(consequence.finding.condition);
    all.iter()
        .filter(|candidate| {
            let found = &candidate.finding;
            // Nothing follows from what is intended, and nothing from itself.
            found.severity != Severity::Info && explains(candidate, consequence, own_rank)
        })
        .min_by_key(|candidate| (rank(candidate.finding.condition), order(&candidate.finding)))
        .map(|candidate| Cause {
            condition: candidate.finding.condition,
            owner: candidate.finding.owner.clone(),
        })
}

fn explains(candidate: &Gathered, consequence: &Gathered, own_rank: u8) -> bool {
    let (cause, effect) = (&candidate.finding, &consequence.finding);
    let same_owner = cause.namespace == effect.namespace && cause.owner == effect.owner;
    if same_owner && consequence.beside == Some(cause.condition) {
        return true;
    }
    if rank(cause.condition) >= own_rank {
        return false;
    }
    if consequence.depends_on.contains(&cause.owner)
        && (cause.namespace.is_none() || cause.namespace == effect.namespace)
    {
        return true;
    }
    if !same_owner {
        return false;
    }
    if own_rank >= OF_THE_WHOLE_OWNER {
        return true;
    }
    let shares = |a: &[String], b: &[String]| a.iter().any(|name| b.contains(name));
    cause
        .objects
        .iter()
        .any(|object| effect.objects.contains(object))
        && shares(&cause.containers, &effect.containers)
}
