//! The conversations. What they claim holds on every platform.

use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::FutureExt;
use k8sfaq::bot::reply::{Choices, EntryRef, Reply, Shown};
use k8sfaq::bot::request::{Action, Request, Vote};
use k8sfaq::faq::markdown::{Block, Inline};
use serde_json::json;

use super::team::{
    BoxedShown, Gate, SOURCE, Team, cluster, crowded, entry, open_scope, stuck_cluster,
};
use super::{Chat, Use};

const CRASHLOOP: &str = "pod-crashloopbackoff";

const BACK_OFF: &str =
    "Warning  BackOff  2m  kubelet  Back-off restarting failed container app in pod web-5d9c7";

/// Text that is made to break out of its place on one platform or the other.
const HOSTILE: &str = "*a* _b_ ~c~ `d` ```e``` > # - 1. <!channel> <@U1> <@1> <@&2> <#3> @everyone @here <https://evil.example|bank> [bank](https://evil.example) ](javascript:x) &amp; &lt; ||f|| <t:1:R> :boom:";

/// What hides or turns around what stands beside it, with a word behind.
const INVISIBLE: &str = "\u{202e}\u{0}\u{1b}[31m\u{2066}\u{feff}end";

/// What is said to `pending`, whatever the FAQ would be sure of.
fn unsure(request: &Request) -> Option<BoxedShown> {
    let shown = match &request.action {
        Action::Command { text } if text == "pending" => Shown::private,
        Action::Mention { text } if text == "pending" => Shown::public,
        _ => return None,
    };
    let candidate = |id: &str, title: &str| EntryRef {
        id: id.parse().unwrap(),
        title: title.to_owned(),
    };
    let choices = Reply::Choices(Choices {
        candidates: vec![
            candidate("pod-pending", "Why is my pod *Pending*?"),
            candidate("pvc-pending", "Why is my claim Pending?"),
        ],
        ask_a_human: Some("Else ask the platform team.".to_owned()),
    });
    Some(async move { shown(choices) }.boxed())
}

pub async fn a_command_is_answered_with_one_entry_its_commands_and_its_sources<C: Chat>() {
    let team = Team::new();
    let chat = C::open(&team).await;
    let answer = chat.asks("crashloop").await;
    answer.answers_with(CRASHLOOP);
    assert!(answer.is_private);
    let entry = team.bot.faq();
    let entry = entry.entry(&CRASHLOOP.parse().unwrap()).unwrap();
    answer.shows(&entry.title);
    answer.shows(&k8sfaq::faq::markdown::plain(&entry.lead));
    assert!(
        answer
            .commands
            .iter()
            .any(|command| command == "kubectl describe pod <pod> -n <namespace>"),
        "{:?}",
        answer.commands
    );
    for source in entry.sources.iter().take(3) {
        assert!(answer.links.contains(&source.url), "{:?}", answer.links);
    }
    assert!(answer.can_share);
    chat.close().await;
}

pub async fn what_is_no_question_is_a_command_in_any_spelling<C: Chat>() {
    let chat = C::open(&Team::new()).await;
    for text in ["help", "  HELP "] {
        let help = chat.asks(text).await;
        assert!(help.is_private);
        for example in k8sfaq::bot::EXAMPLES {
            help.shows(example);
        }
        help.shows("status [NAMESPACE]");
    }
    chat.asks("topics").await.shows("storage");
    let topic = chat.asks("topics storage").await;
    topic.shows("pvc-pending");
    assert!(topic.choices.contains(&"pvc-pending".to_owned()));
    chat.asks("show pvc-pending")
        .await
        .answers_with("pvc-pending");
    // What only begins like a command is a question.
    chat.asks("help me with oomkilled")
        .await
        .answers_with("oomkilled-exit-137");
    chat.close().await;
}

pub async fn a_mention_is_answered_before_everyone<C: Chat>() {
    let chat = C::open(&Team::new()).await;
    let answer = chat.mentions("exit code 137").await;
    answer.answers_with("oomkilled-exit-137");
    assert!(!answer.is_private && !answer.can_share);
    assert!(answer.calls.is_empty(), "{:?}", answer.calls);
    chat.close().await;
}

