//! Text for Discord: cleaned, escaped, measured and cut.

use crate::faq::markdown::{Block, Inline};

/// Stands between characters that together would mean something.
const ZERO_WIDTH_SPACE: char = '\u{200b}';

/// How long Discord finds a text at most: in UTF-16 units, which are never fewer than the code points of its limits.
#[must_use]
pub(super) fn length(text: &str) -> usize {
    text.encode_utf16().count()
}

/// A text cut to a length, at a word where one ends near, never inside a character or a joined one.
#[must_use]
pub(super) fn cut(text: &str, limit: usize) -> String {
    if length(text) <= limit {
        return text.to_owned();
    }
    let mut end = 0;
    let mut used = 0;
    for (at, character) in text.char_indices() {
        // One unit is kept for the ellipsis.
        if used + character.len_utf16() + 1 > limit {
            break;
        }
        used += character.len_utf16();
        end = at + character.len_utf8();
    }
    if text[end..].chars().next().is_some_and(joins_backwards) || text[..end].ends_with('\u{200d}')
    {
        let before = |character: &char| joins_backwards(*character) || *character == '\u{200d}';
        let mut kept: Vec<char> = text[..end].chars().collect();
        while kept.last().is_some_and(before) {
            kept.pop();
        }
        kept.pop();
        while kept.last() == Some(&'\u{200d}') {
            kept.pop();
            while kept.last().is_some_and(before) {
                kept.pop();
            }
            kept.pop();
        }
        end = kept.iter().map(|character| character.len_utf8()).sum();
    }
    let kept = &text[..end];
    let at_word = kept
        .rfind(char::is_whitespace)
        .filter(|at| at * 4 > kept.len() * 3)
        .unwrap_or(kept.len());
    format!("{}…", kept[..at_word].trim_end())
}

/// Whether a character changes the one before it: combining marks, variation selectors, skin tones, joiners.
fn joins_backwards(character: char) -> bool {
    matches!(character,
        '\u{300}'..='\u{36f}' | '\u{200d}' | '\u{20d0}'..='\u{20ff}' | '\u{fe00}'..='\u{fe0f}'
        | '\u{fe20}'..='\u{fe2f}' | '\u{1f3fb}'..='\u{1f3ff}' | '\u{e0100}'..='\u{e01ef}'
        | '\u{e0020}'..='\u{e007f}' | '\u{3099}' | '\u{309a}' | '\u{64b}'..='\u{65f}')
}

/// A text without what steers a terminal or a line's direction, so that it changes nothing outside its place.
#[must_use]
pub(super) fn clean(text: &str) -> String {
    let steers = |character: char| {
        (character.is_control() && !matches!(character, '\n' | '\t'))
            || matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
                | '\u{200e}' | '\u{200f}' | '\u{61c}' | '\u{feff}' | '\u{2028}' | '\u{2029}' | '\u{fff9}'..='\u{fffb}')
    };
    text.chars()
        .filter(|character| !steers(*character))
        .collect()
}

/// A text that Discord shows as it stands: nothing in it is a mark, a mention, a link or a heading.
#[must_use]
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    let mut is_line_start = true;
    let clean = clean(text);
    let mut characters = clean.chars().peekable();
    while let Some(character) = characters.next() {
        let next = characters.peek().copied();
        match character {
            '\\' | '*' | '_' | '~' | '|' | '`' | '[' | ']' | '<' => {
                out.push('\\');
                out.push(character);
            }
            '>' | '#' | '-' | '+' if is_line_start => {
                out.push('\\');
                out.push(character);
            }
            '.' if next.is_some_and(char::is_whitespace) && is_numbered_line(&out) => {
                out.push_str("\\.");
            }
            // `@everyone` and the like ping nobody, and do not look as if.
            '@' => {
                out.push('@');
                out.push(ZERO_WIDTH_SPACE);
            }
            // An address is no link unless an entry makes it one.
            ':' if next == Some('/') => out.push_str("\\:"),
            other => out.push(other),
        }
        is_line_start = character == '\n' || (is_line_start && character.is_whitespace());
    }
    out
}

/// Whether a line so far is a number alone: what follows would make it a list's item.
fn is_numbered_line(out: &str) -> bool {
    let line = out.rsplit('\n').next().unwrap_or_default().trim_start();
    !line.is_empty() && line.bytes().all(|byte| byte.is_ascii_digit())
}

