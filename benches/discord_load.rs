//! Asks the Discord adapter, against a Discord on loopback: 200 at once, 50 who type, then 10,000; prints times and memory.
//!
//! `cargo bench --bench discord_load`
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a measurement that cannot go on says so by panicking"
)]

// The fakes are the tests' own.
#[allow(dead_code, reason = "not all of it is used here")]
#[path = "../tests/it/discord/bot.rs"]
mod bot;
#[allow(dead_code, reason = "not all of it is used here")]
#[path = "../tests/it/discord/fake.rs"]
mod fake;
#[path = "../tests/it/discord/limits.rs"]
mod limits;

use std::time::{Duration, Instant};

use bot::Running;
use serde_json::json;

const QUESTIONS: [&str; 5] = [
    "crashloop",
    "why is my pod pending?",
    "exit code 137",
    "help",
    "pvc-pending",
];

#[tokio::main]
async fn main() {
    let bot = Running::start().await;
    ask(&bot, 200).await;
    let at_once = ask(&bot, 200).await;
    println!("200 at once: {}", at_once.line());
    assert!(
        at_once.longest() < Duration::from_secs(3),
        "Discord gives up after 3 s"
    );
    let typing = type_questions(&bot).await;
    println!("50 who type: {}", typing.line());
    assert!(
        typing.longest() < Duration::from_secs(1),
        "choices come while somebody types"
    );
    let before = resident();
    let begun = Instant::now();
    let mut all = Times::default();
    let mut memory = Vec::new();
    for round in 0..100 {
        all.0.extend(ask(&bot, 100).await.0);
        forget(&bot);
        if round % 20 == 19 {
            memory.push(resident());
        }
    }
    println!(
        "10,000: {}, {:.0} a second",
        all.line(),
        10_000.0 / begun.elapsed().as_secs_f64()
    );
    println!("resident before: {before} KiB; after each 2,000: {memory:?} KiB (fake included)");
    // The first thousands fill what is there to be filled: pools, caches, the limits' memory.
    let grown = memory[4].saturating_sub(memory[0]);
    assert!(
        grown < 10 * 1024,
        "{grown} KiB more than after the first 2,000"
    );
    bot.ends().await;
}

/// What the fake keeps is not the bot's.
fn forget(bot: &Running) {
    bot.fake.with(|state| {
        state.requests.clear();
        state.interactions.clear();
    });
}

/// Fifty people type a question at once, letter by letter; the times to each of their choices.
async fn type_questions(bot: &Running) -> Times {
    const TYPED: &str = "why is my pod pending";
    let mut times = Times::default();
    for letters in 1..=TYPED.len() {
        let option =
            json!({"name": "question", "type": 3, "value": &TYPED[..letters], "focused": true});
        let data = json!({"id": "600", "name": "k8sfaq", "type": 1, "options": [option]});
        let ids: Vec<u64> = (0..50)
            .map(|_| bot.fake.interaction(4, data.clone(), json!({})))
            .collect();
        times.take(bot, &ids).await;
    }
    forget(bot);
    times
}

/// Asks so many at once, each a person of their own; the times to their acknowledgements.
async fn ask(bot: &Running, number: u64) -> Times {
    let ids: Vec<u64> = (0..number)
        .map(|at| {
            let id = bot.fake.id();
            let question = QUESTIONS[usize::try_from(at % 5).expect("a small number")];
            let options = json!([{"name": "question", "type": 3, "value": question}]);
            let data = json!({"id": "600", "name": "k8sfaq", "type": 1, "options": options});
            // Nobody meets a limit: each asks in a channel of their own.
            let more = json!({"member": fake::member(id, 0), "channel_id": id.to_string()});
            bot.fake.interaction(2, data, more)
        })
        .collect();
    let mut times = Times::default();
    times.take(bot, &ids).await;
    times
}

#[derive(Default)]
struct Times(Vec<Duration>);

impl Times {
    /// Waits for the first responses to these.
    async fn take(&mut self, bot: &Running, ids: &[u64]) {
        for id in ids {
            let acknowledged = bot.answered(*id).await.acknowledged;
            self.0.push(acknowledged.expect("acknowledged").1);
        }
    }

    fn longest(&self) -> Duration {
        self.0.iter().max().copied().unwrap_or_default()
    }

    fn line(&self) -> String {
        let mut times = self.0.clone();
        times.sort();
        let at = |percent: usize| times[(times.len() - 1) * percent / 100].as_secs_f64() * 1000.0;
        format!(
            "{} acknowledged, p50 {:.0} ms, p95 {:.0} ms, p99 {:.0} ms, longest {:.0} ms",
            times.len(),
            at(50),
            at(95),
            at(99),
            at(100)
        )
    }
}

/// Resident memory of this process, in KiB.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    number.expect("a number").parse().expect("a number")
}
