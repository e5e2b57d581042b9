//! `config/k8sfaq.toml` holds every setting, each with its default.

use std::collections::BTreeSet;
use std::path::PathBuf;

use k8sfaq::bot::limits::Limits;
use k8sfaq::bot::policy::Policy;
use k8sfaq::bot::request::{Place, PlaceKind, Platform};
use k8sfaq::config::{self, Config, Sources};
use serde_json::Value;

const REFERENCE: &str = include_str!("../../../config/k8sfaq.toml");

/// The file with every setting taken into use.
fn in_use() -> Config {
    let is_setting = |line: &str| {
        let key = line.split(" = ").next().unwrap_or_default();
        let is_key = !key.is_empty()
            && key
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        line.starts_with('[') || (is_key && line.contains(" = "))
    };
    let lines = REFERENCE.lines().map(|line| match line.strip_prefix("# ") {
        Some(setting) if is_setting(setting) => setting,
        _ => line,
    });
    let text: Vec<&str> = lines.collect();
    load(&text.join("\n"))
}

fn load(text: &str) -> Config {
    let dir = tempfile::tempdir().unwrap();
    let file: PathBuf = dir.path().join("k8sfaq.toml");
    std::fs::write(&file, text).unwrap();
    let sources = Sources {
        files: vec![file],
        ..Sources::default()
    };
    config::load(&sources)
        .unwrap_or_else(|problems| panic!("{problems}"))
        .config
}

#[test]
fn loaded_as_it_stands_it_changes_nothing() {
    assert_eq!(load(REFERENCE), Config::default());
}

#[test]
fn every_setting_stands_in_it() {
    let written = in_use();
    let mut missing = BTreeSet::new();
    missing_keys("", &tree(&Config::default()), &tree(&written), &mut missing);
    let channel = &written.channels.slack["C0123456789"];
    missing_keys(
        "scope",
        &tree(&k8sfaq::bot::policy::Scope {
            roles: Vec::new(),
            ..Default::default()
        }),
        &tree(channel.scope.as_ref().unwrap()),
        &mut missing,
    );
    missing_keys(
        "limits",
        &tree(&Limits::default()),
        &tree(&written.channels.default.limits),
        &mut missing,
    );
    let slack = tree(&k8sfaq::slack::Settings::default());
    missing_keys("slack", &slack, &tree(&written.slack), &mut missing);
    let discord = tree(&k8sfaq::discord::Settings::default());
    missing_keys("discord", &discord, &tree(&written.discord), &mut missing);
    // A scope belongs to channels that are named: the default has none on purpose.
    missing.remove("channels.default.scope");
    assert_eq!(missing, BTreeSet::new());
}

#[test]
fn every_default_in_it_is_the_real_one() {
    let (written, default) = (in_use(), Config::default());
    assert_eq!(written.content, default.content);
    assert_eq!(written.state.keep_questions, default.state.keep_questions);
    assert_eq!(written.web, default.web);
    assert_eq!(written.log, default.log);
    assert_eq!(written.serve.grace_seconds, default.serve.grace_seconds);
    assert_eq!(written.limits, default.limits);
    let slack = written.slack.clone().map(|slack| k8sfaq::slack::Settings {
        test_channel: None,
        ..slack
    });
    assert_eq!(slack, Some(k8sfaq::slack::Settings::default()));
    assert_eq!(written.discord, Some(k8sfaq::discord::Settings::default()));
    let anywhere = Place {
        platform: Platform::Discord,
        workspace: None,
        channel: "1".to_owned(),
        thread: None,
        kind: PlaceKind::Channel,
    };
    let rules = |config: Config| {
        let rules = Policy::new(config.channels, config.people).rules(&anywhere);
        (rules.mode, rules.watch, rules.ask_a_human)
    };
    let limits = written.channels.default.limits.unwrap();
    assert_eq!(rules(written), rules(default));
    assert_eq!(limits.person_per_minute, Some(Limits::PERSON_PER_MINUTE));
    assert_eq!(limits.channel_per_minute, Some(Limits::CHANNEL_PER_MINUTE));
    assert_eq!(
        limits.cooldown_seconds,
        Some(Limits::DISCORD_COOLDOWN_SECONDS)
    );
}

fn tree<T: serde::Serialize>(value: &T) -> Value {
    serde_json::to_value(value).unwrap()
}

/// The keys of `all` that are not set in `written`.
fn missing_keys(key: &str, all: &Value, written: &Value, missing: &mut BTreeSet<String>) {
    match (all, written) {
        (Value::Object(all), Value::Object(written)) => {
            for (name, value) in all {
                let key = if key.is_empty() {
                    name.clone()
                } else {
                    format!("{key}.{name}")
                };
                match written.get(name) {
                    None | Some(Value::Null) => {
                        missing.insert(key);
                    }
                    Some(inner) => missing_keys(&key, value, inner, missing),
                }
            }
        }
        (Value::Object(_), Value::Null) => {
            missing.insert(key.to_owned());
        }
        _ => {}
    }
}
