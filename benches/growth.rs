//! How cost grows from the shipped FAQ to 100,000 entries: a table of percentiles and memory. Run by `cargo bench`.
#![allow(
    clippy::expect_used,
    clippy::cast_precision_loss,
    reason = "a benchmark that cannot go on says so by panicking, and its counts are small"
)]

use std::time::{Duration, Instant};

use k8sfaq::faq::answer::Faq;
use k8sfaq::faq::catalog::Catalog;
use k8sfaq::faq::entry::Entry;
use k8sfaq::faq::eval;
use k8sfaq::faq::markdown::{Block, Inline};

const QUESTIONS: &str = include_str!("../tests/eval/questions.jsonl");

/// Times that every question is asked.
const ROUNDS: usize = 5;

fn main() {
    let shipped: Vec<Entry> = Catalog::shipped().entries().cloned().collect();
    println!("entries    index      memory    p50       p99       max");
    for entries in [shipped.len(), 100, 1_000, 10_000, 100_000] {
        let catalog = if entries == shipped.len() {
            Catalog::of(shipped.clone())
        } else {
            Catalog::of((0..entries).map(|number| synthetic(&shipped, number)))
        };
        let start = Instant::now();
        let faq = Faq::new(catalog).expect("the catalog is indexed");
        let indexed = start.elapsed();
        let questions = questions();
        for question in &questions {
            std::hint::black_box(faq.answer(question));
        }
        let mut times: Vec<Duration> = Vec::new();
        for question in questions.iter().cycle().take(questions.len() * ROUNDS) {
            let start = Instant::now();
            std::hint::black_box(faq.answer(question));
            times.push(start.elapsed());
        }
        times.sort_unstable();
        let at = |share: f64| {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "an index"
            )]
            let place = (share * (times.len() - 1) as f64) as usize;
            format!("{:.3} ms", times[place].as_secs_f64() * 1e3)
        };
        println!(
            "{entries:>7}  {:>7.2} s  {:>6} MiB  {:>8}  {:>8}  {:>8}",
            indexed.as_secs_f64(),
            resident().unwrap_or(0) / 1024,
            at(0.50),
            at(0.99),
            at(1.0),
        );
    }
}

fn questions() -> Vec<String> {
    let faq = Faq::new(Catalog::shipped()).expect("the shipped content is indexed");
    eval::read(QUESTIONS, &faq)
        .expect("the questions are labelled with entries that exist")
        .into_iter()
        .map(|labelled| labelled.question)
        .collect()
}

/// An entry like a shipped one, with words of its own in its title, aliases and body.
fn synthetic(shipped: &[Entry], number: usize) -> Entry {
    let mut entry = shipped[number % shipped.len()].clone();
    entry.id = format!("synthetic-{number}").parse().expect("an id");
    let word = word(number);
    entry.title = format!("{} {word}?", entry.title.trim_end_matches('?'));
    for (place, alias) in entry.aliases.iter_mut().enumerate() {
        *alias = format!("{alias} {word}{place}");
    }
    entry.body.push(Block::Paragraph(vec![Inline::Text(format!(
        "This one is about {word}."
    ))]));
    // Signatures name one entry; a hundred thousand copies of the same would measure nothing that happens.
    if number >= shipped.len() {
        entry.signatures.clear();
    }
    entry
}

/// A word that no other number has, made of syllables.
fn word(mut number: usize) -> String {
    const SYLLABLES: [&str; 16] = [
        "ba", "ke", "di", "fo", "gu", "ha", "je", "li", "mo", "nu", "pa", "re", "si", "to", "vu",
        "za",
    ];
    let mut word = String::from("x");
    loop {
        word.push_str(SYLLABLES[number % 16]);
        number /= 16;
        if number == 0 {
            return word;
        }
    }
}

/// Memory that the process holds, in KiB, where the system says.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}
