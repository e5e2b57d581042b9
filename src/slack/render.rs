//! What the bot says, as a Slack message: blocks, and a text that answers by itself.

use std::fmt::Write;

use serde_json::{Value, json};

use super::button::{Button, Carried, MAX_OTHERS};
use super::rich;
use super::text::{cut, escape, visible};
use crate::bot::reply::{
    Answered, Choices, EntryRef, Evidence, Help, HowSure, Length, NoMatch, Refusal, Reply, Shown,
    Thanks,
};
use crate::bot::request::{Vote, Why};
use crate::faq::entry::Source;
use crate::faq::id::EntryId;
use crate::faq::markdown::{self, Block};

/// A message: the fields of a payload that are ours to fill.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// What notifications show and screen readers read: it answers by itself.
    pub text: String,
    /// The blocks.
    pub blocks: Vec<Value>,
    /// The whole message without blocks, for a Slack that turns the blocks down.
    pub plain: String,
}

/// Where a message will stand, as far as that changes what it shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scene {
    /// The surface.
    pub surface: Surface,
    /// What its buttons carry on.
    pub carried: Carried,
    /// Who shares the answer, by user id.
    pub shared_by: Option<String>,
    /// Whether what is looked up comes as a message of its own, because Slack cannot edit this one.
    pub evidence_follows: bool,
}

/// The surfaces that a message can stand on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Surface {
    /// Seen by one person.
    #[default]
    Private,
    /// Seen by everyone in the channel.
    Public,
    /// Offered without being asked for.
    Offered,
    /// A modal, where no message and so no feedback is.
    Modal,
}

/// Most characters of a message's blocks, as JSON. Slack turns down about 13,000 (`msg_blocks_too_long`, not documented).
pub const MAX_BLOCKS: usize = 12_000;

/// Most characters of a message's text: Slack advises 4,000.
pub const MAX_TEXT: usize = 4_000;

/// Longest fallback text of an answer, in characters: what a notification and a screen reader can take.
const MAX_SPOKEN: usize = 600;

/// Longest label of a button, in characters.
const MAX_LABEL: usize = 75;

/// Longest title in a header block, in characters.
const MAX_HEADER: usize = 150;

/// Most characters of steps in a terse answer: what a phone shows without scrolling.
const MAX_TERSE: usize = 500;

/// Longest lead that is drawn with its marks, in characters: the content's own rule is 350.
const MAX_LEAD: usize = 700;

/// Most sources that are named, and the longest address among them, in characters.
const MAX_SOURCES: usize = 5;
const MAX_URL: usize = 500;

/// Longest line of context, in characters.
const MAX_CONTEXT: usize = 300;

/// Draws a reply; nothing is drawn for [`Reply::Silence`].
#[must_use]
pub fn message(shown: &Shown, scene: &Scene) -> Option<Message> {
    let message = match &shown.reply {
        Reply::Answer(answered) => answer(answered, shown, scene),
        Reply::Choices(choices) => self::choices(choices, scene),
        Reply::NoMatch(no_match) => self::no_match(no_match, scene),
        Reply::Help(help) => self::help(help, scene),
        Reply::Topics(topics) => self::topics(topics),
        Reply::Topic { topic, entries } => self::topic(topic, entries, scene),
        Reply::Status(blocks) => status(blocks),
        Reply::Thanks(thanks) => self::thanks(thanks, scene),
        Reply::Muted => {
            notice("No more offers from me in this thread. A mention still reaches me.")
        }
        Reply::Refused(refusal) => notice(&refusal.to_string()),
        Reply::Silence => return None,
    };
    Some(message)
}

