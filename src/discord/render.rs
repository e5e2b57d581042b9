//! What the bot says, as Discord's messages: texts, embeds and components within all of Discord's limits.

use std::fmt::Write as _;

use serenity::builder::{
    CreateActionRow, CreateButton, CreateSelectMenu, CreateSelectMenuKind, CreateSelectMenuOption,
};
use serenity::model::application::ButtonStyle;
use serenity::model::channel::ReactionType;

use super::custom_id::CustomId;
use super::text::{self, Piece, cut, escape, length};
use crate::bot::command::Command;
use crate::bot::reply::{
    Answered, Choices, EntryRef, Evidence, Help, HowSure, Length, NoMatch, Reply, Shown, Thanks,
};
use crate::bot::request::{Vote, Why};
use crate::faq::markdown::Block;

/// Longest text of a message. Source: Discord's reference, Message Resource.
pub(super) const MAX_CONTENT: usize = 2000;

/// Longest title of an embed.
const MAX_TITLE: usize = 256;

/// Longest description of an embed.
const MAX_DESCRIPTION: usize = 4096;

/// Longest texts of all embeds of a message together.
const MAX_TOTAL: usize = 6000;

/// Longest footer of ours; Discord takes 2048, and the total counts it.
const MAX_FOOTER: usize = 300;

/// Room that is kept for what the cluster shows.
const EVIDENCE_ROOM: usize = 1400;

/// A screenful of a phone, in an incident.
const TERSE_ROOM: usize = 900;

/// Most options of a select.
const MAX_OPTIONS: usize = 25;

/// Longest label and description of an option.
const MAX_OPTION: usize = 100;

/// Longest address of a link button.
const MAX_URL: usize = 512;

/// The colour of Kubernetes' logo.
const BLUE: u32 = 0x32_6c_e5;

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
        Reply::Choices(given) => choices(given, setting),
        Reply::NoMatch(given) => no_match(given, setting),
        Reply::Help(given) => help(given),
        Reply::Topics(topics) => self::topics(topics),
        Reply::Topic { topic, entries } => self::topic(topic, entries, setting),
        Reply::Status(blocks) => status(blocks),
        Reply::Thanks(given) => thanks(given),
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
    rows.extend(select(
        CustomId::Pick,
        "Not this? Other matches and related entries",
        others.chain(related).filter(is_other),
    ));
    rows
}

/// A select of entries, each once; none where there is no entry.
fn select<'a>(
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

