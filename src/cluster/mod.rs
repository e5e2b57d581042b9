//! The read-only view of a cluster: which conditions its objects show, and why.
//!
//! Reading and judging are apart: [`lookup`] reads what [`access`] lists and nothing else, [`detect`] is pure.

pub mod access;
pub mod asked;
pub mod connect;
mod decode;
pub mod detect;
pub mod evidence;
mod failure;
pub mod fetch;
pub mod finding;
pub mod folding;
mod gather;
pub mod kind;
pub mod lease;
pub mod lookup;
pub mod name;
mod pasted;
mod plan;
mod pod_owner;
pub mod redact;
pub mod render;
pub mod review;
mod rows;
mod shared;
mod suspects;
pub mod triage;
pub mod values;
pub mod view;
mod wanted;

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Where to find one cluster and how long a look at it may take. Which channel may look where is not said here.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// A kubeconfig file; else those of `KUBECONFIG`, else `~/.kube/config`, else the cluster that the bot runs in.
    pub kubeconfig: Option<PathBuf>,
    /// A context of that file; else its current one.
    pub context: Option<String>,
    /// How long all lookups for one answer may take, in milliseconds.
    pub deadline_ms: u64,
    /// Namespaces in which the last log lines of a crashed container are read; none by default.
    pub logs: Vec<name::Namespace>,
}

/// An answer without evidence is already there; nobody waits longer than this for more.
const DEFAULT_DEADLINE_MS: u64 = 2000;

impl Default for Settings {
    fn default() -> Self {
        Settings {
            kubeconfig: None,
            context: None,
            deadline_ms: DEFAULT_DEADLINE_MS,
            logs: Vec::new(),
        }
    }
}

impl Settings {
    /// Where the cluster is.
    #[must_use]
    pub fn place(&self) -> connect::Place {
        connect::Place {
            kubeconfig: self.kubeconfig.clone(),
            context: self.context.clone(),
        }
    }

    /// How long a lookup may take.
    #[must_use]
    pub fn deadline(&self) -> Duration {
        Duration::from_millis(self.deadline_ms)
    }
}
