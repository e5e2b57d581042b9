//! What the bot says, as Discord's messages: texts, embeds and components within all of Discord's limits.

use std::fmt::Write as _;

use serenity::builder::{CreateActionRow, CreateButton};
use serenity::model::application::ButtonStyle;
use serenity::model::channel::ReactionType;

use super::custom_id::CustomId;
use super::menus;
use super::text::{self, Piece, cut, escape, length};
use crate::bot::reply::{Answered, EntryRef, Evidence, HowSure, Length, Reply, Shown};
use crate::bot::request::Vote;
use crate::faq::markdown::Block;

/// Longest text of a message. Source: Discord's reference, Message Resource.
pub(super) const MAX_CONTENT: usize = 2000;

/// Longest title of an embed.
const MAX_TITLE: usize = 256;

/// Longest description of an embed.
pub(super) const MAX_DESCRIPTION: usize = 4096;

/// Longest texts of all embeds of a message together.
const MAX_TOTAL: usize = 6000;

/// Longest footer of ours; Discord takes 2048, and the total counts it.
const MAX_FOOTER: usize = 300;

/// Room that is kept for what the cluster shows.
const EVIDENCE_ROOM: usize = 1400;

/// A screenful of a phone, in an incident.
const TERSE_ROOM: usize = 900;

/// Longest address of a link button.
const MAX_URL: usize = 512;

/// The colour of Kubernetes' logo.
pub(super) const BLUE: u32 = 0x32_6c_e5;

/// The colour of what the cluster shows.
const AMBER: u32 = 0xe0_a0_30;

/// Where and how a reply is shown.
#[derive(Debug, Clone, Default)]
pub(super) struct Setting {
    /// Who asked, and may take the answer away.
    pub asker: Option<u64>,
    /// Whether only the asker sees it.
    pub is_private: bool,
    /// Whether embeds may be sent there.
    pub is_text_only: bool,
    /// Whether offers like this one can be muted there.
    pub can_mute: bool,
    /// What stands above the answer.
    pub above: Option<Above>,
}

/// What stands above an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Above {
    /// Whom it is for: only this person is pinged.
    For(u64),
    /// The address of the message that it is about.
    About(String),
    /// Who shared it.
    SharedBy(u64),
    /// The text was taken for an id, and no entry has it.
    NoSuchId(String),
}

/// A message, ready to be sent.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Rendered {
    /// The text.
    pub content: String,
    /// The embeds.
    pub embeds: Vec<Embed>,
    /// The rows of components.
    pub rows: Vec<CreateActionRow>,
    /// The only people who may be pinged.
    pub pings: Vec<u64>,
}

/// An embed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Embed {
    pub title: String,
    pub url: Option<String>,
    pub description: String,
    pub footer: String,
    pub colour: u32,
}

/// Draws a reply. `None` where nothing is to be said.
#[must_use]
pub(super) fn render(shown: &Shown, setting: &Setting) -> Option<Rendered> {
    let mut message = match &shown.reply {
        Reply::Answer(answered) => answer(answered, shown, setting),
        Reply::Choices(given) => menus::choices(given, setting),
        Reply::NoMatch(given) => menus::no_match(given, setting),
        Reply::Help(given) => menus::help(given),
        Reply::Topics(topics) => menus::topics(topics),
        Reply::Topic { topic, entries } => menus::topic(topic, entries, setting),
        Reply::Status(blocks) => status(blocks),
        Reply::Thanks(given) => menus::thanks(given),
        Reply::Muted => {
            notice("No more offers from me in this thread. A mention still reaches me.")
        }
        Reply::Refused(refusal) => notice(&refusal.to_string()),
        Reply::Silence => return None,
    };
    match &setting.above {
        Some(Above::For(person)) => {
            message.content = format!("For <@{person}>: {}", message.content);
            message.pings = vec![*person];
        }
        Some(Above::About(url)) => message.content = format!("About {url} {}", message.content),
        Some(Above::SharedBy(person)) => {
            message.content = format!("Shared by <@{person}> {}", message.content);
        }
        Some(Above::NoSuchId(id)) => {
            message.content = format!(
                "The FAQ has no entry {}. {}",
                text::code(&cut(id, 60)),
                message.content
            );
        }
        None => {}
    }
    message.content.truncate(message.content.trim_end().len());
    if setting.is_text_only {
        message = as_text(message);
    }
    Some(message)
}

/// A sentence alone.
#[must_use]
pub(super) fn notice(sentence: &str) -> Rendered {
    Rendered {
        content: sentence.to_owned(),
        ..Rendered::default()
    }
}

/// The component belongs to an older or a foreign version.
pub(super) const OUTDATED: &str = "This button is no longer available: it is from an older version of me. Ask again, and you get fresh ones.";

/// Somebody else wants to take an answer away.
pub(super) const NOT_YOURS: &str = "Only the person who asked, or somebody who may manage messages here, can take this answer away.";

