//! The closed list of what the bot may ask an API server: whatever is not in this table cannot be asked.
//!
//! The chart's RBAC rules, the README's table and `doctor` are made from it. No Secret, no `ConfigMap`, no write but the
//! [`EXCEPTIONS`]. What every signed-in user may do anyway (ask for the server's version, review one's own rights) needs no rule.

use std::fmt;

/// What may be done with a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verb {
    /// Read one object by its name.
    Get,
    /// Read all objects, or those that a selector names.
    List,
}

impl Verb {
    /// The verb as RBAC rules write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Verb::Get => "get",
            Verb::List => "list",
        }
    }
}

/// Whether a resource lives in namespaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reach {
    /// In namespaces: a Role suffices.
    Namespaced,
    /// In the cluster as a whole: it takes a `ClusterRole`, and is read only where a scope includes the cluster.
    Cluster,
}

/// One line of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Access {
    /// Which resource.
    pub resource: Resource,
    /// The API group; empty for the core group.
    pub group: &'static str,
    /// The version that is asked for.
    pub version: &'static str,
    /// The resource's name in addresses and rules.
    pub plural: &'static str,
    /// The subresource, such as `log`; empty for the object itself.
    pub subresource: &'static str,
    /// What is done with it.
    pub verbs: &'static [Verb],
    /// Where it lives.
    pub reach: Reach,
    /// Whether the bot works without it: the chart grants it only on request.
    pub is_optional: bool,
}

impl Access {
    /// The resource as RBAC rules write it: `pods`, `pods/log`.
    #[must_use]
    pub fn rule_resource(&self) -> String {
        if self.subresource.is_empty() {
            self.plural.to_owned()
        } else {
            format!("{}/{}", self.plural, self.subresource)
        }
    }

    /// The rule that grants this access, on one line: `apiGroups: ["apps"], resources: ["deployments"], verbs: ["get", "list"]`.
    #[must_use]
    pub fn rule(&self) -> String {
        let verbs: Vec<String> = self
            .verbs
            .iter()
            .map(|verb| format!("\"{}\"", verb.name()))
            .collect();
        format!(
            "apiGroups: [\"{}\"], resources: [\"{}\"], verbs: [{}]",
            self.group,
            self.rule_resource(),
            verbs.join(", ")
        )
    }

    /// The path of its objects, in one namespace or in all.
    #[must_use]
    pub fn path(&self, namespace: Option<&str>) -> String {
        let root = if self.group.is_empty() {
            format!("/api/{}", self.version)
        } else {
            format!("/apis/{}/{}", self.group, self.version)
        };
        match (self.reach, namespace) {
            (Reach::Namespaced, Some(namespace)) => {
                format!("{root}/namespaces/{namespace}/{}", self.plural)
            }
            _ => format!("{root}/{}", self.plural),
        }
    }
}

macro_rules! accesses {
    ($($resource:ident: $group:literal $version:literal $plural:literal $subresource:literal [$($verb:ident)+] $reach:ident $optional:literal,)+) => {
        /// The resources that are read.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[allow(missing_docs, reason = "their names say it")]
        pub enum Resource {
            $($resource,)+
        }

        /// The whole table.
        pub const ACCESSES: &[Access] = &[$(Resource::$resource.access(),)+];

        impl Resource {
            /// The resource's line in the table.
            #[must_use]
            pub const fn access(self) -> Access {
                match self {
                    $(Resource::$resource => Access {
                        resource: Resource::$resource,
                        group: $group,
                        version: $version,
                        plural: $plural,
                        subresource: $subresource,
                        verbs: &[$(Verb::$verb,)+],
                        reach: Reach::$reach,
                        is_optional: $optional,
                    },)+
                }
            }
        }
    };
}

