//! What the bot says, as a Slack message: blocks, and a text that answers by itself.

use serde_json::{Value, json};

use super::button::{Button, Carried};
use super::fit::{fallback, first_steps, push_fitting, push_sentence, size, spoken};
use super::menus;
use super::parts::{MAX_HEADER, actions, button, feedback, header, label, one_line, plain_context};
use super::rich;
use super::text::cut;
use crate::bot::reply::{Answered, Evidence, HowSure, Length, Refusal, Reply, Shown};
use crate::faq::entry::Source;
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

/// Longest lead that is drawn with its marks, in characters: the content's own rule is 350.
const MAX_LEAD: usize = 700;

/// Most sources that are named, and the longest address among them, in characters.
const MAX_SOURCES: usize = 5;
const MAX_URL: usize = 500;

/// Draws a reply; nothing is drawn for [`Reply::Silence`].
#[must_use]
pub fn message(shown: &Shown, scene: &Scene) -> Option<Message> {
    let message = match &shown.reply {
        Reply::Answer(answered) => answer(answered, shown, scene),
        Reply::Choices(choices) => menus::choices(choices, scene),
        Reply::NoMatch(no_match) => menus::no_match(no_match, scene),
        Reply::Help(help) => menus::help(help, scene),
        Reply::Topics(topics) => menus::topics(topics),
        Reply::Topic { topic, entries } => menus::topic(topic, entries, scene),
        Reply::Status(blocks) => status(blocks),
        Reply::Thanks(thanks) => menus::thanks(thanks, scene),
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
