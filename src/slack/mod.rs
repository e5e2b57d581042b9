//! The Slack adapter: Slack's events in, the bot in the middle, Slack's messages out.

pub mod api;
pub mod button;
pub mod checks;
pub mod conversation;
mod dedup;
mod fit;
pub mod home;
pub mod http;
pub mod incoming;
mod jitter;
mod lookup;
pub mod manifest;
mod menus;
pub mod outgoing;
mod parts;
mod press;
mod reach;
pub mod render;
mod rich;
pub mod socket;
pub mod text;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::bot::health::{Health, Part, Readiness};
use crate::bot::metrics::Metrics;
use api::{Api, CallError, Identity};
use conversation::{Conversations, Core};
use jitter::BackOff;
use outgoing::Outbox;
use socket::{Pace, Sockets};

/// The settings of `[slack]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// How Slack's events come in: `socket` (nothing to expose) or `http`.
    pub mode: Mode,
    /// The Web API's address; `https://slack-gov.com/api` for `GovSlack`.
    pub api_url: String,
    /// Where `http` mode listens for `/slack/events`.
    pub listen: SocketAddr,
    /// Connections of this process in `socket` mode, 1 to 10; Slack takes 10 from all replicas together.
    pub connections: usize,
    /// A channel's id that `doctor` posts a line into; none, it posts nowhere.
    pub test_channel: Option<String>,
    /// The pace of connections and retries. Only tests change it.
    #[serde(skip)]
    pub pace: Pace,
    /// Longest wait for one call. Only tests change it.
    #[serde(skip, default = "call_timeout")]
    pub call_timeout: Duration,
}

fn call_timeout() -> Duration {
    api::CALL_TIMEOUT
}

/// How Slack's events come in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Through connections that the bot opens.
    #[default]
    Socket,
    /// Through requests that Slack makes.
    Http,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            mode: Mode::Socket,
            api_url: "https://slack.com/api".to_owned(),
            listen: SocketAddr::from(([0, 0, 0, 0], 3000)),
            connections: 2,
            test_channel: None,
            pace: Pace::default(),
            call_timeout: call_timeout(),
        }
    }
}

/// Most connections that Slack gives an app.
pub const MAX_CONNECTIONS: usize = 10;

/// The secrets of Slack.
#[derive(Debug, Clone)]
pub struct Secrets {
    /// `SLACK_BOT_TOKEN`, `xoxb-…`.
    pub bot_token: SecretString,
    /// `SLACK_APP_TOKEN`, `xapp-…`; `socket` mode needs it.
    pub app_token: Option<SecretString>,
    /// `SLACK_SIGNING_SECRET`; `http` mode needs it.
    pub signing_secret: Option<SecretString>,
}

/// What the adapter reports to.
#[derive(Clone)]
pub struct Report {
    /// Whether it can work.
    pub health: Health,
    /// What it counts.
    pub metrics: Metrics,
}

/// How long the first calls may take in all before the process says that Slack is not there and goes on trying.
const START_TIMEOUT: Duration = Duration::from_secs(4);

/// Runs the adapter until it is told to stop.
///
/// # Errors
/// The settings or tokens cannot work: the sentence names the variable and the cure.
pub async fn run(
    settings: Settings,
    secrets: Secrets,
    core: Core,
    report: Report,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    start(settings, secrets, core, report, stop)
        .await?
        .finished()
        .await
}

/// An adapter that has started.
pub struct Running {
    conversations: Arc<Conversations>,
    /// Where `http` mode listens.
    pub address: Option<SocketAddr>,
    intake: Intake,
}

impl Running {
    /// Waits until the adapter has been told to stop and has finished what was in flight.
    ///
    /// # Errors
    /// The listener broke.
    pub async fn finished(self) -> anyhow::Result<()> {
        let intake = self.intake.await.context("the Slack intake broke")?;
        self.conversations.finish().await;
        intake
    }
}

