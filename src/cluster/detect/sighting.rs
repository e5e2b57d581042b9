//! One condition seen on one object, before the sightings of an owner are gathered into a finding.

use jiff::Timestamp;

use super::event::Seen;
use crate::cluster::finding::{EvidenceLine, ObjectRef, Severity, Source};
use crate::cluster::redact;
use crate::faq::condition::Condition;

/// One condition on one object.
#[derive(Debug, Clone)]
pub(super) struct Sighting {
    pub(super) condition: Condition,
    pub(super) severity: Severity,
    /// None for cluster objects.
    pub(super) namespace: Option<String>,
    pub(super) owner: ObjectRef,
    pub(super) object: ObjectRef,
    pub(super) container: Option<String>,
    pub(super) since: Option<Timestamp>,
    pub(super) summary: String,
    pub(super) evidence: Vec<EvidenceLine>,
    pub(super) commands: Vec<String>,
    /// How many are affected, where that is not the number of objects seen.
    pub(super) affected: Option<u32>,
    pub(super) desired: Option<u32>,
    /// Owners whose findings may explain this one.
    pub(super) depends_on: Vec<ObjectRef>,
    /// A finding of the same owner under which this one is folded.
    pub(super) beside: Option<Condition>,
}

impl Sighting {
    /// A condition on an object that owns itself.
    pub(super) fn on(
        condition: Condition,
        severity: Severity,
        namespace: &str,
        object: ObjectRef,
        summary: impl Into<String>,
    ) -> Self {
        Sighting {
            condition,
            severity,
            namespace: (!namespace.is_empty()).then(|| namespace.to_owned()),
            owner: object.clone(),
            object,
            container: None,
            since: None,
            summary: redact::line(&summary.into()),
            evidence: Vec::new(),
            commands: Vec::new(),
            affected: None,
            desired: None,
            depends_on: Vec::new(),
            beside: None,
        }
    }

    pub(super) fn owned_by(mut self, owner: ObjectRef) -> Self {
        self.owner = owner;
        self
    }

    pub(super) fn since(mut self, since: Option<Timestamp>) -> Self {
        self.since = since;
        self
    }

    /// Adds a line of evidence; an empty one is left out.
    pub(super) fn says(mut self, source: Source, text: &str) -> Self {
        let text = redact::line(text);
        if !text.is_empty() {
            self.evidence.push(EvidenceLine { text, source });
        }
        self
    }

    /// Adds an event as a line of evidence.
    pub(super) fn event(self, seen: Option<&Seen<'_>>) -> Self {
        match seen {
            Some(seen) => self.says(Source::Event, &seen.line()),
            None => self,
        }
    }

    /// Adds a command; none where a name in it could not stand in a shell.
    pub(super) fn command(mut self, command: Option<String>) -> Self {
        self.commands.extend(command);
        self
    }

    pub(super) fn counts(mut self, affected: Option<u32>, desired: Option<u32>) -> Self {
        self.affected = affected;
        self.desired = desired;
        self
    }

    pub(super) fn depends_on(mut self, owner: ObjectRef) -> Self {
        self.depends_on.push(owner);
        self
    }
}
