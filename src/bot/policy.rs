//! Channel policy: what the bot may do and show in each place.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::limits::Limits;
use super::request::{Place, PlaceKind, Platform};

/// The policies of all places, as the configuration gives them.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// What holds where a channel says nothing else.
    pub default: Channel,
    /// Slack's channels, by id.
    pub slack: BTreeMap<String, Channel>,
    /// Discord's channels, by id.
    pub discord: BTreeMap<String, Channel>,
}

/// People's own scopes for direct messages, as the configuration gives them.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct People {
    /// Slack's people, by id.
    pub slack: BTreeMap<String, Individual>,
    /// Discord's people, by id.
    pub discord: BTreeMap<String, Individual>,
}

/// A person's own entry.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Individual {
    /// What the person may look at in a direct message.
    pub scope: Scope,
}

/// A channel's policy; what it does not say, the default says.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Channel {
    /// How the bot behaves there.
    pub mode: Option<Mode>,
    /// Whether it reads messages that are not addressed to it and offers answers to error lines.
    pub watch: Option<bool>,
    /// The bots whose messages it watches too, by id or name; with `watch`.
    pub watch_bots: Option<Vec<String>>,
    /// Whom to ask when the FAQ has no answer, as a sentence; empty says nothing.
    pub ask_a_human: Option<String>,
    /// What the channel may look at; never inherited.
    pub scope: Option<Scope>,
    /// How often may be asked there.
    pub limits: Option<Limits>,
}

/// How the bot behaves in a channel.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// It answers whoever asks.
    #[default]
    Normal,
    /// It speaks before all only when it is mentioned; a slash command's answer is the asker's alone.
    MentionOnly,
    /// Every answer goes to the asker alone.
    Private,
    /// It answers mentions and shortcuts, tersely, in the thread where the trouble is.
    Incident,
    /// It says nothing.
    Muted,
}

/// The clusters and namespaces that a place may look at, and who of those in it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Scope {
    /// Clusters, by the names that `[cluster]` gives them; the first is looked at where none is named.
    pub clusters: Vec<String>,
    /// Namespaces; `*` at an end stands for anything.
    pub namespaces: Vec<String>,
    /// Whether nodes and other objects without a namespace may be looked at.
    pub cluster: bool,
    /// Whether the last lines of a crashed container's log may be shown.
    pub logs: bool,
    /// Who may look, by person; nobody named here, in `roles` and in `usergroups` means everyone in the channel.
    pub users: Vec<String>,
    /// Who may look, by Discord role.
    pub roles: Vec<String>,
    /// Who may look, by Slack user group.
    pub usergroups: Vec<String>,
}

/// What holds in a place, all questions settled.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rules {
    /// How the bot behaves.
    pub mode: Mode,
    /// Whose messages it reads unasked.
    pub watch: Watch,
    /// Whom to ask when the FAQ has no answer.
    pub ask_a_human: Option<String>,
    /// What may be looked at; none, nothing.
    pub scope: Option<Scope>,
    /// How often may be asked.
    pub limits: Limits,
}

/// Whose messages the bot reads unasked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Watch {
    /// Nobody's.
    #[default]
    Nobody,
    /// People's, and those of these bots, by id or name.
    PeopleAnd(Vec<String>),
}

/// Who wrote a message that was not addressed to the bot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Author<'a> {
    /// A person.
    Person,
    /// Another bot, or a webhook.
    Bot {
        /// The platform's id of it.
        id: &'a str,
        /// The name that it writes under.
        name: &'a str,
    },
}

/// All policies, ready to be asked.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Policy {
    channels: Settings,
    people: People,
}

/// What may be looked at for an answer, and before whom it may be shown.
#[derive(Debug, Clone, PartialEq)]
pub enum Looking {
    /// Nothing.
    No,
    /// The scope, for the asker's eyes alone.
    Privately(Scope),
    /// The scope, before all.
    Publicly(Scope),
}

/// A setting that contradicts another, or names what cannot be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contradiction {
    /// The setting: `channels.slack.C012.watch`.
    pub key: String,
    /// What is wrong with it and what to write instead.
    pub message: String,
}

impl Policy {
    /// Puts settings to work.
    #[must_use]
    pub fn new(channels: Settings, people: People) -> Self {
        Policy {
            channels: Settings {
                slack: upper_case(channels.slack),
                ..channels
            },
            people: People {
                slack: upper_case(people.slack),
                ..people
            },
        }
    }

    /// What holds in a place.
    #[must_use]
    pub fn rules(&self, place: &Place) -> Rules {
        let own = match place.kind {
            // A direct message disturbs nobody: only limits and the human to ask are taken from the default.
            PlaceKind::Direct => {
                return Rules {
                    ask_a_human: said(self.channels.default.ask_a_human.as_ref()),
                    limits: self.channels.default.limits.unwrap_or_default(),
                    ..Rules::default()
                };
            }
            PlaceKind::Foreign => None,
            PlaceKind::Channel | PlaceKind::Shared => {
                self.channels(place.platform).get(&place.channel)
            }
        };
        rules(own, &self.channels.default)
    }

