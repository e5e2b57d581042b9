//! Buttons and selects.

use serde_json::json;

use super::bot::{Running, With, seen, shipped};
use super::fake::{ALICE, BOB, MANAGE_MESSAGES, member, user};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vote_is_thanked_for_privately_and_counted() {
    let bot = Running::start().await;
    for (vote, said) in [
        ("up", "Thanks, noted."),
        (
            "down",
            "Thanks, noted. What was wrong with it? (You need not say.)\n\
             [Not my problem | k1:why:wrong_topic:pod-pending] [Out of date | k1:why:out_of_date:pod-pending] \
             [A step is missing | k1:why:missing_step:pod-pending] [Hard to follow | k1:why:hard_to_read:pod-pending]",
        ),
    ] {
        let thanks = bot
            .presses(&format!("k1:{vote}:pod-pending"), json!({}))
            .await;
        assert!(thanks.is_private);
        assert_eq!(seen(thanks.message.as_ref().expect("a message")), said);
    }
    let thanks = bot
        .presses("k1:why:out_of_date:pod-pending", json!({}))
        .await;
    assert_eq!(thanks.acknowledged.expect("acknowledged").0, 7);
    assert_eq!(
        seen(thanks.message.as_ref().expect("a message")),
        "Thanks, that helps to mend it."
    );
    assert_eq!(
        bot.metric("k8sfaq_vote_reasons_total{adapter=\"discord\",why=\"out_of_date\"}"),
        Some(1)
    );
    let votes = |vote: &str| {
        bot.metric(&format!(
            "k8sfaq_votes_total{{adapter=\"discord\",vote=\"{vote}\"}}"
        ))
    };
    assert_eq!((votes("up"), votes("down")), (Some(1), Some(1)));
    bot.ends().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn buttons_of_before_a_restart_still_work() {
    let first = Running::start().await;
    let answer = first.slash("crashloop").await;
    let text = seen(answer.message.as_ref().expect("a message"));
    let fake = first.fake.clone();
    first.ends().await;

    let second = With::fake(&fake, shipped()).launch(&fake);
    fake.until("a second login", |state| {
        (state.logins.len() == 2).then_some(())
    })
    .await;
    assert!(text.contains("k1:up:pod-crashloopbackoff"), "{text}");
    let thanks = second
        .presses("k1:up:pod-crashloopbackoff", json!({}))
        .await;
    assert_eq!(
        seen(thanks.message.as_ref().expect("a message")),
        "Thanks, noted."
    );
    second.ends().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_is_taken_away_by_the_asker_and_by_moderators_only() {
    let bot = Running::start().await;
    let of_alice = format!("k1:del:{ALICE}");
    let by_alice = bot.presses(&of_alice, json!({})).await;
    assert_eq!(by_alice.acknowledged.expect("acknowledged").0, 6);
    let by_bob = bot
        .presses(&of_alice, json!({"member": member(BOB, 0)}))
        .await;
    assert!(by_bob.is_private);
    insta::assert_snapshot!(seen(by_bob.message.as_ref().expect("a message")), @r"Only the person who asked, or somebody who may manage messages here, can take this answer away.");
    let moderator = member(BOB, MANAGE_MESSAGES);
    let by_moderator = bot.presses(&of_alice, json!({"member": moderator})).await;
    assert_eq!(by_moderator.acknowledged.expect("acknowledged").0, 6);
    bot.fake
        .until("two answers are gone", |state| {
            (state
                .interactions
                .values()
                .filter(|call| call.is_deleted)
                .count()
                == 2)
                .then_some(())
        })
        .await;
    bot.ends().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_in_a_direct_message_is_taken_away_by_its_asker() {
    let bot = Running::start().await;
    let direct = json!({"guild_id": null, "member": null, "user": user(ALICE), "context": 1});
    let gone = bot.presses(&format!("k1:del:{ALICE}"), direct).await;
    assert_eq!(gone.acknowledged.expect("acknowledged").0, 6);
    bot.ends().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_related_entry_is_shown_privately_in_a_message_of_its_own() {
    let bot = Running::start().await;
    let answer = bot.slash("crashloop").await;
    let message = answer.message.expect("a message");
    let select = &message["components"][1]["components"][0];
    let values: Vec<&str> = select["options"]
        .as_array()
        .expect("options")
        .iter()
        .filter_map(|option| option["value"].as_str())
        .collect();
    assert!(
        values.len() <= 25 && !values.contains(&"pod-crashloopbackoff"),
        "{values:?}"
    );
    let chosen = bot
        .chooses(select["custom_id"].as_str().expect("an id"), values[0])
        .await;
    assert!(chosen.is_private);
    assert_eq!(chosen.acknowledged.expect("acknowledged").0, 4);
    assert!(seen(chosen.message.as_ref().expect("a message")).contains(values[0]));
    bot.ends().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_choice_takes_the_place_of_the_choices() {
    let bot = Running::start().await;
    let choices = bot.slash("certificate").await;
    let message = choices.message.expect("a message");
    let select = &message["components"][0]["components"][0];
    assert_eq!(select["custom_id"], "k1:swap");
    let value = select["options"][0]["value"].as_str().expect("a value");
    let chosen = bot.chooses("k1:swap", value).await;
    assert_eq!(chosen.acknowledged.expect("acknowledged").0, 7);
    let message = chosen.message.as_ref().expect("a message");
    assert_eq!(message["content"], "", "what was there before is gone");
    assert!(
        seen(message).contains(&format!("_{value}")),
        "{}",
        seen(message)
    );
    bot.ends().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_private_answer_is_shared_with_everyone_under_the_sharers_name() {
    let bot = Running::start().await;
    let shared = bot.presses("k1:share:pod-pending", json!({})).await;
    assert!(!shared.is_private);
    let message = shared.message.as_ref().expect("a message");
    assert!(
        seen(message).starts_with(&format!("Shared by <@{ALICE}>")),
        "{}",
        seen(message)
    );
    assert_eq!(
        message["allowed_mentions"],
        json!({"parse": [], "replied_user": false})
    );
    bot.ends().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_component_of_another_version_is_told_to_be_no_longer_available() {
    let bot = Running::start().await;
    for id in [
        "k0:up:pod-pending",
        "tag:delete",
        "k1:up:Not An Id",
        "k9:x:y:z",
    ] {
        let outdated = bot.presses(id, json!({})).await;
        assert!(outdated.is_private);
        insta::allow_duplicates! {
            insta::assert_snapshot!(seen(outdated.message.as_ref().expect("a message")), @r"This button is no longer available: it is from an older version of me. Ask again, and you get fresh ones.");
        }
    }
    let gone = bot.chooses("k1:pick", "an-entry-that-went").await;
    assert!(gone.is_private);
    insta::assert_snapshot!(seen(gone.message.as_ref().expect("a message")), @r"That answer is no longer in the FAQ. Ask your question again to find its successor.");
    bot.ends().await;
}
