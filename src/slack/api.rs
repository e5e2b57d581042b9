//! The calls to Slack: Web API methods, and answers to a `response_url`, each with a deadline and with errors that tell what to do next.

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderValue, Request, header};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use slack_morphism::errors::SlackClientError;
use slack_morphism::hyper_tokio::SlackClientHyperConnector;
use slack_morphism::prelude::{
    SlackApiToken, SlackApiTokenValue, SlackClient, SlackClientApiCallContext,
    SlackClientHttpConnector,
};
use tokio::time::timeout;

use super::Secrets;

/// Longest wait for one call: Slack answers in well under a second, and a person waits behind each call.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// Largest answer to `auth.test` that is read, in bytes: a real one has a few hundred.
const MAX_AUTH_ANSWER: usize = 64 * 1024;

/// A client of one workspace.
pub struct Api {
    url: String,
    client: SlackClient<SlackClientHyperConnector<HttpsConnector<HttpConnector>>>,
    /// For `auth.test` alone: the scopes stand in a header, which the client above does not hand out.
    raw: Client<HttpsConnector<HttpConnector>, Body>,
    bot: SlackApiToken,
    app: Option<SlackApiToken>,
    timeout: Duration,
}

/// Whose rights a call uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum With {
    /// The bot token (`xoxb-`).
    Bot,
    /// The app-level token (`xapp-`), for `apps.connections.open` alone.
    App,
}

/// Who the bot is, and what it may do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// The bot's own user id.
    pub user: String,
    /// The bot's own bot id, which stands in its messages.
    pub bot: Option<String>,
    /// The workspace's id.
    pub team: Option<String>,
    /// The workspace's name.
    pub team_name: String,
    /// The scopes of the bot token; none where Slack did not tell.
    pub scopes: Option<Vec<String>>,
}

/// Why a call did not succeed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// Slack turned it down, by this code of its own.
    #[error("slack answered `{code}`{}", within(.detail))]
    Refused { code: String, detail: String },
    /// Too many calls; Slack names how long to wait, or does not.
    #[error("slack asks to slow down")]
    RateLimited { after: Option<Duration> },
    /// Slack itself is in trouble.
    #[error("slack answered with HTTP status {0}")]
    Status(u16),
    /// No connection came about: nothing was sent.
    #[error("slack cannot be reached")]
    Unreachable,
    /// The connection broke before the answer.
    #[error("the connection to slack broke")]
    Broken,
    /// No answer within the deadline: it may have been done, or not.
    #[error("slack did not answer in time")]
    TimedOut,
    /// An answer that is none.
    #[error("slack's answer cannot be read")]
    Unreadable,
}

impl CallError {
    /// Slack's code, where it gave one.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        match self {
            CallError::Refused { code, .. } => Some(code),
            _ => None,
        }
    }

    /// Whether a token is wrong, so that trying again is no use until a person changes it.
    #[must_use]
    pub fn is_about_the_token(&self) -> bool {
        self.code().is_some_and(|code| TOKEN_CODES.contains(&code))
    }

    /// Whether a `response_url` is used up or too old.
    #[must_use]
    pub fn is_expired(&self) -> bool {
        match self {
            CallError::Refused { code, .. } => matches!(
                code.as_str(),
                "expired_url" | "used_url" | "expired_trigger_id" | "exchanged_trigger_id"
            ),
            CallError::Status(status) => matches!(status, 404 | 410),
            _ => false,
        }
    }

    /// Whether the blocks are what Slack turned down.
    #[must_use]
    pub fn is_about_the_blocks(&self) -> bool {
        self.code().is_some_and(|code| {
            matches!(
                code,
                "invalid_blocks" | "invalid_blocks_format" | "msg_blocks_too_long" | "msg_too_long"
            )
        })
    }
}

/// Slack's codes for a token that does not work.
const TOKEN_CODES: [&str; 8] = [
    "invalid_auth",
    "not_authed",
    "account_inactive",
    "token_revoked",
    "token_expired",
    "not_allowed_token_type",
    "missing_scope",
    "org_login_required",
];