    /// Whether an unaddressed message of an author is read in a place.
    #[must_use]
    pub fn hears(&self, place: &Place, author: Author<'_>) -> bool {
        match (self.rules(place).watch, author) {
            (Watch::Nobody, _) => false,
            (Watch::PeopleAnd(_), Author::Person) => true,
            (Watch::PeopleAnd(bots), Author::Bot { id, name }) => bots
                .iter()
                .any(|bot| bot == id || bot.eq_ignore_ascii_case(name)),
        }
    }

    /// Whether any channel of a platform is watched: only then its messages are asked for.
    #[must_use]
    pub fn watches(&self, platform: Platform) -> bool {
        let is_watched =
            |channel: &Channel| rules(Some(channel), &self.channels.default).watch != Watch::Nobody;
        is_watched(&self.channels.default) || self.channels(platform).values().any(is_watched)
    }

    /// Whether anybody may look at a cluster from a platform.
    #[must_use]
    pub fn looks(&self, platform: Platform) -> bool {
        let channels = self.channels(platform).values();
        let people = match platform {
            Platform::Slack => &self.people.slack,
            Platform::Discord => &self.people.discord,
        };
        let scopes = channels.filter_map(|channel| channel.scope.as_ref());
        let own = people.values().map(|person| &person.scope);
        scopes.chain(own).any(Scope::is_any)
    }

    /// What a person may look at in a place.
    #[must_use]
    pub fn looking(&self, place: &Place, person: &super::request::Person) -> Looking {
        match place.kind {
            PlaceKind::Foreign => Looking::No,
            PlaceKind::Direct => {
                let people = match place.platform {
                    Platform::Slack => &self.people.slack,
                    Platform::Discord => &self.people.discord,
                };
                match people.get(&person.id) {
                    Some(own) if own.scope.is_any() => Looking::Publicly(own.scope.clone()),
                    _ => Looking::No,
                }
            }
            PlaceKind::Channel | PlaceKind::Shared => match self.rules(place).scope {
                Some(scope) if scope.is_any() && scope.lets_in(person) => {
                    if scope.is_for_some() || place.kind == PlaceKind::Shared {
                        Looking::Privately(scope)
                    } else {
                        Looking::Publicly(scope)
                    }
                }
                _ => Looking::No,
            },
        }
    }

    fn channels(&self, platform: Platform) -> &BTreeMap<String, Channel> {
        match platform {
            Platform::Slack => &self.channels.slack,
            Platform::Discord => &self.channels.discord,
        }
    }
}

impl Settings {
    /// What in the settings cannot be, every instance of it.
    #[must_use]
    pub fn contradictions(&self) -> Vec<Contradiction> {
        let mut found = Vec::new();
        if self.default.scope.is_some() {
            found.push(Contradiction {
                key: "channels.default.scope".to_owned(),
                message: "a scope belongs to a channel that is named, such as [channels.slack.C0123456789.scope]: what is not named looks at nothing".to_owned(),
            });
        }
        self.default
            .contradict("channels.default", &self.default, &mut found);
        for (platform, channels) in [
            (Platform::Slack, &self.slack),
            (Platform::Discord, &self.discord),
        ] {
            for (id, channel) in channels {
                let key = format!("channels.{}.{id}", platform.name());
                is_id(platform, id, "a channel", &key, &mut found);
                channel.contradict(&key, &self.default, &mut found);
                if let Some(scope) = &channel.scope {
                    scope.contradict(platform, &format!("{key}.scope"), &mut found);
                }
            }
        }
        found
    }
}

impl People {
    /// What in the settings cannot be, every instance of it.
    #[must_use]
    pub fn contradictions(&self) -> Vec<Contradiction> {
        let mut found = Vec::new();
        for (platform, people) in [
            (Platform::Slack, &self.slack),
            (Platform::Discord, &self.discord),
        ] {
            for (id, person) in people {
                let key = format!("people.{}.{id}", platform.name());
                is_id(platform, id, "a person", &key, &mut found);
                let scope = &person.scope;
                if scope.is_for_some() {
                    found.push(Contradiction {
                        key: format!("{key}.scope"),
                        message: "is one person's: take out users, roles and usergroups".to_owned(),
                    });
                }
                scope.contradict(platform, &format!("{key}.scope"), &mut found);
            }
        }
        found
    }
}

impl Channel {
    fn contradict(&self, key: &str, default: &Channel, found: &mut Vec<Contradiction>) {
        let mode = self.mode.or(default.mode).unwrap_or_default();
        let can_watch = matches!(mode, Mode::Normal | Mode::Incident);
        if self.watch == Some(true) && !can_watch {
            found.push(Contradiction {
                key: format!("{key}.watch"),
                message: format!(
                    "`true` cannot go with mode `{}`: offers need mode `normal` or `incident`",
                    mode.name()
                ),
            });
        }
        let has_bots = self
            .watch_bots
            .as_ref()
            .is_some_and(|bots| !bots.is_empty());
        if has_bots && !self.watch.or(default.watch).unwrap_or_default() {
            found.push(Contradiction {
                key: format!("{key}.watch_bots"),
                message: "names bots, but nothing is watched: add `watch = true`".to_owned(),
            });
        }
    }
}

