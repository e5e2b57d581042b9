//! Asking, showing and listing in the terminal.

use insta::assert_snapshot;
use serde_json::Value;

use crate::binary::{Folder, k8sfaq, piped, run};

const RUNBOOK: &str = "---
title: How do I restart the billing importer?
---
Scale it to zero and back; it picks up where it stopped.

## Fix
- Restart it:
  ```sh
  kubectl rollout restart deployment/billing-importer -n billing
  ```
";

#[test]
fn a_keyword_is_answered_with_its_entry() {
    let run = k8sfaq("ask crashloop");
    assert_eq!(run.status, 0, "{}", run.err);
    assert!(run.out.starts_with("What does CrashLoopBackOff mean"));
    assert!(
        run.out
            .contains("kubectl logs <pod> -n <namespace> -c <container> --previous")
    );
    assert!(run.out.contains("entry pod-crashloopbackoff (pods)"));
    assert!(
        !run.out.contains('\u{1b}'),
        "no escape sequences where there is no terminal"
    );
}

#[test]
fn a_pasted_error_is_answered_by_its_signature_and_quoted() {
    let paste = "Events:
  Type     Reason   Age                From     Message
  ----     ------   ----               ----     -------
  Normal   Pulled   2m (x4 over 4m)    kubelet  Container image \"shop/web:1.4\" already present on machine
  Warning  BackOff  30s (x12 over 4m)  kubelet  Back-off restarting failed container web in pod web-5d9c7f6b8-x2kqz
";
    let run = piped("ask -", paste);
    assert_eq!(run.status, 0);
    assert!(run.out.contains("entry pod-crashloopbackoff"));
    assert!(
        run.out
            .contains("matched by “Back-off restarting failed container”"),
        "{}",
        run.out
    );
}

#[test]
fn what_has_no_answer_says_so_and_ends_with_status_1() {
    let run = k8sfaq("ask what is for lunch in the canteen");
    assert_eq!(run.status, 1);
    assert!(
        run.out.starts_with("I have no answer to that."),
        "{}",
        run.out
    );
}

