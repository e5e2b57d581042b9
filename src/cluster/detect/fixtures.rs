//! Small objects for tests, written as JSON, and what is found on them.

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{Entries, findings};
use crate::cluster::finding::Finding;
use crate::cluster::view::{Listing, View};
use crate::faq::condition::Condition;

/// The time of every test.
pub(crate) const NOW: &str = "2026-11-25T09:00:00Z";

pub(crate) fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A time this many seconds before [`NOW`], as the API writes it.
pub(crate) fn ago(seconds: i64) -> String {
    (time(NOW) - jiff::SignedDuration::from_secs(seconds))
        .strftime("%Y-%m-%dT%H:%M:%SZ")
        .to_string()
}

/// An object from its JSON.
pub(crate) fn object<T: DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

/// A listing of everything there is.
pub(crate) fn all<
    T: DeserializeOwned
        + k8s_openapi::Metadata<Ty = k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta>,
>(
    values: Vec<Value>,
) -> Listing<T> {
    Listing::all(values.into_iter().map(object).collect())
}

/// What is found at [`NOW`].
pub(crate) fn found(view: &View) -> Vec<Finding> {
    findings(view, &Entries::new(), time(NOW))
}

/// The names of the conditions that are found, each once, in the order of the findings.
pub(crate) fn conditions(view: &View) -> Vec<Condition> {
    let mut seen = Vec::new();
    for finding in found(view) {
        if !seen.contains(&finding.condition) {
            seen.push(finding.condition);
        }
    }
    seen
}

/// A pod `web` in `shop` with this specification and status; the rest as a running cluster fills it.
pub(crate) fn pod(spec: &Value, status: &Value) -> Value {
    let mut pod = json!({
        "metadata": {"namespace": "shop", "name": "web", "uid": "u-web", "creationTimestamp": ago(3600)},
        "spec": {"nodeName": "n1", "containers": [{"name": "app", "image": "shop/web:1"}]},
        "status": {
            "phase": "Running", "startTime": ago(3600),
            "conditions": [{"type": "Ready", "status": "False", "lastTransitionTime": ago(1800)}]
        }
    });
    merge(&mut pod["spec"], spec);
    merge(&mut pod["status"], status);
    pod
}

/// A pod with one container `app` in this status.
pub(crate) fn pod_with(container: &Value) -> Value {
    let mut status = json!({"name": "app", "ready": false, "restartCount": 0, "image": "shop/web:1", "imageID": ""});
    merge(&mut status, container);
    pod(&json!({}), &json!({"containerStatuses": [status]}))
}

/// An event as a kubelet writes it.
pub(crate) fn event(
    kind: &str,
    name: &str,
    reason: &str,
    message: &str,
    count: i32,
    seconds_ago: i64,
) -> Value {
    json!({
        "metadata": {"namespace": "shop", "name": format!("{name}.{reason}.{seconds_ago}")}, "type": "Warning", "reason": reason, "message": message, "count": count,
        "firstTimestamp": ago(seconds_ago + 60 * i64::from(count - 1)), "lastTimestamp": ago(seconds_ago),
        "involvedObject": {"kind": kind, "namespace": "shop", "name": name, "fieldPath": "spec.containers{app}"}
    })
}

/// A view of these pods and events, complete.
pub(crate) fn pods(values: Vec<Value>, events: Vec<Value>) -> View {
    View {
        pods: all(values),
        events: events.into_iter().map(object).collect(),
        ..View::default()
    }
}

/// Puts `patch` over `value`, objects member by member.
pub(crate) fn merge(value: &mut Value, patch: &Value) {
    match (value, patch) {
        (Value::Object(own), Value::Object(new)) => {
            for (key, item) in new {
                merge(own.entry(key.clone()).or_insert(Value::Null), item);
            }
        }
        (own, new) => *own = new.clone(),
    }
}
