//! Whether the parts of the process can do their work now.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;

/// What the parts say of themselves; clones share it.
#[derive(Debug, Clone, Default)]
pub struct Health {
    parts: Arc<Mutex<BTreeMap<Part, Readiness>>>,
}

/// A part of the process that can be ready or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// The process as a whole.
    Process,
    /// The catalog and its index.
    Content,
    /// The settings that are read again while the process runs.
    Config,
    /// The state store.
    State,
    /// The Slack adapter.
    Slack,
    /// The Discord adapter.
    Discord,
    /// The clusters that evidence comes from.
    Cluster,
}

/// How a part is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "state", content = "detail")]
pub enum Readiness {
    /// It works.
    Ready,
    /// It works, and somebody should know this of it.
    ReadyBut(String),
    /// It cannot work now, and tries to; this is why.
    NotReady(String),
    /// It cannot work any more unless the process is started again; this is why.
    Dead(String),
}

impl Health {
    /// Nothing known yet.
    #[must_use]
    pub fn new() -> Self {
        Health::default()
    }

    /// Takes note of how a part is. A part counts from its first note on.
    pub fn set(&self, part: Part, readiness: Readiness) {
        self.lock().insert(part, readiness);
    }

    /// Every part that counts.
    #[must_use]
    pub fn parts(&self) -> BTreeMap<Part, Readiness> {
        self.lock().clone()
    }

    /// Whether all parts can work.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.lock().values().all(Readiness::is_ready)
    }

    /// Whether no part needs the process to be started again.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        let is_dead = |readiness: &Readiness| matches!(readiness, Readiness::Dead(_));
        !self.lock().values().any(is_dead)
    }

    /// A panic elsewhere cannot leave the map half written, so a poisoned lock still holds the truth.
    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<Part, Readiness>> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Part {
    /// The name that `/readyz`, doctor and logs use.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Part::Process => "process",
            Part::Content => "content",
            Part::Config => "config",
            Part::State => "state",
            Part::Slack => "slack",
            Part::Discord => "discord",
            Part::Cluster => "cluster",
        }
    }
}

impl Readiness {
    /// Whether the part can work.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        matches!(self, Readiness::Ready | Readiness::ReadyBut(_))
    }
}

impl fmt::Display for Readiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Readiness::Ready => f.write_str("ready"),
            Readiness::ReadyBut(why) => write!(f, "ready, but {why}"),
            Readiness::NotReady(why) => write!(f, "not ready: {why}"),
            Readiness::Dead(why) => write!(f, "dead: {why}"),
        }
    }
}

/// One prerequisite, and whether it is met; `doctor` prints it as a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// The part that needs it.
    pub part: Part,
    /// What is looked at: `the bot token`.
    pub what: String,
    /// What came out.
    #[serde(flatten)]
    pub verdict: Verdict,
}

/// What came out of a check. A cure is the whole next step, as one would say it to a colleague.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "verdict")]
pub enum Verdict {
    /// It is met.
    Pass {
        /// What was seen.
        detail: String,
    },
    /// It works, and could be better.
    Warning {
        /// What was seen.
        detail: String,
        /// What to do.
        cure: String,
    },
    /// It is not met.
    Fail {
        /// What was seen.
        detail: String,
        /// What to do.
        cure: String,
    },
    /// It was not looked at; this is why.
    Skipped {
        /// Why.
        detail: String,
    },
}

impl Check {
    /// A prerequisite that is met.
    #[must_use]
    pub fn pass(part: Part, what: impl Into<String>, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Check {
            part,
            what: what.into(),
            verdict: Verdict::Pass { detail },
        }
    }

    /// A prerequisite that could be better met.
    #[must_use]
    pub fn warning(
        part: Part,
        what: impl Into<String>,
        detail: impl Into<String>,
        cure: impl Into<String>,
    ) -> Self {
        let (detail, cure) = (detail.into(), cure.into());
        Check {
            part,
            what: what.into(),
            verdict: Verdict::Warning { detail, cure },
        }
    }

    /// A prerequisite that is not met.
    #[must_use]
    pub fn fail(
        part: Part,
        what: impl Into<String>,
        detail: impl Into<String>,
        cure: impl Into<String>,
    ) -> Self {
        let (detail, cure) = (detail.into(), cure.into());
        Check {
            part,
            what: what.into(),
            verdict: Verdict::Fail { detail, cure },
        }
    }

    /// A prerequisite that was not looked at.
    #[must_use]
    pub fn skipped(part: Part, what: impl Into<String>, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Check {
            part,
            what: what.into(),
            verdict: Verdict::Skipped { detail },
        }
    }
}
