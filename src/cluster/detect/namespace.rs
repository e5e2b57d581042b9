//! Namespaces that have been deleted and do not go.

use k8s_openapi::api::core::v1::{Namespace, NamespaceCondition};

use super::owner::names;
use super::sighting::Sighting;
use super::words::{age, clause, time};
use super::{Case, commands};
use crate::cluster::finding::{ObjectRef, Severity, Source};
use crate::faq::condition::Condition;

/// Pods have 30 s to end, and what uses them follows; a failure that is named counts earlier than plain waiting (seconds).
const NAMED: i64 = 45;
const UNNAMED: i64 = 120;

/// The conditions that say what holds a deletion up, the most telling first.
const TELLING: &[&str] = &[
    "NamespaceDeletionDiscoveryFailure",
    "NamespaceDeletionGroupVersionParsingFailure",
    "NamespaceDeletionContentFailure",
    "NamespaceFinalizersRemaining",
    "NamespaceContentRemaining",
];

/// All namespaces that do not go.
pub(super) fn sightings(case: &Case<'_>, out: &mut Vec<Sighting>) {
    out.extend(
        case.view
            .namespaces
            .items
            .iter()
            .filter_map(|namespace| stuck(case, namespace)),
    );
}

fn stuck(case: &Case<'_>, namespace: &Namespace) -> Option<Sighting> {
    let name = names(&namespace.metadata).1;
    let since = namespace.metadata.deletion_timestamp.as_ref()?.0;
    let conditions: Vec<&NamespaceCondition> = TELLING
        .iter()
        .filter_map(|type_| {
            let all = namespace.status.as_ref()?.conditions.as_ref()?;
            all.iter()
                .find(|condition| condition.type_ == *type_ && condition.status == "True")
        })
        .collect();
    let grace = if conditions.is_empty() {
        UNNAMED
    } else {
        NAMED
    };
    if case.is_recent(Some(since), grace) {
        return None;
    }
    let own_finalizers: Vec<&str> = namespace
        .spec
        .iter()
        .flat_map(|spec| spec.finalizers.iter().flatten())
        .map(String::as_str)
        .filter(|finalizer| *finalizer != "kubernetes")
        .collect();
    let said = |condition: &NamespaceCondition| {
        clause(condition.message.as_deref().unwrap_or_default(), 200)
    };
    let cause = match conditions
        .first()
        .map(|condition| (condition.type_.as_str(), said(condition)))
    {
        Some(("NamespaceDeletionDiscoveryFailure", said)) => {
            format!("An API of the cluster does not answer ({said})")
        }
        Some(("NamespaceFinalizersRemaining", said)) => format!("Finalizers remain ({said})"),
        Some(("NamespaceContentRemaining", said)) => format!("Objects remain ({said})"),
        Some((_, said)) => format!("Its objects cannot be deleted ({said})"),
        None if !own_finalizers.is_empty() => format!(
            "Finalizer {} has not been removed",
            own_finalizers.join(", ")
        ),
        None => "Nothing says what remains".to_owned(),
    };
    let mut sighting = Sighting::on(
        Condition::NamespaceStuckTerminating,
        Severity::Warning,
        "",
        ObjectRef::new("Namespace", name),
        format!(
            "{cause}: namespace {name} was deleted {} ago and does not go",
            age(case.age(Some(since)))
        ),
    )
    .since(Some(since))
    .says(
        Source::Status,
        &format!("deletionTimestamp {}", time(since)),
    )
    .command(commands::get_yaml("Namespace", name, ""));
    for condition in &conditions {
        sighting = sighting.says(
            Source::Status,
            &format!(
                "{}: {}",
                condition.type_,
                condition.message.as_deref().unwrap_or_default()
            ),
        );
    }
    if conditions
        .iter()
        .any(|condition| condition.type_ == "NamespaceDeletionDiscoveryFailure")
    {
        for api in &case.view.api_services.items {
            sighting = sighting.depends_on(ObjectRef::new("APIService", names(&api.metadata).1));
        }
    }
    Some(sighting)
}
