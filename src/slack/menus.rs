//! Replies that offer something to press: candidates, help, topics, the reasons of a bad vote. Pure.

use std::fmt::Write;

use serde_json::{Value, json};

use super::button::{Button, Carried, MAX_OTHERS};
use super::fit::{fallback, push_sentence, size, spoken};
use super::parts::{
    MAX_CONTEXT, MAX_HEADER, MAX_LABEL, actions, button, label, list, plain_context,
};
use super::render::{MAX_BLOCKS, Message, Scene, Surface, notice};
use super::rich;
use super::text::cut;
use crate::bot::reply::{Choices, EntryRef, Help, NoMatch, Thanks};
use crate::bot::request::Why;
use crate::faq::id::EntryId;

pub(super) fn choices(choices: &Choices, scene: &Scene) -> Message {
    let (intro, candidates) = if choices.candidates.is_empty() {
        (
            "I have no other answer near that question. Asking with the exact error line or status word helps.",
            &[][..],
        )
    } else {
        (
            "Which of these do you mean?",
            &choices.candidates[..choices.candidates.len().min(MAX_OTHERS)],
        )
    };
    let mut text = intro.to_owned();
    let mut blocks = vec![rich::rich_text(vec![rich::section(vec![rich::plain(
        intro,
    )])])];
    push_candidates(candidates, scene, &mut text, &mut blocks);
    push_human(choices.ask_a_human.as_deref(), &mut text, &mut blocks);
    Message {
        text: spoken(&text),
        blocks,
        plain: fallback(&text),
    }
}

pub(super) fn no_match(no_match: &NoMatch, scene: &Scene) -> Message {
    let intro = "I have no answer to that in my FAQ.";
    let how = "The exact error line, or the word in the STATUS column, finds most. “topics” lists what there is.";
    let mut text = intro.to_owned();
    let mut blocks = vec![rich::rich_text(vec![rich::section(vec![rich::bold(
        intro,
    )])])];
    if !no_match.nearest.is_empty() {
        text.push_str(" The nearest that I have:");
        blocks.push(plain_context("The nearest that I have:"));
    }
    push_candidates(&no_match.nearest, scene, &mut text, &mut blocks);
    blocks.push(plain_context(how));
    push_sentence(&mut text, how);
    push_human(no_match.ask_a_human.as_deref(), &mut text, &mut blocks);
    Message {
        text: spoken(&text),
        blocks,
        plain: fallback(&text),
    }
}

/// A button a line for each candidate: side by side they wrap unevenly on a phone.
pub(super) fn push_candidates(
    candidates: &[EntryRef],
    scene: &Scene,
    text: &mut String,
    blocks: &mut Vec<Value>,
) {
    let mut labels: Vec<String> = Vec::new();
    for (number, candidate) in candidates.iter().enumerate() {
        let _ = write!(text, " {}) {}", number + 1, candidate.title);
        let mut others: Vec<EntryId> = scene.carried.entry.iter().cloned().collect();
        others.extend(candidates.iter().map(|other| other.id.clone()));
        let carried = Carried {
            entry: None,
            others,
            ..scene.carried.clone()
        }
        .about(&candidate.id);
        let mut name = label(&candidate.title);
        if labels.contains(&name) || !name.chars().any(char::is_alphanumeric) {
            // Two titles that begin alike are told apart by the id, and one without a word is read out by it.
            name = label(&format!("{}: {}", candidate.id, candidate.title));
        }
        labels.push(name.clone());
        blocks.push(actions(vec![button(&name, &Button::Pick(carried), number)]));
    }
}

/// Whom to ask instead, in the channel's own words.
pub(super) fn push_human(ask: Option<&str>, text: &mut String, blocks: &mut Vec<Value>) {
    if let Some(ask) = ask.filter(|ask| !ask.trim().is_empty()) {
        push_sentence(text, ask);
        blocks.push(rich::rich_text(vec![rich::section(vec![rich::plain(
            &cut(ask, MAX_CONTEXT),
        )])]));
    }
}

