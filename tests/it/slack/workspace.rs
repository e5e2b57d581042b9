//! A workspace with the bot in it: what people do there, and what they see.

use std::fmt::Write;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use hmac::{Hmac, KeyInit, Mac};
use k8sfaq::bot::Bot;
use k8sfaq::bot::health::{Health, Part, Readiness};
use k8sfaq::bot::metrics::Metrics;
use k8sfaq::bot::policy::{self, Policy};
use k8sfaq::bot::reply::Shown;
use k8sfaq::bot::request::Request;
use k8sfaq::faq::answer::Faq;
use k8sfaq::faq::catalog::Catalog;
use k8sfaq::slack::conversation::Core;
use k8sfaq::slack::socket::Pace;
use k8sfaq::slack::{self, Mode, Report, Running, Secrets, Settings};
use k8sfaq::state::State;
use secrecy::SecretString;
use serde_json::{Value, json};
use sha2::Sha256;
use tokio_util::sync::CancellationToken;

use super::drawn::drawn;
use super::fake::{APP_TOKEN, BOT_TOKEN, Fake, Out, SIGNING_SECRET};

pub struct Workspace {
    pub fake: Arc<Fake>,
    pub mode: Mode,
    pub health: Health,
    pub metrics: Metrics,
    pub stop: CancellationToken,
    running: Option<Running>,
    address: Option<std::net::SocketAddr>,
}

/// What somebody sees: a payload that Slack took.
#[derive(Debug, Clone)]
pub struct Seen {
    pub body: Value,
}

impl Seen {
    pub fn drawn(&self) -> String {
        drawn(&self.body)
    }

    pub fn text(&self) -> &str {
        self.body["text"].as_str().unwrap()
    }

    /// A button by its label: its action id and its value.
    pub fn button(&self, label: &str) -> (String, String) {
        let view = &self.body["view"]["blocks"];
        let blocks = if view.is_array() {
            view
        } else {
            &self.body["blocks"]
        };
        for block in blocks.as_array().unwrap() {
            for element in block["elements"].as_array().into_iter().flatten() {
                if element["text"]["text"] == label {
                    return (string(&element["action_id"]), string(&element["value"]));
                }
                for side in ["positive_button", "negative_button"] {
                    if element[side]["text"]["text"] == label {
                        return (
                            string(&element["action_id"]),
                            string(&element[side]["value"]),
                        );
                    }
                }
                for option in element["options"].as_array().into_iter().flatten() {
                    if option["text"]["text"] == label {
                        return (string(&element["action_id"]), string(&option["value"]));
                    }
                }
            }
        }
        panic!("no button {label} in\n{}", self.drawn());
    }
}

/// Where a button stands.
#[derive(Debug, Clone)]
pub enum At {
    /// In a message that one person sees.
    Ephemeral { channel: &'static str },
    /// In a message for all.
    Public {
        channel: &'static str,
        ts: String,
        thread: Option<String>,
    },
    /// In the home or a modal.
    View { is_modal: bool },
}

/// The bot, made once: its index takes a moment.
pub fn bot() -> Arc<Bot> {
    static BOT: OnceLock<Arc<Bot>> = OnceLock::new();
    Arc::clone(BOT.get_or_init(fresh_bot))
}

/// A bot with a state of its own, in memory.
pub fn fresh_bot() -> Arc<Bot> {
    Arc::new(plain_bot())
}

pub fn plain_bot() -> Bot {
    let faq = Faq::new(Catalog::shipped()).unwrap();
    // Tests ask faster than people.
    let channels: policy::Settings = serde_json::from_value(json!({
        "default": {"limits": {"person_per_minute": 0, "channel_per_minute": 0}},
    }))
    .unwrap();
    Bot::new(faq, State::in_memory().unwrap())
        .with_policy(Policy::new(channels, policy::People::default()))
}

/// A pace for tests: what takes seconds takes milliseconds.
pub fn pace() -> Pace {
    Pace {
        ping: Duration::from_millis(100),
        dead_after: Duration::from_millis(600),
        first_wait: Duration::from_millis(20),
        longest_wait: Duration::from_millis(200),
        refused_wait: Duration::from_secs(60),
        drain: Duration::from_millis(100),
        step: Duration::from_secs(2),
    }
}

pub fn secrets() -> Secrets {
    Secrets {
        bot_token: SecretString::from(BOT_TOKEN),
        app_token: Some(SecretString::from(APP_TOKEN)),
        signing_secret: Some(SecretString::from(SIGNING_SECRET)),
    }
}

pub fn settings(fake: &Fake, mode: Mode) -> Settings {
    Settings {
        mode,
        api_url: fake.api_url(),
        listen: "127.0.0.1:0".parse().unwrap(),
        pace: pace(),
        ..Settings::default()
    }
}

pub fn core(handle: impl Fn(Request) -> Option<Shown> + Send + Sync + 'static) -> Core {
    let bot = bot();
    Core {
        bot: Arc::clone(&bot),
        handle: Arc::new(move |request: Request| {
            let special = handle(request.clone());
            let bot = Arc::clone(&bot);
            async move {
                match special {
                    Some(shown) => shown,
                    None => bot.handle(request).await,
                }
            }
            .boxed()
        }),
    }
}

impl Workspace {
    pub async fn open(mode: Mode) -> Self {
        Self::open_with(mode, Core::from(bot()), |_| {}).await
    }

