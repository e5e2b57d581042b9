//! The Helm chart: what it renders, what it refuses, and what a server says to it.

mod applied;
mod running;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::server;

/// The chart, from the root of the tree.
const CHART: &str = "deploy/chart/k8sfaq";

/// The installs that are tested, by the names of their files of values.
const INSTALLS: [&str; 4] = ["socket", "http", "discord", "replicas"];

/// What to do where a rendering is not the committed one.
const AGAIN: &str = "look at the difference, and run tests/cluster/chart/render if it is meant";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A program that tests/cluster/prepare made, run from the root of the tree.
fn program(name: &str) -> Command {
    let assets = server::assets().unwrap_or_else(|reason| panic!("{reason}"));
    let path = assets.join(name);
    assert!(
        path.exists(),
        "{} is missing: run tests/all, or tests/cluster/prepare {name}",
        path.display()
    );
    let mut command = Command::new(path);
    command.current_dir(root()).stdin(Stdio::null());
    command
}

/// What a program printed.
///
/// # Panics
/// It failed.
fn printed(output: &Output) -> String {
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn helm(arguments: &[&str]) -> Output {
    let output = program("helm").args(arguments).output();
    output.unwrap_or_else(|error| panic!("helm: {error}"))
}

/// The chart as the release `k8sfaq` in a namespace.
pub fn template(namespace: &str, arguments: &[&str]) -> String {
    let mut all = vec!["template", "k8sfaq", CHART, "-n", namespace];
    all.extend(arguments);
    printed(&helm(&all))
}

/// Why the chart is not rendered.
fn refusal(arguments: &[&str]) -> String {
    let mut all = vec!["template", "k8sfaq", CHART];
    all.extend(arguments);
    let output = helm(&all);
    assert!(!output.status.success(), "{arguments:?} was rendered");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn values(install: &str) -> PathBuf {
    root().join(format!("tests/cluster/chart/{install}.values.yaml"))
}

/// An install of [`INSTALLS`] in a namespace.
fn install(install: &str, namespace: &str) -> String {
    template(namespace, &["-f", &values(install).display().to_string()])
}

pub fn documents(yaml: &str) -> Vec<Value> {
    let documents: Vec<Value> = serde_saphyr::from_multiple(yaml).expect("YAML");
    documents
        .into_iter()
        .filter(|document| !document.is_null())
        .collect()
}

fn of_kind<'a>(documents: &'a [Value], kind: &str) -> &'a Value {
    let found = documents.iter().find(|document| document["kind"] == kind);
    found.unwrap_or_else(|| panic!("no {kind}"))
}

#[test]
fn helm_itself_finds_nothing_to_say() {
    for install in INSTALLS {
        let values = values(install).display().to_string();
        let output = helm(&["lint", "--strict", CHART, "-f", &values]);
        let said = printed(&output);
        assert!(
            !said.contains("[WARNING]") && !said.contains("[ERROR]"),
            "{said}"
        );
    }
}

#[test]
fn each_install_is_rendered_as_it_was_committed() {
    for name in INSTALLS {
        let path = format!("tests/cluster/chart/{name}.rendered.yaml");
        let committed = std::fs::read_to_string(root().join(&path)).expect("a rendering");
        assert!(install(name, "k8sfaq") == committed, "{path}: {AGAIN}");
    }
}

#[test]
fn the_manifests_for_kubectl_are_what_the_commands_in_their_readme_render() {
    let readme = std::fs::read_to_string(root().join("deploy/manifests/README.md")).unwrap();
    let commands = readme
        .lines()
        .filter_map(|line| line.strip_prefix("helm ")?.split_once(" > "));
    let mut rendered = Vec::new();
    for (arguments, path) in commands {
        let arguments: Vec<&str> = arguments.split_whitespace().collect();
        let committed = std::fs::read_to_string(root().join(path)).expect("a manifest");
        assert!(printed(&helm(&arguments)) == committed, "{path}: {AGAIN}");
        rendered.push(root().join(path));
    }
    let folder = std::fs::read_dir(root().join("deploy/manifests")).unwrap();
    let mut there: Vec<PathBuf> = folder
        .map(|item| item.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "yaml"))
        .collect();
    there.sort();
    rendered.sort();
    assert_eq!(there, rendered);
}

