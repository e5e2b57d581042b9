//! Services that wait for the address of their load balancer.

use k8s_openapi::api::core::v1::Service;

use super::owner::names;
use super::sighting::Sighting;
use super::words::{age, clause};
use super::{Case, commands};
use crate::cluster::finding::{ObjectRef, Severity, Source};
use crate::faq::condition::Condition;

/// A cloud's load balancer takes one to three minutes; before that, waiting is normal, and before this it is not worth a word.
const BALANCER_GRACE: i64 = 45;
const BALANCER_SLOW: i64 = 180;

/// A Service of type `LoadBalancer` that has no address, and why.
pub(super) fn pending(case: &Case<'_>, service: &Service) -> Option<Sighting> {
    let (namespace, name) = names(&service.metadata);
    let spec = service.spec.as_ref()?;
    let has_address = service
        .status
        .as_ref()
        .and_then(|status| status.load_balancer.as_ref()?.ingress.as_ref())
        .is_some_and(|ingress| !ingress.is_empty());
    let has_external = spec
        .external_ips
        .as_ref()
        .is_some_and(|ips| !ips.is_empty());
    if spec.type_.as_deref() != Some("LoadBalancer")
        || has_address
        || has_external
        || service.metadata.deletion_timestamp.is_some()
    {
        return None;
    }
    let created = service
        .metadata
        .creation_timestamp
        .as_ref()
        .map(|time| time.0);
    let failed = case
        .events
        .about("Service", namespace, name, service.metadata.uid.as_deref())
        .into_iter()
        .find(|seen| {
            seen.is_warning
                && (seen.reason.contains("LoadBalancer") || seen.reason.starts_with("Failed"))
        });
    if failed.is_none() && case.is_recent(created, BALANCER_GRACE) {
        return None;
    }
    // A cloud's controller says at once that it has begun; where nobody has, nobody will.
    let has_begun = case
        .events
        .about("Service", namespace, name, service.metadata.uid.as_deref())
        .iter()
        .any(|seen| !seen.is_warning);
    let waits = age(case.age(created));
    let (severity, cause) = match (&failed, has_begun && case.is_recent(created, BALANCER_SLOW)) {
        (Some(seen), _) => (
            Severity::Critical,
            format!(
                "The load balancer cannot be made ({})",
                clause(seen.message, 160)
            ),
        ),
        (None, true) => (
            Severity::Info,
            "The load balancer is still being made".to_owned(),
        ),
        (None, false) => (
            Severity::Critical,
            match spec.load_balancer_class.as_deref() {
                Some(class) => format!("No controller has answered to load balancer class {class}"),
                None if has_begun => "The load balancer is not there yet".to_owned(),
                None => "No controller has given it an address, and no event says why".to_owned(),
            },
        ),
    };
    Some(
        Sighting::on(
            Condition::LoadBalancerPending,
            severity,
            namespace,
            ObjectRef::new("Service", name),
            format!(
                "{cause}: Service {name} has been waiting for its external address for {waits}"
            ),
        )
        .since(created)
        .says(Source::Status, "loadBalancer: no ingress")
        .event(failed.as_ref())
        .command(commands::describe("Service", name, namespace)),
    )
}
