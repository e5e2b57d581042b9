//! The kinds of objects that can be asked for, by any of the names that kubectl knows them under.

use std::fmt;
use std::str::FromStr;

use super::access::Resource;

macro_rules! kinds {
    ($($kind:ident $resource:ident [$($alias:literal)+],)+) => {
        /// A kind of object that can be asked for.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[allow(missing_docs, reason = "their names say it")]
        pub enum Kind {
            $($kind,)+
        }

        impl Kind {
            /// The kind as manifests write it.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Kind::$kind => stringify!($kind),)+
                }
            }

            /// The resource under which its objects are read.
            #[must_use]
            pub fn resource(self) -> Resource {
                match self {
                    $(Kind::$kind => Resource::$resource,)+
                }
            }
        }

        impl FromStr for Kind {
            type Err = UnknownKind;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text.to_ascii_lowercase().as_str() {
                    $($($alias)|+ => Ok(Kind::$kind),)+
                    _ => Err(UnknownKind),
                }
            }
        }
    };
}

kinds! {
    Pod Pods ["pod" "pods" "po"],
    Deployment Deployments ["deployment" "deployments" "deploy" "deployment.apps" "deployments.apps"],
    ReplicaSet ReplicaSets ["replicaset" "replicasets" "rs" "replicaset.apps" "replicasets.apps"],
    StatefulSet StatefulSets ["statefulset" "statefulsets" "sts" "statefulset.apps" "statefulsets.apps"],
    DaemonSet DaemonSets ["daemonset" "daemonsets" "ds" "daemonset.apps" "daemonsets.apps"],
    Job Jobs ["job" "jobs" "job.batch" "jobs.batch"],
    CronJob CronJobs ["cronjob" "cronjobs" "cj" "cronjob.batch" "cronjobs.batch"],
    Service Services ["service" "services" "svc"],
    Ingress Ingresses ["ingress" "ingresses" "ing" "ingress.networking.k8s.io" "ingresses.networking.k8s.io"],
    PersistentVolumeClaim Claims ["persistentvolumeclaim" "persistentvolumeclaims" "pvc"],
    HorizontalPodAutoscaler Autoscalers ["horizontalpodautoscaler" "horizontalpodautoscalers" "hpa"],
    PodDisruptionBudget DisruptionBudgets ["poddisruptionbudget" "poddisruptionbudgets" "pdb"],
    ResourceQuota Quotas ["resourcequota" "resourcequotas" "quota"],
    Node Nodes ["node" "nodes" "no"],
    PersistentVolume Volumes ["persistentvolume" "persistentvolumes" "pv"],
    Namespace Namespaces ["namespace" "namespaces" "ns"],
    APIService ApiServices ["apiservice" "apiservices"],
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A word that names no kind that can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no kind of object that can be looked up")]
pub struct UnknownKind;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_known_by_kubectls_names_and_nothing_else_is() {
        assert_eq!("deploy".parse(), Ok(Kind::Deployment));
        assert_eq!("Pod".parse(), Ok(Kind::Pod));
        assert_eq!("secret".parse::<Kind>(), Err(UnknownKind));
    }
}
