//! Services that nobody serves, point at a port that is not there, or wait for their load balancer.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Container, Pod, PodSpec, PodTemplateSpec, Service, ServiceSpec};

use super::owner::{Standing, names};
use super::pod_case::is_ready;
use super::sighting::Sighting;
use super::words::{counted, listed};
use super::{Case, commands, load_balancer, service_port};
use crate::cluster::finding::{ObjectRef, Severity, Source};
use crate::faq::condition::Condition;

/// Pods that are this young (seconds) may still become ready, and endpoints follow pods within moments.
const START: i64 = 60;

type Labels = BTreeMap<String, String>;

/// A workload's pod template, as Services see it.
pub(super) struct Workload<'a> {
    pub(super) owner: ObjectRef,
    pub(super) labels: &'a Labels,
    pub(super) spec: Option<&'a PodSpec>,
    standing: Standing,
}

/// All workloads of a namespace that were read and have labels.
pub(super) fn workloads<'a>(
    case: &'a Case<'_>,
    namespace: &'a str,
) -> impl Iterator<Item = Workload<'a>> {
    let view = case.view;
    let deployments = view.deployments.in_namespace(namespace).filter_map(|it| {
        Some((
            "Deployment",
            names(&it.metadata).1,
            &it.spec.as_ref()?.template,
        ))
    });
    let stateful_sets = view.stateful_sets.in_namespace(namespace).filter_map(|it| {
        Some((
            "StatefulSet",
            names(&it.metadata).1,
            &it.spec.as_ref()?.template,
        ))
    });
    let daemon_sets = view.daemon_sets.in_namespace(namespace).filter_map(|it| {
        Some((
            "DaemonSet",
            names(&it.metadata).1,
            &it.spec.as_ref()?.template,
        ))
    });
    deployments
        .chain(stateful_sets)
        .chain(daemon_sets)
        .filter_map(move |(kind, name, template): (_, _, &PodTemplateSpec)| {
            let owner = ObjectRef::new(kind, name);
            Some(Workload {
                labels: template.metadata.as_ref()?.labels.as_ref()?,
                spec: template.spec.as_ref(),
                standing: case.owners.standing(namespace, &owner),
                owner,
            })
        })
}

/// Whether labels satisfy a selector; an empty one selects nothing here.
pub(super) fn matches(selector: &Labels, labels: &Labels) -> bool {
    !selector.is_empty()
        && selector
            .iter()
            .all(|(key, value)| labels.get(key) == Some(value))
}

/// The Services whose pods have to be read before anything can be said of them: no workload's status shows that they are served.
/// Each with its selector.
pub(crate) fn doubtful(
    view: &crate::cluster::view::View,
) -> Vec<(crate::cluster::view::ServiceKey, Labels)> {
    let case = Case {
        view,
        events: super::event::EventIndex::new(&[]),
        owners: super::owner::Owners::new(view),
        now: jiff::Timestamp::UNIX_EPOCH,
    };
    view.services
        .items
        .iter()
        .filter_map(|service| {
            let (namespace, name) = names(&service.metadata);
            let selector = selector(service)?;
            let is_served = workloads(&case, namespace).any(|workload| {
                matches(selector, workload.labels) && workload.standing.ready.unwrap_or(0) > 0
            });
            (!is_served).then(|| ((namespace.to_owned(), name.to_owned()), selector.clone()))
        })
        .collect()
}

/// The selector of a Service that the cluster itself fills: none for `ExternalName` and for Services without selector.
fn selector(service: &Service) -> Option<&Labels> {
    let spec = service.spec.as_ref()?;
    if spec.type_.as_deref() == Some("ExternalName")
        || service.metadata.deletion_timestamp.is_some()
    {
        return None;
    }
    spec.selector
        .as_ref()
        .filter(|selector| !selector.is_empty())
}

/// All that Services show.
pub(super) fn sightings(case: &Case<'_>, out: &mut Vec<Sighting>) {
    for service in &case.view.services.items {
        out.extend(load_balancer::pending(case, service));
        if let (Some(spec), Some(selector)) = (&service.spec, selector(service)) {
            served(case, service, spec, selector, out);
        }
    }
}

