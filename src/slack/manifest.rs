//! The manifest of the Slack app: exactly the scopes and events that the code uses.

use serde_json::{Value, json};

use super::{Mode, http};

/// The callback id of the message shortcut.
pub const SHORTCUT: &str = "find_answer";

/// The bot scopes, each with what the code needs it for.
pub const SCOPES: [(&str, &str); 5] = [
    ("commands", "/k8sfaq and the message shortcut"),
    (
        "chat:write",
        "answers: chat.postMessage, chat.postEphemeral, chat.update",
    ),
    ("app_mentions:read", "mentions: app_mention"),
    ("im:history", "direct messages: message.im"),
    (
        "assistant:write",
        "suggested prompts: assistant.threads.setSuggestedPrompts",
    ),
];

/// The bot scopes that channels with `watch` need.
pub const WATCH_SCOPES: [(&str, &str); 2] = [
    (
        "channels:history",
        "messages in public channels: message.channels",
    ),
    (
        "groups:history",
        "messages in private channels: message.groups",
    ),
];

/// The bot scopes that live evidence needs, to keep it from those who may not see it.
pub const EVIDENCE_SCOPES: [(&str, &str); 3] = [
    (
        "channels:read",
        "whether a public channel is shared with others: conversations.info",
    ),
    (
        "groups:read",
        "whether a private channel is shared with others: conversations.info",
    ),
    (
        "usergroups:read",
        "who is in a user group of a scope: usergroups.users.list",
    ),
];

/// The events that the code acts on.
pub const EVENTS: [&str; 3] = ["app_home_opened", "app_mention", "message.im"];

/// The events that channels with `watch` need.
pub const WATCH_EVENTS: [&str; 2] = ["message.channels", "message.groups"];

/// What a manifest is made for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// How events come in.
    pub mode: Mode,
    /// The public address of the bot, such as `https://k8sfaq.example.com`; `http` mode needs it.
    pub url: Option<String>,
    /// Whether some channel has `watch = true`.
    pub watch: bool,
    /// Whether some channel may look at a cluster.
    pub evidence: bool,
}

/// Why no manifest can be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// `http` mode without an address.
    #[error("http mode needs the bot's public address: add --url https://k8sfaq.example.com")]
    NoUrl,
    /// An address that Slack would not take.
    #[error("`{0}` is no https address: write it like https://k8sfaq.example.com")]
    NotHttps(String),
}

/// The manifest, as Slack takes it under “Create app from manifest”.
///
/// # Errors
/// `http` mode without an https address.
pub fn manifest(options: &Options) -> Result<Value, ManifestError> {
    let request_url = match (options.mode, &options.url) {
        (Mode::Socket, _) => None,
        (Mode::Http, None) => return Err(ManifestError::NoUrl),
        (Mode::Http, Some(url)) if !url.starts_with("https://") => {
            return Err(ManifestError::NotHttps(url.clone()));
        }
        (Mode::Http, Some(url)) => {
            let url = url.trim_end_matches('/');
            // Whoever pastes the whole address means it.
            let base = url.strip_suffix(http::PATH).unwrap_or(url);
            Some(format!("{base}{}", http::PATH))
        }
    };
    let mut command = json!({
        "command": "/k8sfaq",
        "description": "Search the Kubernetes FAQ",
        "usage_hint": "crashloop | help",
        "should_escape": true,
    });
    let mut subscriptions = json!({"bot_events": events(options.watch)});
    let mut interactivity = json!({"is_enabled": true});
    if let Some(url) = &request_url {
        command["url"] = json!(url);
        subscriptions["request_url"] = json!(url);
        interactivity["request_url"] = json!(url);
    }
    let prompts: Vec<Value> = crate::bot::EXAMPLES
        .iter()
        .map(|example| json!({"title": example, "message": example}))
        .collect();
    Ok(json!({
        "_metadata": {"major_version": 2, "minor_version": 1},
        "display_information": {
            "name": "k8sfaq",
            "description": "Answers Kubernetes questions in Slack",
            "background_color": "#326ce5",
        },
        "features": {
            "app_home": {
                "home_tab_enabled": true,
                "messages_tab_enabled": true,
                "messages_tab_read_only_enabled": false,
            },
            "agent_view": {
                "agent_description": "Answers Kubernetes questions from a curated FAQ",
                "suggested_prompts": prompts,
            },
            "bot_user": {"display_name": "k8sfaq", "always_online": true},
            "slash_commands": [command],
            "shortcuts": [{
                "name": "Find answer",
                "type": "message",
                "callback_id": SHORTCUT,
                "description": "Search the FAQ for this message",
            }],
        },
        "oauth_config": {"scopes": {"bot": scopes(options)}},
        "settings": {
            "event_subscriptions": subscriptions,
            "interactivity": interactivity,
            "org_deploy_enabled": false,
            "socket_mode_enabled": options.mode == Mode::Socket,
            "token_rotation_enabled": false,
        },
    }))
}

/// The manifest as it is committed and printed.
///
/// # Errors
/// As for [`manifest`].
pub fn text(options: &Options) -> Result<String, ManifestError> {
    let manifest = manifest(options)?;
    // Our own JSON serialises without fail.
    Ok(format!(
        "{}\n",
        serde_json::to_string_pretty(&manifest).unwrap_or_default()
    ))
}

/// The scopes that a token lacks; none where Slack did not tell which it has.
#[must_use]
pub fn missing_scopes(granted: Option<&[String]>) -> Vec<&'static str> {
    let Some(granted) = granted else {
        return Vec::new();
    };
    SCOPES
        .iter()
        .map(|(scope, _)| *scope)
        .filter(|scope| !granted.iter().any(|given| given == scope))
        .collect()
}

fn scopes(options: &Options) -> Vec<&'static str> {
    let watch = if options.watch {
        &WATCH_SCOPES[..]
    } else {
        &[]
    };
    let evidence = if options.evidence {
        &EVIDENCE_SCOPES[..]
    } else {
        &[]
    };
    let all = SCOPES.iter().chain(watch).chain(evidence);
    all.map(|(scope, _)| *scope).collect()
}

fn events(watch: bool) -> Vec<&'static str> {
    let extra = if watch { &WATCH_EVENTS[..] } else { &[] };
    EVENTS.iter().chain(extra).copied().collect()
}
