//! The way out to Slack: one lane a channel, in order, with Slack's own pace, few retries and a bounded queue.
//!
//! What is sent again, and what is not. A refusal to connect, a broken connection and a 5xx are tried three times in all:
//! Slack has hardly done what it answers that way. A call that was sent and not answered in time is never sent again where
//! that could show a message twice; an edit may be repeated, it ends the same. So a person may, rarely, get no answer from
//! a Slack that hangs, and never two.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};

use super::api::{Api, CallError, With};
use super::jitter::{BackOff, jittered};
use super::render::Message;
use crate::bot::metrics::Metrics;
use crate::bot::request::Platform;

/// Most messages that wait in one lane. Slack takes about one a second a channel, and nobody reads what is older than
/// half a minute.
const MAX_WAITING: usize = 30;

/// Most tries of a call that fails for a moment.
const MAX_TRIES: u32 = 3;

/// Most waits for one message because Slack asks to slow down.
const MAX_SLOW_DOWNS: u32 = 5;

/// Longest wait that Slack may ask for; beyond it the message is given up.
const LONGEST_SLOW_DOWN: Duration = Duration::from_secs(120);

/// The wait where Slack asks to slow down and does not say for how long.
const SLOW_DOWN: Duration = Duration::from_secs(1);

/// Most lanes that are remembered.
const MAX_LANES: usize = 1_024;

/// Most posts that one `response_url` takes.
const MAX_RESPONSES: u8 = 5;

/// How long a `response_url` takes any.
const RESPONSE_LIFE: Duration = Duration::from_secs(30 * 60);

/// The lanes.
pub struct Outbox {
    api: Arc<Api>,
    metrics: Metrics,
    lanes: Mutex<HashMap<String, Arc<Lane>>>,
    waiting: AtomicUsize,
    first_wait: Duration,
}

/// One channel's queue. The lock is fair, so what was put in first goes out first.
#[derive(Default)]
struct Lane {
    turn: tokio::sync::Mutex<Option<Instant>>,
    waiting: AtomicUsize,
}

/// A `response_url`, with what is left of it.
#[derive(Debug)]
pub struct ResponseUrl {
    url: String,
    used: AtomicU8,
    since: Instant,
}

impl ResponseUrl {
    /// An address that came just now.
    #[must_use]
    pub fn new(url: String) -> Self {
        ResponseUrl {
            url,
            used: AtomicU8::new(0),
            since: Instant::now(),
        }
    }
}

/// Something to be sent.
#[derive(Debug, Clone)]
pub enum Post<'a> {
    /// A message for all, in a thread where there is one. A channel may be a person's id: then it is a direct message.
    Message {
        channel: &'a str,
        thread: Option<&'a str>,
        message: &'a Message,
    },
    /// A message for one person.
    Ephemeral {
        channel: &'a str,
        user: &'a str,
        thread: Option<&'a str>,
        message: &'a Message,
    },
    /// Another content for a message of ours.
    Update {
        channel: &'a str,
        ts: &'a str,
        message: &'a Message,
    },
    /// An answer to a command, a shortcut or a button.
    Respond {
        url: &'a ResponseUrl,
        how: Respond<'a>,
    },
    /// A method with its own body, such as a view.
    Call {
        lane: &'a str,
        method: &'static str,
        body: Value,
    },
}

/// What an answer to a `response_url` does.
#[derive(Debug, Clone)]
pub enum Respond<'a> {
    /// A new message for the person alone.
    Privately {
        message: &'a Message,
        thread: Option<&'a str>,
    },
    /// Another content for the message that the button stands in.
    Replacing(&'a Message),
    /// A new message for all.
    Publicly {
        message: &'a Message,
        thread: Option<&'a str>,
    },
    /// Takes the message that the button stands in away.
    Deleting,
}

/// Why something was not sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// Slack, or the way to it.
    #[error(transparent)]
    Call(#[from] CallError),
    /// Too much waits in this lane already.
    #[error("{MAX_WAITING} messages wait for this channel already")]
    Full,
    /// The `response_url` has been used up, or is too old.
    #[error("the response url has run out")]
    Expired,
}

impl Outbox {
    /// Lanes without anything in them.
    #[must_use]
    pub fn new(api: Arc<Api>, metrics: Metrics, first_wait: Duration) -> Self {
        Outbox {
            api,
            metrics,
            lanes: Mutex::default(),
            waiting: AtomicUsize::new(0),
            first_wait,
        }
    }

