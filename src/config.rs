//! The typed settings, and the one function that loads them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

use config::{File, FileFormat, Source, ValueKind};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::bot::limits;
use crate::bot::policy::{self, Policy};
use crate::bot::request::Platform;
use crate::cluster;
use crate::discord;
use crate::serve;
use crate::slack;
use crate::state;
use crate::web;

/// Every setting.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The content.
    pub content: Content,
    /// The state store.
    pub state: state::Settings,
    /// Health and metrics.
    pub web: web::Settings,
    /// The log.
    pub log: serve::log::Settings,
    /// The process.
    pub serve: serve::Settings,
    /// Bounds of the whole process.
    pub limits: limits::Settings,
    /// Channel policy.
    pub channels: policy::Settings,
    /// People's own scopes.
    pub people: policy::People,
    /// The Slack adapter; absent, it is off.
    pub slack: Option<slack::Settings>,
    /// The Discord adapter; absent, it is off.
    pub discord: Option<discord::Settings>,
    /// The clusters that evidence comes from, by the names that scopes use.
    pub cluster: BTreeMap<String, cluster::Settings>,
}

/// The settings of the content.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Content {
    /// Folders of entries laid over the shipped ones, each over those before it.
    pub dirs: Vec<PathBuf>,
}

/// Where settings come from, the later before the earlier: files, environment, flags.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// Files, each over those before it; TOML or YAML by their names.
    pub files: Vec<PathBuf>,
    /// The environment, of which names that begin with [`PREFIX`] are settings.
    pub environment: Vec<(String, String)>,
    /// `KEY=VALUE` of `--set`.
    pub flags: Vec<String>,
}

/// What the names of settings in the environment begin with: `K8SFAQ__SLACK__MODE`.
pub const PREFIX: &str = "K8SFAQ__";

/// Settings, and where each that was given comes from.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The settings.
    pub config: Config,
    origins: BTreeMap<String, Origin>,
}

/// Where a setting comes from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// Nobody set it.
    Default,
    /// A file, as it was named.
    File(String),
    /// A variable.
    Environment(String),
    /// A flag.
    Flag,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default => f.write_str("default"),
            Origin::File(path) => f.write_str(path),
            Origin::Environment(name) => write!(f, "environment {name}"),
            Origin::Flag => f.write_str("flag --set"),
        }
    }
}

/// Everything that is wrong with the settings.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct Problems(pub Vec<String>);

/// A setting as it holds, for people.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Effective {
    /// The setting: `web.listen`.
    pub key: String,
    /// Its value; null where it is not set.
    pub value: Value,
    /// Where it comes from.
    pub origin: String,
}

impl Loaded {
    /// Every setting as it holds, and where it comes from.
    #[must_use]
    pub fn effective(&self) -> Vec<Effective> {
        let mut leaves = Vec::new();
        // Our own types serialise without fail; nothing would be left to print if they did not.
        let tree = serde_json::to_value(&self.config).unwrap_or_default();
        collect_leaves("", &tree, &mut leaves);
        leaves
            .into_iter()
            .map(|(key, value)| Effective {
                origin: self.origin(&key).to_string(),
                value: without_password(value),
                key,
            })
            .collect()
    }

    /// The settings other than channel policy that differ from another load: they need a restart.
    #[must_use]
    pub fn needs_restart(&self, other: &Loaded) -> Vec<String> {
        let settings = |loaded: &Loaded| -> BTreeMap<String, Value> {
            let is_fixed = |key: &str| !key.starts_with("channels.") && !key.starts_with("people.");
            let effective = loaded.effective().into_iter();
            effective
                .filter(|setting| is_fixed(&setting.key))
                .map(|setting| (setting.key, setting.value))
                .collect()
        };
        let (ours, theirs) = (settings(self), settings(other));
        let keys: BTreeSet<&String> = ours.keys().chain(theirs.keys()).collect();
        let mut changed: Vec<String> = keys
            .into_iter()
            .filter(|key| ours.get(*key) != theirs.get(*key))
            .cloned()
            .collect();
        // Discord is asked for messages' texts when the connection opens, and Slack's app has to be given the scopes.
        let (ours, theirs) = (self.config.policy(), other.config.policy());
        for platform in [Platform::Slack, Platform::Discord] {
            if ours.watches(platform) != theirs.watches(platform) {
                changed.push(format!(
                    "the first or last `watch` in channels.{}",
                    platform.name()
                ));
            }
        }
        changed
    }

