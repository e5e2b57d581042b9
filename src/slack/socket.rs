//! Socket Mode: connections that Slack sends through, read and acknowledged by themselves.
//!
//! The reader of a connection does four things and nothing that could wait: it reads a frame, acknowledges it, hands it
//! on, and watches that the connection lives. A connection that Slack announces to close is replaced first and closed
//! afterwards, so that there is no moment without one.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::{FutureExt, SinkExt, StreamExt};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::api::{Api, CallError};
use super::conversation::Conversations;
use super::incoming::Kind;
use super::jitter::{BackOff, jittered};
use crate::bot::health::{Health, Part, Readiness};
use crate::bot::metrics::Metrics;
use crate::bot::request::Platform;

/// The pace of connections. Only tests change it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// From one ping of ours to the next.
    pub ping: Duration,
    /// Silence after which a connection counts as dead. Slack itself pings every few seconds.
    pub dead_after: Duration,
    /// The first wait after a failure, and the longest.
    pub first_wait: Duration,
    pub longest_wait: Duration,
    /// The wait after a refusal that only a person can undo.
    pub refused_wait: Duration,
    /// How long an old connection is still read when its replacement is live.
    pub drain: Duration,
    /// Longest wait for a connection, for its `hello`, and for a write.
    pub step: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Pace {
            ping: Duration::from_secs(10),
            dead_after: Duration::from_secs(30),
            first_wait: Duration::from_millis(500),
            longest_wait: Duration::from_secs(30),
            // With chance between half and all of it this is at most two tries a minute, which Slack's limit of
            // `apps.connections.open` (tier 1) bears.
            refused_wait: Duration::from_secs(60),
            drain: Duration::from_secs(2),
            step: Duration::from_secs(10),
        }
    }
}

/// Largest message that is read, in bytes: Slack's are a few KiB, a message with 50 blocks some hundred.
const MAX_MESSAGE: usize = 4 * 1024 * 1024;

/// All connections of this process.
pub struct Sockets {
    pub api: Arc<Api>,
    pub conversations: Arc<Conversations>,
    pub health: Health,
    pub metrics: Metrics,
    pub pace: Pace,
    pub wanted: usize,
    live: AtomicUsize,
    reason: Mutex<String>,
    /// Old connections that are still read for a moment.
    drains: TaskTracker,
    stop: CancellationToken,
}

impl Sockets {
    /// Connections that are yet to be opened.
    #[must_use]
    pub fn new(
        api: Arc<Api>,
        conversations: Arc<Conversations>,
        (health, metrics): (Health, Metrics),
        (wanted, pace): (usize, Pace),
        stop: CancellationToken,
    ) -> Arc<Self> {
        Arc::new(Sockets {
            api,
            conversations,
            health,
            metrics,
            pace,
            wanted,
            live: AtomicUsize::new(0),
            reason: Mutex::new("connecting".to_owned()),
            drains: TaskTracker::new(),
            stop,
        })
    }

    /// Opens the first connection, once: a token that Slack turns down shows here.
    ///
    /// # Errors
    /// Slack turned the token down, or cannot be reached now.
    pub async fn open_first(self: &Arc<Self>) -> Result<Link, CallError> {
        tokio::select! {
            () = self.stop.cancelled() => Err(CallError::Unreachable),
            opened = self.open() => opened.map_err(|error| match error {
                OpenError::Call(error) => error,
                _ => CallError::Unreachable,
            }),
        }
    }

    /// Keeps the connections up until it is told to stop.
    pub async fn run(self: &Arc<Self>, mut first: Option<Link>) {
        self.tell();
        let slots = TaskTracker::new();
        for _ in 0..self.wanted {
            let sockets = Arc::clone(self);
            let first = first.take();
            slots.spawn(async move { sockets.keep_one(first).await });
        }
        slots.close();
        slots.wait().await;
        self.drains.close();
        self.drains.wait().await;
    }

