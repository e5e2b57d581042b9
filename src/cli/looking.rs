//! Which cluster a command looks at, and where in it: kubectl's own options and rules.

use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;

use super::CommandError;
use crate::cluster::connect::ConnectError;
use crate::cluster::detect::Entries;
use crate::cluster::evidence::{Evidence, Namespaces, NotChecked, Why};
use crate::cluster::lookup::{Cluster, Scope};
use crate::cluster::name::Namespace;
use crate::cluster::{self, render};
use crate::faq::catalog::Catalog;
use crate::faq::condition::Condition;

/// Which cluster to look at, and where.
#[derive(Debug, clap::Args)]
pub struct Where {
    /// A context of the kubeconfig, or a cluster of the settings; else the current context
    #[arg(long, value_name = "CONTEXT")]
    context: Option<String>,
    /// A kubeconfig file; else those of KUBECONFIG, else ~/.kube/config
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// Look at this namespace; else at the one that the context names
    #[arg(
        short,
        long,
        value_name = "NAMESPACE",
        conflicts_with = "all_namespaces"
    )]
    namespace: Option<Namespace>,
    /// Look at all namespaces, and at nodes and what else belongs to the cluster as a whole
    #[arg(short = 'A', long)]
    all_namespaces: bool,
}

/// The clusters that the settings name, each with its name.
pub type Configured = [(String, cluster::Settings)];

/// A cluster that can be asked, and where.
pub(super) struct Looking {
    pub cluster: Cluster,
    pub scope: Scope,
    pub deadline: Duration,
}

impl Where {
    /// Whether any of them was given.
    pub(super) fn is_any(&self) -> bool {
        self.context.is_some()
            || self.kubeconfig.is_some()
            || self.namespace.is_some()
            || self.all_namespaces
    }

    /// Finds the cluster; nothing is asked of it yet. The error is evidence of nothing, with the reason.
    pub(super) async fn find(&self, configured: &Configured) -> Result<Looking, Box<Evidence>> {
        let settings = self
            .settings(configured)
            .map_err(|several| self.nothing("", Why::NotFound, several))?;
        let place = settings.place();
        let name = place.context.clone().unwrap_or_default();
        let cluster = Cluster::connect(&place).await.map_err(|error| {
            let why = match error {
                ConnectError::NotFound(_) | ConnectError::Unusable { .. } => Why::NotFound,
                ConnectError::Impersonates(_) => Why::Unauthorized,
            };
            self.nothing(&name, why, error.to_string())
        })?;
        let namespaces = match (&self.namespace, self.all_namespaces) {
            (_, true) => Namespaces::All,
            (Some(namespace), false) => Namespaces::Named(vec![namespace.clone()]),
            (None, false) => Namespaces::Named(vec![cluster.namespace().clone()]),
        };
        Ok(Looking {
            scope: Scope {
                namespaces,
                cluster: self.all_namespaces,
                logs: settings.logs.clone(),
            },
            deadline: settings.deadline(),
            cluster,
        })
    }

    /// The settings of the one cluster that is meant; the error says that several could be.
    fn settings(&self, configured: &Configured) -> Result<cluster::Settings, String> {
        let named = self.context.as_ref().filter(|_| self.kubeconfig.is_none());
        let found = named.and_then(|name| configured.iter().find(|(known, _)| known == name));
        if let Some((_, settings)) = found {
            return Ok(settings.clone());
        }
        if self.kubeconfig.is_some() || self.context.is_some() {
            return Ok(cluster::Settings {
                kubeconfig: self.kubeconfig.clone(),
                context: self.context.clone(),
                ..cluster::Settings::default()
            });
        }
        match configured {
            [] => Ok(cluster::Settings::default()),
            [(_, only)] => Ok(only.clone()),
            all => {
                let names: Vec<&str> = all.iter().map(|(name, _)| name.as_str()).collect();
                Err(format!(
                    "the settings name several clusters ({}): say which with --context",
                    names.join(", ")
                ))
            }
        }
    }

    fn nothing(&self, cluster: &str, why: Why, detail: String) -> Box<Evidence> {
        let namespaces = match (&self.namespace, self.all_namespaces) {
            (_, true) => Namespaces::All,
            (Some(namespace), false) => Namespaces::Named(vec![namespace.clone()]),
            (None, false) => Namespaces::Named(Vec::new()),
        };
        let what = if cluster.is_empty() {
            "the cluster".to_owned()
        } else {
            format!("cluster {cluster}")
        };
        let missed = NotChecked { what, why, detail };
        Box::new(Evidence::of_nothing(cluster, namespaces, missed))
    }
}

/// Which entry explains which condition.
pub(super) fn entries(catalog: &Catalog) -> Entries {
    let explaining = |condition: &Condition| {
        let entry = catalog.explaining(*condition)?;
        Some((*condition, entry.id.clone()))
    };
    Condition::ALL.iter().filter_map(explaining).collect()
}

/// The evidence as text, with a line feed at the end.
pub(super) fn text(evidence: &Evidence) -> String {
    render::text(evidence, render::Detail::Full, Timestamp::now()) + "\n"
}

/// Waits for what a command asks of a cluster.
pub(super) fn wait<T>(looked: impl Future<Output = T>) -> Result<T, CommandError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.map_err(|error| CommandError::Process(error.into()))?;
    Ok(runtime.block_on(looked))
}
