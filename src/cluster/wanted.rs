//! What a lookup makes necessary to read, and which of the findings then answer it.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::Pod;

use super::access::{Reach, Resource};
use super::evidence::{Namespaces, NotChecked, Why};
use super::finding::Finding;
use super::gather::Gathered;
use super::kind::Kind;
use super::lookup::{Lookup, Target, What};
use super::plan;

/// What a lookup makes necessary to read.
pub(super) struct Wanted {
    pub(super) resources: BTreeSet<Resource>,
    pub(super) namespaces: Option<Vec<String>>,
    pub(super) cluster: bool,
    pub(super) named_pod: Option<String>,
}

impl Wanted {
    pub(super) fn new(lookup: &Lookup) -> Self {
        let all: BTreeSet<Resource> = plan::OVERVIEW.iter().copied().collect();
        let mut resources = match &lookup.what {
            What::Conditions(conditions) => plan::resources(conditions),
            What::Object(_) | What::Overview => all,
        };
        let mut namespaces = match &lookup.scope.namespaces {
            Namespaces::All => None,
            Namespaces::Named(names) => {
                Some(names.iter().map(ToString::to_string).collect::<Vec<_>>())
            }
        };
        let cluster = lookup.scope.cluster || namespaces.is_none();
        let mut named_pod = None;
        if let What::Object(target) = &lookup.what {
            if let Some(namespace) = &target.namespace {
                namespaces = Some(vec![namespace.to_string()]);
            }
            if target.kind.is_none_or(|kind| kind == Kind::Pod) {
                named_pod = Some(target.name.to_string());
            }
            // For an object of the cluster nothing in namespaces is read.
            if target
                .kind
                .is_some_and(|kind| kind.resource().access().reach == Reach::Cluster)
            {
                resources.retain(|resource| {
                    resource.access().reach == Reach::Cluster || *resource == Resource::Events
                });
            }
        }
        if plan::are_all_of_the_cluster(&resources) && !cluster {
            resources.clear();
        }
        Wanted {
            resources,
            namespaces,
            cluster,
            named_pod,
        }
    }

    /// Leaves only the findings that were asked for.
    pub(super) fn keep_asked(lookup: &Lookup, gathered: &Gathered, findings: &mut Vec<Finding>) {
        match &lookup.what {
            What::Overview => {}
            What::Conditions(conditions) => {
                findings.retain(|finding| conditions.contains(&finding.condition));
            }
            What::Object(target) => {
                let pods = Self::pods_of(target, gathered);
                let is_about = |finding: &Finding| {
                    let mut objects = finding.objects.iter().chain([&finding.owner]);
                    objects.any(|object| {
                        let kind_fits = target.kind.is_none_or(|kind| kind.name() == object.kind);
                        (kind_fits && object.name == target.name.as_str())
                            || (object.kind == "Pod" && pods.contains(object.name.as_str()))
                    })
                };
                // What causes a finding about the object belongs to the answer, and what causes that.
                let mut asked: BTreeSet<usize> = (0..findings.len())
                    .filter(|index| is_about(&findings[*index]))
                    .collect();
                loop {
                    let causes: BTreeSet<usize> = asked
                        .iter()
                        .filter_map(|index| findings[*index].cause.as_ref())
                        .flat_map(|cause| {
                            let is_it = |finding: &Finding| {
                                finding.condition == cause.condition && finding.owner == cause.owner
                            };
                            (0..findings.len())
                                .filter(|index| is_it(&findings[*index]))
                                .collect::<Vec<_>>()
                        })
                        .collect();
                    let before = asked.len();
                    asked.extend(causes);
                    if asked.len() == before {
                        break;
                    }
                }
                let mut index = 0;
                findings.retain(|_| {
                    index += 1;
                    asked.contains(&(index - 1))
                });
            }
        }
    }

    /// The sick pods of a node or claim that was asked for.
    fn pods_of<'g>(target: &Target, gathered: &'g Gathered) -> BTreeSet<&'g str> {
        let uses_it = |pod: &Pod| {
            let spec = pod.spec.as_ref();
            match target.kind {
                Some(Kind::Node) => {
                    spec.and_then(|spec| spec.node_name.as_deref()) == Some(target.name.as_str())
                }
                Some(Kind::ReplicaSet) => {
                    pod.metadata.owner_references.iter().flatten().any(|owner| {
                        owner.kind == "ReplicaSet" && owner.name == target.name.as_str()
                    })
                }
                _ => false,
            }
        };
        gathered
            .view
            .pods
            .items
            .iter()
            .filter(|pod| uses_it(pod))
            .filter_map(|pod| pod.metadata.name.as_deref())
            .collect()
    }

    /// Says that the object does not exist, where everything that could hold it was read.
    pub(super) fn missing_target(
        &self,
        lookup: &Lookup,
        gathered: &Gathered,
    ) -> Option<NotChecked> {
        let What::Object(target) = &lookup.what else {
            return None;
        };
        let kind = target
            .kind
            .map_or_else(|| "object".to_owned(), |kind| kind.to_string());
        let place = target
            .namespace
            .as_ref()
            .map_or_else(String::new, |namespace| format!(" in {namespace}"));
        let could_not_read = gathered.missed.iter().any(|(read, _)| {
            target
                .kind
                .is_none_or(|kind| kind.resource() == read.resource)
        });
        // A ReplicaSet is read only through its pods.
        let is_listed = target.kind.is_none_or(|kind| {
            self.resources.contains(&kind.resource())
                && (self.cluster || kind.resource().access().reach == Reach::Namespaced)
        });
        if could_not_read || !is_listed || !there(target, gathered).is_empty() {
            return None;
        }
        Some(NotChecked {
            what: format!("{kind} {}{place}", target.name),
            why: Why::NotFound,
            detail: "there is no object of this name where was looked".to_owned(),
        })
    }
}