    /// Sends, in its lane's order. Gives the message's `ts` or the view's id, where Slack tells it.
    ///
    /// # Errors
    /// See [`SendError`]; everything worth a retry has been retried.
    pub async fn send(&self, post: Post<'_>) -> Result<Option<String>, SendError> {
        if let Post::Respond { url, .. } = &post
            && (url.since.elapsed() > RESPONSE_LIFE
                || url.used.fetch_add(1, Ordering::Relaxed) >= MAX_RESPONSES)
        {
            return Err(SendError::Expired);
        }
        let lane = self.lane(post.lane());
        let ticket = Waiting::new(self, &lane);
        if ticket.ahead >= MAX_WAITING {
            self.metrics.dropped(Platform::Slack);
            tracing::warn!("a Slack message was given up: its channel's queue is full");
            return Err(SendError::Full);
        }
        let mut turn = lane.turn.lock().await;
        let outcome = self.send_in_turn(&post, &mut turn).await;
        if let Err(error) = &outcome {
            self.metrics.dropped(Platform::Slack);
            self.metrics.api_error(Platform::Slack, code_label(error));
        }
        match outcome {
            Err(error) if error.is_expired() => Err(SendError::Expired),
            other => Ok(other?),
        }
    }

    async fn send_in_turn(
        &self,
        post: &Post<'_>,
        turn: &mut Option<Instant>,
    ) -> Result<Option<String>, CallError> {
        let mut back_off = BackOff::new(self.first_wait, Duration::from_secs(10));
        let (mut tries, mut slow_downs) = (1, 0);
        let mut form = Form::Blocks;
        loop {
            if let Some(until) = turn.take() {
                sleep_until(until).await;
            }
            let error = match self.try_once(post, form).await {
                Ok(ts) => return Ok(ts),
                Err(error) => error,
            };
            let is_repeatable = match &error {
                CallError::Unreachable | CallError::Broken | CallError::Status(500..) => true,
                CallError::TimedOut => post.is_idempotent(),
                _ => false,
            };
            match &error {
                CallError::RateLimited { after } => {
                    let wait = after.unwrap_or(SLOW_DOWN);
                    // The lane waits as long, whoever comes next.
                    *turn = Some(Instant::now() + wait + jittered(self.first_wait));
                    slow_downs += 1;
                    if slow_downs > MAX_SLOW_DOWNS || wait > LONGEST_SLOW_DOWN {
                        return Err(error);
                    }
                    self.metrics.api_error(Platform::Slack, code_label(&error));
                }
                _ if error.is_about_the_blocks() && form == Form::Blocks => {
                    tracing::error!(error = %error, "Slack turned a message's blocks down; it is sent as plain text");
                    self.metrics.api_error(Platform::Slack, code_label(&error));
                    form = Form::Plain;
                }
                _ if is_repeatable && tries < MAX_TRIES => {
                    tries += 1;
                    self.metrics.api_error(Platform::Slack, code_label(&error));
                    *turn = Some(Instant::now() + back_off.next());
                }
                _ => return Err(error),
            }
        }
    }

    async fn try_once(&self, post: &Post<'_>, form: Form) -> Result<Option<String>, CallError> {
        let (method, body) = post.request(form);
        if let Post::Respond { url, .. } = post {
            return self.api.respond(&url.url, &body).await.map(|()| None);
        }
        let answer = self.api.call(With::Bot, method, &body).await?;
        let id = answer["ts"].as_str().or(answer["view"]["id"].as_str());
        Ok(id.map(str::to_owned))
    }

    fn lane(&self, name: &str) -> Arc<Lane> {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        if lanes.len() >= MAX_LANES {
            // A lane that is held elsewhere is in use; the others have nothing to remember but a pause.
            lanes.retain(|_, lane| Arc::strong_count(lane) > 1);
        }
        Arc::clone(lanes.entry(name.to_owned()).or_default())
    }
}

/// Whether a message goes out with its blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Blocks,
    Plain,
}

