//! `k8sfaq check`: every problem at once, with its place and its cure.

use insta::assert_snapshot;

use crate::binary::{Folder, k8sfaq, run};

fn check(files: &[(&str, &str)]) -> (i32, String) {
    let folder = Folder::of(files);
    let run = run(&["check", folder.path().to_str().unwrap()], "");
    (run.status, folder.anonymous(&run.out))
}

fn entry(front_matter: &str) -> String {
    format!("---\n{front_matter}---\nAn answer.\n")
}

#[test]
fn the_shipped_content_is_clean() {
    let run = k8sfaq("check");
    assert_eq!(run.status, 0, "{}", run.out);
    assert!(run.out.contains(": 0 problems, 0 warnings"), "{}", run.out);
}

#[test]
fn a_first_runbook_of_ten_lines_passes() {
    let (status, out) = check(&[(
        "restart-importer.md",
        "---\ntitle: How do I restart the billing importer?\n---\nScale it to zero and back; it picks up where it stopped.\n\n## Fix\n- Restart it:\n  ```sh\n  kubectl rollout restart deployment/billing-importer -n billing\n  ```\n",
    )]);
    assert_eq!(status, 0, "{out}");
}

#[test]
fn every_problem_of_a_file_is_reported_at_its_place() {
    let (status, out) = check(&[(
        "many-problems.md",
        "---
title: Broken
aliasses: [a]
tags: pod
related: [pod-pendign]
explains: [CrashLopBackOff]
looks_for: [OomKilled]
reviewed: yesterday
since: 1.30
sources:
  - title: A page
    url: http://example.com
signatures:
  - literal: x
  - pattern: '(x'
    sample: (x
  - literal: needle
    sample: hay
---
An answer with <b>HTML</b>.

#### Deep

```
no language
```

Run `kubectl get <thingy>`.
",
    )]);
    assert_eq!(status, 1);
    assert_snapshot!(out, @"");
}

#[test]
fn what_collides_in_one_folder_is_reported_at_both() {
    let (status, out) = check(&[
        (
            "a/same.md",
            &entry("title: What is the first one?\naliases: [one thing]\n"),
        ),
        (
            "b/same.md",
            &entry("title: What is the second one?\naliases: [One  Thing]\n"),
        ),
    ]);
    assert_eq!(status, 1);
    assert_snapshot!(out, @"");
}

#[test]
fn replacing_an_entry_is_a_note_and_shadowing_one_is_a_problem() {
    let (status, out) = check(&[(
        "pods/pod-host-ip.md",
        &entry("title: How does a pod of ours learn its node?\n"),
    )]);
    assert!(
        out.contains("DIR/pods/pod-host-ip.md:1:1: note: replaces content/pods/pod-host-ip.md"),
        "{out}"
    );
    assert_eq!(status, 0, "{out}");
    let (status, out) = check(&[(
        "our-crashloop.md",
        &entry(
            "title: What do we do about crash loops?\naliases: [crashloop]\nsignatures:\n  - literal: restarting failed container\n    sample: Back-off restarting failed container app\nexplains: [CrashLoopBackOff]\n",
        ),
    )]);
    assert_eq!(status, 1);
    assert_snapshot!(out, @"");
}

#[test]
fn machines_get_json() {
    let folder = Folder::of(&[("x.md", "nothing")]);
    let run = run(
        &["check", "--format", "json", folder.path().to_str().unwrap()],
        "",
    );
    let json: serde_json::Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(json["problems"][0]["severity"], "problem");
    assert_eq!(json["problems"][0]["line"], 1);
    assert_eq!(json["entries"], 128);
}
