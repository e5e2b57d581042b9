//! The connection to Discord's gateway: log in, stay, resume after a cut, and say for certain when it cannot go on.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};
use tokio_util::sync::CancellationToken;

use super::Settings;
use super::rest::{Rest, RestError, bare, origin};
use crate::bot::health::{Health, Part, Readiness};
use crate::bot::metrics::Metrics;
use crate::bot::request::Platform;

/// Longest time to open the socket, and to wait for each step of logging in.
const STEP_TIMEOUT: Duration = Duration::from_secs(10);

/// Longest time that READY or RESUMED may take after the token was sent: large bots replay many events.
const LOGIN_TIMEOUT: Duration = Duration::from_secs(30);

/// Shortest time between two IDENTIFYs; Discord invalidates a session that comes sooner.
const IDENTIFY_PAUSE: Duration = Duration::from_secs(5);

/// First and longest pause between attempts to connect that sent no IDENTIFY.
const CONNECT_PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// Longest pause between IDENTIFYs that led to nothing: 288 a day, where 1,000 a day cost the token.
const MAX_IDENTIFY_PAUSE: Duration = Duration::from_secs(300);

/// IDENTIFYs of the day that are left for a person to start the bot by hand.
const IDENTIFIES_KEPT: u64 = 10;

/// A session that lasted so long was a good one: the pauses start from the shortest again.
const GOOD_SESSION: Duration = Duration::from_secs(60);

/// Longest wait for Discord's answer to our close.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// Why the gateway cannot be used again without somebody doing something.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// The token is wrong (status 401, or close code 4004).
    #[error(
        "discord refuses the token in DISCORD_TOKEN: copy it again from the developer portal, under Bot, Reset Token"
    )]
    BadToken,
    /// The message content intent is not allowed (close code 4014).
    #[error(
        "discord disallows the message content intent: switch it on in the developer portal, under Bot, Privileged Gateway Intents, or set `watch = false` for every Discord channel"
    )]
    DisallowedIntents,
    /// Discord closed the connection and wants no other (4010 to 4013).
    #[error(
        "discord closed the gateway with code {code} ({reason}): this program and Discord no longer agree, look for a newer version"
    )]
    Closed {
        /// Discord's close code.
        code: u16,
        /// What Discord calls it.
        reason: &'static str,
    },
    /// The REST address in the settings does not lead to a gateway.
    #[error(
        "GET /gateway at discord.api_url `{api_url}` failed with {reason}: correct discord.api_url"
    )]
    NoGateway {
        /// The address in the settings.
        api_url: String,
        /// What came back.
        reason: String,
    },
    /// The REST address names a gateway elsewhere.
    #[error(
        "discord.api_url `{api_url}` names the gateway `{gateway}` on another host: nothing is sent there, correct discord.api_url"
    )]
    ForeignGateway {
        /// The address in the settings.
        api_url: String,
        /// The gateway's address.
        gateway: String,
    },
}

/// Something that Discord tells, by its name and its data.
pub(super) struct Dispatch {
    pub name: String,
    pub data: Value,
}

/// One connection to the gateway after another, until it is told to stop.
pub(super) struct Gateway<'a, F> {
    pub settings: &'a Settings,
    pub token: &'a SecretString,
    pub intents: u64,
    pub rest: &'a Rest,
    pub health: &'a Health,
    pub metrics: &'a Metrics,
    pub shutdown: &'a CancellationToken,
    pub on_dispatch: F,
}

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// A session that can be resumed.
struct Session {
    id: String,
    resume_url: Option<String>,
    sequence: u64,
}

/// How a connection ended.
enum End {
    /// We were told to stop.
    Shutdown,
    /// It can be taken up where it was.
    Resume,
    /// A new session is needed.
    Identify,
    /// There was no connection at all.
    Unreachable(String),
    /// No connection is of any use.
    Fatal(GatewayError),
}

#[derive(Deserialize)]
struct Frame {
    op: u8,
    #[serde(default)]
    d: Value,
    #[serde(default)]
    s: Option<u64>,
    #[serde(default)]
    t: Option<String>,
}

