//! Trouble with Discord's REST interface.

use std::sync::Arc;
use std::time::{Duration, Instant};

use k8sfaq::bot::health::Verdict;
use k8sfaq::discord::{self, Answers, Settings, manifest};
use secrecy::SecretString;
use serde_json::{Value, json};

use super::bot::{Running, With, seen, shipped, written};
use super::fake::{BOT, CHANNEL, Fake, TOKEN};

fn posts(bot: &Running) -> Vec<(u16, Instant)> {
    bot.fake.with(|state| {
        let posts = state
            .requests
            .iter()
            .filter(|sent| sent.path.ends_with("/messages"));
        posts.map(|sent| (sent.status, sent.at)).collect()
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rate_limit_on_a_channel_is_waited_for() {
    let bot = Running::start().await;
    bot.fake.fail(
        "/messages",
        1,
        429,
        json!({"message": "limited", "retry_after": 0.7, "global": false}),
    );
    bot.says(&format!("<@{BOT}> crashloop")).await;
    let posts = posts(&bot);
    assert_eq!(posts.len(), 2);
    let pause = posts[1].1 - posts[0].1;
    assert!(pause >= Duration::from_millis(690), "{pause:?}");
    bot.ends().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_global_rate_limit_holds_every_channel_up() {
    let bot = Running::start().await;
    bot.fake.fail(
        "/messages",
        1,
        429,
        json!({"message": "limited", "retry_after": 0.8, "global": true}),
    );
    bot.fake.dispatch(
        "MESSAGE_CREATE",
        written(bot.fake.id(), &format!("<@{BOT}> crashloop")),
    );
    let limited = bot
        .fake
        .until("the limit is met", |state| {
            state
                .requests
                .iter()
                .find(|sent| sent.status == 429)
                .map(|sent| sent.at)
        })
        .await;
    // What the fake has answered the bot may not have read yet.
    let limits = "k8sfaq_api_errors_total{adapter=\"discord\",code=\"rate_limited\"}";
    bot.counts(limits, 1).await;
    let mut elsewhere = written(
        bot.fake.id(),
        &format!("<@{BOT}> how do I port-forward to a pod"),
    );
    elsewhere["channel_id"] = json!((CHANNEL + 77).to_string());
    bot.fake.dispatch("MESSAGE_CREATE", elsewhere);
    bot.fake
        .until("both are sent", |state| {
            (state.messages.len() == 2).then_some(())
        })
        .await;
    for (status, at) in posts(&bot) {
        assert!(
            status == 429 || at - limited >= Duration::from_millis(790),
            "{:?}",
            at - limited
        );
    }
    bot.ends().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rate_limit_on_an_interaction_is_tried_again_once_if_that_is_in_time() {
    let bot = Running::start().await;
    bot.fake.fail(
        "/callback",
        1,
        429,
        json!({"message": "limited", "retry_after": 0.3, "global": false}),
    );
    let answer = bot.slash("crashloop").await;
    assert!(answer.message.is_some());
    bot.fake.fail(
        "/callback",
        1,
        429,
        json!({"message": "limited", "retry_after": 30.0, "global": false}),
    );
    let options = json!([{"name": "question", "type": 3, "value": "port forward"}]);
    let id = bot.fake.interaction(
        2,
        json!({"id": "600", "name": "k8sfaq", "type": 1, "options": options}),
        json!({}),
    );
    let path = format!("/interactions/{id}/");
    bot.fake
        .until("it is limited", |state| {
            state
                .requests
                .iter()
                .any(|sent| sent.path.contains(&path))
                .then_some(())
        })
        .await;
    bot.slash("help")
        .await
        .acknowledged
        .expect("the next is answered");
    let tries = bot.fake.with(|state| {
        state
            .requests
            .iter()
            .filter(|sent| sent.path.contains(&path))
            .count()
    });
    assert_eq!(tries, 1);
    bot.shutdown.cancel();
    bot.task.await.expect("no panic").expect("no error");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn trouble_of_discords_own_is_tried_again_once() {
    let bot = Running::start().await;
    bot.fake.fail("/callback", 1, 502, json!({}));
    assert!(bot.slash("crashloop").await.message.is_some());
    bot.ends().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_hangs_ends_by_its_time_out_and_the_second_try_is_in_time() {
    let bot = Running::start().await;
    bot.fake.hang("/callback", 1);
    let answer = bot.slash("crashloop").await;
    let (_, after) = answer.acknowledged.expect("acknowledged");
    assert!(after < Duration::from_secs(3), "{after:?}");
    bot.ends().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_gone_or_answered_by_somebody_else_is_left_alone() {
    for (status, code) in [(404, 10_062), (400, 40_060), (404, 10_008), (404, 10_015)] {
        let bot = Running::start().await;
        bot.fake.fail(
            "/callback",
            1,
            status,
            json!({"message": "gone", "code": code}),
        );
        let options = json!([{"name": "question", "type": 3, "value": "crashloop"}]);
        let id = bot.fake.interaction(
            2,
            json!({"id": "600", "name": "k8sfaq", "type": 1, "options": options}),
            json!({}),
        );
        let path = format!("/interactions/{id}/");
        bot.fake
            .until("it is refused", |state| {
                state
                    .requests
                    .iter()
                    .any(|sent| sent.path.contains(&path))
                    .then_some(())
            })
            .await;
        bot.slash("help").await;
        let tries = bot.fake.with(|state| {
            state
                .requests
                .iter()
                .filter(|sent| sent.path.contains(&path))
                .count()
        });
        assert_eq!(tries, 1, "{code}");
        let name = if code == 40_060 {
            "answered_elsewhere"
        } else {
            "gone"
        };
        let errors = format!("k8sfaq_api_errors_total{{adapter=\"discord\",code=\"{name}\"}}");
        bot.counts(&errors, 1).await;
        bot.ends().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_bots_one_answers_a_slash_command() {
    let one = Running::start().await;
    let two = With::fake(&one.fake, shipped()).launch(&one.fake);
    one.fake
        .until("both are logged in", |state| {
            (state.logins.len() == 2).then_some(())
        })
        .await;
    let answer = one.slash("crashloop").await;
    assert!(answer.message.is_some());
    // The fake tells both of the same interaction, as Discord tells two sessions of one shard.
    let line = "k8sfaq_api_errors_total{adapter=\"discord\",code=\"answered_elsewhere\"}";
    let lost = async {
        while one.metric(line).or_else(|| two.metric(line)) != Some(1) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(120), lost)
        .await
        .expect("one of them comes second");
    let callbacks = |state: &mut super::fake::Fakes| {
        state
            .requests
            .iter()
            .filter(|sent| sent.path.ends_with("/callback") && sent.status == 204)
            .count()
    };
    assert_eq!(one.fake.with(callbacks), 1);
    two.ends().await;
    one.ends().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_is_revoked_stops_everything_at_once() {
    let bot = Running::start().await;
    bot.fake.fail(
        "/messages",
        1000,
        401,
        json!({"message": "401: Unauthorized", "code": 0}),
    );
    for _ in 0..300 {
        bot.fake.dispatch(
            "MESSAGE_CREATE",
            written(bot.fake.id(), &format!("<@{BOT}> crashloop")),
        );
    }
    bot.becomes_ready(false).await;
    let refused = posts(&bot).len();
    assert!(refused <= 100, "{refused} refused requests");
    bot.shutdown.cancel();
    let _ = bot.task.await.expect("no panic");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refusals_without_end_are_no_more_than_a_hundred() {
    let bot = Running::start().await;
    bot.fake.fail(
        "/messages",
        100_000,
        403,
        json!({"message": "Missing Access", "code": 50_001}),
    );
    for at in 0..400 {
        let mut message = written(bot.fake.id(), &format!("<@{BOT}> help"));
        message["channel_id"] = json!((CHANNEL + at).to_string());
        message["author"]["id"] = json!((900_000 + at).to_string());
        bot.fake.dispatch("MESSAGE_CREATE", message);
    }
    let unsent = "k8sfaq_api_errors_total{adapter=\"discord\",code=\"not_sent\"}";
    let stopped = async {
        while bot.metric(unsent).unwrap_or(0) < 50 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(120), stopped)
        .await
        .expect("it stops");
    let refused = posts(&bot).len();
    assert!(refused <= 100, "{refused} refused requests");
    bot.shutdown.cancel();
    let _ = bot.task.await.expect("no panic");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_commands_at_once_are_all_acknowledged_in_time() {
    let bot = Running::start().await;
    let data = |at: usize| {
        let text = ["help", "crashloop", "topics"][at % 3];
        let options = json!([{"name": "question", "type": 3, "value": text}]);
        json!({"id": "600", "name": "k8sfaq", "type": 1, "options": options})
    };
    let ids: Vec<u64> = (0..200)
        .map(|at| {
            let person = json!({"member": super::fake::member(800_000 + at as u64, 0)});
            bot.fake.interaction(2, data(at), person)
        })
        .collect();
    for id in ids {
        let (_, after) = bot.answered(id).await.acknowledged.expect("acknowledged");
        assert!(after < Duration::from_secs(3), "{after:?}");
    }
    bot.ends().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_exceeds_the_room_is_told_so() {
    /// What is worked on at once.
    const ROOM: usize = 256;
    /// More than that.
    const BEYOND: usize = 20;
    let (release, gate) = tokio::sync::watch::channel(false);
    let mut answers = Answers::from(shipped());
    let handle = Arc::clone(&answers.handle);
    answers.handle = Arc::new(move |request| {
        let (handle, mut gate) = (Arc::clone(&handle), gate.clone());
        Box::pin(async move {
            gate.wait_for(|is_open| *is_open).await.expect("the gate");
            handle(request).await
        })
    });
    let bot = Running::start_with(answers).await;
    let options = json!([{"name": "question", "type": 3, "value": "help"}]);
    let data = json!({"id": "600", "name": "k8sfaq", "type": 1, "options": options});
    let ids: Vec<u64> = (0..ROOM + BEYOND)
        .map(|_| bot.fake.interaction(2, data.clone(), json!({})))
        .collect();
    for id in &ids[ROOM..] {
        let told = bot.answered(*id).await;
        assert!(told.is_private);
        let text = seen(told.message.as_ref().expect("a message"));
        assert!(
            text.starts_with("I have my hands full right now."),
            "{text}"
        );
    }
    assert_eq!(
        bot.metric("k8sfaq_refusals_total{limit=\"in_work\"}"),
        Some(20)
    );
    release.send(true).expect("the gate");
    bot.ends().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_of_the_catalog_is_within_discords_limits() {
    let bot = Running::start().await;
    let ids: Vec<String> = bot
        .bot
        .faq()
        .catalog()
        .entries()
        .map(|entry| entry.id.to_string())
        .collect();
    assert!(ids.len() >= 128);
    for (at, id) in ids.iter().enumerate() {
        // Everyone asks once: a person's own limit is not what is tested here.
        let person = json!({"member": super::fake::member(800_000 + at as u64, 0), "channel_id": (CHANNEL + at as u64).to_string()});
        let options = json!([{"name": "question", "type": 3, "value": id}]);
        let answer = bot.slash_with(options, person).await;
        let message = answer.message.expect("a message");
        assert!(seen(&message).contains(&format!("_{id}")), "{id}");
        assert!(
            message["embeds"]
                .as_array()
                .is_some_and(|embeds| embeds.len() <= 3),
            "{id}"
        );
        assert!(
            !seen(&message).contains("for the whole entry."),
            "{id} is cut"
        );
    }
    bot.ends().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_doctor_sees_what_is_missing() {
    let fake = Fake::start().await;
    let settings = Settings {
        api_url: fake.url.clone(),
    };
    let verdicts = |checks: &[k8sfaq::bot::health::Check]| -> Vec<(String, Value)> {
        let name = |check: &k8sfaq::bot::health::Check| {
            let verdict = match &check.verdict {
                Verdict::Pass { .. } => "pass",
                Verdict::Warning { .. } => "warning",
                Verdict::Fail { .. } => "fail",
                Verdict::Skipped { .. } => "skipped",
            };
            (check.what.clone(), json!(verdict))
        };
        checks.iter().map(name).collect()
    };
    let checks = discord::checks(&settings, &SecretString::from(TOKEN), false).await;
    insta::assert_snapshot!(json!(verdicts(&checks)).to_string(), @r#"[["the bot's token","pass"],["where interactions go","pass"],["the message content intent","pass"],["the commands","warning"],["the gateway","pass"]]"#);
    let watching = discord::checks(&settings, &SecretString::from(TOKEN), true).await;
    assert!(
        verdicts(&watching).contains(&("the message content intent".to_owned(), json!("fail")))
    );
    let wrong = discord::checks(&settings, &SecretString::from("wrong"), false).await;
    insta::assert_snapshot!(json!(verdicts(&wrong)).to_string(), @r#"[["the bot's token","fail"]]"#);
}

#[test]
fn the_manifest_names_the_permissions_and_the_links() {
    let text = manifest(Some(42), false);
    assert!(text.contains("client_id=42&scope=bot+applications.commands&permissions=274877991936&integration_type=0"), "{text}");
    assert!(
        text.contains("client_id=42&scope=applications.commands&integration_type=1"),
        "{text}"
    );
    assert!(manifest(None, true).contains("MESSAGE CONTENT INTENT on"));
}
