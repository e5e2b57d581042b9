//! Where something was asked: channel, thread, guild, and whose place it is.

use std::collections::HashMap;
use std::sync::Mutex;

use serde_json::Value;

use super::lock;
use crate::bot::request::{Place, PlaceKind, Platform};

/// Threads whose parents are remembered; of more, the oldest count as channels of their own.
const MAX_THREADS: usize = 20_000;

/// Discord's channel types that are threads. Source: Discord's reference, Channel Resource.
const THREAD_TYPES: [u64; 3] = [10, 11, 12];

/// The parents of threads, from the gateway: a message names its thread alone.
#[derive(Default)]
pub(super) struct Threads(Mutex<HashMap<u64, u64>>);

impl Threads {
    /// Learns what an event says of threads.
    pub(super) fn learn(&self, name: &str, data: &Value) {
        match name {
            "GUILD_CREATE" | "THREAD_LIST_SYNC" => {
                for thread in data["threads"].as_array().into_iter().flatten() {
                    self.insert(thread);
                }
            }
            "THREAD_CREATE" | "THREAD_UPDATE" => self.insert(data),
            "THREAD_DELETE" => {
                if let Some(id) = number(&data["id"]) {
                    lock(&self.0).remove(&id);
                }
            }
            _ => {}
        }
    }

    fn insert(&self, thread: &Value) {
        let (Some(id), Some(parent)) = (number(&thread["id"]), number(&thread["parent_id"])) else {
            return;
        };
        let mut threads = lock(&self.0);
        if threads.len() >= MAX_THREADS
            && let Some(oldest) = threads.keys().min().copied()
        {
            // Discord's ids grow with time.
            threads.remove(&oldest);
        }
        threads.insert(id, parent);
    }

    /// The place of a message.
    pub(super) fn of_message(&self, guild: Option<u64>, channel: u64) -> Place {
        let parent = lock(&self.0).get(&channel).copied();
        Place {
            platform: Platform::Discord,
            workspace: guild.map(|guild| guild.to_string()),
            channel: parent.unwrap_or(channel).to_string(),
            thread: parent.map(|_| channel.to_string()),
            kind: match guild {
                Some(_) => PlaceKind::Channel,
                None => PlaceKind::Direct,
            },
        }
    }
}

/// The place of an interaction, which says it all itself.
pub(super) fn of_interaction(data: &Value) -> Place {
    let guild = number(&data["guild_id"]);
    let channel = number(&data["channel_id"])
        .or_else(|| number(&data["channel"]["id"]))
        .unwrap_or_default();
    let is_thread = data["channel"]["type"]
        .as_u64()
        .is_some_and(|kind| THREAD_TYPES.contains(&kind));
    let parent = number(&data["channel"]["parent_id"]).filter(|_| is_thread);
    Place {
        platform: Platform::Discord,
        workspace: guild.map(|guild| guild.to_string()),
        channel: parent.unwrap_or(channel).to_string(),
        thread: parent.map(|_| channel.to_string()),
        kind: kind(data, guild.is_some()),
    }
}

/// Key 0 of the owners is there where the guild has installed the application, key 1 where the person has.
fn kind(data: &Value, is_in_guild: bool) -> PlaceKind {
    let owners = &data["authorizing_integration_owners"];
    let is_persons_alone = !owners["1"].is_null() && owners["0"].is_null();
    match (is_in_guild, data["context"].as_u64()) {
        (true, _) if is_persons_alone => PlaceKind::Foreign,
        (true, _) => PlaceKind::Channel,
        (false, Some(2)) => PlaceKind::Foreign,
        (false, _) => PlaceKind::Direct,
    }
}

/// Reads one of Discord's ids, which are numbers in strings.
pub(super) fn number(value: &Value) -> Option<u64> {
    match value {
        Value::String(text) => text.parse().ok(),
        other => other.as_u64(),
    }
}
