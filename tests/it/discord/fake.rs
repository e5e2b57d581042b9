//! A Discord on loopback that refuses what the real one refuses, with its codes.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{Response, StatusCode};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

use super::limits;

pub const TOKEN: &str = "MTAwMDAw.fake.token-of-the-bot";
pub const BOT: u64 = 100_000_000_000_000_001;
pub const APPLICATION: u64 = 100_000_000_000_000_002;
pub const GUILD: u64 = 200_000_000_000_000_001;
pub const CHANNEL: u64 = 300_000_000_000_000_001;
pub const THREAD: u64 = 300_000_000_000_000_002;
pub const DIRECT: u64 = 300_000_000_000_000_009;
pub const ALICE: u64 = 400_000_000_000_000_001;
pub const BOB: u64 = 400_000_000_000_000_002;

pub const VIEW: u64 = 1 << 10;
pub const SEND: u64 = 1 << 11;
pub const MANAGE_MESSAGES: u64 = 1 << 13;
pub const EMBED_LINKS: u64 = 1 << 14;
pub const HISTORY: u64 = 1 << 16;

/// Longest wait for something: far more than it takes on a busy machine, so that only what never comes fails.
const PATIENCE: Duration = Duration::from_secs(120);

/// A Discord. Clones are the same one.
#[derive(Clone)]
pub struct Fake {
    pub url: String,
    pub state: Arc<Mutex<Fakes>>,
    changes: Arc<watch::Sender<u64>>,
}

/// All that the fake knows.
pub struct Fakes {
    pub requests: Vec<Sent>,
    pub violations: Vec<String>,
    pub interactions: HashMap<u64, Interaction>,
    pub messages: Vec<Value>,
    pub commands: Vec<Value>,
    pub permissions: u64,
    pub faults: Vec<Fault>,
    pub gateway_url: String,
    pub heartbeat: Duration,
    pub acknowledges_heartbeats: bool,
    pub allows_message_content: bool,
    pub closes_logins_with: Option<u16>,
    pub takes_connections: bool,
    pub logins: Vec<Login>,
    pub closes: Vec<Option<u16>>,
    session: Session,
    lines: Vec<mpsc::UnboundedSender<Order>>,
    next_id: u64,
}

/// A request that came in.
#[derive(Debug, Clone)]
pub struct Sent {
    pub method: String,
    pub path: String,
    pub status: u16,
    pub at: Instant,
}

/// An interaction, from its delivery on.
#[derive(Debug, Clone)]
pub struct Interaction {
    pub token: String,
    pub kind: u64,
    pub delivered: Instant,
    pub acknowledged: Option<(u64, Duration)>,
    pub is_private: bool,
    pub message: Option<Value>,
    /// The message whose component was used.
    pub under: Option<Value>,
    pub is_deleted: bool,
    pub follow_ups: Vec<Value>,
    pub is_expired: bool,
    pub choices: Vec<Value>,
}

/// What goes wrong with the next requests whose path contains a text.
#[derive(Clone)]
pub struct Fault {
    pub path: &'static str,
    pub times: usize,
    pub trouble: Trouble,
}

#[derive(Clone)]
pub enum Trouble {
    Status(u16, Value),
    Hang,
}

/// A login at the gateway.
#[derive(Debug, Clone)]
pub struct Login {
    pub is_resume: bool,
    pub intents: u64,
    pub at: Instant,
}

#[derive(Default)]
struct Session {
    id: String,
    sequence: u64,
    events: VecDeque<(u64, Value)>,
}

enum Order {
    Frame(Value),
    Close(u16),
    Cut,
}

