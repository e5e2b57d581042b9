//! Live evidence from end to end: the program, its exit statuses and JSON, and the rights that it needs.

use std::path::Path;
use std::process::Command;

use k8s_openapi::api::core::v1::{Pod, Secret};
use kube::api::{Api, DeleteParams, ListParams, PostParams};
use kube::{Client, Error};
use serde_json::Value;

use crate::accounts::{Account, Reach};
use crate::namespace::Namespace;
use crate::server::Server;

/// A Deployment whose only pod crashes again and again.
pub const CHECKOUT: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: { name: checkout }
spec:
  replicas: 1
  selector: { matchLabels: { app: checkout } }
  template:
    metadata: { labels: { app: checkout } }
    spec:
      containers: [{ name: app, image: registry.example/checkout:2 }]
status: { replicas: 1, unavailableReplicas: 1, updatedReplicas: 1, observedGeneration: 1 }
---
apiVersion: apps/v1
kind: ReplicaSet
metadata:
  name: checkout-7899d5c6b8
  labels: { app: checkout }
  ownerReferences: [{ apiVersion: apps/v1, kind: Deployment, name: checkout, uid: checkout-1, controller: true }]
spec:
  replicas: 1
  selector: { matchLabels: { app: checkout } }
  template:
    metadata: { labels: { app: checkout } }
    spec:
      containers: [{ name: app, image: registry.example/checkout:2 }]
status: { replicas: 1, observedGeneration: 1 }
---
apiVersion: v1
kind: Pod
metadata:
  name: checkout-7899d5c6b8-x2x9z
  labels: { app: checkout }
  ownerReferences: [{ apiVersion: apps/v1, kind: ReplicaSet, name: checkout-7899d5c6b8, uid: checkout-2, controller: true }]
spec:
  containers: [{ name: app, image: registry.example/checkout:2 }]
status:
  phase: Running
  conditions:
    - { type: Ready, status: 'False', reason: ContainersNotReady }
  containerStatuses:
    - name: app
      image: registry.example/checkout:2
      imageID: ''
      ready: false
      restartCount: 7
      state: { waiting: { reason: CrashLoopBackOff, message: back-off 5m0s restarting failed container } }
      lastState: { terminated: { exitCode: 1, reason: Error, startedAt: '2026-11-25T08:00:00Z', finishedAt: '2026-11-25T08:00:01Z' } }
";

struct Run {
    status: i32,
    out: String,
    err: String,
}

impl Run {
    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}", self.out))
    }
}

