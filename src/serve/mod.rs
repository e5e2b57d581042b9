//! The process around the adapters: starts them, watches over them, and stops them in peace.

pub mod doctor;
pub mod log;
mod reload;
pub mod turn;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::bot::Bot;
use crate::bot::health::{Health, Part, Readiness};
use crate::bot::policy::Policy;
use crate::cluster::name::ObjectName;
use crate::web;
pub use reload::{Content, content};

/// The settings of the process.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// How long what is in flight may take to end after SIGTERM, in seconds.
    pub grace_seconds: u64,
    /// The Lease that several replicas share: who holds it runs what only one may run. Without it this is the only replica.
    pub lease: Option<ObjectName>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            // Kubernetes kills after 30 s; what is left is for closing sockets.
            grace_seconds: 25,
            lease: None,
        }
    }
}

/// All that a process is made of.
pub struct Process {
    /// How it ends.
    pub settings: Settings,
    /// Where it tells of itself.
    pub web: web::Settings,
    /// Answers.
    pub bot: Arc<Bot>,
    /// What the parts say of themselves; the adapters were given the same.
    pub health: Health,
    /// What brings questions and takes answers away.
    pub adapters: Vec<Adapter>,
    /// What is read again while it runs.
    pub again: Again,
}

/// An adapter, ready to be started, and started again after a panic.
pub struct Adapter {
    /// Which it is.
    pub part: Part,
    /// Runs it until the token is cancelled and all that is in flight has ended. An error is one that no waiting mends.
    pub run: Run,
}

/// Starts an adapter.
pub type Run =
    Box<dyn Fn(CancellationToken) -> BoxFuture<'static, anyhow::Result<()>> + Send + Sync>;

/// What is read again on SIGHUP, and when a file has changed.
pub struct Again {
    /// The folders of entries.
    pub dirs: Vec<PathBuf>,
    /// The files of settings.
    pub files: Vec<PathBuf>,
    /// Reads the settings; an error says all that is wrong.
    pub settings: Reread,
}

/// Reads the settings again.
pub type Reread = Arc<dyn Fn() -> Result<Changed, String> + Send + Sync>;

/// Settings that were read again.
#[derive(Debug, Clone, PartialEq)]
pub struct Changed {
    /// The channel policy, which is followed at once.
    pub policy: Policy,
    /// Other settings that have changed, and are followed after a restart.
    pub restart_needed: Vec<String>,
}

/// What people do to a process from outside.
#[derive(Debug, Clone, Default)]
pub struct Signals {
    /// End in peace (SIGTERM, SIGINT).
    pub stop: CancellationToken,
    /// End now: the same signal a second time.
    pub hurry: CancellationToken,
    /// Read content and policy again (SIGHUP).
    pub reload: Arc<Notify>,
}

/// A first pause before an adapter that panicked is started again; it doubles up to the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// The longest pause before an adapter is started again.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// How long a scrape that is under way may take to end: the adapters have ended by then.
const LAST_PAGE: Duration = Duration::from_secs(1);

