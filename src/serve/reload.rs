//! Reads content and channel policy again while the process runs, and keeps the last good state.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};

use super::{Again, Changed, Signals};
use crate::bot::Bot;
use crate::bot::health::{Health, Part, Readiness};
use crate::bot::metrics::{Metrics, Reloaded};
use crate::faq::answer::Faq;
use crate::faq::catalog::{Catalog, Loaded};
use crate::faq::problem::{Problem, Severity};

/// How often files are looked at. Looking costs a `stat` each, works on every file system, and sees a `ConfigMap`'s links
/// swapped, which watching them does not everywhere.
const LOOK: Duration = Duration::from_secs(1);

/// Deepest folder that is looked into: as deep as the catalog reads.
const MAX_DEPTH: usize = 5;

/// Content that was read, ready to answer.
pub struct Content {
    /// The catalog with its index.
    pub faq: Faq,
    /// What is wrong in the folders, and keeps an entry from being used.
    pub problems: Vec<Problem>,
}

/// Reads the content for the first time. Entries that cannot be used are left out and said.
///
/// # Errors
/// A folder is not there, or the content cannot be indexed.
pub fn content(dirs: &[PathBuf]) -> anyhow::Result<Content> {
    for dir in dirs {
        match std::fs::metadata(dir) {
            Ok(metadata) if metadata.is_dir() => {}
            Ok(_) => bail!(
                "content.dirs: `{}` is a file; name the folder that holds the entries",
                dir.display()
            ),
            Err(error) => bail!(
                "content.dirs: `{}` cannot be read: {error}; check the path",
                dir.display()
            ),
        }
    }
    let Loaded { catalog, problems } = Catalog::load(dirs, jiff::Zoned::now().date());
    Ok(Content {
        faq: Faq::new(catalog).context("the content cannot be used")?,
        problems: problems
            .into_iter()
            .filter(|problem| problem.severity == Severity::Problem)
            .collect(),
    })
}

impl Content {
    /// Says how the content is, in health and metrics.
    pub fn note(&self, health: &Health, metrics: &Metrics) {
        let entries = self.faq.catalog().len();
        metrics.content(entries, self.problems.len());
        let readiness = match self.problems.first() {
            None => Readiness::Ready,
            Some(first) => {
                tracing::warn!(problems = self.problems.len(), %first, "entries are left out");
                Readiness::ReadyBut(format!(
                    "{}; what is concerned is left out",
                    counted(&self.problems, first)
                ))
            }
        };
        health.set(Part::Content, readiness);
    }
}

/// Reads again on SIGHUP and when a file has changed, until it is told to stop.
pub(super) async fn run(again: Again, bot: Arc<Bot>, health: Health, signals: Signals) {
    let mut content = Watched::new(again.dirs.clone());
    let mut settings = Watched::new(again.files.clone());
    let mut clock = tokio::time::interval(LOOK);
    clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let (is_content, is_settings) = tokio::select! {
            () = signals.stop.cancelled() => return,
            () = signals.reload.notified() => (true, true),
            _ = clock.tick() => (content.has_changed().await, settings.has_changed().await),
        };
        if is_content {
            read_content(&again.dirs, &bot, &health).await;
        }
        if is_settings {
            read_settings(&again, &bot, &health).await;
        }
    }
}

async fn read_content(dirs: &[PathBuf], bot: &Bot, health: &Health) {
    let folders = dirs.to_vec();
    let read = tokio::task::spawn_blocking(move || content(&folders)).await;
    let metrics = bot.metrics();
    let kept = match read {
        Ok(Ok(content)) => match content.problems.first() {
            None => {
                let entries = content.faq.catalog().len();
                bot.replace_faq(content.faq);
                metrics.content(entries, 0);
                metrics.reloaded(Reloaded::Content, true);
                health.set(Part::Content, Readiness::Ready);
                tracing::info!(entries, "the content was read again");
                return;
            }
            Some(first) => {
                metrics.content(bot.faq().catalog().len(), content.problems.len());
                counted(&content.problems, first)
            }
        },
        Ok(Err(error)) => format!("{error:#}"),
        Err(_) => {
            metrics.panicked();
            "reading it broke".to_owned()
        }
    };
    metrics.reloaded(Reloaded::Content, false);
    tracing::warn!(
        why = kept,
        "the content is wrong: the last good one is kept"
    );
    let readiness = Readiness::ReadyBut(format!("the last good content is kept: {kept}"));
    health.set(Part::Content, readiness);
}

