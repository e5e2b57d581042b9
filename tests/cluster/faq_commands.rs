//! Every kubectl command of the FAQ, run against the real server: an unknown option, resource or field fails.

mod kubectl;
mod paths;
mod scene;
mod shell;
mod steps;
mod tokens;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use k8sfaq::faq::markdown::Block;
use k8sfaq::faq::placeholder;

use kubectl::Verdict;
use scene::Scene;
use steps::Step;

/// How many entries run at once: most of a call's time is kubectl's own start, and the waiting ones do nothing.
const AT_ONCE: usize = 4;

/// What became of one call.
struct Outcome {
    file: PathBuf,
    line: usize,
    command: String,
    verdict: Verdict,
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_is_one_that_the_server_takes() {
    let scene = Scene::get().await;
    let content = Path::new(env!("CARGO_MANIFEST_DIR")).join("content");
    let entries = steps::of_content(&content, scene.version);
    let outcomes = tokio::task::block_in_place(|| run_all(&entries, scene));
    assert!(!outcomes.is_empty(), "no command in {}", content.display());
    report(&outcomes);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_wrong_command_is_found() {
    let scene = Scene::get().await;
    let wrong = include_str!("faq_commands/wrong.txt");
    let steps = wrong.lines().enumerate().map(|(line, command)| Step {
        file: "wrong.txt".into(),
        line: line + 1,
        script: command.to_owned(),
        holds: true,
    });
    // Each an entry of its own, so that they run beside each other.
    let entries: Vec<Vec<Step>> = steps.map(|step| vec![step]).collect();
    let outcomes = tokio::task::block_in_place(|| run_all(&entries, scene));
    let taken: Vec<&str> = outcomes
        .iter()
        .filter(|outcome| !matches!(outcome.verdict, Verdict::Failed(_)))
        .map(|outcome| outcome.command.as_str())
        .collect();
    assert_eq!(outcomes.len(), entries.len());
    assert!(taken.is_empty(), "taken for right: {taken:#?}");
}

/// Runs the steps of all entries; those of one entry in their order.
fn run_all(entries: &[Vec<Step>], scene: &Scene) -> Vec<Outcome> {
    let next = AtomicUsize::new(0);
    let outcomes = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(entry) = entries.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let mut of_entry: Vec<Outcome> = entry
                        .iter()
                        .flat_map(|step| run_step(step, scene))
                        .collect();
                    let mut outcomes = outcomes.lock().unwrap_or_else(PoisonError::into_inner);
                    outcomes.append(&mut of_entry);
                }
            });
        }
    });
    let mut outcomes = outcomes
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    outcomes.sort_by(|one, other| (&one.file, one.line).cmp(&(&other.file, other.line)));
    outcomes
}

/// Runs the calls of a step, in a folder of its own.
fn run_step(step: &Step, scene: &Scene) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    let script = filled(&step.script, &scene.values);
    let folder = scene::folder();
    let outcome = |line: usize, command: String, verdict: Verdict| Outcome {
        file: step.file.clone(),
        line: step.line + line,
        command,
        verdict,
    };
    let read = shell::run(&script, &mut |call| {
        let (verdict, output) = if step.holds {
            scene.kubectl.run(&call, folder.path())
        } else {
            let reason = format!("the step does not hold for {}", scene.version);
            (Verdict::Listed(reason), String::new())
        };
        let command = format!("kubectl {}", call.arguments.join(" "));
        outcomes.push(outcome(call.line, command, verdict));
        output
    });
    if let Err(problem) = read {
        outcomes.push(outcome(0, script, Verdict::Failed(problem)));
    }
    outcomes
}

/// A script with its placeholders filled as the bot fills them.
fn filled(script: &str, values: &BTreeMap<String, String>) -> String {
    let block = Block::Code {
        language: "sh".to_owned(),
        text: script.to_owned(),
    };
    match placeholder::fill(&[block], values).pop() {
        Some(Block::Code { text, .. }) => text,
        _ => script.to_owned(),
    }
}

/// Says how many ran, were ended, are listed and failed.
///
/// # Panics
/// One failed.
fn report(outcomes: &[Outcome]) {
    let (mut ran, mut ended) = (0, 0);
    let (mut listed, mut failed) = (Vec::new(), Vec::new());
    for outcome in outcomes {
        match &outcome.verdict {
            Verdict::Ran => ran += 1,
            Verdict::Ended => ended += 1,
            Verdict::Listed(reason) => listed.push((outcome, reason)),
            Verdict::Failed(message) => failed.push((outcome, message)),
        }
    }
    let mut text = String::new();
    for (title, outcomes) in [("listed", &listed), ("failed", &failed)] {
        for (outcome, reason) in outcomes {
            let place = format!("{}:{}", outcome.file.display(), outcome.line);
            let reason = reason.replace('\n', "\n    ");
            // Writing to a string cannot fail.
            let _ = writeln!(
                text,
                "{title}: {place}\n    {}\n    {reason}",
                outcome.command
            );
        }
    }
    let counts = format!(
        "kubectl commands of the FAQ: {ran} ran, {ended} ended once the server had taken the request, \
         {} listed, {} failed",
        listed.len(),
        failed.len()
    );
    // Not through `println`, whose text is kept back where a test passes.
    let _ = writeln!(std::io::stderr(), "{text}{counts}");
    assert!(failed.is_empty(), "{counts}; each stands above");
}
