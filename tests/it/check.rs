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
    assert_snapshot!(out, @"
    DIR/many-problems.md:1:1: warning: an orphan: no entry has it among its `related`; name it in the `related` of an entry whose readers need it
    DIR/many-problems.md:2:8: warning: the title `Broken` is no question; word it as a person would ask, with a question mark
    DIR/many-problems.md:3:1: problem: unknown key `aliasses`; use one of title, aliases, signatures, tags, related, sources, explains, looks_for, reviewed, since, until
    DIR/many-problems.md:4:7: problem: `tags` is no list; write one `- …` a line, or [a, b]
    DIR/many-problems.md:5:11: problem: no entry has the id `pod-pendign`; did you mean `pod-pending`?
    DIR/many-problems.md:6:12: problem: unknown condition `CrashLopBackOff`; did you mean `CrashLoopBackOff`?
    DIR/many-problems.md:8:11: problem: `yesterday` is no date; write it as 2026-11-25
    DIR/many-problems.md:9:8: problem: `since` is a number; put it into quotes, so that it stays as it is written
    DIR/many-problems.md:12:10: problem: `http://example.com` is no https address; write an address that begins with https://
    DIR/many-problems.md:14:5: problem: a signature without a `sample`; add a line as it really appears, which the signature matches
    DIR/many-problems.md:15:14: problem: the pattern cannot be used: unclosed group; correct it; the syntax is the regex crate's, without look-around
    DIR/many-problems.md:18:13: problem: the signature does not match its sample `hay`; correct one of the two
    DIR/many-problems.md:20:16: problem: HTML in the text: `<b>`; put placeholders and tags into backticks
    DIR/many-problems.md:20:23: problem: HTML in the text: `</b>`; put placeholders and tags into backticks
    DIR/many-problems.md:22:1: problem: a heading of level 4; use ## and ### (the title is the front matter's)
    DIR/many-problems.md:24:1: problem: a fence without a language; write one of sh, yaml, json, text, toml behind the backticks
    DIR/many-problems.md:28:18: problem: unknown placeholder <thingy>; use one of the list in CONTRIBUTING.md
    129 entries checked: 15 problems, 2 warnings, 0 notes
    ");
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
    assert_snapshot!(out, @"
    DIR/a/same.md:1:1: warning: an orphan: no entry has it among its `related`; name it in the `related` of an entry whose readers need it
    DIR/b/same.md:1:1: problem: the id `same` is also DIR/a/same.md; rename one of the two files
    DIR/b/same.md:1:1: warning: an orphan: no entry has it among its `related`; name it in the `related` of an entry whose readers need it
    DIR/b/same.md:3:11: problem: `One  Thing` is also a wording of DIR/a/same.md; word one of the two so that it says which entry is meant
    129 entries checked: 2 problems, 2 warnings, 0 notes
    ");
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
    assert_snapshot!(out, @"
    DIR/our-crashloop.md:1:1: warning: an orphan: no entry has it among its `related`; name it in the `related` of an entry whose readers need it
    DIR/our-crashloop.md:3:11: problem: `crashloop` is also a wording of content/pods/pod-crashloopbackoff.md; word it differently, or name the file pod-crashloopbackoff.md to replace that entry
    DIR/our-crashloop.md:6:13: problem: the sample `Back-off restarting failed container app` is also matched by a signature of content/pods/pod-crashloopbackoff.md; make one of the two signatures more exact: a pasted line must name one entry
    DIR/our-crashloop.md:7:12: problem: CrashLoopBackOff is also explained by content/pods/pod-crashloopbackoff.md; let one entry explain it; the other may have it in `looks_for`
    content/pods/pod-crashloopbackoff.md:45:13: problem: the sample `Warning  BackOff  2m (x5 over 3m)  kubelet  Back-off restarting failed container app in pod web-5d9c7` is also matched by a signature of DIR/our-crashloop.md; make one of the two signatures more exact: a pasted line must name one entry
    content/pods/pod-crashloopbackoff.md:47:13: problem: the sample `back-off 5m0s restarting failed container=app pod=web-5d9c7_shop(8a1c)` is also matched by a signature of DIR/our-crashloop.md; make one of the two signatures more exact: a pasted line must name one entry
    content/pods/pod-crashloopbackoff.md:57:12: problem: CrashLoopBackOff is also explained by DIR/our-crashloop.md; let one entry explain it; the other may have it in `looks_for`
    129 entries checked: 6 problems, 1 warning, 0 notes
    ");
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