impl<F: Fn(Dispatch)> Gateway<'_, F> {
    /// Stays connected until the shutdown.
    ///
    /// # Errors
    /// Discord refuses the token or the intents, wants no further connection, or has no gateway where one belongs.
    pub(super) async fn run(&self) -> Result<(), GatewayError> {
        let result = tokio::select! {
            result = self.connect_for_ever() => result,
            () = self.stopped_before_connecting() => Ok(()),
        };
        self.metrics.connections(Platform::Discord, 0);
        if let Err(error) = &result {
            self.note(Readiness::Dead(error.to_string()));
        }
        result
    }

    /// A shutdown while there is no socket to close is over at once; with one, the session ends by itself, within this time.
    async fn stopped_before_connecting(&self) {
        self.shutdown.cancelled().await;
        sleep(CLOSE_TIMEOUT * 2).await;
    }

    async fn connect_for_ever(&self) -> Result<(), GatewayError> {
        let mut session: Option<Session> = None;
        let mut last_identify: Option<Instant> = None;
        let mut connect_pause = CONNECT_PAUSES.0;
        let mut identify_pause = IDENTIFY_PAUSE;
        let mut is_first = true;
        loop {
            if self.shutdown.is_cancelled() {
                return Ok(());
            }
            if !is_first {
                self.metrics.reconnected(Platform::Discord);
            }
            is_first = false;
            if session.is_none() {
                if let Some(last) = last_identify {
                    self.pause(last + identify_pause).await;
                    identify_pause = (identify_pause * 2).min(MAX_IDENTIFY_PAUSE);
                }
                self.wait_for_budget().await?;
            }
            let begun = Instant::now();
            let end = self.connection(&mut session, &mut last_identify).await;
            self.metrics.connections(Platform::Discord, 0);
            let was_good = begun.elapsed() >= GOOD_SESSION;
            if was_good {
                (connect_pause, identify_pause) = (CONNECT_PAUSES.0, IDENTIFY_PAUSE);
            }
            match end {
                End::Shutdown => return Ok(()),
                End::Fatal(error) => return Err(error),
                End::Resume => {
                    self.note(Readiness::NotReady("the gateway is resumed".to_owned()));
                    // The first resume comes at once; those that lead nowhere come ever later.
                    if !was_good && begun.elapsed() < STEP_TIMEOUT {
                        self.pause(Instant::now() + jittered(connect_pause / 10))
                            .await;
                        connect_pause = (connect_pause * 2).min(CONNECT_PAUSES.1);
                    }
                }
                End::Identify => {
                    session = None;
                    self.note(Readiness::NotReady("the gateway is joined anew".to_owned()));
                }
                End::Unreachable(reason) => {
                    tracing::warn!(reason, "discord cannot be reached, trying again");
                    self.note(Readiness::NotReady(format!(
                        "discord cannot be reached: {reason}"
                    )));
                    self.pause(Instant::now() + jittered(connect_pause)).await;
                    connect_pause = (connect_pause * 2).min(CONNECT_PAUSES.1);
                }
            }
        }
    }

    async fn pause(&self, until: Instant) {
        tokio::select! {
            () = sleep_until(until) => {}
            () = self.shutdown.cancelled() => {}
        }
    }

    /// Where Discord counts the day's IDENTIFYs, waits while too few are left.
    async fn wait_for_budget(&self) -> Result<(), GatewayError> {
        match self.rest.get("/gateway/bot").await {
            Err(RestError::Unauthorized | RestError::Stopped) => Err(GatewayError::BadToken),
            // Whoever keeps no such count has no such limit, and who cannot be reached is met again below.
            Err(_) => Ok(()),
            Ok(answer) => {
                let limit = &answer["session_start_limit"];
                let remaining = limit["remaining"].as_u64().unwrap_or(u64::MAX);
                if remaining < IDENTIFIES_KEPT {
                    let wait = Duration::from_millis(limit["reset_after"].as_u64().unwrap_or(0));
                    let detail = format!(
                        "{remaining} logins are left today; the next comes in {} s",
                        wait.as_secs()
                    );
                    tracing::error!(detail, "discord's gateway is left alone");
                    self.note(Readiness::NotReady(detail));
                    self.pause(Instant::now() + wait).await;
                }
                Ok(())
            }
        }
    }

    /// One connection, from its opening to its end.
    async fn connection(
        &self,
        session: &mut Option<Session>,
        last_identify: &mut Option<Instant>,
    ) -> End {
        let address = match self.address(session.as_ref()).await {
            Ok(address) => address,
            Err(end) => return end,
        };
        let opening = tokio_tungstenite::connect_async(&address);
        let mut socket = match timeout(STEP_TIMEOUT, opening).await {
            Ok(Ok((socket, _))) => socket,
            Ok(Err(error)) => {
                forget_address(session);
                return End::Unreachable(error.to_string());
            }
            Err(_) => {
                forget_address(session);
                return End::Unreachable("the gateway's socket did not open in time".to_owned());
            }
        };
        let interval = match timeout(STEP_TIMEOUT, hello(&mut socket)).await {
            Ok(Ok(interval)) => interval,
            Ok(Err(code)) => return ending(code, session.is_some()),
            Err(_) => return End::Unreachable("the gateway said no hello in time".to_owned()),
        };
        let login = if let Some(session) = session.as_ref() {
            self.metrics.event(Platform::Discord, "resume");
            json!({"op": 6, "d": {
                "token": bare(self.token), "session_id": session.id, "seq": session.sequence,
            }})
        } else {
            self.metrics.event(Platform::Discord, "identify");
            *last_identify = Some(Instant::now());
            json!({"op": 2, "d": {
                "token": bare(self.token), "intents": self.intents, "large_threshold": 50,
                "properties": {"os": std::env::consts::OS, "browser": "k8sfaq", "device": "k8sfaq"},
            }})
        };
        if write(&mut socket, &login).await.is_err() {
            return End::Unreachable("the gateway closed before the login".to_owned());
        }
        self.listen(&mut socket, session, interval).await
    }

    /// Beats and reads until the connection ends.
    async fn listen(
        &self,
        socket: &mut Socket,
        session: &mut Option<Session>,
        interval: Duration,
    ) -> End {
        let login_by = Instant::now() + LOGIN_TIMEOUT;
        let mut is_logged_in = false;
        let mut is_acknowledged = true;
        // Discord asks for a first beat at a random moment, so that not all bots of the world beat at once.
        let mut next_beat = Instant::now() + jittered(interval);
        loop {
            tokio::select! {
                biased;
                () = self.shutdown.cancelled() => {
                    close(socket, CloseCode::Normal).await;
                    return End::Shutdown;
                }
                () = sleep_until(next_beat) => {
                    if !is_acknowledged {
                        tracing::warn!("discord did not acknowledge a heartbeat, connecting again");
                        close(socket, CloseCode::Library(4000)).await;
                        return retry(session.as_ref());
                    }
                    next_beat = Instant::now() + interval;
                    is_acknowledged = false;
                    if beat(socket, session.as_ref()).await.is_err() {
                        return retry(session.as_ref());
                    }
                }
                () = sleep_until(login_by), if !is_logged_in => {
                    close(socket, CloseCode::Library(4000)).await;
                    return End::Identify;
                }
                message = socket.next() => {
                    let frame = match message {
                        Some(Ok(Message::Text(text))) => {
                            let Ok(frame) = serde_json::from_str::<Frame>(&text) else {
                                self.metrics.event(Platform::Discord, "unparsed_frame");
                                continue;
                            };
                            frame
                        }
                        Some(Ok(Message::Close(frame))) => {
                            return ending(frame.map(|frame| frame.code.into()), session.is_some());
                        }
                        Some(Ok(_)) => continue,
                        Some(Err(_)) | None => return retry(session.as_ref()),
                    };
                    match frame.op {
                        0 => {
                            if let (Some(sequence), Some(session)) = (frame.s, session.as_mut()) {
                                session.sequence = sequence;
                            }
                            let name = frame.t.unwrap_or_default();
                            if name == "READY" {
                                *session = joined(&frame.d, frame.s.unwrap_or(0));
                            }
                            if matches!(name.as_str(), "READY" | "RESUMED") {
                                is_logged_in = true;
                                self.metrics.connections(Platform::Discord, 1);
                                self.note(Readiness::Ready);
                            }
                            (self.on_dispatch)(Dispatch { name, data: frame.d });
                        }
                        1 if beat(socket, session.as_ref()).await.is_err() => {
                            return retry(session.as_ref());
                        }
                        7 => {
                            close(socket, CloseCode::Library(4000)).await;
                            return retry(session.as_ref());
                        }
                        9 => {
                            close(socket, CloseCode::Library(4000)).await;
                            if frame.d == Value::Bool(true) {
                                return retry(session.as_ref());
                            }
                            // Discord asks for a random pause of one to five seconds.
                            self.pause(Instant::now() + Duration::from_secs(1) + jittered(Duration::from_secs(4))).await;
                            return End::Identify;
                        }
                        11 => is_acknowledged = true,
                        _ => {}
                    }
                }
            }
        }
    }

    /// Where to connect: where the session is to be resumed, else where the REST interface says.
    async fn address(&self, session: Option<&Session>) -> Result<String, End> {
        if let Some(url) = session.and_then(|session| session.resume_url.as_deref())
            && leads_to_ours(self.settings, url)
        {
            return Ok(with_version(url));
        }
        let api_url = || self.settings.api_url.clone();
        match self.rest.get("/gateway").await {
            Ok(answer) => match answer["url"].as_str() {
                Some(url) if leads_to_ours(self.settings, url) => Ok(with_version(url)),
                Some(url) => Err(End::Fatal(GatewayError::ForeignGateway {
                    api_url: api_url(),
                    gateway: url.to_owned(),
                })),
                None => Err(End::Fatal(GatewayError::NoGateway {
                    api_url: api_url(),
                    reason: "an answer without `url`".to_owned(),
                })),
            },
            Err(RestError::Unauthorized | RestError::Stopped) => {
                Err(End::Fatal(GatewayError::BadToken))
            }
            Err(RestError::Refused { status, .. }) => Err(End::Fatal(GatewayError::NoGateway {
                api_url: api_url(),
                reason: format!("status {status}"),
            })),
            Err(error) => Err(End::Unreachable(error.to_string())),
        }
    }

    fn note(&self, readiness: Readiness) {
        // A refused token stays refused, whatever the gateway says.
        if self.rest.is_stopped() && readiness == Readiness::Ready {
            return;
        }
        self.health.set(Part::Discord, readiness);
    }
}

