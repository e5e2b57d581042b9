//! Failed reads as sentences: what could not be looked at, why, and what would help.

use std::collections::BTreeMap;

use super::access::{Reach, Resource};
use super::evidence::{NotChecked, Why};
use super::fetch::{Ask, Read, ReadError};

/// Failed reads as sentences, those of the same kind and reason in one. Where nothing of a cluster answers, one says it all.
pub(super) fn not_checked(cluster: &str, missed: &[(Read, ReadError)]) -> Vec<NotChecked> {
    let of_the_whole = missed
        .iter()
        .find(|(_, error)| matches!(error, ReadError::Unauthorized));
    if let Some((_, error)) = of_the_whole {
        return vec![sentence(&format!("cluster {cluster}"), error, None)];
    }
    let is_no_connection = |error: &ReadError| matches!(error, ReadError::Unreachable(said) if !said.starts_with("the answer") && !said.starts_with("the API server"));
    if let Some((_, error)) = missed.iter().find(|(_, error)| is_no_connection(error)) {
        return vec![sentence(&format!("cluster {cluster}"), error, None)];
    }
    let absent =
        missed
            .iter()
            .filter_map(|(read, error)| match (&read.ask, read.resource, error) {
                (Ask::Get { name }, Resource::Namespaces, ReadError::NotFound) => {
                    Some(NotChecked {
                        what: format!("namespace {name}"),
                        why: Why::NotFound,
                        detail: "there is no such namespace".to_owned(),
                    })
                }
                _ => None,
            });
    let absent: Vec<NotChecked> = absent.collect();
    if !absent.is_empty() {
        return absent;
    }
    let mut groups: BTreeMap<(Resource, String), (Vec<String>, &Read, &ReadError)> =
        BTreeMap::new();
    for (read, error) in missed {
        let key = (read.resource, error.to_string());
        let group = groups
            .entry(key)
            .or_insert_with(|| (Vec::new(), read, error));
        if let Some(namespace) = &read.namespace
            && !group.0.contains(namespace)
        {
            group.0.push(namespace.clone());
        }
    }
    groups
        .into_values()
        .map(|(mut namespaces, read, error)| {
            namespaces.sort();
            let place = match (namespaces.as_slice(), read.resource.access().reach) {
                ([], Reach::Namespaced) => " in all namespaces".to_owned(),
                ([], Reach::Cluster) => String::new(),
                ([only], _) => format!(" in {only}"),
                ([first, rest @ ..], _) => {
                    format!(" in {first} and {} more namespaces", rest.len())
                }
            };
            sentence(&format!("{}{place}", read.resource), error, Some(read))
        })
        .collect()
}

pub(super) fn sentence(what: &str, error: &ReadError, read: Option<&Read>) -> NotChecked {
    let (why, detail) = match error {
        ReadError::Denied => {
            let verb = read.map_or("list", |read| read.verb().name());
            let rule = read
                .map(|read| read.resource.access().rule())
                .unwrap_or_default();
            (
                Why::Denied,
                format!("may not {verb} {what}; this rule would grant it: {{{rule}}}"),
            )
        }
        ReadError::NotFound => (
            Why::NotFound,
            "the API server knows no such resource".to_owned(),
        ),
        ReadError::TimedOut => (Why::TimedOut, "no answer before the deadline".to_owned()),
        ReadError::Unreachable(said) => (Why::Unreachable, said.clone()),
        ReadError::Unauthorized => (
            Why::Unauthorized,
            "the credentials are missing, expired or refused; sign in again".to_owned(),
        ),
    };
    NotChecked {
        what: what.to_owned(),
        why,
        detail,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(resource: Resource, namespace: Option<&str>) -> Read {
        Read {
            resource,
            namespace: namespace.map(str::to_owned),
            ask: Ask::List,
        }
    }

    fn said(missed: &[(Read, ReadError)]) -> Vec<(String, Why)> {
        not_checked("prod", missed)
            .into_iter()
            .map(|missed| (missed.what, missed.why))
            .collect()
    }

    #[test]
    fn a_refusal_holds_the_rule_that_would_grant_it() {
        let missed = not_checked(
            "prod",
            &[(read(Resource::Deployments, Some("shop")), ReadError::Denied)],
        );
        assert_eq!(
            missed[0].detail,
            r#"may not list deployments in shop; this rule would grant it: {apiGroups: ["apps"], resources: ["deployments"], verbs: ["get", "list"]}"#
        );
    }

    #[test]
    fn the_same_failure_in_many_namespaces_is_one_sentence() {
        let missed = ["shop", "web", "shop"]
            .map(|namespace| (read(Resource::Pods, Some(namespace)), ReadError::TimedOut));
        assert_eq!(
            said(&missed),
            [(
                "pods in shop and 1 more namespaces".to_owned(),
                Why::TimedOut
            )]
        );
        assert_eq!(
            said(&[(read(Resource::Nodes, None), ReadError::Denied)]),
            [("nodes".to_owned(), Why::Denied)]
        );
    }

    #[test]
    fn where_nothing_answers_one_sentence_says_it_all() {
        let refused = ReadError::Unreachable("connection refused".to_owned());
        let missed = [Resource::Pods, Resource::Events]
            .map(|resource| (read(resource, Some("shop")), refused.clone()));
        assert_eq!(
            said(&missed),
            [("cluster prod".to_owned(), Why::Unreachable)]
        );
        let missed = [Resource::Pods, Resource::Events]
            .map(|resource| (read(resource, Some("shop")), ReadError::Unauthorized));
        assert_eq!(
            said(&missed),
            [("cluster prod".to_owned(), Why::Unauthorized)]
        );
    }

    #[test]
    fn a_namespace_that_does_not_exist_is_named() {
        let ask = Ask::Get {
            name: "shpo".to_owned(),
        };
        let missed = Read {
            resource: Resource::Namespaces,
            namespace: None,
            ask,
        };
        assert_eq!(
            said(&[(missed, ReadError::NotFound)]),
            [("namespace shpo".to_owned(), Why::NotFound)]
        );
    }
}
