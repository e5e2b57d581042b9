//! Evidence as Markdown blocks: what is wrong by owner, consequences under their causes. The cluster's own words stand in code only.

use jiff::{SignedDuration, Timestamp};

use crate::cluster::detect;
use crate::cluster::evidence::{Evidence, Namespaces};
use crate::cluster::finding::{Finding, Severity};
use crate::cluster::folding::{fold, key};
use crate::cluster::render::{about_targets, not_checked};
use crate::faq::markdown::{Block, Inline};

/// Most findings beside an answer: a person with a phone reads on for no more.
pub(super) const MOST_BESIDE_AN_ANSWER: usize = 4;

/// Most findings of a status.
pub(super) const MOST_OF_A_STATUS: usize = 10;

/// Most lines of the cluster's own words, consequences and commands under one finding.
const MOST_LINES: usize = 3;
const MOST_CONSEQUENCES: usize = 3;
const MOST_COMMANDS: usize = 2;

/// Evidence younger than this is told as of now.
const NOW: SignedDuration = SignedDuration::from_secs(2);

/// The evidence as blocks, at most so many findings of it.
pub(super) fn blocks(evidence: &Evidence, most: usize, now: Timestamp) -> Vec<Block> {
    let mut blocks = vec![Block::Paragraph(heading(evidence, now))];
    let (roots, folded) = fold(&evidence.findings);
    let items: Vec<Vec<Block>> = roots
        .iter()
        .take(most)
        .map(|finding| {
            let consequences = folded.get(&key(finding)).map_or(&[][..], Vec::as_slice);
            item(finding, consequences, now)
        })
        .collect();
    if items.is_empty() {
        blocks.push(paragraph(nothing_found(evidence)));
    } else {
        blocks.push(Block::List { start: None, items });
    }
    let more = roots.len().saturating_sub(most)
        + evidence.truncated.map_or(0, |truncated| truncated.findings);
    if more > 0 {
        blocks.push(paragraph(format!(
            "{more} more are not shown: name a namespace, or use k8sfaq status in a terminal."
        )));
    }
    let left_out = evidence.truncated.map(|truncated| truncated.words());
    if let Some(words) = left_out.filter(|words| !words.is_empty()) {
        blocks.push(paragraph(format!(
            "Not read, for there is too much: {}.",
            words.join(", ")
        )));
    }
    if !evidence.not_checked.is_empty() {
        blocks.push(paragraph("Not looked at:".to_owned()));
        let items = evidence.not_checked.iter();
        blocks.push(Block::List {
            start: None,
            items: items
                .map(|missed| vec![Block::Paragraph(vec![code(&not_checked(missed))])])
                .collect(),
        });
    }
    blocks
}

fn heading(evidence: &Evidence, now: Timestamp) -> Vec<Inline> {
    let mut heading = vec![text("Cluster "), code(&evidence.cluster)];
    if let Some(version) = &evidence.version {
        heading.extend([text(", "), code(version)]);
    }
    match &evidence.scope {
        Namespaces::All => heading.push(text(", all namespaces")),
        Namespaces::Named(names) => match names.as_slice() {
            [] => {}
            [only] => heading.extend([text(", namespace "), code(only.as_str())]),
            [first, rest @ ..] => heading.extend([
                text(", namespace "),
                code(first.as_str()),
                text(&format!(" and {} more", rest.len())),
            ]),
        },
    }
    let old = now.duration_since(evidence.checked_at);
    if old >= NOW {
        heading.push(text(&format!(", {} ago", detect::age(old))));
    }
    heading
}

/// Never said where a lookup failed: then nothing is known.
fn nothing_found(evidence: &Evidence) -> String {
    if !evidence.not_checked.is_empty() {
        "Nothing found in what could be looked at, and not all could be.".to_owned()
    } else if evidence.looked_at.resources.is_empty() {
        "This belongs to the cluster as a whole, which I may not look at from here.".to_owned()
    } else {
        format!(
            "Nothing found{}. Looked at {} objects, {} of them pods.",
            about_targets(evidence),
            evidence.looked_at.objects,
            evidence.looked_at.pods
        )
    }
}

fn item(finding: &Finding, consequences: &[&Finding], now: Timestamp) -> Vec<Block> {
    let severity = match finding.severity {
        Severity::Critical => "critical",
        Severity::Warning => "warning",
        Severity::Info => "info",
    };
    let mut first = vec![
        Inline::Strong(vec![text(finding.condition.name())]),
        text(&format!(" ({severity}): ")),
    ];
    first.extend(place(finding));
    if let Some(desired) = finding.desired.filter(|desired| *desired > 1) {
        first.push(text(&format!(", {} of {desired}", finding.affected)));
    }
    if let Some(since) = finding.since {
        let age = detect::age(now.duration_since(since));
        first.push(text(&format!(", for {age}")));
    }
    let mut blocks = vec![
        Block::Paragraph(first),
        Block::Paragraph(vec![code(&finding.summary)]),
    ];
    let lines = finding.evidence.iter().take(MOST_LINES);
    let lines: Vec<&str> = lines.map(|line| line.text.as_str()).collect();
    if !lines.is_empty() {
        blocks.push(fence("text", &lines.join("\n")));
    }
    if let Some(changed) = &finding.changed {
        let at = changed.at.map_or_else(String::new, |at| {
            format!(" {} ago", detect::age(now.duration_since(at)))
        });
        blocks.push(Block::Paragraph(vec![
            text(&format!("Changed{at}: ")),
            code(&changed.what),
        ]));
    }
    for consequence in consequences.iter().take(MOST_CONSEQUENCES) {
        let mut said = vec![text(&format!("So also {}: ", consequence.condition))];
        said.extend(place(consequence));
        blocks.push(Block::Paragraph(said));
    }
    let commands = finding.commands.iter().take(MOST_COMMANDS);
    let commands: Vec<&str> = commands.map(String::as_str).collect();
    if !commands.is_empty() {
        blocks.push(fence("sh", &commands.join("\n")));
    }
    blocks
}

