//! Live evidence in chat: what the bot shows of a real cluster, and what it keeps to itself.

use std::collections::BTreeMap;

use k8sfaq::bot::Bot;
use k8sfaq::bot::policy::{People, Policy};
use k8sfaq::bot::reply::{Evidence, Reply, Shown};
use k8sfaq::bot::request::{Action, Person, Place, PlaceKind, Platform, Request};
use k8sfaq::bot::source;
use k8sfaq::faq::answer::Faq;
use k8sfaq::faq::catalog::Catalog;
use k8sfaq::faq::markdown::plain_blocks;
use k8sfaq::state::State;
use serde_json::json;

use crate::evidence::CHECKOUT;
use crate::namespace::Namespace;
use crate::server::Server;

/// A bot whose channel C1 may look at these namespaces.
fn bot(namespaces: &[&str]) -> Bot {
    let cluster =
        json!({"here": {"kubeconfig": Server::get().kubeconfig(), "deadline_ms": 30_000}});
    let clusters: BTreeMap<String, k8sfaq::cluster::Settings> =
        serde_json::from_value(cluster).unwrap();
    let scope = json!({"clusters": ["here"], "namespaces": namespaces});
    let channels = json!({"slack": {"C1": {"scope": scope}}});
    let policy = Policy::new(serde_json::from_value(channels).unwrap(), People::default());
    let faq = Faq::new(Catalog::shipped()).unwrap();
    Bot::new(faq, State::in_memory().unwrap())
        .with_policy(policy)
        .with_clusters(source::clusters(&clusters).unwrap())
}

/// Asks in a channel, and waits for what the cluster shows.
async fn ask(bot: &Bot, channel: &str, text: &str) -> Shown {
    let request = Request {
        person: Person {
            id: "U1".to_owned(),
            groups: Vec::new(),
        },
        place: Place {
            platform: Platform::Slack,
            workspace: Some("T1".to_owned()),
            channel: channel.to_owned(),
            thread: None,
            kind: PlaceKind::Channel,
        },
        action: Action::Command {
            text: text.to_owned(),
        },
    };
    let shown = bot.handle(request).await;
    match shown.lookup {
        Some(lookup) => bot.evidence(lookup).await,
        None => shown,
    }
}

/// The id of the entry that answers, its steps, and what the cluster shows beside it.
fn answer(shown: Shown) -> (String, String, String) {
    let Reply::Answer(answer) = shown.reply else {
        panic!("no answer: {:?}", shown.reply);
    };
    let evidence = match answer.evidence {
        Evidence::Shown(blocks) => plain_blocks(&blocks),
        other => format!("{other:?}"),
    };
    (answer.id.to_string(), plain_blocks(&answer.steps), evidence)
}

fn status(shown: Shown) -> String {
    match shown.reply {
        Reply::Status(blocks) => plain_blocks(&blocks),
        other => format!("{other:?}"),
    }
}

#[tokio::test]
async fn an_answer_carries_what_the_scope_shows_and_its_real_names() {
    let namespace = Namespace::create("chat-answer").await;
    namespace.apply(CHECKOUT).await;
    let (id, steps, evidence) = answer(ask(&bot(&[&namespace.name]), "C1", "crashloop").await);
    assert_eq!(id, "pod-crashloopbackoff");
    assert!(steps.contains("checkout-7899d5c6b8-x2x9z"), "{steps}");
    assert!(
        evidence.contains("CrashLoopBackOff") && evidence.contains("Cluster here"),
        "{evidence}"
    );
}

#[tokio::test]
async fn an_object_that_a_question_names_is_answered_by_the_entry_of_its_worst_finding() {
    let namespace = Namespace::create("chat-object").await;
    namespace.apply(CHECKOUT).await;
    let question = format!("why is checkout in {} not ready", namespace.name);
    let (id, _, evidence) = answer(ask(&bot(&[&namespace.name]), "C1", &question).await);
    assert_eq!(id, "pod-crashloopbackoff", "{evidence}");
}

#[tokio::test]
async fn a_pattern_of_namespaces_holds_what_it_names_and_nothing_beside() {
    let (inside, outside) = (
        Namespace::create("chat-in").await,
        Namespace::create("chat-out").await,
    );
    inside.apply(CHECKOUT).await;
    outside.apply(CHECKOUT).await;
    let said = status(ask(&bot(&["chat-in*"]), "C1", "status").await);
    assert!(said.contains(&inside.name), "{said}");
    assert!(!said.contains(&outside.name), "{said}");
}

#[tokio::test]
async fn nobody_can_ask_outside_the_scope_and_whether_it_exists_is_not_said() {
    let outside = Namespace::create("chat-secret").await;
    outside.apply(CHECKOUT).await;
    let bot = bot(&["chat-none"]);
    let there = format!("pod {}/checkout-7899d5c6b8-x2x9z crashloop", outside.name);
    let said = status(ask(&bot, "C1", &there).await);
    let nowhere = "pod chat-nowhere/checkout-7899d5c6b8-x2x9z crashloop";
    assert_eq!(said, status(ask(&bot, "C1", nowhere).await));
    assert!(said.contains("outside what I may look at"), "{said}");
}

#[tokio::test]
async fn a_channel_without_a_scope_gets_the_plain_answer() {
    let (_, steps, evidence) = answer(ask(&bot(&["default"]), "C2", "crashloop").await);
    assert_eq!(evidence, "NotLookedUp");
    assert!(steps.contains("<pod>"), "{steps}");
}