/// Whether a gateway's address may be connected to: an encrypted one of Discord's, or one on the host of an own address.
pub(super) fn leads_to_ours(settings: &Settings, url: &str) -> bool {
    if settings.is_discords_own() {
        return host(url).is_some_and(|(scheme, host)| {
            scheme == "wss" && (host == "discord.gg" || host.ends_with(".discord.gg"))
        });
    }
    match (host(url), host(origin(&settings.api_url))) {
        (Some((_, gateway)), Some((_, api))) => {
            gateway == api || (is_loopback(gateway) && is_loopback(api))
        }
        _ => false,
    }
}

/// After a cut: resumes where there is a session.
fn retry(session: Option<&Session>) -> End {
    match session {
        Some(_) => End::Resume,
        None => End::Identify,
    }
}

/// What a close code means for the next connection.
///
/// Source: Discord's table of gateway close event codes.
fn ending(code: Option<u16>, has_session: bool) -> End {
    let fatal = |reason| {
        End::Fatal(GatewayError::Closed {
            code: code.unwrap_or_default(),
            reason,
        })
    };
    match code {
        Some(4004) => End::Fatal(GatewayError::BadToken),
        Some(4010) => fatal("invalid shard"),
        Some(4011) => fatal("sharding required"),
        Some(4012) => fatal("invalid API version"),
        Some(4013) => fatal("invalid intents"),
        Some(4014) => End::Fatal(GatewayError::DisallowedIntents),
        // Not authenticated, wrong sequence, session timed out.
        Some(4003 | 4007 | 4009) => End::Identify,
        _ if has_session => End::Resume,
        _ => End::Identify,
    }
}