    fn origin(&self, key: &str) -> Origin {
        origin_of(&self.origins, key)
    }
}

impl Config {
    /// The channel policy.
    #[must_use]
    pub fn policy(&self) -> Policy {
        Policy::new(self.channels.clone(), self.people.clone())
    }
}

/// Loads the settings; all that is wrong is said at once.
///
/// # Errors
/// A file cannot be read, a setting is unknown, has the wrong form, contradicts another, or is a secret.
pub fn load(sources: &Sources) -> Result<Loaded, Problems> {
    let mut problems = Vec::new();
    let mut given = merged(sources, &mut problems);
    refuse_secrets("", &mut given, &mut problems);
    let config: Config = read(&mut given, &mut problems);
    let contradictions = config.channels.contradictions().into_iter();
    for wrong in contradictions.chain(config.people.contradictions()) {
        let origin = origin_of(&given.origins, &wrong.key);
        problems.push(format!("{origin}: {}: {}", wrong.key, wrong.message));
    }
    for (key, value) in [
        ("limits.in_flight", config.limits.in_flight),
        ("limits.lookups", config.limits.lookups),
    ] {
        // More would overflow the semaphore, and is no bound.
        if !(1..=100_000).contains(&value) {
            let origin = origin_of(&given.origins, key);
            problems.push(format!(
                "{origin}: {key} = {value}: write a number from 1 to 100000"
            ));
        }
    }
    if problems.is_empty() {
        Ok(Loaded {
            config,
            origins: given.origins,
        })
    } else {
        Err(Problems(problems))
    }
}

/// What was given, as a tree, with the origin of each leaf by its key.
struct Given {
    tree: Value,
    origins: BTreeMap<String, Origin>,
}

fn merged(sources: &Sources, problems: &mut Vec<String>) -> Given {
    let mut builder = config::Config::builder();
    for path in &sources.files {
        match file(path) {
            Ok(source) => builder = builder.add_source(source),
            Err(problem) => problems.push(problem),
        }
    }
    let variables: BTreeMap<String, String> = sources
        .environment
        .iter()
        .filter(|(name, _)| name.starts_with(PREFIX))
        .cloned()
        .collect();
    let names: BTreeMap<String, String> = variables
        .keys()
        .map(|name| (key_of(name), name.clone()))
        .collect();
    let environment = config::Environment::with_prefix("K8SFAQ")
        .prefix_separator("__")
        .separator("__")
        .source(Some(variables.into_iter().collect()));
    builder = builder.add_source(environment);
    for flag in &sources.flags {
        let Some((key, value)) = flag.split_once('=') else {
            problems.push(format!(
                "--set {flag}: write it as KEY=VALUE, such as --set web.listen=127.0.0.1:8080"
            ));
            continue;
        };
        let value = config::Value::new(Some(&FLAG.to_owned()), value);
        match builder.clone().set_override(key.trim(), value) {
            Ok(with_flag) => builder = with_flag,
            Err(error) => problems.push(format!("--set {flag}: {error}")),
        }
    }
    let mut origins = BTreeMap::new();
    let collected = builder.build().and_then(|config| config.collect());
    let tree = match collected {
        Ok(table) => {
            let root = config::Value::new(None, ValueKind::Table(table));
            to_json("", &root, &names, &mut origins)
        }
        Err(error) => {
            problems.push(error.to_string());
            Value::Object(serde_json::Map::new())
        }
    };
    Given { tree, origins }
}

/// The origin that `config` keeps of a flag's value.
const FLAG: &str = "--set";

