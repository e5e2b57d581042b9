//! The one Lease that several replicas share: who holds it may do what only one of them may do.
//!
//! One of the two named exceptions to "reads only": `get` and `update` of this one object, by its name, in the bot's own namespace.
//! It is made by the chart; the bot could not make it.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease as Object, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::Client;
use kube::api::{Api, PostParams};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::connect::{self, ConnectError, Place};
use super::fetch::{ReadError, failure};
use super::name::ObjectName;
use super::redact;

/// Longest wait for one answer of the API server: half of what a holder has for renewing.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// Longest wait for the release at the end: what it does not do, the others' patience does.
const RELEASE_TIMEOUT: Duration = Duration::from_secs(2);

/// The status of an update of what somebody else has updated since it was read.
const CONFLICT: u16 = 409;

/// Most characters of a holder's name that are shown.
const LONGEST_NAME: usize = 80;

/// How long things take; the same as in Kubernetes' own components. A killed holder is followed within `duration` and two `retry`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// A Lease that nobody has renewed for so long is free.
    pub duration: Duration,
    /// A holder that could not renew it for so long holds it no more; well below `duration`, so that two never hold it at once.
    pub renew: Duration,
    /// The pause between two tries, to renew it or to get it.
    pub retry: Duration,
}

impl Default for Times {
    fn default() -> Self {
        Times {
            duration: Duration::from_secs(15),
            renew: Duration::from_secs(10),
            retry: Duration::from_secs(2),
        }
    }
}

/// How a replica stands to the Lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It holds it.
    Holds,
    /// Another holds it: its name, as far as it is known.
    StandsBy(String),
    /// It cannot tell; this is why.
    Unknown(String),
}

/// A Lease, and this process as one that wants it.
pub struct Lease {
    objects: Api<Object>,
    name: String,
    namespace: String,
    /// What this process is called in it.
    me: String,
    times: Times,
}

impl Lease {
    /// The Lease of this name in the namespace that the bot runs in; outside of a cluster, in that of the context.
    ///
    /// # Errors
    ///
    /// When no cluster can be found. The Lease itself is not asked for yet.
    pub async fn find(place: &Place, name: &ObjectName) -> Result<Lease, ConnectError> {
        let found = connect::own(place).await?;
        Ok(Lease {
            objects: Api::namespaced(found.client, &found.namespace),
            name: name.to_string(),
            namespace: found.namespace,
            me: identity(),
            times: Times::default(),
        })
    }

    /// With other times than the usual ones.
    #[must_use]
    pub fn with_times(self, times: Times) -> Self {
        Lease { times, ..self }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its namespace.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The API server that holds it.
    pub(super) fn client(&self) -> Client {
        self.objects.clone().into_client()
    }

    /// Tries to get it and to keep it, and tells how it stands, until nobody listens any more; then releases it.
    pub async fn compete(&self, tell: watch::Sender<Standing>) {
        let mut rival = None;
        // Until when it is held, by the last renewal that came through.
        let mut held: Option<Instant> = None;
        loop {
            let asked = Instant::now();
            let by = held.map_or(asked + ANSWER_TIMEOUT, |until| {
                until.min(asked + ANSWER_TIMEOUT)
            });
            let tried = tokio::select! {
                tried = timeout_at(by, self.try_once(&mut rival)) => tried,
                () = tell.closed() => break,
            };
            let tried = tried.unwrap_or(Err(ReadError::TimedOut));
            let standing = match tried {
                Ok(Standing::Holds) => {
                    held = Some(asked + self.times.renew);
                    Standing::Holds
                }
                Ok(other) => {
                    held = None;
                    other
                }
                // One that failed to renew it holds it for a while yet.
                Err(error) if held.is_some_and(|until| Instant::now() < until) => {
                    tracing::warn!(lease = self.name, %error, "the Lease could not be renewed; trying again");
                    Standing::Holds
                }
                Err(error) => {
                    held = None;
                    let (sentence, cure) = self.sentence(&error);
                    Standing::Unknown(format!("{sentence}; {cure}"))
                }
            };
            self.note(&tell, standing);
            let pause = Instant::now() + jittered(self.times.retry);
            tokio::select! {
                () = sleep_until(held.map_or(pause, |until| until.min(pause))) => {}
                () = tell.closed() => break,
            }
        }
        // A try that was cut short may have got it, so the server is asked.
        let released = tokio::time::timeout(RELEASE_TIMEOUT, self.release()).await;
        match released.unwrap_or(Err(ReadError::TimedOut)) {
            Ok(true) => tracing::info!(lease = self.name, "the Lease was released"),
            Ok(false) => {}
            Err(error) => {
                tracing::warn!(lease = self.name, %error, "the Lease could not be released: it runs out by itself");
            }
        }
    }

    /// Who holds it now, if anybody.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub async fn holder(&self) -> Result<Option<String>, ReadError> {
        let read = tokio::time::timeout(ANSWER_TIMEOUT, self.objects.get(&self.name)).await;
        let object = read
            .map_err(|_| ReadError::TimedOut)?
            .map_err(|error| failure(&error))?;
        let holder = holder(&object.spec.unwrap_or_default());
        Ok(holder.as_deref().map(shown))
    }

