//! Services and Ingresses.

use serde_json::{Value, json};

use super::{only, the, well};
use crate::cluster::detect::fixtures::{ago, all, event, merge, object, pod, pods};
use crate::cluster::finding::{ObjectRef, Severity};
use crate::cluster::view::View;
use crate::faq::condition::Condition;

fn service(spec: &Value) -> Value {
    let mut it = json!({
        "metadata": {"namespace": "shop", "name": "web", "creationTimestamp": ago(900)},
        "spec": {"type": "ClusterIP", "selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080}]}
    });
    merge(&mut it["spec"], spec);
    it
}

fn backend(ready: &str, spec: &Value) -> Value {
    let mut it = pod(
        &json!({"containers": [{"name": "app", "ports": [{"containerPort": 8080, "name": "http"}]}]}),
        &json!({"conditions": [{"type": "Ready", "status": ready, "lastTransitionTime": ago(600)}]}),
    );
    it["metadata"]["labels"] = json!({"app": "web"});
    merge(&mut it["spec"], spec);
    it
}

fn with(services: Vec<Value>, backends: Vec<Value>) -> View {
    View {
        services: all(services),
        ..pods(backends, vec![])
    }
}

#[test]
fn a_selector_that_matches_nothing_is_found() {
    let view = with(
        vec![service(&json!({"selector": {"app": "wbe"}}))],
        vec![backend("True", &json!({}))],
    );
    only(&view, &[Condition::ServiceWithoutEndpoints]);
    assert_eq!(
        the(Condition::ServiceWithoutEndpoints, &view).summary,
        "The selector app=wbe matches no pod: Service web has no endpoints"
    );
}

#[test]
fn a_selector_that_matches_only_completed_pods_is_without_endpoints() {
    let mut done = backend("False", &json!({}));
    done["status"]["phase"] = json!("Succeeded");
    only(
        &with(vec![service(&json!({}))], vec![done]),
        &[Condition::ServiceWithoutEndpoints],
    );
}

#[test]
fn services_that_nobody_fills_by_selector_are_well() {
    let mut bare = service(&json!({}));
    bare["spec"].as_object_mut().unwrap().remove("selector");
    let external = service(&json!({"type": "ExternalName", "externalName": "db.example.com"}));
    well(&with(vec![bare, external], vec![]));
}

#[test]
fn nothing_is_said_of_a_service_whose_pods_were_not_read() {
    let mut view = with(vec![service(&json!({}))], vec![]);
    view.pods = crate::cluster::view::Listing::default();
    well(&view);
}

#[test]
fn a_service_whose_pods_are_not_ready_is_found_and_a_served_one_is_well() {
    let view = with(
        vec![service(&json!({}))],
        vec![backend("False", &json!({}))],
    );
    only(&view, &[Condition::ServicePodsNotReady]);
    well(&with(
        vec![service(&json!({}))],
        vec![backend("True", &json!({}))],
    ));
}

#[test]
fn a_service_whose_pods_are_only_starting_and_one_that_publishes_them_anyway_are_well() {
    let mut young = backend("False", &json!({}));
    young["status"]["startTime"] = json!(ago(10));
    well(&with(vec![service(&json!({}))], vec![young]));
    well(&with(
        vec![service(&json!({"publishNotReadyAddresses": true}))],
        vec![backend("False", &json!({}))],
    ));
}

#[test]
fn a_service_without_ready_pods_is_folded_under_their_crash() {
    let mut crashing = backend("False", &json!({}));
    crashing["status"]["containerStatuses"] = json!([{"name": "app", "ready": false, "restartCount": 5, "image": "", "imageID": "",
        "state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": {"terminated": {"exitCode": 1, "reason": "Error", "finishedAt": ago(20)}}}]);
    let view = with(vec![service(&json!({}))], vec![crashing]);
    let finding = the(Condition::ServicePodsNotReady, &view);
    assert_eq!(finding.owner, ObjectRef::new("Service", "web"));
    assert_eq!(
        finding.cause.unwrap().condition,
        Condition::CrashLoopBackOff
    );
}

#[test]
fn a_service_of_a_workload_at_zero_is_for_information() {
    let mut view = with(vec![service(&json!({}))], vec![]);
    view.deployments = all(vec![json!({
        "metadata": {"namespace": "shop", "name": "web"},
        "spec": {"replicas": 0, "selector": {}, "template": {"metadata": {"labels": {"app": "web"}}}}, "status": {}
    })]);
    let finding = the(Condition::ServiceWithoutEndpoints, &view);
    assert_eq!(finding.severity, Severity::Info);
    assert!(
        finding
            .summary
            .starts_with("Scaled to zero is Deployment web")
    );
}

#[test]
fn target_ports_that_are_not_there_are_found_by_name_and_by_number() {
    let named = service(&json!({"ports": [{"port": 80, "targetPort": "web"}]}));
    let numbered = service(&json!({"ports": [{"port": 80, "targetPort": 9090}]}));
    for wrong in [named, numbered] {
        only(
            &with(vec![wrong], vec![backend("True", &json!({}))]),
            &[Condition::ServicePortMismatch],
        );
    }
}

#[test]
fn a_named_port_that_is_there_and_pods_that_declare_no_ports_are_well() {
    well(&with(
        vec![service(
            &json!({"ports": [{"port": 80, "targetPort": "http"}]}),
        )],
        vec![backend("True", &json!({}))],
    ));
    let undeclared = backend("True", &json!({"containers": [{"name": "app"}]}));
    well(&with(vec![service(&json!({}))], vec![undeclared]));
    let probed = backend(
        "True",
        &json!({"containers": [{"name": "app", "ports": [{"containerPort": 9100}], "readinessProbe": {"httpGet": {"port": 8080}}}]}),
    );
    well(&with(vec![service(&json!({}))], vec![probed]));
}

#[test]
fn a_load_balancer_without_address_is_found_and_a_new_one_is_well() {
    let balancer = |seconds: i64| {
        let mut it = service(&json!({"type": "LoadBalancer"}));
        it["metadata"]["creationTimestamp"] = json!(ago(seconds));
        it["spec"].as_object_mut().unwrap().remove("selector");
        it
    };
    only(
        &with(vec![balancer(900)], vec![]),
        &[Condition::LoadBalancerPending],
    );
    well(&with(vec![balancer(10)], vec![]));
    let mut failing = with(vec![balancer(10)], vec![]);
    failing.events = vec![object(event(
        "Service",
        "web",
        "SyncLoadBalancerFailed",
        "Error syncing load balancer: no subnets",
        2,
        5,
    ))];
    assert!(
        the(Condition::LoadBalancerPending, &failing)
            .summary
            .contains("no subnets")
    );
    // Nobody has begun within a minute, so nobody will; a controller that has begun may take some more.
    let mut begun = with(vec![balancer(100)], vec![]);
    assert_eq!(
        the(Condition::LoadBalancerPending, &begun).severity,
        Severity::Critical
    );
    let mut ensuring = event(
        "Service",
        "web",
        "EnsuringLoadBalancer",
        "Ensuring load balancer",
        1,
        99,
    );
    ensuring["type"] = json!("Normal");
    begun.events = vec![object(ensuring)];
    assert_eq!(
        the(Condition::LoadBalancerPending, &begun).severity,
        Severity::Info
    );
    let mut served = balancer(900);
    served["status"] = json!({"loadBalancer": {"ingress": [{"hostname": "lb.example.com"}]}});
    well(&with(vec![served], vec![]));
}

fn ingress(spec: &Value) -> View {
    let mut it = json!({
        "metadata": {"namespace": "shop", "name": "web"},
        "spec": {"ingressClassName": "nginx", "rules": [{"http": {"paths": [
            {"path": "/", "pathType": "Prefix", "backend": {"service": {"name": "web", "port": {"number": 80}}}}]}}]}
    });
    merge(&mut it["spec"], spec);
    let mut view = with(
        vec![service(
            &json!({"ports": [{"port": 80, "name": "http", "targetPort": 8080}]}),
        )],
        vec![backend("True", &json!({}))],
    );
    view.ingresses = all(vec![it]);
    view.ingress_classes = all(vec![json!({"metadata": {"name": "nginx"}})]);
    view
}

#[test]
fn an_ingress_with_class_and_backend_is_well() {
    well(&ingress(&json!({})));
}

#[test]
fn an_ingress_class_that_does_not_exist_is_found() {
    only(
        &ingress(&json!({"ingressClassName": "ngnix"})),
        &[Condition::IngressClassMissing],
    );
    only(
        &ingress(&json!({"ingressClassName": null})),
        &[Condition::IngressClassMissing],
    );
}

#[test]
fn an_ingress_without_class_is_well_where_there_is_a_default_or_nothing_is_known_of_classes() {
    let mut view = ingress(&json!({"ingressClassName": null}));
    view.ingress_classes = all(vec![
        json!({"metadata": {"name": "nginx", "annotations": {"ingressclass.kubernetes.io/is-default-class": "true"}}}),
    ]);
    well(&view);
    view.ingress_classes = crate::cluster::view::Listing::default();
    well(&view);
}

#[test]
fn an_ingress_backend_that_is_not_there_is_found_by_service_number_and_name() {
    for (name, port) in [
        ("wbe", json!({"number": 80})),
        ("web", json!({"number": 81})),
        ("web", json!({"name": "https"})),
    ] {
        let rules = json!({"rules": [{"http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": {"service": {"name": name, "port": port}}}]}}]});
        only(&ingress(&rules), &[Condition::IngressBackendMissing]);
    }
    let named = json!({"rules": [{"http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": {"service": {"name": "web", "port": {"name": "http"}}}}]}}]});
    well(&ingress(&named));
}

#[test]
fn a_headless_service_without_pods_or_with_another_port_is_well() {
    let headless = |spec: &Value| {
        let mut it = service(&json!({"clusterIP": "None"}));
        merge(&mut it["spec"], spec);
        it
    };
    well(&with(vec![headless(&json!({}))], vec![]));
    well(&with(
        vec![headless(
            &json!({"ports": [{"port": 80, "targetPort": 9090}]}),
        )],
        vec![backend("True", &json!({}))],
    ));
}
