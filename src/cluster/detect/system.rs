//! What the cluster itself needs: quotas, aggregated APIs, DNS.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::ResourceQuota;
use k8s_openapi::kube_aggregator::pkg::apis::apiregistration::v1::APIService;

use super::owner::names;
use super::sighting::Sighting;
use super::words::{clause, listed};
use super::{Case, commands, quantity};
use crate::cluster::finding::{ObjectRef, Severity, Source};
use crate::faq::condition::Condition;

/// An aggregated API is asked again every few seconds while its backend starts.
const START: i64 = 30;

/// All that quotas, aggregated APIs and DNS show.
pub(super) fn sightings(case: &Case<'_>, out: &mut Vec<Sighting>) {
    out.extend(case.view.quotas.items.iter().filter_map(exhausted));
    out.extend(
        case.view
            .api_services
            .items
            .iter()
            .filter_map(|api| unavailable(case, api)),
    );
    out.extend(
        case.view
            .deployments
            .items
            .iter()
            .filter_map(|deployment| dns(case, deployment)),
    );
}

fn exhausted(quota: &ResourceQuota) -> Option<Sighting> {
    let (namespace, name) = names(&quota.metadata);
    let status = quota.status.as_ref()?;
    let (used, hard) = (status.used.as_ref()?, status.hard.as_ref()?);
    let full: Vec<(String, String)> = hard
        .iter()
        .filter_map(|(resource, hard)| {
            let used = used.get(resource)?;
            quantity::is_used_up(&used.0, &hard.0).then(|| {
                (
                    resource.clone(),
                    format!("{resource} {} of {}", used.0, hard.0),
                )
            })
        })
        .collect();
    let (resources, lines): (Vec<String>, Vec<String>) = full.into_iter().unzip();
    if resources.is_empty() {
        return None;
    }
    let mut sighting = Sighting::on(
        Condition::QuotaExhausted,
        Severity::Warning,
        namespace,
        ObjectRef::new("ResourceQuota", name),
        format!(
            "Used up: {} of quota {name}, so nothing more of it can be created",
            listed(&lines, 3)
        ),
    )
    .command(commands::describe("ResourceQuota", name, namespace));
    for line in lines.iter().take(6) {
        sighting = sighting.says(Source::Status, &format!("used {line}"));
    }
    Some(sighting)
}

fn unavailable(case: &Case<'_>, api: &APIService) -> Option<Sighting> {
    let name = names(&api.metadata).1;
    // Those without a Service are the API server's own.
    let service = api.spec.as_ref()?.service.as_ref()?;
    let down = api
        .status
        .as_ref()?
        .conditions
        .as_ref()?
        .iter()
        .find(|condition| condition.type_ == "Available" && condition.status == "False")?;
    let since = down.last_transition_time.as_ref().map(|time| time.0);
    if case.is_recent(since, START) {
        return None;
    }
    let backend = format!(
        "{}/{}",
        service.namespace.as_deref().unwrap_or_default(),
        service.name.as_deref().unwrap_or_default()
    );
    let reason = down.reason.as_deref().unwrap_or_default();
    let said = down.message.as_deref().unwrap_or_default();
    let cause = match reason {
        "ServiceNotFound" => format!("Its Service {backend} does not exist"),
        "MissingEndpoints" | "EndpointsNotFound" => {
            format!("Its Service {backend} has no endpoints")
        }
        "ServicePortError" | "ServiceAccessError" | "EndpointsAccessError" => format!(
            "Its Service {backend} cannot be used ({})",
            clause(said, 140)
        ),
        _ => format!(
            "Its backend {backend} does not answer ({})",
            clause(said, 140)
        ),
    };
    Some(
        Sighting::on(
            Condition::ApiServiceUnavailable,
            Severity::Critical,
            "",
            ObjectRef::new("APIService", name),
            format!("{cause}: the aggregated API {name} is not available"),
        )
        .since(since)
        .says(
            Source::Status,
            &format!("Available False: {reason}: {said}"),
        )
        .command(commands::describe("APIService", name, ""))
        .command(
            service
                .namespace
                .as_deref()
                .and_then(|namespace| commands::command(&["get", "pods"], namespace)),
        ),
    )
}

/// Whether this is the cluster's DNS: kept under this label since kube-dns.
fn is_dns(deployment: &Deployment) -> bool {
    let label = deployment
        .metadata
        .labels
        .as_ref()
        .and_then(|labels| labels.get("k8s-app"));
    names(&deployment.metadata).0 == "kube-system" && label.is_some_and(|label| label == "kube-dns")
}

fn dns(case: &Case<'_>, deployment: &Deployment) -> Option<Sighting> {
    if !is_dns(deployment) {
        return None;
    }
    let (namespace, name) = names(&deployment.metadata);
    let status = deployment.status.as_ref()?;
    let desired = deployment
        .spec
        .as_ref()
        .map_or(1, |spec| spec.replicas.unwrap_or(1));
    let ready = status.ready_replicas.unwrap_or(0);
    let created = deployment
        .metadata
        .creation_timestamp
        .as_ref()
        .map(|time| time.0);
    // A surge or a replaced pod is away for moments; as long as the controller calls the Deployment available, DNS answers.
    let available = status
        .conditions
        .iter()
        .flatten()
        .find(|condition| condition.type_ == "Available");
    let is_rolling = ready > 0
        && available.is_some_and(|condition| condition.status == "True")
        && status.conditions.iter().flatten().any(|condition| {
            let updated = condition
                .last_update_time
                .as_ref()
                .or(condition.last_transition_time.as_ref())
                .map(|time| time.0);
            condition.type_ == "Progressing"
                && condition.reason.as_deref() != Some("ProgressDeadlineExceeded")
                && case.is_recent(updated, 60)
        });
    if (ready >= desired && desired > 0) || is_rolling || case.is_recent(created, 60) {
        return None;
    }
    let cause = if desired == 0 {
        "Scaled to zero".to_owned()
    } else if ready == 0 {
        "No pod is ready".to_owned()
    } else {
        format!("Only {ready} of {desired} pods are ready")
    };
    let severity = if ready == 0 {
        Severity::Critical
    } else {
        Severity::Warning
    };
    let count = |number: i32| u32::try_from(number).ok();
    Some(
        Sighting::on(
            Condition::CoreDnsUnhealthy,
            severity,
            namespace,
            ObjectRef::new("Deployment", name),
            format!("{cause}: names in the cluster may not be resolved (Deployment {name})"),
        )
        .since(
            available
                .filter(|condition| condition.status != "True")
                .and_then(|condition| condition.last_transition_time.as_ref())
                .map(|time| time.0),
        )
        .says(
            Source::Status,
            &format!("replicas {desired}, readyReplicas {ready}"),
        )
        .counts(count(desired - ready), count(desired))
        .command(commands::command(
            &["get", "pods", "-l", "k8s-app=kube-dns"],
            namespace,
        ))
        .command(commands::describe("Deployment", name, namespace)),
    )
}