/// The key that a variable sets: `K8SFAQ__WEB__LISTEN` sets `web.listen`.
fn key_of(name: &str) -> String {
    name[PREFIX.len()..].to_lowercase().replace("__", ".")
}

/// A file, read here so that its name stands in messages as it was given.
fn file(path: &Path) -> Result<Vec<Box<dyn Source + Send + Sync>>, String> {
    let name = path.display();
    let format = match path.extension().and_then(|ending| ending.to_str()) {
        Some("toml") => FileFormat::Toml,
        Some("yaml" | "yml") => FileFormat::Yaml,
        _ => {
            return Err(format!(
                "{name}: cannot tell its form: name it .toml, .yaml or .yml"
            ));
        }
    };
    let text = std::fs::read_to_string(path)
        .map_err(|error| format!("{name}: cannot be read: {error}; check the path of --config"))?;
    let parsed = config::Config::builder()
        .add_source(File::from_str(&text, format))
        .build()
        .and_then(|config| config.collect())
        .map_err(|error| format!("{name}: {}", error.to_string().trim_end()))?;
    Ok(vec![Box::new(Named {
        name: name.to_string(),
        table: parsed,
    })])
}

/// A file's settings, each with the file's name as its origin.
#[derive(Debug, Clone)]
struct Named {
    name: String,
    table: config::Map<String, config::Value>,
}

impl Source for Named {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<config::Map<String, config::Value>, config::ConfigError> {
        let table = self.table.clone().into_iter();
        Ok(table
            .map(|(key, value)| (key, named(&self.name, value)))
            .collect())
    }
}

fn named(origin: &String, value: config::Value) -> config::Value {
    let kind = match value.kind {
        ValueKind::Table(table) => ValueKind::Table(
            table
                .into_iter()
                .map(|(key, value)| (key, named(origin, value)))
                .collect(),
        ),
        kind => kind,
    };
    config::Value::new(Some(origin), kind)
}

fn to_json(
    key: &str,
    value: &config::Value,
    names: &BTreeMap<String, String>,
    origins: &mut BTreeMap<String, Origin>,
) -> Value {
    match &value.kind {
        ValueKind::Table(table) => {
            if !key.is_empty() && table.is_empty() {
                origins.insert(key.to_owned(), origin(key, value, names));
            }
            Value::Object(
                table
                    .iter()
                    .map(|(name, value)| {
                        let inner = to_json(&joined(key, name), value, names, origins);
                        (name.clone(), inner)
                    })
                    .collect(),
            )
        }
        kind => {
            origins.insert(key.to_owned(), origin(key, value, names));
            match kind {
                // In YAML a section without settings is null: it is there all the same.
                ValueKind::Nil if !key.contains('.') => Value::Object(serde_json::Map::new()),
                kind => scalar(kind),
            }
        }
    }
}

fn origin(key: &str, value: &config::Value, names: &BTreeMap<String, String>) -> Origin {
    match value.origin() {
        Some(FLAG) => Origin::Flag,
        Some("the environment") => {
            let name = names.get(&key.to_lowercase()).cloned();
            Origin::Environment(name.unwrap_or_else(|| key.to_owned()))
        }
        Some(file) => Origin::File(file.to_owned()),
        None => Origin::Default,
    }
}

fn scalar(kind: &ValueKind) -> Value {
    match kind {
        ValueKind::Nil => Value::Null,
        ValueKind::Boolean(value) => (*value).into(),
        ValueKind::I64(value) => (*value).into(),
        ValueKind::U64(value) => (*value).into(),
        ValueKind::I128(value) => value.to_string().into(),
        ValueKind::U128(value) => value.to_string().into(),
        ValueKind::Float(value) => (*value).into(),
        ValueKind::String(value) => value.clone().into(),
        ValueKind::Array(values) => values.iter().map(|value| scalar(&value.kind)).collect(),
        ValueKind::Table(table) => Value::Object(
            table
                .iter()
                .map(|(key, value)| (key.clone(), scalar(&value.kind)))
                .collect(),
        ),
    }
}

