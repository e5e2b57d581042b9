//! Finds a cluster by the rules of kubeconfig files, or the one that the bot runs in.

use std::path::PathBuf;
use std::time::Duration;

use kube::Client;
use kube::config::{Config, KubeConfigOptions, Kubeconfig};

/// A TCP connection to an API server that takes longer is no connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// Where to find one cluster: kubectl's own option names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    /// A kubeconfig file; else those of `KUBECONFIG`, else `~/.kube/config`, else the cluster that the bot runs in.
    pub kubeconfig: Option<PathBuf>,
    /// A context of that file; else its current one.
    pub context: Option<String>,
}

/// A cluster that was found; nothing has been asked of it yet.
pub(super) struct Found {
    pub(super) client: Client,
    /// The context's name, or `in-cluster`.
    pub(super) name: String,
    /// The namespace that the context names.
    pub(super) namespace: String,
}

/// Why no cluster can be asked. Nothing of a credential is ever part of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConnectError {
    /// No kubeconfig and no cluster around.
    #[error(
        "found no cluster: {0}; name one with --context or --kubeconfig, or run inside a cluster"
    )]
    NotFound(String),
    /// The file or the context cannot be used.
    #[error("cannot use {place}: {reason}")]
    Unusable {
        /// The file or context.
        place: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The context acts as somebody else, which the bot never does.
    #[error("context `{0}` impersonates another user; name a context that does not")]
    Impersonates(String),
}

/// Finds the cluster that the bot itself runs in; outside of one, as [`find`] does.
pub(super) async fn own(place: &Place) -> Result<Found, ConnectError> {
    match Config::incluster() {
        Ok(config) if *place == Place::default() => found(config, IN_CLUSTER.to_owned(), place),
        _ => find(place).await,
    }
}

/// Finds the cluster.
pub(super) async fn find(place: &Place) -> Result<Found, ConnectError> {
    let kubeconfig = match &place.kubeconfig {
        Some(path) => Some(Kubeconfig::read_from(path).map_err(|error| unusable(place, &error))?),
        None => match Kubeconfig::read() {
            Ok(config) if !config.contexts.is_empty() => Some(config),
            Err(error) if place.context.is_some() => return Err(unusable(place, &error)),
            Ok(_) | Err(_) => None,
        },
    };
    let (config, name) = if let Some(kubeconfig) = kubeconfig {
        let name = place
            .context
            .clone()
            .or_else(|| kubeconfig.current_context.clone())
            .unwrap_or_default();
        let options = KubeConfigOptions {
            context: place.context.clone(),
            ..KubeConfigOptions::default()
        };
        let config = Config::from_custom_kubeconfig(kubeconfig, &options)
            .await
            .map_err(|error| unusable(place, &error))?;
        (config, name)
    } else {
        let config = Config::incluster()
            .map_err(|error| ConnectError::NotFound(super::redact::line(&error.to_string())))?;
        (config, IN_CLUSTER.to_owned())
    };
    found(config, name, place)
}

/// What the cluster around the bot is called.
const IN_CLUSTER: &str = "in-cluster";

fn found(mut config: Config, name: String, place: &Place) -> Result<Found, ConnectError> {
    if config.auth_info.impersonate.is_some()
        || config
            .auth_info
            .impersonate_groups
            .as_ref()
            .is_some_and(|groups| !groups.is_empty())
    {
        return Err(ConnectError::Impersonates(name));
    }
    config.connect_timeout = Some(CONNECT_TIMEOUT);
    // A lookup has a deadline of its own and says what it could not read.
    config.default_retry = false;
    let namespace = config.default_namespace.clone();
    let client = Client::try_from(config).map_err(|error| unusable(place, &error))?;
    Ok(Found {
        client,
        name,
        namespace,
    })
}

fn unusable(place: &Place, reason: &dyn std::error::Error) -> ConnectError {
    ConnectError::Unusable {
        place: written(place),
        reason: super::redact::line(&reason.to_string()),
    }
}

fn written(place: &Place) -> String {
    match (&place.context, &place.kubeconfig) {
        (Some(context), Some(path)) => format!("context `{context}` of {}", path.display()),
        (Some(context), None) => format!("context `{context}`"),
        (None, Some(path)) => path.display().to_string(),
        (None, None) => "the current context".to_owned(),
    }
}