/// Runs the program with a kubeconfig in its environment, as kubectl would find it. Time is ample: what is slow here is the machine.
fn k8sfaq(kubeconfig: &Path, arguments: &[&str]) -> Run {
    let output = Command::new(env!("CARGO_BIN_EXE_k8sfaq"))
        .args(arguments)
        .env("KUBECONFIG", kubeconfig)
        .env("NO_COLOR", "1")
        .output()
        .expect("the binary starts");
    Run {
        status: output.status.code().expect("it ends by itself"),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Settings with a deadline that a busy machine meets.
fn patient(kubeconfig: &Path) -> Vec<String> {
    vec![
        "--set".to_owned(),
        format!("cluster.here.kubeconfig={}", kubeconfig.display()),
        "--set".to_owned(),
        "cluster.here.deadline_ms=30000".to_owned(),
    ]
}

fn patiently(kubeconfig: &Path, arguments: &[&str]) -> Run {
    let settings = patient(kubeconfig);
    let all: Vec<&str> = arguments
        .iter()
        .copied()
        .chain(settings.iter().map(String::as_str))
        .collect();
    k8sfaq(kubeconfig, &all)
}

fn rules(manifest: &str, kind: &str) -> Value {
    let documents: Vec<Value> = serde_saphyr::from_multiple(manifest).expect("a manifest");
    let role = documents.iter().find(|document| document["kind"] == kind);
    role.expect("a role")["rules"].clone()
}

#[tokio::test]
async fn a_status_ends_with_1_where_something_was_found_and_its_json_says_what() {
    let namespace = Namespace::create("evidence-status").await;
    namespace.apply(CHECKOUT).await;
    let admin = Server::get().kubeconfig();
    let run = patiently(
        admin,
        &["status", "-n", &namespace.name, "--format", "json"],
    );
    assert_eq!(run.status, 1, "{}{}", run.out, run.err);
    let json = run.json();
    assert_eq!(json["scope"]["namespaces"][0], namespace.name.as_str());
    assert_eq!(json["not_checked"], serde_json::json!([]));
    let crash = json["findings"]
        .as_array()
        .unwrap()
        .iter()
        .find(|finding| finding["condition"] == "CrashLoopBackOff")
        .unwrap_or_else(|| panic!("{json:#}"));
    assert_eq!(crash["entry"], "pod-crashloopbackoff");
    assert_eq!(crash["objects"][0]["name"], "checkout-7899d5c6b8-x2x9z");
}

#[tokio::test]
async fn a_status_ends_with_0_where_all_is_well_and_names_what_was_looked_at() {
    let namespace = Namespace::create("evidence-well").await;
    let run = patiently(
        Server::get().kubeconfig(),
        &["status", "-n", &namespace.name],
    );
    assert_eq!(run.status, 0, "{}{}", run.out, run.err);
    assert!(run.out.contains("Nothing found. Looked at"), "{}", run.out);
}

#[tokio::test]
async fn a_status_ends_with_2_where_nothing_may_be_read_and_says_which_rule_is_missing() {
    let namespace = Namespace::create("evidence-denied").await;
    let account = Account::with_rules(&namespace, Reach::Namespace, &serde_json::json!([])).await;
    let run = patiently(
        &account.kubeconfig,
        &["status", "-n", &namespace.name, "--format", "json"],
    );
    assert_eq!(run.status, 2, "{}{}", run.out, run.err);
    let json = run.json();
    let missed = json["not_checked"].as_array().unwrap();
    let pods = missed
        .iter()
        .find(|missed| missed["what"].as_str().unwrap().starts_with("pods in"))
        .unwrap_or_else(|| panic!("{json:#}"));
    assert_eq!(pods["why"], "denied");
    assert!(
        pods["detail"]
            .as_str()
            .unwrap()
            .contains(r#"resources: ["pods"]"#)
    );
}

#[tokio::test]
async fn an_answer_is_given_where_the_server_cannot_be_reached() {
    let folder = tempfile::tempdir().unwrap();
    let nowhere = folder.path().join("kubeconfig");
    std::fs::write(
        &nowhere,
        r#"{"apiVersion": "v1", "kind": "Config", "current-context": "gone",
            "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}],
            "users": [{"name": "u", "user": {"token": "t"}}],
            "contexts": [{"name": "gone", "context": {"cluster": "c", "user": "u"}}]}"#,
    )
    .unwrap();
    let run = k8sfaq(&nowhere, &["ask", "crashloop", "-n", "shop"]);
    assert_eq!(run.status, 0, "{}", run.err);
    assert!(
        run.out.contains("entry pod-crashloopbackoff"),
        "{}",
        run.out
    );
    assert!(
        run.out.contains("cluster gone: cannot be reached") && !run.out.contains("Nothing found."),
        "{}",
        run.out
    );
    let status = k8sfaq(&nowhere, &["status", "-n", "shop", "--format", "json"]);
    assert_eq!(status.status, 2);
    assert_eq!(status.json()["not_checked"][0]["why"], "unreachable");
}

#[tokio::test]
async fn without_an_option_or_a_setting_ask_looks_at_no_cluster() {
    let run = k8sfaq(
        Server::get().kubeconfig(),
        &["ask", "crashloop", "--format", "json"],
    );
    assert_eq!(run.json()["evidence"], Value::Null);
    let conflict = k8sfaq(Server::get().kubeconfig(), &["status", "-n", "shop", "-A"]);
    assert_eq!(conflict.status, 2);
    let no_name = k8sfaq(Server::get().kubeconfig(), &["status", "-n", "../x"]);
    assert_eq!(no_name.status, 2);
}

#[tokio::test]
async fn an_answers_commands_hold_the_names_of_what_was_found() {
    let namespace = Namespace::create("evidence-ask").await;
    namespace.apply(CHECKOUT).await;
    let run = patiently(
        Server::get().kubeconfig(),
        &["ask", "crashloop", "-n", &namespace.name],
    );
    assert_eq!(run.status, 0, "{}", run.err);
    let command = format!(
        "kubectl describe pod checkout-7899d5c6b8-x2x9z -n {}",
        namespace.name
    );
    assert!(run.out.contains(&command), "{}", run.out);
    assert!(!run.out.contains("<pod>"), "{}", run.out);
    assert!(run.out.contains("What the cluster shows"), "{}", run.out);
}

#[tokio::test]
async fn a_question_that_names_an_object_gets_its_triage() {
    let namespace = Namespace::create("evidence-object").await;
    namespace.apply(CHECKOUT).await;
    let admin = Server::get().kubeconfig();
    let pasted = "checkout-7899d5c6b8-x2x9z   0/1   CrashLoopBackOff   7 (2m ago)   40m";
    let named = format!("pod {}/checkout-7899d5c6b8-x2x9z", namespace.name);
    for question in [pasted, &named] {
        let run = patiently(
            admin,
            &["ask", question, "-n", &namespace.name, "--format", "json"],
        );
        let json = run.json();
        assert_eq!(
            json["entry"]["id"], "pod-crashloopbackoff",
            "{question}: {json:#}"
        );
        assert_eq!(
            json["evidence"]["findings"][0]["objects"][0]["name"], "checkout-7899d5c6b8-x2x9z",
            "{question}: {json:#}"
        );
    }
    let gone = format!("pod {}/checkout-7899d5c6b8-aaaaa", namespace.name);
    let json = patiently(admin, &["ask", &gone, "--format", "json"]).json();
    assert_eq!(
        json["evidence"]["not_checked"][0]["why"], "not_found",
        "{json:#}"
    );
}

#[tokio::test]
async fn an_object_that_is_well_is_said_to_be_and_gets_no_entry_for_what_it_does_not_show() {
    let namespace = Namespace::create("evidence-well").await;
    let well = CHECKOUT
        .replace(
            "{ replicas: 1, unavailableReplicas: 1, updatedReplicas: 1, observedGeneration: 1 }",
            "{ replicas: 1, readyReplicas: 1, availableReplicas: 1, updatedReplicas: 1, observedGeneration: 1 }",
        )
        .replace("status: 'False', reason: ContainersNotReady", "status: 'True'")
        .replace("ready: false", "ready: true")
        .replace("restartCount: 7", "restartCount: 0")
        .replace(
            "{ waiting: { reason: CrashLoopBackOff, message: back-off 5m0s restarting failed container } }",
            "{ running: { startedAt: '2026-11-25T08:00:00Z' } }",
        );
    let status = well.split("      lastState:").next().unwrap();
    namespace.apply(status).await;
    let admin = Server::get().kubeconfig();
    let question = format!("why is checkout in {} not ready", namespace.name);
    let run = patiently(
        admin,
        &["ask", &question, "-n", &namespace.name, "--format", "json"],
    );
    let json = run.json();
    assert_eq!(
        json["evidence"]["findings"],
        serde_json::json!([]),
        "{json:#}"
    );
    assert_eq!(json["entry"], Value::Null, "{json:#}");
    let run = patiently(admin, &["ask", &question, "-n", &namespace.name]);
    let there = format!(
        "Nothing found about Deployment checkout in {}, which is there.",
        namespace.name
    );
    assert!(run.out.contains(&there), "{}", run.out);
    // What is asked in general is answered all the same.
    let how = patiently(
        admin,
        &[
            "ask",
            "scale deployment checkout to zero replicas",
            "-n",
            &namespace.name,
            "--format",
            "json",
        ],
    )
    .json();
    assert_eq!(how["outcome"], "entry", "{how:#}");
}

#[tokio::test]
async fn the_rules_of_the_manifest_suffice_for_a_whole_status_and_allow_nothing_else() {
    let namespace = Namespace::create("evidence-rbac").await;
    namespace.apply(CHECKOUT).await;
    let rules = rules(
        include_str!("../../deploy/manifests/rbac.yaml"),
        "ClusterRole",
    );
    let account = Account::with_rules(&namespace, Reach::Cluster, &rules).await;
    let run = patiently(&account.kubeconfig, &["status", "-A", "--format", "json"]);
    assert_eq!(run.status, 1, "{}{}", run.out, run.err);
    let denied: Vec<Value> = run.json()["not_checked"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|missed| missed["why"] == "denied")
        .cloned()
        .collect();
    assert_eq!(denied, Vec::<Value>::new());
    allows_nothing_else(&account.client, &namespace.name).await;
}

#[tokio::test]
async fn the_role_of_a_namespace_suffices_for_its_status() {
    let namespace = Namespace::create("evidence-role").await;
    namespace.apply(CHECKOUT).await;
    let rules = rules(
        include_str!("../../deploy/manifests/rbac-namespace.yaml"),
        "Role",
    );
    let account = Account::with_rules(&namespace, Reach::Namespace, &rules).await;
    let run = patiently(
        &account.kubeconfig,
        &["status", "-n", &namespace.name, "--format", "json"],
    );
    assert_eq!(run.status, 1, "{}{}", run.out, run.err);
    assert_eq!(run.json()["not_checked"], serde_json::json!([]));
    allows_nothing_else(&account.client, &namespace.name).await;
}

#[tokio::test]
async fn doctor_names_rights_that_are_missing_and_rights_that_are_too_many() {
    let namespace = Namespace::create("evidence-doctor").await;
    let manifest = include_str!("../../deploy/manifests/rbac-namespace.yaml");
    let exact = rules(manifest, "Role");
    let odd = serde_json::json!([
        {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]},
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]},
    ]);
    let scope = |kubeconfig: &Path, namespaces: &str| {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("k8sfaq.toml");
        let text = format!(
            "[cluster.here]\nkubeconfig = \"{}\"\n[channels.slack.C1.scope]\nclusters = [\"here\"]\nnamespaces = [\"{}\"]\n",
            kubeconfig.display(),
            namespaces
        );
        std::fs::write(&file, text).unwrap();
        k8sfaq(kubeconfig, &["doctor", "--config", file.to_str().unwrap()])
    };
    let account = Account::with_rules(&namespace, Reach::Namespace, &exact).await;
    let well = scope(&account.kubeconfig, &namespace.name);
    assert!(
        well.out
            .contains("pass  cluster: rights in cluster here: those that it needs, and no others"),
        "{}",
        well.out
    );
    let account = Account::with_rules(&namespace, Reach::Namespace, &odd).await;
    let ill = scope(&account.kubeconfig, &namespace.name);
    let too_many = format!(
        "may get secrets in {}, and needs none of it",
        namespace.name
    );
    assert!(ill.out.contains(&too_many), "{}", ill.out);
    assert!(
        ill.out
            .contains("FAIL  cluster: rights in cluster here: may not"),
        "{}",
        ill.out
    );
}

