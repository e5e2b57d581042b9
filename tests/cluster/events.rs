//! Events as a kubelet, the scheduler and the controllers write them.

use k8s_openapi::api::core::v1::{Event, EventSource, ObjectReference};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, Time};
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use kube::api::{DynamicObject, ObjectMeta};

use crate::namespace::unique;

/// What an event says.
#[derive(Clone, Copy)]
pub struct Told<'a> {
    /// `Normal` or `Warning`.
    pub kind: &'a str,
    /// Such as `BackOff`.
    pub reason: &'a str,
    /// The sentence.
    pub message: &'a str,
    /// How often it was seen; at least once.
    pub count: i32,
    /// How long ago it was last seen.
    pub ago: SignedDuration,
}

impl<'a> Told<'a> {
    /// A warning that was seen once, just now.
    pub fn warning(reason: &'a str, message: &'a str) -> Told<'a> {
        Told {
            kind: "Warning",
            reason,
            message,
            count: 1,
            ago: SignedDuration::ZERO,
        }
    }
}

/// An event of a kubelet: counted, with `lastTimestamp`; about one container where `container` names it.
pub fn from_kubelet(about: &DynamicObject, container: Option<&str>, told: Told<'_>) -> Event {
    let mut event = counted("kubelet", about, told);
    event.involved_object.field_path = container.map(|name| format!("spec.containers{{{name}}}"));
    event
}

/// An event of a controller such as `replicaset-controller`: counted, with `lastTimestamp`.
pub fn from_controller(controller: &str, about: &DynamicObject, told: Told<'_>) -> Event {
    counted(controller, about, told)
}

/// An event of the scheduler: of the newer form, with `eventTime`, and without count and time stamps.
pub fn from_scheduler(about: &DynamicObject, told: Told<'_>) -> Event {
    Event {
        event_time: Some(MicroTime(seen(told))),
        action: Some("Scheduling".to_owned()),
        reporting_component: Some("default-scheduler".to_owned()),
        reporting_instance: Some("default-scheduler-control-plane".to_owned()),
        ..plain(about, told)
    }
}

/// An event of the older form, that most components write.
fn counted(component: &str, about: &DynamicObject, told: Told<'_>) -> Event {
    /// How far apart two of a row of events are made to be.
    const BETWEEN: SignedDuration = SignedDuration::from_secs(10);
    let last = seen(told);
    Event {
        count: Some(told.count),
        first_timestamp: Some(Time(last - BETWEEN * (told.count - 1))),
        last_timestamp: Some(Time(last)),
        source: Some(EventSource {
            component: Some(component.to_owned()),
            host: None,
        }),
        reporting_component: Some(component.to_owned()),
        ..plain(about, told)
    }
}

fn plain(about: &DynamicObject, told: Told<'_>) -> Event {
    let types = about.types.clone().unwrap_or_default();
    let name = about.metadata.name.clone().unwrap_or_default();
    // Events about objects of the whole cluster, such as nodes, stand in `default`.
    let namespace = about.metadata.namespace.clone();
    Event {
        metadata: ObjectMeta {
            name: Some(unique(&name)),
            namespace: Some(namespace.clone().unwrap_or_else(|| "default".to_owned())),
            ..ObjectMeta::default()
        },
        involved_object: ObjectReference {
            api_version: Some(types.api_version),
            kind: Some(types.kind),
            name: Some(name),
            namespace,
            uid: about.metadata.uid.clone(),
            ..ObjectReference::default()
        },
        type_: Some(told.kind.to_owned()),
        reason: Some(told.reason.to_owned()),
        message: Some(told.message.to_owned()),
        ..Event::default()
    }
}

fn seen(told: Told<'_>) -> Timestamp {
    Timestamp::now() - told.ago
}
