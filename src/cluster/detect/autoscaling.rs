//! Horizontal pod autoscalers that cannot do their work, or are at their limit.

use k8s_openapi::api::autoscaling::v2::{
    HorizontalPodAutoscaler, HorizontalPodAutoscalerCondition,
};

use super::owner::names;
use super::sighting::Sighting;
use super::words::clause;
use super::{Case, commands};
use crate::cluster::finding::{ObjectRef, Severity, Source};
use crate::faq::condition::Condition;

/// Metrics of new pods take a few loops of 15 s to arrive.
const METRICS_GRACE: i64 = 45;

/// All that autoscalers show.
pub(super) fn sightings(case: &Case<'_>, out: &mut Vec<Sighting>) {
    for autoscaler in &case.view.autoscalers.items {
        out.extend(unable(case, autoscaler));
        out.extend(at_maximum(autoscaler));
    }
}

fn condition<'a>(
    autoscaler: &'a HorizontalPodAutoscaler,
    type_: &str,
    status: &str,
) -> Option<&'a HorizontalPodAutoscalerCondition> {
    autoscaler
        .status
        .as_ref()?
        .conditions
        .as_ref()?
        .iter()
        .find(|condition| condition.type_ == type_ && condition.status == status)
}

fn line(condition: &HorizontalPodAutoscalerCondition) -> String {
    format!(
        "{} {}: {}: {}",
        condition.type_,
        condition.status,
        condition.reason.as_deref().unwrap_or_default(),
        condition.message.as_deref().unwrap_or_default()
    )
}

fn unable(case: &Case<'_>, autoscaler: &HorizontalPodAutoscaler) -> Option<Sighting> {
    let (namespace, name) = names(&autoscaler.metadata);
    let scale = condition(autoscaler, "AbleToScale", "False");
    // A target at zero replicas switches its autoscaler off; that is how it is switched off.
    let metrics = condition(autoscaler, "ScalingActive", "False")
        .filter(|condition| condition.reason.as_deref() != Some("ScalingDisabled"));
    let failing = scale.or(metrics)?;
    let since = failing.last_transition_time.as_ref().map(|time| time.0);
    if case.is_recent(since, METRICS_GRACE) {
        return None;
    }
    let target = &autoscaler.spec.scale_target_ref;
    let target = format!("{} {}", target.kind, target.name);
    let said = failing.message.as_deref().unwrap_or_default();
    let cause = match failing.reason.as_deref().unwrap_or_default() {
        "FailedGetScale" => format!("Its target {target} cannot be read ({})", clause(said, 140)),
        "FailedUpdateScale" => format!(
            "Its target {target} cannot be scaled ({})",
            clause(said, 140)
        ),
        "InvalidSelector" => format!("The selector of {target} is not usable"),
        "AmbiguousSelector" => "Another autoscaler selects the same pods".to_owned(),
        "InvalidMetricSourceType" => "A metric of an unknown kind is asked for".to_owned(),
        _ if said.contains("missing request for") => format!(
            "A container of {target} has no request to measure against ({})",
            clause(said, 140)
        ),
        _ if scale.is_some() => format!("It cannot scale ({})", clause(said, 140)),
        _ => format!("It cannot read its metrics ({})", clause(said, 140)),
    };
    let mut sighting = Sighting::on(
        Condition::HpaUnable,
        Severity::Warning,
        namespace,
        ObjectRef::new("HorizontalPodAutoscaler", name),
        format!("{cause}: HPA {name} does not scale {target}"),
    )
    .since(since)
    .says(Source::Status, &line(failing))
    .command(commands::describe(
        "HorizontalPodAutoscaler",
        name,
        namespace,
    ));
    if let (Some(_), Some(metrics)) = (scale, metrics) {
        sighting = sighting.says(Source::Status, &line(metrics));
    }
    if said.contains("metrics.k8s.io") || said.contains("resource metrics API") {
        sighting = sighting
            .depends_on(ObjectRef::new("APIService", "v1beta1.metrics.k8s.io"))
            .command(commands::command(
                &["get", "apiservice", "v1beta1.metrics.k8s.io"],
                "",
            ));
    }
    Some(sighting)
}

fn at_maximum(autoscaler: &HorizontalPodAutoscaler) -> Option<Sighting> {
    let (namespace, name) = names(&autoscaler.metadata);
    let limited = condition(autoscaler, "ScalingLimited", "True")
        .filter(|condition| condition.reason.as_deref() == Some("TooManyReplicas"))?;
    let spec = &autoscaler.spec;
    let maximum = spec.max_replicas;
    let current = autoscaler
        .status
        .as_ref()
        .and_then(|status| status.current_replicas);
    Some(
        Sighting::on(
            Condition::HpaAtMaximum,
            Severity::Warning,
            namespace,
            ObjectRef::new("HorizontalPodAutoscaler", name),
            format!(
                "Wants more than its maximum of {maximum} replicas: HPA {name} of {} {} cannot go higher",
                spec.scale_target_ref.kind, spec.scale_target_ref.name
            ),
        )
        .since(limited.last_transition_time.as_ref().map(|time| time.0))
        .says(Source::Status, &line(limited))
        .says(Source::Spec, &format!("maxReplicas {maximum}"))
        .counts(current.and_then(|count| u32::try_from(count).ok()), u32::try_from(maximum).ok())
        .command(commands::describe("HorizontalPodAutoscaler", name, namespace)),
    )
}