/// Runs a process until it is told to stop or an adapter cannot go on.
///
/// # Errors
/// The address of `web.listen` is taken, no adapter is there, or one cannot go on.
pub async fn run(process: Process, signals: Signals) -> anyhow::Result<()> {
    let Process {
        settings,
        web,
        bot,
        health,
        adapters,
        again,
    } = process;
    if adapters.is_empty() {
        bail!(
            "no adapter is configured, so nobody could ask: add a [slack] or [discord] section (config/k8sfaq.toml shows them); \
             the terminal works without: k8sfaq ask crashloop"
        );
    }
    let listener = TcpListener::bind(web.listen).await.with_context(|| {
        format!(
            "web.listen = {} cannot be used; name another address",
            web.listen
        )
    })?;
    if let Ok(address) = listener.local_addr() {
        tracing::info!(%address, "health and metrics are served");
    }
    for adapter in &adapters {
        health.set(adapter.part, Readiness::NotReady("starting".to_owned()));
    }

    let page_stop = CancellationToken::new();
    let router = web::router(health.clone(), bot.metrics().clone());
    let mut pages = tokio::spawn(web::run(listener, router, page_stop.clone()));
    let reloading = tokio::spawn(reload::run(
        again,
        Arc::clone(&bot),
        health.clone(),
        signals.clone(),
    ));
    let mut running = JoinSet::new();
    for adapter in adapters {
        running.spawn(supervise(
            adapter,
            Arc::clone(&bot),
            health.clone(),
            signals.stop.clone(),
        ));
    }

    let outcome = tokio::select! {
        () = signals.stop.cancelled() => Ok(()),
        ended = running.join_next() => why(ended),
        ended = &mut pages => match ended {
            Ok(Ok(())) => Err(anyhow::anyhow!("health and metrics ended by themselves")),
            Ok(Err(error)) => Err(anyhow::Error::new(error).context("health and metrics cannot go on")),
            Err(error) => Err(anyhow::Error::new(error).context("health and metrics broke")),
        },
    };

    health.set(
        Part::Process,
        Readiness::NotReady("shutting down".to_owned()),
    );
    signals.stop.cancel();
    tracing::info!("stopping: what is in flight is finished first");
    let grace = Duration::from_secs(settings.grace_seconds);
    let drained = async { while running.join_next().await.is_some() {} };
    tokio::select! {
        () = drained => tracing::info!("everything in flight is finished"),
        () = tokio::time::sleep(grace) => tracing::warn!(
            grace_seconds = settings.grace_seconds,
            "the grace period is over: what is still in flight is given up"
        ),
        () = signals.hurry.cancelled() => tracing::warn!("told to stop twice: what is in flight is given up"),
    }
    running.abort_all();
    reloading.abort();
    page_stop.cancel();
    // What is being scraped now is the last page that anybody sees: it may be cut.
    let _ = tokio::time::timeout(LAST_PAGE, pages).await;
    outcome
}

/// Listens to the process's signals.
///
/// # Errors
/// The system refuses.
pub fn listen(signals: &Signals) -> std::io::Result<JoinSet<()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    let signals = signals.clone();
    let mut listening = JoinSet::new();
    listening.spawn(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => stop(&signals),
                _ = interrupt.recv() => stop(&signals),
                _ = hang_up.recv() => signals.reload.notify_one(),
            }
        }
    });
    Ok(listening)
}

/// From now on a panic is one line in the log, with its place and without its text, which may hold a question.
pub fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        tracing::error!(place, "a panic");
    }));
}

fn stop(signals: &Signals) {
    if signals.stop.is_cancelled() {
        signals.hurry.cancel();
    }
    signals.stop.cancel();
}

/// Keeps an adapter running: a panic in it starts it again.
async fn supervise(
    adapter: Adapter,
    bot: Arc<Bot>,
    health: Health,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let name = adapter.part.name();
    let mut pause = FIRST_PAUSE;
    loop {
        let run = std::panic::AssertUnwindSafe((adapter.run)(stop.clone()));
        match run.catch_unwind().await {
            Ok(Ok(())) if stop.is_cancelled() => return Ok(()),
            Ok(Ok(())) => bail!("{name} ended by itself"),
            Ok(Err(error)) => return Err(error),
            Err(_) => {
                bot.metrics().panicked();
                let why = "it broke and is started again".to_owned();
                health.set(adapter.part, Readiness::NotReady(why));
                tracing::error!(
                    adapter = name,
                    pause_seconds = pause.as_secs(),
                    "an adapter broke and is started again"
                );
            }
        }
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = tokio::time::sleep(pause) => {}
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Why the first adapter ended.
fn why(ended: Option<Result<anyhow::Result<()>, tokio::task::JoinError>>) -> anyhow::Result<()> {
    match ended {
        Some(Ok(result)) => result,
        Some(Err(error)) => Err(error.into()),
        None => Ok(()),
    }
}
