//! How long the shipped FAQ takes: to be indexed, and to answer. Run by `cargo bench`.
#![allow(
    clippy::expect_used,
    reason = "a benchmark that cannot go on says so by panicking"
)]

use std::fmt::Write;
use std::hint::black_box;
use std::time::Duration;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use k8sfaq::faq::answer::Faq;
use k8sfaq::faq::catalog::Catalog;
use k8sfaq::faq::eval;

/// The committed questions, asked one after another.
const QUESTIONS: &str = include_str!("../tests/eval/questions.jsonl");

fn shipped() -> Faq {
    Faq::new(Catalog::shipped()).expect("the shipped content is indexed")
}

/// A pasted text of 40,000 characters, with an error near its end.
fn paste() -> String {
    let mut text = String::new();
    while text.len() < 39_800 {
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "2026-11-25T08:01:02Z INFO request 4711 from 10.2.3.4 served in 12ms by web-5d9c7f6b8-x2kqz"
        );
    }
    text.push_str("Warning  FailedScheduling  3m  default-scheduler  0/5 nodes are available: 5 Insufficient memory.\n");
    text
}

fn answers(criterion: &mut Criterion) {
    let faq = shipped();
    let questions =
        eval::read(QUESTIONS, &faq).expect("the questions are labelled with entries that exist");
    let mut next = questions.iter().cycle();
    criterion.bench_function("answer one of the labelled questions", |bencher| {
        bencher.iter_batched(
            || {
                next.next()
                    .map_or("", |labelled| labelled.question.as_str())
            },
            |question| black_box(faq.answer(question)),
            BatchSize::SmallInput,
        );
    });
    criterion.bench_function("answer a keyword", |bencher| {
        bencher.iter(|| black_box(faq.answer(black_box("crashloop"))));
    });
    let paste = paste();
    criterion.bench_function("answer a paste of 40,000 characters", |bencher| {
        bencher.iter(|| black_box(faq.answer(black_box(&paste))));
    });
}

fn start(criterion: &mut Criterion) {
    criterion.bench_function("read and index the shipped content", |bencher| {
        bencher.iter(|| black_box(shipped()));
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(50).measurement_time(Duration::from_secs(5)).without_plots();
    targets = answers, start
}
criterion_main!(benches);