#[tokio::test]
async fn doctor_reviews_a_pattern_in_the_namespaces_that_it_meets() {
    let namespace = Namespace::create("evidence-pattern").await;
    let pattern = format!("{}*", namespace.name);
    let exact = rules(
        include_str!("../../deploy/manifests/rbac-namespace.yaml"),
        "Role",
    );
    let doctor = |kubeconfig: &Path| {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("k8sfaq.toml");
        let text = format!(
            "[cluster.here]\nkubeconfig = \"{}\"\n[channels.slack.C1.scope]\nclusters = [\"here\"]\nnamespaces = [\"{pattern}\"]\n",
            kubeconfig.display(),
        );
        std::fs::write(&file, text).unwrap();
        k8sfaq(kubeconfig, &["doctor", "--config", file.to_str().unwrap()]).out
    };
    let account = Account::with_rules(&namespace, Reach::Namespace, &exact).await;
    let said = doctor(&account.kubeconfig);
    assert!(
        said.contains("a scope names namespaces by a pattern, and they cannot be listed"),
        "{said}"
    );
    let listing = serde_json::json!([{"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get", "list"]}]);
    account.grant(&namespace, Reach::Cluster, &listing).await;
    let said = doctor(&account.kubeconfig);
    assert!(
        said.contains("pass  cluster: rights in cluster here: those that it needs, and no others"),
        "{said}"
    );
}