#[test]
fn the_values_in_the_readme_are_all_that_an_install_needs() {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let (_, rest) = readme.split_once("```yaml\nimage:").expect("values");
    let (values, _) = rest.split_once("```").expect("their end");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("values.yaml");
    std::fs::write(&file, format!("image:{values}")).unwrap();
    let rendered = documents(&template("k8sfaq", &["-f", &file.display().to_string()]));
    of_kind(&rendered, "Deployment");
    of_kind(&rendered, "ClusterRole");
}

#[test]
fn unknown_and_wrong_values_are_refused() {
    for (value, said) in [
        ("imagge.tag=1", "additional properties 'imagge' not allowed"),
        (
            "image.tagg=1",
            "'/image': additional properties 'tagg' not allowed",
        ),
        (
            "config.slak.mode=socket",
            "'/config': additional properties 'slak' not allowed",
        ),
        (
            "config.slack.mode=loud",
            "'/config/slack/mode': value must be one of 'socket', 'http'",
        ),
        ("secrets.values.TOKEN=x", "'TOKEN' not allowed"),
        ("replicas=0", "'/replicas': minimum: got 0, want 1"),
        ("replicas=two", "'/replicas': got string, want integer"),
        ("rbac.namespaces={Shop}", "'/rbac/namespaces/0': 'Shop'"),
        (
            "networkPolicy.egressPorts={https}",
            "got string, want integer",
        ),
        ("state.size=much", "'/state/size'"),
        ("image.digest=sha256:12", "'/image/digest'"),
        (
            "serviceMonitor.interval=often",
            "'/serviceMonitor/interval'",
        ),
    ] {
        let refusal = refusal(&["--set", value]);
        assert!(refusal.contains(said), "{value}: {refusal}");
    }
}

#[test]
fn what_cannot_work_is_refused_with_the_cure() {
    let socket = "config.slack.mode=socket,secrets.existing=tokens";
    for (values, said) in [
        (
            "secrets.existing=tokens",
            "no adapter is configured: set config.slack.mode=socket",
        ),
        (
            "config.slack.mode=socket",
            "SLACK_BOT_TOKEN is missing: name a Secret that holds it",
        ),
        (
            "config.slack.mode=http,secrets.values.SLACK_BOT_TOKEN=xoxb-1",
            "SLACK_SIGNING_SECRET is missing",
        ),
        (
            &format!("{socket},secrets.values.DISCORD_TOKEN=x"),
            "keep one of them",
        ),
        (
            &format!("{socket},config.web.listen=x"),
            "config.web.listen is the chart's own",
        ),
        (
            &format!("{socket},config.serve.lease=x"),
            "config.serve.lease is the chart's own",
        ),
        (
            &format!("{socket},replicas=6"),
            "more than the 10 that Slack gives an app",
        ),
        (
            &format!("{socket},ingress.create=true"),
            "set config.slack.mode=http",
        ),
        (
            &format!("{socket},serviceAccount.create=false"),
            "name the account",
        ),
    ] {
        let refusal = refusal(&["--set", values]);
        assert!(refusal.contains(said), "{values}: {refusal}");
    }
}

#[test]
fn a_change_restarts_the_pods_only_where_the_bot_needs_it() {
    let checksum = |more: &str| {
        let values = format!("secrets.existing=tokens,config.slack.mode=socket{more}");
        let rendered = documents(&template("k8sfaq", &["--set", &values]));
        let pod = &of_kind(&rendered, "Deployment")["spec"]["template"];
        pod["metadata"]["annotations"]["checksum/restart"].clone()
    };
    let plain = checksum("");
    assert_eq!(plain, checksum(",config.channels.slack.C1.mode=muted"));
    assert_eq!(
        plain,
        checksum(",config.people.slack.U1.scope.cluster=true")
    );
    assert_ne!(plain, checksum(",config.limits.in_flight=9"));
    // Whether any message is watched is settled when the connection opens.
    assert_ne!(plain, checksum(",config.channels.slack.C1.watch=true"));
}

#[test]
fn no_rights_and_no_token_are_given_without_a_use_for_them() {
    let rendered = documents(&install("socket", "k8sfaq"));
    let kinds: Vec<&str> = rendered
        .iter()
        .filter_map(|one| one["kind"].as_str())
        .collect();
    assert!(!kinds.iter().any(|kind| kind.contains("Role")), "{kinds:?}");
    let pod = &of_kind(&rendered, "Deployment")["spec"]["template"]["spec"];
    assert_eq!(pod["automountServiceAccountToken"], false);
}
