//! Bytes from outside, whatever they are: nothing panics, and every problem has a place.

use k8sfaq::faq::answer::Faq;
use k8sfaq::faq::catalog::Catalog;
use k8sfaq::faq::markdown;
use proptest::prelude::*;
use std::sync::LazyLock;

use crate::binary::{Folder, run};

static FAQ: LazyLock<Faq> = LazyLock::new(|| Faq::new(Catalog::shipped()).unwrap());

fn today() -> jiff::civil::Date {
    jiff::civil::date(2026, 11, 25)
}

/// Bytes that look like an entry often enough to reach the code behind the first check.
fn entry_like() -> impl Strategy<Value = Vec<u8>> {
    let pieces = prop::sample::select(vec![
        "---\n",
        "title: x?\n",
        "aliases:\n",
        "  - a\n",
        "aliases: [a, 'b",
        "signatures:\n",
        "  - literal: x\n",
        "    sample: y\n",
        "  - pattern: '('\n",
        "explains: [CrashLoopBackOff]\n",
        "related: [pod-pending]\n",
        "reviewed: 2026-99-99\n",
        "since: 1.30\n",
        "sources:\n  - title: t\n    url: http://x\n",
        "\n",
        "Answer.\n",
        "## Fix\n",
        "#### Deep\n",
        "- {>=1.33} x\n",
        "- {>=",
        "```sh\n",
        "kubectl get <thingy>\n",
        "```\n",
        "> quote\n",
        "<b>",
        "| a | b |\n|-|-|\n",
        "[x](http://y)",
        "&a [*a, *a]\n",
        "{{{{",
        "\t",
        "\u{feff}",
        "\u{0}",
        "é",
        "🦀",
    ]);
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..400),
        prop::collection::vec(pieces, 0..40).prop_map(|pieces| pieces.concat().into_bytes()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_in_an_overlay_are_loaded_or_reported(bytes in entry_like()) {
        let folder = Folder::of(&[]);
        folder.write("some-entry.md", &bytes);
        let loaded = Catalog::load(&[folder.path().to_owned()], today());
        prop_assert!(loaded.catalog.len() >= 128);
        let is_loaded = loaded.catalog.len() > 128;
        prop_assert!(is_loaded || loaded.has_problems());
        for problem in &loaded.problems {
            prop_assert!(problem.line >= 1 && problem.column >= 1 && !problem.cure.is_empty());
        }
    }

    #[test]
    fn any_body_is_parsed_and_every_refusal_has_a_place_in_it(text in "\\PC{0,300}|([#>*`_\\-\\[\\](){}<=. 0-9a-z\n|]){0,200}") {
        let (_, refusals) = markdown::parse(&text);
        for refusal in refusals {
            prop_assert!(refusal.offset <= text.len());
        }
    }

    #[test]
    fn any_question_is_answered(text in "\\PC{0,200}|[a-z:\\-+\"'()\\[\\]{}^~*?/\\\\ \n]{0,200}") {
        let answer = FAQ.answer(&text);
        prop_assert!(answer.hits.len() <= 5);
        prop_assert!(answer.hits.is_sorted_by(|a, b| a.score >= b.score));
        prop_assert!(answer.hits.iter().all(|hit| (0.0..=1.0).contains(&hit.score)));
        prop_assert_eq!(&answer, &FAQ.answer(&text), "the same question gets the same answer");
    }
}

#[test]
fn a_huge_file_is_refused_unread() {
    let folder = Folder::of(&[]);
    folder.write("huge.md", &vec![b'x'; 3_000_000]);
    let run = run(&["check", folder.path().to_str().unwrap()], "");
    assert_eq!(run.status, 1);
    assert!(
        run.out
            .contains("huge.md:1:1: problem: the file is larger than 64 KiB"),
        "{}",
        run.out
    );
}

#[test]
fn deep_nesting_is_refused() {
    let folder = Folder::of(&[
        (
            "flow.md",
            &format!("---\ntitle: {}\n---\nx\n", "[".repeat(20_000)),
        ),
        (
            "quotes.md",
            &format!("---\ntitle: Why?\n---\n{} x\n", "> ".repeat(20_000)),
        ),
        (
            "lists.md",
            &format!("---\ntitle: How?\n---\nx\n\n{}x\n", "- ".repeat(20_000)),
        ),
    ]);
    let run = run(&["check", folder.path().to_str().unwrap()], "");
    assert_eq!(run.status, 1);
    for name in ["flow.md", "quotes.md", "lists.md"] {
        assert!(run.out.contains(name), "{name}");
    }
}

#[cfg(unix)]
#[test]
fn loops_of_links_end_and_a_mounted_config_map_is_read_once() {
    use std::os::unix::fs::symlink;
    let folder = Folder::of(&[("..2026_11_25/runbook.md", "---\ntitle: How?\n---\nSo.\n")]);
    let path = folder.path();
    symlink("..2026_11_25", path.join("..data")).unwrap();
    symlink("..data/runbook.md", path.join("runbook.md")).unwrap();
    symlink(".", path.join("loop")).unwrap();
    symlink("nowhere", path.join("gone.md")).unwrap();
    let loaded = Catalog::load(&[path.to_owned()], today());
    assert_eq!(loaded.catalog.len(), 129);
    let problems: Vec<String> = loaded
        .problems
        .iter()
        .map(|problem| folder.anonymous(&problem.path))
        .collect();
    assert!(
        problems
            .iter()
            .all(|path| path == "DIR/gone.md" || path == "DIR/runbook.md"),
        "{problems:?}"
    );
}