    async fn keep_one(self: &Arc<Self>, mut first: Option<Link>) {
        let mut back_off = BackOff::new(self.pace.first_wait, self.pace.longest_wait);
        loop {
            let opened = Instant::now();
            let link = if let Some(link) = first.take() {
                link
            } else {
                tokio::select! {
                    () = self.stop.cancelled() => return,
                    link = self.open_until_live(back_off.clone()) => link,
                }
            };
            match self.read(link).await {
                End::Stopped => return,
                End::Gone(reason) => {
                    tracing::warn!(reason, "a Slack connection ended; opening another");
                    self.metrics.reconnected(Platform::Slack);
                    self.note(reason);
                    // One that held is replaced at once; one that ends as soon as it begins is not.
                    let wait = if opened.elapsed() > self.pace.dead_after {
                        back_off.reset();
                        jittered(self.pace.first_wait / 2)
                    } else {
                        back_off.next()
                    };
                    self.wait(wait).await;
                }
                End::TurnedAway(reason) => {
                    tracing::error!(reason, "Slack turns the connection away");
                    self.note(reason);
                    self.wait(jittered(self.pace.refused_wait)).await;
                }
            }
        }
    }

    /// Tries until a connection has said hello.
    async fn open_until_live(self: &Arc<Self>, mut back_off: BackOff) -> Link {
        loop {
            let error = match self.open().await {
                Ok(link) => return link,
                Err(error) => error,
            };
            let wait = match &error {
                OpenError::Call(CallError::RateLimited { after }) => after
                    .unwrap_or_else(|| back_off.next())
                    .max(back_off.next()),
                OpenError::Call(call) if call.is_about_the_token() => {
                    jittered(self.pace.refused_wait)
                }
                OpenError::TurnedAway(_) => jittered(self.pace.refused_wait),
                _ => back_off.next(),
            };
            if let OpenError::Call(call) = &error {
                self.metrics
                    .api_error(Platform::Slack, super::outgoing::code_label(call));
            }
            let reason = error.to_string();
            tracing::warn!(
                reason,
                wait_ms = wait.as_millis(),
                "no Slack connection; trying again"
            );
            self.note(&reason);
            sleep(wait).await;
        }
    }

    async fn open(self: &Arc<Self>) -> Result<Link, OpenError> {
        let url = self.api.open_socket().await.map_err(OpenError::Call)?;
        let config = WebSocketConfig::default()
            .max_message_size(Some(MAX_MESSAGE))
            .max_frame_size(Some(MAX_MESSAGE));
        let connecting = connect_async_with_config(url, Some(config), true);
        let (stream, _) = timeout(self.pace.step, connecting)
            .await
            .map_err(|_| OpenError::Silent)?
            .map_err(|error| OpenError::Connect(connect_reason(&error)))?;
        let mut link = Link {
            stream,
            heard: Instant::now(),
            // Not live before Slack says hello.
            guard: None,
        };
        let hello = async {
            loop {
                match link.next().await {
                    Some(text) => match self.take(&mut link, &text).await {
                        Told::Hello => return Ok(()),
                        Told::Closing(Closing::TurnedAway(reason)) => {
                            return Err(OpenError::TurnedAway(reason));
                        }
                        Told::Closing(Closing::Soon) => return Err(OpenError::Silent),
                        Told::Nothing => {}
                    },
                    None => return Err(OpenError::Silent),
                }
            }
        };
        timeout(self.pace.step, hello)
            .await
            .map_err(|_| OpenError::Silent)??;
        link.guard = Some(LiveGuard::new(Arc::clone(self)));
        Ok(link)
    }