fn choices(given: &Choices, setting: &Setting) -> Rendered {
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

fn no_match(given: &NoMatch, setting: &Setting) -> Rendered {
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
fn human(words: &str) -> String {
    cut(&text::clean(words), 500)
}

fn numbered(entries: &[EntryRef]) -> impl Iterator<Item = String> {
    entries
        .iter()
        .enumerate()
        .map(|(at, entry)| format!("{}. {}", at + 1, cut(&escape(&entry.title), 200)))
}

fn picked_from(
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
fn choosing(setting: &Setting) -> CustomId {
    match (setting.is_private, setting.asker) {
        (true, _) => CustomId::Swap(None),
        (false, Some(asker)) => CustomId::Swap(Some(asker)),
        (false, None) => CustomId::Pick,
    }
}

/// Room for what stands above a text.
const ABOVE_ROOM: usize = 200;

fn help(given: &Help) -> Rendered {
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

fn topics(topics: &[(String, usize)]) -> Rendered {
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

fn topic(topic: &str, entries: &[EntryRef], setting: &Setting) -> Rendered {
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
fn page(title: &str, lines: &[String], footer: &str) -> Rendered {
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

/// The thanks for a vote. Who was not helped may say why, with one more press.
fn thanks(given: &Thanks) -> Rendered {
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

fn emoji(text: &str) -> ReactionType {
    ReactionType::Unicode(text.to_owned())
}

fn non_empty(text: String, otherwise: &str) -> String {
    if text.trim().is_empty() {
        otherwise.to_owned()
    } else {
        text
    }
}

#[cfg(test)]
#[path = "../../tests/it/discord/limits.rs"]
#[allow(
    dead_code,
    reason = "the fake checks commands and choices too, which are not drawn here"
)]
mod limits;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::bot::reply::Audience;
    use crate::faq::entry::Source;
    use crate::faq::markdown::Inline;

    /// Text as nobody should send it.
    fn hostile() -> impl Strategy<Value = String> {
        let pieces = prop_oneof![
            ".{0,40}",
            "[a-z ]{0,200}",
            Just("日本語のテキスト".repeat(20)),
            Just("👨\u{200d}👩\u{200d}👧\u{200d}👦🇩🇪e\u{301}".repeat(10)),
            Just("مرحبا بالعالم \u{202e}".repeat(15)),
            Just("@everyone <@&1> <@2> <#3> `` ``` ````".to_owned()),
            Just("](javascript:alert(1)) [x](https://evil.example)".to_owned()),
            Just("**__~~||># - 1. \\".to_owned()),
            Just("\u{200b}\u{feff}\u{0}\u{1b}[31m".to_owned()),
            Just("x".repeat(5000)),
        ];
        prop::collection::vec(pieces, 0..4).prop_map(|pieces| pieces.concat())
    }

    fn inlines() -> impl Strategy<Value = Vec<Inline>> {
        let inline = prop_oneof![
            hostile().prop_map(Inline::Text),
            hostile().prop_map(Inline::Code),
            hostile().prop_map(|text| Inline::Strong(vec![Inline::Text(text)])),
            hostile().prop_map(|text| Inline::Emphasis(vec![Inline::Text(text)])),
            (hostile(), hostile()).prop_map(|(url, text)| Inline::Link {
                url: format!("https://example.com/{url}"),
                text: vec![Inline::Text(text)],
            }),
        ];
        prop::collection::vec(inline, 0..4)
    }

    fn blocks() -> impl Strategy<Value = Vec<Block>> {
        let flat = prop_oneof![
            inlines().prop_map(Block::Paragraph),
            (2u8..4, inlines()).prop_map(|(level, text)| Block::Heading { level, text }),
            hostile().prop_map(|text| Block::Code {
                language: "yaml".to_owned(),
                text,
            }),
        ];
        let list = (
            prop::option::of(1u64..100),
            prop::collection::vec(prop::collection::vec(flat.clone(), 0..3), 0..5),
        )
            .prop_map(|(start, items)| Block::List { start, items });
        prop::collection::vec(prop_oneof![flat, list], 0..8)
    }

    fn entries() -> impl Strategy<Value = Vec<EntryRef>> {
        let entry = ("[a-z]{1,60}", hostile()).prop_map(|(id, title)| EntryRef {
            id: id.parse().expect("an id"),
            title,
        });
        prop::collection::vec(entry, 0..40)
    }

    prop_compose! {
        fn answered()(
            title in hostile(), lead in inlines(), steps in blocks(), url in hostile(), others in entries(),
            related in entries(), shown in blocks(), which in 0..4, folder in prop::option::of(hostile()), fragment in hostile(),
        ) -> Answered {
            Answered {
                id: "an-entry".parse().expect("an id"),
                topic: "pods".to_owned(),
                title: format!("t{title}"),
                lead,
                steps,
                sources: vec![Source { title: url.clone(), url: format!("https://example.com/{url}") }],
                related,
                folder,
                how_sure: HowSure::Signature(fragment),
                others,
                evidence: match which {
                    0 => Evidence::NotLookedUp,
                    1 => Evidence::Pending,
                    2 => Evidence::OutOfScope,
                    _ => Evidence::Shown(shown),
                },
            }
        }
    }

    fn replies() -> impl Strategy<Value = Reply> {
        prop_oneof![
            4 => answered().prop_map(|answered| Reply::Answer(Box::new(answered))),
            1 => (entries(), prop::option::of(hostile())).prop_map(|(candidates, ask_a_human)| {
                Reply::Choices(Choices { candidates, ask_a_human })
            }),
            1 => (entries(), prop::option::of(hostile())).prop_map(|(nearest, ask_a_human)| {
                Reply::NoMatch(NoMatch { nearest, ask_a_human })
            }),
            1 => (hostile(), entries()).prop_map(|(topic, entries)| Reply::Topic { topic, entries }),
            1 => prop::collection::vec((hostile(), 0usize..1000), 0..300).prop_map(Reply::Topics),
            1 => blocks().prop_map(Reply::Status),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

        #[test]
        fn no_message_is_over_a_limit_whatever_is_in_it(
            reply in replies(), is_private: bool, is_text_only: bool, can_mute: bool, terse: bool, id in hostile(), which in 0..4,
        ) {
            let shown = Shown {
                reply,
                audience: Audience::Everyone,
                length: if terse { Length::Terse } else { Length::Full },
                can_share: true,
                lookup: None,
            };
            let setting = Setting {
                asker: Some(u64::MAX),
                is_private,
                is_text_only,
                can_mute,
                above: match which {
                    0 => None,
                    1 => Some(Above::For(u64::MAX)),
                    2 => Some(Above::About(format!("https://discord.com/channels/{0}/{0}/{0}", u64::MAX))),
                    _ => Some(Above::NoSuchId(id)),
                },
            };
            let message = render(&shown, &setting).expect("a message");
            for body in [super::super::send::body_of_new(&message), super::super::send::body_of_edit(&message)] {
                let wrong = limits::message(&body);
                prop_assert!(wrong.is_empty(), "{wrong:#?}\n{body:#}");
            }
        }

        #[test]
        fn escaped_text_holds_no_mark_that_works(text in hostile()) {
            let escaped = escape(&text);
            let mut before = ' ';
            for character in escaped.chars() {
                if matches!(character, '*' | '_' | '~' | '|' | '`' | '[' | ']' | '<') {
                    prop_assert_eq!(before, '\\', "{}", &escaped);
                }
                // A backslash that is itself escaped escapes nothing.
                before = if before == '\\' && character == '\\' { ' ' } else { character };
            }
            prop_assert!(!escaped.contains("@everyone"));
            let overrides = '\u{202e}';
            prop_assert!(!escaped.contains(overrides));
        }
    }
}
