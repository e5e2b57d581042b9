//! Ingresses without a class that anybody serves, or with a backend that is not there.

use super::scene::Scene;
use super::written::{container, deployment, ready, replica, running};

const WITH_PORT: &str = "containers: [{ name: app, image: 'registry.example/app:1', ports: [{ name: http, containerPort: 8080 }] }]";

fn ingress(name: &str, class: &str, backend: &str) -> String {
    format!(
        "---\napiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {{ name: {name} }}\nspec: {{ {class} rules: [{{ host: {name}.example.com, http: {{ paths: [{{ path: /, pathType: Prefix, backend: {{ service: {backend} }} }}] }} }}] }}\n"
    )
}

#[tokio::test]
#[allow(
    clippy::too_many_lines,
    reason = "a table of scenes, and what is said of them"
)]
async fn an_ingress_says_whether_its_class_its_service_or_its_port_is_missing() {
    let mut scene = Scene::new("ingress").await.with_cluster();
    scene
        .write(
            "
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: { name: NS-nginx }
spec: { controller: k8s.io/ingress-nginx }
---
apiVersion: v1
kind: Service
metadata: { name: web }
spec: { selector: { app: web }, ports: [{ name: http, port: 80, targetPort: http }] }
---
apiVersion: v1
kind: Service
metadata: { name: outside }
spec: { type: ExternalName, externalName: shop.example.com }
",
        )
        .await;
    scene.write(&deployment("web", 1, 1, WITH_PORT, "")).await;
    scene
        .write(&replica(
            "web",
            "aaaaa",
            WITH_PORT,
            &ready(&container("app", 0, &running("29m"), "")),
        ))
        .await;
    let class = "ingressClassName: NS-nginx,";
    scene
        .write(&ingress(
            "no-class",
            "",
            "{ name: web, port: { number: 80 } }",
        ))
        .await;
    scene
        .write(&ingress(
            "other-class",
            "ingressClassName: NS-traefik,",
            "{ name: web, port: { number: 80 } }",
        ))
        .await;
    scene
        .write(&ingress(
            "no-service",
            class,
            "{ name: wbe, port: { number: 80 } }",
        ))
        .await;
    scene
        .write(&ingress(
            "no-port",
            class,
            "{ name: web, port: { number: 8080 } }",
        ))
        .await;
    scene
        .write(&ingress(
            "no-port-name",
            class,
            "{ name: web, port: { name: https } }",
        ))
        .await;
    // Well: by number, by name, to an external name, served by a controller that the old annotation names or that gave an address.
    scene
        .write(&ingress(
            "by-number",
            class,
            "{ name: web, port: { number: 80 } }",
        ))
        .await;
    scene
        .write(&ingress(
            "by-name",
            class,
            "{ name: web, port: { name: http } }",
        ))
        .await;
    scene
        .write(&ingress(
            "outside",
            class,
            "{ name: outside, port: { number: 443 } }",
        ))
        .await;
    scene
        .write(
            &ingress("annotated", "", "{ name: web, port: { number: 80 } }").replace(
                "name: annotated }",
                "name: annotated, annotations: { kubernetes.io/ingress.class: nginx } }",
            ),
        )
        .await;
    scene
        .write(
            &(ingress("addressed", "", "{ name: web, port: { number: 80 } }")
                + "status: { loadBalancer: { ingress: [{ hostname: lb.example.com }] } }\n"),
        )
        .await;
    insta::assert_snapshot!(scene.report().await, @r"
    critical IngressClassMissing of Ingress/no-class 1/?: It names no ingress class and none is the default: no controller serves Ingress no-class
    critical IngressBackendMissing of Ingress/no-port 1/?: Service web has no port 8080: a path of Ingress no-port leads nowhere
    critical IngressBackendMissing of Ingress/no-port-name 1/?: Service web has no port named https: a path of Ingress no-port-name leads nowhere
    critical IngressBackendMissing of Ingress/no-service 1/?: Service wbe does not exist: a path of Ingress no-service leads nowhere
    critical IngressClassMissing of Ingress/other-class 1/?: Ingress class NS-traefik does not exist: no controller serves Ingress other-class
    ");
}
