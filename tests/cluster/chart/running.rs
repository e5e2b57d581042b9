//! The bot as the chart starts it: with its arguments, variables, settings, secrets, entries and account.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use super::{documents, of_kind, template};
use crate::accounts::Account;
use crate::discord::fake::{CHANNEL, Fake, TOKEN};
use crate::evidence::{CHECKOUT, allows_nothing_else};
use crate::namespace::Namespace;

/// A folder of the pod, as a folder of the test.
fn moved(text: &str, root: &Path) -> String {
    let root = root.display();
    text.replace("/etc/k8sfaq", &format!("{root}/etc"))
        .replace("/var/lib/k8sfaq", &format!("{root}/state"))
}

fn write(path: &str, text: &str) {
    let path = Path::new(path);
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder of the test's own");
    std::fs::write(path, text).expect("a file of the test's own");
}

/// Writes what the pod's volumes would hold, and gives the container's command.
fn container(rendered: &[Value], root: &Path) -> Command {
    let spec = &of_kind(rendered, "Deployment")["spec"]["template"]["spec"];
    let container = &spec["containers"][0];
    let config = of_kind(rendered, "ConfigMap")["data"]["k8sfaq.yaml"]
        .as_str()
        .expect("settings");
    write(
        &moved("/etc/k8sfaq/config/k8sfaq.yaml", root),
        &moved(config, root),
    );
    let secrets = of_kind(rendered, "Secret")["stringData"]
        .as_object()
        .expect("tokens");
    for (name, value) in secrets {
        write(
            &moved(&format!("/etc/k8sfaq/secrets/{name}"), root),
            value.as_str().expect("a token"),
        );
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_k8sfaq"));
    command.env_clear();
    for variable in container["env"].as_array().expect("variables") {
        let text = |key: &str| variable[key].as_str().expect("a text").to_owned();
        command.env(text("name"), moved(&text("value"), root));
    }
    for argument in container["args"].as_array().expect("arguments") {
        command.arg(moved(argument.as_str().expect("a text"), root));
    }
    command
}

/// A process that ends with the test.
struct Serving(Child);

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bot_answers_with_the_charts_own_account_and_settings() {
    let namespace = Namespace::create("chart-run").await;
    namespace.apply(CHECKOUT).await;
    let folder = tempfile::tempdir().unwrap();
    let values = folder.path().join("values.json");
    let channel = CHANNEL.to_string();
    let scope = json!({"clusters": ["here"], "namespaces": [namespace.name]});
    let chosen = json!({
        "config": {
            "discord": {},
            // What is slow here is the machine.
            "cluster": {"here": {"deadline_ms": 30_000}},
            "channels": {"discord": {channel: {"scope": scope}}},
        },
        "secrets": {"values": {"DISCORD_TOKEN": TOKEN}},
        "rbac": {"namespaces": [namespace.name]},
        "content": ["runbooks"],
    });
    std::fs::write(&values, chosen.to_string()).unwrap();
    let yaml = template(&namespace.name, &["-f", &values.display().to_string()]);
    let rendered = documents(&yaml);
    for object in &rendered {
        if matches!(
            object["kind"].as_str(),
            Some("ServiceAccount" | "Role" | "RoleBinding")
        ) {
            namespace.apply(&object.to_string()).await;
        }
    }
    let account = Account::of(&namespace, "k8sfaq").await;
    let runbook =
        "---\ntitle: How do I restart the billing importer?\n---\nScale it to zero and back.\n";
    write(
        &moved(
            "/etc/k8sfaq/content/runbooks/restart-billing-importer.md",
            folder.path(),
        ),
        runbook,
    );

    let discord = Fake::start().await;
    let start = |mut command: Command| {
        // What the pod has in its own way: its token and the server's address, the platform's address, and a port.
        command
            .env("KUBECONFIG", &account.kubeconfig)
            .env("K8SFAQ__DISCORD__API_URL", &discord.url)
            .env("K8SFAQ__WEB__LISTEN", "127.0.0.1:0");
        command
    };
    let mut command = start(container(&rendered, folder.path()));
    let log = std::fs::File::create(folder.path().join("log")).unwrap();
    let _serving = Serving(command.stderr(log).stdin(Stdio::null()).spawn().unwrap());
    let log = || std::fs::read_to_string(folder.path().join("log")).unwrap_or_default();
    discord
        .until("it logs in", |state| state.logins.first().map(|_| ()))
        .await;
    for (question, said) in [
        ("crashloop", "checkout-7899d5c6b8-x2x9z"),
        ("restart the billing importer", "Scale it to zero and back"),
    ] {
        let options = json!([{"name": "question", "type": 3, "value": question}]);
        let data = json!({"id": "600", "name": "k8sfaq", "type": 1, "options": options});
        let id = discord.interaction(2, data, json!({}));
        let what = format!("{question} is answered with {said}");
        let answered = discord.until(&what, |state| {
            let message = state.interactions[&id].message.as_ref()?.to_string();
            message.contains(said).then_some(())
        });
        answered.await;
    }

    let mut doctor = start(container(&rendered, folder.path()));
    let arguments: Vec<String> = doctor
        .get_args()
        .skip(1)
        .map(|argument| argument.to_string_lossy().into_owned())
        .collect();
    let mut asked = start(Command::new(doctor.get_program()));
    for (name, value) in doctor.get_envs() {
        asked.env(name, value.unwrap_or_default());
    }
    doctor = asked;
    let output = doctor.arg("doctor").args(arguments).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        said.contains("pass  cluster: rights in cluster here: those that it needs, and no others"),
        "{said}{}",
        log()
    );
    assert!(!said.contains("FAIL"), "{said}");
    allows_nothing_else(&account.client, &namespace.name).await;
}
