//! Setting up: tokens, the manifest, and what doctor says.

use std::time::{Duration, Instant};

use k8sfaq::bot::health::Verdict;
use k8sfaq::slack::manifest::{Options, manifest};
use k8sfaq::slack::{self, Mode, Report, Secrets, Settings, checks};
use secrecy::SecretString;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::fake::{Fake, Fault};
use super::workspace::{Workspace, bot, secrets, settings};

async fn start(settings: Settings, secrets: Secrets) -> String {
    let report = Report {
        health: k8sfaq::bot::health::Health::new(),
        metrics: k8sfaq::bot::metrics::Metrics::new(),
    };
    let begun = Instant::now();
    let error = slack::run(
        settings,
        secrets,
        bot().into(),
        report,
        CancellationToken::new(),
    )
    .await
    .unwrap_err();
    assert!(begun.elapsed() < Duration::from_secs(5));
    let line = format!("{error:#}");
    assert!(
        !line.contains('\n') && !line.contains("1-test") && !line.contains("hush"),
        "{line}"
    );
    line
}

#[tokio::test]
async fn tokens_that_cannot_work_end_it_with_a_line_that_names_the_variable_and_the_cure() {
    let fake = Fake::start().await;
    let with = |change: fn(&mut Secrets)| {
        let mut secrets = secrets();
        change(&mut secrets);
        secrets
    };
    for (secrets, mode, variable, cure) in [
        (
            with(|all| all.bot_token = SecretString::from("xapp-1-hush")),
            Mode::Socket,
            "SLACK_BOT_TOKEN holds an app-level token",
            "xoxb-",
        ),
        (
            with(|all| all.app_token = Some(SecretString::from("xoxb-1-hush"))),
            Mode::Socket,
            "SLACK_APP_TOKEN holds a bot token",
            "connections:write",
        ),
        (
            with(|all| all.app_token = None),
            Mode::Socket,
            "SLACK_APP_TOKEN is not set",
            "connections:write",
        ),
        (
            with(|all| all.bot_token = SecretString::from("")),
            Mode::Socket,
            "SLACK_BOT_TOKEN holds nothing",
            "OAuth",
        ),
        (
            with(|all| all.bot_token = SecretString::from("xoxb-hush")),
            Mode::Socket,
            "SLACK_BOT_TOKEN: slack answered `invalid_auth`",
            "copy it again",
        ),
        (
            with(|all| all.app_token = Some(SecretString::from("xapp-hush"))),
            Mode::Socket,
            "SLACK_APP_TOKEN: slack answered `invalid_auth`",
            "copy it again",
        ),
        (
            with(|all| all.signing_secret = None),
            Mode::Http,
            "SLACK_SIGNING_SECRET is not set",
            "App Credentials",
        ),
        (
            with(|all| all.signing_secret = Some(SecretString::from("xoxb-hush"))),
            Mode::Http,
            "SLACK_SIGNING_SECRET holds a bot token",
            "App Credentials",
        ),
    ] {
        let line = start(settings(&fake, mode), secrets).await;
        assert!(line.contains(variable) && line.contains(cure), "{line}");
    }
    for code in ["account_inactive", "token_revoked"] {
        fake.fault("auth.test", Fault::Code(code));
        let line = start(settings(&fake, Mode::Socket), secrets()).await;
        assert!(
            line.contains(code) && line.contains("install the app again"),
            "{line}"
        );
    }
}

#[tokio::test]
async fn impossible_settings_are_named_with_what_to_write() {
    let fake = Fake::start().await;
    for connections in [0, 11] {
        let settings = Settings {
            connections,
            ..settings(&fake, Mode::Socket)
        };
        let line = start(settings, secrets()).await;
        assert!(
            line.contains(&format!("slack.connections = {connections}: write 1 to 10")),
            "{line}"
        );
    }
    let settings = Settings {
        api_url: "slack.com".to_owned(),
        ..settings(&fake, Mode::Socket)
    };
    assert!(
        start(settings, secrets())
            .await
            .contains("slack.api_url = `slack.com`")
    );
}

#[tokio::test]
async fn a_slack_that_cannot_be_reached_at_first_is_waited_for() {
    let fake = Fake::start().await;
    fake.fault("auth.test", Fault::Status(503));
    fake.fault("auth.test", Fault::Breaks);
    fake.fault("apps.connections.open", Fault::Status(503));
    let slack = Workspace::join(fake, Mode::Socket, bot().into(), |_| {}).await;
    slack.command("crashloop").await;
    slack.close().await;
}

#[test]
fn settings_have_defaults_and_refuse_unknown_keys() {
    let settings: Settings = serde_json::from_str("{}").unwrap();
    assert_eq!(settings, Settings::default());
    assert_eq!((settings.mode, settings.connections), (Mode::Socket, 2));
    let error = serde_json::from_str::<Settings>("{\"conections\": 2}").unwrap_err();
    assert!(error.to_string().contains("conections"));
    assert!(!format!("{:?}", secrets()).contains("test"));
}

