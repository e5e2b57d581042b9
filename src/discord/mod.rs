//! The Discord adapter: the gateway's events in, the bot in the middle, Discord's messages out.

mod autocomplete;
mod checks;
mod commands;
mod custom_id;
mod gateway;
mod interaction;
mod manifest;
mod mention;
mod menus;
mod place;
mod render;
mod rest;
mod send;
mod text;

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinError, JoinHandle};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::bot::Bot;
use crate::bot::health::{Health, Part, Readiness};
use crate::bot::metrics::Metrics;
use crate::bot::reply::{Refusal, Reply, Shown};
use crate::bot::request::{Platform, Request};
pub use checks::checks;
use commands::Registered;
pub use gateway::GatewayError;
use gateway::{Dispatch, Gateway};
pub use manifest::{PERMISSIONS, manifest};
use mention::Seen;
use place::Threads;
use rest::{Rest, RestError};

/// Discord voids an interaction that has no first response within 3 s; 200 ms are left for the way there.
const ACK_DEADLINE: Duration = Duration::from_millis(2800);

/// An answer that takes longer is deferred: half of the 3 s are then still there for the deferral.
const DEFER_AFTER: Duration = Duration::from_millis(1500);

/// An interaction's token lives for 15 minutes; an answer that is not there a minute before is given up.
const GIVE_UP_AFTER: Duration = Duration::from_secs(14 * 60);

/// Answers in flight at a shutdown may take so long: with the gateway's goodbye it is over in 10 s. What waits longer waits
/// for something that is stuck.
const DRAIN: Duration = Duration::from_secs(8);

/// Requests that are worked on at once; each holds its event and its answer, some 50 KiB.
const MAX_IN_WORK: usize = 256;

/// Requests beyond [`MAX_IN_WORK`] that are still told so; more are dropped.
const MAX_TURNED_AWAY: usize = 256;

/// Shortest time between two warnings about events that do not fit the model.
const WARN_EVERY: Duration = Duration::from_secs(60);

/// `GUILDS`, `GUILD_MESSAGES` and `DIRECT_MESSAGES`: none of them privileged.
const INTENTS: u64 = 1 | 1 << 9 | 1 << 12;

/// `MESSAGE_CONTENT`, asked for only where a channel is watched.
const MESSAGE_CONTENT: u64 = 1 << 15;

/// The adapter's settings.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Where Discord's REST interface is, without `/api/v10`. Its gateway must be on the same host.
    pub api_url: String,
}

/// Discord's own REST interface.
const DISCORD: &str = "https://discord.com";

impl Default for Settings {
    fn default() -> Self {
        Settings {
            api_url: DISCORD.to_owned(),
        }
    }
}

impl Settings {
    /// Whether the address is Discord's own.
    fn is_discords_own(&self) -> bool {
        let host = rest::origin(&self.api_url);
        host == DISCORD || host == "https://canary.discord.com" || host == "https://ptb.discord.com"
    }
}

/// Where answers come from.
#[derive(Clone)]
pub struct Answers {
    /// Knows the catalog and the policy, and looks at clusters.
    pub bot: Arc<Bot>,
    /// Does what a person asks: the bot's own [`Bot::handle`], with whatever else is to be around it.
    pub handle: Handle,
}

/// Does what a person asks.
pub type Handle = Arc<dyn Fn(Request) -> BoxFuture<'static, Shown> + Send + Sync>;

impl From<Arc<Bot>> for Answers {
    fn from(bot: Arc<Bot>) -> Self {
        let handling = Arc::clone(&bot);
        Answers {
            bot,
            handle: Arc::new(move |request| {
                let bot = Arc::clone(&handling);
                async move { bot.handle(request).await }.boxed()
            }),
        }
    }
}

/// Connects to Discord and answers until the shutdown; what is in flight then is finished.
///
/// # Errors
/// The token or the intents are refused, or the address in the settings leads to no gateway of its own.
pub async fn run(
    settings: &Settings,
    token: &SecretString,
    answers: impl Into<Answers>,
    health: &Health,
    shutdown: &CancellationToken,
) -> anyhow::Result<()> {
    let answers = answers.into();
    let metrics = answers.bot.metrics().clone();
    let rest = Rest::new(&settings.api_url, token, metrics.clone(), health.clone())?;
    let intents = if answers.bot.watches(Platform::Discord) {
        INTENTS | MESSAGE_CONTENT
    } else {
        INTENTS
    };
    health.set(
        Part::Discord,
        Readiness::NotReady("not logged in yet".to_owned()),
    );
    let adapter = Arc::new(Adapter {
        answers,
        rest,
        metrics: metrics.clone(),
        me: OnceLock::new(),
        threads: Threads::default(),
        seen: Seen::default(),
        denied: Mutex::default(),
        tasks: TaskTracker::new(),
        room: Arc::new(Semaphore::new(MAX_IN_WORK)),
        anteroom: Arc::new(Semaphore::new(MAX_TURNED_AWAY)),
        is_registered: AtomicBool::new(false),
        warned: Mutex::new(None),
        intents,
    });
    let gateway = Gateway {
        settings,
        token,
        intents,
        rest: &adapter.rest,
        health,
        metrics: &metrics,
        shutdown,
        on_dispatch: |dispatch| adapter.dispatch(dispatch),
    };
    let result = gateway.run().await;
    adapter.tasks.close();
    if tokio::time::timeout(DRAIN, adapter.tasks.wait())
        .await
        .is_err()
    {
        tracing::warn!(
            left = adapter.tasks.len(),
            "answers in flight were given up: they took longer than 8 s after the shutdown"
        );
    }
    Ok(result?)
}

