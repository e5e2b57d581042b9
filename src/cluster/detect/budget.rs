//! Pod disruption budgets that allow no disruption, so that drains wait.

use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::owner::names;
use super::service::{matches, workloads};
use super::sighting::Sighting;
use super::words::{clause, counted};
use super::{Case, commands};
use crate::cluster::finding::{ObjectRef, Severity, Source};
use crate::faq::condition::Condition;

/// Pods that are only just starting are not healthy yet.
const START: i64 = 60;

/// All budgets that allow nothing now.
pub(super) fn sightings(case: &Case<'_>, out: &mut Vec<Sighting>) {
    out.extend(
        case.view
            .disruption_budgets
            .items
            .iter()
            .filter_map(|budget| blocks(case, budget)),
    );
}

fn blocks(case: &Case<'_>, budget: &PodDisruptionBudget) -> Option<Sighting> {
    let (namespace, name) = names(&budget.metadata);
    let (spec, status) = (budget.spec.as_ref()?, budget.status.as_ref()?);
    let expected = status.expected_pods.unwrap_or(0);
    let is_stale = status.observed_generation < budget.metadata.generation;
    // A budget that selects no pod holds nothing back.
    let condition =
        status.conditions.iter().flatten().find(|condition| {
            condition.type_ == "DisruptionAllowed" && condition.status == "False"
        });
    let cannot_count = condition.filter(|condition| condition.reason == "SyncFailed");
    let selects_nothing = expected == 0 && cannot_count.is_none();
    if status.disruptions_allowed.unwrap_or(0) > 0 || selects_nothing || is_stale {
        return None;
    }
    let (healthy, needed) = (
        status.current_healthy.unwrap_or(0),
        status.desired_healthy.unwrap_or(0),
    );
    let since = condition.map(|condition| condition.last_transition_time.0);
    let has_unhealthy = healthy < expected;
    if has_unhealthy
        && case.is_recent(
            since.or(budget
                .metadata
                .creation_timestamp
                .as_ref()
                .map(|time| time.0)),
            START,
        )
    {
        return None;
    }
    let rule = match (&spec.min_available, &spec.max_unavailable) {
        (Some(least), _) => format!("minAvailable {}", text(least)),
        (None, Some(most)) => format!("maxUnavailable {}", text(most)),
        (None, None) => "no rule".to_owned(),
    };
    let pods = counted(usize::try_from(expected).unwrap_or(0), "pod");
    let cause = if let Some(condition) = cannot_count {
        format!(
            "It cannot be computed ({})",
            clause(&condition.message, 160)
        )
    } else if has_unhealthy {
        format!("{healthy} of {pods} healthy and {needed} needed")
    } else if expected == 1 {
        format!("Its only pod is healthy, and {rule} leaves none to spare")
    } else {
        format!("All {pods} are healthy, and {rule} leaves none to spare")
    };
    let mut sighting = Sighting::on(
        Condition::PdbBlocksDisruption,
        Severity::Warning,
        namespace,
        ObjectRef::new("PodDisruptionBudget", name),
        format!("{cause}: disruption budget {name} allows no eviction, so a drain waits"),
    )
    .since(since)
    .says(
        Source::Status,
        &format!("disruptionsAllowed 0, currentHealthy {healthy}, desiredHealthy {needed}, expectedPods {expected}"),
    )
    .says(Source::Spec, &rule)
    .counts(u32::try_from(expected - healthy).ok(), u32::try_from(expected).ok())
    .command(commands::describe("PodDisruptionBudget", name, namespace));
    if has_unhealthy
        && let Some(labels) = spec
            .selector
            .as_ref()
            .and_then(|selector| selector.match_labels.as_ref())
    {
        for workload in
            workloads(case, namespace).filter(|workload| matches(labels, workload.labels))
        {
            sighting = sighting.depends_on(workload.owner);
        }
        for pod in case.view.pods.in_namespace(namespace) {
            if pod
                .metadata
                .labels
                .as_ref()
                .is_some_and(|own| matches(labels, own))
            {
                sighting = sighting.depends_on(case.owners.of_pod(pod));
            }
        }
    }
    Some(sighting)
}

fn text(value: &IntOrString) -> String {
    match value {
        IntOrString::Int(number) => number.to_string(),
        IntOrString::String(text) => text.clone(),
    }
}