/// A session that cannot be resumed where it said is resumed at the general address next time.
fn forget_address(session: &mut Option<Session>) {
    if let Some(session) = session {
        session.resume_url = None;
    }
}

fn joined(ready: &Value, sequence: u64) -> Option<Session> {
    Some(Session {
        id: ready["session_id"].as_str()?.to_owned(),
        resume_url: ready["resume_gateway_url"].as_str().map(str::to_owned),
        sequence,
    })
}

/// Waits for the hello; its heartbeat interval. The error is the close code, where one came.
async fn hello(socket: &mut Socket) -> Result<Duration, Option<u16>> {
    while let Some(Ok(message)) = socket.next().await {
        match message {
            Message::Text(text) => {
                let Ok(frame) = serde_json::from_str::<Frame>(&text) else {
                    continue;
                };
                if let (10, Some(interval)) = (frame.op, frame.d["heartbeat_interval"].as_u64()) {
                    // A zero would make a storm of it.
                    return Ok(Duration::from_millis(interval.max(100)));
                }
            }
            Message::Close(frame) => return Err(frame.map(|frame| frame.code.into())),
            _ => {}
        }
    }
    Err(None)
}

async fn beat(socket: &mut Socket, session: Option<&Session>) -> Result<(), ()> {
    let sequence = session.map(|session| session.sequence);
    write(socket, &json!({"op": 1, "d": sequence})).await
}