pub(super) fn help(help: &Help, scene: &Scene) -> Message {
    let intro = format!(
        "I answer Kubernetes questions out of {} entries that people wrote and checked. Ask in your own words, or paste the error line.",
        help.entries
    );
    let examples: Vec<String> = help
        .examples
        .iter()
        .map(|example| format!("/k8sfaq {example}"))
        .collect();
    let text = format!("{intro} For example: {}", examples.join("; "));
    let mut blocks = vec![rich::rich_text(vec![rich::section(vec![rich::plain(
        &intro,
    )])])];
    let mut buttons = Vec::new();
    for (number, example) in help.examples.iter().enumerate() {
        buttons.push(button(example, &Button::Ask((*example).to_owned()), number));
    }
    let examples = examples
        .iter()
        .map(|example| rich::section(vec![rich::code(example)]))
        .collect::<Vec<_>>();
    if scene.surface == Surface::Public {
        // In a channel a prompt is enough: whoever mentions the bot knows it is there.
        blocks.push(actions(buttons));
        return Message {
            text: spoken(&text),
            blocks,
            plain: fallback(&text),
        };
    }
    blocks.push(list("Try one of these:", examples));
    blocks.push(actions(buttons));
    let forms = crate::bot::command::Command::FORMS
        .iter()
        .map(|(form, what)| {
            rich::section(vec![
                rich::code(&format!("/k8sfaq {form}")),
                rich::plain(&format!("  {what}")),
            ])
        })
        .collect::<Vec<_>>();
    blocks.push(list("Commands:", forms));
    blocks.push(rich::rich_text(vec![rich::section(vec![rich::plain(
        "Slash commands do not work inside threads: mention me there, send me a direct message, or use “Find answer” in a message's menu.",
    )])]));
    Message {
        text: spoken(&text),
        blocks,
        plain: fallback(&text),
    }
}

pub(super) fn topics(topics: &[(String, usize)]) -> Message {
    let mut text = "Topics:".to_owned();
    let rows = topics
        .iter()
        .map(|(topic, entries)| {
            let _ = write!(text, " {topic} ({entries}),");
            rich::section(vec![
                rich::code(&format!("topics {}", cut(topic, MAX_LABEL))),
                rich::plain(&format!("  {entries} entries")),
            ])
        })
        .collect::<Vec<_>>();
    let text = text.trim_end_matches(',').to_owned();
    Message {
        text: spoken(&text),
        blocks: vec![list("Topics, and how to list their entries:", rows)],
        plain: fallback(&text),
    }
}

/// Most entries of a topic that are listed: what the size of a message takes.
pub(super) const MAX_LISTED: usize = 40;

pub(super) fn topic(topic: &str, entries: &[EntryRef], scene: &Scene) -> Message {
    let mut listed = entries.len().min(MAX_LISTED);
    let mut blocks = topic_blocks(topic, entries, listed, scene);
    while size(&blocks) > MAX_BLOCKS && listed > 1 {
        listed -= 1;
        blocks = topic_blocks(topic, entries, listed, scene);
    }
    let titles: Vec<&str> = entries.iter().map(|entry| entry.title.as_str()).collect();
    let text = format!("{topic}: {}", titles.join("; "));
    Message {
        text: spoken(&text),
        blocks,
        plain: fallback(&text),
    }
}

pub(super) fn topic_blocks(
    topic: &str,
    entries: &[EntryRef],
    listed: usize,
    scene: &Scene,
) -> Vec<Value> {
    let shown = &entries[..listed];
    let rows = shown
        .iter()
        .map(|entry| {
            rich::section(vec![
                rich::plain(&format!("{}  ", cut(&entry.title, MAX_HEADER))),
                rich::code(entry.id.as_str()),
            ])
        })
        .collect::<Vec<_>>();
    let mut blocks = vec![list(
        &format!("Entries on {}:", cut(topic, MAX_LABEL)),
        rows,
    )];
    if entries.len() > listed {
        blocks.push(plain_context(&format!(
            "and {} more",
            entries.len() - listed
        )));
    }
    // One menu instead of many buttons; its options take 100.
    let options: Vec<Value> = shown
        .iter()
        .map(|entry| {
            let carried = Carried {
                entry: Some(entry.id.clone()),
                ..scene.carried.clone()
            };
            json!({
                "text": {"type": "plain_text", "text": label(&entry.title), "emoji": false},
                "value": option_value(&carried),
            })
        })
        .collect();
    if !options.is_empty() {
        blocks.push(actions(vec![json!({
            "type": "static_select",
            "action_id": "pick.0",
            "placeholder": {"type": "plain_text", "text": "Show an entry", "emoji": false},
            "options": options,
        })]));
    }
    blocks
}

/// A menu's value holds 150 characters only: the entry, and the thread.
pub(super) fn option_value(carried: &Carried) -> String {
    Button::Pick(Carried {
        entry: carried.entry.clone(),
        thread: carried.thread.clone(),
        ..Carried::default()
    })
    .value()
}

/// The thanks for a vote. Who was not helped may say why, with one more press.
pub(super) fn thanks(thanks: &Thanks, scene: &Scene) -> Message {
    let mut message = notice(&thanks.to_string());
    if let Thanks::AskingWhy(entry) = thanks {
        let carried = Carried {
            entry: Some(entry.clone()),
            ..scene.carried.clone()
        };
        let why = |(number, why): (usize, Why)| {
            button(why.label(), &Button::Why(carried.clone(), why), number)
        };
        let buttons = Why::ALL.into_iter().enumerate().map(why).collect();
        message.blocks.push(actions(buttons));
    }
    message
}