#[tokio::test]
async fn as_many_connections_are_opened_as_are_set() {
    let slack = Workspace::open_with(Mode::Socket, bot().into(), |settings| {
        settings.connections = 4;
    })
    .await;
    assert_eq!(slack.fake.world.lock().unwrap().sockets.len(), 4);
    assert!(
        slack
            .metrics
            .text()
            .contains("k8sfaq_connections{adapter=\"slack\"} 4")
    );
    slack.close().await;
}

fn made(mode: Mode, watch: bool, evidence: bool) -> Value {
    let url = (mode == Mode::Http).then(|| "https://k8sfaq.example.com".to_owned());
    manifest(&Options {
        mode,
        url,
        watch,
        evidence,
    })
    .unwrap()
}

#[test]
fn the_committed_manifests_are_what_the_code_makes() {
    for (file, made) in [
        ("manifest.json", made(Mode::Socket, false, false)),
        ("manifest-http.json", made(Mode::Http, false, false)),
        ("manifest-watch.json", made(Mode::Socket, true, true)),
    ] {
        let path = format!("{}/deploy/slack/{file}", env!("CARGO_MANIFEST_DIR"));
        let made = format!("{}\n", serde_json::to_string_pretty(&made).unwrap());
        if std::env::var_os("K8SFAQ_WRITE").is_some() {
            std::fs::create_dir_all(format!("{}/deploy/slack", env!("CARGO_MANIFEST_DIR")))
                .unwrap();
            std::fs::write(&path, &made).unwrap();
        }
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(
            committed, made,
            "write them anew: K8SFAQ_WRITE=1 cargo test --test it manifests"
        );
    }
}

#[test]
fn a_manifest_keeps_slacks_lengths_and_required_fields() {
    for mode in [Mode::Socket, Mode::Http] {
        let manifest = made(mode, true, true);
        let size = |pointer: &str| {
            manifest
                .pointer(pointer)
                .and_then(Value::as_str)
                .unwrap_or_else(|| panic!("{pointer}"))
                .chars()
                .count()
        };
        assert!(size("/display_information/name") <= 35);
        assert!(size("/display_information/description") <= 140);
        assert!(size("/features/agent_view/agent_description") <= 300);
        assert!(size("/features/slash_commands/0/description") <= 2_000);
        assert!(size("/features/shortcuts/0/name") <= 24);
        assert!(size("/features/shortcuts/0/description") <= 150);
        assert!(size("/features/bot_user/display_name") <= 80);
        assert!(
            manifest["features"]["slash_commands"][0]["command"]
                .as_str()
                .unwrap()
                .starts_with('/')
        );
        assert!(
            manifest["features"]["agent_view"]["suggested_prompts"]
                .as_array()
                .unwrap()
                .len()
                <= 4
        );
        assert_eq!(
            manifest["settings"]["socket_mode_enabled"],
            mode == Mode::Socket
        );
        for pointer in [
            "/features/slash_commands/0/url",
            "/settings/event_subscriptions/request_url",
            "/settings/interactivity/request_url",
        ] {
            let url = manifest.pointer(pointer).and_then(Value::as_str);
            assert_eq!(
                url,
                (mode == Mode::Http).then_some("https://k8sfaq.example.com/slack/events")
            );
        }
    }
    assert!(
        manifest(&Options {
            mode: Mode::Http,
            ..Options::default()
        })
        .unwrap_err()
        .to_string()
        .contains("--url")
    );
    let whole = Some("https://k8sfaq.example.com/slack/events/".to_owned());
    let options = Options {
        mode: Mode::Http,
        url: whole,
        ..Options::default()
    };
    assert_eq!(manifest(&options).unwrap(), made(Mode::Http, false, false));
    let options = Options {
        mode: Mode::Http,
        url: Some("http://x".to_owned()),
        ..Options::default()
    };
    assert!(
        manifest(&options)
            .unwrap_err()
            .to_string()
            .contains("no https address")
    );
}

/// The scope that each method and event of Slack's needs, as its reference says.
const NEEDED: [(&str, &[&str]); 11] = [
    ("chat.postMessage", &["chat:write"]),
    ("chat.postEphemeral", &["chat:write"]),
    ("chat.update", &["chat:write"]),
    (
        "assistant.threads.setSuggestedPrompts",
        &["assistant:write"],
    ),
    ("views.publish", &[]),
    ("views.open", &[]),
    ("views.update", &[]),
    ("auth.test", &[]),
    ("apps.connections.open", &[]),
    ("conversations.info", &["channels:read", "groups:read"]),
    ("usergroups.users.list", &["usergroups:read"]),
];