impl Fake {
    pub async fn start() -> Self {
        let rest = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let gateway = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", rest.local_addr().expect("an address"));
        let gateway_url = format!("ws://{}", gateway.local_addr().expect("an address"));
        let fake = Fake {
            url,
            state: Arc::new(Mutex::new(Fakes::new(gateway_url))),
            changes: Arc::new(watch::Sender::new(0)),
        };
        let router = Router::new().fallback(serve).with_state(fake.clone());
        tokio::spawn(async move { axum::serve(rest, router).await });
        let at_the_gate = fake.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = gateway.accept().await {
                if at_the_gate.with(|state| state.takes_connections) {
                    tokio::spawn(at_the_gate.clone().connection(stream));
                }
            }
        });
        fake
    }

    /// Looks at, or changes, what the fake knows.
    pub fn with<T>(&self, look: impl FnOnce(&mut Fakes) -> T) -> T {
        look(&mut self.state.lock().expect("the fake's state"))
    }

    /// Waits until something holds.
    pub async fn until<T>(&self, what: &str, mut look: impl FnMut(&mut Fakes) -> Option<T>) -> T {
        let mut changes = self.changes.subscribe();
        let waiting = async {
            loop {
                changes.borrow_and_update();
                if let Some(found) = self.with(&mut look) {
                    return found;
                }
                changes.changed().await.expect("the fake is there");
            }
        };
        let Ok(found) = tokio::time::timeout(PATIENCE, waiting).await else {
            let requests = self.with(|state| state.requests.clone());
            panic!("{what}: not within {PATIENCE:?}; requests: {requests:#?}");
        };
        found
    }

    fn changed(&self) {
        self.changes.send_modify(|count| *count += 1);
    }

    /// Tells the bot of an event; it is kept for a resume.
    pub fn dispatch(&self, name: &str, data: Value) {
        self.with(|state| {
            state.session.sequence += 1;
            let sequence = state.session.sequence;
            let mut frame = json!({"op": 0, "t": name, "s": sequence});
            frame["d"] = data;
            state.session.events.push_back((sequence, frame.clone()));
            if state.session.events.len() > 500 {
                state.session.events.pop_front();
            }
            // Every session hears of everything.
            state
                .lines
                .retain(|line| line.send(Order::Frame(frame.clone())).is_ok());
        });
    }

    /// Sends a frame that is no event.
    pub fn frame(&self, frame: Value) {
        self.order(Order::Frame(frame));
    }

    pub fn close(&self, code: u16) {
        self.order(Order::Close(code));
    }

    pub fn cut(&self) {
        self.order(Order::Cut);
    }

    fn order(&self, order: Order) {
        self.with(|state| {
            if let Some(line) = state.lines.pop() {
                let is_last = !matches!(order, Order::Frame(_));
                let _ = line.send(order);
                if !is_last {
                    state.lines.push(line);
                }
            }
        });
    }

    pub fn fail(&self, path: &'static str, times: usize, status: u16, body: Value) {
        let trouble = Trouble::Status(status, body);
        self.with(|state| {
            state.faults.push(Fault {
                path,
                times,
                trouble,
            });
        });
    }

    pub fn hang(&self, path: &'static str, times: usize) {
        self.with(|state| {
            state.faults.push(Fault {
                path,
                times,
                trouble: Trouble::Hang,
            });
        });
    }

    pub fn id(&self) -> u64 {
        self.with(Fakes::id)
    }

    /// Delivers an interaction; its id. `more` is laid over what every interaction has.
    pub fn interaction(&self, kind: u64, data: Value, more: Value) -> u64 {
        let id = self.id();
        let token = format!("interaction-token-{id}");
        let interaction = Interaction {
            token: token.clone(),
            kind,
            delivered: Instant::now(),
            acknowledged: None,
            is_private: false,
            message: None,
            under: more.get("message").cloned(),
            is_deleted: false,
            follow_ups: Vec::new(),
            is_expired: false,
            choices: Vec::new(),
        };
        let mut event = json!({
            "id": id.to_string(), "application_id": APPLICATION.to_string(), "type": kind, "token": token, "version": 1,
            "locale": "en-US", "entitlements": [], "attachment_size_limit": 10_485_760,
            "guild_id": GUILD.to_string(), "channel_id": CHANNEL.to_string(),
            "channel": {"id": CHANNEL.to_string(), "type": 0, "name": "help"},
            "member": member(ALICE, 0), "app_permissions": "274877991936", "context": 0,
            "authorizing_integration_owners": {"0": GUILD.to_string()},
        });
        event["data"] = data;
        let (Value::Object(fields), Value::Object(more)) = (&mut event, more) else {
            panic!("an object is laid over an object");
        };
        for (key, value) in more {
            if value.is_null() {
                fields.remove(&key);
            } else {
                fields.insert(key, value);
            }
        }
        self.with(|state| state.interactions.insert(id, interaction));
        self.dispatch("INTERACTION_CREATE", event);
        id
    }

    async fn connection(self, stream: tokio::net::TcpStream) {
        let Ok(mut socket) = tokio_tungstenite::accept_async(stream).await else {
            return;
        };
        let interval = self
            .with(|state| u64::try_from(state.heartbeat.as_millis()).expect("a short interval"));
        let hello = json!({"op": 10, "d": {"heartbeat_interval": interval}});
        let _ = socket.send(Message::text(hello.to_string())).await;
        let (line, mut orders) = mpsc::unbounded_channel();
        loop {
            tokio::select! {
                order = orders.recv() => match order {
                    Some(Order::Frame(frame)) => {
                        let _ = socket.send(Message::text(frame.to_string())).await;
                    }
                    Some(Order::Close(code)) => {
                        let frame = CloseFrame { code: code.into(), reason: "".into() };
                        let _ = socket.close(Some(frame)).await;
                        while let Some(Ok(_)) = socket.next().await {}
                        return;
                    }
                    Some(Order::Cut) | None => return,
                },
                message = socket.next() => match message {
                    Some(Ok(Message::Text(text))) => {
                        let frame: Value = serde_json::from_str(&text).expect("JSON from the bot");
                        self.receive(&frame, &line);
                    }
                    Some(Ok(Message::Close(frame))) => {
                        self.with(|state| state.closes.push(frame.map(|frame| frame.code.into())));
                        self.changed();
                    }
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => return,
                },
            }
        }
    }

    fn receive(&self, frame: &Value, line: &mpsc::UnboundedSender<Order>) {
        let say = |frame: Value| {
            let _ = line.send(Order::Frame(frame));
        };
        self.with(|state| match frame["op"].as_u64() {
            Some(1) if state.acknowledges_heartbeats => say(json!({"op": 11})),
            Some(op @ (2 | 6)) => {
                let intents = frame["d"]["intents"].as_u64().unwrap_or_default();
                let is_resume = op == 6;
                state.logins.push(Login { is_resume, intents, at: Instant::now() });
                let refused = state.closes_logins_with.or_else(|| {
                    if frame["d"]["token"].as_str().map(|token| token.trim_start_matches("Bot ")) != Some(TOKEN) {
                        Some(4004)
                    } else if intents & 1 << 15 != 0 && !state.allows_message_content {
                        Some(4014)
                    } else {
                        None
                    }
                });
                if let Some(code) = refused {
                    let _ = line.send(Order::Close(code));
                    return;
                }
                state.lines.push(line.clone());
                if is_resume {
                    if frame["d"]["session_id"] != state.session.id.as_str() {
                        say(json!({"op": 9, "d": false}));
                        return;
                    }
                    let from = frame["d"]["seq"].as_u64().unwrap_or_default();
                    for (sequence, event) in &state.session.events {
                        if *sequence > from {
                            say(event.clone());
                        }
                    }
                    state.session.sequence += 1;
                    say(json!({"op": 0, "t": "RESUMED", "s": state.session.sequence, "d": {}}));
                    return;
                }
                let id = state.id();
                state.session = Session { id: format!("session-{id}"), sequence: 1, events: VecDeque::new() };
                say(json!({"op": 0, "t": "READY", "s": 1, "d": {
                    "v": 10, "session_id": state.session.id, "resume_gateway_url": state.gateway_url,
                    "user": {"id": BOT.to_string(), "username": "k8sfaq", "bot": true},
                    "guilds": [{"id": GUILD.to_string(), "unavailable": true}],
                    "application": {"id": APPLICATION.to_string(), "flags": 0},
                }}));
                state.session.sequence = 2;
                say(json!({"op": 0, "t": "GUILD_CREATE", "s": 2, "d": {
                    "id": GUILD.to_string(), "name": "acme",
                    "channels": [{"id": CHANNEL.to_string(), "type": 0}],
                    "threads": [{"id": THREAD.to_string(), "type": 11, "parent_id": CHANNEL.to_string()}],
                }}));
            }
            _ => {}
        });
        self.changed();
    }

    async fn answer(&self, method: &str, path: &str, body: &Value, authorization: &str) -> Reply {
        let fault = self.with(|state| {
            let fault = state
                .faults
                .iter_mut()
                .find(|fault| fault.times > 0 && path.contains(fault.path))?;
            fault.times -= 1;
            Some(fault.trouble.clone())
        });
        match fault {
            Some(Trouble::Status(status, body)) => return Reply(status, body),
            Some(Trouble::Hang) => std::future::pending().await,
            None => {}
        }
        let parts: Vec<&str> = path.trim_start_matches("/api/v10/").split('/').collect();
        let is_interactions = matches!(parts.first(), Some(&"interactions" | &"webhooks"));
        if !is_interactions && authorization != format!("Bot {TOKEN}") {
            return Reply(401, json!({"message": "401: Unauthorized", "code": 0}));
        }
        self.with(|state| match (method, parts.as_slice()) {
            ("GET", ["gateway"]) => Reply(200, json!({"url": state.gateway_url})),
            ("GET", ["gateway", "bot"]) => Reply(200, json!({
                "url": state.gateway_url, "shards": 1,
                "session_start_limit": {"total": 1000, "remaining": 990, "reset_after": 0, "max_concurrency": 1},
            })),
            ("GET", ["users", "@me"]) => Reply(200, json!({"id": BOT.to_string(), "username": "k8sfaq", "bot": true})),
            ("GET", ["applications", "@me"]) => Reply(200, json!({
                "id": APPLICATION.to_string(), "name": "k8sfaq", "flags": 0, "interactions_endpoint_url": null,
            })),
            ("GET", ["applications", _, "commands"]) => Reply(200, json!(state.commands)),
            ("PUT", ["applications", _, "commands"]) => state.register(body),
            ("POST", ["users", "@me", "channels"]) => Reply(200, json!({"id": DIRECT.to_string(), "type": 1})),
            ("POST", ["channels", channel, "messages"]) => state.post(channel, body),
            ("PATCH", ["channels", _, "messages", message]) => state.patch(message, body),
            ("POST", ["interactions", id, token, "callback"]) => state.callback(id, token, body),
            (method, ["webhooks", application, token, rest @ ..]) => state.webhook(method, application, token, rest, body),
            _ => Reply(404, json!({"message": "404: Not Found", "code": 0})),
        })
    }
}

