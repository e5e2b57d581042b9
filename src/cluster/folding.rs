//! Which findings stand for themselves, and which follow from another: JSON lists all, text and chat fold them.

use std::collections::BTreeMap;

use super::evidence::Evidence;
use super::finding::{Finding, ObjectRef};
use crate::faq::condition::Condition;

/// A finding's place: namespace, owner and condition.
pub type Key = (Option<String>, ObjectRef, Condition);

impl Evidence {
    /// The worst finding; where it follows from another, that one.
    #[must_use]
    pub fn worst(&self) -> Option<&Finding> {
        self.findings
            .first()
            .map(|first| root(first, &self.findings))
    }
}

/// The finding's place.
#[must_use]
pub fn key(finding: &Finding) -> Key {
    (
        finding.namespace.clone(),
        finding.owner.clone(),
        finding.condition,
    )
}

/// Findings that stand for themselves, and the others by the first cause that is among the findings.
#[must_use]
pub fn fold(findings: &[Finding]) -> (Vec<&Finding>, BTreeMap<Key, Vec<&Finding>>) {
    let mut roots = Vec::new();
    let mut folded: BTreeMap<Key, Vec<&Finding>> = BTreeMap::new();
    for finding in findings {
        let root = root(finding, findings);
        if std::ptr::eq(root, finding) {
            roots.push(finding);
        } else {
            folded.entry(key(root)).or_default().push(finding);
        }
    }
    (roots, folded)
}

fn root<'a>(finding: &'a Finding, all: &'a [Finding]) -> &'a Finding {
    let mut current = finding;
    // Each step goes to a lower rank; the bound is for findings that somebody else made.
    for _ in 0..all.len() {
        let Some(cause) = &current.cause else { break };
        let next = all.iter().find(|candidate| {
            let is_near = candidate.namespace == current.namespace || candidate.namespace.is_none();
            candidate.condition == cause.condition && candidate.owner == cause.owner && is_near
        });
        match next {
            Some(next) => current = next,
            None => break,
        }
    }
    current
}
