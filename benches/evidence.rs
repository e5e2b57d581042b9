//! Looks at clusters of 500, 5,000 and 20,000 pods, of which 1 % are sick, and prints what that takes beside kubectl.
//!
//! `KUBEBUILDER_ASSETS=$(tests/cluster/prepare) cargo bench --bench evidence [PODS…]`
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a measurement that cannot go on says so by panicking"
)]

// The API server is the tests' own.
#[allow(dead_code, reason = "not all of it is used here")]
#[path = "../tests/cluster/server.rs"]
mod server;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use futures_util::{StreamExt, stream};
use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use k8s_openapi::api::core::v1::{Event, Namespace, Pod, ServiceAccount};
use k8s_openapi::jiff::Timestamp;
use k8sfaq::cluster::connect::Place;
use k8sfaq::cluster::detect::Entries;
use k8sfaq::cluster::evidence::Namespaces;
use k8sfaq::cluster::lookup::{Cluster, Lookup, Scope, What};
use k8sfaq::faq::condition::Condition;
use kube::Client;
use kube::api::{Api, Patch, PatchParams, PostParams};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use server::Server;

const NAMESPACES: usize = 10;
const PODS_OF_A_DEPLOYMENT: usize = 10;
/// One pod in so many is sick.
const SICK: usize = 100;
const ROUNDS: usize = 5;
const ASKERS: usize = 50;
/// Requests in flight while the cluster is filled.
const WRITERS: usize = 32;

#[tokio::main]
async fn main() {
    let sizes: Vec<usize> = std::env::args()
        .filter_map(|argument| argument.parse().ok())
        .collect();
    let sizes = if sizes.is_empty() {
        vec![500, 5_000, 20_000]
    } else {
        sizes
    };
    let server = Server::get();
    let client = server.client().await;
    namespaces(&client).await;
    let mut filled = 0;
    for pods in sizes {
        fill(&client, filled, pods).await;
        filled = filled.max(pods);
        println!(
            "{filled} pods, {} sick, in {NAMESPACES} namespaces; medians of {ROUNDS}",
            filled / SICK
        );
        processes(server.kubeconfig());
        askers(server.kubeconfig()).await;
    }
}

/// Whole processes, one after another in each round, so that what disturbs the machine disturbs all.
fn processes(kubeconfig: &Path) {
    let kubectl = server::assets()
        .expect("KUBEBUILDER_ASSETS is set")
        .join("kubectl");
    let k8sfaq = Path::new(env!("CARGO_BIN_EXE_k8sfaq"));
    let commands: [(&str, &Path, &[&str]); 3] = [
        ("kubectl get pods -A", &kubectl, &["get", "pods", "-A"]),
        (
            "k8sfaq ask crashloop -A",
            k8sfaq,
            &["ask", "crashloop", "-A"],
        ),
        ("k8sfaq status -A", k8sfaq, &["status", "-A"]),
    ];
    let mut runs = [const { Vec::new() }; 3];
    for _ in 0..ROUNDS {
        for (run, (_, program, arguments)) in runs.iter_mut().zip(commands) {
            run.push(measured(program, arguments, kubeconfig));
        }
    }
    let first = median(runs[0].iter().map(|run| run.0));
    for (run, (name, _, _)) in runs.iter().zip(commands) {
        let wall = median(run.iter().map(|run| run.0));
        let peak = run.iter().map(|run| run.1).max().unwrap_or_default();
        println!(
            "  {name:<24} {:>6.0} ms  {:>5.1} times as fast  peak {:>4} MiB",
            wall.as_secs_f64() * 1e3,
            first.as_secs_f64() / wall.as_secs_f64(),
            peak / 1024,
        );
    }
}

