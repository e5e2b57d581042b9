//! What of a text fits into a message. Pure.

use serde_json::Value;

use super::parts::{filled, one_line};
use super::render::{MAX_BLOCKS, MAX_TEXT};
use super::rich;
use super::text::{cut, escape};
use crate::faq::markdown::{self, Block};

/// Most characters of steps in a terse answer: what a phone shows without scrolling.
pub(super) const MAX_TERSE: usize = 500;

/// Longest fallback text of an answer, in characters: what a notification and a screen reader can take.
pub(super) const MAX_SPOKEN: usize = 600;

/// The first steps, as far as a phone shows them: blocks up to the budget, and never less than the first command.
pub(super) fn first_steps(steps: &[Block]) -> &[Block] {
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
pub(super) fn push_fitting(steps: &[Block], reserved: usize, out: &mut Vec<Value>) -> bool {
    /// Room for the line that says what was left out, in characters.
    pub(super) const MARGIN: usize = 400;
    /// Most blocks of a message, less those that come behind.
    pub(super) const MAX_COUNT: usize = 40;
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
pub(super) fn shorten(blocks: &mut Vec<Block>) {
    /// Below so many characters a text is dropped rather than halved.
    pub(super) const WORTH_KEEPING: usize = 400;
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

pub(super) fn size(blocks: &[Value]) -> usize {
    blocks
        .iter()
        .map(|block| block.to_string().chars().count() + 1)
        .sum()
}

/// The fallback text of a message: one line, within what is read out, with Slack's markup undone.
pub(super) fn spoken(text: &str) -> String {
    escaped_within(&filled(&one_line(text)), MAX_SPOKEN)
}

pub(super) fn fallback(text: &str) -> String {
    escaped_within(&filled(text.trim()), MAX_TEXT)
}

/// The text, escaped, of which at most `max` characters are left: cut before it is escaped, so never inside an entity.
pub(super) fn escaped_within(text: &str, max: usize) -> String {
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

/// Adds a sentence to a text that is read out.
pub(super) fn push_sentence(text: &mut String, sentence: &str) {
    let is_ended = text.trim_end().ends_with(['.', '?', '!', '…', ':']);
    text.push_str(if is_ended { " " } else { ". " });
    text.push_str(sentence);
}