impl Mode {
    /// The name that the configuration uses.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Mode::Normal => "normal",
            Mode::MentionOnly => "mention_only",
            Mode::Private => "private",
            Mode::Incident => "incident",
            Mode::Muted => "muted",
        }
    }
}

impl Scope {
    /// Whether a namespace may be looked at.
    #[must_use]
    pub fn holds(&self, namespace: &str) -> bool {
        self.namespaces
            .iter()
            .any(|allowed| match allowed.strip_suffix('*') {
                Some(start) => namespace.starts_with(start),
                None => allowed == namespace,
            })
    }

    /// Whether anything may be looked at.
    #[must_use]
    pub fn is_any(&self) -> bool {
        !self.clusters.is_empty() && (self.cluster || !self.namespaces.is_empty())
    }

    /// Whether only some people may look.
    #[must_use]
    pub fn is_for_some(&self) -> bool {
        !(self.users.is_empty() && self.roles.is_empty() && self.usergroups.is_empty())
    }

    fn lets_in(&self, person: &super::request::Person) -> bool {
        !self.is_for_some()
            || self.users.contains(&person.id)
            || person
                .groups
                .iter()
                .any(|group| self.roles.contains(group) || self.usergroups.contains(group))
    }

    fn contradict(&self, platform: Platform, key: &str, found: &mut Vec<Contradiction>) {
        let mut add = |name: &str, message: String| {
            found.push(Contradiction {
                key: format!("{key}.{name}"),
                message,
            });
        };
        if platform == Platform::Slack && !self.roles.is_empty() {
            add(
                "roles",
                "are Discord's: name Slack's `usergroups`".to_owned(),
            );
        }
        if platform == Platform::Discord && !self.usergroups.is_empty() {
            add(
                "usergroups",
                "are Slack's: name Discord's `roles`".to_owned(),
            );
        }
        if self.clusters.is_empty() {
            add(
                "clusters",
                "is empty, so nothing can be looked at: name a cluster, or take the scope out"
                    .to_owned(),
            );
        }
        if !self.cluster && self.namespaces.is_empty() {
            add(
                "namespaces",
                "is empty, so nothing can be looked at: name namespaces, or set `cluster = true`"
                    .to_owned(),
            );
        }
        for name in &self.namespaces {
            let is_name = match name.strip_suffix('*') {
                Some("") => true,
                // A start may end with the hyphen that the rest goes on from.
                Some(start) => super::command::Namespace::parse(&format!("{start}x")).is_some(),
                None => super::command::Namespace::parse(name).is_some(),
            };
            if !is_name {
                add(
                    "namespaces",
                    format!(
                        "`{name}` is no namespace: write lower-case letters, digits and hyphens, with `*` at the end at most"
                    ),
                );
            }
        }
    }
}

fn rules(own: Option<&Channel>, default: &Channel) -> Rules {
    let none = Channel::default();
    let own = own.unwrap_or(&none);
    let mode = own.mode.or(default.mode).unwrap_or_default();
    let is_watched = own.watch.or(default.watch).unwrap_or_default();
    let watch = match mode {
        Mode::Normal | Mode::Incident if is_watched => {
            let bots = own.watch_bots.clone().or(default.watch_bots.clone());
            Watch::PeopleAnd(bots.unwrap_or_default())
        }
        _ => Watch::Nobody,
    };
    let human = own.ask_a_human.as_ref().or(default.ask_a_human.as_ref());
    let limits = own.limits.unwrap_or_default();
    Rules {
        mode,
        watch,
        ask_a_human: said(human),
        scope: own.scope.clone(),
        limits: limits.or(default.limits.unwrap_or_default()),
    }
}

fn said(text: Option<&String>) -> Option<String> {
    text.filter(|text| !text.trim().is_empty()).cloned()
}

/// Slack writes its ids in capitals; names of environment variables arrive without them.
fn upper_case<T>(by_id: BTreeMap<String, T>) -> BTreeMap<String, T> {
    by_id
        .into_iter()
        .map(|(id, value)| (id.to_ascii_uppercase(), value))
        .collect()
}

fn is_id(platform: Platform, id: &str, what: &str, key: &str, found: &mut Vec<Contradiction>) {
    let (is_one, form) = match platform {
        Platform::Slack => (
            id.len() >= 2 && id.bytes().all(|byte| byte.is_ascii_alphanumeric()),
            "C0123456789 or U0123456789, from the foot of its details in Slack",
        ),
        Platform::Discord => (
            id.parse::<u64>().is_ok(),
            "123456789012345678, from Copy ID in Discord's developer mode",
        ),
    };
    if !is_one {
        found.push(Contradiction {
            key: key.to_owned(),
            message: format!("`{id}` is no id of {what}: write it as {form}"),
        });
    }
}
