//! The connection: logging in, staying, coming back, giving up, and going.

use std::time::{Duration, Instant};

use k8sfaq::discord::{Answers, Settings};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::time::timeout;

use super::bot::{Running, With, shipped};
use super::fake::{BOT, Fake};

/// How a bot ends that cannot go on.
async fn gives_up(running: Running) -> String {
    let ended = timeout(Duration::from_secs(5), running.task).await;
    let error = ended
        .expect("within 5 s")
        .expect("no panic")
        .expect_err("an error");
    let text = format!("{error:#}");
    assert!(!text.contains('\n'), "one line: {text}");
    assert!(!running.health.is_alive(), "a bot that gave up is dead");
    text
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn logs_in_with_unprivileged_intents_and_is_ready_only_then() {
    let fake = Fake::start().await;
    fake.with(|state| state.takes_connections = false);
    let bot = With::fake(&fake, shipped()).launch(&fake);
    fake.until("the gateway is asked for", |state| {
        state
            .requests
            .iter()
            .any(|sent| sent.path.ends_with("/gateway"))
            .then_some(())
    })
    .await;
    assert!(!bot.readiness().expect("a part").is_ready());
    fake.with(|state| state.takes_connections = true);
    bot.logged_in().await;
    bot.becomes_ready(true).await;
    assert_eq!(fake.with(|state| state.logins[0].intents), 4609);
    bot.ends().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_token_ends_it_with_the_cure() {
    let fake = Fake::start().await;
    let mut with = With::fake(&fake, shipped());
    with.token = "a-wrong-one".to_owned();
    insta::assert_snapshot!(gives_up(with.launch(&fake)).await, @r"discord refuses the token in DISCORD_TOKEN: copy it again from the developer portal, under Bot, Reset Token");
    assert_eq!(fake.with(|state| state.logins.len()), 0);

    fake.with(|state| state.closes_logins_with = Some(4004));
    let text = gives_up(With::fake(&fake, shipped()).launch(&fake)).await;
    assert!(text.contains("DISCORD_TOKEN"), "{text}");
    assert_eq!(fake.with(|state| state.logins.len()), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn disallowed_intents_end_it_with_the_cure() {
    let fake = Fake::start().await;
    fake.with(|state| state.closes_logins_with = Some(4014));
    insta::assert_snapshot!(gives_up(With::fake(&fake, shipped()).launch(&fake)).await, @r"discord disallows the message content intent: switch it on in the developer portal, under Bot, Privileged Gateway Intents, or set `watch = false` for every Discord channel");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_close_that_wants_no_other_connection_ends_it_at_once() {
    for code in [4010, 4011] {
        let bot = Running::start().await;
        bot.fake.close(code);
        let text = gives_up(bot).await;
        assert!(text.contains(&code.to_string()), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_on_another_host_is_never_connected_to() {
    let fake = Fake::start().await;
    fake.with(|state| state.gateway_url = "wss://gateway.discord.gg".to_owned());
    let text = gives_up(With::fake(&fake, shipped()).launch(&fake)).await;
    assert!(text.contains("on another host"), "{text}");

    let fake = Fake::start().await;
    fake.fail(
        "/gateway",
        100,
        404,
        json!({"message": "404: Not Found", "code": 0}),
    );
    let text = gives_up(With::fake(&fake, shipped()).launch(&fake)).await;
    assert!(text.contains("status 404"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_cut_the_session_is_resumed_and_what_came_meanwhile_is_answered() {
    type Trouble = fn(&Fake);
    let troubles: [(&str, Trouble); 4] = [
        ("close 4000", |fake| fake.close(4000)),
        ("a cut line", Fake::cut),
        ("op 7", |fake| fake.frame(json!({"op": 7, "d": null}))),
        ("op 9 true", |fake| fake.frame(json!({"op": 9, "d": true}))),
    ];
    for (name, trouble) in troubles {
        let bot = Running::start().await;
        trouble(&bot.fake);
        let answer = bot.slash("crashloop").await;
        assert!(answer.message.is_some(), "{name}");
        bot.fake
            .until(name, |state| {
                state
                    .logins
                    .iter()
                    .any(|login| login.is_resume)
                    .then_some(())
            })
            .await;
        assert_eq!(
            bot.metric("k8sfaq_reconnects_total{adapter=\"discord\"}"),
            Some(1),
            "{name}"
        );
        bot.ends().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_session_is_replaced_no_sooner_than_five_seconds_after_the_last() {
    type Trouble = fn(&Fake);
    let troubles: [(&str, Trouble); 2] = [
        ("op 9 false", |fake| {
            fake.frame(json!({"op": 9, "d": false}));
        }),
        ("close 4009", |fake| fake.close(4009)),
    ];
    let all = troubles.map(|(name, trouble)| async move {
        let bot = Running::start().await;
        trouble(&bot.fake);
        let logins = bot
            .fake
            .until(name, |state| {
                (state.logins.len() == 2).then(|| state.logins.clone())
            })
            .await;
        assert!(!logins[1].is_resume, "{name}");
        let pause = logins[1].at - logins[0].at;
        assert!(pause >= Duration::from_millis(4990), "{name}: {pause:?}");
        bot.slash("crashloop").await;
        bot.ends().await;
    });
    futures_util::future::join_all(all).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_heartbeat_without_an_answer_ends_the_connection() {
    let fake = Fake::start().await;
    fake.with(|state| {
        state.heartbeat = Duration::from_millis(300);
        state.acknowledges_heartbeats = false;
    });
    let bot = With::fake(&fake, shipped()).launch(&fake);
    fake.until("a resume", |state| {
        state
            .logins
            .iter()
            .any(|login| login.is_resume)
            .then_some(())
    })
    .await;
    fake.with(|state| state.acknowledges_heartbeats = true);
    bot.slash("crashloop").await;
    bot.ends().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_gateway_is_away_it_is_not_ready_and_alive() {
    let bot = Running::start().await;
    bot.fake.with(|state| state.takes_connections = false);
    bot.fake.cut();
    bot.becomes_ready(false).await;
    assert!(bot.health.is_alive());
    bot.fake.with(|state| state.takes_connections = true);
    bot.slash("crashloop").await;
    bot.becomes_ready(true).await;
    bot.ends().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_down_is_tried_again_with_growing_pauses() {
    // A listener that closes every connection counts the tries.
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let (tries, mut seen) = tokio::sync::mpsc::unbounded_channel();
    let listening = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            drop(stream);
            let _ = tries.send(Instant::now());
        }
    });
    let fake = Fake::start().await;
    let mut with = With::fake(&fake, shipped());
    with.settings = Settings {
        api_url: format!("http://{address}"),
    };
    let bot = with.launch(&fake);
    // Each round asks for the budget and the address.
    for _ in 0..4 {
        timeout(Duration::from_secs(120), seen.recv())
            .await
            .expect("a try")
            .expect("a listener");
    }
    assert!(!bot.readiness().expect("a part").is_ready());
    assert!(bot.health.is_alive());
    listening.abort();
    bot.ends().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shutdown_closes_with_1000_and_finishes_what_is_in_flight() {
    let sign = std::sync::Arc::new(tokio::sync::Notify::new());
    let mut answers = Answers::from(shipped());
    let (handle, waiting) = (answers.handle.clone(), sign.clone());
    answers.handle = std::sync::Arc::new(move |request| {
        let (handle, waiting) = (handle.clone(), waiting.clone());
        Box::pin(async move {
            waiting.notified().await;
            handle(request).await
        })
    });
    let bot = Running::start_with(answers).await;
    let options = json!([{"name": "question", "type": 3, "value": "crashloop"}]);
    let id = bot.fake.interaction(
        2,
        json!({"id": "600", "name": "k8sfaq", "type": 1, "options": options}),
        json!({}),
    );
    let interactions = "k8sfaq_events_total{adapter=\"discord\",type=\"interaction\"}";
    bot.counts(interactions, 1).await;
    bot.shutdown.cancel();
    bot.fake
        .until("the gateway is closed", |state| {
            state.closes.contains(&Some(1000)).then_some(())
        })
        .await;
    assert!(!bot.task.is_finished());
    sign.notify_one();
    let answered = bot.answered(id).await;
    assert!(answered.message.is_some());
    bot.ends().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shutdown_before_the_first_connection_ends_it() {
    let fake = Fake::start().await;
    fake.with(|state| state.takes_connections = false);
    let bot = With::fake(&fake, shipped()).launch(&fake);
    bot.ends().await;

    let fake = Fake::start().await;
    fake.hang("/gateway", 100);
    let bot = With::fake(&fake, shipped()).launch(&fake);
    bot.ends().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_fit_is_counted_and_survived() {
    let bot = Running::start().await;
    bot.fake.dispatch("SOMETHING_NEW", json!({"a": 1}));
    bot.fake.dispatch("INTERACTION_CREATE", json!({"id": "1"}));
    bot.fake.dispatch("INTERACTION_CREATE", json!([1, 2]));
    bot.fake.dispatch("MESSAGE_CREATE", json!({"content": 5}));
    let huge = "x".repeat(1024 * 1024);
    bot.fake.dispatch(
        "MESSAGE_CREATE",
        super::bot::written(bot.fake.id(), &format!("<@{BOT}> {huge}")),
    );
    bot.fake.frame(json!({"op": 99}));
    // A type of interaction that nobody knows yet has its token, and is told something.
    let unknown = bot.fake.interaction(77, json!({}), json!({}));
    bot.slash("crashloop").await;
    let count = |kind: &str| {
        bot.metric(&format!(
            "k8sfaq_events_total{{adapter=\"discord\",type=\"{kind}\"}}"
        ))
    };
    assert_eq!(count("unparsed_message"), Some(1));
    bot.fake
        .until("the unknown interaction is answered", |state| {
            let path = format!("/interactions/{unknown}/");
            state
                .requests
                .iter()
                .any(|sent| sent.path.contains(&path))
                .then_some(())
        })
        .await;
    assert_eq!(count("unparsed_interaction"), Some(3));
    bot.shutdown.cancel();
    bot.task.await.expect("no panic").expect("no error");
}