/// What a lookup found, as a message of its own beside the answer: where Slack cannot edit that, or everyone sees it and
/// only the asker may see this. It ends with the answer's commands that have real names now.
#[must_use]
pub fn evidence(before: &Shown, after: &Shown) -> Option<Message> {
    let (Reply::Answer(before), Reply::Answer(after)) = (&before.reply, &after.reply) else {
        return message(after, &Scene::default());
    };
    let Evidence::Shown(found) = &after.evidence else {
        return None;
    };
    let mut blocks = found.clone();
    let old = fences(&before.steps);
    let filled: Vec<Block> = fences(&after.steps)
        .into_iter()
        .filter(|fence| !old.contains(fence))
        .cloned()
        .collect();
    if !filled.is_empty() {
        blocks.push(Block::Paragraph(vec![markdown::Inline::Text(
            "The commands, with the real names:".to_owned(),
        )]));
        blocks.extend(filled);
    }
    let mut drawn = vec![
        header("What the cluster shows"),
        plain_context(&format!("For: {}", before.title)),
    ];
    push_fitting(&blocks, 0, &mut drawn);
    let plain = format!(
        "What the cluster shows:\n{}",
        markdown::plain_blocks(&blocks)
    );
    Some(Message {
        text: spoken(&plain),
        blocks: drawn,
        plain: fallback(&plain),
    })
}

/// All fences, those in lists too.
fn fences(blocks: &[Block]) -> Vec<&Block> {
    blocks
        .iter()
        .flat_map(|block| match block {
            Block::Code { .. } => vec![block],
            Block::List { items, .. } => items.iter().flat_map(|item| fences(item)).collect(),
            Block::Heading { .. } | Block::Paragraph(_) => Vec::new(),
        })
        .collect()
}

/// A message of one sentence.
#[must_use]
pub fn notice(sentence: &str) -> Message {
    Message {
        text: spoken(sentence),
        blocks: vec![rich::rich_text(vec![rich::section(vec![rich::plain(
            sentence,
        )])])],
        plain: fallback(sentence),
    }
}

/// A button of an older version, or one that was tampered with.
#[must_use]
pub fn old_button() -> Message {
    notice("This button is from an older version of me. Ask again, and you get fresh ones.")
}

/// A response URL or a trigger that has run out.
#[must_use]
pub fn expired() -> Message {
    notice("Slack lets me answer there for half an hour only. Please run it again.")
}

/// Something of ours broke.
#[must_use]
pub fn apology() -> Message {
    notice(&Refusal::Broken.to_string())
}

/// A channel that the bot cannot write to.
#[must_use]
pub fn cannot_write(channel: &str) -> Message {
    // The id comes from Slack; as a reference it names the channel.
    let id: String = channel
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .collect();
    let mut message = notice(
        "I may not write in the channel that you asked in. Invite me there with /invite, or ask me here.",
    );
    message.text =
        format!("I may not write in <#{id}>. Invite me there with /invite, or ask me here.");
    message
}