pub async fn an_error_line_in_somebodys_message_names_its_entry<C: Chat>() {
    let chat = C::open(&Team::new()).await;
    let answer = chat.asks_about(BACK_OFF).await;
    assert!(answer.is_private);
    answer.answers_with(CRASHLOOP);
    answer.shows("“Back-off restarting failed container");
    chat.close().await;
}

pub async fn an_unsure_question_gets_candidates_and_the_choice_answers<C: Chat>() {
    let chat = C::open(&Team::new().saying(unsure)).await;
    let choices = chat.asks("pending").await;
    assert!(choices.is_private && choices.entry.is_none());
    assert!(
        (2..=5).contains(&choices.choices.len()),
        "{:?}",
        choices.choices
    );
    choices.shows("Which of these do you mean?");
    choices.shows("Else ask the platform team.");
    let wanted = choices.choices[1].clone();
    let answer = chat.uses(&choices, Use::Choose(&wanted)).await;
    answer.answers_with(&wanted);
    assert!(answer.is_private);
    chat.close().await;
}

pub async fn a_choice_by_the_asker_takes_the_place_of_a_public_question<C: Chat>() {
    let gate = Gate::shut();
    gate.open();
    let team = Team::with(&open_scope(), cluster("web-1 is broken", &gate));
    let chat = C::open(&team.saying(unsure)).await;
    let choices = chat.mentions("pending").await;
    assert!(!choices.is_private);
    let wanted = choices.choices[0].clone();
    let answer = chat.uses(&choices, Use::Choose(&wanted)).await;
    answer.answers_with(&wanted);
    assert!(!answer.is_private);
    answer.hides("web-1");
    chat.close().await;
}

pub async fn no_match_says_so_offers_the_nearest_and_whom_to_ask<C: Chat>() {
    let team = Team::in_channel(&json!({"ask_a_human": "Ask the platform team in #platform."}));
    let chat = C::open(&team).await;
    for is_public in [false, true] {
        let question = "best pizza in town";
        let nothing = if is_public {
            chat.mentions(question).await
        } else {
            chat.asks(question).await
        };
        assert_eq!(nothing.is_private, !is_public);
        assert!(nothing.entry.is_none() && nothing.choices.len() <= 3);
        nothing.shows("I have no answer to that in my FAQ.");
        nothing.shows("The exact error line");
        nothing.shows("Ask the platform team in #platform.");
        nothing.hides("pizza");
    }
    let misses = team.state.misses(10).unwrap();
    let counted: Vec<_> = misses
        .iter()
        .map(|miss| (miss.count, &miss.question))
        .collect();
    assert_eq!(counted, [(2, &None)]);
    chat.close().await;
}

pub async fn a_private_answer_is_shared_under_the_sharers_name<C: Chat>() {
    let chat = C::open(&Team::new()).await;
    let answer = chat.asks("crashloop").await;
    let shared = chat.uses(&answer, Use::Share).await;
    assert!(!shared.is_private);
    shared.answers_with(CRASHLOOP);
    shared.shows("Shared by ");
    assert_eq!(shared.mentions.len(), 1, "{:?}", shared.mentions);
    assert!(shared.calls.is_empty(), "{:?}", shared.calls);
    chat.close().await;
}

pub async fn a_vote_is_thanked_for_and_the_last_one_counts<C: Chat>() {
    let team = Team::new();
    let chat = C::open(&team).await;
    let answer = chat.asks("crashloop").await;
    let thanks = chat.uses(&answer, Use::Vote(Vote::Down)).await;
    assert!(thanks.is_private);
    thanks.shows("Thanks, noted.");
    let thanks = chat.uses(&answer, Use::Vote(Vote::Up)).await;
    assert!(thanks.is_private && thanks.reasons.is_empty());
    let votes = team.state.votes().unwrap();
    assert_eq!((votes.len(), votes[0].up, votes[0].down), (1, 1, 0));
    chat.close().await;
}

pub async fn why_an_answer_did_not_help_is_kept_without_words<C: Chat>() {
    let team = Team::new();
    let chat = C::open(&team).await;
    let answer = chat.mentions("crashloop").await;
    let asked = chat.uses(&answer, Use::Vote(Vote::Down)).await;
    assert!(asked.is_private);
    assert_eq!(
        asked.reasons,
        ["wrong_topic", "out_of_date", "missing_step", "hard_to_read"]
    );
    let thanks = chat.uses(&asked, Use::Because("missing_step")).await;
    assert!(thanks.is_private && thanks.reasons.is_empty());
    let votes = team.state.votes().unwrap();
    assert_eq!((votes[0].up, votes[0].down), (0, 1));
    assert_eq!(votes[0].reasons, [("missing_step".to_owned(), 1)].into());
    chat.close().await;
}

