//! Discord's REST interface: the one way to send, with time-outs, rate limits and a stop when the token is refused.

use std::collections::{HashMap, VecDeque};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Context as _;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Method, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::lock;
use crate::bot::health::{Health, Part, Readiness};
use crate::bot::metrics::Metrics;
use crate::bot::request::Platform;

/// Longest time for one request that nobody waits three seconds for.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// Longest time to reach the server.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// Requests in flight at once. Together with [`MAX_INVALID`] it keeps a burst of refusals under 100 in ten minutes
/// (Discord bans an address at 10,000).
const MAX_IN_FLIGHT: usize = 40;

/// Refused requests (401, 403, 429) in [`INVALID_WINDOW`] after which nothing is sent.
const MAX_INVALID: usize = 55;

/// The window in which Discord counts refused requests.
const INVALID_WINDOW: Duration = Duration::from_secs(600);

/// Longest wait for a rate limit: an answer that comes later helps nobody.
const MAX_LIMIT_WAIT: Duration = Duration::from_secs(60);

/// Most attempts of a message to a channel.
const MAX_SENDS: usize = 4;

/// Channels whose limits are remembered before those at rest are forgotten.
const MAX_LANES: usize = 1024;

/// Longest sentence of Discord's that is kept, in characters.
const MAX_MESSAGE: usize = 500;

/// Pause before another attempt where Discord has trouble of its own.
const RETRY_PAUSE: Duration = Duration::from_millis(250);

/// A connection to the REST interface.
pub(super) struct Rest {
    client: reqwest::Client,
    base: String,
    metrics: Metrics,
    health: Health,
    in_flight: Semaphore,
    is_stopped: AtomicBool,
    invalid: Mutex<VecDeque<Instant>>,
    globally_free: Mutex<Instant>,
    lanes: Mutex<HashMap<u64, Lane>>,
}

/// The queue of one channel: whoever holds it sends, no earlier than the instant in it.
type Lane = Arc<tokio::sync::Mutex<Instant>>;

/// Why a request came to nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum RestError {
    /// Discord refused it.
    #[error("discord refused the request: {message} (status {status}, code {code})")]
    Refused {
        status: u16,
        code: u64,
        message: String,
    },
    /// Discord refuses the token.
    #[error("discord refuses the token")]
    Unauthorized,
    /// A rate limit.
    #[error("discord takes no such request for {} ms", after.as_millis())]
    Limited { after: Duration },
    /// Discord has trouble of its own.
    #[error("discord answered with status {0}")]
    Broken(u16),
    /// The request ran out of time.
    #[error("discord did not answer in time")]
    TimedOut,
    /// Nobody was reached.
    #[error("discord cannot be reached: {0}")]
    Unreachable(String),
    /// Nothing was sent: the token was refused before, or too much was refused lately.
    #[error("nothing is sent after so many refusals")]
    Stopped,
}

/// Discord's codes that mean: this is no longer there, or somebody else has done it.
const GONE: [u64; 6] = [10_003, 10_008, 10_015, 10_062, 40_060, 50_027];

/// Discord's codes that mean: the bot may not do this here.
const DENIED: [u64; 3] = [50_001, 50_007, 50_013];

/// Discord's codes that mean: the request is malformed, which is a defect of ours.
const MALFORMED: [u64; 3] = [50_006, 50_035, 50_109];

impl RestError {
    /// Whether the message or interaction is gone, or somebody else has answered.
    pub(super) fn is_gone(&self) -> bool {
        matches!(self, RestError::Refused { code, .. } if GONE.contains(code))
    }

    /// Whether a permission is missing.
    pub(super) fn is_denied(&self) -> bool {
        matches!(self, RestError::Refused { code, .. } if DENIED.contains(code))
    }

    /// Whether Discord found the request malformed.
    pub(super) fn is_malformed(&self) -> bool {
        matches!(self, RestError::Refused { code, .. } if MALFORMED.contains(code))
    }

    /// Discord's own code, where it gave one.
    pub(super) fn code(&self) -> Option<u64> {
        match self {
            RestError::Refused { code, .. } => Some(*code),
            _ => None,
        }
    }