fn served(
    case: &Case<'_>,
    service: &Service,
    spec: &ServiceSpec,
    selector: &Labels,
    out: &mut Vec<Sighting>,
) {
    let (namespace, name) = names(&service.metadata);
    let behind: Vec<Workload<'_>> = workloads(case, namespace)
        .filter(|workload| matches(selector, workload.labels))
        .collect();
    let pods = pods_behind(case, namespace, name, selector);
    let is_served = behind
        .iter()
        .any(|workload| workload.standing.ready.unwrap_or(0) > 0);
    let before = out.len();
    // Nobody connects to a headless Service: it gives names to pods, where there are any, and maps no ports.
    let is_headless = spec.cluster_ip.as_deref() == Some("None");
    if !is_served && let Some(pods) = &pods {
        if !is_headless {
            out.extend(without_endpoints(case, service, selector, &behind, pods));
        }
        if out.len() == before && spec.publish_not_ready_addresses != Some(true) {
            out.extend(not_ready(case, service, selector, pods));
        }
    }
    if out.len() == before && !is_headless {
        out.extend(service_port::mismatch(
            service,
            spec,
            &behind,
            pods.as_deref().unwrap_or_default(),
        ));
    }
}

/// All pods that a Service selects; none where they were not read completely.
fn pods_behind<'a>(
    case: &Case<'a>,
    namespace: &str,
    name: &str,
    selector: &Labels,
) -> Option<Vec<&'a Pod>> {
    if let Some(pods) = case
        .view
        .backing_pods
        .get(&(namespace.to_owned(), name.to_owned()))
    {
        return Some(pods.iter().collect());
    }
    case.view.pods.covers(namespace).then(|| {
        case.view
            .pods
            .in_namespace(namespace)
            .filter(|pod| {
                pod.metadata
                    .labels
                    .as_ref()
                    .is_some_and(|labels| matches(selector, labels))
            })
            .collect()
    })
}

/// Completed and failed pods get no traffic.
pub(super) fn is_over(pod: &Pod) -> bool {
    let phase = pod
        .status
        .as_ref()
        .and_then(|status| status.phase.as_deref());
    matches!(phase, Some("Succeeded" | "Failed"))
}

fn written(selector: &Labels) -> String {
    let pairs: Vec<String> = selector
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    pairs.join(",")
}

