//! What a lookup brings back: findings, and what could not be looked at. The stable interface of `--format json`.

use jiff::Timestamp;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::finding::Finding;
use super::name::Namespace;

/// The namespaces of a scope.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Namespaces {
    /// All of them; then the cluster's own objects belong to the scope as well.
    All,
    /// These.
    Named(Vec<Namespace>),
}

/// What a lookup brought back: the stable interface of `--format json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Evidence {
    /// The cluster's name: its context.
    pub cluster: String,
    /// The server's version, such as `v1.36.3`, where it said it.
    pub version: Option<String>,
    /// Where was looked.
    #[serde(serialize_with = "scope_form")]
    pub scope: Namespaces,
    /// When the oldest part of it was read.
    pub checked_at: Timestamp,
    /// What was found, the worst first.
    pub findings: Vec<Finding>,
    /// What could not be looked at.
    pub not_checked: Vec<NotChecked>,
    /// What was left out because there was too much.
    pub truncated: Option<Truncated>,
    /// What was looked at, for a sentence such as "nothing found in 37 pods". No part of the JSON.
    #[serde(skip)]
    pub looked_at: LookedAt,
}

/// How much was looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LookedAt {
    /// Objects and rows that were read.
    pub objects: usize,
    /// Pods among them.
    pub pods: usize,
    /// The namespaces.
    pub namespaces: Vec<String>,
    /// The resources, as RBAC writes them.
    pub resources: Vec<String>,
    /// The objects that were asked for and are there, such as `Deployment checkout in shop`.
    pub targets: Vec<String>,
}

/// Something that could not be looked at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct NotChecked {
    /// What, such as `pods in shop`.
    pub what: String,
    /// Why.
    pub why: Why,
    /// What to do about it, or what exactly was said.
    pub detail: String,
}

/// Why something could not be looked at: five different sentences.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// The server refuses; the detail holds the rule that would grant it.
    Denied,
    /// There is no such object or API.
    NotFound,
    /// No answer before the deadline.
    TimedOut,
    /// No connection, or no readable answer.
    Unreachable,
    /// Expired or missing credentials.
    Unauthorized,
}

/// What was left out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Truncated {
    /// Pods that look sick and were not read.
    pub pods: usize,
    /// Findings beyond those that are given.
    pub findings: usize,
    /// Whether there are more events than were read: what only they tell may be missing.
    pub events: bool,
    /// Services whose pods were not read.
    pub services: usize,
    /// Owners of sick pods that were not read.
    pub owners: usize,
}

impl Truncated {
    /// Nothing, where nothing was left out.
    #[must_use]
    pub fn if_any(self) -> Option<Truncated> {
        (self != Truncated::default()).then_some(self)
    }

    /// What was left out, in words; the findings are not counted, for who shows them may leave out more.
    #[must_use]
    pub fn words(&self) -> Vec<String> {
        let counted = [
            (self.pods, "more pods that look sick"),
            (self.services, "Services whose pods were not read"),
            (self.owners, "owners of sick pods"),
        ];
        let mut words: Vec<String> = counted
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{count} {what}"))
            .collect();
        if self.events {
            words.push("the events beyond the first thousands".to_owned());
        }
        words
    }
}

impl Evidence {
    /// Whether an object was asked for that is there, and all that could tell of it was read and shows nothing.
    #[must_use]
    pub fn shows_it_well(&self) -> bool {
        !self.looked_at.targets.is_empty()
            && self.findings.is_empty()
            && self.not_checked.is_empty()
            && self.truncated.is_none()
    }

    /// The evidence of a cluster that could not even be asked.
    #[must_use]
    pub fn of_nothing(cluster: &str, scope: Namespaces, missed: NotChecked) -> Self {
        Evidence {
            cluster: cluster.to_owned(),
            version: None,
            scope,
            checked_at: Timestamp::now(),
            findings: Vec::new(),
            not_checked: vec![missed],
            truncated: None,
            looked_at: LookedAt::default(),
        }
    }
}

fn scope_form<S: Serializer>(scope: &Namespaces, serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(1))?;
    match scope {
        Namespaces::All => map.serialize_entry("namespaces", "all")?,
        Namespaces::Named(names) => map.serialize_entry("namespaces", names)?,
    }
    map.end()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_json_has_exactly_the_fields_of_the_stable_interface() {
        let evidence = Evidence {
            cluster: "prod".to_owned(),
            version: None,
            scope: Namespaces::Named(vec!["shop".parse().unwrap()]),
            checked_at: "2026-11-25T08:59:56Z".parse().unwrap(),
            findings: vec![],
            not_checked: vec![NotChecked {
                what: "pods in shop".to_owned(),
                why: Why::NotFound,
                detail: "gone".to_owned(),
            }],
            truncated: Some(Truncated {
                pods: 3,
                ..Truncated::default()
            }),
            looked_at: LookedAt::default(),
        };
        let json = serde_json::to_string(&evidence).unwrap();
        assert_eq!(
            json,
            r#"{"cluster":"prod","version":null,"scope":{"namespaces":["shop"]},"checked_at":"2026-11-25T08:59:56Z","findings":[],"not_checked":[{"what":"pods in shop","why":"not_found","detail":"gone"}],"truncated":{"pods":3,"findings":0,"events":false,"services":0,"owners":0}}"#
        );
        let all = Evidence {
            scope: Namespaces::All,
            truncated: None,
            ..evidence
        };
        assert!(
            serde_json::to_string(&all)
                .unwrap()
                .contains(r#""scope":{"namespaces":"all"}"#)
        );
    }
}
