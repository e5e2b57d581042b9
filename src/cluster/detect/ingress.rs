//! Ingresses without a class that anybody serves, or with a backend that is not there.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::networking::v1::{Ingress, IngressBackend, IngressServiceBackend};

use super::owner::names;
use super::sighting::Sighting;
use super::words::listed;
use super::{Case, commands};
use crate::cluster::finding::{ObjectRef, Severity, Source};
use crate::faq::condition::Condition;

/// How classes were named before `spec.ingressClassName`; some controllers answer to such a name without an `IngressClass`.
const OLD_CLASS: &str = "kubernetes.io/ingress.class";

/// The annotation on an `IngressClass` that makes it the default.
const DEFAULT_CLASS: &str = "ingressclass.kubernetes.io/is-default-class";

/// All that Ingresses show.
pub(super) fn sightings(case: &Case<'_>, out: &mut Vec<Sighting>) {
    for ingress in &case.view.ingresses.items {
        if ingress.metadata.deletion_timestamp.is_none() {
            out.extend(class_missing(case, ingress));
            out.extend(backend_missing(case, ingress));
        }
    }
}

fn class_missing(case: &Case<'_>, ingress: &Ingress) -> Option<Sighting> {
    let (namespace, name) = names(&ingress.metadata);
    let spec = ingress.spec.as_ref()?;
    let classes = &case.view.ingress_classes;
    let has_address = ingress
        .status
        .as_ref()
        .and_then(|status| status.load_balancer.as_ref()?.ingress.as_ref())
        .is_some_and(|addresses| !addresses.is_empty());
    let has_old_class = ingress
        .metadata
        .annotations
        .as_ref()
        .is_some_and(|annotations| annotations.contains_key(OLD_CLASS));
    // Whoever gave it an address serves it.
    if !classes.is_complete() || has_address {
        return None;
    }
    let named = spec
        .ingress_class_name
        .as_deref()
        .filter(|class| !class.is_empty());
    let exists = |class: &str| {
        classes
            .items
            .iter()
            .any(|it| it.metadata.name.as_deref() == Some(class))
    };
    let has_default = classes.items.iter().any(|it| {
        it.metadata.annotations.as_ref().is_some_and(|annotations| {
            annotations
                .get(DEFAULT_CLASS)
                .is_some_and(|value| value == "true")
        })
    });
    let (cause, said) = match named {
        Some(class) if !exists(class) => (
            format!("Ingress class {class} does not exist"),
            format!("ingressClassName: {class}"),
        ),
        None if !has_old_class && !has_default => (
            "It names no ingress class and none is the default".to_owned(),
            "no ingressClassName".to_owned(),
        ),
        _ => return None,
    };
    let there: Vec<&str> = classes
        .items
        .iter()
        .map(|it| names(&it.metadata).1)
        .collect();
    let there = if there.is_empty() {
        "there are no classes".to_owned()
    } else {
        format!("classes: {}", listed(&there, 5))
    };
    Some(
        Sighting::on(
            Condition::IngressClassMissing,
            Severity::Critical,
            namespace,
            ObjectRef::new("Ingress", name),
            format!("{cause}: no controller serves Ingress {name}"),
        )
        .since(
            ingress
                .metadata
                .creation_timestamp
                .as_ref()
                .map(|time| time.0),
        )
        .says(Source::Spec, &said)
        .says(Source::Status, &there)
        .command(commands::command(&["get", "ingressclasses"], ""))
        .command(commands::describe("Ingress", name, namespace)),
    )
}

fn backends(ingress: &Ingress) -> Vec<&IngressServiceBackend> {
    let spec = ingress.spec.iter();
    let default: Vec<&IngressBackend> = spec
        .clone()
        .filter_map(|spec| spec.default_backend.as_ref())
        .collect();
    let of_rules = spec
        .flat_map(|spec| spec.rules.iter().flatten())
        .filter_map(|rule| rule.http.as_ref())
        .flat_map(|http| &http.paths)
        .map(|path| &path.backend);
    default
        .into_iter()
        .chain(of_rules)
        .filter_map(|backend| backend.service.as_ref())
        .collect()
}

fn backend_missing(case: &Case<'_>, ingress: &Ingress) -> Option<Sighting> {
    let (namespace, name) = names(&ingress.metadata);
    if !case.view.services.covers(namespace) {
        return None;
    }
    let all = backends(ingress);
    let wrong: BTreeSet<String> = all
        .iter()
        .filter_map(|backend| trouble(case, namespace, backend))
        .collect();
    let first = wrong.first()?.clone();
    let severity = if wrong.len() >= all.len().min(1)
        && all
            .iter()
            .all(|backend| trouble(case, namespace, backend).is_some())
    {
        Severity::Critical
    } else {
        Severity::Warning
    };
    let mut sighting = Sighting::on(
        Condition::IngressBackendMissing,
        severity,
        namespace,
        ObjectRef::new("Ingress", name),
        format!("{first}: a path of Ingress {name} leads nowhere"),
    )
    .command(commands::describe("Ingress", name, namespace))
    .command(commands::command(&["get", "services"], namespace));
    for trouble in wrong.iter().take(4) {
        sighting = sighting.says(Source::Spec, trouble);
    }
    Some(sighting)
}

/// What is wrong with a backend; none where nothing is.
fn trouble(case: &Case<'_>, namespace: &str, backend: &IngressServiceBackend) -> Option<String> {
    let port = backend.port.as_ref();
    // The AWS controller's actions stand in annotations under a Service's name.
    if port.and_then(|port| port.name.as_deref()) == Some("use-annotation") {
        return None;
    }
    let Some(service) = case.view.services.find(namespace, &backend.name) else {
        return Some(format!("Service {} does not exist", backend.name));
    };
    let number = port
        .and_then(|port| port.number)
        .filter(|number| *number != 0);
    let named = port
        .and_then(|port| port.name.as_deref())
        .filter(|name| !name.is_empty());
    match (number, named) {
        (Some(number), _) if !has_port(service, |port, _| port == number) => {
            Some(format!("Service {} has no port {number}", backend.name))
        }
        (None, Some(named)) if !has_port(service, |_, name| name == Some(named)) => Some(format!(
            "Service {} has no port named {named}",
            backend.name
        )),
        _ => None,
    }
}

fn has_port(service: &Service, is_it: impl Fn(i32, Option<&str>) -> bool) -> bool {
    let Some(spec) = &service.spec else {
        return true;
    };
    // Where an external name leads is not the cluster's to know.
    spec.type_.as_deref() == Some("ExternalName")
        || spec
            .ports
            .iter()
            .flatten()
            .any(|port| is_it(port.port, port.name.as_deref()))
}