/// The message command met nothing to read.
pub(super) const NOTHING_TO_READ: &str = "There is no text in that message that I could read. Copy the error line and ask with `/k8sfaq`.";

/// The message command met a bot's message.
pub(super) const A_BOTS_MESSAGE: &str = "That message is a bot's, and I answer people only. Copy the error line and ask with `/k8sfaq`.";

/// There is nothing to say to a command, and Discord wants some answer.
pub(super) const NOTHING_TO_SAY: &str = "I have nothing to say to that here.";

/// What is about to come, while an answer is late.
pub(super) const TOO_LATE: &str = "That took me too long, sorry. Please ask again.";

fn answer(answered: &Answered, shown: &Shown, setting: &Setting) -> Rendered {
    let title = cut(&escape(&answered.title), MAX_TITLE);
    let first_source = answered.sources.first().map(|source| source.url.clone());
    let footer = footer(answered);
    let sources = sources(answered);
    let evidence = match &answered.evidence {
        Evidence::NotLookedUp => None,
        Evidence::Pending => Some("Looking at the cluster…".to_owned()),
        Evidence::Shown(blocks) => Some(evidence(blocks)),
        Evidence::OutOfScope => Some(
            "What you named is outside what I may look at from here, so this is the answer alone."
                .to_owned(),
        ),
    };
    let mut pieces = vec![Piece::Lines {
        text: text::inlines(&answered.lead),
        is_item: false,
    }];
    pieces.extend(text::pieces(&answered.steps));

    let tail_room = length(&sources) + length(&shortened(answered)) + 4;
    let taken = length(&title)
        + length(&footer)
        + tail_room
        + evidence
            .as_ref()
            .map_or(0, |text| length(text) + EVIDENCE_TITLE.len());
    let total = MAX_TOTAL - taken;
    let limits = match shown.length {
        Length::Terse => vec![TERSE_ROOM],
        Length::Full => {
            let first = (MAX_DESCRIPTION - tail_room).min(total);
            vec![first, total - first]
        }
    };
    let (mut texts, is_cut) = text::fill(pieces, &limits);
    if let Some(last) = texts.last_mut() {
        if is_cut {
            last.push_str("\n\n");
            last.push_str(&shortened(answered));
        }
        if !sources.is_empty() {
            last.push_str("\n\n");
            last.push_str(&sources);
        }
    }
    let mut embeds: Vec<Embed> = texts
        .into_iter()
        .map(|description| Embed {
            description,
            colour: BLUE,
            ..Embed::default()
        })
        .collect();
    if let Some(first) = embeds.first_mut() {
        first.title = title;
        first.url = first_source.filter(|url| is_linkable(url));
    }
    if let Some(last) = embeds.last_mut() {
        last.footer = footer;
    }
    if let Some(description) = evidence {
        embeds.push(Embed {
            title: EVIDENCE_TITLE.to_owned(),
            description,
            colour: AMBER,
            ..Embed::default()
        });
    }
    Rendered {
        embeds,
        rows: answer_rows(answered, shown.can_share, setting),
        ..Rendered::default()
    }
}

const EVIDENCE_TITLE: &str = "What the cluster shows";

fn evidence(blocks: &[Block]) -> String {
    let more = "\n\n… and more: ask about one namespace or object.";
    let (texts, is_cut) = text::fill(text::pieces(blocks), &[EVIDENCE_ROOM - length(more)]);
    let mut text = texts.into_iter().next().unwrap_or_default();
    if is_cut {
        text.push_str(more);
    }
    text
}

/// What stands under an answer. Writing to a string cannot fail.
fn footer(answered: &Answered) -> String {
    let mut footer = answered.id.to_string();
    match &answered.how_sure {
        HowSure::Signature(fragment) => {
            let fragment = text::clean(fragment).replace('\n', " ");
            let _ = write!(footer, " · recognised by “{}”", cut(&fragment, 80));
        }
        HowSure::Words(score) => {
            let percent = (score.clamp(0.0, 0.99) * 100.0).round();
            let _ = write!(footer, " · {percent} % sure");
        }
        HowSure::Chosen => {}
    }
    if let Some(folder) = &answered.folder {
        let _ = write!(footer, " · from {}", text::clean(folder));
    }
    cut(&footer, MAX_FOOTER)
}

fn sources(answered: &Answered) -> String {
    if answered.sources.is_empty() {
        return String::new();
    }
    let links: Vec<String> = answered
        .sources
        .iter()
        .take(3)
        .filter(|source| length(&source.url) <= MAX_URL / 2)
        .map(|source| text::link(&escape(&cut(&source.title, 80)), &source.url))
        .collect();
    if links.is_empty() {
        return String::new();
    }
    format!("-# Sources: {}", links.join(", "))
}

