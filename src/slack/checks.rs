//! What `k8sfaq doctor` looks at in Slack.

use std::time::Duration;

use serde_json::json;
use tokio::time::timeout;
use tokio_tungstenite::connect_async;

use super::api::{Api, CallError, With};
use super::{Mode, Secrets, Settings, check_settings, check_shapes, manifest, refused_token};
use crate::bot::health::{Check, Part};

/// Longest wait for a connection and its `hello`.
const SOCKET_TIMEOUT: Duration = Duration::from_secs(10);

/// Looks at everything that the adapter needs, a line each.
pub async fn checks(settings: &Settings, secrets: &Secrets) -> Vec<Check> {
    let mut checks = Vec::new();
    let shapes = check_settings(settings).and_then(|()| check_shapes(settings, secrets));
    match shapes {
        Ok(()) => checks.push(pass(
            "the tokens' kinds",
            "each is of the kind its variable needs",
        )),
        Err(error) => {
            checks.push(fail(
                "the tokens' kinds",
                error.to_string(),
                "put each into its own variable",
            ));
            return checks;
        }
    }
    let api = match Api::new(&settings.api_url, secrets) {
        Ok(api) => api,
        Err(error) => {
            checks.push(fail(
                "the CA certificates",
                error.to_string(),
                "install ca-certificates, or set SSL_CERT_FILE",
            ));
            return checks;
        }
    };
    match api.identity().await {
        Ok(identity) => {
            checks.push(pass(
                "the bot token",
                &format!("it is {} in {}", identity.user, identity.team_name),
            ));
            checks.push(scopes(identity.scopes.as_deref()));
        }
        Err(error) if error.is_about_the_token() => {
            checks.push(fail(
                "the bot token",
                refused_token("SLACK_BOT_TOKEN", &error),
                "copy it again, restart",
            ));
            return checks;
        }
        Err(error) => {
            checks.push(fail(
                "the Web API",
                format!("{error} at {}", settings.api_url),
                "check egress, slack.api_url and the CA certificates",
            ));
            return checks;
        }
    }
    checks.push(match settings.mode {
        Mode::Socket => socket(&api).await,
        Mode::Http => Check::skipped(
            Part::Slack,
            "the socket",
            "http mode: Slack calls slack.listen; its app page shows whether the URL is verified",
        ),
    });
    checks.push(post(&api, settings.test_channel.as_deref()).await);
    checks
}

fn scopes(granted: Option<&[String]>) -> Check {
    let what = "the scopes";
    let missing = manifest::missing_scopes(granted);
    match granted {
        None => Check::skipped(Part::Slack, what, "Slack did not tell which the token has"),
        Some(_) if missing.is_empty() => pass(what, "all that the code uses are granted"),
        Some(_) => fail(
            what,
            format!("missing: {}", missing.join(", ")),
            "add them under OAuth & Permissions and install the app again",
        ),
    }
}

async fn socket(api: &Api) -> Check {
    let what = "the socket";
    let url = match api.open_socket().await {
        Ok(url) => url,
        Err(error) if error.is_about_the_token() => {
            return fail(
                what,
                refused_token("SLACK_APP_TOKEN", &error),
                "make a new app-level token with connections:write",
            );
        }
        Err(error) => {
            return fail(
                what,
                error.to_string(),
                "check that Socket Mode is on in the app's settings",
            );
        }
    };
    match timeout(SOCKET_TIMEOUT, connect_async(url)).await {
        Ok(Ok((mut stream, _))) => {
            // Closing at once: what Slack sends meanwhile goes to the bot's own connections.
            let _ = timeout(SOCKET_TIMEOUT, stream.close(None)).await;
            pass(what, "a Socket Mode connection opens")
        }
        Ok(Err(_)) | Err(_) => fail(
            what,
            "the address that Slack gave cannot be connected to".to_owned(),
            "allow direct egress to wss-*.slack.com, or use http mode behind a proxy",
        ),
    }
}

async fn post(api: &Api, channel: Option<&str>) -> Check {
    let what = "a message to the test channel";
    let Some(channel) = channel else {
        return Check::skipped(Part::Slack, what, "slack.test_channel names none");
    };
    let body = json!({
        "channel": channel,
        "text": "k8sfaq doctor: I can write here.",
        "unfurl_links": false,
        "unfurl_media": false,
    });
    match api.call(With::Bot, "chat.postMessage", &body).await {
        Ok(_) => pass(what, channel),
        Err(error) => {
            let cure = match error.code() {
                Some("not_in_channel") => "invite the bot there with /invite",
                Some("channel_not_found") => "write the channel's id (C…), not its name",
                _ => "see Slack's code",
            };
            fail(what, describe(&error), cure)
        }
    }
}

fn describe(error: &CallError) -> String {
    error.to_string()
}

fn pass(what: &str, detail: &str) -> Check {
    Check::pass(Part::Slack, what, detail)
}

fn fail(what: &str, detail: String, cure: &str) -> Check {
    Check::fail(Part::Slack, what, detail, cure)
}
