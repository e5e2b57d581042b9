//! Replies that offer something to choose: candidates, topics, help, the reasons of a bad vote. Pure.

use serenity::builder::{
    CreateActionRow, CreateButton, CreateSelectMenu, CreateSelectMenuKind, CreateSelectMenuOption,
};
use serenity::model::application::ButtonStyle;

use super::custom_id::CustomId;
use super::render::{BLUE, Embed, MAX_CONTENT, MAX_DESCRIPTION, Rendered, Setting, emoji, notice};
use super::text::{self, cut, escape, length};
use crate::bot::command::Command;
use crate::bot::reply::{Choices, EntryRef, Help, NoMatch, Thanks};
use crate::bot::request::Why;

/// Room for what stands above a text.
const ABOVE_ROOM: usize = 200;

/// A select of entries, each once; none where there is no entry.
pub(super) fn select<'a>(
    id: CustomId,
    placeholder: &str,
    entries: impl Iterator<Item = (&'a EntryRef, &'a str)>,
) -> Option<CreateActionRow> {
    let mut seen = Vec::new();
    let mut options = Vec::new();
    for (entry, description) in entries {
        if options.len() == MAX_OPTIONS || seen.contains(&&entry.id) {
            continue;
        }
        seen.push(&entry.id);
        let label = non_empty(
            cut(&text::clean(&entry.title), MAX_OPTION),
            entry.id.as_str(),
        );
        let mut option = CreateSelectMenuOption::new(label, entry.id.as_str());
        if !description.is_empty() {
            option = option.description(description);
        }
        options.push(option);
    }
    (!options.is_empty()).then(|| {
        CreateActionRow::SelectMenu(
            CreateSelectMenu::new(id, CreateSelectMenuKind::String { options })
                .placeholder(placeholder),
        )
    })
}

pub(super) fn choices(given: &Choices, setting: &Setting) -> Rendered {
    let mut lines = vec!["Which of these do you mean?".to_owned()];
    if given.candidates.is_empty() {
        lines = vec![
            "I have no other answer near that question. Asking with the exact error line or status word helps."
                .to_owned(),
        ];
    }
    lines.extend(numbered(&given.candidates));
    lines.extend(given.ask_a_human.as_deref().map(human));
    picked_from(&lines, &given.candidates, "Choose one", setting)
}

pub(super) fn no_match(given: &NoMatch, setting: &Setting) -> Rendered {
    let mut lines = vec![
        "I have no answer to that in my FAQ. The exact error line, or the word in the STATUS column, finds most; `topics` lists what there is."
            .to_owned(),
    ];
    if !given.nearest.is_empty() {
        lines.push("The nearest that I have:".to_owned());
        lines.extend(numbered(&given.nearest));
    }
    lines.extend(given.ask_a_human.as_deref().map(human));
    picked_from(&lines, &given.nearest, "Show one of the nearest", setting)
}

/// Whom to ask instead. The words are the operator's; a mention in them shows a name and pings nobody.
pub(super) fn human(words: &str) -> String {
    cut(&text::clean(words), 500)
}

pub(super) fn numbered(entries: &[EntryRef]) -> impl Iterator<Item = String> {
    entries
        .iter()
        .enumerate()
        .map(|(at, entry)| format!("{}. {}", at + 1, cut(&escape(&entry.title), 200)))
}

pub(super) fn picked_from(
    lines: &[String],
    entries: &[EntryRef],
    placeholder: &str,
    setting: &Setting,
) -> Rendered {
    let id = choosing(setting);
    let mut rows: Vec<CreateActionRow> =
        select(id, placeholder, entries.iter().map(|entry| (entry, "")))
            .into_iter()
            .collect();
    if let (false, Some(asker)) = (setting.is_private, setting.asker) {
        rows.push(CreateActionRow::Buttons(vec![
            CreateButton::new(CustomId::Delete(asker))
                .emoji(emoji("🗑️"))
                .style(ButtonStyle::Secondary),
        ]));
    }
    Rendered {
        content: cut(&lines.join("\n"), MAX_CONTENT - ABOVE_ROOM),
        rows,
        ..Rendered::default()
    }
}

