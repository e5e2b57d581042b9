//! Faults: sockets that drop, events that come twice, work that hangs or panics, a Slack that is slow, full or gone.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use k8sfaq::bot::health::Readiness;
use k8sfaq::bot::reply::{Reply, Shown};
use k8sfaq::bot::request::Action;
use k8sfaq::slack::Mode;
use k8sfaq::slack::conversation::Core;
use serde_json::{Value, json};

use super::fake::{Fault, Out};
use super::workspace::{At, Workspace, bot, core, string};

const OPS: At = At::Ephemeral { channel: "C1" };

/// A bot that hangs on `hang` and panics on `panic`.
fn fragile() -> Core {
    let bot = bot();
    Core {
        bot: Arc::clone(&bot),
        handle: Arc::new(move |request| {
            let bot = Arc::clone(&bot);
            async move {
                match &request.action {
                    Action::Command { text } if text == "hang" => {
                        std::future::pending::<()>().await;
                    }
                    Action::Command { text } if text == "panic" => panic!("a bug"),
                    _ => {}
                }
                bot.handle(request).await
            }
            .boxed()
        }),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acknowledgements_do_not_wait_for_work() {
    let slack = Workspace::open_with(Mode::Socket, fragile(), |_| {}).await;
    slack
        .deliver("slash_commands", &slack.command_payload("hang"))
        .await;
    let payloads: Vec<Value> = (0..200)
        .map(|_| slack.command_payload("crashloop"))
        .collect();
    for payload in &payloads {
        slack.send_envelope("slash_commands", payload);
    }
    for payload in &payloads {
        slack.answer_to(payload).await;
    }
    // The one that hangs among them: its work never ends.
    assert_eq!(slack.fake.world.lock().unwrap().acks.len(), 201);
    slack.fake_was_content();
}

#[tokio::test]
async fn a_panic_is_apologised_for_and_survived() {
    for mode in [Mode::Socket, Mode::Http] {
        let slack = Workspace::open_with(mode, fragile(), |_| {}).await;
        let seen = slack.command("panic").await;
        assert!(
            seen.drawn().contains("Something broke on my side"),
            "{}",
            seen.drawn()
        );
        assert!(
            slack
                .command("crashloop")
                .await
                .drawn()
                .contains("pod-crashloopbackoff")
        );
        assert!(slack.metrics.text().contains("k8sfaq_panics_total 1"));
        slack.close().await;
    }
}

#[tokio::test]
async fn a_connection_that_is_announced_to_close_is_replaced_before() {
    for reason in ["warning", "refresh_requested", "something_new"] {
        let slack = Workspace::open_with(Mode::Socket, core(|_| None), |settings| {
            settings.connections = 1;
        })
        .await;
        for round in 1..=3 {
            let old = slack.fake.world.lock().unwrap().sockets[0].clone();
            // One with and one without the details that real ones have.
            let frame = if round == 1 {
                json!({"type": "disconnect", "reason": reason, "debug_info": {"host": "x"}})
            } else {
                json!({"type": "disconnect", "reason": reason})
            };
            old.send(Out::Frame(frame.to_string()));
            // Whenever it comes, on whichever connection there is: it is answered.
            for _ in 0..5 {
                assert!(
                    !slack.fake.world.lock().unwrap().sockets.is_empty(),
                    "no connection"
                );
                slack.command("crashloop").await;
            }
            slack
                .fake
                .until("the replacement alone", |world| {
                    (world.sockets.len() == 1 && world.sockets[0].number != old.number)
                        .then_some(())
                })
                .await;
        }
        assert!(slack.is_ready());
        slack.close().await;
    }
}

#[tokio::test]
async fn a_lost_connection_is_opened_again_and_readiness_tells_meanwhile() {
    for end in ["close", "abort", "silence"] {
        let slack = Workspace::open_with(Mode::Socket, core(|_| None), |settings| {
            settings.connections = 1;
        })
        .await;
        let unready = Arc::new(AtomicBool::new(false));
        let (health, seen) = (slack.health.clone(), Arc::clone(&unready));
        let watcher = tokio::spawn(async move {
            while !seen.load(Ordering::Relaxed) {
                if !health.is_ready() {
                    seen.store(true, Ordering::Relaxed);
                }
                tokio::task::yield_now().await;
            }
        });
        let old = slack.fake.world.lock().unwrap().sockets[0].clone();
        old.send(match end {
            "close" => Out::CloseFrame,
            "abort" => Out::Abort,
            _ => Out::Freeze,
        });
        slack
            .fake
            .until("another connection", |world| {
                world
                    .sockets
                    .iter()
                    .any(|socket| socket.number != old.number)
                    .then_some(())
            })
            .await;
        watcher.await.unwrap();
        assert!(unready.load(Ordering::Relaxed), "{end}");
        slack
            .fake
            .world
            .lock()
            .unwrap()
            .sockets
            .retain(|socket| socket.number != old.number);
        slack.command("crashloop").await;
        assert!(slack.is_ready());
        assert!(
            slack
                .metrics
                .text()
                .contains("k8sfaq_reconnects_total{adapter=\"slack\"} 1")
        );
        slack.close().await;
    }
}

#[tokio::test]
async fn a_connection_that_slack_turns_away_is_not_tried_in_a_hot_loop_and_readiness_names_the_cure()
 {
    for (reason, cure) in [
        ("link_disabled", "Socket Mode is off"),
        ("too_many_websockets", "lower slack.connections"),
    ] {
        let slack = Workspace::open_with(Mode::Socket, core(|_| None), |settings| {
            settings.connections = 1;
        })
        .await;
        let opened = slack.fake.calls("apps.connections.open").len();
        let socket = slack.fake.world.lock().unwrap().sockets[0].clone();
        socket.send(Out::Frame(
            json!({"type": "disconnect", "reason": reason}).to_string(),
        ));
        slack
            .fake
            .until("no connection", |world| {
                world.sockets.is_empty().then_some(())
            })
            .await;
        until(|| matches!(slack.readiness(), Readiness::NotReady(why) if why.contains(cure))).await;
        // The next try is half a minute away at the least.
        assert_eq!(slack.fake.calls("apps.connections.open").len(), opened);
        slack.close().await;
    }
}

#[tokio::test]
async fn a_token_that_is_revoked_while_running_is_named_in_readiness_and_not_hammered() {
    for code in ["invalid_auth", "account_inactive", "token_revoked"] {
        let slack = Workspace::open_with(Mode::Socket, core(|_| None), |settings| {
            settings.connections = 1;
        })
        .await;
        for _ in 0..50 {
            slack.fake.fault("apps.connections.open", Fault::Code(code));
        }
        let opened = slack.fake.calls("apps.connections.open").len();
        let socket = slack.fake.world.lock().unwrap().sockets[0].clone();
        socket.send(Out::Abort);
        until(|| matches!(slack.readiness(), Readiness::NotReady(why) if why.contains(code) && why.contains("SLACK_APP_TOKEN"))).await;
        assert_eq!(slack.fake.calls("apps.connections.open").len(), opened + 1);
        slack.close().await;
    }
}

#[tokio::test]
async fn frames_that_are_none_or_of_unknown_types_hurt_nothing() {
    let slack = Workspace::open_with(Mode::Socket, core(|_| None), |settings| {
        settings.connections = 1;
    })
    .await;
    let socket = slack.fake.world.lock().unwrap().sockets[0].clone();
    for frame in [
        "",
        "not json",
        "[]",
        "{}",
        "{\"type\":\"hello\"}",
        "{\"type\":\"hologram\"}",
    ] {
        socket.send(Out::Frame(frame.to_owned()));
    }
    slack.deliver("hologram", &json!({"x": 1})).await;
    slack.deliver("events_api", &Value::Null).await;
    slack.command("crashloop").await;
    slack.close().await;
}

#[tokio::test]
async fn what_is_in_flight_at_the_end_is_answered_and_the_sockets_are_closed() {
    let (release, gate) = tokio::sync::watch::channel(false);
    let asked = bot();
    let slow = Core {
        bot: Arc::clone(&asked),
        handle: Arc::new(move |request| {
            let (bot, mut gate) = (Arc::clone(&asked), gate.clone());
            async move {
                gate.wait_for(|is_open| *is_open).await.unwrap();
                bot.handle(request).await
            }
            .boxed()
        }),
    };
    let slack = Workspace::open_with(Mode::Socket, slow, |_| {}).await;
    let payload = slack.command_payload("crashloop");
    slack.deliver("slash_commands", &payload).await;
    slack.stop.cancel();
    slack
        .fake
        .until("closed sockets", |world| {
            (world.closed_by_bot == 2).then_some(())
        })
        .await;
    assert!(slack.all_to(&payload).is_empty());
    release.send(true).unwrap();
    let fake = Arc::clone(&slack.fake);
    slack.close().await;
    assert_eq!(fake.done("response_url").len(), 1);
}

#[tokio::test]
async fn a_slow_down_is_waited_for_in_its_channel_alone_and_order_is_kept() {
    let slack = Workspace::open(Mode::Socket).await;
    slack
        .fake
        .fault("chat.postMessage", Fault::RateLimited(Some(1)));
    let first = slack.mention_payload("<@UBOT> crashloop", None);
    slack.deliver("events_api", &first).await;
    slack
        .fake
        .until("the refusal", |world| {
            world
                .calls
                .iter()
                .find(|call| call.method == "chat.postMessage")
                .map(|_| ())
        })
        .await;
    let second = slack.mention_payload("<@UBOT> exit code 137", None);
    slack.deliver("events_api", &second).await;
    let mut elsewhere = slack.mention_payload("<@UBOT> crashloop", None);
    elsewhere["event"]["channel"] = json!("C2");
    slack.deliver("events_api", &elsewhere).await;
    slack.next("chat.postMessage", 2).await;
    let calls = slack.fake.calls("chat.postMessage");
    let threads: Vec<&Value> = calls.iter().map(|call| &call.body["thread_ts"]).collect();
    let (a, b, c) = (
        &first["event"]["ts"],
        &second["event"]["ts"],
        &elsewhere["event"]["ts"],
    );
    assert_eq!(threads, [a, c, a, b]);
    assert!(calls[2].at - calls[0].at >= Duration::from_secs(1));
    assert!(calls[1].at - calls[0].at < Duration::from_secs(1));
    slack.close().await;
}

#[tokio::test]
async fn a_slow_down_without_a_time_waits_a_second() {
    let slack = Workspace::open(Mode::Socket).await;
    slack.fake.fault("response_url", Fault::RateLimited(None));
    let begun = Instant::now();
    slack.command("crashloop").await;
    assert!(begun.elapsed() >= Duration::from_secs(1));
    slack.close().await;
}

#[tokio::test]
async fn a_slack_in_trouble_is_tried_three_times_in_all() {
    let slack = Workspace::open(Mode::Socket).await;
    for fault in [Fault::Status(503), Fault::Breaks] {
        slack.fake.fault("chat.postMessage", fault);
    }
    slack.mention("<@UBOT> crashloop", None).await;
    assert_eq!(slack.fake.calls("chat.postMessage").len(), 3);
    for _ in 0..3 {
        slack.fake.fault("chat.postMessage", Fault::Status(500));
    }
    slack
        .deliver(
            "events_api",
            &slack.mention_payload("<@UBOT> crashloop", None),
        )
        .await;
    slack
        .fake
        .until("three more tries", |world| {
            let tries = world
                .calls
                .iter()
                .filter(|call| call.method == "chat.postMessage")
                .count();
            (tries == 6).then_some(())
        })
        .await;
    // The lane is free again, and the one given up does not come back.
    slack.mention_after("<@UBOT> exit code 137", 1).await;
    assert_eq!(slack.fake.calls("chat.postMessage").len(), 7);
    assert!(
        slack
            .metrics
            .text()
            .contains("k8sfaq_dropped_total{adapter=\"slack\"} 1")
    );
    slack.close().await;
}

#[tokio::test]
async fn a_message_that_may_have_been_posted_is_not_posted_again() {
    let slack = Workspace::open_with(Mode::Socket, core(|_| None), |settings| {
        settings.call_timeout = Duration::from_millis(300);
    })
    .await;
    slack.fake.fault("chat.postMessage", Fault::DoneAndHangs);
    slack
        .deliver(
            "events_api",
            &slack.mention_payload("<@UBOT> crashloop", None),
        )
        .await;
    slack.next("chat.postMessage", 0).await;
    // Behind it in the same lane: when this one is there, the first has been dealt with.
    slack.mention_after("<@UBOT> exit code 137", 1).await;
    assert_eq!(slack.fake.calls("chat.postMessage").len(), 2);
    slack.fake.fault("response_url", Fault::DoneAndHangs);
    let payload = slack.command_payload("crashloop");
    slack.deliver("slash_commands", &payload).await;
    slack.answer_to(&payload).await;
    slack.close().await;
}

#[tokio::test]
async fn blocks_that_slack_turns_down_go_out_as_plain_text() {
    for code in ["invalid_blocks", "msg_blocks_too_long"] {
        let slack = Workspace::open(Mode::Socket).await;
        slack.fake.fault("chat.postMessage", Fault::Code(code));
        let seen = slack.mention("<@UBOT> crashloop", None).await;
        assert!(seen.body.get("blocks").is_none());
        assert!(
            seen.text().contains("kubectl describe pod &lt;pod&gt;"),
            "{}",
            seen.text()
        );
        slack.fake.fault("response_url", Fault::Code(code));
        let seen = slack.command("crashloop").await;
        assert!(seen.body.get("blocks").is_none());
        let metrics = slack.metrics.text();
        assert!(
            metrics.contains(&format!(
                "k8sfaq_api_errors_total{{adapter=\"slack\",code=\"{code}\"}} 2"
            )),
            "{metrics}"
        );
        slack.close().await;
    }
}

#[tokio::test]
async fn a_channel_that_the_bot_may_not_write_to_is_told_to_the_asker() {
    for code in ["not_in_channel", "channel_not_found", "restricted_action"] {
        let slack = Workspace::open(Mode::Socket).await;
        slack
            .fake
            .world
            .lock()
            .unwrap()
            .closed_channels
            .insert("C1".to_owned(), code);
        slack
            .deliver(
                "events_api",
                &slack.mention_payload("<@UBOT> crashloop", None),
            )
            .await;
        let told = slack.next("chat.postMessage", 0).await;
        assert_eq!(told.body["channel"], "U1");
        assert!(
            told.text().contains("<#C1>") && told.text().contains("/invite"),
            "{}",
            told.text()
        );
        assert_eq!(
            slack.fake.calls("chat.postMessage").len(),
            2,
            "{code} is not retried"
        );
        slack.close().await;
    }
}

#[tokio::test]
async fn a_channel_where_nobody_could_read_it_is_left_quietly() {
    for code in ["is_archived", "user_not_in_channel", "missing_scope"] {
        let slack = Workspace::open(Mode::Socket).await;
        slack.fake.fault("chat.postMessage", Fault::Code(code));
        slack
            .deliver(
                "events_api",
                &slack.mention_payload("<@UBOT> crashloop", None),
            )
            .await;
        slack.mention("<@UBOT> crashloop", None).await;
        assert_eq!(slack.fake.calls("chat.postMessage").len(), 2, "{code}");
        slack.close().await;
    }
}

#[tokio::test]
async fn a_used_up_response_url_falls_back_to_an_ephemeral_message() {
    let slack = Workspace::open(Mode::Socket).await;
    let seen = slack.command("crashloop").await;
    let mut payload = slack.press_payload(&seen.button("Not what I meant"), "U1", &OPS);
    let url = payload["response_url"].clone();
    for round in 0..5 {
        payload["trigger_id"] = json!(format!("round-{round}"));
        slack.deliver("interactive", &payload).await;
        slack
            .fake
            .until("a replacement", |world| {
                let name = string(&url).rsplit('/').next().unwrap().to_owned();
                (world
                    .calls
                    .iter()
                    .filter(|call| call.done && call.url == name)
                    .count()
                    == round + 1)
                    .then_some(())
            })
            .await;
    }
    payload["trigger_id"] = json!("round-5");
    slack.deliver("interactive", &payload).await;
    let fallback = slack.next("chat.postEphemeral", 0).await;
    assert_eq!(fallback.body["user"], "U1");
    assert!(fallback.drawn().starts_with("Which of these"));
    slack.close().await;
}

#[tokio::test]
async fn where_nothing_reaches_the_person_any_more_a_direct_message_asks_to_run_it_again() {
    let slack = Workspace::open(Mode::Socket).await;
    slack
        .fake
        .world
        .lock()
        .unwrap()
        .closed_channels
        .insert("C1".to_owned(), "not_in_channel");
    let mut payload = slack.command_payload("crashloop");
    let name = string(&payload["response_url"])
        .rsplit('/')
        .next()
        .unwrap()
        .to_owned();
    slack.fake.world.lock().unwrap().expired_urls.insert(name);
    payload["channel_id"] = json!("C1");
    slack.deliver("slash_commands", &payload).await;
    let told = slack.next("chat.postMessage", 0).await;
    assert_eq!(told.body["channel"], "U1");
    assert!(
        told.text().contains("Please run it again"),
        "{}",
        told.text()
    );
    slack.close().await;
}

#[tokio::test]
async fn a_trigger_that_has_run_out_is_told_with_what_to_do() {
    let slack = Workspace::open(Mode::Socket).await;
    let mut payload = slack.press_payload(
        &("search".to_owned(), "crashloop".to_owned()),
        "U1",
        &At::View { is_modal: false },
    );
    payload["trigger_id"] = json!("old");
    slack.deliver("interactive", &payload).await;
    let told = slack.next("chat.postMessage", 0).await;
    assert_eq!(told.body["channel"], "U1");
    assert!(told.text().contains("Please run it again"));
    slack.close().await;
}

#[tokio::test]
async fn a_channel_that_stands_still_gives_up_what_exceeds_its_queue() {
    let slack = Workspace::open(Mode::Socket).await;
    slack
        .fake
        .fault("chat.postMessage", Fault::RateLimited(Some(2)));
    for _ in 0..40 {
        slack
            .deliver(
                "events_api",
                &slack.mention_payload("<@UBOT> crashloop", None),
            )
            .await;
    }
    slack.next("chat.postMessage", 29).await;
    until(|| {
        slack
            .metrics
            .text()
            .contains("k8sfaq_queue_depth{adapter=\"slack\"} 0")
    })
    .await;
    assert_eq!(slack.fake.done("chat.postMessage").len(), 30);
    assert!(
        slack
            .metrics
            .text()
            .contains("k8sfaq_dropped_total{adapter=\"slack\"} 10")
    );
    slack.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_exceeds_the_room_is_told_so_and_the_rest_is_answered() {
    /// What is worked on at once.
    const ROOM: usize = 256;
    /// More than that.
    const BEYOND: usize = 20;
    let (release, gate) = tokio::sync::watch::channel(false);
    let slow = Core {
        bot: bot(),
        handle: Arc::new(move |_| {
            let mut gate = gate.clone();
            async move {
                gate.wait_for(|is_open| *is_open).await.unwrap();
                Shown::private(Reply::Muted)
            }
            .boxed()
        }),
    };
    let slack = Workspace::open_with(Mode::Socket, slow, |_| {}).await;
    for _ in 0..ROOM + BEYOND {
        slack
            .deliver("slash_commands", &slack.command_payload("crashloop"))
            .await;
    }
    let told = |seen: &Value| seen["text"].as_str().unwrap().contains("hands full");
    let count = |world: &super::fake::World, wanted: bool| {
        let done = world
            .calls
            .iter()
            .filter(|call| call.done && call.method == "response_url");
        done.filter(|call| told(&call.body) == wanted).count()
    };
    slack
        .fake
        .until("a word to the last", |world| {
            (count(world, true) == BEYOND).then_some(())
        })
        .await;
    release.send(true).unwrap();
    slack
        .fake
        .until("the answers", |world| {
            (count(world, false) == ROOM).then_some(())
        })
        .await;
    slack.close().await;
}

/// Waits for something that no event of the fake's announces.
async fn until(mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + super::fake::PATIENCE;
    while !is_so() {
        assert!(Instant::now() < end, "never so");
        tokio::task::yield_now().await;
    }
}
