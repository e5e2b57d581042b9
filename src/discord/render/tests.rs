//! Whatever a reply holds, its message is within every limit, and nothing foreign becomes markup.

use proptest::prelude::*;

use super::*;
use crate::bot::reply::{Audience, Choices, NoMatch};
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
        for body in [crate::discord::send::body_of_new(&message), crate::discord::send::body_of_edit(&message)] {
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
