//! Questions as people put them, and the entries that they find.

use std::sync::LazyLock;

use k8sfaq::faq::answer::{Answer, Faq, Outcome};
use k8sfaq::faq::catalog::Catalog;

static FAQ: LazyLock<Faq> = LazyLock::new(|| Faq::new(Catalog::shipped()).unwrap());

fn ask(question: &str) -> Answer {
    FAQ.answer(question)
}

/// The first hit of a question.
fn first(question: &str) -> String {
    ask(question)
        .hits
        .first()
        .map(|hit| hit.id.to_string())
        .unwrap_or_default()
}

#[test]
fn every_title_and_alias_finds_its_own_entry() {
    let mut lost = Vec::new();
    for entry in FAQ.catalog().entries() {
        for wording in entry.wordings() {
            let found = first(wording);
            if found != entry.id.as_str() {
                lost.push(format!("{wording:?} of {} finds {found}", entry.id));
            }
        }
    }
    assert!(lost.is_empty(), "{}", lost.join("\n"));
}

#[test]
fn every_signatures_sample_is_answered_by_its_own_entry() {
    for entry in FAQ.catalog().entries() {
        for signature in &entry.signatures {
            let answer = ask(&signature.sample);
            assert_eq!(answer.outcome, Outcome::Entry, "{}", signature.sample);
            assert_eq!(answer.hits[0].id, entry.id, "{}", signature.sample);
        }
    }
}

#[test]
fn all_spellings_of_a_status_find_the_same_entry() {
    for spelling in [
        "CrashLoopBackOff",
        "crashloopbackoff",
        "crash loop back off",
        "crash-loop",
        "crashloop",
        "crashlopbackoff",
        "CrashLoopBackof",
        "CLBO",
        "po in crashloop",
    ] {
        assert_eq!(first(spelling), "pod-crashloopbackoff", "{spelling}");
    }
}

#[test]
fn short_names_and_old_names_are_understood() {
    for (question, id) in [
        ("po stuck in pendign", "pod-pending"),
        ("svc has no ep", "service-no-endpoints"),
        ("what is a petset", "statefulset-what-is"),
        ("pvc stuck pending", "pvc-pending"),
        ("netpol blocks traffic", "networkpolicy-blocking-traffic"),
    ] {
        assert_eq!(first(question), id, "{question}");
    }
}

#[test]
fn query_syntax_is_only_words() {
    for question in [
        "pod AND pending",
        "pod:pending",
        "+pod -pending",
        "\"pod\" pending",
        "title:pod pending/*",
        "(pod) [pending]",
        "pod pending 🤔",
        "pod~2 pending^3",
    ] {
        assert_eq!(first(question), "pod-pending", "{question}");
    }
}

#[test]
fn a_chatty_message_finds_its_entry_by_the_exit_code() {
    let answer = ask("hey anyone know why payments-api-7c9f keeps restarting? exit code 137");
    assert_eq!(answer.outcome, Outcome::Entry);
    assert_eq!(answer.hits[0].id.as_str(), "oomkilled-exit-137");
}

#[test]
fn a_long_paste_finds_the_line_that_carries_the_error() {
    let mut paste = String::new();
    for line in 0..700 {
        paste.push_str(&format!(
            "2026-11-25T08:{:02}:00Z INFO request {line} served in 12ms by web-5d9c7f6b8-x2kqz\n",
            line % 60
        ));
    }
    paste.push_str("  Warning  FailedScheduling  3m  default-scheduler  0/5 nodes are available: 5 Insufficient memory.\n");
    assert!(paste.chars().count() > 39_000);
    let answer = ask(&paste);
    assert_eq!(answer.outcome, Outcome::Entry);
    assert_eq!(answer.hits[0].id.as_str(), "pod-pending-capacity");
    assert!(answer.signature.is_some());
}

#[test]
fn what_the_faq_does_not_know_gets_no_answer() {
    for question in [
        "lunch?",
        "how do I squash git commits",
        "terraform state is locked",
        "docker swarm service not reachable",
        "asdf",
        "",
        "   ",
        "???",
        "thank you!",
    ] {
        let answer = ask(question);
        assert_ne!(
            answer.outcome,
            Outcome::Entry,
            "{question}: {:?}",
            answer.hits
        );
    }
}

#[test]
fn two_indexes_of_one_catalog_answer_alike() {
    let other = Faq::new(Catalog::shipped()).unwrap();
    for entry in FAQ.catalog().entries() {
        assert_eq!(FAQ.answer(&entry.title), other.answer(&entry.title));
    }
}