/// A run of inlines in Discord's Markdown.
#[must_use]
pub(super) fn inlines(inlines: &[Inline]) -> String {
    let mut out = String::new();
    for inline in inlines {
        match inline {
            Inline::Text(text) => out.push_str(&escape(text)),
            Inline::Code(text) => out.push_str(&code(text)),
            Inline::Strong(inner) => {
                out.push_str("**");
                out.push_str(&self::inlines(inner));
                out.push_str("**");
            }
            Inline::Emphasis(inner) => {
                out.push('*');
                out.push_str(&self::inlines(inner));
                out.push('*');
            }
            Inline::Link { url, text } => out.push_str(&link(&self::inlines(text), url)),
        }
    }
    out
}

/// A link with an escaped text; the text alone where the address is none that Discord may show.
#[must_use]
pub(super) fn link(text: &str, url: &str) -> String {
    let is_plain = url.starts_with("https://")
        && !url.chars().any(|character| {
            character.is_whitespace()
                || character.is_control()
                || matches!(character, '<' | '>' | '"' | '`' | '\\')
        });
    if !is_plain {
        return text.to_owned();
    }
    let url = url.replace('(', "%28").replace(')', "%29");
    format!("[{text}]({url})")
}

/// Inline code, whatever is in it.
#[must_use]
pub(super) fn code(text: &str) -> String {
    let text = clean(text).replace('\n', " ");
    if text.trim().is_empty() {
        return text;
    }
    if !text.contains('`') {
        return format!("`{text}`");
    }
    // Discord knows fences of one and of two backticks; a run of two inside is taken apart.
    let text = apart(&text);
    format!("`` {text} ``")
}

/// A code fence, whatever is in it.
#[must_use]
pub(super) fn fence(language: &str, text: &str) -> String {
    let language = match language {
        "text" => "",
        other => other,
    };
    format!("```{language}\n{}\n```", apart(&clean(text)))
}

/// A text whose backticks cannot close a fence.
fn apart(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut before = ' ';
    for character in text.chars() {
        if character == '`' && before == '`' {
            out.push(ZERO_WIDTH_SPACE);
        }
        out.push(character);
        before = character;
    }
    if out.ends_with('`') {
        out.push(ZERO_WIDTH_SPACE);
    }
    out
}

/// Blocks as pieces that each stand alone: paragraphs, items, fences. A message is cut between pieces, or inside a fence
/// that is closed and opened again.
#[must_use]
pub(super) fn pieces(blocks: &[Block]) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for block in blocks {
        push_block(block, "", &mut pieces);
    }
    pieces
}

/// A part of a message that is not torn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    /// Lines of Markdown; `is_item` stands close to the piece before.
    Lines { text: String, is_item: bool },
    /// A code fence.
    Fence { language: String, text: String },
}

impl Piece {
    fn markdown(&self) -> String {
        match self {
            Piece::Lines { text, .. } => text.clone(),
            Piece::Fence { language, text } => fence(language, text),
        }
    }

    fn is_close(&self) -> bool {
        match self {
            Piece::Lines { is_item, .. } => *is_item,
            Piece::Fence { .. } => true,
        }
    }
}

fn push_block(block: &Block, indent: &str, pieces: &mut Vec<Piece>) {
    let line = |text: String, is_item| Piece::Lines { text, is_item };
    match block {
        Block::Heading { level: 2, text } => {
            pieces.push(line(format!("### {}", inlines(text)), false));
        }
        Block::Heading { text, .. } => pieces.push(line(format!("**{}**", inlines(text)), false)),
        Block::Paragraph(text) => pieces.push(line(format!("{indent}{}", inlines(text)), false)),
        Block::Code { language, text } => pieces.push(Piece::Fence {
            language: language.clone(),
            text: text.clone(),
        }),
        Block::List { start, items } => {
            for (at, item) in items.iter().enumerate() {
                let mark = match start {
                    Some(start) => format!("{}. ", start + at as u64),
                    None => "- ".to_owned(),
                };
                let deeper = format!("{indent}  ");
                let mut inner = Vec::new();
                for block in item {
                    push_block(block, &deeper, &mut inner);
                }
                let mut is_first = true;
                for piece in inner {
                    pieces.push(match piece {
                        Piece::Lines { text, .. } if is_first => {
                            line(format!("{indent}{mark}{}", text.trim_start()), true)
                        }
                        Piece::Lines { text, .. } => line(text, true),
                        fence @ Piece::Fence { .. } => fence,
                    });
                    is_first = false;
                }
            }
        }
    }
}

