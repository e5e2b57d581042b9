//! The Markdown subset that every platform can draw: its tree, and the parser that refuses everything else.

use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, LinkType, Options, Parser, Tag, TagEnd};

use super::version::{ClusterVersion, InvalidMark, VersionRange};

/// A block of an entry's body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Block {
    /// A heading of level 2 or 3.
    Heading { level: u8, text: Vec<Inline> },
    /// A paragraph.
    Paragraph(Vec<Inline>),
    /// A list: numbered from `start`, or with bullets where there is none. An item is a list of blocks.
    List {
        start: Option<u64>,
        items: Vec<Vec<Block>>,
    },
    /// A code fence. The text ends with its last character, not with a line feed.
    Code { language: String, text: String },
}

/// A run of text inside a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inline {
    /// Plain text.
    Text(String),
    /// Code.
    Code(String),
    /// Bold text.
    Strong(Vec<Inline>),
    /// Italic text.
    Emphasis(Vec<Inline>),
    /// A link to an https address.
    Link { url: String, text: Vec<Inline> },
}

/// Something in a body that is outside the subset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Where it stands: bytes from the start of the body.
    pub offset: usize,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub cure: String,
}

/// The languages that a fence may name.
pub const LANGUAGES: [&str; 5] = ["sh", "yaml", "json", "text", "toml"];

/// How deep lists may nest: a list, and one inside its items.
const MAX_LIST_DEPTH: usize = 2;

/// Parses a body. What is outside the subset is reported, and left out of the tree.
#[must_use]
pub fn parse(text: &str) -> (Vec<Block>, Vec<Refusal>) {
    let mut builder = Builder {
        stack: vec![Frame::Blocks(Vec::new())],
        refusals: Vec::new(),
        last_level: 1,
    };
    for (event, range) in
        Parser::new_ext(text, Options::ENABLE_TABLES | Options::ENABLE_FOOTNOTES).into_offset_iter()
    {
        builder.event(event, range.start);
    }
    let blocks = match builder.stack.into_iter().next() {
        Some(Frame::Blocks(blocks)) => blocks,
        _ => Vec::new(),
    };
    let mut refusals = builder.refusals;
    check_marks(&blocks, text, &mut refusals);
    (blocks, refusals)
}

/// The blocks that hold for a version. Where the version is not known all hold, with their marks written out.
#[must_use]
pub fn for_version(blocks: &[Block], version: Option<ClusterVersion>) -> Vec<Block> {
    let mut kept = Vec::new();
    let mut skipped_section: Option<u8> = None;
    let mut skip_fence = false;
    for block in blocks {
        if let (Some(skipped), Block::Heading { level, .. }) = (skipped_section, block)
            && *level <= skipped
        {
            skipped_section = None;
        }
        let follows_skipped =
            std::mem::take(&mut skip_fence) && matches!(block, Block::Code { .. });
        if skipped_section.is_some() || follows_skipped {
            continue;
        }
        match (resolved(block, version), block) {
            (Some(block), _) => kept.push(block),
            (None, Block::Heading { level, .. }) => skipped_section = Some(*level),
            (None, Block::Paragraph(_)) => skip_fence = true,
            (None, Block::List { .. } | Block::Code { .. }) => {}
        }
    }
    kept
}

/// The text of a run of inlines without its marks.
#[must_use]
pub fn plain(inlines: &[Inline]) -> String {
    let mut text = String::new();
    push_plain(inlines, &mut text);
    text
}

/// The text of blocks without marks, a block a line.
#[must_use]
pub fn plain_blocks(blocks: &[Block]) -> String {
    let mut text = String::new();
    push_plain_blocks(blocks, &mut text);
    text
}

fn push_plain_blocks(blocks: &[Block], out: &mut String) {
    for block in blocks {
        match block {
            Block::Heading { text, .. } | Block::Paragraph(text) => push_plain(text, out),
            Block::Code { text, .. } => out.push_str(text),
            Block::List { items, .. } => items.iter().for_each(|item| push_plain_blocks(item, out)),
        }
        out.push('\n');
    }
}

fn push_plain(inlines: &[Inline], out: &mut String) {
    for inline in inlines {
        match inline {
            Inline::Text(text) | Inline::Code(text) => out.push_str(text),
            Inline::Strong(inner) | Inline::Emphasis(inner) | Inline::Link { text: inner, .. } => {
                push_plain(inner, out);
            }
        }
    }
}