/// A list gives way to the answer that its asker chooses; the others get theirs in a message of its own.
pub(super) fn choosing(setting: &Setting) -> CustomId {
    match (setting.is_private, setting.asker) {
        (true, _) => CustomId::Swap(None),
        (false, Some(asker)) => CustomId::Swap(Some(asker)),
        (false, None) => CustomId::Pick,
    }
}

pub(super) fn help(given: &Help) -> Rendered {
    let mut lines = vec![
        format!(
            "I answer Kubernetes questions out of {} entries that people wrote and checked. Ask in your own words, or paste the error line: with `/k8sfaq`, by mentioning me, in a direct message, or with “Answer from FAQ” in a message's menu.",
            given.entries
        ),
        "Try one of these:".to_owned(),
    ];
    lines.extend(
        given
            .examples
            .iter()
            .map(|example| format!("- {}", text::code(example))),
    );
    lines.push("A few words are commands:".to_owned());
    lines.extend(
        Command::FORMS
            .iter()
            .map(|(form, what)| format!("- {}: {}", text::code(form), escape(what))),
    );
    notice(&cut(&lines.join("\n"), MAX_CONTENT - ABOVE_ROOM))
}

pub(super) fn topics(topics: &[(String, usize)]) -> Rendered {
    let lines: Vec<String> = topics
        .iter()
        .map(|(topic, entries)| format!("- {}: {entries}", text::code(topic)))
        .collect();
    page(
        "Topics, with the number of their entries",
        &lines,
        "`topics TOPIC` lists a topic's entries, `show ID` shows one.",
    )
}

pub(super) fn topic(topic: &str, entries: &[EntryRef], setting: &Setting) -> Rendered {
    let lines: Vec<String> = entries
        .iter()
        .map(|entry| {
            format!(
                "- {} {}",
                cut(&escape(&entry.title), 200),
                text::code(entry.id.as_str())
            )
        })
        .collect();
    let title = format!("Entries on {}", cut(&escape(topic), 100));
    let mut message = page(&title, &lines, "`show ID` shows one.");
    let id = choosing(setting);
    message.rows = select(id, "Show an entry", entries.iter().map(|entry| (entry, "")))
        .into_iter()
        .collect();
    message
}

/// A list in an embed, cut between lines.
pub(super) fn page(title: &str, lines: &[String], footer: &str) -> Rendered {
    let mut description = String::new();
    for line in lines {
        if length(&description) + length(line) + length(footer) + 8 > MAX_DESCRIPTION {
            description.push('…');
            break;
        }
        description.push_str(line);
        description.push('\n');
    }
    Rendered {
        embeds: vec![Embed {
            title: title.to_owned(),
            description: format!("{description}\n{footer}"),
            colour: BLUE,
            ..Embed::default()
        }],
        ..Rendered::default()
    }
}

/// The thanks for a vote. Who was not helped may say why, with one more press.
pub(super) fn thanks(given: &Thanks) -> Rendered {
    let mut message = notice(&given.to_string());
    if let Thanks::AskingWhy(entry) = given {
        let why = |why: Why| {
            CreateButton::new(CustomId::Because(why, entry.clone()))
                .label(why.label())
                .style(ButtonStyle::Secondary)
        };
        let buttons = Why::ALL.into_iter().map(why).collect();
        message.rows.push(CreateActionRow::Buttons(buttons));
    }
    message
}

pub(super) fn non_empty(text: String, otherwise: &str) -> String {
    if text.trim().is_empty() {
        otherwise.to_owned()
    } else {
        text
    }
}

/// Most options of a select.
pub(super) const MAX_OPTIONS: usize = 25;

/// Longest label and description of an option.
pub(super) const MAX_OPTION: usize = 100;
