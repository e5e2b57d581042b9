//! Whatever the objects hold, detection does not panic and does not depend on their order.

use proptest::prelude::*;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::cluster::detect::fixtures::{NOW, found, time};
use crate::cluster::detect::{Entries, findings};
use crate::cluster::view::{Listing, View};

/// Field names that detectors read, so that arbitrary objects reach into their depths.
const FIELDS: &[&str] = &[
    "metadata",
    "name",
    "namespace",
    "uid",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "finalizers",
    "ownerReferences",
    "labels",
    "annotations",
    "spec",
    "status",
    "phase",
    "reason",
    "message",
    "conditions",
    "type",
    "lastTransitionTime",
    "containerStatuses",
    "initContainerStatuses",
    "state",
    "lastState",
    "waiting",
    "running",
    "terminated",
    "exitCode",
    "startedAt",
    "finishedAt",
    "restartCount",
    "ready",
    "started",
    "containers",
    "initContainers",
    "nodeName",
    "replicas",
    "readyReplicas",
    "selector",
    "template",
    "ports",
    "targetPort",
    "port",
    "rules",
    "http",
    "paths",
    "backend",
    "service",
    "used",
    "hard",
    "schedule",
    "suspend",
    "lastScheduleTime",
    "involvedObject",
    "kind",
    "count",
    "lastTimestamp",
    "eventTime",
    "series",
    "volumes",
    "persistentVolumeClaim",
    "claimName",
    "desiredNumberScheduled",
    "numberReady",
    "expectedPods",
    "disruptionsAllowed",
    "startTime",
    "storageClassName",
    "volumeName",
    "matchLabels",
    "maxReplicas",
    "scaleTargetRef",
];

const WORDS: &[&str] = &[
    "",
    "web",
    "shop",
    "True",
    "False",
    "Unknown",
    "Ready",
    "Pending",
    "Running",
    "Failed",
    "Lost",
    "Released",
    "Pod",
    "ReplicaSet",
    "Job",
    "CrashLoopBackOff",
    "ImagePullBackOff",
    "OOMKilled",
    "Evicted",
    "Unschedulable",
    "PodScheduled",
    "Progressing",
    "ProgressDeadlineExceeded",
    "FailedCreate",
    "Unhealthy",
    "0/3 nodes are available: 3 Insufficient cpu.",
    "Liveness probe failed: x",
    "2026-11-25T08:00:00Z",
    "*/5 * * * *",
    "LoadBalancer",
    "ä\u{1b}[31m",
    "spec.containers{",
    "couldn't find key ",
    "exceeded quota: ",
    "failed quota: ",
    "violates PodSecurity",
    "denied the request: ",
    "is forbidden: ",
];

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3_i64..400).prop_map(Value::from),
        prop::sample::select(WORDS).prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 60, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::vec((prop::sample::select(FIELDS), inner), 0..7).prop_map(|pairs| {
                Value::Object(
                    pairs
                        .into_iter()
                        .map(|(key, value)| (key.to_owned(), value))
                        .collect::<Map<_, _>>(),
                )
            }),
        ]
    })
}

/// Takes members of the wrong type away until the object can be read, as far as it can.
fn read<T: DeserializeOwned>(value: &Value) -> Option<T> {
    serde_json::from_value(value.clone()).ok()
}