/// A block as it reads for a version; `None` where it does not hold.
fn resolved(block: &Block, version: Option<ClusterVersion>) -> Option<Block> {
    match block {
        Block::Heading { level, text } => Some(Block::Heading {
            level: *level,
            text: resolved_inlines(text, version)?,
        }),
        Block::Paragraph(text) => Some(Block::Paragraph(resolved_inlines(text, version)?)),
        Block::List { start, items } => {
            let items: Vec<Vec<Block>> = items
                .iter()
                .filter(|item| match item.first() {
                    Some(Block::Paragraph(text)) => resolved_inlines(text, version).is_some(),
                    _ => true,
                })
                .map(|item| for_version(item, version))
                .collect();
            (!items.is_empty()).then_some(Block::List {
                start: *start,
                items,
            })
        }
        Block::Code { .. } => Some(block.clone()),
    }
}

/// The inlines without the version mark at their start, or with it written out; `None` where they do not hold.
fn resolved_inlines(inlines: &[Inline], version: Option<ClusterVersion>) -> Option<Vec<Inline>> {
    let Ok((range, rest)) = leading_mark(inlines) else {
        return Some(inlines.to_vec());
    };
    if range.is_all() {
        return Some(inlines.to_vec());
    }
    let mut resolved = Vec::with_capacity(inlines.len() + 1);
    match version {
        Some(version) if !range.contains(version) => return None,
        Some(_) => {}
        None => {
            let label = range.to_string();
            let mut letters = label.chars();
            let label = letters
                .next()
                .map(|first| first.to_uppercase().chain(letters).collect::<String>());
            resolved.push(Inline::Emphasis(vec![Inline::Text(format!(
                "{}:",
                label.unwrap_or_default()
            ))]));
            resolved.push(Inline::Text(" ".to_owned()));
        }
    }
    resolved.push(Inline::Text(rest.to_owned()));
    resolved.extend_from_slice(&inlines[1..]);
    Some(resolved)
}

fn leading_mark(inlines: &[Inline]) -> Result<(VersionRange, &str), InvalidMark> {
    match inlines.first() {
        Some(Inline::Text(text)) => VersionRange::split_mark(text),
        _ => Ok((VersionRange::default(), "")),
    }
}

/// Reports version marks that cannot be read, at the place where the body has them.
fn check_marks(blocks: &[Block], source: &str, refusals: &mut Vec<Refusal>) {
    for block in blocks {
        match block {
            Block::Heading { text, .. } | Block::Paragraph(text) => {
                if let Err(error) = leading_mark(text) {
                    refusals.push(Refusal {
                        offset: source.find(&error.0).unwrap_or_default(),
                        message: "a version mark that cannot be read".to_owned(),
                        cure: error.to_string(),
                    });
                }
            }
            Block::List { items, .. } => {
                for item in items {
                    check_marks(item, source, refusals);
                }
            }
            Block::Code { .. } => {}
        }
    }
}

/// A part of the tree that is still open.
enum Frame {
    /// The document, or a list item: blocks, and loose text of a tight item.
    Blocks(Vec<Block>),
    List(Option<u64>, Vec<Vec<Block>>),
    Paragraph(Vec<Inline>),
    Heading(u8, Vec<Inline>),
    Strong(Vec<Inline>),
    Emphasis(Vec<Inline>),
    Link(String, Vec<Inline>),
    Code(String, String),
    /// Something outside the subset: what is in it is dropped.
    Refused,
}

struct Builder {
    stack: Vec<Frame>,
    refusals: Vec<Refusal>,
    last_level: u8,
}

impl Builder {
    fn event(&mut self, event: Event<'_>, offset: usize) {
        match event {
            Event::Start(tag) => {
                let frame = self.open(tag, offset);
                self.stack.push(frame);
            }
            Event::End(end) => self.close(end),
            Event::Text(text) => match self.stack.last_mut() {
                Some(Frame::Code(_, code)) => code.push_str(&text),
                _ => self.inline(Inline::Text(text.into_string())),
            },
            Event::Code(code) => self.inline(Inline::Code(code.into_string())),
            Event::SoftBreak | Event::HardBreak => self.inline(Inline::Text(" ".to_owned())),
            Event::Html(html) | Event::InlineHtml(html) => {
                let shown: String = html.trim().chars().take(40).collect();
                self.refuse(
                    offset,
                    format!("HTML in the text: `{shown}`"),
                    "put placeholders and tags into backticks",
                );
            }
            Event::Rule => self.refuse(offset, "a rule".to_owned(), "use a heading"),
            Event::FootnoteReference(_) => {
                self.refuse(offset, "a footnote".to_owned(), "write it into the text");
            }
            Event::TaskListMarker(_) | Event::InlineMath(_) | Event::DisplayMath(_) => {
                self.refuse(
                    offset,
                    "markup outside the subset".to_owned(),
                    "write plain text",
                );
            }
        }
    }

