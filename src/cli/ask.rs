//! `ask`: a question from the command line or standard input → an answer.

use std::io::{self, BufRead, IsTerminal, Read, Write};

use serde_json::{Value, json};

use super::render::{self, Page};
use super::{CommandError, Content, Exit, Format, Result};
use crate::faq::answer::{Answer, Faq, Outcome};
use crate::faq::version::ClusterVersion;

/// Most of standard input that is read as one question, in bytes: more than the search looks at.
const MAX_INPUT: u64 = 1 << 20;

/// The arguments of `ask`.
#[derive(Debug, clap::Args)]
#[command(after_help = super::EXAMPLES)]
pub struct Arguments {
    /// The question, or `-` to read pasted output from standard input
    question: Vec<String>,
    #[command(flatten)]
    content: Content,
    /// How to write the answer
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    /// Read one question a line from standard input, and write one JSON object a line
    #[arg(long, conflicts_with_all = ["question", "format"])]
    jsonl: bool,
    /// The cluster's version, such as 1.33: leave out steps that do not hold for it
    #[arg(long, value_name = "VERSION")]
    kubernetes: Option<ClusterVersion>,
}

/// Answers.
///
/// # Errors
/// There is no question, the content cannot be used, or standard input or output fails.
pub fn run(arguments: &Arguments) -> Result {
    if arguments.jsonl {
        return answer_lines(&arguments.content.load()?);
    }
    let question = question(&arguments.question)?;
    let faq = arguments.content.load()?;
    let answer = faq.answer(&question);
    let page = Page {
        faq: &faq,
        version: arguments.kubernetes,
        width: super::width(),
    };
    super::print(&match arguments.format {
        Format::Text => page.answer(&answer),
        Format::Markdown => page.answer_markdown(&answer),
        Format::Json => render::pretty(&full_json(&page, &question, &answer)),
    })?;
    Ok(match answer.outcome {
        Outcome::Entry | Outcome::Choices => Exit::Found,
        Outcome::NoMatch => Exit::NotFound,
    })
}

fn question(words: &[String]) -> std::result::Result<String, CommandError> {
    let question = match words {
        [dash] if dash == "-" => {
            if io::stdin().is_terminal() {
                super::complain(&"paste the output, then press Ctrl-D on a line of its own");
            }
            let mut bytes = Vec::new();
            io::stdin()
                .lock()
                .take(MAX_INPUT)
                .read_to_end(&mut bytes)
                .map_err(reading)?;
            String::from_utf8_lossy(&bytes).into_owned()
        }
        words => words.join(" "),
    };
    if question.trim().is_empty() {
        return Err(CommandError::Usage(format!(
            "no question given\n{}",
            super::EXAMPLES
        )));
    }
    Ok(question)
}

fn reading(error: io::Error) -> CommandError {
    CommandError::Io {
        what: "cannot read standard input".to_owned(),
        error,
    }
}

fn answer_lines(faq: &Faq) -> Result {
    let mut input = io::stdin().lock();
    let mut out = io::BufWriter::new(io::stdout().lock());
    let mut line = Vec::new();
    loop {
        line.clear();
        if input.read_until(b'\n', &mut line).map_err(reading)? == 0 {
            break;
        }
        let text = String::from_utf8_lossy(&line);
        let question = text.trim_end_matches(['\n', '\r']);
        let object = brief_json(faq, question, &faq.answer(question));
        writeln!(out, "{object}")
            .and_then(|()| out.flush())
            .map_err(super::writing)?;
    }
    Ok(Exit::Found)
}

fn brief_json(faq: &Faq, question: &str, answer: &Answer) -> Value {
    let hits: Vec<Value> = answer
        .hits
        .iter()
        .filter_map(|hit| {
            let entry = faq.entry(&hit.id)?;
            Some(json!({
                "id": entry.id.as_str(),
                "topic": entry.topic,
                "title": entry.title,
                "score": rounded(hit.score),
            }))
        })
        .collect();
    json!({ "question": question, "outcome": answer.outcome, "hits": hits })
}

fn full_json(page: &Page<'_>, question: &str, answer: &Answer) -> Value {
    let mut object = brief_json(page.faq, question, answer);
    object["signature"] = json!(answer.signature);
    object["entry"] = match (answer.outcome, answer.hits.first()) {
        (Outcome::Entry, Some(hit)) => page
            .faq
            .entry(&hit.id)
            .map_or(Value::Null, |entry| page.entry_json(entry)),
        _ => Value::Null,
    };
    object
}

/// Scores have two digits that mean something.
fn rounded(score: f32) -> f64 {
    (f64::from(score) * 1000.0).round() / 1000.0
}