#[test]
fn no_question_ends_with_three_examples_and_status_2() {
    for arguments in ["ask", "ask -"] {
        let run = k8sfaq(arguments);
        assert_eq!(run.status, 2);
        assert_snapshot!(run.err, @r"
        k8sfaq: no question given
        Try:
          k8sfaq ask crashloop
          k8sfaq ask why is my pod pending
          kubectl describe pod POD | k8sfaq ask -
        ");
    }
}

#[test]
fn an_unknown_id_or_topic_is_met_with_the_nearest() {
    let run = k8sfaq("show pod-crashlopbackoff");
    assert_eq!(run.status, 2);
    assert_snapshot!(run.err, @"k8sfaq: no entry has the id `pod-crashlopbackoff`: did you mean `pod-crashloopbackoff`?");
    let run = k8sfaq("list storag");
    assert_eq!(run.status, 2);
    assert_snapshot!(run.err, @"k8sfaq: there is no topic `storag`: did you mean `storage`?");
    let run = k8sfaq("show zzz");
    assert_snapshot!(run.err, @"k8sfaq: no entry has the id `zzz`: `k8sfaq list` lists the ids");
}

#[test]
fn list_names_every_entry_once() {
    let all: Value = serde_json::from_str(&k8sfaq("list --format json").out).unwrap();
    let all = all.as_array().unwrap();
    assert!(all.len() >= 128);
    let text = k8sfaq("list").out;
    for entry in all {
        let id = entry["id"].as_str().unwrap();
        assert!(text.lines().any(|line| line.trim() == id), "{id}");
    }
    let storage = k8sfaq("list storage").out;
    assert!(storage.contains("pvc-pending") && !storage.contains("pod-pending"));
}

#[test]
fn markdown_and_json_carry_the_whole_entry() {
    let markdown = k8sfaq("show pod-crashloopbackoff --format markdown").out;
    assert!(markdown.starts_with("# What does CrashLoopBackOff mean"));
    assert!(markdown.contains("```sh\n  kubectl describe pod <pod> -n <namespace>\n  ```"));
    let json: Value = serde_json::from_str(&k8sfaq("ask crashloop --format json").out).unwrap();
    assert_eq!(json["outcome"], "entry");
    assert_eq!(json["entry"]["id"], "pod-crashloopbackoff");
    assert_eq!(json["entry"]["explains"][0], "CrashLoopBackOff");
    assert!(json["entry"]["body"].as_str().unwrap().contains("## Check"));
}

#[test]
fn a_question_a_line_gives_an_object_a_line_in_order() {
    let run = piped(
        "ask --jsonl",
        "crashloop\nlunch?\n\npod stuck in pending\r\n",
    );
    assert_eq!(run.status, 0);
    let lines: Vec<Value> = run
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let questions: Vec<&str> = lines
        .iter()
        .map(|line| line["question"].as_str().unwrap())
        .collect();
    assert_eq!(
        questions,
        ["crashloop", "lunch?", "", "pod stuck in pending"]
    );
    assert_eq!(lines[0]["hits"][0]["id"], "pod-crashloopbackoff");
    assert_eq!(lines[0]["hits"][0]["topic"], "pods");
    assert_eq!(lines[1]["outcome"], "no_match");
    assert_eq!(lines[2]["outcome"], "no_match");
}

#[test]
fn steps_for_other_versions_are_left_out_once_the_version_is_known() {
    let unknown = k8sfaq("show pod-crashloopbackoff").out;
    assert!(unknown.contains("1.35 and later:"));
    let old = k8sfaq("show pod-crashloopbackoff --kubernetes 1.30").out;
    assert!(!old.contains("maxContainerRestartPeriod"));
    let new = k8sfaq("show pod-crashloopbackoff --kubernetes v1.36.2").out;
    assert!(new.contains("maxContainerRestartPeriod") && !new.contains("1.35 and later:"));
    let wrong = k8sfaq("show pod-crashloopbackoff --kubernetes latest");
    assert_eq!(wrong.status, 2);
    assert!(
        wrong.err.contains("`latest` is no cluster version"),
        "{}",
        wrong.err
    );
}

#[test]
fn a_teams_runbook_answers_and_says_where_it_is_from() {
    let folder = Folder::of(&[("restart-billing-importer.md", RUNBOOK)]);
    let dir = folder.path().to_str().unwrap();
    let run = run(
        &["ask", "--content", dir, "restart the billing importer"],
        "",
    );
    assert_eq!(run.status, 0);
    assert!(
        folder.anonymous(&run.out).contains(", from DIR"),
        "{}",
        run.out
    );
    assert_eq!(run.err, "");
}

#[test]
fn a_broken_runbook_is_named_and_the_shipped_entries_answer() {
    let folder = Folder::of(&[("broken.md", "no front matter"), ("good.md", RUNBOOK)]);
    let dir = folder.path().to_str().unwrap();
    let crashloop = run(&["ask", "--content", dir, "crashloop"], "");
    assert_eq!(crashloop.status, 0);
    assert!(crashloop.out.contains("entry pod-crashloopbackoff"));
    assert!(
        folder
            .anonymous(&crashloop.err)
            .contains("DIR/broken.md:1:1: problem: no front matter"),
        "{}",
        crashloop.err
    );
    let importer = run(
        &["ask", "--content", dir, "restart the billing importer"],
        "",
    );
    assert!(importer.out.contains("entry good"));
}

#[test]
fn a_folder_that_is_not_there_is_an_error() {
    let run = k8sfaq("ask --content /nonexistent/runbooks crashloop");
    assert_eq!(run.status, 2);
    assert!(
        run.err
            .starts_with("k8sfaq: cannot read the folder `/nonexistent/runbooks`"),
        "{}",
        run.err
    );
}

#[test]
fn a_closed_pipe_is_quiet() {
    let shell = format!("{} list | head -n 1", env!("CARGO_BIN_EXE_k8sfaq"));
    let output = std::process::Command::new("sh")
        .args(["-c", &shell])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn completions_and_the_manual_know_every_command() {
    for arguments in ["completions bash", "man"] {
        let out = k8sfaq(arguments).out;
        for command in ["ask", "show", "list", "check", "eval"] {
            assert!(out.contains(command), "{arguments}: {command}");
        }
    }
}

#[test]
fn content_cannot_drive_the_terminal() {
    let folder = Folder::of(&[(
        "evil.md",
        "---\ntitle: What does the evil \\e[31m entry do?\naliases: [\"evil \\e]0;owned\\a entry\"]\n---\nIt says \u{1b}[2Jboo.\n\n## Fix\n```sh\necho \u{1b}[31m\n```\n",
    )]);
    let run = run(
        &["show", "evil", "--content", folder.path().to_str().unwrap()],
        "",
    );
    assert!(!run.out.contains('\u{1b}'), "{:?}", run.out);
}