    pub async fn open_with(mode: Mode, core: Core, change: impl FnOnce(&mut Settings)) -> Self {
        let fake = Fake::start().await;
        Self::join(fake, mode, core, change).await
    }

    /// The bot (again) in a workspace that is there.
    pub async fn join(
        fake: Arc<Fake>,
        mode: Mode,
        core: Core,
        change: impl FnOnce(&mut Settings),
    ) -> Self {
        let mut settings = settings(&fake, mode);
        change(&mut settings);
        let (health, metrics, stop) = (Health::new(), Metrics::new(), CancellationToken::new());
        let report = Report {
            health: health.clone(),
            metrics: metrics.clone(),
        };
        let wanted = settings.connections;
        let running = slack::start(settings, secrets(), core, report, stop.clone())
            .await
            .unwrap();
        let workspace = Workspace {
            fake,
            mode,
            health,
            metrics,
            stop,
            address: running.address,
            running: Some(running),
        };
        if mode == Mode::Socket {
            workspace
                .fake
                .until("all connections", |world| {
                    (world.sockets.len() >= wanted).then_some(())
                })
                .await;
            // Slack has said hello; the bot may be about to read it.
            while workspace.readiness() != Readiness::Ready {
                tokio::task::yield_now().await;
            }
        }
        workspace
    }

    /// Both modes, one after the other.
    pub async fn in_both_modes<F: Future<Output = ()>>(conversation: impl Fn(Workspace) -> F) {
        for mode in [Mode::Socket, Mode::Http] {
            conversation(Workspace::open(mode).await).await;
        }
    }

    pub fn address(&self) -> std::net::SocketAddr {
        self.address.unwrap()
    }

    pub fn is_ready(&self) -> bool {
        self.health.is_ready()
    }

    pub fn readiness(&self) -> Readiness {
        self.health.parts()[&Part::Slack].clone()
    }

    /// Stops the bot and checks that it broke no rule.
    pub async fn close(mut self) {
        self.stop.cancel();
        if let Some(running) = self.running.take() {
            running.finished().await.unwrap();
        }
        self.fake_was_content();
    }

    pub fn fake_was_content(&self) {
        let world = self.fake.world.lock().unwrap();
        assert!(world.violations.is_empty(), "{:#?}", world.violations);
    }

    /// Delivers a payload as Slack does, and waits for its acknowledgement.
    pub async fn deliver(&self, kind: &str, payload: &Value) {
        match self.mode {
            Mode::Socket => {
                let id = self.send_envelope(kind, payload);
                self.fake
                    .until("an acknowledgement", |world| {
                        world.acks.get(&id).map(|_| ())
                    })
                    .await;
            }
            Mode::Http => {
                let (content_type, body) = match kind {
                    "events_api" => ("application/json", payload.to_string()),
                    "interactive" => (
                        "application/x-www-form-urlencoded",
                        form(&[("payload", &payload.to_string())]),
                    ),
                    _ => {
                        let fields: Vec<(&str, &str)> = payload
                            .as_object()
                            .unwrap()
                            .iter()
                            .map(|(key, value)| (key.as_str(), value.as_str().unwrap_or_default()))
                            .collect();
                        ("application/x-www-form-urlencoded", form(&fields))
                    }
                };
                let answer = self.post(content_type, &body, &[]).await;
                assert_eq!(answer.status(), 200);
            }
        }
    }