/// Checks the tokens, then starts.
///
/// # Errors
/// As for [`run`].
pub async fn start(
    settings: Settings,
    secrets: Secrets,
    core: Core,
    report: Report,
    stop: CancellationToken,
) -> anyhow::Result<Running> {
    // Only ring is built in, but a dependency may bring another provider one day, and rustls then wants to be told.
    let _ = rustls::crypto::ring::default_provider().install_default();
    check_settings(&settings)?;
    check_shapes(&settings, &secrets)?;
    report
        .health
        .set(Part::Slack, Readiness::NotReady("starting".to_owned()));
    let api = Api::new(&settings.api_url, &secrets)?.with_timeout(settings.call_timeout);
    let api = Arc::new(api);
    let identity = identity(&api, &settings, &report.health, &stop).await?;
    tell_missing_scopes(&identity);
    tracing::info!(
        team = identity.team_name,
        bot_user = identity.user,
        "connected to Slack's Web API"
    );
    let outbox = Outbox::new(
        Arc::clone(&api),
        report.metrics.clone(),
        settings.pace.first_wait,
    );
    let conversations = Conversations::new(
        core,
        Arc::clone(&api),
        outbox,
        &identity,
        report.metrics.clone(),
    );
    let (address, intake) = match settings.mode {
        Mode::Socket => {
            let sockets = Sockets::new(
                api,
                Arc::clone(&conversations),
                (report.health, report.metrics),
                (settings.connections, settings.pace),
                stop,
            );
            let (intake, first) = read_apart(sockets)?;
            match first.await {
                Ok(Err(error)) if error.is_about_the_token() => {
                    bail!("{}", refused_token("SLACK_APP_TOKEN", &error))
                }
                // Anything else passes by itself, and is tried again.
                _ => {}
            }
            (None, intake)
        }
        Mode::Http => {
            let secret = secrets
                .signing_secret
                .context("SLACK_SIGNING_SECRET is not set: http mode needs it")?;
            let listener = tokio::net::TcpListener::bind(settings.listen)
                .await
                .with_context(|| {
                    format!("slack.listen = {}: cannot listen there", settings.listen)
                })?;
            let address = listener.local_addr()?;
            let router = http::router(&secret, Arc::clone(&conversations), report.metrics.clone());
            report.health.set(Part::Slack, Readiness::Ready);
            let health = report.health;
            let intake = tokio::spawn(async move {
                let served = axum::serve(listener, router)
                    .with_graceful_shutdown(async move { stop.cancelled().await })
                    .await;
                health.set(Part::Slack, Readiness::NotReady("stopped".to_owned()));
                served.context("the Slack listener broke")
            });
            (Some(address), intake)
        }
    };
    Ok(Running {
        conversations,
        address,
        intake,
    })
}

/// What brings events in, until it is told to stop.
type Intake = JoinHandle<anyhow::Result<()>>;

/// What came of the first connection.
type First = oneshot::Receiver<Result<(), CallError>>;

/// Reads Slack's connections on a thread of its own: however many questions are thought about, acknowledgements do not wait
/// for them. Gives what ends with the thread, and what came of the first connection.
fn read_apart(sockets: Arc<Sockets>) -> anyhow::Result<(Intake, First)> {
    let readers = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("no runtime can be made for Slack's connections")?;
    let (tell_first, first) = oneshot::channel();
    let (tell_end, end) = oneshot::channel::<()>();
    std::thread::Builder::new()
        .name("slack-sockets".to_owned())
        .spawn(move || {
            let _tell_end = tell_end;
            readers.block_on(async move {
                match sockets.open_first().await {
                    Ok(link) => {
                        // Whoever waited for it may be gone: then the process ends.
                        let _ = tell_first.send(Ok(()));
                        sockets.run(Some(link)).await;
                    }
                    Err(error) => {
                        let is_final = error.is_about_the_token();
                        let _ = tell_first.send(Err(error));
                        if !is_final {
                            sockets.run(None).await;
                        }
                    }
                }
            });
        })
        .context("no thread can be made for Slack's connections")?;
    let intake = tokio::spawn(async move {
        // The sender goes with the thread, whatever ends it.
        let _ = end.await;
        Ok(())
    });
    Ok((intake, first))
}

fn check_settings(settings: &Settings) -> anyhow::Result<()> {
    if !(1..=MAX_CONNECTIONS).contains(&settings.connections) {
        bail!(
            "slack.connections = {}: write 1 to {MAX_CONNECTIONS}; all replicas together may have {MAX_CONNECTIONS}",
            settings.connections
        );
    }
    let is_address =
        settings.api_url.starts_with("https://") || settings.api_url.starts_with("http://");
    if !is_address {
        bail!(
            "slack.api_url = `{}`: write an address such as https://slack.com/api",
            settings.api_url
        );
    }
    Ok(())
}

