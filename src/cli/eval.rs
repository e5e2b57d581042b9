//! `eval`: the figures of the search on labelled questions, and every miss.

use std::fmt::Write;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::{CommandError, Content, Exit, Result, counted, render};
use crate::faq::answer::Outcome;
use crate::faq::eval::{self, Figures, Report};

/// The arguments of `eval`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Labelled questions: one JSON object a line, with `question`, `kind` and `expect`
    file: PathBuf,
    #[command(flatten)]
    content: Content,
    /// How to write the figures
    #[arg(long, value_enum, default_value = "text")]
    format: super::check::CheckFormat,
    /// Fail (status 1) unless the share is at least this: NAME=SHARE, such as `right=0.8` (may be repeated)
    #[arg(long, value_name = "NAME=SHARE", value_parser = bound)]
    at_least: Vec<(String, f64)>,
    /// Fail (status 1) unless the share is at most this: NAME=SHARE, such as `wrong=0.06` (may be repeated)
    #[arg(long, value_name = "NAME=SHARE", value_parser = bound)]
    at_most: Vec<(String, f64)>,
}

/// A share of a report.
type Share = fn(&Figures) -> f64;

/// Every share of a report, by the name that bounds and JSON use.
const SHARES: &[(&str, Share)] = &[
    ("rank_at_1", Figures::rank_at_1),
    ("rank_at_3", Figures::rank_at_3),
    ("right", Figures::right_share),
    ("right_or_offered", Figures::right_or_offered_share),
    ("wrong", Figures::wrong_share),
    ("mrr", Figures::mrr),
    ("false_answers", Figures::false_answer_share),
    ("false_choices", Figures::false_choice_share),
    ("abstention_precision", Figures::abstention_precision),
    ("abstention_recall", Figures::abstention_recall),
];

/// Measures.
///
/// # Errors
/// The file cannot be read or is not of the form.
pub fn run(arguments: &Arguments) -> Result {
    let path = arguments.file.display();
    let text = std::fs::read_to_string(&arguments.file).map_err(|error| {
        CommandError::Usage(format!("cannot read `{path}`: {error}; check the path"))
    })?;
    let faq = arguments.content.load()?;
    let questions = eval::read(&text, &faq).map_err(|errors| {
        let lines: Vec<String> = errors
            .iter()
            .map(|error| format!("{path}: {error}"))
            .collect();
        CommandError::Usage(lines.join("\n"))
    })?;
    let report = eval::run(&faq, &questions);
    let missed = missed_bounds(arguments, &report.all);
    super::print(&match arguments.format {
        super::check::CheckFormat::Text => text_report(&report),
        super::check::CheckFormat::Json => render::pretty(&json_report(&report)),
    })?;
    for bound in &missed {
        super::complain(bound);
    }
    Ok(if missed.is_empty() {
        Exit::Found
    } else {
        Exit::NotFound
    })
}

fn bound(text: &str) -> std::result::Result<(String, f64), String> {
    let (name, share) = text
        .split_once('=')
        .ok_or("write NAME=SHARE, such as right=0.8")?;
    let is_known = SHARES.iter().any(|(known, _)| *known == name);
    let share: f64 = share
        .parse()
        .map_err(|_| format!("`{share}` is no share: write a number from 0 to 1"))?;
    if is_known {
        Ok((name.to_owned(), share))
    } else {
        let names: Vec<&str> = SHARES.iter().map(|(name, _)| *name).collect();
        Err(format!(
            "`{name}` is no figure: use one of {}",
            names.join(", ")
        ))
    }
}

fn missed_bounds(arguments: &Arguments, figures: &Figures) -> Vec<String> {
    let share = |wanted: &str| {
        SHARES
            .iter()
            .find(|(name, _)| *name == wanted)
            .map_or(0.0, |(_, share)| share(figures))
    };
    let low = arguments
        .at_least
        .iter()
        .filter(|(name, bound)| share(name) < *bound)
        .map(|(name, bound)| format!("{name} is {:.3}, below the floor of {bound}", share(name)));
    let high = arguments
        .at_most
        .iter()
        .filter(|(name, bound)| share(name) > *bound)
        .map(|(name, bound)| format!("{name} is {:.3}, above the ceiling of {bound}", share(name)));
    low.chain(high).collect()
}

fn text_report(report: &Report) -> String {
    let mut text = String::new();
    let outcome = |outcome| match outcome {
        Outcome::Entry => "entry",
        Outcome::Choices => "choices",
        Outcome::NoMatch => "no match",
    };
    // Writing to a string cannot fail.
    for miss in &report.misses {
        let expected = if miss.expect.is_empty() {
            "no match".to_owned()
        } else {
            miss.expect.join(" or ")
        };
        let question: String = miss.question.chars().take(200).collect();
        let _ = writeln!(text, "{}: {question:?}", miss.kind);
        let _ = writeln!(text, "  expected {expected}, got {}", outcome(miss.outcome));
        for (id, score) in &miss.hits {
            let _ = writeln!(text, "    {score:.2} {id}");
        }
    }
    let _ = writeln!(
        text,
        "{:<12} {:>4} {:>7} {:>7} {:>7} {:>8} {:>7} {:>6}   {:>4} {:>7} {:>8}",
        "kind",
        "in",
        "rank@1",
        "rank@3",
        "right",
        "+offered",
        "wrong",
        "MRR",
        "out",
        "false",
        "choices"
    );
    let kinds = report
        .kinds
        .iter()
        .map(|(kind, figures)| (kind.as_str(), figures));
    for (kind, figures) in kinds.chain([("all", &report.all)]) {
        let _ = writeln!(text, "{}", row(kind, figures));
    }
    let _ = writeln!(
        text,
        "no match: {}, precision {:.3}, recall {:.3}; {}",
        report.all.abstentions,
        report.all.abstention_precision(),
        report.all.abstention_recall(),
        counted(report.misses.len(), "question") + " not answered as expected",
    );
    text
}

fn row(kind: &str, figures: &Figures) -> String {
    let in_scope = |share: f64| match figures.in_scope {
        0 => "-".to_owned(),
        _ => format!("{share:.3}"),
    };
    let out_of_scope = |share: f64| match figures.out_of_scope {
        0 => "-".to_owned(),
        _ => format!("{share:.3}"),
    };
    format!(
        "{kind:<12} {:>4} {:>7} {:>7} {:>7} {:>8} {:>7} {:>6}   {:>4} {:>7} {:>8}",
        figures.in_scope,
        in_scope(figures.rank_at_1()),
        in_scope(figures.rank_at_3()),
        in_scope(figures.right_share()),
        in_scope(figures.right_or_offered_share()),
        in_scope(figures.wrong_share()),
        in_scope(figures.mrr()),
        figures.out_of_scope,
        out_of_scope(figures.false_answer_share()),
        out_of_scope(figures.false_choice_share()),
    )
}

fn json_report(report: &Report) -> Value {
    let figures = |figures: &Figures| {
        let mut object = json!({
            "in_scope": figures.in_scope,
            "out_of_scope": figures.out_of_scope,
        });
        for (name, share) in SHARES {
            object[*name] = json!(share(figures));
        }
        object
    };
    let kinds: serde_json::Map<String, Value> = report
        .kinds
        .iter()
        .map(|(kind, of_kind)| (kind.clone(), figures(of_kind)))
        .collect();
    json!({ "all": figures(&report.all), "kinds": kinds, "misses": report.misses })
}