impl Api {
    /// A client for an address such as `https://slack.com/api`.
    ///
    /// # Errors
    /// The machine has no CA certificates.
    pub fn new(url: &str, secrets: &Secrets) -> anyhow::Result<Self> {
        let connector = HttpsConnectorBuilder::new()
            .with_native_roots()
            .map_err(|error| {
                anyhow::anyhow!("no CA certificates are found ({error}): install ca-certificates, or set SSL_CERT_FILE")
            })?
            .https_or_http()
            .enable_http1()
            .build();
        let url = url.trim_end_matches('/').to_owned();
        let token = |secret: &SecretString| {
            SlackApiToken::new(SlackApiTokenValue(secret.expose_secret().to_owned()))
        };
        Ok(Api {
            client: SlackClient::new(
                SlackClientHyperConnector::with_connector(connector.clone())
                    .with_slack_api_url(&url),
            ),
            raw: Client::builder(TokioExecutor::new()).build(connector),
            bot: token(&secrets.bot_token),
            app: secrets.app_token.as_ref().map(token),
            url,
            timeout: CALL_TIMEOUT,
        })
    }

    /// The same client with another deadline for each call.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Api { timeout, ..self }
    }

    /// Calls a method of the Web API.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn call(&self, with: With, method: &str, body: &Value) -> Result<Value, CallError> {
        let token = match (with, &self.app) {
            (With::App, Some(app)) => app,
            (With::App, None) => return Err(refused("not_authed", String::new())),
            (With::Bot, _) => &self.bot,
        };
        let session = self.client.open_session(token);
        let call = session.http_session_api.http_post(method, body, None);
        match timeout(self.timeout, call).await {
            Ok(answer) => answer.map_err(|error| read_error(&error)),
            Err(_) => Err(CallError::TimedOut),
        }
    }

    /// Posts to a `response_url`.
    ///
    /// # Errors
    /// See [`CallError`]; an address that is used up is [`CallError::is_expired`].
    pub async fn respond(&self, url: &str, body: &Value) -> Result<(), CallError> {
        let url = url
            .parse()
            .map_err(|_| refused("expired_url", String::new()))?;
        let span = tracing::Span::none();
        let context = SlackClientApiCallContext {
            rate_control_params: None,
            token: None,
            tracing_span: &span,
            is_sensitive_url: true,
        };
        let connector = &self.client.http_api.connector;
        let call = connector.http_post_uri::<_, Value>(url, body, context);
        match timeout(self.timeout, call).await {
            // Slack answers `ok` here, which is no JSON.
            Ok(Ok(_) | Err(SlackClientError::ProtocolError(_))) => Ok(()),
            Ok(Err(error)) => Err(read_error(&error)),
            Err(_) => Err(CallError::TimedOut),
        }
    }

    /// Asks who the bot token belongs to, and what it may do.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn identity(&self) -> Result<Identity, CallError> {
        let mut request = Request::post(format!("{}/auth.test", self.url))
            .header(
                header::CONTENT_TYPE,
                "application/x-www-form-urlencoded; charset=utf-8",
            )
            .body(Body::empty())
            .map_err(|_| CallError::Unreachable)?;
        let mut bearer = HeaderValue::from_str(&format!("Bearer {}", self.bot.token_value.0))
            .map_err(|_| refused("invalid_auth", String::new()))?;
        bearer.set_sensitive(true);
        request.headers_mut().insert(header::AUTHORIZATION, bearer);
        let call = async {
            let answer = self.raw.request(request).await.map_err(|error| {
                if error.is_connect() {
                    CallError::Unreachable
                } else {
                    CallError::Broken
                }
            })?;
            let status = answer.status();
            let scopes = answer
                .headers()
                .get("x-oauth-scopes")
                .and_then(|value| value.to_str().ok())
                .map(|list| {
                    list.split(',')
                        .map(|scope| scope.trim().to_owned())
                        .collect()
                });
            if status == 429 {
                let after = answer
                    .headers()
                    .get(header::RETRY_AFTER)
                    .and_then(|value| value.to_str().ok()?.parse().ok())
                    .map(Duration::from_secs);
                return Err(CallError::RateLimited { after });
            }
            if !status.is_success() {
                return Err(CallError::Status(status.as_u16()));
            }
            let body = axum::body::to_bytes(Body::new(answer.into_body()), MAX_AUTH_ANSWER)
                .await
                .map_err(|_| CallError::Broken)?;
            let body: Value = serde_json::from_slice(&body).map_err(|_| CallError::Unreadable)?;
            if let Some(code) = body["error"].as_str() {
                return Err(refused(code, String::new()));
            }
            let text = |key: &str| body[key].as_str().map(str::to_owned);
            Ok(Identity {
                user: text("user_id").ok_or(CallError::Unreadable)?,
                bot: text("bot_id"),
                team: text("team_id"),
                team_name: text("team").unwrap_or_default(),
                scopes,
            })
        };
        match timeout(self.timeout, call).await {
            Ok(identity) => identity,
            Err(_) => Err(CallError::TimedOut),
        }
    }

    /// Opens one Socket Mode connection's address, which is good for one use within 30 s.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn open_socket(&self) -> Result<String, CallError> {
        let answer = self
            .call(With::App, "apps.connections.open", &serde_json::json!({}))
            .await?;
        match answer["url"].as_str() {
            Some(url) => Ok(url.to_owned()),
            None => Err(CallError::Unreadable),
        }
    }
}