/// Turns down tokens that stand in the wrong variable, before anything is sent anywhere.
fn check_shapes(settings: &Settings, secrets: &Secrets) -> anyhow::Result<()> {
    let wrong = |variable: &str, wanted: &str, secret: &SecretString| {
        anyhow::anyhow!(
            "{variable} holds {}, but it needs {wanted}",
            shape(secret.expose_secret())
        )
    };
    let bot = &secrets.bot_token;
    if !is_bot_token(bot.expose_secret()) {
        return Err(wrong(
            "SLACK_BOT_TOKEN",
            "the bot token: OAuth & Permissions → Bot User OAuth Token, it begins with xoxb-",
            bot,
        ));
    }
    match (settings.mode, &secrets.app_token, &secrets.signing_secret) {
        (Mode::Socket, None, _) => bail!(
            "SLACK_APP_TOKEN is not set: socket mode needs an app-level token with connections:write (Basic Information → App-Level Tokens, it begins with xapp-)"
        ),
        (Mode::Socket, Some(app), _) if !app.expose_secret().starts_with("xapp-") => Err(wrong(
            "SLACK_APP_TOKEN",
            "the app-level token: Basic Information → App-Level Tokens, with connections:write, it begins with xapp-",
            app,
        )),
        (Mode::Http, _, None) => bail!(
            "SLACK_SIGNING_SECRET is not set: http mode needs it (Basic Information → App Credentials)"
        ),
        (Mode::Http, _, Some(secret))
            if secret.expose_secret().is_empty()
                || secret.expose_secret().starts_with("xox")
                || secret.expose_secret().starts_with("xapp-") =>
        {
            Err(wrong(
                "SLACK_SIGNING_SECRET",
                "the signing secret: Basic Information → App Credentials",
                secret,
            ))
        }
        (Mode::Socket | Mode::Http, _, _) => Ok(()),
    }
}

fn is_bot_token(token: &str) -> bool {
    token.starts_with("xoxb-") || token.starts_with("xoxe.xoxb-")
}

/// What a token is, told by its beginning, without a letter of its own.
fn shape(token: &str) -> &'static str {
    match token {
        "" => "nothing",
        token if is_bot_token(token) => "a bot token (xoxb-)",
        token if token.starts_with("xapp-") => "an app-level token (xapp-)",
        token if token.starts_with("xoxp-") => "a user token (xoxp-)",
        _ => "something else",
    }
}

/// Who the bot is. A Slack that cannot be reached is waited for; a token that Slack turns down ends the process.
async fn identity(
    api: &Api,
    settings: &Settings,
    health: &Health,
    stop: &CancellationToken,
) -> anyhow::Result<Identity> {
    let mut back_off = BackOff::new(settings.pace.first_wait, settings.pace.longest_wait);
    let begun = Instant::now();
    loop {
        let answer = timeout(START_TIMEOUT, api.identity()).await;
        let error = match answer.unwrap_or(Err(CallError::TimedOut)) {
            Ok(identity) => return Ok(identity),
            Err(error) if error.is_about_the_token() => {
                bail!("{}", refused_token("SLACK_BOT_TOKEN", &error))
            }
            Err(error) => error,
        };
        let wait = match error {
            CallError::RateLimited { after: Some(after) } => after.max(back_off.next()),
            _ => back_off.next(),
        };
        health.set(
            Part::Slack,
            Readiness::NotReady(format!("{error} at {}", settings.api_url)),
        );
        tracing::warn!(%error, api_url = settings.api_url, waited_s = begun.elapsed().as_secs(), "Slack cannot be asked who the bot is; trying again");
        tokio::select! {
            () = stop.cancelled() => bail!("stopped before Slack answered ({error})"),
            () = sleep(wait) => {}
        }
    }
}

/// A token that Slack turned down, with the cure.
fn refused_token(variable: &str, error: &CallError) -> String {
    let cure = match error.code() {
        Some("missing_scope") => {
            "give it the scopes of `k8sfaq manifest slack` and install the app again"
        }
        Some("not_allowed_token_type") => "this is another kind of token: are two swapped?",
        Some("account_inactive" | "token_revoked" | "token_expired") => {
            "it was revoked: install the app again and copy the new token"
        }
        _ => "copy it again from the app's settings (api.slack.com/apps)",
    };
    format!("{variable}: {error}; {cure}")
}

/// Names the scopes that the code uses and the token lacks; what needs them will not work, the rest will.
fn tell_missing_scopes(identity: &Identity) {
    let missing = manifest::missing_scopes(identity.scopes.as_deref());
    if !missing.is_empty() {
        tracing::warn!(
            missing = missing.join(","),
            "the Slack app lacks scopes: add them under OAuth & Permissions and install it again"
        );
    }
}