/// Answers a request.
async fn serve(State(fake): State<Fake>, request: Request) -> Response<Body> {
    let method = request.method().to_string();
    let path = request.uri().path().to_owned();
    let authorization = request
        .headers()
        .get("authorization")
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
        .to_owned();
    let bytes = to_bytes(request.into_body(), 10_000_000)
        .await
        .unwrap_or_default();
    let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
    let Reply(status, answer) = fake.answer(&method, &path, &body, &authorization).await;
    fake.with(|state| {
        state.requests.push(Sent {
            method,
            path,
            status,
            at: Instant::now(),
        });
    });
    fake.changed();
    let status_code = StatusCode::from_u16(status).expect("a status");
    let mut response = Response::builder()
        .status(status_code)
        .header("content-type", "application/json");
    if let Some(after) = answer["retry_after"].as_f64() {
        response = response.header("retry-after", after.to_string());
    }
    let text = if status == 204 {
        String::new()
    } else {
        answer.to_string()
    };
    response.body(Body::from(text)).expect("a response")
}

struct Reply(u16, Value);

fn refused(status: u16, code: u64, message: &str) -> Reply {
    Reply(status, json!({"message": message, "code": code}))
}

impl Fakes {
    fn new(gateway_url: String) -> Self {
        Fakes {
            requests: Vec::new(),
            violations: Vec::new(),
            interactions: HashMap::new(),
            messages: Vec::new(),
            commands: Vec::new(),
            permissions: VIEW | SEND | EMBED_LINKS | HISTORY,
            faults: Vec::new(),
            gateway_url,
            heartbeat: Duration::from_millis(41_250),
            acknowledges_heartbeats: true,
            allows_message_content: false,
            closes_logins_with: None,
            takes_connections: true,
            logins: Vec::new(),
            closes: Vec::new(),
            session: Session::default(),
            lines: Vec::new(),
            next_id: 1_000_000_000_000_000_000,
        }
    }

