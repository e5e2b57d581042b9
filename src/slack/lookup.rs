//! What Slack knows of people and channels, asked only where a channel's scope depends on it, and kept for some minutes.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use super::api::{Api, With};

/// How long an answer of Slack's is trusted. Who leaves a group loses its view of a cluster after so long.
const TRUSTED: Duration = Duration::from_secs(300);

/// Most channels and groups that are remembered.
const MAX_REMEMBERED: usize = 1_000;

/// Who is in which group, and which channels other organisations share.
#[derive(Default)]
pub struct Lookup {
    groups: Mutex<HashMap<String, (Instant, HashSet<String>)>>,
    shared: Mutex<HashMap<String, (Instant, bool)>>,
}

impl Lookup {
    /// Those of the groups that a person is in. A group that Slack does not tell of has nobody in it.
    pub async fn groups_of(&self, api: &Api, user: &str, wanted: &[String]) -> Vec<String> {
        let mut found = Vec::new();
        for group in wanted {
            let members = if let Some(members) = fresh(&self.groups, group) {
                members
            } else {
                let members = members(api, group).await;
                remember(&self.groups, group, members.clone());
                members
            };
            if members.contains(user) {
                found.push(group.clone());
            }
        }
        found
    }

    /// Whether another organisation shares a channel. Where Slack does not tell, it counts as shared.
    pub async fn is_shared(&self, api: &Api, channel: &str) -> bool {
        if let Some(is_shared) = fresh(&self.shared, channel) {
            return is_shared;
        }
        let body = json!({ "channel": channel });
        let is_shared = match api.call(With::Bot, "conversations.info", &body).await {
            Ok(answer) => ["is_ext_shared", "is_pending_ext_shared"]
                .iter()
                .any(|key| answer["channel"][key].as_bool() != Some(false)),
            Err(error) => {
                tracing::warn!(%error, "Slack does not tell whether a channel is shared: evidence stays private there");
                true
            }
        };
        remember(&self.shared, channel, is_shared);
        is_shared
    }

    /// Takes note of what an event says of its channel.
    pub fn note_shared(&self, channel: &str, is_shared: bool) {
        if is_shared {
            remember(&self.shared, channel, true);
        }
    }
}

async fn members(api: &Api, group: &str) -> HashSet<String> {
    let body = json!({ "usergroup": group });
    match api.call(With::Bot, "usergroups.users.list", &body).await {
        Ok(answer) => answer["users"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|user| user.as_str().map(str::to_owned))
            .collect(),
        Err(error) => {
            tracing::warn!(%error, group, "Slack does not tell who is in a user group: nobody of it may look");
            HashSet::new()
        }
    }
}

fn fresh<T: Clone>(memory: &Mutex<HashMap<String, (Instant, T)>>, key: &str) -> Option<T> {
    let memory = memory.lock().unwrap_or_else(PoisonError::into_inner);
    memory
        .get(key)
        .filter(|(since, _)| since.elapsed() < TRUSTED)
        .map(|(_, known)| known.clone())
}

fn remember<T>(memory: &Mutex<HashMap<String, (Instant, T)>>, key: &str, known: T) {
    let mut memory = memory.lock().unwrap_or_else(PoisonError::into_inner);
    if memory.len() >= MAX_REMEMBERED {
        memory.retain(|_, (since, _)| since.elapsed() < TRUSTED);
    }
    if memory.len() < MAX_REMEMBERED {
        memory.insert(key.to_owned(), (Instant::now(), known));
    }
}