impl Post<'_> {
    fn lane(&self) -> &str {
        match self {
            Post::Message { channel, .. }
            | Post::Ephemeral { channel, .. }
            | Post::Update { channel, .. } => channel,
            // A person waits for each of these alone, so none waits for another's.
            Post::Respond { url, .. } => &url.url,
            Post::Call { lane, .. } => lane,
        }
    }

    /// Whether doing it twice is as good as once.
    fn is_idempotent(&self) -> bool {
        match self {
            Post::Update { .. } | Post::Call { .. } => true,
            Post::Respond { how, .. } => {
                matches!(how, Respond::Replacing(_) | Respond::Deleting)
            }
            Post::Message { .. } | Post::Ephemeral { .. } => false,
        }
    }

    fn request(&self, form: Form) -> (&'static str, Value) {
        let with = |message: &Message, mut body: Value| {
            body["text"] = Value::String(match form {
                Form::Blocks => message.text.clone(),
                Form::Plain => message.plain.clone(),
            });
            // The text is shown as it stands: no asterisk of an entry makes anything bold.
            body["mrkdwn"] = Value::Bool(false);
            if form == Form::Blocks {
                body["blocks"] = Value::Array(message.blocks.clone());
            }
            body
        };
        match self {
            Post::Message {
                channel,
                thread,
                message,
            } => (
                "chat.postMessage",
                with(
                    message,
                    in_thread(
                        json!({"channel": channel, "unfurl_links": false, "unfurl_media": false}),
                        *thread,
                    ),
                ),
            ),
            Post::Ephemeral {
                channel,
                user,
                thread,
                message,
            } => (
                "chat.postEphemeral",
                with(
                    message,
                    in_thread(json!({"channel": channel, "user": user}), *thread),
                ),
            ),
            Post::Update {
                channel,
                ts,
                message,
            } => {
                let mut body = with(message, json!({"channel": channel, "ts": ts}));
                if form == Form::Plain {
                    // An edit without blocks would keep the old ones.
                    body["blocks"] = json!([]);
                }
                ("chat.update", body)
            }
            Post::Respond { how, .. } => {
                let unfurled = json!({"unfurl_links": false, "unfurl_media": false});
                let body = match how {
                    Respond::Privately { message, thread } => {
                        let mut body = with(message, in_thread(unfurled, *thread));
                        body["response_type"] = json!("ephemeral");
                        body["replace_original"] = json!(false);
                        body
                    }
                    Respond::Replacing(message) => {
                        let mut body = with(message, unfurled);
                        body["replace_original"] = json!(true);
                        if form == Form::Plain {
                            body["blocks"] = json!([]);
                        }
                        body
                    }
                    Respond::Publicly { message, thread } => {
                        let mut body = with(message, in_thread(unfurled, *thread));
                        body["response_type"] = json!("in_channel");
                        body["replace_original"] = json!(false);
                        body
                    }
                    Respond::Deleting => json!({"delete_original": true}),
                };
                ("response_url", body)
            }
            Post::Call { method, body, .. } => (method, body.clone()),
        }
    }
}

/// Counts a message as waiting while it is held.
struct Waiting<'a> {
    outbox: &'a Outbox,
    lane: &'a Lane,
    ahead: usize,
}

impl<'a> Waiting<'a> {
    fn new(outbox: &'a Outbox, lane: &'a Lane) -> Self {
        let all = outbox.waiting.fetch_add(1, Ordering::Relaxed) + 1;
        outbox.metrics.queue_depth(Platform::Slack, all);
        Waiting {
            outbox,
            lane,
            ahead: lane.waiting.fetch_add(1, Ordering::Relaxed),
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.lane.waiting.fetch_sub(1, Ordering::Relaxed);
        let all = self.outbox.waiting.fetch_sub(1, Ordering::Relaxed) - 1;
        self.outbox.metrics.queue_depth(Platform::Slack, all);
    }
}

fn in_thread(mut body: Value, thread: Option<&str>) -> Value {
    if let Some(thread) = thread {
        body["thread_ts"] = Value::String(thread.to_owned());
    }
    body
}

/// The codes that are counted by name; every other is `other`.
const CODES: [&str; 24] = [
    "invalid_auth",
    "not_authed",
    "account_inactive",
    "token_revoked",
    "token_expired",
    "missing_scope",
    "not_in_channel",
    "channel_not_found",
    "is_archived",
    "restricted_action",
    "user_not_in_channel",
    "user_not_found",
    "invalid_blocks",
    "msg_blocks_too_long",
    "msg_too_long",
    "no_text",
    "message_not_found",
    "cant_update_message",
    "edit_window_closed",
    "expired_trigger_id",
    "expired_url",
    "used_url",
    "internal_error",
    "fatal_error",
];

/// The label of an error in metrics, out of a closed list.
#[must_use]
pub fn code_label(error: &CallError) -> &'static str {
    match error {
        CallError::Refused { code, .. } => CODES
            .into_iter()
            .find(|known| known == code)
            .unwrap_or("other"),
        CallError::RateLimited { .. } => "ratelimited",
        CallError::Status(_) => "http_status",
        CallError::Unreachable => "unreachable",
        CallError::Broken => "broken",
        CallError::TimedOut => "timed_out",
        CallError::Unreadable => "unreadable",
    }
}