/// Reads a tree into settings. What cannot be read is said, taken out, and the rest read again, until nothing is left to say.
fn read(given: &mut Given, problems: &mut Vec<String>) -> Config {
    let mut texts: BTreeMap<String, Text> = BTreeMap::new();
    loop {
        let error = match serde_path_to_error::deserialize(given.tree.clone()) {
            Ok(config) => return config,
            Err(error) => error,
        };
        let path = error.path().to_string();
        let message = error.into_inner().to_string();
        let key = blamed(&path, &message);
        let origin = origin_of(&given.origins, &key);
        let written = at(&mut given.tree, &key).cloned().unwrap_or_default();
        if matches!(origin, Origin::Environment(_) | Origin::Flag)
            && let Some(text) = written.as_str()
        {
            texts
                .entry(key.clone())
                .or_insert_with(|| Text::new(text, &message));
        }
        let mut text = texts.get_mut(&key);
        if let Some(text) = &mut text
            && let Some(reading) = text.readings.pop()
            && let Some(place) = at(&mut given.tree, &key)
        {
            *place = reading;
            continue;
        }
        // Of a text that no reading saves, the first message is the one that fits what stands there.
        let (written, message) = match text {
            Some(text) => (Value::from(text.written.clone()), text.message.clone()),
            None => (written, message),
        };
        let written = match &written {
            Value::Object(_) | Value::Null => String::new(),
            value => format!(" = {value}"),
        };
        problems.push(format!("{origin}: {key}{written}: {}", in_plain(&message)));
        if !take_out(&mut given.tree, &key) {
            return Config::default();
        }
    }
}

/// A text in a variable or flag, where something else than a text may be needed.
struct Text {
    written: String,
    /// What is wrong with it as a text.
    message: String,
    /// What else it may mean, the likeliest last.
    readings: Vec<Value>,
}

impl Text {
    fn new(written: &str, message: &str) -> Self {
        let items = written.split(',').map(str::trim);
        let mut readings: Vec<Value> = vec![
            items
                .filter(|item| !item.is_empty())
                .map(Value::from)
                .collect(),
        ];
        if let Ok(value @ (Value::Bool(_) | Value::Number(_) | Value::Array(_))) =
            serde_json::from_str(written)
        {
            readings.push(value);
        }
        Text {
            written: written.to_owned(),
            message: message.to_owned(),
            readings,
        }
    }
}

/// serde's names of types, as people say them.
fn in_plain(message: &str) -> String {
    let names = [
        ("expected usize", "expected a whole number"),
        ("expected u64", "expected a whole number"),
        ("expected u32", "expected a whole number"),
        ("expected a boolean", "expected true or false"),
        ("expected a sequence", "expected a list"),
        ("expected path string", "expected a path"),
        (
            "expected socket address",
            "expected an address with a port, such as 127.0.0.1:8080",
        ),
        (
            "invalid socket address syntax",
            "expected an address with a port, such as 127.0.0.1:8080",
        ),
    ];
    let plain = |message: String, (name, plain): (&str, &str)| message.replace(name, plain);
    names.into_iter().fold(message.to_owned(), plain)
}

/// The key that an error is about. For an unknown key serde names its table; the key stands in the message.
fn blamed(path: &str, message: &str) -> String {
    let path = if path == "." { "" } else { path };
    // An item of a list is written with its list.
    let path = path
        .split('[')
        .next()
        .unwrap_or_default()
        .trim_end_matches('.');
    let unknown = message
        .strip_prefix("unknown field `")
        .and_then(|rest| rest.split('`').next());
    match unknown {
        Some(name) if path != name && !path.ends_with(&format!(".{name}")) => joined(path, name),
        _ => path.to_owned(),
    }
}

fn at<'a>(tree: &'a mut Value, key: &str) -> Option<&'a mut Value> {
    key.split('.')
        .try_fold(tree, |value, name| value.get_mut(name))
}