/// How long a process takes, and the most memory that it had resident, in KiB.
fn measured(program: &Path, arguments: &[&str], kubeconfig: &Path) -> (Duration, u64) {
    let begun = Instant::now();
    let mut child = Command::new(program)
        .args(arguments)
        .arg("--kubeconfig")
        .arg(kubeconfig)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("{}: {error}", program.display()));
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    while child.try_wait().expect("it was started").is_none() {
        // The kernel keeps the highest value: the last look is at most a millisecond old.
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let seen = text
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))
            .and_then(|value| value.split_whitespace().next()?.parse().ok());
        peak = peak.max(seen.unwrap_or(0));
        std::thread::sleep(Duration::from_millis(1));
    }
    (begun.elapsed(), peak)
}

/// What one asker makes the API server send, and what many at once do.
async fn askers(kubeconfig: &Path) {
    let place = Place {
        kubeconfig: Some(kubeconfig.to_owned()),
        context: None,
    };
    let lookup = Lookup {
        what: What::Conditions(vec![Condition::CrashLoopBackOff]),
        scope: Scope {
            namespaces: Namespaces::All,
            cluster: true,
            logs: Vec::new(),
        },
        deadline: Duration::from_secs(30),
    };
    let entries = Entries::new();
    let mut bytes = Vec::new();
    for number in [1, ASKERS] {
        let cluster = Cluster::connect(&place)
            .await
            .expect("the kubeconfig is good");
        let evidence = join_all((0..number).map(|_| cluster.lookup(&lookup, &entries))).await;
        assert!(
            evidence
                .iter()
                .all(|evidence| evidence.not_checked.is_empty())
        );
        bytes.push(cluster.traffic().bytes);
    }
    println!(
        "  API bytes of one asker {} KiB, of {ASKERS} at once {} KiB",
        bytes[0] / 1024,
        bytes[1] / 1024
    );
}

fn median(values: impl Iterator<Item = Duration>) -> Duration {
    let mut values: Vec<Duration> = values.collect();
    values.sort();
    values[values.len() / 2]
}

fn namespace(pod: usize) -> String {
    format!("bench-{}", pod / PODS_OF_A_DEPLOYMENT % NAMESPACES)
}

async fn namespaces(client: &Client) {
    for at in 0..NAMESPACES {
        let name = format!("bench-{at}");
        create::<Namespace>(
            &Api::all(client.clone()),
            json!({"metadata": {"name": name}}),
        )
        .await;
        let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), &name);
        create(&accounts, json!({"metadata": {"name": "default"}})).await;
    }
}

/// Adds pods, with their owners, until there are so many.
async fn fill(client: &Client, from: usize, to: usize) {
    let deployments: Vec<usize> = (from..to).step_by(PODS_OF_A_DEPLOYMENT).collect();
    stream::iter(deployments)
        .for_each_concurrent(WRITERS, |first| deployment(client, first, to))
        .await;
}

async fn deployment(client: &Client, first: usize, to: usize) {
    let namespace = namespace(first);
    let name = format!("app-{}", first / PODS_OF_A_DEPLOYMENT);
    let labels = json!({"app": name});
    let template = json!({"metadata": {"labels": labels}, "spec": spec()});
    let spec = json!({"replicas": PODS_OF_A_DEPLOYMENT, "selector": {"matchLabels": labels}, "template": template});
    let deployment = create::<Deployment>(
        &Api::namespaced(client.clone(), &namespace),
        json!({"metadata": {"name": name, "labels": labels}, "spec": spec}),
    )
    .await;
    let owner = owner("Deployment", &name, deployment.metadata.uid.as_deref());
    let set_name = format!("{name}-7c9f6d5b8d");
    let set = create::<ReplicaSet>(
        &Api::namespaced(client.clone(), &namespace),
        json!({"metadata": {"name": set_name, "labels": labels, "ownerReferences": [owner]}, "spec": spec}),
    )
    .await;
    let owner = self::owner("ReplicaSet", &set_name, set.metadata.uid.as_deref());
    let pods: Api<Pod> = Api::namespaced(client.clone(), &namespace);
    for at in first..to.min(first + PODS_OF_A_DEPLOYMENT) {
        let name = format!("{set_name}-{at:05}");
        let metadata = json!({"name": name, "labels": labels, "ownerReferences": [owner]});
        create(&pods, json!({"metadata": metadata, "spec": self::spec()})).await;
        let is_sick = at % SICK == 0;
        let status = Patch::Merge(json!({"status": status(is_sick)}));
        pods.patch_status(&name, &PatchParams::default(), &status)
            .await
            .expect("a status");
        if is_sick {
            let events: Api<Event> = Api::namespaced(client.clone(), &namespace);
            create(&events, back_off(&namespace, &name)).await;
        }
    }
}

