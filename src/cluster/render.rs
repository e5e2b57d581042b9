//! Evidence as lines of plain text for a terminal: what is wrong by owner, consequences under their causes.

use jiff::Timestamp;

use super::evidence::{Evidence, Namespaces, NotChecked, Why};
use super::finding::{Finding, Severity, Source};
use super::folding::{fold, key};

/// How much of each finding is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// The summary only.
    Summary,
    /// With the cluster's own words, the last change and commands.
    Full,
}

/// Most lines of evidence under one finding.
const MAX_EVIDENCE: usize = 4;

/// The evidence as text, without a line end at the end.
#[must_use]
pub fn text(evidence: &Evidence, detail: Detail, now: Timestamp) -> String {
    let mut lines = vec![heading(evidence, now)];
    if evidence.findings.is_empty() {
        lines.push(nothing_found(evidence));
    }
    let (roots, folded) = fold(&evidence.findings);
    for (owner, findings) in by_owner(&roots) {
        lines.push(String::new());
        lines.push(owner);
        for finding in findings {
            finding_lines(finding, detail, now, &mut lines);
            for consequence in folded.get(&key(finding)).into_iter().flatten() {
                lines.push(format!(
                    "    so also {} ({}): {}",
                    consequence.condition,
                    place(consequence),
                    consequence.summary
                ));
            }
        }
    }
    if !evidence.not_checked.is_empty() {
        lines.push(String::new());
        lines.push("Not looked at:".to_owned());
        lines.extend(
            evidence
                .not_checked
                .iter()
                .map(|missed| format!("  {}", not_checked(missed))),
        );
    }
    if let Some(left_out) = evidence.truncated {
        let mut words = left_out.words();
        if left_out.findings > 0 {
            words.push(format!("{} more findings", left_out.findings));
        }
        lines.push(String::new());
        lines.push(format!(
            "Left out, for there is too much: {}.",
            words.join(", ")
        ));
    }
    lines.join("\n")
}

fn heading(evidence: &Evidence, now: Timestamp) -> String {
    let scope = match &evidence.scope {
        Namespaces::All => "all namespaces".to_owned(),
        Namespaces::Named(names) => format!(
            "namespace {}",
            names
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(", ")
        ),
    };
    let version = evidence
        .version
        .as_deref()
        .map(|version| format!(" ({version})"))
        .unwrap_or_default();
    let old = now.duration_since(evidence.checked_at).as_secs();
    let old = if old >= 2 {
        format!(", {old}s ago")
    } else {
        String::new()
    };
    format!("Cluster {}{version}, {scope}{old}", evidence.cluster)
}

/// Never said where a lookup failed: then nothing is known.
fn nothing_found(evidence: &Evidence) -> String {
    if evidence.looked_at.resources.is_empty() && evidence.not_checked.is_empty() {
        // What a scope leaves out is no failed lookup, and no good news either.
        "Not part of what may be looked at here: it belongs to the cluster as a whole.".to_owned()
    } else if evidence.not_checked.is_empty() {
        let what = about_targets(evidence);
        format!(
            "Nothing found{what}. Looked at {} objects ({} of them pods): {}.",
            evidence.looked_at.objects,
            evidence.looked_at.pods,
            evidence.looked_at.resources.join(", ")
        )
    } else {
        "Nothing found in what could be looked at, and not all could be.".to_owned()
    }
}

/// ` about Deployment checkout in shop, which is there`: the objects that were asked for and exist.
#[must_use]
pub fn about_targets(evidence: &Evidence) -> String {
    match evidence.looked_at.targets.as_slice() {
        [] => String::new(),
        [only] => format!(" about {only}, which is there"),
        [first, rest @ ..] => {
            // Names of one word belong to a workload and its Service mostly; more than a few are no answer.
            let shown: Vec<&str> = rest.iter().take(3).map(String::as_str).collect();
            format!(" about {first}, {}, which are there", shown.join(", "))
        }
    }
}

/// One sentence for each reason.
#[must_use]
pub fn not_checked(missed: &NotChecked) -> String {
    let what = &missed.what;
    match missed.why {
        Why::Denied => format!("{what}: not allowed; {}", missed.detail),
        Why::NotFound => format!("{what}: not found; {}", missed.detail),
        Why::TimedOut | Why::Unauthorized => format!("{what}: {}", missed.detail),
        Why::Unreachable => format!("{what}: cannot be reached ({})", missed.detail),
    }
}

fn place(finding: &Finding) -> String {
    match &finding.namespace {
        Some(namespace) => format!("{} in {namespace}", finding.owner),
        None => finding.owner.to_string(),
    }
}

/// Groups in the order of their worst finding.
fn by_owner<'a>(roots: &[&'a Finding]) -> Vec<(String, Vec<&'a Finding>)> {
    let mut groups: Vec<(String, Vec<&Finding>)> = Vec::new();
    for finding in roots {
        let owner = place(finding);
        match groups.iter_mut().find(|(name, _)| *name == owner) {
            Some((_, group)) => group.push(finding),
            None => groups.push((owner, vec![finding])),
        }
    }
    groups
}