/// What all events share.
struct Adapter {
    answers: Answers,
    rest: Rest,
    metrics: Metrics,
    me: OnceLock<Me>,
    threads: Threads,
    seen: Seen,
    denied: Mutex<HashMap<u64, Denied>>,
    tasks: TaskTracker,
    room: Arc<Semaphore>,
    anteroom: Arc<Semaphore>,
    is_registered: AtomicBool,
    warned: Mutex<Option<Instant>>,
    intents: u64,
}

/// Who the bot is.
#[derive(Debug, Clone, Copy)]
struct Me {
    user: u64,
}

/// What a channel does not allow, and until when that is believed.
#[derive(Debug, Clone, Copy)]
struct Denied {
    what: Denial,
    until: Instant,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Denial {
    /// Embeds.
    Embeds,
    /// Any message.
    Messages,
}

impl Adapter {
    /// Takes an event. It never waits: what takes time becomes a task.
    fn dispatch(self: &Arc<Self>, event: Dispatch) {
        let received = Instant::now();
        match event.name.as_str() {
            "READY" => self.ready(&event.data),
            "INTERACTION_CREATE" => {
                self.metrics.event(Platform::Discord, "interaction");
                let adapter = Arc::clone(self);
                self.admit_interaction(event.data, received, move |data| async move {
                    adapter.interaction(data, received).await;
                });
            }
            "MESSAGE_CREATE" => self.message(event.data),
            name => self.threads.learn(name, &event.data),
        }
    }

    fn ready(self: &Arc<Self>, ready: &Value) {
        let id = |value: &Value| value["id"].as_str().and_then(|id| id.parse().ok());
        let Some(user) = id(&ready["user"]) else {
            tracing::warn!("discord's READY names no user: mentions are not recognised");
            return;
        };
        let application = id(&ready["application"]).unwrap_or(user);
        tracing::info!(
            name = ready["user"]["username"].as_str().unwrap_or_default(),
            guilds = ready["guilds"].as_array().map_or(0, Vec::len),
            intents = self.intents,
            "logged in to discord"
        );
        let _ = self.me.set(Me { user });
        if !self.is_registered.swap(true, Ordering::Relaxed) {
            let adapter = Arc::clone(self);
            let work = async move { adapter.register(application).await };
            self.tasks.spawn(work);
        }
    }

    async fn register(&self, application: u64) {
        let registering = commands::register(&self.rest, application);
        match registering.await {
            Ok(Registered::AsTheyWere) => tracing::info!("discord has our commands already"),
            Ok(Registered::Anew) => tracing::info!("our commands were registered with discord"),
            Err(error) => {
                // The next READY tries again; until then what was registered before works on.
                self.is_registered.store(false, Ordering::Relaxed);
                tracing::error!(%error, "our commands could not be registered with discord");
            }
        }
    }

    /// Makes a task of an interaction. Where too much is in work the person is told so.
    fn admit_interaction<F>(
        self: &Arc<Self>,
        data: Value,
        received: Instant,
        work: impl FnOnce(Value) -> F,
    ) where
        F: Future<Output = ()> + Send + 'static,
    {
        if let Ok(permit) = Arc::clone(&self.room).try_acquire_owned() {
            self.spawn(permit, work(data));
            return;
        }
        self.metrics.refused("in_work");
        if let Ok(permit) = Arc::clone(&self.anteroom).try_acquire_owned() {
            let adapter = Arc::clone(self);
            self.spawn(permit, async move {
                adapter.turn_away(&data, received, &Refusal::Busy).await;
            });
        }
    }

    /// Runs work that survives its own panic.
    fn spawn(
        self: &Arc<Self>,
        permit: OwnedSemaphorePermit,
        work: impl Future<Output = ()> + Send + 'static,
    ) {
        let metrics = self.metrics.clone();
        self.tasks.spawn(async move {
            let _permit = permit;
            if AssertUnwindSafe(work).catch_unwind().await.is_err() {
                metrics.panicked();
                tracing::error!("a panic while answering on discord was survived");
            }
        });
    }

    /// Asks the bot, in a task of its own: whatever it does, the acknowledgement is not held up.
    fn ask(&self, request: Request) -> JoinHandle<Shown> {
        self.tasks.spawn((self.answers.handle)(request))
    }

    /// What the bot said; an apology where it broke.
    fn answered(&self, result: Result<Shown, JoinError>) -> Shown {
        result.unwrap_or_else(|error| {
            self.metrics.panicked();
            tracing::error!(
                is_panic = error.is_panic(),
                "the bot broke while answering on discord"
            );
            refused(Refusal::Broken)
        })
    }

    /// Takes note of what a request came to; once, here.
    fn settle(what: &'static str, result: Result<(), RestError>) -> bool {
        let Err(error) = result else {
            return true;
        };
        let code = error.code();
        if error.is_gone() {
            tracing::debug!(what, code, "gone, or answered by somebody else");
        } else if error.is_denied() {
            tracing::info!(what, code, "discord does not let the bot do that there");
        } else if error.is_malformed() {
            tracing::error!(what, %error, "discord found a message of ours malformed");
        } else {
            tracing::warn!(what, %error, "discord did not take what was sent");
        }
        false
    }

    /// Warns of events that do not fit the model, once in [`WARN_EVERY`].
    fn unparsed(&self, kind: &'static str) {
        self.metrics.event(Platform::Discord, kind);
        let mut warned = lock(&self.warned);
        if warned.is_none_or(|at| at.elapsed() >= WARN_EVERY) {
            *warned = Some(Instant::now());
            tracing::warn!(
                kind,
                "an event of discord's does not fit the model; the metric counts all of them"
            );
        }
    }
}

fn refused(refusal: Refusal) -> Shown {
    Shown::private(Reply::Refused(refusal))
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // A panic elsewhere cannot leave these half written, so a poisoned lock still holds the truth.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
