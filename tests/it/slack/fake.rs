//! A fake Slack on loopback: Web API, Socket Mode and response URLs, refusing what the real one refuses, with its codes.

use std::collections::{HashMap, HashSet, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, mpsc};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use super::rules;

pub const BOT_TOKEN: &str = "xoxb-1-test";
pub const APP_TOKEN: &str = "xapp-1-test";
pub const SIGNING_SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";
pub const BOT_USER: &str = "UBOT";
pub const SCOPES: &str = "commands,chat:write,app_mentions:read,im:history,assistant:write";

/// Longest wait for something: far more than it takes on a busy machine, so that only what never comes fails.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// Something that Slack does instead of what it should.
#[derive(Debug, Clone)]
pub enum Fault {
    /// `ok: false` with a code.
    Code(&'static str),
    /// 429, with or without `Retry-After` in seconds.
    RateLimited(Option<u64>),
    /// Another HTTP status.
    Status(u16),
    /// No answer, though the call was done.
    DoneAndHangs,
    /// The connection breaks.
    Breaks,
}

/// A call of a method, or a post to a response URL.
#[derive(Debug, Clone)]
pub struct Call {
    /// `chat.postMessage`, or `response_url`.
    pub method: String,
    pub body: Value,
    pub url: String,
    pub at: Instant,
    /// Whether Slack did it.
    pub done: bool,
}

#[derive(Default)]
pub struct World {
    pub calls: Vec<Call>,
    pub violations: Vec<String>,
    pub faults: HashMap<String, VecDeque<Fault>>,
    /// Channels that the bot may not write to, with the code.
    pub closed_channels: HashMap<String, &'static str>,
    pub urls: HashMap<String, u32>,
    pub expired_urls: HashSet<String>,
    pub triggers: HashSet<String>,
    pub messages: HashSet<(String, String)>,
    pub acks: HashMap<String, Duration>,
    pub sent: HashMap<String, Instant>,
    pub sockets: Vec<Socket>,
    pub opened: usize,
    pub closed_by_bot: usize,
    pub refuse_hello: bool,
    pub scopes: Option<String>,
    /// Where connections are opened, if not at the port itself.
    pub socket_url: Option<String>,
    next: u64,
}

#[derive(Clone)]
pub struct Socket {
    pub number: usize,
    out: mpsc::UnboundedSender<Out>,
}

pub enum Out {
    Frame(String),
    CloseFrame,
    Abort,
    /// From now on nothing is read or written: a half-open connection.
    Freeze,
}

impl Socket {
    pub fn send(&self, out: Out) {
        let _ = self.out.send(out);
    }
}

pub struct Fake {
    pub world: Mutex<World>,
    pub changed: Notify,
    pub api: SocketAddr,
    pub wss: SocketAddr,
}

impl Fake {
    pub async fn start() -> Arc<Self> {
        let api = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let wss = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        wss.set_nonblocking(true).unwrap();
        let fake = Arc::new(Fake {
            world: Mutex::default(),
            changed: Notify::new(),
            api: api.local_addr().unwrap(),
            wss: wss.local_addr().unwrap(),
        });
        let router = Router::new()
            .route("/api/{method}", post(method))
            .route("/respond/{name}", post(respond))
            .with_state(Arc::clone(&fake));
        tokio::spawn(async move { axum::serve(api, router).await });
        let accepting = Arc::clone(&fake);
        // On a thread of its own: it measures acknowledgements, and checking payloads takes time.
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async move {
                let wss = TcpListener::from_std(wss).unwrap();
                while let Ok((stream, _)) = wss.accept().await {
                    let fake = Arc::clone(&accepting);
                    tokio::spawn(async move { fake.serve_socket(stream).await });
                }
            });
        });
        fake
    }

    pub fn api_url(&self) -> String {
        format!("http://{}/api", self.api)
    }

    /// A number that no other id of this Slack has.
    pub fn fresh(&self) -> u64 {
        let mut world = self.world.lock().unwrap();
        world.next += 1;
        world.next
    }

    pub fn response_url(&self) -> String {
        let number = self.fresh();
        let name = format!("u{number}");
        self.world.lock().unwrap().urls.insert(name.clone(), 0);
        format!("http://{}/respond/{name}", self.api)
    }

    pub fn trigger(&self) -> String {
        let trigger = format!("{}.trigger", self.fresh());
        self.world.lock().unwrap().triggers.insert(trigger.clone());
        trigger
    }

    pub fn fault(&self, method: &str, fault: Fault) {
        let mut world = self.world.lock().unwrap();
        world
            .faults
            .entry(method.to_owned())
            .or_default()
            .push_back(fault);
    }

    /// Waits until the world is as asked; the bound is only there to end a failing test.
    pub async fn until<T>(&self, what: &str, mut look: impl FnMut(&World) -> Option<T>) -> T {
        let end = Instant::now() + PATIENCE;
        loop {
            let changed = self.changed.notified();
            if let Some(found) = look(&self.world.lock().unwrap()) {
                return found;
            }
            let left = end.saturating_duration_since(Instant::now());
            if tokio::time::timeout(left, changed).await.is_err() {
                let world = self.world.lock().unwrap();
                let calls: Vec<_> = world
                    .calls
                    .iter()
                    .map(|call| (&call.method, call.done, &call.body["text"]))
                    .collect();
                panic!("never: {what}; calls: {calls:#?}");
            }
        }
    }

    /// The calls that Slack did.
    pub fn done(&self, method: &str) -> Vec<Value> {
        let world = self.world.lock().unwrap();
        world
            .calls
            .iter()
            .filter(|call| call.method == method && call.done)
            .map(|call| call.body.clone())
            .collect()
    }

    pub fn calls(&self, method: &str) -> Vec<Call> {
        let world = self.world.lock().unwrap();
        world
            .calls
            .iter()
            .filter(|call| call.method == method)
            .cloned()
            .collect()
    }

    fn touch(&self) {
        self.changed.notify_waiters();
    }

    async fn serve_socket(self: Arc<Self>, stream: TcpStream) {
        let Ok(mut socket) = tokio_tungstenite::accept_async(stream).await else {
            return;
        };
        let (out, mut outgoing) = mpsc::unbounded_channel();
        if self.world.lock().unwrap().refuse_hello {
            // Open, and silent.
            std::future::pending::<()>().await;
        }
        let number = {
            let mut world = self.world.lock().unwrap();
            world.opened += 1;
            world.opened
        };
        let hello = json!({
            "type": "hello",
            "num_connections": 1,
            "debug_info": {"host": "fake", "approximate_connection_time": 18060},
            "connection_info": {"app_id": "A1"},
        });
        if socket
            .send(Message::Text(hello.to_string().into()))
            .await
            .is_err()
        {
            return;
        }
        self.world
            .lock()
            .unwrap()
            .sockets
            .push(Socket { number, out });
        self.touch();
        let is_ended_by_bot = self.run_socket(&mut socket, &mut outgoing).await;
        let mut world = self.world.lock().unwrap();
        world.sockets.retain(|socket| socket.number != number);
        if is_ended_by_bot {
            world.closed_by_bot += 1;
        }
        drop(world);
        self.touch();
    }

    async fn run_socket(
        &self,
        socket: &mut WebSocketStream<TcpStream>,
        outgoing: &mut mpsc::UnboundedReceiver<Out>,
    ) -> bool {
        loop {
            tokio::select! {
                out = outgoing.recv() => match out {
                    Some(Out::Frame(text)) => {
                        if socket.send(Message::Text(text.into())).await.is_err() {
                            return false;
                        }
                    }
                    Some(Out::CloseFrame) => {
                        let _ = socket.close(None).await;
                        return false;
                    }
                    Some(Out::Abort) | None => return false,
                    Some(Out::Freeze) => {
                        // Held, never read again.
                        let _ = tokio::time::timeout(Duration::from_secs(60), std::future::pending::<()>()).await;
                        return false;
                    }
                },
                frame = socket.next() => match frame {
                    Some(Ok(Message::Text(text))) => {
                        let frame: Value = serde_json::from_str(text.as_str()).unwrap();
                        let id = frame["envelope_id"].as_str().unwrap_or_default().to_owned();
                        let mut world = self.world.lock().unwrap();
                        match world.sent.get(&id).copied() {
                            Some(at) => {
                                world.acks.insert(id, at.elapsed());
                            }
                            None => world.violations.push(format!("an ack of nothing: {text}")),
                        }
                        drop(world);
                        self.touch();
                    }
                    Some(Ok(Message::Close(_))) => return true,
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => return false,
                },
            }
        }
    }
}