/// Secrets, ways into a container and writes are refused.
pub async fn allows_nothing_else(client: &Client, namespace: &str) {
    let secrets: Api<Secret> = Api::namespaced(client.clone(), namespace);
    assert!(is_denied(secrets.list(&ListParams::default()).await));
    assert!(is_denied(secrets.get("any").await));
    let pods: Api<Pod> = Api::namespaced(client.clone(), namespace);
    let name = "checkout-7899d5c6b8-x2x9z";
    assert!(is_denied(pods.delete(name, &DeleteParams::default()).await));
    let pod = pods.get(name).await.expect("what is needed is granted");
    assert!(is_denied(
        pods.replace(name, &PostParams::default(), &pod).await
    ));
    assert!(is_denied(pods.create(&PostParams::default(), &pod).await));
    assert!(is_denied(
        pods.logs(name, &kube::api::LogParams::default()).await
    ));
    for way in ["exec", "attach", "portforward"] {
        let address = format!("/api/v1/namespaces/{namespace}/pods/{name}/{way}");
        let request = http::Request::post(address).body(Vec::new()).unwrap();
        assert!(is_denied(client.request::<Value>(request).await), "{way}");
    }
}

fn is_denied<T>(answer: Result<T, Error>) -> bool {
    matches!(answer, Err(Error::Api(refusal)) if refusal.code == 403)
}