pub async fn what_the_cluster_shows_comes_later_with_the_real_names<C: Chat>() {
    let gate = Gate::shut();
    let team = Team::with(&open_scope(), cluster("web-1 exits with code 1", &gate));
    let chat = C::open(&team).await;
    let answer = chat.mentions("crashloop").await;
    answer.answers_with(CRASHLOOP);
    answer.shows("Looking at the cluster…");
    answer.hides("web-1");
    gate.open();
    let whole = chat.later(&answer).await;
    assert!(!whole.is_private);
    whole.answers_with(CRASHLOOP);
    whole.shows("What the cluster shows");
    whole.shows("web-1 exits with code 1");
    whole.hides("Looking at the cluster");
    assert!(
        whole
            .commands
            .contains(&"kubectl describe pod web-1 -n shop".to_owned()),
        "{:?}",
        whole.commands
    );
    chat.close().await;
}

pub async fn what_the_cluster_shows_a_private_asker_stays_private<C: Chat>() {
    let gate = Gate::shut();
    let team = Team::with(&open_scope(), cluster("web-1 exits with code 1", &gate));
    let chat = C::open(&team).await;
    let answer = chat.asks("crashloop").await;
    answer.shows("Looking at the cluster…");
    gate.open();
    let later = chat.later(&answer).await;
    assert!(later.is_private);
    later.shows("web-1 exits with code 1");
    assert!(
        later
            .commands
            .contains(&"kubectl describe pod web-1 -n shop".to_owned()),
        "{:?}",
        later.commands
    );
    chat.close().await;
}

pub async fn a_cluster_that_does_not_answer_is_told_as_that<C: Chat>() {
    let chat = C::open(&Team::with(&open_scope(), stuck_cluster)).await;
    let answer = chat.mentions("crashloop").await;
    let whole = chat.later(&answer).await;
    whole.answers_with(CRASHLOOP);
    whole.shows("nothing can be said of its state");
    chat.close().await;
}

pub async fn what_is_outside_the_scope_is_answered_without_a_look<C: Chat>() {
    let gate = Gate::shut();
    gate.open();
    let chat = C::open(&Team::with(
        &open_scope(),
        cluster("web-1 is broken", &gate),
    ))
    .await;
    let answer = chat.mentions("crashloop -n payments").await;
    answer.answers_with(CRASHLOOP);
    answer.shows("outside what I may look at from here");
    assert!(!answer.is_private);
    let told = chat.asks("status payments").await;
    assert!(told.is_private);
    told.shows("That is outside what I may look at from here.");
    chat.close().await;
}

pub async fn an_entry_that_is_too_long_keeps_its_commands_whole_and_leads_to_the_rest<C: Chat>() {
    let command = |number: usize| {
        format!("kubectl get pods -n namespace-{number} -o wide --sort-by=.status.startTime")
    };
    let item = |number: usize| {
        let cause =
            format!("Cause {number}: it is one of very many, and it takes a sentence to say so.");
        let fence = Block::Code {
            language: "sh".to_owned(),
            text: command(number),
        };
        vec![Block::Paragraph(vec![Inline::Text(cause)]), fence]
    };
    let causes = Block::List {
        start: None,
        items: (0..300).map(item).collect(),
    };
    let lead = vec![Inline::Text(
        "It is long, and this is its answer.".to_owned(),
    )];
    let long = entry(
        "long-entry",
        "Why is this entry so long?",
        lead,
        vec![causes],
    );
    let chat = C::open(&Team::of(vec![long])).await;
    for is_public in [false, true] {
        let answer = if is_public {
            chat.mentions("show long-entry").await
        } else {
            chat.asks("show long-entry").await
        };
        answer.answers_with("long-entry");
        answer.shows("It is long, and this is its answer.");
        answer.shows("Read more");
        answer.shows("show long-entry");
        assert!(answer.links.contains(&SOURCE.to_owned()));
        assert!(answer.commands.len() > 5, "{}", answer.commands.len());
        for (number, shown) in answer.commands.iter().enumerate() {
            assert_eq!(*shown, command(number));
        }
    }
    chat.close().await;
}