fn refused(code: &str) -> Response {
    Json(json!({"ok": false, "error": code})).into_response()
}

async fn apply(fault: Fault, done: Value) -> Option<Response> {
    Some(match fault {
        Fault::Code(code) if code == "invalid_blocks" => Json(json!({
            "ok": false,
            "error": code,
            "response_metadata": {"messages": ["[ERROR] must be a valid enum [json-pointer:/blocks/0/type]"]},
        }))
        .into_response(),
        Fault::Code(code) if code == "missing_scope" => {
            Json(json!({"ok": false, "error": code, "needed": "chat:write", "provided": "commands"}))
                .into_response()
        }
        Fault::Code(code) => refused(code),
        Fault::RateLimited(after) => {
            let mut response = (
                StatusCode::TOO_MANY_REQUESTS,
                Json(json!({"ok": false, "error": "ratelimited"})),
            )
                .into_response();
            if let Some(after) = after {
                response
                    .headers_mut()
                    .insert("retry-after", after.to_string().parse().unwrap());
            }
            response
        }
        Fault::Status(status) => StatusCode::from_u16(status).unwrap().into_response(),
        Fault::DoneAndHangs => {
            tokio::time::sleep(Duration::from_secs(60)).await;
            Json(done).into_response()
        }
        Fault::Breaks => {
            let broken = futures_util::stream::once(async {
                Err::<Bytes, _>(std::io::Error::other("broken"))
            });
            Body::from_stream(broken).into_response()
        }
    })
}

