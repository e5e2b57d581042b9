//! The labelled questions, and the founding questions that must have an entry.

use k8sfaq::faq::answer::Faq;
use k8sfaq::faq::catalog::Catalog;
use k8sfaq::faq::condition::Condition;
use k8sfaq::faq::eval;

use crate::binary::{Folder, k8sfaq, run};

#[test]
fn every_condition_is_found_by_its_name_and_explained_by_one_entry() {
    let catalog = Catalog::shipped();
    for condition in Condition::ALL {
        assert_eq!(condition.name().parse(), Ok(*condition));
        let explaining = catalog
            .entries()
            .filter(|entry| entry.explains.contains(condition))
            .count();
        assert_eq!(explaining, 1, "{condition}");
    }
    assert!("crashloopbackoff".parse::<Condition>().is_err());
}

#[test]
fn the_bots_own_examples_are_answered_by_an_entry() {
    let faq = Faq::new(Catalog::shipped()).unwrap();
    for example in k8sfaq::bot::EXAMPLES {
        let answer = faq.answer(example);
        assert_eq!(
            answer.outcome,
            k8sfaq::faq::answer::Outcome::Entry,
            "{example}: {:?}",
            answer.hits
        );
    }
}

#[test]
fn eval_prints_figures_by_kind_and_holds_bounds() {
    let folder = Folder::of(&[(
        "questions.jsonl",
        r#"{"question": "crashloop", "kind": "keyword", "expect": ["pod-crashloopbackoff"]}
{"question": "what is for lunch", "kind": "oos-chat", "expect": []}
{"question": "pvc pending", "kind": "keyword", "expect": ["pod-pending"]}
"#,
    )]);
    let file = folder.path().join("questions.jsonl");
    let file = file.to_str().unwrap();
    let report = run(&["eval", file], "");
    assert_eq!(report.status, 0, "{}", report.err);
    assert!(
        report
            .out
            .contains("keyword: \"pvc pending\"\n  expected pod-pending, got"),
        "{}",
        report.out
    );
    assert!(
        report.out.contains("1 question not answered as expected"),
        "{}",
        report.out
    );
    let json: serde_json::Value =
        serde_json::from_str(&run(&["eval", file, "--format", "json"], "").out).unwrap();
    assert_eq!(json["all"]["rank_at_1"], 0.5);
    assert_eq!(json["kinds"]["oos-chat"]["false_answers"], 0.0);
    let held = run(
        &[
            "eval",
            file,
            "--at-least",
            "rank_at_1=0.5",
            "--at-most",
            "wrong=0.5",
        ],
        "",
    );
    assert_eq!(held.status, 0);
    let missed = run(&["eval", file, "--at-least", "rank_at_1=0.9"], "");
    assert_eq!(
        (missed.status, missed.err.as_str()),
        (1, "k8sfaq: rank_at_1 is 0.500, below the floor of 0.9\n")
    );
}

#[test]
fn labels_that_cannot_be_used_are_named_with_their_line() {
    let folder = Folder::of(&[(
        "questions.jsonl",
        "{\"question\": \"a\", \"kind\": \"k\", \"expect\": [\"no-such-entry\"]}\nnonsense\n",
    )]);
    let file = folder.path().join("questions.jsonl");
    let run = run(&["eval", file.to_str().unwrap()], "");
    assert_eq!(run.status, 2);
    let err = folder.anonymous(&run.err);
    assert!(
        err.contains("line 1: no entry has the id `no-such-entry`"),
        "{err}"
    );
    assert!(err.contains("line 2: expected"), "{err}");
}

#[test]
fn the_committed_questions_are_labelled_with_entries_that_exist() {
    let faq = Faq::new(Catalog::shipped()).unwrap();
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/eval");
    for file in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        assert!(eval::read(&text, &faq).unwrap().len() >= 100);
    }
    assert_eq!(k8sfaq("eval nowhere.jsonl").status, 2);
}