    /// How long to wait before another attempt; none where another attempt is of no use.
    fn retry_after(&self) -> Option<Duration> {
        match self {
            RestError::Limited { after } => Some(*after),
            RestError::Broken(_) | RestError::Unreachable(_) => Some(RETRY_PAUSE),
            RestError::Refused { .. }
            | RestError::Unauthorized
            | RestError::TimedOut
            | RestError::Stopped => None,
        }
    }

    /// The name that metrics use.
    fn name(&self) -> &'static str {
        match self {
            RestError::Refused { code: 40_060, .. } => "answered_elsewhere",
            error if error.is_gone() => "gone",
            error if error.is_denied() => "denied",
            error if error.is_malformed() => "malformed",
            RestError::Refused { .. } => "other",
            RestError::Unauthorized => "unauthorized",
            RestError::Limited { .. } => "rate_limited",
            RestError::Broken(_) => "server_error",
            RestError::TimedOut => "timed_out",
            RestError::Unreachable(_) => "unreachable",
            RestError::Stopped => "not_sent",
        }
    }
}

/// The authorities that `SSL_CERT_FILE` names, beside those built in. The gateway's sockets look there by themselves.
fn authorities() -> anyhow::Result<Vec<reqwest::Certificate>> {
    let Some(file) = std::env::var_os("SSL_CERT_FILE") else {
        return Ok(Vec::new());
    };
    let file = Path::new(&file);
    let named = || format!("SSL_CERT_FILE = `{}`", file.display());
    let pem = std::fs::read(file)
        .with_context(|| format!("{} cannot be read: check the path", named()))?;
    reqwest::Certificate::from_pem_bundle(&pem)
        .with_context(|| format!("{} holds no certificates in PEM", named()))
}

impl Rest {
    /// A connection to the REST interface below `api_url`.
    ///
    /// # Errors
    /// The token holds characters that no token has, or no HTTP client can be built.
    pub(super) fn new(
        api_url: &str,
        token: &SecretString,
        metrics: Metrics,
        health: Health,
    ) -> anyhow::Result<Self> {
        let mut authorization = HeaderValue::from_str(&format!("Bot {}", bare(token)))
            .ok()
            .context("DISCORD_TOKEN holds characters that no token has: copy the token again")?;
        authorization.set_sensitive(true);
        let mut client = reqwest::Client::builder();
        for authority in authorities()? {
            client = client.add_root_certificate(authority);
        }
        let client = client
            .timeout(REQUEST_TIMEOUT)
            .connect_timeout(CONNECT_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!(
                "DiscordBot (k8sfaq, ",
                env!("CARGO_PKG_VERSION"),
                ")"
            ))
            .default_headers(HeaderMap::from_iter([(AUTHORIZATION, authorization)]))
            .build()
            .context("no HTTP client can be built")?;
        Ok(Rest {
            client,
            base: format!("{}/api/v10", origin(api_url)),
            metrics,
            health,
            in_flight: Semaphore::new(MAX_IN_FLIGHT),
            is_stopped: AtomicBool::new(false),
            invalid: Mutex::default(),
            globally_free: Mutex::new(Instant::now()),
            lanes: Mutex::default(),
        })
    }

    /// Whether nothing is sent any more because the token was refused.
    pub(super) fn is_stopped(&self) -> bool {
        self.is_stopped.load(Ordering::Relaxed)
    }

    /// Reads something.
    pub(super) async fn get(&self, path: &str) -> Result<Value, RestError> {
        self.once(Method::GET, path, None, REQUEST_TIMEOUT).await
    }

    /// Replaces something.
    pub(super) async fn put(&self, path: &str, body: &Value) -> Result<Value, RestError> {
        self.once(Method::PUT, path, Some(body), REQUEST_TIMEOUT)
            .await
    }

    /// Posts a message into a channel, in its turn; rate limits are waited for.
    pub(super) async fn send(&self, channel: u64, body: &Value) -> Result<Value, RestError> {
        let path = format!("/channels/{channel}/messages");
        self.in_turn(channel, Method::POST, &path, Some(body)).await
    }

    /// Changes a message of ours, in the channel's turn.
    pub(super) async fn edit(
        &self,
        channel: u64,
        message: u64,
        body: &Value,
    ) -> Result<Value, RestError> {
        let path = format!("/channels/{channel}/messages/{message}");
        self.in_turn(channel, Method::PATCH, &path, Some(body))
            .await
    }