    fn open(&mut self, tag: Tag<'_>, offset: usize) -> Frame {
        match tag {
            Tag::Paragraph => Frame::Paragraph(Vec::new()),
            Tag::Heading { level, .. } => self.open_heading(level, offset),
            Tag::List(start) => {
                let depth = self
                    .stack
                    .iter()
                    .filter(|frame| matches!(frame, Frame::List(..)))
                    .count();
                if depth >= MAX_LIST_DEPTH {
                    self.refuse(
                        offset,
                        "a list inside a list inside a list".to_owned(),
                        "nest lists once at the most",
                    );
                    return Frame::Refused;
                }
                Frame::List(start, Vec::new())
            }
            Tag::Item => Frame::Blocks(Vec::new()),
            Tag::Strong => Frame::Strong(Vec::new()),
            Tag::Emphasis => Frame::Emphasis(Vec::new()),
            Tag::CodeBlock(CodeBlockKind::Fenced(language)) => {
                if !LANGUAGES.contains(&language.as_ref()) {
                    let message = if language.is_empty() {
                        "a fence without a language".to_owned()
                    } else {
                        let shown: String = language.chars().take(40).collect();
                        format!("a fence with the unknown language `{shown}`")
                    };
                    self.refuse(
                        offset,
                        message,
                        "write one of sh, yaml, json, text, toml behind the backticks",
                    );
                }
                Frame::Code(language.into_string(), String::new())
            }
            Tag::CodeBlock(CodeBlockKind::Indented) => {
                self.refuse(
                    offset,
                    "code without a fence".to_owned(),
                    "use a fence with a language, or indent less",
                );
                Frame::Refused
            }
            Tag::Link {
                link_type,
                dest_url,
                ..
            } => self.open_link(link_type, &dest_url, offset),
            other => {
                let what = match other {
                    Tag::Table(_) | Tag::TableHead | Tag::TableRow | Tag::TableCell => "a table",
                    Tag::Image { .. } => "an image",
                    Tag::BlockQuote(_) => "a block quote",
                    Tag::FootnoteDefinition(_) => "a footnote",
                    _ => "HTML or other markup outside the subset",
                };
                // HTML blocks are reported by their own event.
                if !matches!(other, Tag::HtmlBlock) && !self.inside_refused() {
                    self.refuse(offset, what.to_owned(), "use paragraphs, lists and fences");
                }
                Frame::Refused
            }
        }
    }

    fn open_heading(&mut self, level: HeadingLevel, offset: usize) -> Frame {
        let level = level as u8;
        if !(2..=3).contains(&level) {
            self.refuse(
                offset,
                format!("a heading of level {level}"),
                "use ## and ### (the title is the front matter's)",
            );
        } else if level > self.last_level + 1 {
            self.refuse(
                offset,
                format!(
                    "a heading of level {level} below no heading of level {}",
                    level - 1
                ),
                "start sections with ##",
            );
        }
        self.last_level = level.clamp(2, 3);
        Frame::Heading(self.last_level, Vec::new())
    }

    fn open_link(&mut self, link_type: LinkType, url: &str, offset: usize) -> Frame {
        if !matches!(link_type, LinkType::Inline | LinkType::Autolink) {
            self.refuse(
                offset,
                "a reference link".to_owned(),
                "write it as [text](https://…)",
            );
        }
        if !url.starts_with("https://") {
            let shown: String = url.chars().take(80).collect();
            self.refuse(
                offset,
                format!("a link to `{shown}`"),
                "link to an https address",
            );
        }
        Frame::Link(url.to_owned(), Vec::new())
    }

    fn close(&mut self, _end: TagEnd) {
        if self.stack.len() < 2 {
            return;
        }
        match self.stack.pop() {
            Some(Frame::Paragraph(text)) => self.block(Block::Paragraph(text)),
            Some(Frame::Heading(level, text)) => self.block(Block::Heading { level, text }),
            Some(Frame::List(start, items)) => self.block(Block::List { start, items }),
            Some(Frame::Code(language, mut text)) => {
                text.truncate(text.trim_end_matches('\n').len());
                self.block(Block::Code { language, text });
            }
            Some(Frame::Blocks(blocks)) => {
                if let Some(Frame::List(_, items)) = self.stack.last_mut() {
                    items.push(blocks);
                }
            }
            Some(Frame::Strong(text)) => self.inline(Inline::Strong(text)),
            Some(Frame::Emphasis(text)) => self.inline(Inline::Emphasis(text)),
            Some(Frame::Link(url, text)) => self.inline(Inline::Link { url, text }),
            Some(Frame::Refused) | None => {}
        }
    }

