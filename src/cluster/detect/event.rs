//! Events by the object that they are about, read the same whichever way they were recorded.
//!
//! Kubelets and old controllers write `count` and `lastTimestamp`; the scheduler and newer controllers write `eventTime`, a null
//! `lastTimestamp`, and a `series` once an event repeats.

use std::collections::HashMap;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Event;

/// One event, in one form.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen<'a> {
    pub(super) reason: &'a str,
    pub(super) message: &'a str,
    pub(super) is_warning: bool,
    /// How often it was seen, at least once.
    pub(super) count: i32,
    pub(super) first: Option<Timestamp>,
    pub(super) last: Option<Timestamp>,
    /// The container that it is about, from a field path such as `spec.containers{app}`.
    pub(super) container: Option<&'a str>,
    pub(super) kind: &'a str,
    pub(super) namespace: &'a str,
    pub(super) name: &'a str,
    uid: Option<&'a str>,
}

impl<'a> Seen<'a> {
    fn new(event: &'a Event) -> Self {
        let series = event.series.as_ref();
        let observed = series
            .and_then(|series| series.last_observed_time.as_ref())
            .map(|time| time.0);
        let at = event.event_time.as_ref().map(|time| time.0);
        let first = event.first_timestamp.as_ref().map(|time| time.0);
        let last = event.last_timestamp.as_ref().map(|time| time.0);
        let born = event
            .metadata
            .creation_timestamp
            .as_ref()
            .map(|time| time.0);
        let about = &event.involved_object;
        Seen {
            reason: event.reason.as_deref().unwrap_or_default(),
            message: event.message.as_deref().unwrap_or_default(),
            is_warning: event.type_.as_deref() == Some("Warning"),
            count: event
                .count
                .max(series.and_then(|series| series.count))
                .unwrap_or(1)
                .max(1),
            first: first.or(at).or(last).or(born),
            last: [observed, last, at, first]
                .into_iter()
                .flatten()
                .max()
                .or(born),
            container: about.field_path.as_deref().and_then(container_of),
            kind: about.kind.as_deref().unwrap_or_default(),
            namespace: about.namespace.as_deref().unwrap_or_default(),
            name: about.name.as_deref().unwrap_or_default(),
            uid: about.uid.as_deref().filter(|uid| !uid.is_empty()),
        }
    }

    /// The event as a line of evidence.
    pub(super) fn line(&self) -> String {
        let times = if self.count > 1 {
            format!(" ({}×)", self.count)
        } else {
            String::new()
        };
        format!("{}{times}: {}", self.reason, self.message)
    }
}

/// `spec.containers{app}` → `app`
fn container_of(field_path: &str) -> Option<&str> {
    let (path, rest) = field_path.split_once('{')?;
    path.to_ascii_lowercase()
        .ends_with("containers")
        .then(|| rest.strip_suffix('}'))
        .flatten()
}

/// All events of a view, by kind, namespace and name of the object that they are about.
pub(super) struct EventIndex<'a> {
    by_object: HashMap<(&'a str, &'a str, &'a str), Vec<Seen<'a>>>,
}

impl<'a> EventIndex<'a> {
    pub(super) fn new(events: &'a [Event]) -> Self {
        let mut by_object: HashMap<_, Vec<_>> = HashMap::new();
        for seen in events.iter().map(Seen::new) {
            by_object
                .entry((seen.kind, seen.namespace, seen.name))
                .or_default()
                .push(seen);
        }
        for seen in by_object.values_mut() {
            // The newest first; the text decides between equals, so that the order never depends on the server's.
            seen.sort_by(|a, b| (b.last, a.reason, a.message).cmp(&(a.last, b.reason, b.message)));
        }
        EventIndex { by_object }
    }

    /// The events about one object, the newest first. Those about an earlier object of the same name are left out by its `uid`.
    pub(super) fn about(
        &self,
        kind: &str,
        namespace: &str,
        name: &str,
        uid: Option<&str>,
    ) -> Vec<Seen<'a>> {
        let Some(seen) = self.by_object.get(&(kind, namespace, name)) else {
            return Vec::new();
        };
        seen.iter()
            .filter(|seen| match (seen.uid, uid) {
                (Some(of_event), Some(of_object)) => of_event == of_object,
                _ => true,
            })
            .copied()
            .collect()
    }

    /// All events of one reason, in a stable order.
    pub(super) fn of_reason(&self, reason: &str) -> Vec<Seen<'a>> {
        let mut found: Vec<_> = self
            .by_object
            .values()
            .flatten()
            .filter(|seen| seen.reason == reason)
            .copied()
            .collect();
        found.sort_by_key(|seen| (seen.namespace, seen.kind, seen.name, seen.message));
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::detect::fixtures::{object, time};
    use serde_json::json;

    fn seen(event: &Event) -> (i32, Option<Timestamp>, Option<&str>) {
        let seen = Seen::new(event);
        (seen.count, seen.last, seen.container)
    }

    #[test]
    fn kubelet_and_scheduler_events_are_read_alike() {
        let kubelet: Event = object(json!({
            "metadata": {}, "count": 7, "firstTimestamp": "2026-11-25T08:00:00Z", "lastTimestamp": "2026-11-25T08:10:00Z",
            "involvedObject": {"kind": "Pod", "name": "a", "namespace": "shop", "fieldPath": "spec.initContainers{migrate}"}
        }));
        assert_eq!(
            seen(&kubelet),
            (7, Some(time("2026-11-25T08:10:00Z")), Some("migrate"))
        );
        let scheduler: Event = object(json!({
            "metadata": {}, "eventTime": "2026-11-25T08:00:00.5Z", "lastTimestamp": null, "firstTimestamp": null,
            "series": {"count": 4, "lastObservedTime": "2026-11-25T08:20:00.0Z"},
            "involvedObject": {"kind": "Pod", "name": "a", "namespace": "shop"}
        }));
        assert_eq!(
            seen(&scheduler),
            (4, Some(time("2026-11-25T08:20:00Z")), None)
        );
        assert_eq!(seen(&Event::default()), (1, None, None));
    }

    #[test]
    fn events_of_an_earlier_object_of_the_same_name_are_left_out() {
        let events: Vec<Event> = ["old", "new"]
            .map(|uid| object(json!({"metadata": {}, "involvedObject": {"kind": "Pod", "namespace": "shop", "name": "db-0", "uid": uid}, "message": uid})))
            .into();
        let index = EventIndex::new(&events);
        let about: Vec<&str> = index
            .about("Pod", "shop", "db-0", Some("new"))
            .iter()
            .map(|seen| seen.message)
            .collect();
        assert_eq!(about, ["new"]);
    }
}