fn take_out(tree: &mut Value, key: &str) -> bool {
    let (table, name) = match key.rsplit_once('.') {
        Some((table, name)) => (at(tree, table), name),
        None => (Some(tree), key),
    };
    let table = table.and_then(Value::as_object_mut);
    table.is_some_and(|table| table.remove(name).is_some())
}

fn joined(table: &str, name: &str) -> String {
    if table.is_empty() {
        name.to_owned()
    } else {
        format!("{table}.{name}")
    }
}

/// The origin of a key; of a table, that of its first setting.
fn origin_of(origins: &BTreeMap<String, Origin>, key: &str) -> Origin {
    let inside = format!("{key}.");
    let found = origins.get(key).or_else(|| {
        origins
            .range(inside.clone()..)
            .next()
            .filter(|(other, _)| other.starts_with(&inside))
            .map(|(_, origin)| origin)
    });
    found.cloned().unwrap_or(Origin::Default)
}

/// What the keys of secrets end with, and the variable that holds each.
const SECRET_KEYS: [(&str, &str); 6] = [
    ("bot_token", SLACK_BOT_TOKEN),
    ("app_token", SLACK_APP_TOKEN),
    ("signing_secret", SLACK_SIGNING_SECRET),
    ("discord.token", DISCORD_TOKEN),
    ("discord.bot_token", DISCORD_TOKEN),
    ("slack.token", SLACK_BOT_TOKEN),
];

/// What Slack's tokens begin with.
const TOKEN_STARTS: [&str; 4] = ["xoxb-", "xapp-", "xoxp-", "xoxe"];

/// A secret in a file ends up in a repository: it is refused, and its value not repeated.
fn refuse_secrets(key: &str, given: &mut Given, problems: &mut Vec<String>) {
    let mut leaves = Vec::new();
    collect_leaves(key, &given.tree, &mut leaves);
    for (key, value) in leaves {
        let named = SECRET_KEYS
            .iter()
            .find(|(name, _)| key == *name || key.ends_with(&format!(".{name}")))
            .or_else(|| {
                SECRET_KEYS
                    .iter()
                    .find(|(name, _)| key.contains('.') && key.ends_with(name))
            });
        let is_token = TOKEN_STARTS
            .iter()
            .any(|start| value.to_string().contains(start));
        let cure = match named {
            Some((_, variable)) => format!("set {variable}, or {variable}_FILE with a file's path"),
            None if is_token => format!(
                "set {SLACK_BOT_TOKEN} or {SLACK_APP_TOKEN}, or the same name with _FILE and a file's path"
            ),
            None => continue,
        };
        let origin = origin_of(&given.origins, &key);
        problems.push(format!(
            "{origin}: {key}: a secret does not belong here: take it out, and {cure}"
        ));
        take_out(&mut given.tree, &key);
    }
}

fn collect_leaves(key: &str, tree: &Value, leaves: &mut Vec<(String, Value)>) {
    match tree {
        Value::Object(table) => {
            for (name, value) in table {
                collect_leaves(&joined(key, name), value, leaves);
            }
        }
        value => leaves.push((key.to_owned(), value.clone())),
    }
}

/// An address without the password that stands in it.
fn without_password(value: Value) -> Value {
    let Value::String(text) = &value else {
        return value;
    };
    let Some((scheme, rest)) = text.split_once("://") else {
        return value;
    };
    let authority = rest.split('/').next().unwrap_or_default();
    match authority.rsplit_once('@') {
        Some((_, host)) => {
            Value::String(format!("{scheme}://***@{host}{}", &rest[authority.len()..]))
        }
        None => value,
    }
}

/// The variable of Slack's bot token (`xoxb-…`).
pub const SLACK_BOT_TOKEN: &str = "SLACK_BOT_TOKEN";
/// The variable of Slack's app-level token (`xapp-…`), for Socket Mode.
pub const SLACK_APP_TOKEN: &str = "SLACK_APP_TOKEN";
/// The variable of Slack's signing secret, for HTTP mode.
pub const SLACK_SIGNING_SECRET: &str = "SLACK_SIGNING_SECRET";
/// The variable of Discord's bot token.
pub const DISCORD_TOKEN: &str = "DISCORD_TOKEN";

