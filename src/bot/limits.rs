//! How often may be asked, and how much may be in flight.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::request::Platform;

/// The bounds of the whole process.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Most requests that are handled at once; one more is told to come back in a moment.
    pub in_flight: usize,
    /// Most lookups in clusters at once; further ones wait for their turn.
    pub lookups: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            in_flight: 256,
            lookups: 16,
        }
    }
}

/// How often may be asked in a channel; 0 is no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Requests of one person in a minute; the first few may come at once.
    pub person_per_minute: Option<u32>,
    /// Answers before everyone in the channel in a minute.
    pub channel_per_minute: Option<u32>,
    /// Seconds in which the same entry is not shown to everyone in the same thread, or channel without threads, again.
    pub cooldown_seconds: Option<u32>,
}

impl Limits {
    /// What a person may ask where nothing else is said: more than anybody types, less than a script sends.
    pub const PERSON_PER_MINUTE: u32 = 60;
    /// What a channel may ask where nothing else is said.
    pub const CHANNEL_PER_MINUTE: u32 = 120;
    /// What Discord's channels are spared where nothing else is said. In Slack each answer has a thread of its own.
    pub const DISCORD_COOLDOWN_SECONDS: u32 = 10;

    /// These limits, with those of `other` where these say nothing.
    #[must_use]
    pub fn or(self, other: Limits) -> Limits {
        Limits {
            person_per_minute: self.person_per_minute.or(other.person_per_minute),
            channel_per_minute: self.channel_per_minute.or(other.channel_per_minute),
            cooldown_seconds: self.cooldown_seconds.or(other.cooldown_seconds),
        }
    }

    pub(super) fn person(self) -> u32 {
        self.person_per_minute.unwrap_or(Self::PERSON_PER_MINUTE)
    }

    pub(super) fn channel(self) -> u32 {
        self.channel_per_minute.unwrap_or(Self::CHANNEL_PER_MINUTE)
    }

    pub(super) fn cooldown(self, platform: Platform) -> Duration {
        let seconds = self.cooldown_seconds.unwrap_or(match platform {
            Platform::Slack => 0,
            Platform::Discord => Self::DISCORD_COOLDOWN_SECONDS,
        });
        Duration::from_secs(seconds.into())
    }
}

/// Buckets that leak evenly (the generic cell rate algorithm): for each key the time at which it is empty.
#[derive(Debug)]
pub(super) struct Buckets<K> {
    empty_at: Mutex<HashMap<K, Instant>>,
}

/// Most keys that are remembered: more people than ask in a minute anywhere.
const MAX_KEYS: usize = 10_000;

/// The share of a minute's requests that may come at once.
const BURST_SHARE: u32 = 2;

impl<K: Hash + Eq> Buckets<K> {
    pub(super) fn new() -> Self {
        Buckets {
            empty_at: Mutex::default(),
        }
    }

    /// Takes one request of `per_minute`; else the time after which the next is taken.
    pub(super) fn take(&self, key: K, per_minute: u32, now: Instant) -> Result<(), Duration> {
        if per_minute == 0 {
            return Ok(());
        }
        let each = Duration::from_secs(60) / per_minute;
        let burst = (per_minute / BURST_SHARE).max(1);
        self.take_one(key, each, each * (burst - 1), now)
    }

    /// Takes one request in `pause`; else the time that is left of it.
    pub(super) fn take_after(&self, key: K, pause: Duration, now: Instant) -> Result<(), Duration> {
        self.take_one(key, pause, Duration::ZERO, now)
    }

    fn take_one(
        &self,
        key: K,
        each: Duration,
        ahead: Duration,
        now: Instant,
    ) -> Result<(), Duration> {
        let mut empty_at = self.empty_at.lock().unwrap_or_else(PoisonError::into_inner);
        if empty_at.len() >= MAX_KEYS {
            empty_at.retain(|_, at| *at > now);
        }
        if empty_at.len() >= MAX_KEYS {
            // Whoever makes so many keys is held back by the bound on work in flight.
            empty_at.clear();
        }
        let at = empty_at.get(&key).copied().unwrap_or(now).max(now);
        let early = (at - now).saturating_sub(ahead);
        if early > Duration::ZERO {
            return Err(early);
        }
        empty_at.insert(key, at + each);
        Ok(())
    }
}

/// A pause in whole seconds, never 0: it is said to a person.
pub(super) fn seconds(pause: Duration) -> u64 {
    pause.as_secs() + u64::from(pause.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_minutes_requests_may_come_at_once_and_the_rest_evenly() {
        let (buckets, start) = (Buckets::new(), Instant::now());
        for _ in 0..10 {
            assert_eq!(buckets.take("U1", 20, start), Ok(()));
        }
        let pause = Duration::from_secs(3);
        assert_eq!(buckets.take("U1", 20, start), Err(pause));
        assert_eq!(buckets.take("U2", 20, start), Ok(()));
        assert_eq!(buckets.take("U1", 20, start + pause), Ok(()));
        assert_eq!(buckets.take("U1", 20, start + pause), Err(pause));
    }

    #[test]
    fn a_refused_request_does_not_prolong_the_pause() {
        let (buckets, start) = (Buckets::new(), Instant::now());
        let pause = Duration::from_secs(10);
        assert_eq!(buckets.take_after("x", pause, start), Ok(()));
        for _ in 0..100 {
            assert_eq!(buckets.take_after("x", pause, start), Err(pause));
        }
        assert_eq!(buckets.take_after("x", pause, start + pause), Ok(()));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let (buckets, start) = (Buckets::new(), Instant::now());
        for key in 0..3 * MAX_KEYS {
            let _ = buckets.take(key, 1, start);
        }
        assert!(buckets.empty_at.lock().unwrap().len() <= MAX_KEYS);
    }

    #[test]
    fn nought_is_no_limit() {
        let (buckets, start) = (Buckets::new(), Instant::now());
        assert!((0..1_000).all(|_| buckets.take("U1", 0, start).is_ok()));
    }
}
