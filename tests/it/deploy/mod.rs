//! `deploy/`: what the chart grants is what the code reads, its values are explained, and the image is complete.

mod image;

use std::collections::BTreeSet;
use std::path::Path;

use k8sfaq::cluster::access::{ACCESSES, Access, LEASE, Reach};
use k8sfaq::config::Config;
use serde_json::Value;

/// All the rules that the chart can grant; the templates put them into Roles.
const RULES: &str = include_str!("../../../deploy/chart/k8sfaq/templates/_rules.tpl");
const VALUES: &str = include_str!("../../../deploy/chart/k8sfaq/values.yaml");
const SCHEMA: &str = include_str!("../../../deploy/chart/k8sfaq/values.schema.json");
const CHART: &str = include_str!("../../../deploy/chart/k8sfaq/Chart.yaml");

/// The rules of a section, a line each, as they are written there.
fn rules(section: &str) -> Vec<&'static str> {
    let begin = format!("{{{{- define \"k8sfaq.rules.{section}\" -}}}}");
    let (_, rest) = RULES.split_once(&begin).expect("the section");
    let (rules, _) = rest.split_once("{{- end -}}").expect("its end");
    let inner = |line: &'static str| line.strip_prefix("- {")?.strip_suffix('}');
    rules
        .lines()
        .filter(|line| !line.is_empty())
        .map(|line| inner(line).unwrap_or_else(|| panic!("{line}")))
        .collect()
}

fn needed(is_wanted: impl Fn(&&Access) -> bool) -> Vec<String> {
    ACCESSES
        .iter()
        .filter(is_wanted)
        .map(Access::rule)
        .collect()
}

fn files(folder: &str) -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let items = std::fs::read_dir(&folder).unwrap();
    items
        .map(|item| item.unwrap().path())
        .map(|path| {
            let text = std::fs::read_to_string(&path).unwrap();
            (path.display().to_string(), text)
        })
        .collect()
}

#[test]
fn every_access_that_is_needed_is_granted_and_nothing_else() {
    let needed = |reach| needed(|access| !access.is_optional && access.reach == reach);
    assert_eq!(rules("namespaced"), needed(Reach::Namespaced));
    assert_eq!(rules("cluster"), needed(Reach::Cluster));
}

#[test]
fn logs_are_granted_apart() {
    assert_eq!(rules("logs"), needed(|access| access.is_optional));
}

#[test]
fn the_one_lease_is_granted_by_its_name() {
    let name = "{{ include \"k8sfaq.fullname\" . | quote }}";
    assert_eq!(rules("lease"), [LEASE.rule(name)]);
}

#[test]
fn nothing_is_granted_elsewhere_in_the_chart_and_no_rule_has_a_star() {
    let sections = ["namespaced", "cluster", "logs", "lease"];
    let written: usize = sections.iter().map(|section| rules(section).len()).sum();
    assert_eq!(RULES.matches("verbs").count(), written);
    for section in sections {
        assert!(!rules(section).concat().contains('*'), "{section}");
    }
    for (path, text) in files("deploy/chart/k8sfaq/templates") {
        if !path.ends_with("_rules.tpl") {
            assert!(!text.contains("verbs"), "{path}");
        }
    }
}

#[test]
fn the_chart_has_the_programs_version() {
    for key in ["version", "appVersion"] {
        let line = format!("{key}: {}", env!("CARGO_PKG_VERSION"));
        assert!(CHART.lines().any(|known| known == line), "{line}");
    }
}

#[test]
fn every_value_has_a_sentence() {
    let mut before = "";
    for line in VALUES.lines() {
        let text = line.trim_start();
        let is_value = !text.starts_with('#') && text.contains(':');
        // Of what asks and limits, Kubernetes' own documentation tells.
        let is_kubernetes_own = matches!(text, "limits:" | "requests:") || line.starts_with("    ");
        if is_value && !is_kubernetes_own {
            assert!(before.trim_start().starts_with("# "), "{line}");
        }
        before = line;
    }
}

#[test]
fn the_schema_knows_every_section_of_the_settings_and_no_other() {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let keys = |value: &Value| -> BTreeSet<String> {
        value
            .as_object()
            .expect("a table")
            .keys()
            .cloned()
            .collect()
    };
    let config = serde_json::to_value(Config::default()).unwrap();
    assert_eq!(
        keys(&schema["properties"]["config"]["properties"]),
        keys(&config)
    );
}