accesses! {
    Pods: "" "v1" "pods" "" [Get List] Namespaced false,
    PodLogs: "" "v1" "pods" "log" [Get] Namespaced true,
    Events: "" "v1" "events" "" [List] Namespaced false,
    Services: "" "v1" "services" "" [List] Namespaced false,
    Claims: "" "v1" "persistentvolumeclaims" "" [List] Namespaced false,
    Quotas: "" "v1" "resourcequotas" "" [List] Namespaced false,
    Deployments: "apps" "v1" "deployments" "" [Get List] Namespaced false,
    ReplicaSets: "apps" "v1" "replicasets" "" [Get List] Namespaced false,
    StatefulSets: "apps" "v1" "statefulsets" "" [Get List] Namespaced false,
    DaemonSets: "apps" "v1" "daemonsets" "" [Get List] Namespaced false,
    Jobs: "batch" "v1" "jobs" "" [Get List] Namespaced false,
    CronJobs: "batch" "v1" "cronjobs" "" [List] Namespaced false,
    Autoscalers: "autoscaling" "v2" "horizontalpodautoscalers" "" [List] Namespaced false,
    DisruptionBudgets: "policy" "v1" "poddisruptionbudgets" "" [List] Namespaced false,
    Ingresses: "networking.k8s.io" "v1" "ingresses" "" [List] Namespaced false,
    Namespaces: "" "v1" "namespaces" "" [Get List] Cluster false,
    Nodes: "" "v1" "nodes" "" [List] Cluster false,
    Volumes: "" "v1" "persistentvolumes" "" [List] Cluster false,
    StorageClasses: "storage.k8s.io" "v1" "storageclasses" "" [List] Cluster false,
    IngressClasses: "networking.k8s.io" "v1" "ingressclasses" "" [List] Cluster false,
    ApiServices: "apiregistration.k8s.io" "v1" "apiservices" "" [List] Cluster false,
}

/// Something that is asked of an API server and is no read. Each has a file of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Exception {
    /// The API group.
    pub group: &'static str,
    /// The resource's name in addresses and rules.
    pub plural: &'static str,
    /// What is done with it, as RBAC rules write it.
    pub verbs: &'static [&'static str],
    /// Whether everybody who is signed in may do it, so that it needs no rule.
    pub is_everybodys: bool,
}

/// All that is no read: reviews of the bot's own rights, which store nothing (`review.rs`), and the one Lease that several
/// replicas share (`lease.rs`), by its name, in the bot's own namespace.
pub const EXCEPTIONS: &[Exception] = &[
    Exception {
        group: "authorization.k8s.io",
        plural: "selfsubjectaccessreviews",
        verbs: &["create"],
        is_everybodys: true,
    },
    Exception {
        group: "authorization.k8s.io",
        plural: "selfsubjectrulesreviews",
        verbs: &["create"],
        is_everybodys: true,
    },
    LEASE,
];

/// The Lease that several replicas share.
pub const LEASE: Exception = Exception {
    group: "coordination.k8s.io",
    plural: "leases",
    verbs: &["get", "update"],
    is_everybodys: false,
};

impl Exception {
    /// The rule that grants it for the object of this name, on one line.
    #[must_use]
    pub fn rule(&self, name: &str) -> String {
        let verbs: Vec<String> = self
            .verbs
            .iter()
            .map(|verb| format!("\"{verb}\""))
            .collect();
        format!(
            "apiGroups: [\"{}\"], resources: [\"{}\"], resourceNames: [{name}], verbs: [{}]",
            self.group,
            self.plural,
            verbs.join(", ")
        )
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.access().rule_resource())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_secrets_nor_config_maps_nor_a_way_into_a_container_are_in_the_table() {
        for access in ACCESSES {
            assert!(
                !["secrets", "configmaps"].contains(&access.plural),
                "{access:?}"
            );
            assert!(["", "log"].contains(&access.subresource), "{access:?}");
        }
    }

    #[test]
    fn the_only_write_that_stores_anything_is_the_update_of_a_lease() {
        let stored: Vec<&Exception> = EXCEPTIONS
            .iter()
            .filter(|exception| !exception.is_everybodys)
            .collect();
        assert_eq!(stored, [&LEASE]);
        assert_eq!(LEASE.verbs, ["get", "update"]);
    }

    #[test]
    fn logs_are_the_only_optional_access() {
        let optional: Vec<Resource> = ACCESSES
            .iter()
            .filter(|access| access.is_optional)
            .map(|access| access.resource)
            .collect();
        assert_eq!(optional, [Resource::PodLogs]);
    }

    #[test]
    fn paths_and_rules_are_those_of_the_api() {
        assert_eq!(
            Resource::Deployments.access().path(Some("shop")),
            "/apis/apps/v1/namespaces/shop/deployments"
        );
        assert_eq!(
            Resource::Deployments.access().path(None),
            "/apis/apps/v1/deployments"
        );
        assert_eq!(Resource::Nodes.access().path(Some("shop")), "/api/v1/nodes");
        assert_eq!(
            Resource::PodLogs.access().rule(),
            r#"apiGroups: [""], resources: ["pods/log"], verbs: ["get"]"#
        );
    }
}