    async fn in_turn(
        &self,
        channel: u64,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, RestError> {
        let patience = Instant::now() + MAX_LIMIT_WAIT;
        let lane = self.lane(channel);
        let mut free = lane.lock().await;
        let mut sends = 0;
        loop {
            let until = (*free).max(self.globally_free());
            if until > patience {
                self.metrics.dropped(Platform::Discord);
                return Err(RestError::Limited {
                    after: until.saturating_duration_since(Instant::now()),
                });
            }
            tokio::time::sleep_until(until).await;
            if self.globally_free() > Instant::now() {
                continue;
            }
            sends += 1;
            let (result, rest) = self
                .request(method.clone(), path, body, REQUEST_TIMEOUT)
                .await;
            *free = Instant::now() + rest;
            match result {
                Err(error) if sends < MAX_SENDS => match error.retry_after() {
                    Some(after) => *free = (*free).max(Instant::now() + after),
                    None => return Err(error),
                },
                result => return result,
            }
        }
    }

    /// The first response to an interaction, with one more attempt if that still comes before the deadline.
    pub(super) async fn respond(
        &self,
        id: u64,
        token: &str,
        body: &Value,
        deadline: Instant,
    ) -> Result<(), RestError> {
        let path = format!("/interactions/{id}/{token}/callback");
        let result = self.by(Method::POST, &path, Some(body), deadline).await;
        result.map(drop)
    }

    /// Something behind an interaction's token, with one more attempt.
    pub(super) async fn follow(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, RestError> {
        self.by(method, path, body, Instant::now() + REQUEST_TIMEOUT)
            .await
    }

    /// One request, and one more if the first failed in a way that passes. The first has three fifths of the time.
    async fn by(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        deadline: Instant,
    ) -> Result<Value, RestError> {
        let left = deadline.saturating_duration_since(Instant::now());
        let first = self
            .once(method.clone(), path, body, left.mul_f32(0.6))
            .await;
        let wait = match &first {
            Ok(_) => return first,
            Err(RestError::TimedOut) => Duration::ZERO,
            Err(error) => match error.retry_after() {
                Some(wait) => wait,
                None => return first,
            },
        };
        if Instant::now() + wait >= deadline {
            return first;
        }
        tokio::time::sleep(wait).await;
        let left = deadline.saturating_duration_since(Instant::now());
        self.once(method, path, body, left).await
    }

    /// One request.
    async fn once(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        timeout: Duration,
    ) -> Result<Value, RestError> {
        self.request(method, path, body, timeout).await.0
    }

    /// One request: its result, and how long its bucket is to be left alone.
    async fn request(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        timeout: Duration,
    ) -> (Result<Value, RestError>, Duration) {
        let sent = tokio::time::timeout(timeout, self.exchange(method, path, body)).await;
        let (result, rest) = match sent {
            Ok(Ok((value, rest))) => (Ok(value), rest),
            Ok(Err(error)) => (Err(error), Duration::ZERO),
            Err(_) => (Err(RestError::TimedOut), Duration::ZERO),
        };
        if let Err(error) = &result {
            self.metrics.api_error(Platform::Discord, error.name());
        }
        (result, rest)
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<(Value, Duration), RestError> {
        let Ok(_permit) = self.in_flight.acquire().await else {
            return Err(RestError::Stopped);
        };
        if self.is_stopped() || self.is_over_refused() {
            return Err(RestError::Stopped);
        }
        let mut request = self.client.request(method, format!("{}{path}", self.base));
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.map_err(unreachable)?;
        let status = response.status();
        let headers = response.headers().clone();
        let rest = bucket_rest(&headers);
        let bytes = response.bytes().await.map_err(unreachable)?;
        if status.is_success() {
            let value = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
            return Ok((value, rest));
        }
        Err(self.refusal(status, &headers, &bytes))
    }

    fn refusal(&self, status: StatusCode, headers: &HeaderMap, bytes: &[u8]) -> RestError {
        #[derive(Deserialize, Default)]
        #[serde(default)]
        struct Body {
            code: u64,
            message: String,
            errors: Value,
            retry_after: Option<f64>,
            global: bool,
        }
        let body: Body = serde_json::from_slice(bytes).unwrap_or_default();
        let is_shared = headers
            .get("x-ratelimit-scope")
            .is_some_and(|scope| scope == "shared");
        if matches!(status.as_u16(), 401 | 403) || (status.as_u16() == 429 && !is_shared) {
            lock(&self.invalid).push_back(Instant::now());
        }
        match status {
            StatusCode::TOO_MANY_REQUESTS => {
                let after = body
                    .retry_after
                    .or_else(|| seconds(headers, "retry-after"))
                    .and_then(|after| Duration::try_from_secs_f64(after).ok())
                    .unwrap_or(Duration::from_secs(1));
                if body.global || headers.contains_key("x-ratelimit-global") {
                    *lock(&self.globally_free) = Instant::now() + after;
                }
                RestError::Limited { after }
            }
            // 50027 is an interaction's token that has run out, not the bot's.
            StatusCode::UNAUTHORIZED if body.code != 50_027 => {
                if !self.is_stopped.swap(true, Ordering::Relaxed) {
                    tracing::error!(
                        "discord refuses the token: nothing more is sent; put a valid one into DISCORD_TOKEN and start again"
                    );
                    let why = "discord refuses the token in DISCORD_TOKEN".to_owned();
                    self.health.set(Part::Discord, Readiness::NotReady(why));
                }
                RestError::Unauthorized
            }
            status if status.is_server_error() => RestError::Broken(status.as_u16()),
            status => {
                // What Discord found malformed stands in a tree of field names and sentences.
                let message = match &body.errors {
                    Value::Null => body.message,
                    errors => format!("{}: {errors}", body.message),
                };
                RestError::Refused {
                    status: status.as_u16(),
                    code: body.code,
                    message: message.chars().take(MAX_MESSAGE).collect(),
                }
            }
        }
    }

    fn is_over_refused(&self) -> bool {
        let mut invalid = lock(&self.invalid);
        let is_old = |at: &Instant| at.elapsed() > INVALID_WINDOW;
        while invalid.front().is_some_and(is_old) {
            invalid.pop_front();
        }
        invalid.len() >= MAX_INVALID
    }

    fn globally_free(&self) -> Instant {
        *lock(&self.globally_free)
    }

    fn lane(&self, channel: u64) -> Lane {
        let mut lanes = lock(&self.lanes);
        if lanes.len() >= MAX_LANES {
            let now = Instant::now();
            lanes.retain(|_, lane| {
                Arc::strong_count(lane) > 1 || lane.try_lock().is_ok_and(|free| *free > now)
            });
        }
        let new = || Arc::new(tokio::sync::Mutex::new(Instant::now()));
        Arc::clone(lanes.entry(channel).or_insert_with(new))
    }
}

/// A token without the `Bot ` that some copy along with it.
pub(super) fn bare(token: &SecretString) -> &str {
    let token = token.expose_secret().trim();
    token.strip_prefix("Bot ").unwrap_or(token).trim()
}

/// The scheme and host of an address, whatever of Discord's path was written behind it.
pub(super) fn origin(api_url: &str) -> &str {
    let trimmed = api_url.trim_end_matches('/');
    let trimmed = trimmed.strip_suffix("/v10").unwrap_or(trimmed);
    let trimmed = trimmed.strip_suffix("/api").unwrap_or(trimmed);
    trimmed.trim_end_matches('/')
}

/// How long a bucket is to be left alone, by the headers of its last response.
fn bucket_rest(headers: &HeaderMap) -> Duration {
    let is_empty = headers
        .get("x-ratelimit-remaining")
        .is_some_and(|left| left == "0");
    if !is_empty {
        return Duration::ZERO;
    }
    seconds(headers, "x-ratelimit-reset-after")
        .and_then(|after| Duration::try_from_secs_f64(after).ok())
        .unwrap_or_default()
}

fn seconds(headers: &HeaderMap, name: &str) -> Option<f64> {
    headers.get(name)?.to_str().ok()?.parse().ok()
}

/// What reqwest says, without the address: it may hold an interaction's token.
fn unreachable(error: reqwest::Error) -> RestError {
    if error.is_timeout() {
        return RestError::TimedOut;
    }
    let error = error.without_url();
    let mut cause: &dyn std::error::Error = &error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    RestError::Unreachable(cause.to_string())
}
