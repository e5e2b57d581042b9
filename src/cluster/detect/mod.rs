//! Recognises conditions on objects that were read: pure functions, one file for each family of objects.
//!
//! Two properties matter more than any other: nothing is said of what is well, and nothing is claimed that the objects do not say.
//! So whatever is only just starting has a grace, and nothing is called missing unless the listing that lacks it is complete.

mod autoscaling;
mod beside;
mod budget;
mod changed;
mod claim;
mod commands;
mod container;
mod creating;
mod creation;
mod cron;
mod event;
mod exit_code;
mod fold;
mod image;
mod ingress;
mod job;
mod load_balancer;
mod namespace;
mod node;
mod node_fit;
mod owner;
mod pod;
mod pod_case;
mod probe;
mod pull_message;
mod quantity;
mod refusal;
mod scheduling;
mod service;
mod service_port;
mod sighting;
mod system;
mod unschedulable;
mod volume;
mod words;
mod workload;

#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use crate::cluster::finding::Finding;
use crate::cluster::view::View;
use crate::faq::condition::Condition;
use crate::faq::id::EntryId;
use event::EventIndex;
use owner::Owners;

/// The entry that explains each condition, as the caller's catalog says.
pub type Entries = BTreeMap<Condition, EntryId>;

/// All conditions that the objects of a view show at `now`, one finding for each condition and owner, the worst first.
#[must_use]
pub fn findings(view: &View, entries: &Entries, now: Timestamp) -> Vec<Finding> {
    let case = Case {
        view,
        events: EventIndex::new(&view.events),
        owners: Owners::new(view),
        now,
    };
    let mut sightings = Vec::new();
    for pod in &view.pods.items {
        pod::sightings(&case, pod, &mut sightings);
    }
    pod::preempted_and_gone(&case, &mut sightings);
    workload::sightings(&case, &mut sightings);
    creation::sightings(&case, &mut sightings);
    job::sightings(&case, &mut sightings);
    autoscaling::sightings(&case, &mut sightings);
    budget::sightings(&case, &mut sightings);
    service::sightings(&case, &mut sightings);
    ingress::sightings(&case, &mut sightings);
    claim::sightings(&case, &mut sightings);
    volume::sightings(&case, &mut sightings);
    node::sightings(&case, &mut sightings);
    namespace::sightings(&case, &mut sightings);
    system::sightings(&case, &mut sightings);
    fold::findings(&case, sightings, entries)
}

pub(super) use creating::unexplained as unexplained_creations;
pub(super) use service::doubtful as doubtful_services;
pub use words::age;

/// What every detector is given.
struct Case<'a> {
    view: &'a View,
    events: EventIndex<'a>,
    owners: Owners<'a>,
    now: Timestamp,
}

impl Case<'_> {
    /// How long ago `time` was; zero for the future and for no time at all.
    fn age(&self, time: Option<Timestamp>) -> SignedDuration {
        time.map_or(SignedDuration::ZERO, |time| {
            self.now.duration_since(time).max(SignedDuration::ZERO)
        })
    }

    /// Whether `time` lies at least `seconds` back. What has no time is taken as long ago: a half-filled object is not "just starting".
    fn is_older(&self, time: Option<Timestamp>, seconds: i64) -> bool {
        time.is_none_or(|time| self.now.duration_since(time) >= SignedDuration::from_secs(seconds))
    }

    /// Whether `time` is known and lies less than `seconds` back.
    fn is_recent(&self, time: Option<Timestamp>, seconds: i64) -> bool {
        !self.is_older(time, seconds)
    }
}