    pub fn id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    fn malformed(&mut self, what: Vec<String>) -> Reply {
        let message = what.join("; ");
        self.violations.extend(what);
        refused(400, 50_035, &format!("Invalid Form Body: {message}"))
    }

    fn register(&mut self, body: &Value) -> Reply {
        let wrong = limits::commands(body);
        if !wrong.is_empty() {
            return self.malformed(wrong);
        }
        self.commands = body.as_array().cloned().unwrap_or_default();
        let mut id = self.id();
        for command in &mut self.commands {
            // Discord adds of its own.
            id += 1;
            command["id"] = json!(id.to_string());
            command["application_id"] = json!(APPLICATION.to_string());
            command["version"] = json!(id.to_string());
            command["default_member_permissions"] = Value::Null;
            command["nsfw"] = json!(false);
            if let Some(options) = command["options"].as_array_mut() {
                for option in options {
                    if option["required"] == false {
                        option
                            .as_object_mut()
                            .expect("an option")
                            .remove("required");
                    }
                }
            }
        }
        self.next_id = id;
        Reply(200, json!(self.commands))
    }

    fn post(&mut self, channel: &str, body: &Value) -> Reply {
        let wrong = limits::message(body);
        if !wrong.is_empty() {
            return self.malformed(wrong);
        }
        let has_embeds = body["embeds"]
            .as_array()
            .is_some_and(|embeds| !embeds.is_empty());
        if self.permissions & VIEW == 0 {
            return refused(403, 50_001, "Missing Access");
        }
        let needed = SEND
            | if has_embeds { EMBED_LINKS } else { 0 }
            | if body["message_reference"].is_null() {
                0
            } else {
                HISTORY
            };
        if self.permissions & needed != needed {
            return refused(403, 50_013, "Missing Permissions");
        }
        let mut message = body.clone();
        message["id"] = json!(self.id().to_string());
        message["channel_id"] = json!(channel);
        self.messages.push(message.clone());
        Reply(200, message)
    }

