//! Slack's own way of writing text: reading what people typed, and writing what nobody may misread as markup.

use unicode_segmentation::UnicodeSegmentation;

/// What a person typed, as they meant it: entities and links undone, mentions of the bot taken out, the quotes and dashes that
/// editors put in turned back into what a terminal shows.
#[must_use]
pub fn read(written: &str, bot: Option<&str>) -> String {
    let mut plain = String::with_capacity(written.len());
    let mut rest = written;
    while let Some(start) = rest.find('<') {
        plain.push_str(&rest[..start]);
        let inside = &rest[start + 1..];
        let Some(end) = inside
            .find(['>', '<'])
            .filter(|end| inside[*end..].starts_with('>'))
        else {
            // A lone `<` is none of Slack's: it escapes every one that a person typed.
            plain.push('<');
            rest = inside;
            continue;
        };
        push_reference(&inside[..end], bot, &mut plain);
        rest = &inside[end + 1..];
    }
    plain.push_str(rest);
    let plain = plain
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&");
    plain
        .chars()
        .flat_map(straight)
        .collect::<String>()
        .trim()
        .to_owned()
}

/// Whether a text mentions a user.
#[must_use]
pub fn mentions(written: &str, user: &str) -> bool {
    !user.is_empty()
        && (written.contains(&format!("<@{user}>")) || written.contains(&format!("<@{user}|")))
}

/// Text that Slack shows as it stands: the three characters that begin its markup are escaped, so no mention and no link can arise.
#[must_use]
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            // Control characters can reorder or hide what stands beside them.
            letter if is_invisible(letter) => {}
            letter => escaped.push(letter),
        }
    }
    escaped
}

/// Text without characters that hide or reorder others, for places that take plain text.
#[must_use]
pub fn visible(text: &str) -> String {
    text.chars()
        .filter(|letter| !is_invisible(*letter))
        .collect()
}

/// The text, cut to at most `max` characters between graphemes, with an ellipsis where something was cut.
#[must_use]
pub fn cut(text: &str, max: usize) -> String {
    if text.chars().count() <= max {
        return text.to_owned();
    }
    let mut kept = String::new();
    let mut size = 0;
    for grapheme in text.graphemes(true) {
        size += grapheme.chars().count();
        if size + 1 > max {
            break;
        }
        kept.push_str(grapheme);
    }
    kept.truncate(kept.trim_end().len());
    kept.push('…');
    kept
}

/// `<@U1>`, `<#C1|name>`, `<!here>`, `<https://…|label>`, without the angle brackets.
fn push_reference(inside: &str, bot: Option<&str>, plain: &mut String) {
    let (target, label) = match inside.split_once('|') {
        Some((target, label)) => (target, Some(label)),
        None => (inside, None),
    };
    let shown = label.unwrap_or(target);
    if let Some(user) = target.strip_prefix('@') {
        if Some(user) != bot {
            plain.push_str(if label.is_some() { shown } else { " " });
        } else if !plain.is_empty() {
            plain.push(' ');
        }
    } else if target.starts_with('#') {
        plain.push_str(label.unwrap_or(" "));
    } else if let Some(special) = target.strip_prefix('!') {
        plain.push_str(label.unwrap_or(if special.contains('^') { " " } else { special }));
    } else {
        plain.push_str(shown.strip_prefix("mailto:").unwrap_or(shown));
    }
}

/// A letter as a terminal shows it. An em dash is what an editor makes of two hyphens.
fn straight(letter: char) -> impl Iterator<Item = char> {
    let (first, second) = match letter {
        '\u{2018}' | '\u{2019}' | '\u{201a}' | '\u{2032}' => ('\'', None),
        '\u{201c}' | '\u{201d}' | '\u{201e}' | '\u{2033}' => ('"', None),
        '\u{2013}' | '\u{2212}' | '\u{2011}' => ('-', None),
        '\u{2014}' => ('-', Some('-')),
        '\u{a0}' | '\u{202f}' | '\u{2007}' => (' ', None),
        other => (other, None),
    };
    std::iter::once(first).chain(second)
}

fn is_invisible(letter: char) -> bool {
    (letter.is_control() && letter != '\n' && letter != '\t')
        || matches!(letter, '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}
