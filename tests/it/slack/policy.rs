//! Channel policy and live evidence, as Slack shows them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use insta::assert_snapshot;
use k8sfaq::bot::Bot;
use k8sfaq::bot::evidence::{Clusters, Found, Query};
use k8sfaq::bot::metrics::LookedUp;
use k8sfaq::bot::policy::{self, Policy};
use k8sfaq::faq::markdown;
use k8sfaq::slack::Mode;
use serde_json::{Value, json};

use super::workspace::{At, Workspace, plain_bot, string};

async fn with_channel(mode: Mode, channel: Value) -> Workspace {
    let bot = plain_bot().with_policy(policy(&channel));
    Workspace::open_with(mode, Arc::new(bot).into(), |_| {}).await
}

fn policy(channel: &Value) -> Policy {
    let mut channel = channel.clone();
    if channel.get("limits").is_none() {
        channel["limits"] = json!({"person_per_minute": 0, "channel_per_minute": 0});
    }
    let channels: policy::Settings = serde_json::from_value(json!({
        "slack": {"C1": channel.clone(), "CSHARED": channel},
    }))
    .unwrap();
    Policy::new(channels, policy::People::default())
}

/// A cluster in which one pod crashes.
fn with_cluster(channel: &Value) -> Arc<Bot> {
    let source = Arc::new(|query: Query| {
        async move {
            let namespace = query.target.namespace.map_or("shop".to_owned(), |name| name.as_str().to_owned());
            let (blocks, _) = markdown::parse(&format!("`web-1` in `{namespace}` is in CrashLoopBackOff for 5 min: exit code 1, `<!channel>` says its log."));
            Found {
                blocks,
                values: BTreeMap::from([("pod".to_owned(), "web-1".to_owned()), ("namespace".to_owned(), namespace)]),
                version: None,
                entry: None,
                is_well: false,
                outcome: LookedUp::Found,
            }
        }
        .boxed()
    });
    Arc::new(
        plain_bot()
            .with_policy(policy(channel))
            .with_clusters(Clusters {
                names: vec!["prod".to_owned()],
                source,
                deadline: Duration::from_secs(2),
            }),
    )
}

fn open_scope() -> Value {
    json!({"scope": {"clusters": ["prod"], "namespaces": ["shop", "cart"]}})
}

fn said(slack: &Workspace, text: &str, extra: &Value) -> Value {
    let ts = format!("1700000003.{:06}", slack.fake.fresh());
    let mut event = json!({
        "type": "message", "channel_type": "channel", "channel": "C1", "user": "U5", "text": text, "ts": ts,
    });
    for (key, value) in extra.as_object().unwrap() {
        event[key] = value.clone();
    }
    slack.event_payload(&event)
}

const LINE: &str = "Warning BackOff kubelet Back-off restarting failed container app in pod web-1";

#[tokio::test]
async fn a_watched_channel_is_offered_an_answer_once_a_thread_and_a_press_mutes_it() {
    for mode in [Mode::Socket, Mode::Http] {
        let slack = with_channel(
            mode,
            json!({"mode": "incident", "watch": true, "watch_bots": ["Alertmanager"]}),
        )
        .await;
        let alert = said(
            &slack,
            "",
            &json!({
                "user": null, "bot_id": "B7", "subtype": "bot_message", "username": "Alertmanager",
                "attachments": [{"title": "KubePodCrashLooping", "text": LINE}],
            }),
        );
        slack.deliver("events_api", &alert).await;
        let offer = slack.next("chat.postMessage", 0).await;
        let thread = string(&alert["event"]["ts"]);
        assert_eq!(offer.body["thread_ts"], json!(thread));
        assert!(
            offer.drawn().contains("[No more offers here]"),
            "{}",
            offer.drawn()
        );
        assert!(offer.body.get("reply_broadcast").is_none());
        // In the same thread not again; not what is no error line; not what another bot says.
        let in_thread = json!({"thread_ts": thread});
        slack
            .deliver("events_api", &said(&slack, LINE, &in_thread))
            .await;
        slack
            .deliver(
                "events_api",
                &said(&slack, "why do my pods crash?", &json!({})),
            )
            .await;
        slack
            .deliver(
                "events_api",
                &said(
                    &slack,
                    LINE,
                    &json!({"bot_id": "B8", "bot_profile": {"name": "noise"}}),
                ),
            )
            .await;
        let ts = slack
            .fake
            .until("the offer", |world| world.messages.iter().next().cloned())
            .await
            .1;
        let at = At::Public {
            channel: "C1",
            ts,
            thread: Some(thread.clone()),
        };
        slack
            .press(&offer.button("No more offers here"), "U5", &at)
            .await;
        let muted = slack.next("chat.postMessage", 1).await;
        assert_eq!(muted.body["thread_ts"], json!(thread));
        slack
            .deliver(
                "events_api",
                &said(&slack, "exit code 137 Reason: OOMKilled", &in_thread),
            )
            .await;
        // Elsewhere it goes on, for people too.
        slack
            .deliver("events_api", &said(&slack, LINE, &json!({})))
            .await;
        slack.next("chat.postMessage", 2).await;
        assert_eq!(slack.fake.calls("chat.postMessage").len(), 3);
        slack.close().await;
    }
}