/// A sound object of every kind; each is then damaged at random.
fn sound() -> Vec<Value> {
    let time = "2026-11-25T08:00:00Z";
    let meta = json!({"name": "web", "namespace": "shop", "creationTimestamp": time, "labels": {"app": "web"}, "generation": 1});
    vec![
        json!({"metadata": meta, "spec": {"nodeName": "n1", "containers": [{"name": "app", "ports": [{"containerPort": 80}]}], "initContainers": [{"name": "i"}]},
            "status": {"phase": "Running", "reason": "Evicted", "conditions": [{"type": "Ready", "status": "False", "lastTransitionTime": time}],
                "initContainerStatuses": [{"name": "i", "state": {"terminated": {"exitCode": 1}}}],
                "containerStatuses": [{"name": "app", "restartCount": 3, "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "m"}}, "lastState": {"terminated": {"exitCode": 137, "reason": "OOMKilled", "finishedAt": time}}}]}}),
        json!({"metadata": meta, "spec": {"replicas": 3, "selector": {}, "template": {"metadata": {"labels": {"app": "web"}}}}, "status": {"replicas": 1, "observedGeneration": 1,
            "conditions": [{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}, {"type": "ReplicaFailure", "status": "True", "message": "exceeded quota: q"}]}}),
        json!({"metadata": meta, "spec": {"type": "LoadBalancer", "selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": "http"}], "schedule": "*/5 * * * *"}}),
        json!({"metadata": meta, "spec": {"ingressClassName": "x", "rules": [{"http": {"paths": [{"backend": {"service": {"name": "y", "port": {"number": 1}}}}]}}]}}),
        json!({"metadata": meta, "spec": {"unschedulable": true, "storageClassName": "x"}, "status": {"phase": "Pending", "conditions": [{"type": "Ready", "status": "Unknown"}]}}),
        json!({"metadata": meta, "status": {"used": {"pods": "5"}, "hard": {"pods": "5"}, "desiredNumberScheduled": 3, "numberReady": 1, "expectedPods": 3}}),
        json!({"metadata": {"name": "e"}, "involvedObject": {"kind": "Pod", "namespace": "shop", "name": "web-0"}, "reason": "Unhealthy", "message": "Liveness probe failed: x", "count": 9, "lastTimestamp": time}),
    ]
}

/// Puts an arbitrary value somewhere into the object, or takes something out.
fn damage(value: &mut Value, path: &[usize], by: Option<&Value>) {
    let Some((step, rest)) = path.split_first() else {
        *value = by.cloned().unwrap_or(Value::Null);
        return;
    };
    match value {
        Value::Object(members) if !members.is_empty() => {
            let key = members.keys().nth(step % members.len()).cloned().unwrap();
            match (rest.is_empty(), by) {
                (true, None) => {
                    members.remove(&key);
                }
                _ => damage(members.get_mut(&key).unwrap(), rest, by),
            }
        }
        Value::Array(items) if !items.is_empty() => {
            let index = step % items.len();
            damage(&mut items[index], rest, by);
        }
        _ => {}
    }
}

fn listing<
    T: DeserializeOwned
        + k8s_openapi::Metadata<Ty = k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta>,
>(
    values: &[Value],
) -> Listing<T> {
    Listing::all(values.iter().filter_map(read).collect())
}

/// Every value as every kind that it can be read as.
fn view(values: &[Value]) -> View {
    View {
        pods: listing(values),
        events: values.iter().filter_map(read).collect(),
        deployments: listing(values),
        replica_sets: listing(values),
        stateful_sets: listing(values),
        daemon_sets: listing(values),
        jobs: listing(values),
        cron_jobs: listing(values),
        autoscalers: listing(values),
        disruption_budgets: listing(values),
        services: listing(values),
        ingresses: listing(values),
        ingress_classes: listing(values),
        claims: listing(values),
        volumes: listing(values),
        storage_classes: listing(values),
        quotas: listing(values),
        nodes: listing(values),
        namespaces: listing(values),
        api_services: listing(values),
        ..View::default()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn arbitrary_objects_do_not_panic(values in prop::collection::vec(value(), 1..5)) {
        let _ = findings(&view(&values), &Entries::new(), time(NOW));
    }

    #[test]
    fn damaged_objects_neither_panic_nor_change_the_order(
        damages in prop::collection::vec((0_usize..7, prop::collection::vec(0_usize..9, 1..7), prop::option::of(value())), 0..12),
        turn in 0_usize..7,
    ) {
        let mut values = sound();
        for (index, path, by) in &damages {
            damage(&mut values[*index], path, by.as_ref());
        }
        // No two objects of a kind have the same name in a cluster.
        for (index, value) in values.iter_mut().enumerate() {
            if let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut) {
                metadata.insert("name".to_owned(), json!(format!("web-{index}")));
            }
        }
        let first = found(&view(&values));
        values.rotate_left(turn);
        let second = found(&view(&values));
        let differs = first.iter().zip(&second).find(|(a, b)| a != b);
        prop_assert!(differs.is_none() && first.len() == second.len(), "{differs:#?}");
    }
}

#[test]
fn empty_objects_show_nothing() {
    assert!(
        found(&view(&[
            json!({}),
            json!({"metadata": null, "spec": null, "status": null})
        ]))
        .is_empty()
    );
}