pub async fn a_fence_that_is_too_long_ends_between_two_lines<C: Chat>() {
    let lines: Vec<String> = (0..2_000)
        .map(|number| format!("kubectl delete pod web-{number} -n shop"))
        .collect();
    let fence = Block::Code {
        language: "sh".to_owned(),
        text: lines.join("\n"),
    };
    let lead = vec![Inline::Text("Delete them.".to_owned())];
    let chat = C::open(&Team::of(vec![entry(
        "long-fence",
        "How do I delete them all?",
        lead,
        vec![fence],
    )]))
    .await;
    let answer = chat.asks("show long-fence").await;
    answer.shows("show long-fence");
    let shown: Vec<&str> = answer
        .commands
        .iter()
        .flat_map(|fence| fence.lines())
        .collect();
    assert!(shown.len() > 20, "{}", shown.len());
    assert_eq!(shown, lines[..shown.len()]);
    chat.close().await;
}

pub async fn hostile_text_is_shown_as_it_stands<C: Chat>() {
    let text = |text: &str| vec![Inline::Text(text.to_owned())];
    let body = vec![
        Block::Heading {
            level: 2,
            text: text(HOSTILE),
        },
        Block::Paragraph(text(HOSTILE)),
        Block::Paragraph(text(INVISIBLE)),
        Block::Paragraph(vec![Inline::Code("`<!channel>` @everyone".to_owned())]),
        Block::Code {
            language: "sh".to_owned(),
            text: format!("echo '{HOSTILE}'"),
        },
    ];
    let hostile = entry(
        "hostile-entry",
        &format!("Why {HOSTILE}?"),
        text(HOSTILE),
        body,
    );
    let team = Team::of(vec![hostile]);
    let chat = C::open(&team).await;
    let private = chat.asks("show hostile-entry").await;
    let public = chat.mentions("show hostile-entry").await;
    let shared = chat.uses(&private, Use::Share).await;
    for answer in [private, public, shared] {
        answer.answers_with("hostile-entry");
        // Title, lead, heading and paragraph read as they were written.
        let count = answer.words.matches(HOSTILE).count();
        assert!(count >= 4, "{count} in\n{}", answer.words);
        answer.shows("`<!channel>` @everyone");
        answer.shows("[31mend");
        assert!(
            !answer
                .words
                .contains(['\u{202e}', '\u{0}', '\u{1b}', '\u{2066}', '\u{feff}'])
        );
        assert!(
            answer.links.iter().all(|link| link == SOURCE),
            "{:?}",
            answer.links
        );
        assert!(answer.calls.is_empty(), "{:?}", answer.calls);
        let sharers = usize::from(answer.words.contains("Shared by"));
        assert_eq!(answer.mentions.len(), sharers, "{:?}", answer.mentions);
    }
    chat.close().await;
}

pub async fn hostile_text_from_a_cluster_is_shown_as_it_stands<C: Chat>() {
    let gate = Gate::shut();
    gate.open();
    let chat = C::open(&Team::with(&open_scope(), cluster(HOSTILE, &gate))).await;
    let answer = chat.mentions("crashloop").await;
    let whole = chat.later(&answer).await;
    whole.shows(HOSTILE);
    assert!(
        whole.mentions.is_empty() && whole.calls.is_empty(),
        "{:?}",
        whole.mentions
    );
    assert!(
        !whole.links.iter().any(|link| link.contains("evil")),
        "{:?}",
        whole.links
    );
    chat.close().await;
}

pub async fn a_question_full_of_marks_is_answered_and_calls_nobody<C: Chat>() {
    let chat = C::open(&Team::new()).await;
    let line = format!("{BACK_OFF}\n{HOSTILE}{INVISIBLE}");
    for answer in [
        chat.asks(&line).await,
        chat.mentions(&line).await,
        chat.asks_about(&line).await,
    ] {
        answer.answers_with(CRASHLOOP);
        answer.hides("evil");
        // The message command names the message that it is about, and nobody is called.
        assert!(
            answer.mentions.is_empty() && answer.calls.is_empty(),
            "{:?}",
            answer.mentions
        );
    }
    let nothing = chat.asks(HOSTILE).await;
    assert!(
        nothing.mentions.is_empty() && nothing.calls.is_empty(),
        "{:?}",
        nothing.mentions
    );
    chat.close().await;
}