#[test]
fn the_manifest_asks_for_exactly_the_scopes_that_the_code_needs() {
    let mut methods = std::collections::BTreeSet::new();
    let folder = format!("{}/src/slack", env!("CARGO_MANIFEST_DIR"));
    let method = regex::Regex::new("\"((?:chat|views|auth|apps|assistant|conversations|usergroups|reactions|users|files|im|team)\\.[A-Za-z.]+)\"").unwrap();
    let event = regex::Regex::new(
        "\"(app_mention|message|app_home_opened|reaction_added|member_joined_channel)\"",
    )
    .unwrap();
    let mut events = std::collections::BTreeSet::new();
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let source = std::fs::read_to_string(&path).unwrap();
        methods.extend(
            method
                .captures_iter(&source)
                .map(|found| found[1].to_owned()),
        );
        if path.ends_with("incoming.rs") {
            events.extend(
                event
                    .captures_iter(&source)
                    .map(|found| found[1].to_owned()),
            );
        }
    }
    let mut needed: Vec<&str> = vec![
        "commands",
        "app_mentions:read",
        "im:history",
        "channels:history",
        "groups:history",
    ];
    for method in &methods {
        let (_, scopes) = NEEDED
            .iter()
            .find(|(known, _)| known == method)
            .unwrap_or_else(|| panic!("{method} is not listed"));
        needed.extend(*scopes);
    }
    needed.sort_unstable();
    needed.dedup();
    let list = |value: &Value| -> Vec<String> {
        let mut list: Vec<String> = value
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item.as_str().unwrap().to_owned())
            .collect();
        list.sort();
        list
    };
    let all = made(Mode::Socket, true, true);
    assert_eq!(list(&all["oauth_config"]["scopes"]["bot"]), needed);
    let subscribed = list(&all["settings"]["event_subscriptions"]["bot_events"]);
    let kinds: std::collections::BTreeSet<String> = subscribed
        .iter()
        .map(|event| event.split('.').next().unwrap().to_owned())
        .collect();
    assert_eq!(kinds, events);
    // Without watching and evidence nothing is asked for that only they need.
    let least = list(&made(Mode::Socket, false, false)["oauth_config"]["scopes"]["bot"]);
    assert_eq!(
        least,
        [
            "app_mentions:read",
            "assistant:write",
            "chat:write",
            "commands",
            "im:history"
        ]
    );
}

fn lines(checks: &[k8sfaq::bot::health::Check]) -> Vec<String> {
    checks
        .iter()
        .map(|check| match &check.verdict {
            Verdict::Pass { .. } => format!("pass {}", check.what),
            Verdict::Warning { detail, .. } => format!("warning {}: {detail}", check.what),
            Verdict::Fail { detail, .. } => format!("fail {}: {detail}", check.what),
            Verdict::Skipped { .. } => format!("skipped {}", check.what),
        })
        .collect()
}

#[tokio::test]
async fn doctor_looks_at_tokens_scopes_socket_and_test_channel() {
    let fake = Fake::start().await;
    let with_channel = Settings {
        test_channel: Some("C7".to_owned()),
        ..settings(&fake, Mode::Socket)
    };
    assert_eq!(
        lines(&checks::checks(&with_channel, &secrets()).await),
        [
            "pass the tokens' kinds",
            "pass the bot token",
            "pass the scopes",
            "pass the socket",
            "pass a message to the test channel"
        ]
    );
    fake.world
        .lock()
        .unwrap()
        .closed_channels
        .insert("C7".to_owned(), "not_in_channel");
    let found = lines(&checks::checks(&with_channel, &secrets()).await);
    assert!(
        found[4].starts_with("fail a message to the test channel: slack answered `not_in_channel`"),
        "{found:?}"
    );
    let swapped = Secrets {
        bot_token: SecretString::from("xapp-hush"),
        ..secrets()
    };
    let found = lines(&checks::checks(&with_channel, &swapped).await);
    assert!(
        found.len() == 1 && found[0].starts_with("fail the tokens' kinds: SLACK_BOT_TOKEN holds"),
        "{found:?}"
    );
    let wrong = Secrets {
        app_token: Some(SecretString::from("xapp-hush")),
        ..secrets()
    };
    let found = lines(&checks::checks(&settings(&fake, Mode::Socket), &wrong).await);
    assert!(
        found[3].starts_with("fail the socket: SLACK_APP_TOKEN"),
        "{found:?}"
    );
    let found = lines(&checks::checks(&settings(&fake, Mode::Http), &secrets()).await);
    assert_eq!(found[3], "skipped the socket");
    fake.world.lock().unwrap().scopes = Some("commands,chat:write".to_owned());
    let found = lines(&checks::checks(&settings(&fake, Mode::Socket), &secrets()).await);
    assert_eq!(
        found[2],
        "fail the scopes: missing: app_mentions:read, im:history, assistant:write"
    );
}