/// Pieces put into texts, each within its limit in order, and whether anything is left over.
#[must_use]
pub(super) fn fill(pieces: Vec<Piece>, limits: &[usize]) -> (Vec<String>, bool) {
    let mut texts: Vec<String> = Vec::new();
    let mut pieces: std::collections::VecDeque<Piece> = pieces.into();
    for limit in limits {
        if *limit < TORN_FROM && !texts.is_empty() {
            break;
        }
        let mut text = String::new();
        while let Some(piece) = pieces.pop_front() {
            let gap = match (text.is_empty(), piece.is_close()) {
                (true, _) => "",
                (false, true) => "\n",
                (false, false) => "\n\n",
            };
            let markdown = piece.markdown();
            let left = limit.saturating_sub(length(&text) + gap.len());
            if length(&markdown) <= left {
                text.push_str(gap);
                text.push_str(&markdown);
                continue;
            }
            // A piece that fits nowhere whole is torn; any other waits for the next text.
            let is_small = limits.iter().any(|other| length(&markdown) <= *other);
            if !text.is_empty() && (is_small || left < TORN_FROM) {
                pieces.push_front(piece);
                break;
            }
            let (head, tail) = tear(piece, left);
            if let Some(head) = head {
                text.push_str(gap);
                text.push_str(&head.markdown());
            }
            if let Some(tail) = tail {
                pieces.push_front(tail);
            }
            break;
        }
        drop_trailing_heading(&mut text, &mut pieces);
        if !text.is_empty() {
            texts.push(text);
        }
        if pieces.is_empty() {
            break;
        }
    }
    (texts, !pieces.is_empty())
}

/// Room below which it is not worth it to begin a piece, in UTF-16 units.
const TORN_FROM: usize = 200;

/// A heading does not stand alone at an end.
fn drop_trailing_heading(text: &mut String, pieces: &mut std::collections::VecDeque<Piece>) {
    if pieces.is_empty() {
        return;
    }
    let at = text.rfind("\n\n").map_or(0, |at| at + 2);
    if text[at..].starts_with("### ") && !text[at..].contains('\n') {
        pieces.push_front(Piece::Lines {
            text: text[at..].to_owned(),
            is_item: false,
        });
        text.truncate(at.saturating_sub(2));
    }
}

/// What of a piece fits, and the rest: a fence between two lines, closed and opened again; lines between two words.
fn tear(piece: Piece, room: usize) -> (Option<Piece>, Option<Piece>) {
    match piece {
        Piece::Fence { language, text } => {
            let marks = length(&fence(&language, ""));
            let room = room.saturating_sub(marks);
            let (head, tail) = split_lines(&text, room);
            let part = |text: String| {
                (!text.is_empty()).then(|| Piece::Fence {
                    language: language.clone(),
                    text,
                })
            };
            (part(head), part(tail))
        }
        Piece::Lines { text, is_item } => {
            let head = cut(&text, room.max(1));
            // Marks may be open where it was cut: what is shown then is plain.
            let head = Piece::Lines {
                text: if is_balanced(&head) {
                    head
                } else {
                    cut(&escape(&text), room.max(1))
                },
                is_item,
            };
            (Some(head), None)
        }
    }
}

/// Splits a text after the last line that ends within `room`; a line longer than that is split inside.
fn split_lines(text: &str, room: usize) -> (String, String) {
    let mut end = 0;
    let mut used = 0;
    let mut line_end = 0;
    for (at, character) in text.char_indices() {
        // Backticks may be taken apart, which makes them longer.
        used += character.len_utf16() + usize::from(character == '`');
        if used > room {
            break;
        }
        end = at + character.len_utf8();
        if character == '\n' {
            line_end = end;
        }
    }
    if end == text.len() {
        return (text.to_owned(), String::new());
    }
    let at = if line_end > 0 { line_end } else { end };
    (
        text[..at].trim_end_matches('\n').to_owned(),
        text[at..].to_owned(),
    )
}

