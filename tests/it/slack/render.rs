//! Rendering: whatever an entry holds and whatever was asked, the payload is valid and nothing foreign becomes markup.

use insta::assert_snapshot;
use k8sfaq::bot::reply::{
    Answered, Choices, EntryRef, Evidence, Help, HowSure, Length, NoMatch, Refusal, Reply, Shown,
};
use k8sfaq::faq::entry::Source;
use k8sfaq::faq::id::EntryId;
use k8sfaq::faq::markdown::{self, Block, Inline};
use k8sfaq::slack::button::Carried;
use k8sfaq::slack::home;
use k8sfaq::slack::render::{MAX_BLOCKS, Message, Scene, Surface, message};
use k8sfaq::slack::text;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::drawn::drawn;
use super::rules;
use super::workspace::bot;

/// Text that is meant to break out: mentions, links, markup, invisible letters, entities, long graphemes.
fn hostile() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "<!channel>",
        "<!here>",
        "<@U1>",
        "<#C1|x>",
        "<http://evil|bank>",
        "<!subteam^S1>",
        "*",
        "_",
        "~",
        "`",
        "```",
        "&",
        "&amp;",
        "&lt;",
        "> ",
        "\n",
        "\u{202e}",
        "\u{200b}",
        "\u{0}",
        "\u{1b}[31m",
        "👩‍👩‍👧‍👦",
        "e\u{301}",
        "ｘ",
        ":boom:",
        "[x](javascript:alert(1))",
        "@everyone",
        "http://evil.example",
        "kubectl get pods",
        "{}",
        "\"",
        "\\",
        " ",
        "a",
    ]);
    prop_oneof![
        prop::collection::vec(pieces, 0..40).prop_map(|pieces| pieces.concat()),
        ".{0,120}",
        (0..6_000usize).prop_map(|size| "x<&".repeat(size / 3)),
    ]
}

fn inlines() -> impl Strategy<Value = Vec<Inline>> {
    let leaf = prop_oneof![
        hostile().prop_map(Inline::Text),
        hostile().prop_map(Inline::Code),
    ];
    let inline = leaf.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Inline::Strong),
            prop::collection::vec(inner.clone(), 0..3).prop_map(Inline::Emphasis),
            (
                prop_oneof!["https://[a-z]{1,20}", Just("javascript:x".to_owned())],
                prop::collection::vec(inner, 0..3)
            )
                .prop_map(|(url, text)| Inline::Link { url, text }),
        ]
    });
    prop::collection::vec(inline, 0..5)
}

fn blocks() -> impl Strategy<Value = Vec<Block>> {
    let leaf = prop_oneof![
        inlines().prop_map(Block::Paragraph),
        (2..4u8, inlines()).prop_map(|(level, text)| Block::Heading { level, text }),
        hostile().prop_map(|text| Block::Code {
            language: "sh".to_owned(),
            text
        }),
    ];
    let block = leaf.prop_recursive(2, 16, 4, |inner| {
        (
            prop::option::of(0..3u64),
            prop::collection::vec(prop::collection::vec(inner, 0..3), 0..4),
        )
            .prop_map(|(start, items)| Block::List { start, items })
    });
    prop::collection::vec(block, 0..12)
}

fn reference() -> impl Strategy<Value = EntryRef> {
    ("[a-z]{1,10}(-[a-z0-9]{1,8}){0,4}", hostile()).prop_map(|(id, title)| EntryRef {
        id: id.parse().unwrap(),
        title,
    })
}

prop_compose! {
    fn answered()(
        title in hostile(), lead in inlines(), steps in blocks(),
        sources in prop::collection::vec((hostile(), "https://[a-z]{1,30}"), 0..3),
        others in prop::collection::vec(reference(), 0..8),
        related in prop::collection::vec(reference(), 0..8),
        folder in prop::option::of(hostile()),
        how_sure in prop_oneof![hostile().prop_map(HowSure::Signature), any::<f32>().prop_map(HowSure::Words), Just(HowSure::Chosen)],
        evidence in prop_oneof![
            Just(Evidence::NotLookedUp), Just(Evidence::Pending), Just(Evidence::OutOfScope), blocks().prop_map(Evidence::Shown),
        ],
    ) -> Answered {
        Answered {
            id: "an-entry".parse().unwrap(), topic: "t".to_owned(), title, lead, steps,
            sources: sources.into_iter().map(|(title, url)| Source { title, url }).collect(),
            related, folder, how_sure, others, evidence,
        }
    }
}