async fn read_settings(again: &Again, bot: &Bot, health: &Health) {
    let reread = Arc::clone(&again.settings);
    let read = tokio::task::spawn_blocking(move || reread()).await;
    let metrics = bot.metrics();
    let wrong = match read {
        Ok(Ok(Changed {
            policy,
            restart_needed,
        })) => {
            bot.replace_policy(policy);
            metrics.reloaded(Reloaded::Policy, true);
            let readiness = if restart_needed.is_empty() {
                tracing::info!("the channel policy was read again");
                Readiness::Ready
            } else {
                let keys = restart_needed.join(", ");
                tracing::warn!(keys, "the channel policy was read again; restart needed");
                Readiness::ReadyBut(format!("restart needed for {keys}"))
            };
            health.set(Part::Config, readiness);
            return;
        }
        Ok(Err(wrong)) => wrong.replace('\n', "; "),
        Err(_) => {
            metrics.panicked();
            "reading them broke".to_owned()
        }
    };
    metrics.reloaded(Reloaded::Policy, false);
    tracing::warn!(
        why = wrong,
        "the settings are wrong: the last good ones are kept"
    );
    let readiness = Readiness::ReadyBut(format!("the last good settings are kept: {wrong}"));
    health.set(Part::Config, readiness);
}

fn counted(problems: &[Problem], first: &Problem) -> String {
    match problems.len() {
        1 => first.to_string(),
        number => format!("{number} problems, the first: {first}"),
    }
}

/// Files and folders, and what they looked like.
struct Watched {
    paths: Vec<PathBuf>,
    /// What was read.
    read: Option<u64>,
    /// What the last look saw: a change counts once two looks agree, so that half a copy is not read.
    seen: Option<u64>,
}

impl Watched {
    fn new(paths: Vec<PathBuf>) -> Self {
        Watched {
            paths,
            read: None,
            seen: None,
        }
    }

    async fn has_changed(&mut self) -> bool {
        if self.paths.is_empty() {
            return false;
        }
        let paths = self.paths.clone();
        let Ok(looks) = tokio::task::spawn_blocking(move || looks_of(&paths)).await else {
            return false;
        };
        let is_first = self.read.is_none();
        let is_steady = self.seen == Some(looks);
        self.seen = Some(looks);
        if is_first {
            self.read = Some(looks);
            return false;
        }
        let has_changed = is_steady && self.read != Some(looks);
        if has_changed {
            self.read = Some(looks);
        }
        has_changed
    }
}

fn looks_of(paths: &[PathBuf]) -> u64 {
    let mut hasher = DefaultHasher::new();
    for path in paths {
        look(path, MAX_DEPTH, &mut hasher);
    }
    hasher.finish()
}

/// Where a path leads, and the size, time and inode of everything there. What is hidden is passed over, as the catalog does.
fn look(path: &Path, depth: usize, hasher: &mut DefaultHasher) {
    path.hash(hasher);
    std::fs::canonicalize(path).ok().hash(hasher);
    let Ok(metadata) = std::fs::metadata(path) else {
        return;
    };
    if metadata.is_file() {
        (
            metadata.len(),
            metadata.mtime(),
            metadata.mtime_nsec(),
            metadata.ino(),
        )
            .hash(hasher);
    }
    if !metadata.is_dir() || depth == 0 {
        return;
    }
    let Ok(listing) = std::fs::read_dir(path) else {
        return;
    };
    let mut inside: Vec<PathBuf> = listing
        .flatten()
        .filter(|item| !item.file_name().to_string_lossy().starts_with('.'))
        .map(|item| item.path())
        .collect();
    inside.sort();
    for path in inside {
        look(&path, depth - 1, hasher);
    }
}
