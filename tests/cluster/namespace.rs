//! A namespace of a test's own, and the objects in and around it.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime};

use k8s_openapi::api::core::v1::{Event, Namespace as KubeNamespace, ServiceAccount};
use kube::api::{Api, DynamicObject, ObjectMeta, Patch, PatchParams, PostParams};
use kube::core::GroupVersionKind;
use kube::discovery::{ApiResource, Scope, pinned_kind};
use kube::{Client, Error};
use serde_json::{Value, json};

use crate::server::Server;

/// Who writes the objects, in their managed fields.
const WRITER: &str = "k8sfaq-tests";

/// How long the server may take to serve a kind after its definition was written.
const DEFINITION_DEADLINE: Duration = Duration::from_secs(30);

/// The pause between two looks at whether a kind is served.
const PAUSE: Duration = Duration::from_millis(100);

/// A namespace that no other test and no other run uses.
pub struct Namespace {
    /// Its name.
    pub name: String,
    /// A client with the administrator's rights.
    pub client: Client,
}

impl Namespace {
    /// Makes a namespace, with the service account that pods run under by default.
    ///
    /// `purpose` begins its name, so that a person who looks at the server knows what it is for.
    pub async fn create(purpose: &str) -> Namespace {
        let namespace = Namespace {
            name: unique(purpose),
            client: Server::get().client().await,
        };
        let object = KubeNamespace {
            metadata: named(&namespace.name),
            ..KubeNamespace::default()
        };
        Api::all(namespace.client.clone())
            .create(&PostParams::default(), &object)
            .await
            .unwrap_or_else(|error| panic!("namespace {}: {error}", namespace.name));
        ensure_default_account(&namespace.client, &namespace.name).await;
        namespace
    }

    /// Writes every document of a YAML text, in order, and the status of each as its owner would.
    ///
    /// Objects without a namespace go into this one. The status goes through the status subresource.
    /// The returned objects are what the server holds then.
    ///
    /// # Panics
    /// The YAML cannot be read, or the server refuses it: the test is wrong then.
    pub async fn apply(&self, yaml: &str) -> Vec<DynamicObject> {
        let documents: Vec<Value> = serde_saphyr::from_multiple(yaml)
            .unwrap_or_else(|error| panic!("the test's YAML: {error}"));
        let mut written = Vec::new();
        for document in documents {
            let named = describe(&document);
            let object = self.write(document).await;
            written.push(object.unwrap_or_else(|error| panic!("{named}: {error}")));
        }
        written
    }

    /// Records an event about an object, as made by the functions of `events`.
    pub async fn record(&self, event: Event) {
        let namespace = event.metadata.namespace.clone();
        let events: Api<Event> = Api::namespaced(
            self.client.clone(),
            namespace.as_deref().unwrap_or(&self.name),
        );
        events
            .create(&PostParams::default(), &event)
            .await
            .unwrap_or_else(|error| panic!("event {event:?}: {error}"));
    }

    async fn write(&self, document: Value) -> Result<DynamicObject, Error> {
        let mut object: DynamicObject =
            serde_json::from_value(document).map_err(Error::SerdeError)?;
        let types = object.types.clone().unwrap_or_default();
        let kind = GroupVersionKind::try_from(&types)
            .unwrap_or_else(|error| panic!("apiVersion {}: {error}", types.api_version));
        let (resource, scope) = self.served(&kind).await;
        let objects: Api<DynamicObject> = match scope {
            Scope::Cluster => Api::all_with(self.client.clone(), &resource),
            Scope::Namespaced => {
                let namespace = object
                    .metadata
                    .namespace
                    .get_or_insert_with(|| self.name.clone());
                Api::namespaced_with(self.client.clone(), namespace, &resource)
            }
        };
        let name = object.metadata.name.clone().unwrap_or_default();
        let apply = PatchParams::apply(WRITER).force();
        let mut written = objects.patch(&name, &apply, &Patch::Apply(&object)).await?;
        if resource.kind == "Node" {
            // Admission taints a new node; the node controller would take that back once it is ready.
            let taints = json!({"spec": {"taints": object.data["spec"]["taints"]}});
            written = objects
                .patch(&name, &PatchParams::default(), &Patch::Merge(taints))
                .await?;
        }
        if let Some(status) = object.data.get("status") {
            let status = json!({"status": status});
            match objects
                .patch_status(&name, &PatchParams::default(), &Patch::Merge(status))
                .await
            {
                Ok(object) => written = object,
                // A kind without the subresource took its status from the first write.
                Err(Error::Api(refusal)) if refusal.code == 404 => {}
                Err(error) => return Err(error),
            }
        }
        Ok(written)
    }

    /// How the server serves a kind. One that was just defined is waited for.
    async fn served(&self, kind: &GroupVersionKind) -> (ApiResource, Scope) {
        let began = Instant::now();
        loop {
            match pinned_kind(&self.client, kind).await {
                Ok((resource, capabilities)) => return (resource, capabilities.scope),
                Err(error) if began.elapsed() > DEFINITION_DEADLINE => {
                    panic!("the server does not serve {kind:?}: {error}")
                }
                Err(_) => tokio::time::sleep(PAUSE).await,
            }
        }
    }
}

/// Makes sure of the account without which no pod is admitted; a controller makes it in a whole cluster.
pub async fn ensure_default_account(client: &Client, namespace: &str) {
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), namespace);
    let account = ServiceAccount {
        metadata: named("default"),
        ..ServiceAccount::default()
    };
    match accounts.create(&PostParams::default(), &account).await {
        Ok(_) => {}
        Err(Error::Api(refusal)) if refusal.code == 409 => {}
        Err(error) => panic!("service account default in {namespace}: {error}"),
    }
}

/// Metadata with a name and nothing else.
pub fn named(name: &str) -> ObjectMeta {
    ObjectMeta {
        name: Some(name.to_owned()),
        ..ObjectMeta::default()
    }
}

/// A name that no other test and no other run against the same server uses.
pub fn unique(purpose: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let seconds = now.unwrap_or_default().as_secs() % 0x100_0000;
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("{purpose}-{seconds:06x}{:x}-{count}", std::process::id())
}

/// Which document of a YAML text is meant.
fn describe(document: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or("?").to_owned();
    format!(
        "{} {}",
        text(&document["kind"]),
        text(&document["metadata"]["name"])
    )
}