fn without_endpoints(
    case: &Case<'_>,
    service: &Service,
    selector: &Labels,
    behind: &[Workload<'_>],
    pods: &[&Pod],
) -> Option<Sighting> {
    let (namespace, name) = names(&service.metadata);
    if pods.iter().any(|pod| !is_over(pod)) {
        return None;
    }
    let selector = written(selector);
    let at_zero: Vec<String> = behind
        .iter()
        .filter(|workload| workload.standing.desired == Some(0))
        .map(|workload| workload.owner.to_string())
        .collect();
    let (severity, cause) = if !at_zero.is_empty() && at_zero.len() == behind.len() {
        (
            Severity::Info,
            format!("Scaled to zero is {}", listed(&at_zero, 2)),
        )
    } else if !behind.is_empty() {
        let owners: Vec<String> = behind
            .iter()
            .map(|workload| workload.owner.to_string())
            .collect();
        (
            Severity::Critical,
            format!("{} has no pods", listed(&owners, 2)),
        )
    } else if pods.is_empty() {
        (
            Severity::Critical,
            format!("The selector {selector} matches no pod"),
        )
    } else {
        (
            Severity::Critical,
            format!("The selector {selector} matches only pods that have ended"),
        )
    };
    // A workload that has just been made has no pods yet.
    let created = service
        .metadata
        .creation_timestamp
        .as_ref()
        .map(|time| time.0);
    if !behind.is_empty() && severity == Severity::Critical && case.is_recent(created, START) {
        return None;
    }
    let mut sighting = Sighting::on(
        Condition::ServiceWithoutEndpoints,
        severity,
        namespace,
        ObjectRef::new("Service", name),
        format!("{cause}: Service {name} has no endpoints"),
    )
    .says(Source::Spec, &format!("selector: {selector}"))
    .says(
        Source::Status,
        &format!(
            "{} selected, {} of them over",
            counted(pods.len(), "pod"),
            pods.len()
        ),
    )
    .command(commands::command(
        &[
            "get",
            "endpointslices",
            "-l",
            &format!("kubernetes.io/service-name={name}"),
        ],
        namespace,
    ))
    .command(commands::command(
        &["get", "pods", "--show-labels"],
        namespace,
    ));
    for workload in behind {
        sighting = sighting.depends_on(workload.owner.clone());
    }
    Some(sighting)
}

fn not_ready(
    case: &Case<'_>,
    service: &Service,
    selector: &Labels,
    pods: &[&Pod],
) -> Option<Sighting> {
    let (namespace, name) = names(&service.metadata);
    // Pods that are on their way out, within their grace period, are being replaced or scaled down; the others tell.
    let goes = |pod: &Pod| {
        let deadline = pod.metadata.deletion_timestamp.as_ref().map(|time| time.0);
        deadline.is_some_and(|deadline| deadline > case.now)
    };
    let alive: Vec<&&Pod> = pods
        .iter()
        .filter(|pod| !is_over(pod) && !goes(pod))
        .collect();
    if alive.is_empty()
        || alive
            .iter()
            .any(|pod| is_ready(pod) && pod.metadata.deletion_timestamp.is_none())
    {
        return None;
    }
    // What starts is well, as long as nothing has failed yet.
    let is_starting = |pod: &Pod| {
        let status = pod.status.as_ref();
        let started = status
            .and_then(|status| status.start_time.as_ref())
            .or(pod.metadata.creation_timestamp.as_ref())
            .map(|time| time.0);
        let containers = status
            .and_then(|status| status.container_statuses.as_deref())
            .unwrap_or_default();
        let failed = containers.iter().any(|container| {
            container.restart_count > 0
                || container
                    .state
                    .as_ref()
                    .and_then(|state| state.waiting.as_ref()?.reason.as_deref())
                    .is_some_and(|reason| {
                        !matches!(reason, "ContainerCreating" | "PodInitializing")
                    })
        });
        !failed && case.is_recent(started, start_grace(pod))
    };
    if alive.iter().any(|pod| is_starting(pod)) {
        return None;
    }
    let since = alive
        .iter()
        .filter_map(|pod| {
            super::pod_case::condition(pod, "Ready")?
                .last_transition_time
                .as_ref()
        })
        .map(|time| time.0)
        .max();
    let mut sighting = Sighting::on(
        Condition::ServicePodsNotReady,
        Severity::Critical,
        namespace,
        ObjectRef::new("Service", name),
        format!("No pod is ready of the {} that its selector matches: Service {name} has nobody to send traffic to", alive.len()),
    )
    .since(since)
    .says(Source::Spec, &format!("selector: {}", written(selector)))
    .command(commands::command(&["get", "pods", "-l", &written(selector)], namespace))
    .command(commands::command(&["get", "endpointslices", "-l", &format!("kubernetes.io/service-name={name}")], namespace));
    let count = u32::try_from(alive.len()).ok();
    sighting = sighting.counts(count, count);
    for pod in alive {
        sighting = sighting.depends_on(case.owners.of_pod(pod));
        if let Some(ready) =
            super::pod_case::condition(pod, "Ready").filter(|_| sighting.evidence.len() < 4)
        {
            let text = format!(
                "{}: Ready {}: {}: {}",
                names(&pod.metadata).1,
                ready.status,
                ready.reason.as_deref().unwrap_or_default(),
                ready.message.as_deref().unwrap_or_default()
            );
            sighting = sighting.says(Source::Status, &text);
        }
    }
    Some(sighting)
}

/// How long a pod may take to become ready, by the delays of its own readiness and startup probes (seconds).
fn start_grace(pod: &Pod) -> i64 {
    let delay = |container: &Container| {
        let readiness = container
            .readiness_probe
            .as_ref()
            .and_then(|probe| probe.initial_delay_seconds)
            .unwrap_or(0);
        let startup = container.startup_probe.as_ref().map_or(0, |probe| {
            probe.initial_delay_seconds.unwrap_or(0)
                + probe
                    .period_seconds
                    .unwrap_or(10)
                    .saturating_mul(probe.failure_threshold.unwrap_or(3))
        });
        i64::from(readiness.max(0)) + i64::from(startup.max(0))
    };
    let slowest = pod
        .spec
        .iter()
        .flat_map(|spec| &spec.containers)
        .map(delay)
        .max()
        .unwrap_or(0);
    START.max(slowest + 30)
}