async fn write(socket: &mut Socket, frame: &Value) -> Result<(), ()> {
    let sending = socket.send(Message::text(frame.to_string()));
    match timeout(STEP_TIMEOUT, sending).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(()),
    }
}

/// Says goodbye and waits a moment for the answer, so that the frame is really out. With 1000 the session is over for
/// Discord, with 4000 it can be resumed.
async fn close(socket: &mut Socket, code: CloseCode) {
    let goodbye = async {
        let frame = CloseFrame {
            code,
            reason: "".into(),
        };
        if socket.close(Some(frame)).await.is_ok() {
            while let Some(Ok(_)) = socket.next().await {}
        }
    };
    // Whether the other side answers makes no difference to us.
    let _ = timeout(CLOSE_TIMEOUT, goodbye).await;
}

fn with_version(url: &str) -> String {
    format!("{}/?v=10&encoding=json", url.trim_end_matches('/'))
}

/// The scheme and host of an address.
fn host(url: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let authority = authority.rsplit('@').next()?;
    let host = match authority.strip_prefix('[') {
        Some(bracketed) => bracketed.split(']').next()?,
        None => authority.split(':').next()?,
    };
    Some((scheme, host))
}

fn is_loopback(host: &str) -> bool {
    host == "localhost"
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// A random part of a duration. Nothing here needs good randomness.
fn jittered(longest: Duration) -> Duration {
    let random = RandomState::new().build_hasher().finish();
    let thousandths = u32::try_from(random % 1000).unwrap_or_default();
    longest * thousandths / 1000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_of_an_address_is_what_is_connected_to() {
        assert_eq!(
            host("wss://gateway.discord.gg/?v=10"),
            Some(("wss", "gateway.discord.gg"))
        );
        assert_eq!(host("ws://[::1]:80"), Some(("ws", "::1")));
        assert_eq!(
            host("ws://127.0.0.1@evil.example:1"),
            Some(("ws", "evil.example"))
        );
    }

    #[test]
    fn a_close_code_says_how_to_go_on() {
        assert!(matches!(ending(Some(4000), true), End::Resume));
        assert!(matches!(ending(None, true), End::Resume));
        assert!(matches!(ending(Some(4000), false), End::Identify));
        assert!(matches!(ending(Some(4009), true), End::Identify));
        for code in 4010..=4014 {
            assert!(matches!(ending(Some(code), true), End::Fatal(_)));
        }
    }
}