async fn method(
    State(fake): State<Arc<Fake>>,
    Path(method): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let token = headers
        .get("authorization")
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "))
        .unwrap_or_default()
        .to_owned();
    let body: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let fault = {
        let mut world = fake.world.lock().unwrap();
        let fault = world.faults.get_mut(&method).and_then(VecDeque::pop_front);
        let done = matches!(fault, None | Some(Fault::DoneAndHangs));
        world.calls.push(Call {
            method: method.clone(),
            body: body.clone(),
            url: String::new(),
            at: Instant::now(),
            done,
        });
        fault
    };
    fake.touch();
    if let Some(fault) = fault
        && let Some(response) = apply(fault, json!({"ok": true, "ts": "1.1"})).await
    {
        return response;
    }
    let wanted = if method == "apps.connections.open" {
        APP_TOKEN
    } else {
        BOT_TOKEN
    };
    let answer = if token.is_empty() {
        Err("not_authed")
    } else if token == wanted {
        answer(&fake, &method, &body)
    } else if [BOT_TOKEN, APP_TOKEN].contains(&token.as_str()) {
        Err("not_allowed_token_type")
    } else {
        Err("invalid_auth")
    };
    // What it did is there to be seen only now.
    fake.touch();
    match answer {
        Ok(answer) => {
            let mut response = Json(answer).into_response();
            let scopes = fake.world.lock().unwrap().scopes.clone();
            let scopes = scopes.as_deref().unwrap_or(SCOPES).parse().unwrap();
            response.headers_mut().insert("x-oauth-scopes", scopes);
            response
        }
        Err(code) => {
            let mut world = fake.world.lock().unwrap();
            if let Some(call) = world
                .calls
                .iter_mut()
                .rev()
                .find(|call| call.method == method && call.body == body)
            {
                call.done = false;
            }
            drop(world);
            refused(code)
        }
    }
}

