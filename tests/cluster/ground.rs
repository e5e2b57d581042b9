//! The test ground itself: what the other tests stand on holds on the real server.

use k8s_openapi::api::core::v1::{Event, Pod, Secret};
use k8s_openapi::jiff::SignedDuration;
use kube::Error;
use kube::api::{Api, ListParams};
use serde_json::json;

use crate::accounts::{Account, Reach};
use crate::events::{Told, from_controller, from_kubelet, from_scheduler};
use crate::namespace::Namespace;

const POD: &str = "
apiVersion: v1
kind: Pod
metadata: { name: web }
spec:
  containers: [{ name: app, image: registry.example/web:1 }]
status:
  phase: Running
  containerStatuses:
    - name: app
      image: registry.example/web:1
      imageID: ''
      ready: false
      restartCount: 3
      state: { waiting: { reason: CrashLoopBackOff } }
";

#[tokio::test]
async fn a_status_is_written_as_a_kubelet_writes_it() {
    let namespace = Namespace::create("ground-status").await;
    namespace.apply(POD).await;
    let pods: Api<Pod> = Api::namespaced(namespace.client.clone(), &namespace.name);
    let status = pods.get("web").await.unwrap().status.unwrap();
    assert_eq!(status.phase.as_deref(), Some("Running"));
    assert_eq!(status.container_statuses.unwrap()[0].restart_count, 3);
}

#[tokio::test]
async fn a_node_has_the_taints_that_its_yaml_names() {
    let namespace = Namespace::create("ground-node").await;
    let node = format!(
        "{{apiVersion: v1, kind: Node, metadata: {{name: {}}}}}",
        namespace.name
    );
    let node = &namespace.apply(&node).await[0];
    assert!(node.data["spec"].get("taints").is_none(), "{node:?}");
}

#[tokio::test]
async fn a_scheduler_tells_with_event_time_and_others_with_time_stamps() {
    let namespace = Namespace::create("ground-events").await;
    let pod = &namespace.apply(POD).await[0];
    let unschedulable = Told::warning("FailedScheduling", "0/1 nodes are available");
    let back_off = Told {
        count: 4,
        ago: SignedDuration::from_mins(1),
        ..Told::warning("BackOff", "Back-off restarting failed container app")
    };
    let scaled = Told::warning("FailedCreate", "exceeded quota");
    namespace.record(from_scheduler(pod, unschedulable)).await;
    namespace
        .record(from_kubelet(pod, Some("app"), back_off))
        .await;
    namespace
        .record(from_controller("replicaset-controller", pod, scaled))
        .await;

    let events: Api<Event> = Api::namespaced(namespace.client.clone(), &namespace.name);
    let mut seen: Vec<String> = events
        .list(&ListParams::default().fields("involvedObject.name=web"))
        .await
        .unwrap()
        .items
        .iter()
        .map(|event| {
            format!(
                "{} eventTime={} lastTimestamp={} count={:?}",
                event.reason.as_deref().unwrap_or_default(),
                event.event_time.is_some(),
                event.last_timestamp.is_some(),
                event.count,
            )
        })
        .collect();
    seen.sort();
    insta::assert_snapshot!(seen.join("\n"), @r"
    BackOff eventTime=false lastTimestamp=true count=Some(4)
    FailedCreate eventTime=false lastTimestamp=true count=Some(1)
    FailedScheduling eventTime=true lastTimestamp=false count=None
    ");
}

#[tokio::test]
async fn an_account_can_do_what_its_rules_say_and_nothing_else() {
    let namespace = Namespace::create("ground-account").await;
    namespace.apply(POD).await;
    let rules = json!([{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]);
    let account = Account::with_rules(&namespace, Reach::Namespace, &rules).await;
    let pods: Api<Pod> = Api::namespaced(account.client.clone(), &namespace.name);
    let secrets: Api<Secret> = Api::namespaced(account.client.clone(), &namespace.name);
    let elsewhere: Api<Pod> = Api::namespaced(account.client.clone(), "kube-system");
    assert!(pods.get("web").await.is_ok());
    assert!(is_denied(pods.list(&ListParams::default()).await));
    assert!(is_denied(secrets.list(&ListParams::default()).await));
    assert!(is_denied(elsewhere.get("web").await));
}

#[tokio::test]
async fn an_account_of_the_cluster_reads_in_every_namespace() {
    let namespace = Namespace::create("ground-cluster-account").await;
    let rules = json!([{"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}]);
    let account = Account::with_rules(&namespace, Reach::Cluster, &rules).await;
    let again = crate::server::client_of(&account.kubeconfig).await.unwrap();
    assert!(
        Api::<Pod>::all(again)
            .list(&ListParams::default())
            .await
            .is_ok()
    );
}

fn is_denied<T>(answer: Result<T, Error>) -> bool {
    matches!(answer, Err(Error::Api(refusal)) if refusal.code == 403)
}
