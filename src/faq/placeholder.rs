//! The placeholders that an entry's commands may hold, and filling them with real names.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::{Captures, Regex};

use super::markdown::{Block, Inline};

/// Every placeholder, without its angle brackets.
pub const PLACEHOLDERS: &[&str] = &[
    "account",
    "apiservice",
    "arn",
    "autoscaling-group",
    "certificate",
    "challenge",
    "chart",
    "cidr",
    "cluster",
    "clusterrole",
    "clusterrolebinding",
    "command",
    "configmap",
    "container",
    "context",
    "cpu",
    "crd",
    "cronjob",
    "daemonset",
    "date",
    "deployment",
    "digest",
    "domain",
    "duration",
    "email",
    "endpoint",
    "endpointslice",
    "file",
    "gateway",
    "group",
    "host",
    "hpa",
    "httproute",
    "image",
    "ingress",
    "ingressclass",
    "instance",
    "instance-type",
    "ip",
    "issuer",
    "job",
    "key",
    "kind",
    "kubeconfig",
    "label",
    "lease",
    "limitrange",
    "load-balancer",
    "local-port",
    "manifest",
    "member",
    "memory",
    "name",
    "namespace",
    "networkpolicy",
    "node",
    "node-group",
    "nodeclaim",
    "nodepool",
    "order",
    "password",
    "path",
    "pdb",
    "pid",
    "pod",
    "policy",
    "port",
    "pv",
    "pvc",
    "quota",
    "region",
    "registry",
    "release",
    "replicas",
    "replicaset",
    "repository",
    "resource",
    "revision",
    "role",
    "rolebinding",
    "seconds",
    "secret",
    "security-group",
    "service",
    "serviceaccount",
    "size",
    "snapshot",
    "statefulset",
    "storageclass",
    "subnet",
    "tag",
    "token",
    "uid",
    "url",
    "user",
    "value",
    "verb",
    "version",
    "volume-id",
    "volumeattachment",
    "vpc",
    "webhook",
    "zone",
];

/// What kubectl itself prints in angle brackets: no placeholders, though they look alike.
const PRINTED_BY_KUBECTL: &[&str] = &["none", "nil", "pending", "unknown", "unset", "invalid"];

static ANGLE_BRACKETS: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new("<([a-z][a-z0-9-]*)>").ok());

/// What stands in angle brackets and is neither a placeholder nor printed by kubectl, each with its byte in the text.
pub fn unknown(text: &str) -> impl Iterator<Item = (usize, &str)> {
    ANGLE_BRACKETS
        .iter()
        .flat_map(|brackets| brackets.captures_iter(text))
        .filter_map(|captures| captures.get(1))
        .map(|found| (found.start() - 1, found.as_str()))
        .filter(|(_, name)| !PLACEHOLDERS.contains(name) && !PRINTED_BY_KUBECTL.contains(name))
}

/// The blocks with the placeholders in their code filled; those without a value stay.
#[must_use]
pub fn fill(blocks: &[Block], values: &BTreeMap<String, String>) -> Vec<Block> {
    blocks
        .iter()
        .map(|block| match block {
            Block::Heading { level, text } => Block::Heading {
                level: *level,
                text: fill_inlines(text, values),
            },
            Block::Paragraph(text) => Block::Paragraph(fill_inlines(text, values)),
            Block::List { start, items } => Block::List {
                start: *start,
                items: items.iter().map(|item| fill(item, values)).collect(),
            },
            Block::Code { language, text } => Block::Code {
                language: language.clone(),
                text: fill_code(text, values),
            },
        })
        .collect()
}

fn fill_inlines(inlines: &[Inline], values: &BTreeMap<String, String>) -> Vec<Inline> {
    inlines
        .iter()
        .map(|inline| match inline {
            Inline::Text(text) => Inline::Text(text.clone()),
            Inline::Code(code) => Inline::Code(fill_code(code, values)),
            Inline::Strong(inner) => Inline::Strong(fill_inlines(inner, values)),
            Inline::Emphasis(inner) => Inline::Emphasis(fill_inlines(inner, values)),
            Inline::Link { url, text } => Inline::Link {
                url: url.clone(),
                text: fill_inlines(text, values),
            },
        })
        .collect()
}

fn fill_code(code: &str, values: &BTreeMap<String, String>) -> String {
    let Some(brackets) = ANGLE_BRACKETS.as_ref() else {
        return code.to_owned();
    };
    brackets
        .replace_all(code, |found: &Captures<'_>| {
            values
                .get(&found[1])
                .cloned()
                .unwrap_or_else(|| found[0].to_owned())
        })
        .into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_placeholder_with_a_value_is_filled_and_another_stays() {
        let values = BTreeMap::from([("pod".to_owned(), "web-1".to_owned())]);
        assert_eq!(
            fill_code("kubectl logs <pod> -n <namespace>", &values),
            "kubectl logs web-1 -n <namespace>"
        );
    }

    #[test]
    fn an_unknown_placeholder_is_found_and_kubectls_output_is_none() {
        let found: Vec<_> =
            unknown("kubectl get <thingy> <pod>; EXTERNAL-IP is <pending>").collect();
        assert_eq!(found, [(12, "thingy")]);
    }

    #[test]
    fn the_list_is_sorted_so_that_a_reader_finds_a_name() {
        assert!(PLACEHOLDERS.is_sorted());
    }
}