/// The objects of this name (and kind, where one was said) among what was read, such as `Deployment checkout in shop`.
pub(super) fn there(target: &Target, gathered: &Gathered) -> Vec<String> {
    let name = target.name.as_str();
    let view = &gathered.view;
    let mut found = Vec::new();
    let mut add = |kind: Kind, namespace: Option<&str>| {
        let place = namespace.map_or_else(String::new, |namespace| format!(" in {namespace}"));
        found.push(format!("{} {name}{place}", kind.name()));
    };
    let is_meant = |kind: Kind| target.kind.is_none_or(|wanted| wanted == kind);
    macro_rules! look_among {
        ($($kind:ident $field:ident,)+) => {
            $(if is_meant(Kind::$kind) {
                for item in &view.$field.items {
                    if item.metadata.name.as_deref() == Some(name) {
                        add(Kind::$kind, item.metadata.namespace.as_deref());
                    }
                }
            })+
        };
    }
    if is_meant(Kind::Pod) {
        for (namespace, pods) in &gathered.pod_names {
            if pods.iter().any(|pod| pod == name) {
                add(Kind::Pod, Some(namespace));
            }
        }
    }
    look_among! {
        Deployment deployments,
        ReplicaSet replica_sets,
        StatefulSet stateful_sets,
        DaemonSet daemon_sets,
        Job jobs,
        CronJob cron_jobs,
        Service services,
        Ingress ingresses,
        PersistentVolumeClaim claims,
        HorizontalPodAutoscaler autoscalers,
        PodDisruptionBudget disruption_budgets,
        ResourceQuota quotas,
        Node nodes,
        PersistentVolume volumes,
        Namespace namespaces,
        APIService api_services,
    }
    found
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::cluster::finding::{Cause, ObjectRef, Severity};
    use crate::cluster::lookup::Scope;
    use crate::faq::condition::Condition;

    fn lookup(what: What, cluster: bool) -> Lookup {
        let namespaces = Namespaces::Named(vec!["shop".parse().unwrap()]);
        Lookup {
            what,
            scope: Scope {
                namespaces,
                cluster,
                logs: vec![],
            },
            deadline: Duration::from_secs(2),
        }
    }

    fn finding(condition: Condition, kind: &str, name: &str, cause: Option<Cause>) -> Finding {
        let owner = ObjectRef::new(kind, name);
        Finding {
            condition,
            entry: None,
            severity: Severity::Critical,
            namespace: Some("shop".to_owned()),
            objects: vec![owner.clone()],
            owner,
            containers: vec![],
            affected: 1,
            desired: None,
            since: None,
            summary: String::new(),
            evidence: vec![],
            changed: None,
            commands: vec![],
            cause,
        }
    }

    #[test]
    fn what_causes_a_finding_about_an_object_belongs_to_its_triage() {
        let web = ObjectRef::new("Deployment", "web");
        let caused = |condition, owner: &ObjectRef| {
            Some(Cause {
                condition,
                owner: owner.clone(),
            })
        };
        let mut findings = vec![
            finding(Condition::OomKilled, "Deployment", "web", None),
            finding(
                Condition::CrashLoopBackOff,
                "Deployment",
                "web",
                caused(Condition::OomKilled, &web),
            ),
            finding(
                Condition::ServicePodsNotReady,
                "Service",
                "web",
                caused(Condition::CrashLoopBackOff, &web),
            ),
            finding(Condition::ImageNotFound, "Deployment", "api", None),
        ];
        let target = Target {
            kind: Some(Kind::Service),
            namespace: None,
            name: "web".parse().unwrap(),
        };
        Wanted::keep_asked(
            &lookup(What::Object(target), false),
            &Gathered::default(),
            &mut findings,
        );
        let left: Vec<Condition> = findings.iter().map(|finding| finding.condition).collect();
        assert_eq!(
            left,
            [
                Condition::OomKilled,
                Condition::CrashLoopBackOff,
                Condition::ServicePodsNotReady
            ]
        );
    }

    #[test]
    fn what_a_scope_leaves_out_is_not_read() {
        let nodes = || What::Conditions(vec![Condition::NodeNotReady]);
        assert!(Wanted::new(&lookup(nodes(), false)).resources.is_empty());
        assert!(
            Wanted::new(&lookup(nodes(), true))
                .resources
                .contains(&Resource::Nodes)
        );
        let pods = What::Conditions(vec![Condition::CrashLoopBackOff]);
        assert_eq!(Wanted::new(&lookup(pods, false)).resources.len(), 2);
    }
}
