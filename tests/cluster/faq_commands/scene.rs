//! What the FAQ's commands find on the server: an object for every placeholder, and the files they name.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use k8s_openapi::ByteString;
use k8sfaq::faq::placeholder::PLACEHOLDERS;
use k8sfaq::faq::version::ClusterVersion;
use kube::api::DynamicObject;
use kube::config::Kubeconfig;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::OnceCell;

use super::filled;
use super::kubectl::Kubectl;
use super::paths::Schemas;
use crate::namespace::{Namespace, ensure_default_account};
use crate::server::{self, Server};

/// The objects that stand by themselves.
const OBJECTS: &str = include_str!("scene/objects.yaml");

/// The objects that name others by their uid, which is written as `(Kind/name)`.
const OWNED: &str = include_str!("scene/owned.yaml");

/// A manifest, for commands that take one.
const MANIFEST: &str = include_str!("scene/manifest.yaml");

/// The file that holds it, in the folder where commands run.
pub const MANIFEST_FILE: &str = "manifest.yaml";

/// A uid for owners that nothing looks up.
const OWNER: &str = "00000000-0000-4000-8000-000000000001";

/// How long the server may take to describe kinds that were just defined.
const DEADLINE: Duration = Duration::from_secs(60);

/// The pause between two looks at that description.
const PAUSE: Duration = Duration::from_millis(300);

/// Kinds that are not Kubernetes' own: group, version, kind, plural and scope, a line each.
const CUSTOM_KINDS: &str = include_str!("scene/kinds.txt");

/// What clusters run beside the shop: kind, name in `kube-system`, and the label of its pods, a line each.
const ADDONS: &str = include_str!("scene/addons.txt");

/// What each placeholder stands for, a line each.
const VALUES: &str = include_str!("scene/values.txt");

/// A server on which every command of the FAQ finds what it asks for.
pub struct Scene {
    /// What each placeholder stands for.
    pub values: BTreeMap<String, String>,
    /// The server's version.
    pub version: ClusterVersion,
    /// kubectl, as the administrator of this server.
    pub kubectl: Kubectl,
}

impl Scene {
    /// The scene, set by the first test that asks.
    pub async fn get() -> &'static Scene {
        static SCENE: OnceCell<Scene> = OnceCell::const_new();
        SCENE.get_or_init(Scene::set).await
    }

    async fn set() -> Scene {
        let assets = server::assets().unwrap_or_else(|reason| panic!("{reason}"));
        let namespace = Namespace::create("faq").await;
        let values = values(&namespace.name);
        for name in ["default", "kube-system", "kube-node-lease", "kube-public"] {
            ensure_default_account(&namespace.client, name).await;
        }
        let definitions: Vec<String> = CUSTOM_KINDS.lines().map(definition).collect();
        namespace.apply(&definitions.join("\n---\n")).await;
        let objects = namespace.apply(&filled(OBJECTS, &values)).await;
        let owned = with_uids(&filled(OWNED, &values), &objects);
        namespace.apply(&owned).await;
        let addons = ADDONS
            .lines()
            .flat_map(|line| addon_with_pod(line, &values["node"]));
        namespace
            .apply(&addons.collect::<Vec<_>>().join("\n---\n"))
            .await;
        let version = namespace
            .client
            .apiserver_version()
            .await
            .expect("the server's version");
        let home = Server::get().folder().join("faq-home");
        std::fs::create_dir_all(&home).expect("a folder in the tests' own");
        let program = assets.join("kubectl");
        let schemas = schemas(&program, &home);
        Scene {
            values,
            version: version
                .git_version
                .parse()
                .expect("a version of Kubernetes"),
            kubectl: Kubectl::new(program, home, schemas),
        }
    }
}

/// A folder with the files that commands name.
pub fn folder() -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let own =
        rcgen::generate_simple_self_signed(["shop.example.com".to_owned()]).expect("a certificate");
    for (file, text) in [
        (MANIFEST_FILE, MANIFEST.to_owned()),
        (
            "overlay/kustomization.yaml",
            format!("resources: [{MANIFEST_FILE}]\n"),
        ),
        (&format!("overlay/{MANIFEST_FILE}"), MANIFEST.to_owned()),
        ("fullchain.pem", own.cert.pem()),
        ("privkey.pem", own.signing_key.serialize_pem()),
    ] {
        let path = folder.path().join(file);
        let parent = path.parent().unwrap_or(folder.path());
        std::fs::create_dir_all(parent)
            .and_then(|()| std::fs::write(&path, text))
            .expect("a file in a folder of our own");
    }
    folder
}