/// The secrets of the adapters that are configured.
#[derive(Debug, Clone, Default)]
pub struct Secrets {
    /// Slack's.
    pub slack: Option<slack::Secrets>,
    /// Discord's.
    pub discord: Option<SecretString>,
}

/// Reads the secrets that the configured adapters need.
///
/// # Errors
/// One that is needed is not there, or one cannot be read. No message holds a secret.
pub fn secrets(config: &Config, environment: &[(String, String)]) -> Result<Secrets, Problems> {
    let mut problems = Vec::new();
    let mut read = |name: &str, need: Need| {
        let found = secret(environment, name).unwrap_or_else(|problem| {
            problems.push(problem);
            None
        });
        match (&found, need) {
            (None, Need::By(section)) if !problems.iter().any(|known| known.contains(name)) => {
                problems.push(format!(
                    "{name} is not set: {section} needs it; set it, or {name}_FILE to a file that holds it"
                ));
            }
            _ => {}
        }
        found
    };
    let mut secrets = Secrets::default();
    if let Some(settings) = &config.slack {
        let (app, signing) = match settings.mode {
            slack::Mode::Socket => (Need::By("[slack] in socket mode"), Need::Not),
            slack::Mode::Http => (Need::Not, Need::By("[slack] in http mode")),
        };
        let bot_token = read(SLACK_BOT_TOKEN, Need::By("[slack]"));
        let app_token = read(SLACK_APP_TOKEN, app);
        let signing_secret = read(SLACK_SIGNING_SECRET, signing);
        secrets.slack = bot_token.map(|bot_token| slack::Secrets {
            bot_token,
            app_token,
            signing_secret,
        });
    }
    if config.discord.is_some() {
        secrets.discord = read(DISCORD_TOKEN, Need::By("[discord]"));
    }
    if problems.is_empty() {
        Ok(secrets)
    } else {
        Err(Problems(problems))
    }
}