#[tokio::test]
async fn an_unwatched_channel_is_left_alone() {
    let slack = with_channel(Mode::Socket, json!({"mode": "incident"})).await;
    slack
        .deliver("events_api", &said(&slack, LINE, &json!({})))
        .await;
    slack.mention("<@UBOT> crashloop", None).await;
    assert_eq!(slack.fake.calls("chat.postMessage").len(), 1);
    slack.close().await;
}

#[tokio::test]
async fn an_incident_channel_gets_terse_answers_in_the_thread() {
    let slack = with_channel(Mode::Socket, json!({"mode": "incident"})).await;
    let seen = slack.mention("<@UBOT> crashloop", None).await;
    assert!(seen.body["thread_ts"].is_string());
    assert!(seen.drawn().lines().count() < 20, "{}", seen.drawn());
    slack.close().await;
}

#[tokio::test]
async fn a_private_channel_policy_answers_the_asker_alone() {
    for mode in [Mode::Socket, Mode::Http] {
        let slack = with_channel(mode, json!({"mode": "private"})).await;
        slack
            .deliver(
                "events_api",
                &slack.mention_payload("<@UBOT> crashloop", None),
            )
            .await;
        let seen = slack.next("chat.postEphemeral", 0).await;
        // In a thread that does not exist yet Slack would show it to nobody.
        assert!(seen.body.get("thread_ts").is_none());
        assert!(!seen.drawn().contains("Share"), "{}", seen.drawn());
        slack
            .deliver(
                "events_api",
                &slack.mention_payload("<@UBOT> crashloop", Some("1600000000.000001")),
            )
            .await;
        assert_eq!(
            slack.next("chat.postEphemeral", 1).await.body["thread_ts"],
            "1600000000.000001"
        );
        assert!(!slack.command("crashloop").await.drawn().contains("Share"));
        assert!(slack.fake.calls("chat.postMessage").is_empty());
        slack.close().await;
    }
}

#[tokio::test]
async fn a_muted_channel_hears_nothing_and_a_command_says_why() {
    let slack = with_channel(Mode::Socket, json!({"mode": "muted"})).await;
    slack
        .deliver(
            "events_api",
            &slack.mention_payload("<@UBOT> crashloop", None),
        )
        .await;
    assert!(
        slack
            .command("crashloop")
            .await
            .drawn()
            .contains("muted in this channel")
    );
    assert!(
        slack.fake.calls("chat.postMessage").is_empty()
            && slack.fake.calls("chat.postEphemeral").is_empty()
    );
    slack.close().await;
}

#[tokio::test]
async fn who_asks_too_often_is_told_privately_when_to_go_on() {
    let slack = with_channel(Mode::Socket, json!({"limits": {"person_per_minute": 2}})).await;
    let mut told = None;
    for _ in 0..20 {
        let seen = slack.command("crashloop").await;
        assert_eq!(seen.body["response_type"], "ephemeral");
        if seen.drawn().contains("Ask again in") {
            told = Some(seen.drawn());
            break;
        }
    }
    assert!(told.is_some());
    slack
        .deliver(
            "events_api",
            &slack.mention_payload("<@UBOT> crashloop", None),
        )
        .await;
    let seen = slack.next("chat.postEphemeral", 0).await;
    assert!(seen.drawn().contains("Ask again in"));
    slack.close().await;
}

