//! Mentions, replies, direct messages and watched channels.

use std::sync::Arc;

use k8sfaq::bot::evidence::{Clusters, Found};
use k8sfaq::bot::metrics::LookedUp;
use k8sfaq::bot::policy::{self, People, Policy};
use k8sfaq::faq::markdown::{Block, Inline};
use serde_json::{Value, json};

use super::bot::{Running, With, message_of, plain, seen, written};
use super::fake::{
    ALICE, BOB, BOT, CHANNEL, DIRECT, EMBED_LINKS, Fake, HISTORY, SEND, THREAD, VIEW, user,
};

const DENIED: &str = "k8sfaq_api_errors_total{adapter=\"discord\",code=\"denied\"}";

fn with_policy(discord: &Value) -> k8sfaq::bot::Bot {
    let channels: policy::Settings =
        serde_json::from_value(json!({"discord": discord})).expect("settings");
    plain().with_policy(Policy::new(channels, People::default()))
}

/// A bot whose clusters show one line.
fn with_clusters(discord: &Value, line: &'static str) -> k8sfaq::bot::Bot {
    with_policy(discord).with_clusters(Clusters {
        names: vec!["prod".to_owned()],
        source: Arc::new(move |_| {
            Box::pin(async move {
                Found {
                    blocks: vec![Block::Paragraph(vec![Inline::Text(line.to_owned())])],
                    values: std::iter::once(("pod".to_owned(), "web-7".to_owned())).collect(),
                    version: None,
                    entry: None,
                    is_well: false,
                    outcome: LookedUp::Found,
                }
            })
        }),
        deadline: std::time::Duration::from_secs(2),
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mention_anywhere_is_answered_by_a_reply_that_pings_nobody() {
    let bot = Running::start().await;
    let texts = [
        format!("<@{BOT}> how do I port-forward to a pod"),
        format!("kubectl <@!{BOT}> exec shell"),
        format!("exit code 137 <@{BOT}>"),
    ];
    let ids = ["_port-forward", "_exec-into-pod", "_oomkilled-exit-137"];
    for (text, id) in texts.iter().zip(ids) {
        let message = written(bot.fake.id(), text);
        let answer = bot.sends(message.clone()).await;
        assert!(seen(&answer).contains(id), "{}", seen(&answer));
        assert_eq!(answer["channel_id"], CHANNEL.to_string());
        assert_eq!(
            answer["message_reference"],
            json!({"message_id": message["id"], "channel_id": CHANNEL.to_string(), "fail_if_not_exists": false})
        );
        assert_eq!(
            answer["allowed_mentions"],
            json!({"parse": [], "replied_user": false})
        );
    }
    bot.ends().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mention_alone_is_answered_with_help() {
    let bot = Running::start().await;
    let answer = bot.says(&format!("<@{BOT}>")).await;
    assert!(
        seen(&answer).starts_with("I answer Kubernetes questions"),
        "{}",
        seen(&answer)
    );
    bot.ends().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mention_under_somebodys_message_asks_about_that_message() {
    let bot = Running::start().await;
    let mut message = written(bot.fake.id(), &format!("<@{BOT}>"));
    message["type"] = json!(19);
    message["referenced_message"] = message_of(BOB, "0/3 nodes are available: 3 Insufficient cpu.");
    let answer = bot.sends(message).await;
    assert!(seen(&answer).contains("pod-pending"), "{}", seen(&answer));
    bot.ends().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_for_the_bot_is_ignored() {
    let bot = Running::start().await;
    let new = || bot.fake.id();
    bot.ignores(written(new(), "crashloop, anyone?")).await;
    let mut everyone = written(new(), "@everyone crashloop");
    everyone["mention_everyone"] = json!(true);
    bot.ignores(everyone).await;
    let mention = format!("<@{BOT}> crashloop");
    let mut robot = written(new(), &mention);
    robot["author"]["bot"] = json!(true);
    bot.ignores(robot).await;
    let mut webhook = written(new(), &mention);
    webhook["webhook_id"] = json!("1");
    bot.ignores(webhook).await;
    let mut own = written(new(), &mention);
    own["author"] = user(BOT);
    bot.ignores(own).await;
    let mut joined = written(new(), "");
    joined["type"] = json!(7);
    bot.ignores(joined).await;
    bot.fake
        .dispatch("MESSAGE_UPDATE", written(new(), &mention));
    bot.ignores(written(new(), "nothing")).await;
    bot.ends().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reply_to_the_bot_with_text_is_a_question_and_without_text_is_none() {
    let bot = Running::start().await;
    let mut reply = written(bot.fake.id(), "how do I port-forward to a pod?");
    reply["type"] = json!(19);
    reply["mentions"] = json!([user(BOT)]);
    reply["referenced_message"] = message_of(BOT, "an answer of mine");
    let answer = bot.sends(reply.clone()).await;
    assert!(seen(&answer).contains("_port-forward"), "{}", seen(&answer));
    let mut empty = reply;
    empty["id"] = json!(bot.fake.id().to_string());
    empty["content"] = json!("");
    bot.ignores(empty).await;
    bot.ends().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_direct_message_needs_no_mention() {
    let bot = Running::start().await;
    let mut message = written(bot.fake.id(), "how do I port-forward to a pod");
    message
        .as_object_mut()
        .expect("a message")
        .remove("guild_id");
    message.as_object_mut().expect("a message").remove("member");
    message["channel_id"] = json!(DIRECT.to_string());
    let answer = bot.sends(message).await;
    assert!(seen(&answer).contains("_port-forward"), "{}", seen(&answer));
    bot.ends().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thread_follows_its_channels_policy_and_is_answered_in_itself() {
    let bot = with_policy(&json!({CHANNEL.to_string(): {"mode": "incident"}}));
    let bot = Running::start_with(Arc::new(bot)).await;
    let mut message = written(bot.fake.id(), &format!("<@{BOT}> crashloop"));
    message["channel_id"] = json!(THREAD.to_string());
    let answer = bot.sends(message).await;
    assert_eq!(answer["channel_id"], THREAD.to_string());
    let text = answer["embeds"][0]["description"].as_str().expect("a text");
    assert!(
        text.chars().count() < 1500,
        "an incident's answer is terse: {text}"
    );
    assert!(text.contains("… [Read more]"), "{text}");
    bot.ends().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_discord_tells_of_twice_is_answered_once() {
    let bot = Running::start().await;
    let message = written(bot.fake.id(), &format!("<@{BOT}> crashloop"));
    bot.sends(message.clone()).await;
    bot.ignores(message).await;
    bot.ends().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_embed_links_a_reply_is_text_from_then_on() {
    let bot = Running::start().await;
    bot.fake.with(|state| state.permissions &= !EMBED_LINKS);
    let sends = |bot: &Running| {
        bot.fake.with(|state| {
            state
                .requests
                .iter()
                .filter(|sent| sent.path.ends_with("/messages"))
                .count()
        })
    };
    let answer = bot.says(&format!("<@{BOT}> crashloop")).await;
    assert!(answer["embeds"].is_null());
    assert!(
        answer["content"]
            .as_str()
            .expect("a text")
            .contains("CrashLoopBackOff")
    );
    assert_eq!(sends(&bot), 2);
    bot.counts(DENIED, 1).await;
    bot.slash("help").await;
    bot.says(&format!("<@{BOT}> how do I port-forward to a pod"))
        .await;
    assert_eq!(sends(&bot), 3);
    bot.ends().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_channel_that_allows_nothing_is_tried_once_and_then_left_alone() {
    for (permissions, tries) in [(VIEW | HISTORY | EMBED_LINKS, 2), (SEND, 1)] {
        let bot = Running::start().await;
        bot.fake.with(|state| state.permissions = permissions);
        let asks = |question: &str| {
            let mention = format!("<@{BOT}> {question}");
            bot.fake
                .dispatch("MESSAGE_CREATE", written(bot.fake.id(), &mention));
        };
        asks("crashloop");
        bot.counts(DENIED, tries).await;
        // A slash command comes after it, and is answered through its own token.
        bot.slash("help").await;
        asks("how do I port-forward to a pod");
        asks("exit code 137");
        bot.slash("help").await;
        let mentions = "k8sfaq_events_total{adapter=\"discord\",type=\"mention\"}";
        bot.counts(mentions, 3).await;
        let fake = bot.fake.clone();
        bot.ends().await;
        let sends = fake.with(|state| {
            state
                .requests
                .iter()
                .filter(|sent| sent.path.ends_with("/messages"))
                .count()
        });
        assert_eq!(sends as u64, tries);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watched_channel_is_offered_an_answer_to_an_error_line_once() {
    let watched = json!({CHANNEL.to_string(): {"mode": "incident", "watch": true, "watch_bots": ["alertmanager"]}});
    let fake = Fake::start().await;
    fake.with(|state| state.allows_message_content = true);
    let bot = With::fake(&fake, Arc::new(with_policy(&watched))).launch(&fake);
    bot.logged_in().await;
    let intents = fake.with(|state| state.logins[0].intents);
    assert_eq!(intents, 4609 + 32_768);
    let line = "Back-off restarting failed container app in pod web-5d9c7";
    let offer = bot.says(line).await;
    assert!(
        seen(&offer).contains("pod-crashloopbackoff"),
        "{}",
        seen(&offer)
    );
    assert!(
        !seen(&offer).contains("k1:del:"),
        "nobody asked: {}",
        seen(&offer)
    );
    bot.ignores(written(fake.id(), line)).await;
    bot.ignores(written(fake.id(), "why is everything so slow today"))
        .await;

    let mut alert = written(fake.id(), "");
    alert["channel_id"] = json!(THREAD.to_string());
    alert["webhook_id"] = json!("900");
    alert["author"] = json!({"id": "900", "username": "Alertmanager", "bot": true});
    alert["embeds"] = json!([{"title": "KubePodCrashLooping", "description": line}]);
    let mut other = alert.clone();
    other["id"] = json!(fake.id().to_string());
    other["author"]["username"] = json!("weather");
    bot.ignores(other).await;
    let offer = bot.sends(alert).await;
    assert!(
        seen(&offer).contains("[No more offers here | k1:mute]"),
        "{}",
        seen(&offer)
    );
    bot.ends().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_cluster_shows_is_put_into_the_same_message() {
    let scope =
        json!({CHANNEL.to_string(): {"scope": {"clusters": ["prod"], "namespaces": ["*"]}}});
    let bot = Running::start_with(Arc::new(with_clusters(
        &scope,
        "web-7: exit code 1 @everyone",
    )))
    .await;
    bot.says(&format!("<@{BOT}> crashloop")).await;
    let edited = bot
        .fake
        .until("the message is edited", |state| {
            let message = state.messages.first()?;
            seen(message)
                .contains("exit code 1 @\u{200b}everyone")
                .then(|| message.clone())
        })
        .await;
    assert!(
        seen(&edited).contains("kubectl describe pod web-7"),
        "{}",
        seen(&edited)
    );
    assert_eq!(edited["allowed_mentions"]["parse"], json!([]));

    let answer = bot.slash("how do I port-forward to a pod").await;
    assert!(!answer.is_private);
    bot.ends().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_only_some_may_see_goes_to_the_asker_alone() {
    let scope = json!({CHANNEL.to_string(): {"scope": {"clusters": ["prod"], "namespaces": ["*"], "users": [ALICE.to_string()]}}});
    let bot = Running::start_with(Arc::new(with_clusters(&scope, "web-7: exit code 1"))).await;
    bot.says(&format!("<@{BOT}> crashloop")).await;
    let private = bot
        .fake
        .until("a direct message", |state| {
            state
                .messages
                .iter()
                .find(|message| message["channel_id"].as_str() == Some(&DIRECT.to_string()))
                .cloned()
        })
        .await;
    assert!(seen(&private).contains("exit code 1"), "{}", seen(&private));
    let public = bot.fake.with(|state| state.messages[0].clone());
    assert!(!seen(&public).contains("exit code 1"), "{}", seen(&public));

    let answer = bot.slash("oomkilled").await;
    assert!(!answer.is_private);
    let whispered = bot
        .fake
        .until("a follow-up", |state| {
            state
                .interactions
                .values()
                .find_map(|call| call.follow_ups.first().cloned())
        })
        .await;
    assert_eq!(whispered["flags"], 64);
    bot.ends().await;
}
