//! Health and metrics over HTTP, apart from what the platforms call.

use std::fmt::Write;
use std::net::SocketAddr;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::get;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::bot::health::Health;
use crate::bot::metrics::Metrics;

/// The settings of health and metrics.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// The address that `/livez`, `/readyz`, `/metrics` and `/version` are served on; port 0 takes a free one.
    pub listen: SocketAddr,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            // Nothing outside this machine sees it until somebody says so; the chart does.
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
        }
    }
}

/// What `/metrics` sends: `OpenMetrics` text.
const METRICS_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The four pages.
pub fn router(health: Health, metrics: Metrics) -> Router {
    Router::new()
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .with_state(health)
        .route("/metrics", get(async move || page(metrics.text())))
        .route("/version", get(version))
}

/// Serves the pages until it is told to stop.
///
/// # Errors
/// The listener fails.
pub async fn run(
    listener: TcpListener,
    router: Router,
    stop: CancellationToken,
) -> std::io::Result<()> {
    axum::serve(listener, router)
        .with_graceful_shutdown(stop.cancelled_owned())
        .await
}

async fn livez(State(health): State<Health>) -> Response {
    answer(health.is_alive(), "alive", "dead", &health)
}

async fn readyz(State(health): State<Health>) -> Response {
    answer(health.is_ready(), "ready", "not ready", &health)
}

async fn version() -> Json<serde_json::Value> {
    Json(json!({ "name": "k8sfaq", "version": env!("CARGO_PKG_VERSION") }))
}

/// One word first, then a line for each part.
fn answer(is_good: bool, good: &str, bad: &str, health: &Health) -> Response {
    let mut text = format!("{}\n", if is_good { good } else { bad });
    for (part, readiness) in health.parts() {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{}: {readiness}", part.name());
    }
    let status = if is_good {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, text).into_response()
}

fn page(text: String) -> Response {
    ([(header::CONTENT_TYPE, METRICS_TYPE)], text).into_response()
}