/// What each placeholder stands for.
///
/// # Panics
/// One has no value: the list in `src/faq/placeholder.rs` has grown.
fn values(namespace: &str) -> BTreeMap<String, String> {
    let kubeconfig = Kubeconfig::read_from(Server::get().kubeconfig()).expect("a kubeconfig");
    let context = kubeconfig.current_context.unwrap_or_default();
    let named = kubeconfig
        .contexts
        .into_iter()
        .find(|named| named.name == context);
    let of_context = named.and_then(|named| named.context).unwrap_or_default();
    let values: BTreeMap<String, String> = VALUES
        .lines()
        .filter_map(|line| line.split_once(' '))
        .chain([
            ("namespace", namespace),
            ("context", &context),
            ("cluster", &of_context.cluster),
            ("user", &of_context.user.unwrap_or_default()),
            ("certificate-request", &certificate_request()),
        ])
        .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
        .collect();
    for name in PLACEHOLDERS {
        assert!(
            values.contains_key(*name),
            "<{name}> has no line in tests/cluster/faq_commands/scene/values.txt"
        );
    }
    values
}

/// A request for a certificate, as the API carries it.
fn certificate_request() -> String {
    let key = rcgen::KeyPair::generate().expect("a key");
    let request = rcgen::CertificateParams::default().serialize_request(&key);
    let pem = request
        .and_then(|request| request.pem())
        .expect("a request");
    let carried = serde_json::to_value(ByteString(pem.into_bytes()));
    carried
        .ok()
        .and_then(|value| Some(value.as_str()?.to_owned()))
        .expect("base64")
}

/// A definition that lets everything in: what the fields of other people's kinds are is theirs to say.
fn definition(line: &str) -> String {
    let [group, version, kind, plural, scope] = words(line);
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": format!("{plural}.{group}"),
            // Groups under k8s.io want a word from the community; these are copies for a test.
            "annotations": {"api-approved.kubernetes.io": "unapproved, for tests only"},
        },
        "spec": {
            "group": group,
            "names": {"kind": kind, "plural": plural, "singular": kind.to_lowercase()},
            "scope": scope,
            "versions": [{
                "name": version,
                "served": true,
                "storage": true,
                "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}},
            }],
        },
    })
    .to_string()
}

/// A workload, and a pod of it on a node.
fn addon_with_pod(line: &str, node: &str) -> [String; 2] {
    let [kind, name, label] = words(line);
    let (label, value) = label.split_once('=').unwrap_or((label, ""));
    let spec = json!({"containers": [{"name": name, "image": "registry.example.com/addon:1", "args": ["--v=2"]}]});
    let workload = json!({
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": "kube-system"},
        "spec": {
            "selector": {"matchLabels": {label: value}},
            "template": {"metadata": {"labels": {label: value}}, "spec": spec},
        },
    });
    let mut pod = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": format!("{name}-x7k2p"),
            "namespace": "kube-system",
            "labels": {label: value},
            "ownerReferences": [
                {"apiVersion": "apps/v1", "kind": kind, "name": name, "uid": OWNER, "controller": true},
            ],
        },
        "spec": spec,
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]},
    });
    pod["spec"]["nodeName"] = json!(node);
    [workload.to_string(), pod.to_string()]
}

/// The words of a line of a table.
fn words<const COUNT: usize>(line: &str) -> [&str; COUNT] {
    let words: Vec<&str> = line.split_whitespace().collect();
    words
        .try_into()
        .unwrap_or_else(|_| panic!("`{line}` does not have {COUNT} words"))
}

/// A text with the uid of each object in the place of `(Kind/name)`.
fn with_uids(text: &str, objects: &[DynamicObject]) -> String {
    objects.iter().fold(text.to_owned(), |text, object| {
        let kind = object.types.as_ref().map_or("", |types| &types.kind);
        let name = object.metadata.name.as_deref().unwrap_or_default();
        let uid = object.metadata.uid.as_deref().unwrap_or_default();
        text.replace(&format!("({kind}/{name})"), uid)
    })
}

/// What the server says of its kinds, once it says it of our own too.
fn schemas(kubectl: &Path, home: &Path) -> Schemas {
    let ask = |arguments: &[&str]| -> Value {
        let output = Command::new(kubectl)
            .args(arguments)
            .env("HOME", home)
            .env("KUBECONFIG", Server::get().kubeconfig())
            .output()
            .unwrap_or_else(|error| panic!("{}: {error}", kubectl.display()));
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
            panic!(
                "kubectl {arguments:?}: {error}: {}",
                String::from_utf8_lossy(&output.stderr)
            )
        })
    };
    let began = Instant::now();
    loop {
        let resources = ask(&["api-resources", "-o", "json", "--cached=false"]);
        let schemas = Schemas::new(&ask(&["get", "--raw", "/openapi/v2"]), &resources);
        let is_complete = CUSTOM_KINDS
            .lines()
            .map(words)
            .all(|[group, _, _, plural, _]| schemas.knows(&format!("{plural}.{group}")));
        if is_complete {
            return schemas;
        }
        assert!(
            began.elapsed() < DEADLINE,
            "the server does not describe the custom kinds"
        );
        std::thread::sleep(PAUSE);
    }
}
