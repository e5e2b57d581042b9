//! The real names that a finding gives for the placeholders of an entry's commands.

use std::collections::BTreeMap;

use super::finding::{Finding, ObjectRef};
use super::name::{Namespace, ObjectName};

/// The finding's names by placeholder (`pod`, `namespace`, `deployment` …). What could not stand unquoted in a shell is left out.
#[must_use]
pub fn values(finding: &Finding) -> BTreeMap<String, String> {
    let mut values = BTreeMap::new();
    let mut add = |placeholder: &str, name: &str| {
        if name.parse::<ObjectName>().is_ok() {
            values
                .entry(placeholder.to_owned())
                .or_insert_with(|| name.to_owned());
        }
    };
    for ObjectRef { kind, name } in [&finding.owner].into_iter().chain(&finding.objects) {
        if let Some(placeholder) = placeholder(kind) {
            add(placeholder, name);
        }
    }
    if let Some(container) = finding.containers.first() {
        add("container", container);
    }
    if let Some(namespace) = &finding.namespace
        && namespace.parse::<Namespace>().is_ok()
    {
        add("namespace", namespace);
    }
    values
}

fn placeholder(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "Pod" => "pod",
        "Deployment" => "deployment",
        "ReplicaSet" => "replicaset",
        "StatefulSet" => "statefulset",
        "DaemonSet" => "daemonset",
        "Job" => "job",
        "CronJob" => "cronjob",
        "HorizontalPodAutoscaler" => "hpa",
        "PodDisruptionBudget" => "pdb",
        "Service" => "service",
        "Ingress" => "ingress",
        "PersistentVolumeClaim" => "pvc",
        "PersistentVolume" => "pv",
        "ResourceQuota" => "quota",
        "Node" => "node",
        "Namespace" => "namespace",
        "APIService" => "apiservice",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::finding::Severity;
    use crate::faq::condition::Condition;

    #[test]
    fn a_findings_names_stand_for_placeholders_and_what_is_no_name_does_not() {
        let finding = Finding {
            condition: Condition::CrashLoopBackOff,
            entry: None,
            severity: Severity::Critical,
            namespace: Some("shop".to_owned()),
            owner: ObjectRef::new("Deployment", "web"),
            objects: vec![
                ObjectRef::new("Pod", "web-1"),
                ObjectRef::new("Pod", "web-2"),
            ],
            containers: vec!["app; rm -rf /".to_owned()],
            affected: 2,
            desired: None,
            since: None,
            summary: String::new(),
            evidence: vec![],
            changed: None,
            commands: vec![],
            cause: None,
        };
        let values: Vec<String> = values(&finding)
            .into_iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        assert_eq!(values, ["deployment=web", "namespace=shop", "pod=web-1"]);
    }
}