fn reply() -> impl Strategy<Value = Reply> {
    prop_oneof![
        4 => answered().prop_map(|answered| Reply::Answer(Box::new(answered))),
        1 => (prop::collection::vec(reference(), 0..8), prop::option::of(hostile()))
            .prop_map(|(candidates, ask_a_human)| Reply::Choices(Choices { candidates, ask_a_human })),
        1 => (prop::collection::vec(reference(), 0..5), prop::option::of(hostile()))
            .prop_map(|(nearest, ask_a_human)| Reply::NoMatch(NoMatch { nearest, ask_a_human })),
        1 => Just(Reply::Help(Help { entries: 3, examples: k8sfaq::bot::EXAMPLES })),
        1 => prop::collection::vec((hostile(), any::<usize>()), 0..30).prop_map(Reply::Topics),
        1 => (hostile(), prop::collection::vec(reference(), 0..60))
            .prop_map(|(topic, entries)| Reply::Topic { topic, entries }),
        1 => blocks().prop_map(Reply::Status),
        1 => Just(Reply::Refused(Refusal::TooMany { seconds: 3 })),
    ]
}

prop_compose! {
    fn scene()(
        surface in prop::sample::select(vec![Surface::Private, Surface::Public, Surface::Offered]),
        thread in prop::option::of("[0-9]{10}\\.[0-9]{6}"),
        others in prop::collection::vec(reference(), 0..5),
        shared_by in prop::option::of("U[A-Z0-9]{8}"),
        evidence_follows in any::<bool>(),
    ) -> Scene {
        Scene {
            surface, shared_by, evidence_follows,
            carried: Carried {
                thread, others: others.into_iter().map(|other| other.id).collect(), ..Carried::default()
            },
        }
    }
}