#[tokio::test]
async fn a_command_is_answered_at_once_and_its_evidence_follows_because_slack_cannot_edit_it() {
    for mode in [Mode::Socket, Mode::Http] {
        let slack = Workspace::open_with(mode, with_cluster(&open_scope()).into(), |_| {}).await;
        let payload = slack.command_payload("crashloop -n cart");
        slack.deliver("slash_commands", &payload).await;
        slack
            .fake
            .until("two answers", |world| {
                (world
                    .calls
                    .iter()
                    .filter(|call| call.method == "response_url")
                    .count()
                    == 2)
                    .then_some(())
            })
            .await;
        let all = slack.all_to(&payload);
        assert!(
            all[0]["blocks"]
                .to_string()
                .contains("comes in a message of its own")
        );
        assert!(
            all.iter()
                .all(|body| body["response_type"] == "ephemeral"
                    && body["replace_original"] == false)
        );
        if mode == Mode::Socket {
            assert_snapshot!(super::drawn::drawn(&all[1]), @r#"
            # What the cluster shows
            ~ For: What does CrashLoopBackOff mean and how do I find the cause?
            `web-1` in `cart` is in CrashLoopBackOff for 5 min: exit code 1, `<!channel>` says its log.
            The commands, with the real names:
            ```
            kubectl describe pod web-1 -n cart
            ```
            ```
            kubectl logs web-1 -n cart -c <container> --previous
            ```
            ```
            kubectl rollout history deployment/<deployment> -n cart
            ```
            ```
            kubectl rollout undo deployment/<deployment> -n cart
            ```
            ```
            kubectl debug web-1 -n cart -it --copy-to=web-1-debug --container=<container> --profile=general -- sh
            ```
            "#);
        }
        slack.close().await;
    }
}

#[tokio::test]
async fn an_answer_in_a_thread_is_edited_with_its_evidence() {
    for mode in [Mode::Socket, Mode::Http] {
        let slack = Workspace::open_with(mode, with_cluster(&open_scope()).into(), |_| {}).await;
        let first = slack.mention("<@UBOT> crashloop", None).await;
        assert!(first.drawn().contains("Looking at the cluster…"));
        let edited = slack.next("chat.update", 0).await;
        let drawn = edited.drawn();
        assert!(
            drawn.contains("`web-1` in `shop` is in CrashLoopBackOff"),
            "{drawn}"
        );
        assert!(
            drawn.contains("kubectl describe pod web-1 -n shop") && !drawn.contains("Looking"),
            "{drawn}"
        );
        assert!(edited.text().contains("web-1"), "{}", edited.text());
        slack.close().await;
    }
}

#[tokio::test]
async fn evidence_for_some_is_shown_to_the_asker_beside_the_public_answer() {
    let scope =
        json!({"scope": {"clusters": ["prod"], "namespaces": ["shop"], "usergroups": ["S1"]}});
    let slack = Workspace::open_with(Mode::Socket, with_cluster(&scope).into(), |_| {}).await;
    // U1 is in the group.
    let first = slack.mention("<@UBOT> crashloop", None).await;
    assert!(!first.drawn().contains("Looking"));
    let beside = slack.next("chat.postEphemeral", 0).await;
    assert_eq!(beside.body["user"], "U1");
    assert_eq!(beside.body["thread_ts"], first.body["thread_ts"]);
    assert!(beside.drawn().contains("web-1"));
    // U2 is not.
    let mut payload = slack.mention_payload("<@UBOT> crashloop", None);
    payload["event"]["user"] = json!("U2");
    slack.deliver("events_api", &payload).await;
    let second = slack.next("chat.postMessage", 1).await;
    assert!(!second.drawn().contains("web-1"));
    assert!(slack.fake.done("chat.update").is_empty());
    // Slack was asked once who is in the group.
    assert_eq!(slack.fake.calls("usergroups.users.list").len(), 1);
    slack.close().await;
}

#[tokio::test]
async fn sharing_looks_again_and_shows_everyone_only_what_everyone_may_see() {
    for (channel, is_seen) in [("C1", true), ("CSHARED", false)] {
        let slack =
            Workspace::open_with(Mode::Socket, with_cluster(&open_scope()).into(), |_| {}).await;
        let mut payload = slack.command_payload("crashloop");
        payload["channel_id"] = json!(channel);
        slack.deliver("slash_commands", &payload).await;
        let seen = slack.answer_to(&payload).await;
        let at = At::Ephemeral { channel };
        let press = slack
            .press(&seen.button("Share to channel"), "U1", &at)
            .await;
        if is_seen {
            let shared = slack.next("chat.postMessage", 0).await;
            assert!(shared.drawn().starts_with("Shared by @U1"));
            assert!(slack.next("chat.update", 0).await.drawn().contains("web-1"));
        } else {
            let shared = slack.answer_to(&press).await;
            assert_eq!(shared.body["response_type"], "in_channel");
            assert!(
                !shared.drawn().contains("web-1") && !shared.drawn().contains("Looking"),
                "{}",
                shared.drawn()
            );
        }
        slack
            .fake
            .until("the private answer taken away", |world| {
                world
                    .calls
                    .iter()
                    .find(|call| call.body == json!({"delete_original": true}))
                    .map(|_| ())
            })
            .await;
        slack.close().await;
    }
}

#[tokio::test]
async fn a_channel_that_another_organisation_shares_gets_no_evidence_in_public() {
    let slack =
        Workspace::open_with(Mode::Socket, with_cluster(&open_scope()).into(), |_| {}).await;
    let mut payload = slack.mention_payload("<@UBOT> crashloop", None);
    payload["is_ext_shared_channel"] = json!(true);
    slack.deliver("events_api", &payload).await;
    let first = slack.next("chat.postMessage", 0).await;
    assert!(!first.drawn().contains("Looking"));
    assert!(
        slack
            .next("chat.postEphemeral", 0)
            .await
            .drawn()
            .contains("web-1")
    );
    assert!(slack.fake.done("chat.update").is_empty());
    slack.close().await;
}

#[tokio::test]
async fn a_choice_in_public_shows_its_evidence_to_the_chooser_alone() {
    let slack =
        Workspace::open_with(Mode::Socket, with_cluster(&open_scope()).into(), |_| {}).await;
    let first = slack.mention("<@UBOT> exit code 137", None).await;
    slack.next("chat.update", 0).await;
    let ts = slack
        .fake
        .until("the answer", |world| world.messages.iter().next().cloned())
        .await
        .1;
    let at = At::Public {
        channel: "C1",
        ts,
        thread: Some(string(&first.body["thread_ts"])),
    };
    let carried = k8sfaq::slack::button::Carried {
        entry: Some("pod-crashloopbackoff".parse().unwrap()),
        asker: Some("U1".to_owned()),
        ..Default::default()
    };
    let pick = k8sfaq::slack::button::Button::Pick(carried);
    let press = slack
        .press(&(pick.action_id(0), pick.value()), "U1", &at)
        .await;
    let replaced = slack.next("chat.update", 1).await;
    assert!(
        replaced.drawn().contains("pod-crashloopbackoff") && !replaced.drawn().contains("Looking")
    );
    let beside = slack.answer_to(&press).await;
    assert_eq!(beside.body["response_type"], "ephemeral");
    assert!(beside.drawn().contains("web-1"));
    assert_eq!(slack.fake.done("chat.update").len(), 2);
    slack.close().await;
}

#[tokio::test]
async fn where_only_mentions_are_public_a_command_stays_with_its_asker_until_it_is_shared() {
    let slack = with_channel(Mode::Socket, json!({"mode": "mention_only"})).await;
    let seen = slack.command("crashloop").await;
    assert_eq!(seen.body["response_type"], "ephemeral");
    let mention = slack.mention("<@UBOT> crashloop", None).await;
    assert!(mention.drawn().contains("pod-crashloopbackoff"));
    assert!(mention.body["thread_ts"].is_string());
    let at = At::Ephemeral { channel: "C1" };
    let share = seen.button("Share to channel");
    let shared = slack.press(&share, "U1", &at).await;
    assert_eq!(
        slack.answer_to(&shared).await.body["response_type"],
        "in_channel"
    );
    // What nobody asked it is not answered.
    slack
        .deliver("events_api", &said(&slack, LINE, &json!({})))
        .await;
    slack.mention("<@UBOT> exit code 137", None).await;
    assert_eq!(slack.fake.calls("chat.postMessage").len(), 2);
    slack.close().await;
}

#[tokio::test]
async fn a_channel_that_is_asked_too_often_tells_who_asks_privately() {
    let limits = json!({"limits": {"person_per_minute": 0, "channel_per_minute": 4}});
    let slack = with_channel(Mode::Socket, limits).await;
    for _ in 0..2 {
        slack.mention("<@UBOT> crashloop", None).await;
    }
    let mut third = slack.mention_payload("<@UBOT> crashloop", None);
    third["event"]["user"] = json!("U2");
    slack.deliver("events_api", &third).await;
    let told = slack.next("chat.postEphemeral", 0).await;
    assert_eq!(told.body["user"], "U2");
    assert!(told.drawn().contains("Ask again in"), "{}", told.drawn());
    // What is private disturbs nobody.
    assert!(
        slack
            .command("crashloop")
            .await
            .drawn()
            .contains("pod-crashloopbackoff")
    );
    assert_eq!(slack.fake.calls("chat.postMessage").len(), 2);
    slack.close().await;
}
