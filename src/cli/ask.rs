//! `ask`: a question from the command line or standard input → an answer.

use std::io::{self, BufRead, IsTerminal, Read, Write};

use serde_json::{Value, json};

use super::looking::{self, Configured};
use super::render::{self, Page};
use super::{CommandError, Content, Exit, Format, Result};
use crate::cluster::asked;
use crate::cluster::evidence::Evidence;
use crate::cluster::finding::Finding;
use crate::cluster::triage::Subject;
use crate::cluster::values::values;
use crate::faq::answer::{Answer, Faq, Hit, MAX_HITS, Outcome};
use crate::faq::condition::Condition;
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
    #[arg(long, conflicts_with_all = ["question", "format", "context", "kubeconfig", "namespace", "all_namespaces"])]
    jsonl: bool,
    /// The cluster's version, such as 1.33: leave out steps that do not hold for it
    #[arg(long, value_name = "VERSION")]
    kubernetes: Option<ClusterVersion>,
    #[command(flatten)]
    looking: looking::Where,
}

/// Answers, with what the cluster shows where one is named or the settings name one.
///
/// # Errors
/// There is no question, the content cannot be used, or standard input or output fails.
pub fn run(arguments: &Arguments, configured: &Configured) -> Result {
    if arguments.jsonl {
        return answer_lines(&arguments.content.load()?);
    }
    let question = question(&arguments.question)?;
    let faq = arguments.content.load()?;
    let mut answer = faq.answer(&question);
    let seen = if arguments.looking.is_any() || !configured.is_empty() {
        let looked = look(&faq, &question, &answer, &arguments.looking, configured);
        looking::wait(looked)?
    } else {
        None
    };
    if let Some((Subject::Object, evidence)) = &seen {
        put_first(&faq, evidence, &mut answer);
    }
    let evidence = seen.as_ref().map(|(_, evidence)| evidence);
    let version = evidence.and_then(|evidence| evidence.version.as_deref()?.parse().ok());
    let page = Page {
        faq: &faq,
        version: arguments.kubernetes.or(version),
        values: evidence
            .and_then(|evidence| meant(&faq, &answer, evidence))
            .map(values)
            .unwrap_or_default(),
        width: super::width(),
    };
    super::print(&match arguments.format {
        Format::Text => page.answer(&answer) + &render::evidence(evidence),
        Format::Markdown => page.answer_markdown(&answer) + &render::evidence_markdown(evidence),
        Format::Json => {
            let mut object = full_json(&page, &question, &answer);
            object["evidence"] = json!(evidence);
            render::pretty(&object)
        }
    })?;
    Ok(match answer.outcome {
        Outcome::Entry | Outcome::Choices => Exit::Found,
        Outcome::NoMatch => Exit::NotFound,
    })
}

/// What the cluster shows of a question; `None` where there is nothing to look for.
async fn look(
    faq: &Faq,
    question: &str,
    answer: &Answer,
    arguments: &looking::Where,
    configured: &Configured,
) -> Option<(Subject, Evidence)> {
    let asked = asked::object(question);
    let conditions = conditions(faq, answer);
    if asked.is_none() && conditions.is_empty() {
        return None;
    }
    let looking = match arguments.find(configured).await {
        Ok(looking) => looking,
        Err(nothing) => return Some((Subject::Conditions, *nothing)),
    };
    let triage = looking
        .cluster
        .triage(
            asked.as_ref(),
            &conditions,
            &looking.scope,
            looking.deadline,
            &looking::entries(faq.catalog()),
        )
        .await?;
    Some((triage.subject, triage.evidence.as_ref().clone()))
}

/// The conditions that the entry which answers explains or looks for.
fn conditions(faq: &Faq, answer: &Answer) -> Vec<Condition> {
    let entry = match (answer.outcome, answer.hits.first()) {
        (Outcome::Entry, Some(hit)) => faq.entry(&hit.id),
        _ => None,
    };
    entry.map_or_else(Vec::new, |entry| {
        let all = entry.explains.iter().chain(&entry.looks_for);
        all.copied().collect()
    })
}

/// An object's triage answers with the entry that explains its worst finding. Of an object that is there and well, an entry that
/// only the question's words name, and that explains what is not to be seen, is no more than a candidate.
fn put_first(faq: &Faq, evidence: &Evidence, answer: &mut Answer) {
    if evidence.shows_it_well() && answer.outcome == Outcome::Entry && answer.signature.is_none() {
        let first = answer.hits.first().and_then(|hit| faq.entry(&hit.id));
        if first.is_some_and(|entry| !entry.explains.is_empty()) {
            answer.outcome = Outcome::Choices;
        }
        return;
    }
    let entry = evidence.worst().and_then(|worst| worst.entry.clone());
    let Some(id) = entry.filter(|id| faq.entry(id).is_some()) else {
        return;
    };
    let is_the_same =
        answer.outcome == Outcome::Entry && answer.hits.first().is_some_and(|first| first.id == id);
    if is_the_same {
        return;
    }
    answer.hits.retain(|hit| hit.id != id);
    answer.hits.insert(0, Hit { id, score: 1.0 });
    answer.hits.truncate(MAX_HITS);
    answer.outcome = Outcome::Entry;
    answer.signature = None;
}

/// The finding whose names fill the answer's commands: the worst that its entry explains, else the worst.
fn meant<'a>(faq: &Faq, answer: &Answer, evidence: &'a Evidence) -> Option<&'a Finding> {
    let explained = conditions(faq, answer);
    let of_the_entry = |finding: &&Finding| explained.contains(&finding.condition);
    let found = evidence.findings.iter().find(of_the_entry);
    found.or_else(|| evidence.worst())
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