    /// Sends an envelope through one of the connections; gives its id.
    pub fn send_envelope(&self, kind: &str, payload: &Value) -> String {
        let number = self.fake.fresh();
        let id = format!("envelope-{number}");
        let envelope = json!({
            "type": kind,
            "envelope_id": id,
            "payload": payload,
            "accepts_response_payload": kind != "events_api",
        });
        let mut world = self.fake.world.lock().unwrap();
        world.sent.insert(id.clone(), Instant::now());
        let sockets = &world.sockets;
        assert!(!sockets.is_empty(), "no connection");
        let socket = &sockets[usize::try_from(number).unwrap() % sockets.len()];
        socket.send(Out::Frame(envelope.to_string()));
        id
    }

    pub async fn post(
        &self,
        content_type: &str,
        body: &str,
        extra: &[(&str, &str)],
    ) -> reqwest::Response {
        let now = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap()
            .as_secs();
        let now = now.to_string();
        let signature = sign(SIGNING_SECRET, &now, body);
        let mut headers = vec![
            ("content-type", content_type),
            ("x-slack-request-timestamp", now.as_str()),
            ("x-slack-signature", signature.as_str()),
        ];
        headers.extend_from_slice(extra);
        self.post_raw(body, &headers).await
    }

    pub async fn post_raw(&self, body: &str, headers: &[(&str, &str)]) -> reqwest::Response {
        let url = format!("http://{}/slack/events", self.address.unwrap());
        let mut request = reqwest::Client::new().post(url).body(body.to_owned());
        for (name, value) in headers {
            request = request.header(*name, value.as_bytes());
        }
        request.send().await.unwrap()
    }

    pub fn command_payload(&self, text: &str) -> Value {
        json!({
            "token": "legacy", "team_id": "T1", "team_domain": "test",
            "channel_id": "C1", "channel_name": "ops", "user_id": "U1", "user_name": "ann",
            "command": "/k8sfaq", "text": text, "api_app_id": "A1", "is_enterprise_install": "false",
            "response_url": self.fake.response_url(), "trigger_id": self.fake.trigger(),
        })
    }

    /// `/k8sfaq TEXT`, and what the person sees of it.
    pub async fn command(&self, text: &str) -> Seen {
        let payload = self.command_payload(text);
        self.deliver("slash_commands", &payload).await;
        self.answer_to(&payload).await
    }

    /// What came to a payload's response URL, once.
    pub async fn answer_to(&self, payload: &Value) -> Seen {
        let url = string(&payload["response_url"]);
        let name = url.rsplit('/').next().unwrap().to_owned();
        self.fake
            .until("an answer to a response url", |world| {
                let call = world
                    .calls
                    .iter()
                    .find(|call| call.done && call.url == name)?;
                Some(Seen {
                    body: call.body.clone(),
                })
            })
            .await
    }

    pub fn event_payload(&self, event: &Value) -> Value {
        json!({
            "token": "legacy", "team_id": "T1", "api_app_id": "A1", "type": "event_callback",
            "event_id": format!("Ev{}", self.fake.fresh()), "event_time": 1_700_000_000,
            "authorizations": [], "is_ext_shared_channel": false, "event": event,
        })
    }

    pub fn mention_payload(&self, text: &str, thread: Option<&str>) -> Value {
        let ts = format!("1700000001.{:06}", self.fake.fresh());
        let mut event = json!({
            "type": "app_mention", "user": "U1", "text": text, "ts": ts, "channel": "C1",
            "event_ts": ts, "team": "T1",
        });
        if let Some(thread) = thread {
            event["thread_ts"] = json!(thread);
        }
        self.event_payload(&event)
    }

    /// A mention in a channel, and the message that answers it.
    pub async fn mention(&self, text: &str, thread: Option<&str>) -> Seen {
        let payload = self.mention_payload(text, thread);
        let before = self.fake.done("chat.postMessage").len();
        self.deliver("events_api", &payload).await;
        self.next("chat.postMessage", before).await
    }