    /// Reads a connection, and those that replace it, until there is none.
    async fn read(self: &Arc<Self>, mut link: Link) -> End {
        let mut replacement: Option<BoxFuture<'_, Link>> = None;
        let mut ticks = interval(self.pace.ping);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = self.stop.cancelled() => {
                    link.close(self.pace.step).await;
                    return End::Stopped;
                }
                fresh = wait_for(&mut replacement) => {
                    replacement = None;
                    self.metrics.reconnected(Platform::Slack);
                    self.drain(std::mem::replace(&mut link, fresh));
                }
                frame = link.next() => match frame {
                    Some(text) => match self.take(&mut link, &text).await {
                        Told::Closing(Closing::TurnedAway(reason)) => {
                            link.close(self.pace.step).await;
                            return End::TurnedAway(reason);
                        }
                        Told::Closing(Closing::Soon) if replacement.is_none() => {
                            let back_off = BackOff::new(self.pace.first_wait, self.pace.longest_wait);
                            replacement = Some(self.open_until_live(back_off).boxed());
                        }
                        Told::Closing(Closing::Soon) | Told::Hello | Told::Nothing => {}
                    },
                    None => match replacement.take() {
                        Some(opening) => {
                            drop(link);
                            link = tokio::select! {
                                () = self.stop.cancelled() => return End::Stopped,
                                fresh = opening => fresh,
                            };
                            self.metrics.reconnected(Platform::Slack);
                        }
                        None => return End::Gone("the connection was closed"),
                    },
                },
                _ = ticks.tick() => {
                    if link.heard.elapsed() > self.pace.dead_after {
                        return End::Gone("nothing was heard on the connection");
                    }
                    if !link.send(Message::Ping(Vec::new().into()), self.pace.step).await {
                        return End::Gone("the connection takes nothing any more");
                    }
                }
            }
        }
    }

    /// Reads on in a replaced connection until it is silent: what Slack sent there last is answered too.
    fn drain(self: &Arc<Self>, mut link: Link) {
        let sockets = Arc::clone(self);
        self.drains.spawn(async move {
            // Slack closes a connection about ten seconds after it has said so.
            let end = Instant::now() + sockets.pace.step.max(sockets.pace.drain);
            while Instant::now() < end {
                tokio::select! {
                    () = sockets.stop.cancelled() => break,
                    frame = timeout(sockets.pace.drain, link.next()) => match frame {
                        Ok(Some(text)) => {
                            sockets.take(&mut link, &text).await;
                        }
                        Ok(None) => return,
                        Err(_) => break,
                    },
                }
            }
            link.close(sockets.pace.step).await;
        });
    }

    /// Acknowledges a frame, hands it on, and tells what it says of the connection itself.
    async fn take(&self, link: &mut Link, text: &str) -> Told {
        let received = Instant::now();
        // What is no JSON cannot be acknowledged; the connection is as good as before.
        let Ok(mut frame) = serde_json::from_str::<Value>(text) else {
            tracing::warn!(bytes = text.len(), "a Slack frame is no JSON");
            return Told::Nothing;
        };
        let kind = frame["type"].as_str().unwrap_or_default().to_owned();
        match kind.as_str() {
            "hello" => return Told::Hello,
            "disconnect" => {
                let reason = frame["reason"].as_str().unwrap_or_default();
                tracing::info!(reason, "Slack announces the end of a connection");
                return Told::Closing(Closing::read(reason));
            }
            _ => {}
        }
        let Some(envelope) = frame["envelope_id"].as_str() else {
            return Told::Nothing;
        };
        let ack = serde_json::json!({ "envelope_id": envelope }).to_string();
        let is_acked = link.send(Message::Text(ack.into()), self.pace.step).await;
        self.metrics
            .acknowledged(Platform::Slack, received.elapsed());
        match Kind::of_envelope(&kind) {
            // Without an acknowledgement Slack sends it again, on another connection: then it is answered there.
            Some(_) if !is_acked => {
                tracing::warn!("an acknowledgement could not be sent");
            }
            Some(kind) => self.conversations.take(kind, &frame["payload"].take()),
            None => {
                self.metrics.event(Platform::Slack, "unknown");
                tracing::debug!(
                    "a Slack envelope of an unknown type was acknowledged and passed over"
                );
            }
        }
        Told::Nothing
    }

    fn note(&self, reason: &str) {
        reason.clone_into(&mut self.reason.lock().unwrap_or_else(PoisonError::into_inner));
        self.tell();
    }

    /// Tells the process how the connections are.
    fn tell(&self) {
        let live = self.live.load(Ordering::Relaxed);
        let reason = self
            .reason
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        self.metrics.connections(Platform::Slack, live);
        let readiness = if live >= self.wanted {
            Readiness::Ready
        } else if live > 0 {
            Readiness::ReadyBut(format!(
                "{live} of {} Slack connections is live: {reason}",
                self.wanted
            ))
        } else {
            Readiness::NotReady(format!("no Slack connection is live: {reason}"))
        };
        self.health.set(Part::Slack, readiness);
    }

    async fn wait(&self, wait: Duration) {
        tokio::select! {
            () = self.stop.cancelled() => {}
            () = sleep(wait) => {}
        }
    }
}