pub async fn who_asks_too_often_is_told_when_to_go_on<C: Chat>() {
    let chat = C::open(&Team::in_channel(
        &json!({"limits": {"person_per_minute": 4}}),
    ))
    .await;
    // Half a minute's worth may come at once.
    for _ in 0..2 {
        chat.asks("crashloop").await.answers_with(CRASHLOOP);
    }
    let told = chat.asks("crashloop").await;
    assert!(told.is_private && told.entry.is_none());
    told.shows("That was a lot at once. Ask again in ");
    chat.close().await;
}

pub async fn a_channel_that_is_asked_too_often_is_spared<C: Chat>() {
    let team = Team::in_channel(&json!({"limits": {"channel_per_minute": 4}}));
    let chat = C::open(&team).await;
    for _ in 0..2 {
        chat.mentions("crashloop").await.answers_with(CRASHLOOP);
    }
    // What only the asker sees disturbs nobody, so it goes on; before everyone it does not.
    let private = chat.asks("crashloop").await;
    private.answers_with(CRASHLOOP);
    let told = chat.uses(&private, Use::Share).await;
    assert!(told.is_private && told.entry.is_none());
    told.shows("Ask again in ");
    chat.close().await;
}

pub async fn what_is_too_much_at_once_is_told_so<C: Chat>() {
    let chat = C::open(&Team::with(&json!({}), crowded)).await;
    for told in [
        chat.asks("crashloop").await,
        chat.asks_about(BACK_OFF).await,
    ] {
        assert!(told.is_private && told.entry.is_none());
        told.shows("I have my hands full right now. Ask again in a few seconds.");
    }
    chat.close().await;
}

pub async fn a_panic_is_apologised_for_and_survived<C: Chat>() {
    static BROKEN: AtomicUsize = AtomicUsize::new(0);
    let breaks = |request: &Request| {
        let (Action::Command { text } | Action::Mention { text }) = &request.action else {
            return None;
        };
        (text == "break").then(|| {
            async {
                BROKEN.fetch_add(1, Ordering::Relaxed);
                panic!("as was asked")
            }
            .boxed()
        })
    };
    let chat = C::open(&Team::new().saying(breaks)).await;
    let told = chat.asks("break").await;
    assert!(told.is_private);
    told.shows("Something broke on my side, I am sorry.");
    chat.mentions("break")
        .await
        .shows("Something broke on my side, I am sorry.");
    assert!(BROKEN.load(Ordering::Relaxed) >= 2);
    chat.asks("crashloop").await.answers_with(CRASHLOOP);
    chat.mentions("crashloop").await.answers_with(CRASHLOOP);
    chat.close().await;
}

pub async fn an_incident_channel_gets_a_screenful<C: Chat>() {
    let chat = C::open(&Team::in_channel(&json!({"mode": "incident"}))).await;
    let answer = chat.mentions("crashloop").await;
    answer.answers_with(CRASHLOOP);
    assert!(!answer.commands.is_empty());
    answer.shows("show pod-crashloopbackoff");
    let size = answer.words.chars().count();
    assert!(size < 1_500, "{size} characters:\n{}", answer.words);
    chat.close().await;
}

pub async fn a_muted_channel_says_why<C: Chat>() {
    let chat = C::open(&Team::in_channel(&json!({"mode": "muted"}))).await;
    for told in [
        chat.asks("crashloop").await,
        chat.asks_about(BACK_OFF).await,
    ] {
        assert!(told.is_private && told.entry.is_none());
        told.shows("I am muted in this channel.");
    }
    chat.close().await;
}

pub async fn an_entry_that_is_gone_is_said_to_be<C: Chat>() {
    let team = Team::new().saying(unsure);
    let chat = C::open(&team).await;
    let choices = chat.asks("pending").await;
    let gone = choices.choices[0].clone();
    let lead = vec![Inline::Text("Another.".to_owned())];
    let catalog =
        k8sfaq::faq::catalog::Catalog::of([entry("another", "What else?", lead, Vec::new())]);
    team.bot
        .replace_faq(k8sfaq::faq::answer::Faq::new(catalog).unwrap());
    let told = chat.uses(&choices, Use::Choose(&gone)).await;
    assert!(told.is_private && told.entry.is_none());
    told.shows("That answer is no longer in the FAQ.");
    chat.close().await;
}
