//! What was read of a cluster: the objects that detection judges, with how far each reading reaches.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::Metadata;
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::core::v1::{
    Event, Namespace, Node, PersistentVolume, PersistentVolumeClaim, Pod, ResourceQuota, Service,
};
use k8s_openapi::api::networking::v1::{Ingress, IngressClass};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::api::storage::v1::StorageClass;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::kube_aggregator::pkg::apis::apiregistration::v1::APIService;

/// Where a listing holds everything that there is, so that what it lacks does not exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Coverage {
    /// Everywhere (for objects without a namespace: completely).
    All,
    /// In these namespaces only; none of them means that nothing can be said of what is absent.
    Namespaces(BTreeSet<String>),
}

impl Default for Coverage {
    fn default() -> Self {
        Coverage::Namespaces(BTreeSet::new())
    }
}

/// Objects of one kind as they were read.
#[derive(Debug, Clone)]
pub struct Listing<T> {
    /// The objects, from any number of namespaces.
    pub items: Vec<T>,
    /// Where they are all that there are.
    pub coverage: Coverage,
}

impl<T> Default for Listing<T> {
    fn default() -> Self {
        Listing {
            items: Vec::new(),
            coverage: Coverage::default(),
        }
    }
}

impl<T> Listing<T> {
    /// Whether what this listing lacks in `namespace` does not exist there.
    #[must_use]
    pub fn covers(&self, namespace: &str) -> bool {
        match &self.coverage {
            Coverage::All => true,
            Coverage::Namespaces(names) => names.contains(namespace),
        }
    }

    /// Whether this listing holds every object of its kind.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.coverage == Coverage::All
    }
}

impl<T: Metadata<Ty = ObjectMeta>> Listing<T> {
    /// These objects, in the order of namespace and name.
    #[must_use]
    pub fn new(mut items: Vec<T>, coverage: Coverage) -> Self {
        items.sort_by(|a, b| {
            let key = |item: &T| {
                (
                    item.metadata().namespace.clone(),
                    item.metadata().name.clone(),
                )
            };
            key(a).cmp(&key(b))
        });
        Listing { items, coverage }
    }

    /// All objects of their kind.
    #[must_use]
    pub fn all(items: Vec<T>) -> Self {
        Listing::new(items, Coverage::All)
    }

    /// The objects of one namespace.
    pub fn in_namespace(&self, namespace: &str) -> impl Iterator<Item = &T> {
        self.items.iter().filter(move |item| {
            item.metadata().namespace.as_deref().unwrap_or_default() == namespace
        })
    }

    /// The object of this name in this namespace.
    #[must_use]
    pub fn find(&self, namespace: &str, name: &str) -> Option<&T> {
        self.in_namespace(namespace)
            .find(|item| item.metadata().name.as_deref() == Some(name))
    }
}

/// A Service's namespace and name.
pub type ServiceKey = (String, String);

/// Everything that one look at a cluster brought back. What was not looked at is empty and covers nothing.
#[derive(Debug, Clone, Default)]
pub struct View {
    /// Pods, often only those whose row looked wrong.
    pub pods: Listing<Pod>,
    /// All pods behind those Services that could not be told well without them.
    pub backing_pods: BTreeMap<ServiceKey, Vec<Pod>>,
    /// Events about any of the objects.
    pub events: Vec<Event>,
    /// Deployments.
    pub deployments: Listing<Deployment>,
    /// `ReplicaSet`s, often only those of Deployments that looked wrong.
    pub replica_sets: Listing<ReplicaSet>,
    /// `StatefulSet`s.
    pub stateful_sets: Listing<StatefulSet>,
    /// `DaemonSet`s.
    pub daemon_sets: Listing<DaemonSet>,
    /// Jobs.
    pub jobs: Listing<Job>,
    /// `CronJob`s.
    pub cron_jobs: Listing<CronJob>,
    /// Horizontal pod autoscalers.
    pub autoscalers: Listing<HorizontalPodAutoscaler>,
    /// Pod disruption budgets.
    pub disruption_budgets: Listing<PodDisruptionBudget>,
    /// Services.
    pub services: Listing<Service>,
    /// Ingresses.
    pub ingresses: Listing<Ingress>,
    /// Ingress classes.
    pub ingress_classes: Listing<IngressClass>,
    /// Persistent volume claims.
    pub claims: Listing<PersistentVolumeClaim>,
    /// Persistent volumes.
    pub volumes: Listing<PersistentVolume>,
    /// Storage classes.
    pub storage_classes: Listing<StorageClass>,
    /// Resource quotas.
    pub quotas: Listing<ResourceQuota>,
    /// Nodes.
    pub nodes: Listing<Node>,
    /// Namespaces.
    pub namespaces: Listing<Namespace>,
    /// Registrations of (aggregated) APIs.
    pub api_services: Listing<APIService>,
}
