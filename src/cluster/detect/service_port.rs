//! Services whose target port is on none of their containers.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{Container, Pod, PodSpec, Service, ServicePort, ServiceSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::commands;
use super::owner::names;
use super::service::{Workload, is_over};
use super::sighting::Sighting;
use super::words::listed;
use crate::cluster::finding::{ObjectRef, Severity, Source};
use crate::faq::condition::Condition;

/// A target port that is on no container. A number is only ever declared for information, so it counts as missing only where every
/// container declares its ports and none of its probes uses that number.
pub(super) fn mismatch(
    service: &Service,
    spec: &ServiceSpec,
    behind: &[Workload<'_>],
    pods: &[&Pod],
) -> Option<Sighting> {
    let (namespace, name) = names(&service.metadata);
    let alive: Vec<&PodSpec> = pods
        .iter()
        .filter(|pod| !is_over(pod))
        .filter_map(|pod| pod.spec.as_ref())
        .collect();
    let specs: Vec<&PodSpec> = if alive.is_empty() {
        behind.iter().filter_map(|workload| workload.spec).collect()
    } else {
        alive
    };
    if specs.is_empty() {
        return None;
    }
    let ports = spec.ports.as_deref().unwrap_or_default();
    let missing: Vec<&ServicePort> = ports
        .iter()
        .filter(|port| specs.iter().all(|pod| lacks(pod, port)))
        .collect();
    let wrong = *missing.first()?;
    let target = target(wrong);
    let declared: Vec<String> = specs
        .iter()
        .flat_map(|pod| containers(pod))
        .flat_map(|container| container.ports.iter().flatten())
        .map(|port| match &port.name {
            Some(name) => format!("{} ({name})", port.container_port),
            None => port.container_port.to_string(),
        })
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect();
    let there = if declared.is_empty() {
        "they declare no ports".to_owned()
    } else {
        format!("they have {}", listed(&declared, 4))
    };
    let severity = if missing.len() == ports.len() {
        Severity::Critical
    } else {
        Severity::Warning
    };
    Some(
        Sighting::on(
            Condition::ServicePortMismatch,
            severity,
            namespace,
            ObjectRef::new("Service", name),
            format!("Target port {target} is on no container of its pods ({there}): Service {name} port {} reaches nobody", wrong.port),
        )
        .says(Source::Spec, &format!("port {}, targetPort {target}", wrong.port))
        .says(Source::Spec, &format!("container ports: {}", declared.join(", ")))
        .command(commands::get_yaml("Service", name, namespace)),
    )
}

fn target(port: &ServicePort) -> String {
    match &port.target_port {
        Some(IntOrString::Int(number)) if *number > 0 => number.to_string(),
        Some(IntOrString::String(name)) => name.clone(),
        _ => port.port.to_string(),
    }
}

/// Containers that serve while the pod runs: the main ones and sidecars among the init containers.
fn containers(pod: &PodSpec) -> impl Iterator<Item = &Container> {
    let sidecars = pod
        .init_containers
        .iter()
        .flatten()
        .filter(|container| container.restart_policy.as_deref() == Some("Always"));
    pod.containers.iter().chain(sidecars)
}

fn lacks(pod: &PodSpec, port: &ServicePort) -> bool {
    let protocol = port.protocol.as_deref().unwrap_or("TCP");
    let declares = |number: i32| {
        containers(pod)
            .flat_map(|container| container.ports.iter().flatten())
            .any(|it| {
                it.container_port == number && it.protocol.as_deref().unwrap_or("TCP") == protocol
            })
    };
    match &port.target_port {
        Some(IntOrString::String(name)) if name.parse::<i32>().is_err() => !containers(pod)
            .flat_map(|container| container.ports.iter().flatten())
            .any(|it| {
                it.name.as_deref() == Some(name)
                    && it.protocol.as_deref().unwrap_or("TCP") == protocol
            }),
        other => {
            let number = match other {
                Some(IntOrString::Int(number)) if *number > 0 => *number,
                Some(IntOrString::String(text)) => text.parse().unwrap_or(port.port),
                _ => port.port,
            };
            let all_declare = containers(pod).all(|container| {
                container
                    .ports
                    .as_ref()
                    .is_some_and(|ports| !ports.is_empty())
            });
            let is_probed = containers(pod).any(|container| probes(container, number));
            all_declare && !declares(number) && !is_probed && pod.host_network != Some(true)
        }
    }
}

fn probes(container: &Container, number: i32) -> bool {
    [
        &container.readiness_probe,
        &container.liveness_probe,
        &container.startup_probe,
    ]
    .into_iter()
    .flatten()
    .any(|probe| {
        let is_it = |port: &IntOrString| matches!(port, IntOrString::Int(it) if *it == number);
        probe
            .http_get
            .as_ref()
            .is_some_and(|http| is_it(&http.port))
            || probe
                .tcp_socket
                .as_ref()
                .is_some_and(|tcp| is_it(&tcp.port))
            || probe.grpc.as_ref().is_some_and(|grpc| grpc.port == number)
    })
}