async fn create<K>(api: &Api<K>, object: Value) -> K
where
    K: kube::Resource + Clone + DeserializeOwned + serde::Serialize + std::fmt::Debug,
{
    let object = serde_json::from_value(object).expect("an object of its kind");
    api.create(&PostParams::default(), &object)
        .await
        .expect("the server takes it")
}

fn owner(kind: &str, name: &str, uid: Option<&str>) -> Value {
    json!({"apiVersion": "apps/v1", "kind": kind, "name": name, "uid": uid, "controller": true, "blockOwnerDeletion": true})
}

/// A pod as teams have them: two containers, some variables, probes and volumes.
fn spec() -> Value {
    let variables: Vec<Value> = (0..20)
        .map(|at| json!({"name": format!("SETTING_{at}"), "value": "a value of some length, as they are"}))
        .collect();
    let container = |name: &str| {
        json!({
            "name": name, "image": format!("registry.example/shop/{name}:1.4.2"), "env": variables,
            "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "256Mi"}},
            "readinessProbe": {"httpGet": {"path": "/ready", "port": 8080}},
            "volumeMounts": [{"name": "scratch", "mountPath": "/scratch"}],
        })
    };
    json!({
        "nodeName": "node-1",
        "containers": [container("app"), container("proxy")],
        "volumes": [{"name": "scratch", "emptyDir": {}}],
    })
}

fn status(is_sick: bool) -> Value {
    let now = Timestamp::now();
    let condition = |kind: &str, holds: bool| json!({"type": kind, "status": if holds { "True" } else { "False" }, "lastTransitionTime": now});
    let running = |name: &str| {
        json!({
            "name": name, "image": format!("registry.example/shop/{name}:1.4.2"), "imageID": "sha256:0f1e2d",
            "ready": true, "restartCount": 0, "started": true, "state": {"running": {"startedAt": now}},
        })
    };
    let mut app = running("app");
    if is_sick {
        app["ready"] = json!(false);
        app["restartCount"] = json!(7);
        app["state"] = json!({"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 5m0s restarting failed container=app"}});
        app["lastState"] = json!({"terminated": {"exitCode": 1, "reason": "Error", "finishedAt": now, "startedAt": now}});
    }
    json!({
        "phase": "Running", "hostIP": "10.0.0.1", "podIP": "10.1.0.1", "startTime": now,
        "conditions": [
            condition("PodScheduled", true), condition("Initialized", true),
            condition("ContainersReady", !is_sick), condition("Ready", !is_sick),
        ],
        "containerStatuses": [app, running("proxy")],
    })
}

fn back_off(namespace: &str, pod: &str) -> Value {
    let now = Timestamp::now();
    json!({
        "metadata": {"name": format!("{pod}.1")},
        "involvedObject": {"apiVersion": "v1", "kind": "Pod", "name": pod, "namespace": namespace, "fieldPath": "spec.containers{app}"},
        "type": "Warning", "reason": "BackOff", "count": 12,
        "message": format!("Back-off restarting failed container app in pod {pod}"),
        "source": {"component": "kubelet", "host": "node-1"},
        "firstTimestamp": now, "lastTimestamp": now,
    })
}
