//! HTTP mode: the one endpoint that Slack sends events, commands and interactions to.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};
use slack_morphism::prelude::SlackSigningSecret;
use slack_morphism::signature_verifier::SlackEventSignatureVerifier;
use tokio::time::{Instant, timeout};

use super::conversation::Conversations;
use super::incoming::Kind;
use crate::bot::metrics::Metrics;
use crate::bot::request::Platform;

/// Where Slack's requests come in.
pub const PATH: &str = "/slack/events";

/// Largest body, in bytes. Slack's are a few KiB; a body is read before its signature can be checked.
const MAX_BODY: usize = 256 * 1024;

/// Longest wait for a body: whoever sends it slowly is not Slack.
const BODY_TIMEOUT: Duration = Duration::from_secs(3);

/// The endpoint as a router.
pub fn router(
    secret: &SecretString,
    conversations: Arc<Conversations>,
    metrics: Metrics,
) -> Router {
    let endpoint = Endpoint {
        verifier: SlackEventSignatureVerifier::new(&SlackSigningSecret(
            secret.expose_secret().to_owned(),
        )),
        conversations,
        metrics,
    };
    Router::new()
        .route(PATH, post(take))
        .with_state(Arc::new(endpoint))
}

struct Endpoint {
    verifier: SlackEventSignatureVerifier,
    conversations: Arc<Conversations>,
    metrics: Metrics,
}

async fn take(State(endpoint): State<Arc<Endpoint>>, request: Request) -> Response {
    let received = Instant::now();
    let (parts, body) = request.into_parts();
    let body = match read_body(&parts.headers, body).await {
        Ok(body) => body,
        Err(status) => return status.into_response(),
    };
    let is_form = parts
        .headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.starts_with("application/x-www-form-urlencoded"));
    // Slack probes the address with this and does not always sign it; it is answered and does nothing.
    if is_form && form_value(&body, "ssl_check").as_deref() == Some("1") {
        return StatusCode::OK.into_response();
    }
    if !endpoint.is_signed(&parts.headers, &body) {
        endpoint.metrics.event(Platform::Slack, "unsigned");
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let read = if is_form {
        read_form(&body)
    } else {
        read_json(&body)
    };
    let response = match read {
        Some(Delivery::Challenge(challenge)) => challenge.into_response(),
        Some(Delivery::Payload(kind, payload)) => {
            endpoint.conversations.take(kind, &payload);
            StatusCode::OK.into_response()
        }
        // It was signed, so it is Slack's, and sending it again would not help.
        None => {
            endpoint.metrics.event(Platform::Slack, "unknown");
            StatusCode::OK.into_response()
        }
    };
    endpoint
        .metrics
        .acknowledged(Platform::Slack, received.elapsed());
    response
}

impl Endpoint {
    fn is_signed(&self, headers: &HeaderMap, body: &str) -> bool {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let signature = text(SlackEventSignatureVerifier::SLACK_SIGNED_HASH_HEADER);
        let timestamp = text(SlackEventSignatureVerifier::SLACK_SIGNED_TIMESTAMP);
        match (signature, timestamp) {
            (Some(signature), Some(timestamp)) => {
                self.verifier.verify(signature, body, timestamp).is_ok()
            }
            _ => false,
        }
    }
}

/// What a signed request brings.
enum Delivery {
    Challenge(String),
    Payload(Kind, Value),
}

async fn read_body(headers: &HeaderMap, body: Body) -> Result<String, StatusCode> {
    let announced = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|size| size > MAX_BODY) {
        return Err(StatusCode::PAYLOAD_TOO_LARGE);
    }
    let bytes = timeout(BODY_TIMEOUT, to_bytes(body, MAX_BODY))
        .await
        .map_err(|_| StatusCode::REQUEST_TIMEOUT)?
        .map_err(|_| StatusCode::PAYLOAD_TOO_LARGE)?;
    // The signature is made over bytes that are text in every request of Slack's.
    String::from_utf8(bytes.to_vec()).map_err(|_| StatusCode::UNAUTHORIZED)
}

fn read_json(body: &str) -> Option<Delivery> {
    let payload: Value = serde_json::from_str(body).ok()?;
    if payload["type"] == "url_verification" {
        return Some(Delivery::Challenge(
            payload["challenge"].as_str()?.to_owned(),
        ));
    }
    Some(Delivery::Payload(Kind::Event, payload))
}

fn read_form(body: &str) -> Option<Delivery> {
    if let Some(payload) = form_value(body, "payload") {
        let payload = serde_json::from_str(&payload).ok()?;
        return Some(Delivery::Payload(Kind::Interaction, payload));
    }
    let fields: Map<String, Value> = form_urlencoded::parse(body.as_bytes())
        .map(|(key, value)| (key.into_owned(), Value::String(value.into_owned())))
        .collect();
    fields
        .contains_key("command")
        .then_some(Delivery::Payload(Kind::Command, Value::Object(fields)))
}

fn form_value(body: &str, key: &str) -> Option<String> {
    form_urlencoded::parse(body.as_bytes())
        .find(|(name, _)| name == key)
        .map(|(_, value)| value.into_owned())
}