/// A connection.
pub struct Link {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// When anything came last, a pong included.
    heard: Instant,
    guard: Option<LiveGuard>,
}

impl Link {
    /// The next text; none where the connection has ended.
    async fn next(&mut self) -> Option<String> {
        loop {
            let frame = self.stream.next().await?;
            self.heard = Instant::now();
            match frame {
                Ok(Message::Text(text)) => return Some(text.as_str().to_owned()),
                Ok(Message::Close(_)) | Err(_) => return None,
                // The library answers pings itself, with the next write or read.
                Ok(
                    Message::Binary(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_),
                ) => {}
            }
        }
    }

    /// Sends a frame; false where the connection does not take it within the time.
    async fn send(&mut self, message: Message, within: Duration) -> bool {
        matches!(timeout(within, self.stream.send(message)).await, Ok(Ok(())))
    }

    async fn close(mut self, within: Duration) {
        // Whether Slack hears it or not, it is over.
        let _ = timeout(within, self.stream.close(None)).await;
    }
}

/// Counts a connection as live while it is held.
struct LiveGuard(Arc<Sockets>);

impl LiveGuard {
    fn new(sockets: Arc<Sockets>) -> Self {
        sockets.live.fetch_add(1, Ordering::Relaxed);
        sockets.tell();
        LiveGuard(sockets)
    }
}

impl Drop for LiveGuard {
    fn drop(&mut self) {
        self.0.live.fetch_sub(1, Ordering::Relaxed);
        self.0.tell();
    }
}

/// How the reading of a connection ended.
enum End {
    Stopped,
    Gone(&'static str),
    TurnedAway(&'static str),
}

/// What a frame says of its connection.
enum Told {
    Nothing,
    Hello,
    Closing(Closing),
}

enum Closing {
    /// A normal end: Slack refreshes its connections every few hours.
    Soon,
    /// Another connection would be turned away too, until a person changes something.
    TurnedAway(&'static str),
}

impl Closing {
    fn read(reason: &str) -> Self {
        match reason {
            "link_disabled" => Closing::TurnedAway(
                "Socket Mode is off (`link_disabled`): switch it on in the app's settings",
            ),
            "too_many_websockets" => Closing::TurnedAway(
                "the app has more than 10 connections (`too_many_websockets`): lower slack.connections or the number of replicas",
            ),
            _ => Closing::Soon,
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum OpenError {
    #[error("{}", call_reason(.0))]
    Call(CallError),
    #[error("{0}")]
    TurnedAway(&'static str),
    #[error("the address that Slack gave cannot be connected to ({0})")]
    Connect(String),
    #[error("the connection was opened, but Slack did not say hello")]
    Silent,
}

fn call_reason(error: &CallError) -> String {
    if error.is_about_the_token() {
        format!("{error} for SLACK_APP_TOKEN: make a new app-level token with connections:write")
    } else {
        error.to_string()
    }
}

/// Why a connection failed, without the address: it holds a ticket.
fn connect_reason(error: &tokio_tungstenite::tungstenite::Error) -> String {
    use tokio_tungstenite::tungstenite::Error;
    match error {
        Error::Io(error) => error.kind().to_string(),
        Error::Tls(_) => "TLS: check the CA certificates, SSL_CERT_FILE names others".to_owned(),
        Error::Http(answer) => format!("HTTP status {}", answer.status().as_u16()),
        _ => "the protocol".to_owned(),
    }
}

async fn wait_for(replacement: &mut Option<BoxFuture<'_, Link>>) -> Link {
    match replacement {
        Some(opening) => opening.await,
        None => std::future::pending().await,
    }
}