/// Whether no mark is left open.
fn is_balanced(text: &str) -> bool {
    let bare = text
        .replace("\\*", "")
        .replace("\\`", "")
        .replace("\\[", "")
        .replace("\\]", "");
    let opened = bare.matches("](").count();
    bare.matches("**").count().is_multiple_of(2)
        && bare
            .replace("**", "")
            .matches('*')
            .count()
            .is_multiple_of(2)
        && bare.matches('`').count().is_multiple_of(2)
        && bare.matches('[').count() == opened
        && bare.matches(')').count() >= opened
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faq::markdown;

    fn drawn(markdown: &str) -> String {
        let (blocks, refusals) = markdown::parse(markdown);
        assert!(refusals.is_empty(), "{refusals:?}");
        fill(pieces(&blocks), &[4096]).0.remove(0)
    }

    #[test]
    fn the_whole_subset_comes_out_readable() {
        let markdown = "\
Text with **bold**, *italic*, `code` and a [link](https://example.com/a_(b)).

## Check

1. First:
   ```sh
   kubectl get pods
   ```
2. Second
   - inner *one*
   - inner two

### Deeper

```yaml
a: 1
```

```text
plain
```";
        insta::assert_snapshot!(drawn(markdown), @r"
        Text with **bold**, *italic*, `code` and a [link](https://example.com/a_%28b%29).

        ### Check
        1. First:
        ```sh
        kubectl get pods
        ```
        2. Second
          - inner *one*
          - inner two

        **Deeper**
        ```yaml
        a: 1
        ```
        ```
        plain
        ```
        ");
    }

    #[test]
    fn foreign_text_changes_nothing_outside_its_place() {
        for (foreign, shown) in [
            ("@everyone", "@\u{200b}everyone"),
            ("<@&123>", r"\<@" /* and a zero-width space */),
            ("](javascript:alert)", r"\](javascript:alert)"),
            ("[a](https://evil.example)", r"\[a\](https\://evil.example)"),
            (
                "**bold** __u__ ~~s~~ ||h||",
                r"\*\*bold\*\* \_\_u\_\_ \~\~s\~\~ \|\|h\|\|",
            ),
            ("```\ncode", "\\`\\`\\`\ncode"),
            (
                "# big\n> quote\n- item\n1. item",
                "\\# big\n\\> quote\n\\- item\n1\\. item",
            ),
            ("\u{202e}txt.exe\u{2066}\u{1b}[31m", r"txt.exe\[31m"),
            (r"\*", r"\\\*"),
        ] {
            let escaped = escape(foreign);
            assert!(escaped.starts_with(shown), "{foreign:?}: {escaped:?}");
        }
        assert_eq!(code("a`b"), "`` a`b ``");
        assert_eq!(
            fence("sh", "a\n```\nb"),
            "```sh\na\n`\u{200b}`\u{200b}`\u{200b}\nb\n```".replace("`\u{200b}\nb", "`\nb")
        );
        assert_eq!(link("x", "javascript:alert(1)"), "x");
    }

    #[test]
    fn a_fence_that_is_cut_is_closed_and_opened_again_with_its_language() {
        let lines: Vec<String> = (0..100).map(|at| format!("line: {at}")).collect();
        let code = Piece::Fence {
            language: "yaml".to_owned(),
            text: lines.join("\n"),
        };
        let (texts, is_cut) = fill(vec![code], &[600, 600]);
        assert_eq!(texts.len(), 2);
        for text in &texts {
            assert!(text.starts_with("```yaml\nline: "), "{text}");
            assert!(text.ends_with("\n```"), "{text}");
            assert!(length(text) <= 600);
        }
        assert!(!is_cut || texts[1].contains("line: 9"));
    }

    #[test]
    fn a_text_is_cut_between_characters_and_words() {
        assert_eq!(cut("one two three", 9), "one two…");
        assert_eq!(cut("crème", 4), "crè…");
        // A family of four is one character, and e with an accent another.
        let family = "👨\u{200d}👩\u{200d}👧\u{200d}👦";
        assert_eq!(
            cut(&format!("a{family}{family}"), 16),
            format!("a{family}…")
        );
        assert_eq!(cut("abce\u{301}f", 5), "abc…");
        assert_eq!(cut("日本語日本語", 4), "日本語…");
    }
}