fn shortened(answered: &Answered) -> String {
    let whole = format!("ask `show {}`", answered.id);
    match answered.sources.first() {
        Some(source) if length(&source.url) <= MAX_URL / 2 => format!(
            "… {}, or {whole} for the whole entry.",
            text::link("Read more", &source.url)
        ),
        _ => format!("… {whole} for the whole entry."),
    }
}

fn answer_rows(answered: &Answered, can_share: bool, setting: &Setting) -> Vec<CreateActionRow> {
    let mut buttons = vec![
        CreateButton::new(CustomId::Vote(Vote::Up, answered.id.clone()))
            .emoji(emoji("👍"))
            .style(ButtonStyle::Secondary),
        CreateButton::new(CustomId::Vote(Vote::Down, answered.id.clone()))
            .emoji(emoji("👎"))
            .style(ButtonStyle::Secondary),
    ];
    if setting.is_private && can_share {
        buttons.push(
            CreateButton::new(CustomId::Share(answered.id.clone()))
                .label("Share")
                .style(ButtonStyle::Secondary),
        );
    } else if let (false, Some(asker)) = (setting.is_private, setting.asker) {
        buttons.push(
            CreateButton::new(CustomId::Delete(asker))
                .emoji(emoji("🗑️"))
                .style(ButtonStyle::Secondary),
        );
    }
    if setting.can_mute {
        buttons.push(
            CreateButton::new(CustomId::Mute)
                .label("No more offers here")
                .style(ButtonStyle::Secondary),
        );
    }
    if let Some(source) = answered.sources.first()
        && is_linkable(&source.url)
    {
        buttons.push(CreateButton::new_link(&source.url).label("Read more"));
    }
    let mut rows = vec![CreateActionRow::Buttons(buttons)];
    let others = answered.others.iter().map(|entry| (entry, "another match"));
    let related = answered.related.iter().map(|entry| (entry, "related"));
    let is_other = |(entry, _): &(&EntryRef, &str)| entry.id != answered.id;
    rows.extend(menus::select(
        CustomId::Pick,
        "Not this? Other matches and related entries",
        others.chain(related).filter(is_other),
    ));
    rows
}

fn status(blocks: &[Block]) -> Rendered {
    if blocks.is_empty() {
        return notice(
            "No cluster is configured for this channel, so there is nothing that I could look at.",
        );
    }
    let more = "\n\n… and more: ask `status NAMESPACE`.";
    let (texts, is_cut) = text::fill(text::pieces(blocks), &[MAX_DESCRIPTION - length(more)]);
    let mut description = texts.into_iter().next().unwrap_or_default();
    if is_cut {
        description.push_str(more);
    }
    Rendered {
        embeds: vec![Embed {
            title: EVIDENCE_TITLE.to_owned(),
            description,
            colour: AMBER,
            ..Embed::default()
        }],
        ..Rendered::default()
    }
}

/// The same message where embeds may not be sent.
fn as_text(message: Rendered) -> Rendered {
    let mut content = message.content;
    for embed in &message.embeds {
        let mut parts = Vec::new();
        if !embed.title.is_empty() {
            parts.push(format!("**{}**", embed.title));
        }
        parts.push(embed.description.clone());
        if !embed.footer.is_empty() {
            parts.push(format!("-# {}", escape(&embed.footer)));
        }
        let part = parts.join("\n");
        if !content.is_empty() {
            content.push_str("\n\n");
        }
        content.push_str(&part);
    }
    Rendered {
        content: cut_markdown(&content, MAX_CONTENT),
        embeds: Vec::new(),
        ..Rendered {
            content: String::new(),
            ..message
        }
    }
}

/// Ready Markdown cut at a line, with an open fence closed.
fn cut_markdown(markdown: &str, limit: usize) -> String {
    if length(markdown) <= limit {
        return markdown.to_owned();
    }
    let closing = "\n```\n…";
    let mut kept = String::new();
    let mut is_in_fence = false;
    for line in markdown.lines() {
        if length(&kept) + length(line) + length(closing) + 1 > limit {
            break;
        }
        if !kept.is_empty() {
            kept.push('\n');
        }
        if line.starts_with("```") {
            is_in_fence = !is_in_fence;
        }
        kept.push_str(line);
    }
    if kept.is_empty() {
        return cut(markdown, limit);
    }
    kept.push_str(if is_in_fence { closing } else { "\n…" });
    kept
}

fn is_linkable(url: &str) -> bool {
    url.starts_with("https://") && length(url) <= MAX_URL
}

pub(super) fn emoji(text: &str) -> ReactionType {
    ReactionType::Unicode(text.to_owned())
}

#[cfg(test)]
#[path = "../../tests/it/discord/limits.rs"]
#[allow(
    dead_code,
    reason = "the fake checks commands and choices too, which are not drawn here"
)]
mod limits;

#[cfg(test)]
mod tests;