fn refused(code: &str, detail: String) -> CallError {
    CallError::Refused {
        code: code.to_owned(),
        detail,
    }
}

fn within(detail: &str) -> String {
    if detail.is_empty() {
        String::new()
    } else {
        format!(" ({detail})")
    }
}

/// What the client's error means. Its own text is dropped: it holds the whole answer.
fn read_error(error: &SlackClientError) -> CallError {
    match error {
        SlackClientError::ApiError(error) => {
            refused(&error.code, pointers(error.http_response_body.as_deref()))
        }
        SlackClientError::RateLimitError(error) => CallError::RateLimited {
            after: error.retry_after,
        },
        SlackClientError::HttpError(error) => {
            let body = error.http_response_body.as_deref().unwrap_or_default();
            // A response_url answers its codes in the body of a 404 or 410, as JSON or as bare text.
            match ["expired_url", "used_url", "no_text", "invalid_payload"]
                .into_iter()
                .find(|code| body.contains(code))
            {
                Some(code) => refused(code, String::new()),
                None => CallError::Status(error.status_code.as_u16()),
            }
        }
        SlackClientError::HttpProtocolError(error) => match error
            .cause
            .as_ref()
            .and_then(|cause| cause.downcast_ref::<hyper_util::client::legacy::Error>())
        {
            Some(cause) if cause.is_connect() => CallError::Unreachable,
            _ => CallError::Broken,
        },
        SlackClientError::ProtocolError(_) => CallError::Unreadable,
        SlackClientError::EndOfStream(_)
        | SlackClientError::SocketModeProtocolError(_)
        | SlackClientError::SystemError(_) => CallError::Broken,
    }
}

/// Longest text of Slack's own about what is wrong that goes into a log, in characters.
const MAX_DETAIL: usize = 300;

/// Slack's pointers into blocks that it turned down (`[ERROR] … [json-pointer:/blocks/1/text]`), and the scope that is missing.
fn pointers(body: Option<&str>) -> String {
    let Some(body) = body.and_then(|body| serde_json::from_str::<Value>(body).ok()) else {
        return String::new();
    };
    let lists = [&body["response_metadata"]["messages"], &body["errors"]];
    let mut parts: Vec<&str> = lists
        .into_iter()
        .filter_map(Value::as_array)
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    parts.extend(body["needed"].as_str());
    parts.join("; ").chars().take(MAX_DETAIL).collect()
}