    fn block(&mut self, block: Block) {
        if let Some(Frame::Blocks(blocks)) = self.stack.last_mut() {
            blocks.push(block);
        }
    }

    fn inline(&mut self, inline: Inline) {
        let inlines = match self.stack.last_mut() {
            Some(
                Frame::Paragraph(inlines)
                | Frame::Heading(_, inlines)
                | Frame::Strong(inlines)
                | Frame::Emphasis(inlines)
                | Frame::Link(_, inlines),
            ) => inlines,
            // The text of a tight list item stands in no paragraph of its own.
            Some(Frame::Blocks(blocks)) => {
                if !matches!(blocks.last(), Some(Block::Paragraph(_))) {
                    blocks.push(Block::Paragraph(Vec::new()));
                }
                match blocks.last_mut() {
                    Some(Block::Paragraph(inlines)) => inlines,
                    _ => return,
                }
            }
            _ => return,
        };
        match (inlines.last_mut(), inline) {
            (Some(Inline::Text(before)), Inline::Text(text)) => before.push_str(&text),
            (_, inline) => inlines.push(inline),
        }
    }

    fn inside_refused(&self) -> bool {
        self.stack
            .iter()
            .any(|frame| matches!(frame, Frame::Refused))
    }

    fn refuse(&mut self, offset: usize, message: String, cure: &str) {
        self.refusals.push(Refusal {
            offset,
            message,
            cure: cure.to_owned(),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> Vec<String> {
        parse(text)
            .1
            .into_iter()
            .map(|refusal| refusal.message)
            .collect()
    }

    #[test]
    fn the_subset_is_parsed_without_a_refusal() {
        let (blocks, refusals) = parse(
            "An *answer* with `code`.\n\n## Check\n- **First**:\n  ```sh\n  kubectl get pods\n  ```\n- Second\n  1. inner\n\n[docs](https://kubernetes.io)\n",
        );
        assert!(refusals.is_empty(), "{refusals:?}");
        assert_eq!(blocks.len(), 4);
        let Block::List { items, .. } = &blocks[2] else {
            panic!("{blocks:?}")
        };
        assert_eq!(
            items[0][1],
            Block::Code {
                language: "sh".to_owned(),
                text: "kubectl get pods".to_owned()
            }
        );
    }

    #[test]
    fn what_is_outside_the_subset_is_named() {
        assert_eq!(refused("a <pod> b"), ["HTML in the text: `<pod>`"]);
        assert_eq!(refused("|a|b|\n|-|-|\n|1|2|"), ["a table"]);
        assert_eq!(refused("> quoted"), ["a block quote"]);
        assert_eq!(refused("![x](https://a.b/c.png)"), ["an image"]);
        assert_eq!(refused("[x](http://a.b)"), ["a link to `http://a.b`"]);
        assert_eq!(refused("# Title"), ["a heading of level 1"]);
        assert_eq!(
            refused("### Deep"),
            ["a heading of level 3 below no heading of level 2"]
        );
        assert_eq!(refused("```\nx\n```"), ["a fence without a language"]);
        assert_eq!(
            refused("{>=x} later"),
            ["a version mark that cannot be read"]
        );
    }

    #[test]
    fn a_marked_item_holds_for_its_versions_only() {
        let (blocks, _) = parse("- {>=1.33} new\n- {<1.33} old\n- both\n");
        let shown = |minor: Option<u16>| {
            let version = minor.map(|minor| ClusterVersion { major: 1, minor });
            plain_blocks(&for_version(&blocks, version)).replace('\n', "|")
        };
        assert_eq!(shown(Some(33)), "new|both||");
        assert_eq!(shown(Some(32)), "old|both||");
        assert_eq!(shown(None), "1.33 and later: new|Before 1.33: old|both||");
    }

    #[test]
    fn a_marked_paragraph_takes_the_fence_under_it_along() {
        let (blocks, _) = parse("{<1.30} Old way:\n\n```sh\nold\n```\n\nAlways.\n");
        let version = Some(ClusterVersion {
            major: 1,
            minor: 31,
        });
        assert_eq!(plain_blocks(&for_version(&blocks, version)), "Always.\n");
    }

    #[test]
    fn a_marked_heading_takes_its_whole_section_along() {
        let (blocks, _) = parse("## {<1.30} Old\n\nx\n\n### Inner\n\ny\n\n## New\n\nz\n");
        let version = Some(ClusterVersion {
            major: 1,
            minor: 31,
        });
        assert_eq!(plain_blocks(&for_version(&blocks, version)), "New\nz\n");
    }
}