fn place(finding: &Finding) -> Vec<Inline> {
    let mut place = vec![code(&finding.owner.to_string())];
    if let Some(namespace) = &finding.namespace {
        place.extend([text(" in "), code(namespace)]);
    }
    place
}

fn paragraph(said: String) -> Block {
    Block::Paragraph(vec![Inline::Text(said)])
}

fn text(said: &str) -> Inline {
    Inline::Text(said.to_owned())
}

/// The cluster's own words. A backtick in them would end the code on every platform.
fn code(said: &str) -> Inline {
    Inline::Code(said.replace('`', "'"))
}

fn fence(language: &str, said: &str) -> Block {
    Block::Code {
        language: language.to_owned(),
        text: said.replace('`', "'"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::evidence::{LookedAt, NotChecked, Why};
    use crate::cluster::finding::{Cause, EvidenceLine, ObjectRef, Source};
    use crate::faq::condition::Condition;
    use crate::faq::markdown::plain_blocks;

    const NOW: &str = "2026-11-25T09:00:00Z";

    fn finding(condition: Condition, owner: ObjectRef, said: &str) -> Finding {
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
            summary: said.to_owned(),
            evidence: vec![EvidenceLine {
                text: said.to_owned(),
                source: Source::Status,
            }],
            changed: None,
            commands: vec!["kubectl describe pod web -n shop".to_owned()],
            cause: None,
        }
    }

    fn evidence(findings: Vec<Finding>, not_checked: Vec<NotChecked>) -> Evidence {
        Evidence {
            cluster: "prod".to_owned(),
            version: Some("v1.36.3".to_owned()),
            scope: Namespaces::Named(vec!["shop".parse().unwrap()]),
            checked_at: NOW.parse().unwrap(),
            findings,
            not_checked,
            truncated: None,
            looked_at: LookedAt {
                objects: 41,
                pods: 37,
                resources: vec!["pods".to_owned()],
                ..LookedAt::default()
            },
        }
    }

    fn said(evidence: &Evidence, most: usize) -> String {
        plain_blocks(&blocks(evidence, most, NOW.parse().unwrap()))
    }

    #[test]
    fn a_consequence_stands_under_its_cause_and_what_is_too_much_is_counted() {
        let web = ObjectRef::new("Deployment", "web");
        let mut service = finding(
            Condition::ServicePodsNotReady,
            ObjectRef::new("Service", "web"),
            "-",
        );
        service.cause = Some(Cause {
            condition: Condition::OomKilled,
            owner: web.clone(),
        });
        let api = ObjectRef::new("Deployment", "api");
        let all = evidence(
            vec![
                finding(Condition::OomKilled, web, "out of memory"),
                service,
                finding(Condition::ImageNotFound, api, "no such image"),
            ],
            vec![],
        );
        insta::assert_snapshot!(said(&all, 1), @r"
        Cluster prod, v1.36.3, namespace shop
        OomKilled (critical): Deployment web in shop, 2 of 3, for 30m
        out of memory
        out of memory
        So also ServicePodsNotReady: Service web in shop
        kubectl describe pod web -n shop

        1 more are not shown: name a namespace, or use k8sfaq status in a terminal.
        ");
    }

    #[test]
    fn nothing_found_is_never_said_of_a_lookup_that_failed() {
        assert!(
            said(&evidence(vec![], vec![]), 1)
                .contains("Nothing found. Looked at 41 objects, 37 of them pods.")
        );
        let missed = NotChecked {
            what: "pods in shop".to_owned(),
            why: Why::TimedOut,
            detail: "no answer before the deadline".to_owned(),
        };
        let said = said(&evidence(vec![], vec![missed]), 1);
        assert!(
            !said.contains("Nothing found.")
                && said.contains("pods in shop: no answer before the deadline"),
            "{said}"
        );
    }

    #[test]
    fn the_clusters_own_words_stand_in_code_and_cannot_end_it() {
        let evil = "<!channel> @everyone `[x](https://evil.example)";
        let all = evidence(
            vec![finding(
                Condition::OomKilled,
                ObjectRef::new("Deployment", "web"),
                evil,
            )],
            vec![],
        );
        fn outside(blocks: &[Block], out: &mut String) {
            for block in blocks {
                match block {
                    Block::Code { text, .. } => assert!(!text.contains('`')),
                    Block::List { items, .. } => items.iter().for_each(|item| outside(item, out)),
                    Block::Paragraph(text) | Block::Heading { text, .. } => {
                        for inline in text {
                            match inline {
                                Inline::Code(code) => assert!(!code.contains('`')),
                                other => out.push_str(&format!("{other:?}")),
                            }
                        }
                    }
                }
            }
        }
        let mut prose = String::new();
        outside(&blocks(&all, 1, NOW.parse().unwrap()), &mut prose);
        assert!(
            !prose.contains("everyone") && !prose.contains("channel>") && !prose.contains("evil"),
            "{prose}"
        );
    }
}