fn finding_lines(finding: &Finding, detail: Detail, now: Timestamp, lines: &mut Vec<String>) {
    let severity = match finding.severity {
        Severity::Critical => "critical",
        Severity::Warning => "warning",
        Severity::Info => "info",
    };
    let count = match finding.desired {
        Some(desired) if desired > 1 => format!(", {} of {desired}", finding.affected),
        _ => String::new(),
    };
    let since = finding
        .since
        .map(|since| format!(", for {}", age(now, since)))
        .unwrap_or_default();
    lines.push(format!("  {severity}: {}{count}{since}", finding.condition));
    lines.push(format!("    {}", finding.summary));
    if let Some(entry) = &finding.entry {
        lines.push(format!("    entry: {entry}"));
    }
    if detail == Detail::Summary {
        return;
    }
    for line in finding.evidence.iter().take(MAX_EVIDENCE) {
        let source = match line.source {
            Source::Status => "status",
            Source::Event => "event",
            Source::Spec => "spec",
            Source::Log => "log",
        };
        lines.push(format!("    {source}: {}", line.text));
    }
    if let Some(changed) = &finding.changed {
        let at = changed
            .at
            .map(|at| format!(" {} ago", age(now, at)))
            .unwrap_or_default();
        lines.push(format!(
            "    changed{at}: {} ({})",
            changed.what, changed.object
        ));
    }
    lines.extend(
        finding
            .commands
            .iter()
            .map(|command| format!("    $ {command}")),
    );
}

fn age(now: Timestamp, then: Timestamp) -> String {
    super::detect::age(now.duration_since(then))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::evidence::LookedAt;
    use crate::cluster::finding::{Cause, Changed, EvidenceLine, ObjectRef};
    use crate::faq::condition::Condition;

    const NOW: &str = "2026-11-25T09:00:00Z";

    fn evidence() -> Evidence {
        Evidence {
            cluster: "prod".to_owned(),
            version: Some("v1.36.3".to_owned()),
            scope: Namespaces::Named(vec!["shop".parse().unwrap()]),
            checked_at: "2026-11-25T08:59:56Z".parse().unwrap(),
            findings: vec![],
            not_checked: vec![],
            truncated: None,
            looked_at: LookedAt {
                objects: 41,
                pods: 37,
                namespaces: vec![],
                resources: vec!["pods".to_owned(), "events".to_owned()],
                targets: Vec::new(),
            },
        }
    }

    fn finding(condition: Condition, owner: ObjectRef, summary: &str) -> Finding {
        Finding {
            condition,
            entry: None,
            severity: Severity::Critical,
            namespace: Some("shop".to_owned()),
            owner,
            objects: vec![],
            containers: vec![],
            affected: 2,
            desired: Some(3),
            since: "2026-11-25T08:30:00Z".parse().ok(),
            summary: summary.to_owned(),
            evidence: vec![EvidenceLine {
                text: "app: ended, exit code 137".to_owned(),
                source: Source::Status,
            }],
            changed: Some(Changed {
                what: "image of app: 1 → 2".to_owned(),
                at: "2026-11-25T08:00:00Z".parse().ok(),
                object: ObjectRef::new("ReplicaSet", "web-2"),
            }),
            commands: vec!["kubectl describe pod web -n shop".to_owned()],
            cause: None,
        }
    }

    #[test]
    fn a_consequence_stands_under_its_cause() {
        let web = ObjectRef::new("Deployment", "web");
        let mut service = finding(
            Condition::ServicePodsNotReady,
            ObjectRef::new("Service", "web"),
            "none is ready",
        );
        service.cause = Some(Cause {
            condition: Condition::OomKilled,
            owner: web.clone(),
        });
        let all = Evidence {
            findings: vec![finding(Condition::OomKilled, web, "out of memory"), service],
            ..evidence()
        };
        insta::assert_snapshot!(text(&all, Detail::Full, NOW.parse().unwrap()), @r"
        Cluster prod (v1.36.3), namespace shop, 4s ago

        Deployment web in shop
          critical: OomKilled, 2 of 3, for 30m
            out of memory
            status: app: ended, exit code 137
            changed 60m ago: image of app: 1 → 2 (ReplicaSet web-2)
            $ kubectl describe pod web -n shop
            so also ServicePodsNotReady (Service web in shop): none is ready
        ");
    }

    #[test]
    fn nothing_found_names_what_was_looked_at() {
        insta::assert_snapshot!(text(&evidence(), Detail::Full, NOW.parse().unwrap()), @r"
        Cluster prod (v1.36.3), namespace shop, 4s ago
        Nothing found. Looked at 41 objects (37 of them pods): pods, events.
        ");
    }

    #[test]
    fn a_failed_lookup_is_never_called_well() {
        let missed = NotChecked {
            what: "pods in shop".to_owned(),
            why: Why::TimedOut,
            detail: "no answer before the deadline".to_owned(),
        };
        let said = text(
            &Evidence {
                not_checked: vec![missed],
                ..evidence()
            },
            Detail::Full,
            NOW.parse().unwrap(),
        );
        assert!(
            !said.contains("Nothing found.")
                && said.contains("pods in shop: no answer before the deadline"),
            "{said}"
        );
    }
}
