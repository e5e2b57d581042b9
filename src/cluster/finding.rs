//! A condition observed on live objects, with its evidence: the stable interface of `--format json`.

use std::fmt;

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use crate::faq::condition::Condition;
use crate::faq::id::EntryId;

/// How bad a finding is; the worst sorts first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Nothing of the owner serves.
    Critical,
    /// Some of the owner serves, or all of it for now.
    Warning,
    /// Normal or intended, and worth knowing.
    Info,
}

/// An object by its kind and name; its namespace is the finding's.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct ObjectRef {
    /// The kind as manifests write it, such as `Deployment`.
    pub kind: String,
    /// The object's name.
    pub name: String,
}

impl ObjectRef {
    /// The object of this kind and name.
    pub fn new(kind: impl Into<String>, name: impl Into<String>) -> Self {
        ObjectRef {
            kind: kind.into(),
            name: name.into(),
        }
    }
}

impl fmt::Display for ObjectRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.name)
    }
}

/// Where a line of evidence was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// The object's status.
    Status,
    /// An event about the object.
    Event,
    /// The object's specification.
    Spec,
    /// The container's log.
    Log,
}

/// One line that the cluster says, in its own words (redacted and bounded).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EvidenceLine {
    /// The line, without control characters.
    pub text: String,
    /// Where it was read.
    pub source: Source,
}

/// What changed last in the owner's pod template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Changed {
    /// The change, such as `image of app: shop/web:1 → shop/web:2`.
    pub what: String,
    /// When it was rolled out: the birth of the newest `ReplicaSet`.
    pub at: Option<Timestamp>,
    /// The `ReplicaSet` that carries the change.
    pub object: ObjectRef,
}

/// The finding under which text and chat fold a consequence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// The causing condition.
    pub condition: Condition,
    /// The owner that shows it.
    pub owner: ObjectRef,
}

/// A condition on one owner, gathered over all its objects that show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What is wrong.
    #[serde(serialize_with = "by_name")]
    pub condition: Condition,
    /// The entry that explains the condition, where the caller's catalog has one.
    #[serde(serialize_with = "id_text")]
    pub entry: Option<EntryId>,
    /// How bad it is for the owner.
    pub severity: Severity,
    /// The namespace; none for nodes and other cluster objects.
    pub namespace: Option<String>,
    /// Who owns the objects: the Deployment, not the `ReplicaSet`; the object itself where nobody does.
    pub owner: ObjectRef,
    /// The objects that show the condition.
    pub objects: Vec<ObjectRef>,
    /// The containers that show it, where it is about containers.
    pub containers: Vec<String>,
    /// How many objects (pods, mostly) are affected.
    pub affected: u32,
    /// How many the owner should have, where that is known.
    pub desired: Option<u32>,
    /// Since when, where the cluster says so.
    pub since: Option<Timestamp>,
    /// One sentence in plain words, the classified cause first.
    pub summary: String,
    /// What the cluster says, in its own words.
    pub evidence: Vec<EvidenceLine>,
    /// What changed last, where that can be told.
    pub changed: Option<Changed>,
    /// Commands to look further, filled in with the real names.
    pub commands: Vec<String>,
    /// The finding that this one follows from. No part of the JSON: there, each finding stands for itself.
    #[serde(skip)]
    pub cause: Option<Cause>,
}

// serde's `serialize_with` hands over a reference to the field, whatever its type.
#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde asks for a reference"
)]
fn by_name<S: Serializer>(condition: &Condition, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(condition.name())
}

// serde's `serialize_with` hands over a reference to the field, whatever its type.
#[allow(clippy::ref_option, reason = "serde asks for a reference")]
fn id_text<S: Serializer>(entry: &Option<EntryId>, serializer: S) -> Result<S::Ok, S::Error> {
    match entry {
        Some(id) => serializer.serialize_some(id.as_str()),
        None => serializer.serialize_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_json_has_exactly_the_fields_of_the_stable_interface() {
        let finding = Finding {
            condition: Condition::OomKilled,
            entry: "oomkilled-exit-137".parse().ok(),
            severity: Severity::Critical,
            namespace: Some("shop".to_owned()),
            owner: ObjectRef::new("Deployment", "checkout"),
            objects: vec![ObjectRef::new("Pod", "checkout-7899-x")],
            containers: vec!["app".to_owned()],
            affected: 1,
            desired: Some(3),
            since: "2026-11-25T08:00:00Z".parse().ok(),
            summary: "out of memory".to_owned(),
            evidence: vec![EvidenceLine {
                text: "exit code 137".to_owned(),
                source: Source::Status,
            }],
            changed: None,
            commands: vec!["kubectl get pods".to_owned()],
            cause: Some(Cause {
                condition: Condition::OomKilled,
                owner: ObjectRef::new("Deployment", "checkout"),
            }),
        };
        let json = serde_json::to_string_pretty(&finding).unwrap();
        insta::assert_snapshot!(json, @r#"
        {
          "condition": "OomKilled",
          "entry": "oomkilled-exit-137",
          "severity": "critical",
          "namespace": "shop",
          "owner": {
            "kind": "Deployment",
            "name": "checkout"
          },
          "objects": [
            {
              "kind": "Pod",
              "name": "checkout-7899-x"
            }
          ],
          "containers": [
            "app"
          ],
          "affected": 1,
          "desired": 3,
          "since": "2026-11-25T08:00:00Z",
          "summary": "out of memory",
          "evidence": [
            {
              "text": "exit code 137",
              "source": "status"
            }
          ],
          "changed": null,
          "commands": [
            "kubectl get pods"
          ]
        }
        "#);
    }

    #[test]
    fn the_worst_severity_sorts_first() {
        assert!(Severity::Critical < Severity::Warning && Severity::Warning < Severity::Info);
    }
}
