//! Slack under load: 500 commands in 5 s over 2 connections. Run by `cargo bench --bench slack_load`.
//!
//! It runs the adapter as `serve` does, against the fake Slack of the tests, and prints what came of every command:
//! acknowledged when, answered how often and when, and the memory before, at its peak and after.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_precision_loss,
    dead_code,
    reason = "a benchmark that cannot go on says so by panicking, and it uses a part of the tests' fake"
)]

#[path = "../tests/it/slack/drawn.rs"]
mod drawn;
#[path = "../tests/it/slack/fake.rs"]
mod fake;
#[path = "../tests/it/slack/rules.rs"]
mod rules;
#[path = "../tests/it/slack/workspace.rs"]
mod workspace;

use std::collections::HashMap;
use std::time::{Duration, Instant};

use k8sfaq::slack::Mode;
use workspace::{Workspace, bot};

/// Commands, and the time in which they are sent.
const COMMANDS: u32 = 500;
const WITHIN: Duration = Duration::from_secs(5);

/// Rounds: memory that grows would show in the later ones.
const ROUNDS: usize = 3;

const QUESTIONS: [&str; 5] = [
    "crashloop",
    "why is my pod pending?",
    "exit code 137",
    "Back-off restarting failed container app in pod web-1",
    "how do I bake bread",
];

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(load());
}

async fn load() {
    let slack = Workspace::open_with(Mode::Socket, bot().into(), |settings| {
        settings.connections = 2;
    })
    .await;
    println!("round  lost  twice  ack p50  ack p99  ack max  answer p50  answer p99  memory");
    for round in 1..=ROUNDS {
        let (lost, twice, acks, answers) = once(&slack).await;
        println!(
            "{round:5}  {lost:4}  {twice:5}  {:>7}  {:>7}  {:>7}  {:>10}  {:>10}  {:.1} MiB",
            ms(&acks, 50),
            ms(&acks, 99),
            ms(&acks, 100),
            ms(&answers, 50),
            ms(&answers, 99),
            memory(),
        );
        assert_eq!(
            (lost, twice),
            (0, 0),
            "commands were lost or answered twice"
        );
        assert!(
            acks[acks.len() * 99 / 100] < Duration::from_millis(500),
            "ack p99"
        );
    }
    slack.close().await;
}

async fn once(slack: &Workspace) -> (usize, usize, Vec<Duration>, Vec<Duration>) {
    {
        let mut world = slack.fake.world.lock().unwrap();
        world.calls.clear();
        world.acks.clear();
        world.sent.clear();
    }
    let begun = tokio::time::Instant::now();
    let mut sent: HashMap<String, Instant> = HashMap::new();
    for number in 0..COMMANDS {
        tokio::time::sleep_until(begun + WITHIN * number / COMMANDS).await;
        let question = QUESTIONS[number as usize % QUESTIONS.len()];
        let payload = slack.command_payload(question);
        let url = payload["response_url"].as_str().unwrap().to_owned();
        sent.insert(url.rsplit('/').next().unwrap().to_owned(), Instant::now());
        slack.send_envelope("slash_commands", &payload);
    }
    // What is not answered half a second behind the last is lost to whoever waits.
    let end = Instant::now() + Duration::from_secs(10);
    while Instant::now() < end {
        let answered = {
            let world = slack.fake.world.lock().unwrap();
            world.calls.len() >= COMMANDS as usize && world.acks.len() >= COMMANDS as usize
        };
        if answered {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // Something sent twice would come now.
    tokio::time::sleep(Duration::from_millis(300)).await;
    let world = slack.fake.world.lock().unwrap();
    let mut counts: HashMap<&str, usize> = HashMap::new();
    let mut answers = Vec::new();
    for call in world.calls.iter().filter(|call| call.done) {
        *counts.entry(call.url.as_str()).or_default() += 1;
        if let Some(at) = sent.get(&call.url) {
            answers.push(call.at.duration_since(*at));
        }
    }
    let lost = sent
        .keys()
        .filter(|url| !counts.contains_key(url.as_str()))
        .count();
    let twice = counts.values().filter(|count| **count > 1).count();
    let mut acks: Vec<Duration> = world.acks.values().copied().collect();
    acks.sort();
    answers.sort();
    (lost, twice, acks, answers)
}

/// Resident memory, the fake's own included, in MiB; 0 where the system does not tell.
fn memory() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok());
    kib.unwrap_or_default() / 1_024.0
}

fn ms(sorted: &[Duration], percentile: usize) -> String {
    let at = (sorted.len() * percentile / 100).min(sorted.len().saturating_sub(1));
    let took = sorted.get(at).copied().unwrap_or_default();
    format!("{:.1} ms", took.as_secs_f64() * 1_000.0)
}