fn answer(fake: &Fake, method: &str, body: &Value) -> Result<Value, &'static str> {
    let number = fake.fresh();
    let broken = rules::broken(method, body);
    let mut world = fake.world.lock().unwrap();
    let is_broken = !broken.is_empty();
    world.violations.extend(broken);
    let channel = body["channel"].as_str().unwrap_or_default().to_owned();
    let ts = format!("1700000000.{number:06}");
    match method {
        "auth.test" => Ok(json!({
            "ok": true, "url": "https://t.slack.com/", "team": "Test", "user": "k8sfaq",
            "team_id": "T1", "user_id": BOT_USER, "bot_id": "BBOT", "is_enterprise_install": false,
        })),
        "apps.connections.open" => Ok(json!({
            "ok": true,
            "url": format!(
                "{}/link/?ticket=secret-ticket-{number}&app_id=A1",
                world.socket_url.clone().unwrap_or_else(|| format!("ws://{}", fake.wss)),
            ),
        })),
        "chat.postMessage" | "chat.postEphemeral" => {
            if channel.is_empty() {
                return Err("channel_not_found");
            }
            if is_broken {
                return Err("invalid_blocks");
            }
            if let Some(code) = world.closed_channels.get(&channel) {
                return Err(
                    if method == "chat.postEphemeral" && *code == "not_in_channel" {
                        "user_not_in_channel"
                    } else {
                        code
                    },
                );
            }
            if method == "chat.postEphemeral" {
                return Ok(json!({"ok": true, "message_ts": ts}));
            }
            world.messages.insert((channel.clone(), ts.clone()));
            Ok(json!({"ok": true, "channel": channel, "ts": ts, "message": {}}))
        }
        "chat.update" => {
            let ts = body["ts"].as_str().unwrap_or_default().to_owned();
            if !world.messages.contains(&(channel.clone(), ts.clone())) {
                return Err("message_not_found");
            }
            if is_broken {
                return Err("invalid_blocks");
            }
            Ok(json!({"ok": true, "channel": channel, "ts": ts}))
        }
        "views.open" => {
            let trigger = body["trigger_id"].as_str().unwrap_or_default();
            if !world.triggers.remove(trigger) {
                return Err("expired_trigger_id");
            }
            if is_broken {
                return Err("invalid_arguments");
            }
            Ok(json!({"ok": true, "view": {"id": format!("V{number}")}}))
        }
        "views.publish" | "views.update" if is_broken => Err("invalid_arguments"),
        "views.publish" | "views.update" => {
            Ok(json!({"ok": true, "view": {"id": format!("V{number}")}}))
        }
        "assistant.threads.setSuggestedPrompts" => Ok(json!({"ok": true})),
        "conversations.info" => Ok(json!({"ok": true, "channel": {
            "id": channel, "is_ext_shared": channel == "CSHARED", "is_pending_ext_shared": false,
        }})),
        "usergroups.users.list" => Ok(json!({"ok": true, "users": ["U1", "U8"]})),
        _ => Err("unknown_method"),
    }
}

async fn respond(State(fake): State<Arc<Fake>>, Path(name): Path<String>, body: Bytes) -> Response {
    let body: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let fault = {
        let mut world = fake.world.lock().unwrap();
        world
            .faults
            .get_mut("response_url")
            .and_then(VecDeque::pop_front)
    };
    let is_done = matches!(fault, None | Some(Fault::DoneAndHangs));
    let broken = rules::broken("response_url", &body);
    let answer = {
        let mut world = fake.world.lock().unwrap();
        let is_expired = world.expired_urls.contains(&name);
        let uses = world.urls.get_mut(&name);
        let answer = match uses {
            _ if !is_done => Ok(()),
            None => Err("expired_url"),
            Some(_) if is_expired => Err("expired_url"),
            Some(uses) if *uses >= 5 => Err("used_url"),
            Some(uses) => {
                *uses += 1;
                Ok(())
            }
        };
        let answer = answer.and_then(|()| {
            let is_broken = !broken.is_empty();
            world.violations.extend(broken);
            if is_broken {
                Err("invalid_blocks")
            } else {
                Ok(())
            }
        });
        world.calls.push(Call {
            method: "response_url".to_owned(),
            body: body.clone(),
            url: name,
            at: Instant::now(),
            done: is_done && answer.is_ok(),
        });
        answer
    };
    fake.touch();
    if let Some(fault) = fault
        && let Some(response) = apply(fault, json!({"ok": true})).await
    {
        return response;
    }
    match answer {
        Ok(()) => "ok".into_response(),
        Err("invalid_blocks") => refused("invalid_blocks"),
        Err(code) => (
            StatusCode::NOT_FOUND,
            Json(json!({"ok": false, "error": code})),
        )
            .into_response(),
    }
}