    fn patch(&mut self, id: &str, body: &Value) -> Reply {
        let wrong = limits::message(body);
        if !wrong.is_empty() {
            return self.malformed(wrong);
        }
        let Some(message) = self.messages.iter_mut().find(|message| message["id"] == id) else {
            return refused(404, 10_008, "Unknown Message");
        };
        for (key, value) in body.as_object().expect("a body") {
            message[key] = value.clone();
        }
        Reply(200, message.clone())
    }

    fn callback(&mut self, id: &str, token: &str, body: &Value) -> Reply {
        let known = id
            .parse()
            .ok()
            .and_then(|id: u64| self.interactions.get(&id));
        let Some(interaction) = known.filter(|known| known.token == token) else {
            return refused(404, 10_062, "Unknown interaction");
        };
        if interaction.acknowledged.is_some() {
            return refused(400, 40_060, "Interaction has already been acknowledged.");
        }
        if interaction.delivered.elapsed() > Duration::from_secs(3) {
            return refused(404, 10_062, "Unknown interaction");
        }
        let wrong = limits::callback(interaction.kind, body);
        if !wrong.is_empty() {
            return self.malformed(wrong);
        }
        let id: u64 = id.parse().expect("an id");
        let interaction = self.interactions.get_mut(&id).expect("an interaction");
        let kind = body["type"].as_u64().expect("a type");
        interaction.acknowledged = Some((kind, interaction.delivered.elapsed()));
        interaction.is_private = body["data"]["flags"] == 64;
        if kind == 4 {
            interaction.message = Some(body["data"].clone());
        }
        if kind == 7 {
            // What an update does not name stays as it was.
            let mut message = interaction.under.clone().unwrap_or_else(|| json!({}));
            for (key, value) in body["data"].as_object().expect("data") {
                message[key] = value.clone();
            }
            interaction.message = Some(message);
        }
        if kind == 8 {
            interaction.choices = body["data"]["choices"]
                .as_array()
                .cloned()
                .unwrap_or_default();
        }
        Reply(204, Value::Null)
    }

    fn webhook(
        &mut self,
        method: &str,
        application: &str,
        token: &str,
        rest: &[&str],
        body: &Value,
    ) -> Reply {
        if matches!(method, "POST" | "PATCH") {
            let wrong = limits::message(body);
            if !wrong.is_empty() {
                return self.malformed(wrong);
            }
        }
        let known = self
            .interactions
            .values_mut()
            .find(|known| known.token == token && known.acknowledged.is_some());
        let Some(interaction) =
            known.filter(|known| !known.is_expired && application == APPLICATION.to_string())
        else {
            return refused(404, 10_015, "Unknown Webhook");
        };
        match (method, rest) {
            ("PATCH", ["messages", "@original"]) if !interaction.is_deleted => {
                let message = interaction.message.get_or_insert_with(|| json!({}));
                for (key, value) in body.as_object().expect("a body") {
                    message[key] = value.clone();
                }
                Reply(200, message.clone())
            }
            ("DELETE", ["messages", "@original"]) if !interaction.is_deleted => {
                interaction.is_deleted = true;
                Reply(204, Value::Null)
            }
            ("POST", []) => {
                interaction.follow_ups.push(body.clone());
                Reply(200, body.clone())
            }
            _ => refused(404, 10_008, "Unknown Message"),
        }
    }
}

pub fn user(id: u64) -> Value {
    json!({
        "id": id.to_string(), "username": if id == ALICE { "alice" } else { "bob" }, "discriminator": "0",
        "avatar": null, "global_name": null, "public_flags": 0,
    })
}

pub fn member(id: u64, permissions: u64) -> Value {
    json!({
        "user": user(id), "roles": ["500000000000000001"], "joined_at": "2024-01-01T00:00:00Z", "deaf": false, "mute": false,
        "flags": 0, "pending": false, "avatar": null, "nick": null, "premium_since": null,
        "communication_disabled_until": null, "permissions": permissions.to_string(),
    })
}