/// Whether a secret is needed, and what by.
#[derive(Debug, Clone, Copy)]
enum Need {
    By(&'static str),
    Not,
}

/// Which secrets are there, and where each comes from; what they are is not said.
#[must_use]
pub fn known_secrets(environment: &[(String, String)]) -> Vec<Effective> {
    [
        SLACK_BOT_TOKEN,
        SLACK_APP_TOKEN,
        SLACK_SIGNING_SECRET,
        DISCORD_TOKEN,
    ]
    .into_iter()
    .map(|name| {
        let file = format!("{name}_FILE");
        let is_set = |wanted: &str| environment.iter().any(|(known, _)| known == wanted);
        let (value, origin) = match (is_set(name), is_set(&file)) {
            (true, _) => (Value::from("***"), format!("environment {name}")),
            (false, true) => (Value::from("***"), format!("environment {file}")),
            (false, false) => (Value::Null, Origin::Default.to_string()),
        };
        Effective {
            key: name.to_owned(),
            value,
            origin,
        }
    })
    .collect()
}

/// Reads a secret from the environment, or from the file that `NAME_FILE` names; `None` where neither is set.
///
/// # Errors
/// Both are set, the file cannot be read, or what was read is empty. The message never holds the secret.
fn secret(environment: &[(String, String)], name: &str) -> Result<Option<SecretString>, String> {
    let variable = |name: &str| {
        let found = environment.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    };
    let file = format!("{name}_FILE");
    let (text, from) = match (variable(name), variable(&file)) {
        (None, None) => return Ok(None),
        (Some(_), Some(_)) => {
            return Err(format!("{name} and {file} are both set: keep one of them"));
        }
        (Some(value), None) => (value.to_owned(), name.to_owned()),
        (None, Some(path)) => {
            let text = std::fs::read_to_string(path).map_err(|error| {
                format!(
                    "{file} = `{path}` cannot be read: {error}; check the path and its permissions"
                )
            })?;
            (text, file)
        }
    };
    let text = text.trim();
    if text.is_empty() {
        return Err(format!(
            "{from} is empty: put the secret into it, or unset it"
        ));
    }
    Ok(Some(text.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loaded(
        files: &[(&str, &str)],
        environment: &[(&str, &str)],
        flags: &[&str],
    ) -> Result<Loaded, String> {
        let dir = tempfile::tempdir().unwrap();
        let files = files
            .iter()
            .map(|(name, text)| {
                let path = dir.path().join(name);
                std::fs::write(&path, text).unwrap();
                path
            })
            .collect();
        let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        load(&Sources {
            files,
            environment: environment.iter().map(pair).collect(),
            flags: flags.iter().map(|flag| (*flag).to_owned()).collect(),
        })
        .map_err(|problems| {
            problems
                .to_string()
                .replace(&format!("{}/", dir.path().display()), "")
        })
    }

    #[test]
    fn nothing_given_is_every_default() {
        assert_eq!(loaded(&[], &[], &[]).unwrap().config, Config::default());
    }

    #[test]
    fn a_later_source_wins_key_by_key() {
        let loaded = loaded(
            &[
                (
                    "a.toml",
                    "[serve]\ngrace_seconds = 1\n[limits]\nin_flight = 1\nlookups = 1",
                ),
                ("b.yaml", "limits: {in_flight: 2, lookups: 2}"),
            ],
            &[
                ("K8SFAQ__LIMITS__LOOKUPS", "3"),
                ("K8SFAQ__SERVE__GRACE_SECONDS", "3"),
            ],
            &["serve.grace_seconds=4"],
        )
        .unwrap();
        assert_eq!(loaded.config.limits.in_flight, 2);
        assert_eq!(loaded.config.limits.lookups, 3);
        assert_eq!(loaded.config.serve.grace_seconds, 4);
        let of = |key| loaded.origin(key).to_string();
        assert!(of("limits.in_flight").ends_with("b.yaml"));
        assert_eq!(of("limits.lookups"), "environment K8SFAQ__LIMITS__LOOKUPS");
        assert_eq!(of("serve.grace_seconds"), "flag --set");
        assert_eq!(of("web.listen"), "default");
    }

    #[test]
    fn everything_that_is_wrong_is_said_at_once() {
        let said = loaded(
            &[(
                "team.toml",
                "sttate = 1\n[log]\nformat = \"xml\"\n[limits]\nin_flight = \"many\"\nlookups = 0\n[state]\ndirr = \"x\"\n\
                 [channels.slack.C1]\nmode = \"loud\"\n[channels.slack.C2]\nmode = \"muted\"\nwatch = true\n",
            )],
            &[("K8SFAQ__SERVE__GRACE_SECONDS", "soon")],
            &["nonsense", "web.listen=nowhere"],
        )
        .unwrap_err();
        insta::assert_snapshot!(said, @r#"
        --set nonsense: write it as KEY=VALUE, such as --set web.listen=127.0.0.1:8080
        team.toml: channels.slack.C1.mode = "loud": unknown variant `loud`, expected one of `normal`, `mention_only`, `private`, `incident`, `muted`
        team.toml: limits.in_flight = "many": invalid type: string "many", expected a whole number
        team.toml: log.format = "xml": unknown variant `xml`, expected `text` or `json`
        environment K8SFAQ__SERVE__GRACE_SECONDS: serve.grace_seconds = "soon": invalid type: string "soon", expected a whole number
        team.toml: state.dirr = "x": unknown field `dirr`, expected `dir` or `keep_questions`
        team.toml: sttate = 1: unknown field `sttate`, expected one of `content`, `state`, `web`, `log`, `serve`, `limits`, `channels`, `people`, `slack`, `discord`, `cluster`
        flag --set: web.listen = "nowhere": expected an address with a port, such as 127.0.0.1:8080
        team.toml: channels.slack.C2.watch: `true` cannot go with mode `muted`: offers need mode `normal` or `incident`
        team.toml: limits.lookups = 0: write a number from 1 to 100000
        "#);
    }

    #[test]
    fn a_secret_in_a_file_is_refused_and_not_repeated() {
        let said = loaded(
            &[("team.toml", "[slack]\nbot_token = \"xoxb-1-2-abc\"\n[content]\ndirs = [\"xapp-1-A-2-b\"]\n[discord]\ntoken = \"hunter2\"")],
            &[],
            &[],
        )
        .unwrap_err();
        for secret in ["xoxb-1", "xapp-1", "hunter2"] {
            assert!(!said.contains(secret), "{said}");
        }
        assert!(
            said.contains("set SLACK_BOT_TOKEN, or SLACK_BOT_TOKEN_FILE"),
            "{said}"
        );
        assert!(
            said.contains("set DISCORD_TOKEN, or DISCORD_TOKEN_FILE"),
            "{said}"
        );
    }

    #[test]
    fn a_file_that_is_no_toml_is_named_with_the_line() {
        let said = loaded(&[("team.toml", "[state\ndir = 1")], &[], &[]).unwrap_err();
        assert!(
            said.starts_with("team.toml: ") && said.contains("line 1"),
            "{said}"
        );
        let said = loaded(&[("team.ini", "")], &[], &[]).unwrap_err();
        assert_eq!(
            said,
            "team.ini: cannot tell its form: name it .toml, .yaml or .yml"
        );
    }

    #[test]
    fn variables_hold_numbers_truth_values_and_lists() {
        let loaded = loaded(
            &[],
            &[
                ("K8SFAQ__CONTENT__DIRS", "/a, /b"),
                ("K8SFAQ__STATE__KEEP_QUESTIONS", "true"),
                ("K8SFAQ__STATE__DIR", "42"),
                ("K8SFAQ__CHANNELS__SLACK__C0AB__WATCH_BOTS", "B1"),
                ("K8SFAQ__CHANNELS__SLACK__C0AB__WATCH", "true"),
                ("K8SFAQ_TEST_KUBECONFIG", "no setting"),
            ],
            &[],
        )
        .unwrap();
        assert_eq!(
            loaded.config.content.dirs,
            [PathBuf::from("/a"), PathBuf::from("/b")]
        );
        assert!(loaded.config.state.keep_questions);
        assert_eq!(loaded.config.state.dir, Some(PathBuf::from("42")));
        let channel = &loaded.config.channels.slack["c0ab"];
        assert_eq!(channel.watch_bots, Some(vec!["B1".to_owned()]));
    }

    #[test]
    fn a_secret_comes_from_a_variable_or_a_file_and_never_prints() {
        use secrecy::ExposeSecret;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        std::fs::write(&path, "xoxb-from-file\n").unwrap();
        let path = path.display().to_string();
        let env = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
            pairs
                .iter()
                .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))
                .collect()
        };
        let found = secret(&env(&[("DISCORD_TOKEN_FILE", &path)]), DISCORD_TOKEN)
            .unwrap()
            .unwrap();
        assert_eq!(found.expose_secret(), "xoxb-from-file");
        assert!(!format!("{found:?}").contains("xoxb"));
        assert!(secret(&[], DISCORD_TOKEN).unwrap().is_none());
        let both = secret(
            &env(&[("DISCORD_TOKEN", "a"), ("DISCORD_TOKEN_FILE", &path)]),
            DISCORD_TOKEN,
        );
        assert_eq!(
            both.unwrap_err(),
            "DISCORD_TOKEN and DISCORD_TOKEN_FILE are both set: keep one of them"
        );
        let empty = secret(&env(&[("DISCORD_TOKEN", " ")]), DISCORD_TOKEN);
        assert_eq!(
            empty.unwrap_err(),
            "DISCORD_TOKEN is empty: put the secret into it, or unset it"
        );
    }
}