fn payload(message: &Message) -> Value {
    json!({
        "channel": "C1", "text": message.text, "blocks": message.blocks,
        "unfurl_links": false, "unfurl_media": false,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn every_payload_is_valid_and_nothing_foreign_is_markup(
        reply in reply(), scene in scene(), is_terse in any::<bool>(), can_share in any::<bool>(),
    ) {
        let shown = Shown {
            length: if is_terse { Length::Terse } else { Length::Full },
            can_share,
            ..Shown::private(reply)
        };
        let drawn = message(&shown, &scene).unwrap();
        let broken = rules::broken("chat.postMessage", &payload(&drawn));
        prop_assert!(broken.is_empty(), "{broken:?}");
        let as_text = json!({"channel": "C1", "text": drawn.plain, "unfurl_links": false, "unfurl_media": false});
        prop_assert_eq!(rules::broken("chat.postMessage", &as_text), Vec::<String>::new());
        let modal = message(&shown, &Scene { surface: Surface::Modal, ..scene }).unwrap();
        let body = json!({"view": home::modal(&modal)});
        prop_assert_eq!(rules::broken("views.open", &body), Vec::<String>::new());
    }

    #[test]
    fn escaped_text_has_no_markup_and_reads_back_as_it_was(typed in hostile()) {
        let escaped = text::escape(&typed);
        prop_assert!(!escaped.contains('<') && !escaped.contains('>'));
        let plain: String = text::visible(&typed);
        // Quotes and dashes are straightened on the way back, and the ends trimmed.
        let straight = text::read(&text::escape(&plain), None);
        prop_assert_eq!(straight.clone(), text::read(&text::escape(&straight), None));
    }

    #[test]
    fn a_cut_is_never_longer_and_ends_between_graphemes(typed in hostile(), max in 1..200usize) {
        use unicode_segmentation::UnicodeSegmentation;
        let cut = text::cut(&typed, max);
        prop_assert!(cut.chars().count() <= max.max(1));
        if cut != typed {
            let kept = cut.strip_suffix('…').unwrap();
            let whole: Vec<&str> = typed.graphemes(true).collect();
            let ends_on_boundary = (0..=whole.len())
                .any(|count| whole[..count].concat().trim_end() == kept);
            prop_assert!(ends_on_boundary);
        }
    }
}

#[test]
fn every_shipped_entry_fits_and_most_are_whole() {
    let mut shortened = Vec::new();
    let faq = bot().faq();
    for entry in faq.catalog().entries() {
        let related = entry
            .related
            .iter()
            .filter_map(|id| faq.entry(id))
            .map(EntryRef::of);
        let answered = Answered::of(entry, HowSure::Chosen, related.collect(), Vec::new(), None);
        let shown = Shown {
            can_share: true,
            ..Shown::private(Reply::Answer(Box::new(answered)))
        };
        let drawn = message(&shown, &Scene::default()).unwrap();
        assert_eq!(
            rules::broken("chat.postMessage", &payload(&drawn)),
            Vec::<String>::new(),
            "{}",
            entry.id
        );
        let size: usize = drawn
            .blocks
            .iter()
            .map(|block| block.to_string().chars().count())
            .sum();
        assert!(size <= MAX_BLOCKS);
        if drawn
            .blocks
            .iter()
            .any(|block| block.to_string().contains("Shortened."))
        {
            shortened.push(entry.id.to_string());
        }
        // The text alone answers, in a sentence or two.
        assert!(
            text::read(&drawn.text, None).contains(&entry.title),
            "{}",
            entry.id
        );
    }
    let share = shortened.len() * 100 / faq.catalog().len();
    println!(
        "{} entries are shortened ({share} %): {shortened:?}",
        shortened.len()
    );
    assert!(share <= 5, "{shortened:?}");
}

fn lines(markdown: &str) -> Value {
    let (blocks, refusals) = markdown::parse(markdown);
    assert!(refusals.is_empty(), "{refusals:?}");
    let shown = Shown::private(Reply::Status(blocks));
    payload(&message(&shown, &Scene::default()).unwrap())
}

#[test]
fn markdown_becomes_rich_text() {
    let payload = lines(
        "Text with `code <a> & |b|`, **bold**, *italic* and [a link](https://kubernetes.io/x).\n\n## Head\n\n1. one\n2. two:\n   ```yaml\n   a: <b>\n   ```\n3. three\n   - inner\n   - inner too\n4. four\n\n### Small\n\n- last\n",
    );
    assert_snapshot!(drawn(&payload), @r#"
    Text with `code <a> & |b|`, *bold*, _italic_ and [a link](https://kubernetes.io/x).
    *Head*
    1. one
    2. two:
    ```
    a: <b>
    ```
    3. three
      - inner
      - inner too
    4. four
    *Small*
    - last
    "#);
}

#[test]
fn code_copies_exactly_as_it_was_written() {
    let command = "kubectl get pods -n <namespace> -o jsonpath='{.items[*].metadata.name}' && echo \"a & b\" | grep -v '^$' -- \"--x\"";
    let payload = lines(&format!("Run:\n\n```sh\n{command}\n```\n"));
    let text = payload["blocks"][0]["elements"][1]["elements"][0]["text"]
        .as_str()
        .unwrap();
    assert_eq!(text, command);
}

#[test]
fn what_is_too_long_is_cut_with_a_way_to_the_rest() {
    let steps = vec![Block::Code {
        language: "text".to_owned(),
        text: "0123456789\n".repeat(3_000),
    }];
    let id: EntryId = "long-entry".parse().unwrap();
    let answered = Answered {
        id,
        topic: "t".to_owned(),
        title: "Long?".to_owned(),
        lead: vec![Inline::Text("Yes.".to_owned())],
        steps,
        sources: vec![Source {
            title: "S".to_owned(),
            url: "https://kubernetes.io/".to_owned(),
        }],
        related: Vec::new(),
        folder: None,
        how_sure: HowSure::Chosen,
        others: Vec::new(),
        evidence: Evidence::NotLookedUp,
    };
    let shown = Shown::private(Reply::Answer(Box::new(answered)));
    let payload = payload(&message(&shown, &Scene::default()).unwrap());
    assert_eq!(
        rules::broken("chat.postMessage", &payload),
        Vec::<String>::new()
    );
    let drawn = drawn(&payload);
    // A fence ends between two of its lines: half a command is worse than none.
    assert!(
        drawn.contains("\n0123456789\n```\n~ Shortened. Read more opens its first source"),
        "{drawn}"
    );
}

#[test]
fn an_incident_gets_a_screenful() {
    let faq = bot().faq();
    let entry = faq.entry(&"pod-crashloopbackoff".parse().unwrap()).unwrap();
    let answered = Answered::of(entry, HowSure::Words(0.9), Vec::new(), Vec::new(), None);
    let shown = Shown {
        length: Length::Terse,
        ..Shown::public(Reply::Answer(Box::new(answered)))
    };
    let scene = Scene {
        surface: Surface::Public,
        ..Scene::default()
    };
    let drawn = drawn(&payload(&message(&shown, &scene).unwrap()));
    assert!(drawn.lines().count() < 25, "{drawn}");
    assert!(drawn.contains("```\nkubectl describe pod"), "{drawn}");
    assert!(!drawn.contains("*Fix*"), "{drawn}");
}

#[test]
fn the_text_of_an_answer_ends_with_the_worst_finding() {
    let faq = bot().faq();
    let entry = faq.entry(&"pod-crashloopbackoff".parse().unwrap()).unwrap();
    let said = |found: &str| {
        let (found, _) = markdown::parse(found);
        let answered = Answered {
            evidence: Evidence::Shown(found),
            ..Answered::of(entry, HowSure::Chosen, Vec::new(), Vec::new(), None)
        };
        let shown = Shown::public(Reply::Answer(Box::new(answered)));
        message(&shown, &Scene::default()).unwrap().text
    };
    let text = said(
        "Cluster `prod`, namespace `shop`\n\n- **CrashLoopBackOff** (critical): `web` in `shop`\n\n  `app exits with 1`\n- **OomKilled**: `api`\n",
    );
    assert!(text.starts_with(&entry.title), "{text}");
    assert!(
        text.ends_with("CrashLoopBackOff (critical): web in shop app exits with 1"),
        "{text}"
    );
    let text = said("Cluster `prod`\n\nNothing found. Looked at 3 objects.");
    assert!(
        text.ends_with("Nothing found. Looked at 3 objects."),
        "{text}"
    );
    let text = said("The cluster did not answer.");
    assert!(text.ends_with("The cluster did not answer."), "{text}");
}
