//! What a server says to the chart's objects: strictly validated, in a namespace that admits restricted pods only.

use std::io::Write;
use std::process::{Output, Stdio};

use serde_json::{Value, json};

use super::{INSTALLS, documents, install, program, root};
use crate::namespace::Namespace;
use crate::server::Server;

/// The namespaces that the installs name, beside their own.
const NAMED: [&str; 2] = ["chart-shop", "chart-payments"];

/// What the Prometheus operator defines, as far as the chart uses it.
const SERVICE_MONITORS: &str = "
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: { name: servicemonitors.monitoring.coreos.com }
spec:
  group: monitoring.coreos.com
  scope: Namespaced
  names: { kind: ServiceMonitor, plural: servicemonitors, singular: servicemonitor }
  versions:
    - name: v1
      served: true
      storage: true
      schema:
        openAPIV3Schema:
          type: object
          properties:
            spec:
              type: object
              required: [selector, endpoints]
              properties:
                selector: { type: object, properties: { matchLabels: { type: object, additionalProperties: { type: string } } } }
                endpoints:
                  type: array
                  items: { type: object, properties: { port: { type: string }, interval: { type: string } } }
---
apiVersion: monitoring.coreos.com/v1
kind: ServiceMonitor
metadata: { name: first }
spec: { selector: {}, endpoints: [] }
";

/// A namespace that refuses pods that are not restricted, and warns of what would make such.
async fn restricted(purpose: &str) -> Namespace {
    let namespace = Namespace::create(purpose).await;
    let level = |mode: &str| {
        (
            format!("pod-security.kubernetes.io/{mode}"),
            json!("restricted"),
        )
    };
    let labels: serde_json::Map<String, Value> =
        [level("enforce"), level("warn")].into_iter().collect();
    let labelled = json!({
        "apiVersion": "v1", "kind": "Namespace",
        "metadata": {"name": namespace.name, "labels": labels},
    });
    let mut all = vec![labelled.to_string()];
    all.extend(NAMED.map(|name| {
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}).to_string()
    }));
    namespace.apply(&all.join("\n---\n")).await;
    namespace
}

/// Lets the server take objects, and forget them.
fn try_out(objects: &str) -> Output {
    let mut kubectl = program("kubectl");
    kubectl.env("KUBECONFIG", Server::get().kubeconfig());
    kubectl.env("HOME", Server::get().folder());
    kubectl.args([
        "apply",
        "--server-side",
        "--dry-run=server",
        "--validate=strict",
        "-f",
        "-",
    ]);
    kubectl
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut running = kubectl.spawn().expect("kubectl");
    let mut input = running.stdin.take().expect("a pipe");
    input.write_all(objects.as_bytes()).expect("kubectl reads");
    drop(input);
    running.wait_with_output().expect("kubectl ends")
}

fn error(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The pod that a workload would make, with a volume in the place of its claim.
fn pod(rendered: &str, namespace: &str) -> Value {
    let documents = documents(rendered);
    let workload = documents
        .iter()
        .find(|one| !one["spec"]["template"].is_null());
    let spec = workload.expect("a workload")["spec"].clone();
    let mut pod = spec["template"].clone();
    pod["apiVersion"] = json!("v1");
    pod["kind"] = json!("Pod");
    pod["metadata"]["name"] = json!("k8sfaq-0");
    pod["metadata"]["namespace"] = json!(namespace);
    for claim in spec["volumeClaimTemplates"]
        .as_array()
        .into_iter()
        .flatten()
    {
        let volume = json!({"name": claim["metadata"]["name"], "emptyDir": {}});
        pod["spec"]["volumes"]
            .as_array_mut()
            .expect("volumes")
            .push(volume);
    }
    pod
}

#[tokio::test]
async fn the_server_takes_every_object_without_a_warning() {
    let namespace = restricted("chart-applied").await;
    namespace.apply(SERVICE_MONITORS).await;
    let installs = INSTALLS.map(|name| (name.to_owned(), install(name, &namespace.name)));
    let folder = std::fs::read_dir(root().join("deploy/manifests")).unwrap();
    let manifests = folder
        .map(|item| item.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "yaml"));
    let manifests = manifests.map(|path| {
        let there = format!("namespace: {}", namespace.name);
        let text = std::fs::read_to_string(&path).unwrap();
        let text = text
            .replace("namespace: k8sfaq", &there)
            .replace("namespace: shop", &there);
        (path.display().to_string(), text)
    });
    for (name, objects) in installs.into_iter().chain(manifests) {
        let output = try_out(&objects);
        let said = error(&output);
        assert!(
            output.status.success() && !said.contains("Warning"),
            "{name}: {said}"
        );
        let taken = String::from_utf8_lossy(&output.stdout).lines().count();
        assert_eq!(taken, documents(&objects).len(), "{name}");
    }
}

#[tokio::test]
async fn the_pods_are_restricted_ones() {
    let namespace = restricted("chart-pod").await;
    for name in ["k8sfaq", "faq"] {
        let account =
            json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}});
        namespace.apply(&account.to_string()).await;
    }
    for name in INSTALLS {
        let mut pod = pod(&install(name, &namespace.name), &namespace.name);
        let output = try_out(&pod.to_string());
        assert!(output.status.success(), "{name}: {}", error(&output));
        // That the server would say so if they were not:
        pod["spec"]["securityContext"]["seccompProfile"] = Value::Null;
        let output = try_out(&pod.to_string());
        let said = error(&output);
        assert!(
            said.contains("violates PodSecurity \"restricted"),
            "{name}: {said}"
        );
    }
}