    /// Why it cannot be used, and the cure.
    #[must_use]
    pub fn sentence(&self, error: &ReadError) -> (String, &'static str) {
        let Lease {
            name, namespace, ..
        } = self;
        let place = format!("the Lease `{name}` in {namespace}");
        match error {
            ReadError::Denied => (
                format!("{place} may not be read or updated"),
                "grant get and update of it to the bot's account, as the chart does with replicas > 1",
            ),
            ReadError::NotFound => (
                format!("{place} does not exist"),
                "install the chart with replicas > 1, or take serve.lease out",
            ),
            ReadError::TimedOut | ReadError::Unreachable(_) | ReadError::Unauthorized => (
                format!("{place} cannot be reached: {error}"),
                "check the way to the API server, and the account's token",
            ),
        }
    }

    fn note(&self, tell: &watch::Sender<Standing>, standing: Standing) {
        tell.send_if_modified(|known| {
            if *known == standing {
                return false;
            }
            let lease = &self.name;
            match (&*known, &standing) {
                (_, Standing::Holds) => {
                    tracing::info!(lease, me = self.me, "this replica holds the Lease");
                }
                (Standing::Holds, _) => {
                    tracing::warn!(lease, me = self.me, "this replica lost the Lease");
                }
                (_, Standing::StandsBy(holder)) => {
                    tracing::info!(lease, holder, "another replica holds the Lease");
                }
                (_, Standing::Unknown(why)) => {
                    tracing::error!(why, "nobody knows who holds the Lease");
                }
            }
            *known = standing;
            true
        });
    }

    /// One look at it, and one try to get or renew it where it is ours or free.
    async fn try_once(&self, rival: &mut Option<Rival>) -> Result<Standing, ReadError> {
        loop {
            let get = self.objects.get(&self.name).await;
            let mut object = get.map_err(|error| failure(&error))?;
            let spec = object.spec.unwrap_or_default();
            if let Some(name) = holder(&spec).filter(|name| *name != self.me)
                && !Rival::has_run_out(rival, &spec, self.times.duration)
            {
                return Ok(Standing::StandsBy(shown(&name)));
            }
            object.spec = Some(self.ours(spec));
            match self.replace(&object).await {
                Ok(()) => {
                    *rival = None;
                    return Ok(Standing::Holds);
                }
                // Somebody wrote between the look and the try: another look tells who.
                Err(kube::Error::Api(refusal)) if refusal.code == CONFLICT => {}
                Err(error) => return Err(failure(&error)),
            }
        }
    }

    async fn replace(&self, object: &Object) -> Result<(), kube::Error> {
        let parameters = PostParams::default();
        let replaced = self.objects.replace(&self.name, &parameters, object);
        replaced.await.map(|_| ())
    }

    /// What is written into it by its holder.
    fn ours(&self, spec: LeaseSpec) -> LeaseSpec {
        let now = MicroTime(Timestamp::now());
        let is_new = spec.holder_identity.as_deref() != Some(self.me.as_str());
        let seconds = self.times.duration.as_secs_f64().ceil();
        #[allow(clippy::cast_possible_truncation, reason = "a few seconds")]
        let seconds = (seconds as i32).max(1);
        LeaseSpec {
            holder_identity: Some(self.me.clone()),
            lease_duration_seconds: Some(seconds),
            acquire_time: if is_new {
                Some(now.clone())
            } else {
                spec.acquire_time
            },
            renew_time: Some(now),
            lease_transitions: Some(spec.lease_transitions.unwrap_or(0) + i32::from(is_new)),
            ..spec
        }
    }

