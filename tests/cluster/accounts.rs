//! Service accounts that have the rights of given rules and no others.

use std::fs;
use std::path::PathBuf;

use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::Client;
use kube::api::{Api, PostParams};
use kube::config::{AuthInfo, Kubeconfig};
use serde_json::{Value, json};

use crate::namespace::{Namespace, named, unique};
use crate::server::{Server, client_of};

/// Where the rules of an account hold.
#[derive(Clone, Copy)]
pub enum Reach {
    /// In the namespace of the account.
    Namespace,
    /// In the whole cluster.
    Cluster,
}

/// A service account, and the way in as it.
pub struct Account {
    name: String,
    /// A kubeconfig that holds its token.
    pub kubeconfig: PathBuf,
    /// A client with its rights.
    pub client: Client,
}

impl Account {
    /// Makes a service account that may do what the rules say; a rule is written as in a Role.
    pub async fn with_rules(namespace: &Namespace, reach: Reach, rules: &Value) -> Account {
        let name = unique("account");
        let account = ServiceAccount {
            metadata: named(&name),
            ..ServiceAccount::default()
        };
        Api::<ServiceAccount>::namespaced(namespace.client.clone(), &namespace.name)
            .create(&PostParams::default(), &account)
            .await
            .unwrap_or_else(|error| panic!("service account {name}: {error}"));
        let account = Account::of(namespace, &name).await;
        account.grant(namespace, reach, rules).await;
        account
    }

    /// Lets the account do what further rules say.
    pub async fn grant(&self, namespace: &Namespace, reach: Reach, rules: &Value) {
        let subject = &self.name;
        let name = unique(subject);
        let prefix = match reach {
            Reach::Namespace => "",
            Reach::Cluster => "Cluster",
        };
        for document in [
            json!({"kind": format!("{prefix}Role"), "rules": rules}),
            json!({
                "kind": format!("{prefix}RoleBinding"),
                "subjects": [{"kind": "ServiceAccount", "name": subject, "namespace": namespace.name}],
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": format!("{prefix}Role"), "name": name},
            }),
        ] {
            let mut document = document;
            document["apiVersion"] = json!("rbac.authorization.k8s.io/v1");
            document["metadata"] = json!({"name": name});
            namespace.apply(&document.to_string()).await;
        }
    }

    /// The way in as a service account that is there already.
    pub async fn of(namespace: &Namespace, name: &str) -> Account {
        let accounts: Api<ServiceAccount> =
            Api::namespaced(namespace.client.clone(), &namespace.name);
        let request = TokenRequest {
            spec: Some(TokenRequestSpec::default()),
            ..TokenRequest::default()
        };
        let granted = accounts
            .create_token_request(name, &PostParams::default(), &request)
            .await
            .unwrap_or_else(|error| panic!("token of {name}: {error}"));
        let token = granted.status.unwrap_or_default().token.unwrap_or_default();
        let kubeconfig = write_kubeconfig(&unique(name), &token);
        let client = client_of(&kubeconfig)
            .await
            .unwrap_or_else(|error| panic!("client of {name}: {error}"));
        Account {
            name: name.to_owned(),
            kubeconfig,
            client,
        }
    }
}

/// The administrator's kubeconfig with another token in the place of every user.
fn write_kubeconfig(name: &str, token: &str) -> PathBuf {
    let server = Server::get();
    let mut kubeconfig = Kubeconfig::read_from(server.kubeconfig())
        .unwrap_or_else(|error| panic!("{}: {error}", server.kubeconfig().display()));
    for user in &mut kubeconfig.auth_infos {
        user.auth_info = Some(AuthInfo {
            token: Some(token.to_owned().into()),
            ..AuthInfo::default()
        });
    }
    let path = server.folder().join(format!("{name}.kubeconfig"));
    let text = serde_json::to_string(&kubeconfig).expect("a kubeconfig is plain data");
    fs::write(&path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    path
}
