//! `deploy/`: what the manifests grant is what the code reads.

use k8sfaq::cluster::access::{ACCESSES, Access, Reach};

const CLUSTER: &str = include_str!("../../../deploy/rbac.yaml");
const NAMESPACE: &str = include_str!("../../../deploy/rbac-namespace.yaml");
const LOGS: &str = include_str!("../../../deploy/rbac-logs.yaml");

/// The rules of a file, a line each, as they are written there.
fn rules(manifest: &str) -> Vec<&str> {
    let lines = manifest.lines().map(str::trim_start);
    lines
        .filter_map(|line| line.strip_prefix("- {")?.strip_suffix('}'))
        .filter(|rule| rule.starts_with("apiGroups"))
        .collect()
}

fn needed(is_wanted: impl Fn(&&Access) -> bool) -> Vec<String> {
    ACCESSES
        .iter()
        .filter(is_wanted)
        .map(Access::rule)
        .collect()
}

#[test]
fn the_cluster_role_grants_every_access_that_is_needed_and_nothing_else() {
    assert_eq!(rules(CLUSTER), needed(|access| !access.is_optional));
}

#[test]
fn the_role_of_a_namespace_grants_what_lives_in_namespaces_and_nothing_else() {
    let wanted = needed(|access| !access.is_optional && access.reach == Reach::Namespaced);
    assert_eq!(rules(NAMESPACE), wanted);
}

#[test]
fn logs_are_granted_apart() {
    assert_eq!(rules(LOGS), needed(|access| access.is_optional));
}

#[test]
fn nothing_is_granted_in_another_form() {
    for manifest in [CLUSTER, NAMESPACE, LOGS] {
        assert_eq!(manifest.matches("verbs").count(), rules(manifest).len());
        assert!(!manifest.contains('*'));
    }
}