    /// Gives it up where it is ours; whether it was.
    async fn release(&self) -> Result<bool, ReadError> {
        let get = self.objects.get(&self.name).await;
        let mut object = get.map_err(|error| failure(&error))?;
        let spec = object.spec.unwrap_or_default();
        if spec.holder_identity.as_deref() != Some(self.me.as_str()) {
            return Ok(false);
        }
        object.spec = Some(LeaseSpec {
            holder_identity: None,
            lease_duration_seconds: Some(1),
            renew_time: Some(MicroTime(Timestamp::now())),
            ..spec
        });
        let replaced = self.replace(&object).await;
        replaced.map_err(|error| failure(&error))?;
        Ok(true)
    }
}

/// Another holder, as it was last seen to renew. Time is measured here alone: nobody's clock is compared with another's.
struct Rival {
    name: String,
    renewed: Option<MicroTime>,
    seen: Instant,
}

impl Rival {
    /// Whether the holder has not renewed for as long as a Lease holds.
    fn has_run_out(rival: &mut Option<Rival>, spec: &LeaseSpec, duration: Duration) -> bool {
        let now = Instant::now();
        let name = holder(spec).unwrap_or_default();
        match rival {
            Some(known) if known.name == name && known.renewed == spec.renew_time => {
                now >= known.seen + duration
            }
            _ => {
                *rival = Some(Rival {
                    name,
                    renewed: spec.renew_time.clone(),
                    seen: now,
                });
                false
            }
        }
    }
}

/// Whoever may write the Lease chose the name: what is shown of it is made harmless.
fn shown(name: &str) -> String {
    redact::shortened(&redact::line(name), LONGEST_NAME)
}

/// Who holds a Lease.
fn holder(spec: &LeaseSpec) -> Option<String> {
    let name = spec.holder_identity.as_deref().unwrap_or_default();
    (!name.is_empty()).then(|| name.to_owned())
}

/// The pod's name, and something that another process in the same pod does not have.
fn identity() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = match host.trim() {
        "" => "k8sfaq",
        host => host,
    };
    format!("{host}_{:08x}", chance() & 0xffff_ffff)
}

/// A number that nobody foresees.
fn chance() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// A pause up to a fifth longer, so that those that wait do not all come at once.
fn jittered(pause: Duration) -> Duration {
    pause + pause.mul_f64(0.2) * u32::try_from(chance() % 100).unwrap_or(0) / 100
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_killed_holder_is_followed_in_less_than_20_seconds_and_two_never_hold_it() {
        let times = Times::default();
        let longest = times.duration + times.retry.mul_f64(1.2) * 2;
        assert!(longest < Duration::from_secs(20), "{longest:?}");
        assert!(times.renew + times.retry < times.duration);
    }

    fn of(name: &str, renewed: i64) -> LeaseSpec {
        LeaseSpec {
            holder_identity: Some(name.to_owned()),
            renew_time: Some(MicroTime(Timestamp::from_second(renewed).unwrap())),
            ..LeaseSpec::default()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_holder_that_renews_is_waited_for_and_one_that_does_not_is_not() {
        let duration = Duration::from_secs(15);
        let mut rival = None;
        // Its clock may be hours off: what counts is that it goes on.
        for second in 0..20 {
            assert!(!Rival::has_run_out(&mut rival, &of("a", second), duration));
            tokio::time::advance(Duration::from_secs(10)).await;
        }
        assert!(!Rival::has_run_out(&mut rival, &of("a", 19), duration));
        tokio::time::advance(Duration::from_secs(6)).await;
        assert!(Rival::has_run_out(&mut rival, &of("a", 19), duration));
        // A new holder has its own time.
        assert!(!Rival::has_run_out(&mut rival, &of("b", 19), duration));
    }

    #[test]
    fn two_processes_have_two_names() {
        assert_ne!(identity(), identity());
    }
}