/// The thanks for a vote. Who was not helped may say why, with one more press.
fn thanks(thanks: &Thanks, scene: &Scene) -> Message {
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

fn answer(answered: &Answered, shown: &Shown, scene: &Scene) -> Message {
    let length = shown.length;
    let carried = Carried {
        entry: Some(answered.id.clone()),
        ..scene.carried.clone()
    };
    let carried = if answered.others.is_empty() && !carried.others.is_empty() {
        carried
    } else {
        carried.with_others(answered.others.iter().chain(&answered.related))
    };
    let mut blocks = Vec::new();
    if let Some(user) = &scene.shared_by {
        blocks.push(rich::rich_text(vec![rich::section(vec![
            rich::plain("Shared by "),
            json!({"type": "user", "user_id": user}),
        ])]));
    }
    let mut lead = answered.lead.clone();
    if markdown::plain(&lead).chars().count() > MAX_LEAD {
        let cut = cut(&markdown::plain(&lead), MAX_LEAD);
        lead = vec![markdown::Inline::Text(cut)];
    }
    match length {
        Length::Full => blocks.push(header(&answered.title)),
        Length::Terse => {
            let title = format!("{} ", cut(&answered.title, MAX_HEADER));
            let title = markdown::Inline::Text(title);
            lead.insert(0, markdown::Inline::Strong(vec![title]));
        }
    }
    blocks.push(rich::paragraph(&lead));
    let evidence = match &answered.evidence {
        Evidence::NotLookedUp => Vec::new(),
        Evidence::Pending if scene.evidence_follows => vec![plain_context(
            "Looking at the cluster… What it shows comes in a message of its own.",
        )],
        Evidence::Pending => vec![plain_context("Looking at the cluster…")],
        Evidence::OutOfScope => vec![plain_context(
            "What you named is outside what I may look at from here, so this is the answer alone.",
        )],
        Evidence::Shown(found) => {
            let mut drawn = vec![rich::rich_text(vec![rich::section(vec![rich::bold(
                "What the cluster shows",
            )])])];
            push_fitting(found, MAX_BLOCKS / 2, &mut drawn);
            drawn
        }
    };
    blocks.extend(evidence);
    let steps = match length {
        Length::Full => answered.steps.as_slice(),
        Length::Terse => first_steps(&answered.steps),
    };
    let tail = tail(answered, &carried, shown.can_share, scene);
    let is_whole = push_fitting(steps, size(&tail), &mut blocks);
    if !is_whole || steps.len() < answered.steps.len() {
        blocks.push(plain_context(&if answered.sources.is_empty() {
            format!("Shortened. The whole entry: show {}", answered.id)
        } else {
            format!(
                "Shortened. Read more opens its first source; the whole entry: show {}",
                answered.id
            )
        }));
    }
    blocks.extend(tail);
    let lead = markdown::plain(&answered.lead);
    let mut plain = format!("{}\n{lead}\n", answered.title);
    if let Evidence::Shown(found) = &answered.evidence {
        plain.push_str(&markdown::plain_blocks(found));
    }
    plain.push_str(&markdown::plain_blocks(steps));
    for source in &answered.sources {
        plain.push_str(&source.url);
        plain.push('\n');
    }
    let mut said = answered.title.clone();
    push_sentence(&mut said, &lead);
    if let Evidence::Shown(found) = &answered.evidence
        && let Some(line) = worst(found)
    {
        push_sentence(&mut said, &line);
    }
    Message {
        text: spoken(&said),
        blocks,
        plain: fallback(&plain),
    }
}

/// Sources, what it is and how sure, buttons.
fn tail(answered: &Answered, carried: &Carried, can_share: bool, scene: &Scene) -> Vec<Value> {
    let mut blocks = Vec::new();
    let sources: Vec<&Source> = answered
        .sources
        .iter()
        .filter(|source| source.url.chars().count() <= MAX_URL)
        .take(MAX_SOURCES)
        .collect();
    if !sources.is_empty() {
        let mut elements = vec![rich::plain("Sources: ")];
        for (number, source) in sources.iter().enumerate() {
            if number > 0 {
                elements.push(rich::plain(" · "));
            }
            elements.push(rich::link(&source.url, &cut(&source.title, MAX_HEADER)));
        }
        blocks.push(rich::rich_text(vec![rich::section(elements)]));
    }
    let origin = match &answered.folder {
        Some(folder) => format!(" · from {folder}"),
        None => String::new(),
    };
    blocks.push(plain_context(&format!(
        "{}{}{origin}",
        answered.id,
        how_sure(&answered.how_sure)
    )));
    let mut buttons = Vec::new();
    if can_share && scene.surface == Surface::Private {
        let label = if carried.thread.is_some() {
            "Share in the thread"
        } else {
            "Share to channel"
        };
        buttons.push(button(
            label,
            &Button::Share(carried.clone()),
            buttons.len(),
        ));
    }
    buttons.push(button(
        "Not what I meant",
        &Button::Other(carried.clone()),
        buttons.len(),
    ));
    if scene.surface == Surface::Offered {
        buttons.push(button(
            "No more offers here",
            &Button::Mute(carried.clone()),
            buttons.len(),
        ));
    }
    if let Some(source) = sources.first() {
        let mut link = button("Read more", &Button::Link, buttons.len());
        link["url"] = Value::String(source.url.clone());
        link["accessibility_label"] = Value::String(label(&format!("Read more: {}", source.title)));
        buttons.push(link);
    }
    blocks.push(actions(buttons));
    if scene.surface != Surface::Modal {
        blocks.push(feedback(carried));
    }
    blocks
}

fn how_sure(how_sure: &HowSure) -> String {
    match how_sure {
        HowSure::Signature(fragment) => {
            format!(
                " · sure: it explains the line “{}”",
                cut(&one_line(fragment), 80)
            )
        }
        HowSure::Words(score) => format!(" · {:.0} % sure", score.clamp(0.0, 0.99) * 100.0),
        HowSure::Chosen => String::new(),
    }
}

fn choices(choices: &Choices, scene: &Scene) -> Message {
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

fn no_match(no_match: &NoMatch, scene: &Scene) -> Message {
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
fn push_candidates(
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

/// Adds a sentence to a text that is read out.
fn push_sentence(text: &mut String, sentence: &str) {
    let is_ended = text.trim_end().ends_with(['.', '?', '!', '…', ':']);
    text.push_str(if is_ended { " " } else { ". " });
    text.push_str(sentence);
}

/// Whom to ask instead, in the channel's own words.
fn push_human(ask: Option<&str>, text: &mut String, blocks: &mut Vec<Value>) {
    if let Some(ask) = ask.filter(|ask| !ask.trim().is_empty()) {
        push_sentence(text, ask);
        blocks.push(rich::rich_text(vec![rich::section(vec![rich::plain(
            &cut(ask, MAX_CONTEXT),
        )])]));
    }
}

fn help(help: &Help, scene: &Scene) -> Message {
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

fn topics(topics: &[(String, usize)]) -> Message {
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
const MAX_LISTED: usize = 40;

fn topic(topic: &str, entries: &[EntryRef], scene: &Scene) -> Message {
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

fn topic_blocks(topic: &str, entries: &[EntryRef], listed: usize, scene: &Scene) -> Vec<Value> {
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
fn option_value(carried: &Carried) -> String {
    Button::Pick(Carried {
        entry: carried.entry.clone(),
        thread: carried.thread.clone(),
        ..Carried::default()
    })
    .value()
}

fn status(found: &[Block]) -> Message {
    let plain = markdown::plain_blocks(found);
    let plain = if plain.trim().is_empty() {
        "No cluster is configured for this channel, so there is nothing that I could look at."
            .to_owned()
    } else {
        plain
    };
    let mut blocks = Vec::new();
    if found.is_empty() {
        return notice(&plain);
    }
    push_fitting(found, 0, &mut blocks);
    Message {
        text: spoken(&plain),
        blocks,
        plain: fallback(&plain),
    }
}

/// The first steps, as far as a phone shows them: blocks up to the budget, and never less than the first command.
fn first_steps(steps: &[Block]) -> &[Block] {
    let mut size = 0;
    for (number, block) in steps.iter().enumerate() {
        let is_next_section = number > 0 && matches!(block, Block::Heading { level: 2, .. });
        size += markdown::plain_blocks(std::slice::from_ref(block))
            .chars()
            .count();
        if is_next_section || (number > 1 && size > MAX_TERSE) {
            return &steps[..number];
        }
    }
    steps
}

/// Adds as many of the blocks as fit beside `reserved` characters; tells whether all did.
fn push_fitting(steps: &[Block], reserved: usize, out: &mut Vec<Value>) -> bool {
    /// Room for the line that says what was left out, in characters.
    const MARGIN: usize = 400;
    /// Most blocks of a message, less those that come behind.
    const MAX_COUNT: usize = 40;
    let room = MAX_BLOCKS.saturating_sub(reserved + size(out) + MARGIN);
    let whole = rich::blocks(steps);
    if size(&whole) <= room && out.len() + whole.len() <= MAX_COUNT {
        out.extend(whole);
        return true;
    }
    let mut kept = steps.to_vec();
    while !kept.is_empty() {
        shorten(&mut kept);
        let drawn = rich::blocks(&kept);
        if size(&drawn) <= room && out.len() + drawn.len() <= MAX_COUNT {
            out.extend(drawn);
            break;
        }
    }
    false
}

/// Takes one piece off the end: the last item of a list, the last half of a fence or a paragraph, else the block.
fn shorten(blocks: &mut Vec<Block>) {
    /// Below so many characters a text is dropped rather than halved.
    const WORTH_KEEPING: usize = 400;
    match blocks.last_mut() {
        Some(Block::List { items, .. }) if items.len() > 1 => {
            items.pop();
        }
        // Half a command is worse than none: a fence ends between two of its lines.
        Some(Block::Code { text, .. }) if text.lines().count() > 1 => {
            let kept: Vec<&str> = text.lines().take(text.lines().count() / 2).collect();
            *text = kept.join("\n");
        }
        Some(Block::Paragraph(inlines)) if inlines.len() > 1 => {
            inlines.truncate(inlines.len() / 2);
        }
        Some(Block::Paragraph(inlines)) => {
            let text = markdown::plain(inlines);
            let size = text.chars().count();
            if size > WORTH_KEEPING {
                *inlines = vec![markdown::Inline::Text(cut(&text, size / 2))];
            } else {
                blocks.pop();
            }
        }
        _ => {
            blocks.pop();
            // A heading with nothing below it promises what is not there.
            while matches!(blocks.last(), Some(Block::Heading { .. })) {
                blocks.pop();
            }
        }
    }
}

fn size(blocks: &[Value]) -> usize {
    blocks
        .iter()
        .map(|block| block.to_string().chars().count() + 1)
        .sum()
}

fn header(title: &str) -> Value {
    json!({
        "type": "header",
        "text": {"type": "plain_text", "text": cut(&filled(title), MAX_HEADER), "emoji": false},
    })
}

fn plain_context(line: &str) -> Value {
    json!({
        "type": "context",
        "elements": [{"type": "plain_text", "text": cut(&filled(line), MAX_CONTEXT), "emoji": false}],
    })
}

fn list(title: &str, rows: Vec<Value>) -> Value {
    let mut elements = vec![rich::section(vec![rich::bold(title)])];
    if !rows.is_empty() {
        elements.push(
            json!({"type": "rich_text_list", "style": "bullet", "elements": Value::Array(rows)}),
        );
    }
    rich::rich_text(elements)
}

pub(super) fn actions(elements: Vec<Value>) -> Value {
    json!({"type": "actions", "elements": Value::Array(elements)})
}

pub(super) fn button(name: &str, button: &Button, number: usize) -> Value {
    json!({
        "type": "button",
        "text": {"type": "plain_text", "text": label(name), "emoji": false},
        "action_id": button.action_id(number),
        "value": button.value(),
    })
}

fn feedback(carried: &Carried) -> Value {
    let choice = |name: &str, spoken: &str, vote: Vote| {
        json!({
            "text": {"type": "plain_text", "text": name},
            "accessibility_label": spoken,
            "value": Button::Vote(carried.clone(), vote).value(),
        })
    };
    json!({
        "type": "context_actions",
        "elements": [{
            "type": "feedback_buttons",
            "action_id": Button::Vote(carried.clone(), Vote::Up).action_id(0),
            "positive_button": choice("Helpful", "This answer helped", Vote::Up),
            "negative_button": choice("Not helpful", "This answer did not help", Vote::Down),
        }],
    })
}

fn label(text: &str) -> String {
    cut(&filled(&one_line(text)), MAX_LABEL)
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Slack turns down empty texts.
fn filled(text: &str) -> String {
    let text = visible(text);
    if text.trim().is_empty() {
        "–".to_owned()
    } else {
        text
    }
}

/// What was found, in a line: the first finding, or what stands in its place. Above it is only where was looked.
fn worst(found: &[Block]) -> Option<String> {
    let block = found.get(1).or(found.first())?;
    let said = match block {
        Block::List { items, .. } => items.first()?.as_slice(),
        Block::Paragraph(_) | Block::Heading { .. } | Block::Code { .. } => {
            std::slice::from_ref(block)
        }
    };
    let is_words = |block: &&Block| matches!(block, Block::Paragraph(_) | Block::Heading { .. });
    let words: Vec<Block> = said.iter().filter(is_words).cloned().collect();
    Some(one_line(&markdown::plain_blocks(&words))).filter(|line| !line.is_empty())
}

/// The fallback text of a message: one line, within what is read out, with Slack's markup undone.
fn spoken(text: &str) -> String {
    escaped_within(&filled(&one_line(text)), MAX_SPOKEN)
}

fn fallback(text: &str) -> String {
    escaped_within(&filled(text.trim()), MAX_TEXT)
}

/// The text, escaped, of which at most `max` characters are left: cut before it is escaped, so never inside an entity.
fn escaped_within(text: &str, max: usize) -> String {
    let mut kept = max;
    loop {
        let escaped = escape(&cut(text, kept));
        let size = escaped.chars().count();
        if size <= max {
            return escaped;
        }
        kept = kept.saturating_sub((size - max).max(8));
    }
}