    /// A mention, and the answer that comes as the message after so many.
    pub async fn mention_after(&self, text: &str, before: usize) -> Seen {
        let payload = self.mention_payload(text, None);
        self.deliver("events_api", &payload).await;
        self.next("chat.postMessage", before).await
    }

    /// The call number `before` of a method that Slack did.
    pub async fn next(&self, method: &str, before: usize) -> Seen {
        self.fake
            .until(method, |world| {
                let call = world
                    .calls
                    .iter()
                    .filter(|call| call.done && call.method == method)
                    .nth(before)?;
                Some(Seen {
                    body: call.body.clone(),
                })
            })
            .await
    }

    pub fn press_payload(
        &self,
        (action_id, value): &(String, String),
        user: &str,
        at: &At,
    ) -> Value {
        let action = json!({
            "type": "button", "action_id": action_id, "block_id": "b", "value": value,
            "action_ts": format!("{}.0", self.fake.fresh()),
            "text": {"type": "plain_text", "text": "x"},
        });
        let mut payload = json!({
            "type": "block_actions", "token": "legacy", "api_app_id": "A1",
            "team": {"id": "T1", "domain": "test"},
            "user": {"id": user, "username": "ann", "team_id": "T1"},
            "trigger_id": self.fake.trigger(),
            "actions": [action],
        });
        match at {
            At::Ephemeral { channel } => {
                payload["container"] = json!({
                    "type": "message", "message_ts": "1700000002.000001", "channel_id": channel, "is_ephemeral": true,
                });
                payload["channel"] = json!({"id": channel, "name": "ops"});
                payload["response_url"] = json!(self.fake.response_url());
            }
            At::Public {
                channel,
                ts,
                thread,
            } => {
                payload["container"] = json!({
                    "type": "message", "message_ts": ts, "channel_id": channel, "is_ephemeral": false,
                });
                payload["message"] = json!({"ts": ts, "text": "x", "bot_id": "BBOT"});
                if let Some(thread) = thread {
                    payload["container"]["thread_ts"] = json!(thread);
                    payload["message"]["thread_ts"] = json!(thread);
                }
                payload["channel"] = json!({"id": channel, "name": "ops"});
                payload["response_url"] = json!(self.fake.response_url());
            }
            At::View { is_modal } => {
                let kind = if *is_modal { "modal" } else { "home" };
                payload["container"] = json!({"type": "view", "view_id": "V1"});
                payload["view"] = json!({"id": "V1", "type": kind, "team_id": "T1"});
            }
        }
        payload
    }

    /// Presses a button; gives the payload.
    pub async fn press(&self, button: &(String, String), user: &str, at: &At) -> Value {
        let payload = self.press_payload(button, user, at);
        self.deliver("interactive", &payload).await;
        payload
    }

    pub fn shortcut_payload(&self, message: &Value) -> Value {
        json!({
            "type": "message_action", "token": "legacy", "callback_id": "find_answer",
            "trigger_id": self.fake.trigger(), "response_url": self.fake.response_url(),
            "team": {"id": "T1"}, "channel": {"id": "C1", "name": "ops"}, "user": {"id": "U1"},
            "message_ts": message["ts"], "message": message, "action_ts": "1.0",
        })
    }

    /// All that went to a payload's response URL, in order.
    pub fn all_to(&self, payload: &Value) -> Vec<Value> {
        let url = string(&payload["response_url"]);
        let name = url.rsplit('/').next().unwrap();
        let world = self.fake.world.lock().unwrap();
        world
            .calls
            .iter()
            .filter(|call| call.done && call.url == name)
            .map(|call| call.body.clone())
            .collect()
    }
}

pub fn sign(secret: &str, timestamp: &str, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(format!("v0:{timestamp}:{body}").as_bytes());
    let bytes = mac.finalize().into_bytes();
    let mut hex = "v0=".to_owned();
    for byte in bytes {
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

fn form(fields: &[(&str, &str)]) -> String {
    let mut encoder = form_urlencoded::Serializer::new(String::new());
    for (key, value) in fields {
        encoder.append_pair(key, value);
    }
    encoder.finish()
}

pub fn string(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
