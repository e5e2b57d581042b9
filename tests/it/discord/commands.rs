//! The slash command, its autocompletion, the message command, and their registration.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use k8sfaq::bot::policy::{self, Policy};
use k8sfaq::bot::reply::{Choices, EntryRef, Refusal, Reply, Shown, Thanks};
use k8sfaq::bot::request::{Action, PlaceKind};
use k8sfaq::discord::{self, Answers};
use serde_json::{Value, json};
use tokio::sync::{Mutex, Notify};

use super::bot::{Running, With, message_of, own, plain, seen, shipped, written};
use super::fake::{ALICE, APPLICATION, BOB, BOT, CHANNEL, EMBED_LINKS, Fake, GUILD, THREAD, user};

fn options(question: &str, more: &[Value]) -> Value {
    let mut options = vec![json!({"name": "question", "type": 3, "value": question})];
    options.extend_from_slice(more);
    json!(options)
}

/// A bot that waits for a sign before it answers.
fn slow() -> (Answers, Arc<Notify>) {
    let sign = Arc::new(Notify::new());
    let mut answers = Answers::from(shipped());
    let (handle, waiting) = (Arc::clone(&answers.handle), Arc::clone(&sign));
    answers.handle = Arc::new(move |request| {
        let (handle, waiting) = (Arc::clone(&handle), Arc::clone(&waiting));
        async move {
            waiting.notified().await;
            handle(request).await
        }
        .boxed()
    });
    (answers, sign)
}

/// A bot that says one thing only, and keeps what it was asked.
fn saying(
    shown: impl Fn() -> Shown + Send + Sync + 'static,
) -> (Answers, Arc<Mutex<Vec<k8sfaq::bot::request::Request>>>) {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let mut answers = Answers::from(shipped());
    let (kept, shown) = (Arc::clone(&asked), Arc::new(shown));
    answers.handle = Arc::new(move |request| {
        let (kept, shown) = (Arc::clone(&kept), Arc::clone(&shown));
        async move {
            kept.lock().await.push(request);
            shown()
        }
        .boxed()
    });
    (answers, asked)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slash_command_is_answered_with_one_embed_whose_title_links_to_its_source() {
    let bot = Running::start_with(own()).await;
    let answer = bot.slash("how do I restart the billing importer").await;
    assert_eq!(answer.acknowledged.expect("acknowledged").0, 4);
    assert!(!answer.is_private);
    let message = answer.message.as_ref().expect("a message");
    assert_eq!(message["embeds"].as_array().map(Vec::len), Some(1));
    insta::assert_snapshot!(seen(message), @r"
        # How do I restart the billing importer? → https://example.com/importer_(v2)
        Scale it to zero and back: it *picks up* where it stopped.

        ### Fix
        1. Stop it, and start it again:
        ```sh
        kubectl scale deployment/importer -n billing --replicas=0
        kubectl scale deployment/importer -n billing --replicas=1
        ```
        2. **Still nothing?** Read [its log](https://example.com/log).
          - look for `ERROR`

        **Versions**
        - *1.33 and later:* It restarts by itself.

        -# Sources: [The importer's runbook](https://example.com/importer_%28v2%29)
        _restart-importer · so % sure_
        [👍 | k1:up:restart-importer] [👎 | k1:down:restart-importer] [🗑️ | k1:del:400000000000000001] [Read more | https://example.com/importer_(v2)]
        [Not this? Other matches and related entries ▾ importer-logs, invoice-wrong]
        ");
    bot.ends().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_question_with_several_answers_offers_them_to_the_asker_alone() {
    let (answers, _) = saying(|| {
        let candidate = |id: &str, title: &str| EntryRef {
            id: id.parse().expect("an id"),
            title: title.to_owned(),
        };
        Shown::public(Reply::Choices(Choices {
            candidates: vec![
                candidate("pod-pending", "Why is my pod *Pending*?"),
                candidate("pvc-pending", "Why is my claim Pending?"),
            ],
            ask_a_human: Some("Ask @platform.".to_owned()),
        }))
    });
    let bot = Running::start_with(answers).await;
    let answer = bot.slash("pending").await;
    assert!(answer.is_private);
    insta::assert_snapshot!(seen(answer.message.as_ref().expect("a message")), @r"
        Which of these do you mean?
        1. Why is my pod \*Pending\*?
        2. Why is my claim Pending?
        Ask @platform.
        [Choose one ▾ pod-pending, pvc-pending]
        ");
    bot.ends().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_question_without_an_answer_is_told_so_to_the_asker_alone() {
    let bot = Running::start_with(own()).await;
    let answer = bot.slash("best pizza in town").await;
    assert!(answer.is_private);
    insta::assert_snapshot!(seen(answer.message.as_ref().expect("a message")), @r"I have no answer to that in my FAQ. The exact error line, or the word in the STATUS column, finds most; `topics` lists what there is.");
    bot.ends().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn help_and_topics_are_for_the_asker_alone() {
    let bot = Running::start().await;
    let help = bot.slash("help").await;
    assert!(help.is_private);
    insta::assert_snapshot!(seen(help.message.as_ref().expect("a message")), @r"
        I answer Kubernetes questions out of 128 entries that people wrote and checked. Ask in your own words, or paste the error line: with `/k8sfaq`, by mentioning me, in a direct message, or with “Answer from FAQ” in a message's menu.
        Try one of these:
        - `crashloop`
        - `why is my pod pending?`
        - `exit code 137`
        A few words are commands:
        - `help`: this help
        - `topics`: the topics, and how many entries each has
        - `topics TOPIC`: the entries of a topic
        - `show ID`: an entry by its id
        - `status [NAMESPACE]`: what is wrong in the cluster now
        ");
    let topic = bot.slash("topics security").await;
    assert!(topic.is_private);
    insta::assert_snapshot!(seen(topic.message.as_ref().expect("a message")), @r#"
        # Entries on security
        - Can I isolate namespaces (teams, tenants) from each other? `namespace-isolation`
        - How does code in a pod call the Kubernetes API? `pod-call-kubernetes-api`
        - My pod "violates PodSecurity". Why is it rejected, and how do I make it pass? `pod-security-violation`
        - How do I fix "Forbidden: User ... cannot list resource", a missing RBAC permission? `rbac-forbidden`
        - How do I read or write a Secret (base64, stringData, newline), and is it encrypted? `secret-base64`
        - What do x509 and TLS certificate errors mean, and why is my cert-manager certificate not ready? `x509-certificate-errors`

        `show ID` shows one.
        [Show an entry ▾ namespace-isolation, pod-call-kubernetes-api, pod-security-violation, rbac-forbidden, secret-base64, x509-certificate-errors]
        "#);
    bot.ends().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn private_answers_the_asker_alone_on_both_paths() {
    let bot = Running::start().await;
    let private = [json!({"name": "private", "type": 5, "value": true})];
    let answer = bot
        .slash_with(options("crashloop", &private), json!({}))
        .await;
    assert!(answer.is_private);
    let text = seen(answer.message.as_ref().expect("a message"));
    assert!(
        text.contains("[Share | k1:share:pod-crashloopbackoff]"),
        "{text}"
    );
    bot.ends().await;

    let (answers, sign) = slow();
    let bot = Running::start_with(answers).await;
    let deferred = bot
        .slash_with(options("crashloop", &private), json!({}))
        .await;
    assert_eq!(deferred.acknowledged.expect("acknowledged").0, 5);
    assert!(deferred.is_private);
    sign.notify_one();
    bot.fake
        .until("the answer follows", |state| {
            state
                .interactions
                .values()
                .find_map(|call| call.message.clone())
        })
        .await;
    bot.ends().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_answer_is_deferred_in_time_and_edited_in_later() {
    let (answers, sign) = slow();
    let bot = Running::start_with(answers).await;
    let deferred = bot.slash("crashloop").await;
    let (kind, after) = deferred.acknowledged.expect("acknowledged");
    assert_eq!(kind, 5);
    assert!(after < Duration::from_secs(3), "{after:?}");
    sign.notify_one();
    let message = bot
        .fake
        .until("the answer follows", |state| {
            state
                .interactions
                .values()
                .find_map(|call| call.message.clone())
        })
        .await;
    assert!(seen(&message).contains("CrashLoopBackOff"));
    assert_eq!(
        bot.metric("k8sfaq_events_total{adapter=\"discord\",type=\"deferred\"}"),
        Some(1)
    );
    bot.ends().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_turns_out_private_after_a_public_deferral_goes_to_the_asker_alone() {
    let (answers, sign) = slow();
    let bot = Running::start_with(answers).await;
    let deferred = bot.slash("best pizza in town").await;
    assert!(!deferred.is_private);
    sign.notify_one();
    let whispered = bot
        .fake
        .until("a follow-up", |state| {
            let call = state.interactions.values().find(|call| call.is_deleted)?;
            call.follow_ups.first().cloned()
        })
        .await;
    assert_eq!(whispered["flags"], 64);
    bot.ends().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_is_named_and_is_the_only_one_who_is_pinged() {
    let bot = Running::start().await;
    let target = [json!({"name": "target", "type": 6, "value": BOB.to_string()})];
    let answer = bot
        .slash_with(options("crashloop", &target), json!({}))
        .await;
    let message = answer.message.expect("a message");
    assert_eq!(message["content"], format!("For <@{BOB}>:"));
    assert_eq!(
        message["allowed_mentions"],
        json!({"parse": [], "replied_user": false, "users": [BOB.to_string()]})
    );
    let nothing = bot
        .slash_with(options("best pizza in town", &target), json!({}))
        .await;
    let message = nothing.message.expect("a message");
    assert_eq!(
        message["allowed_mentions"],
        json!({"parse": [], "replied_user": false})
    );
    bot.ends().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn typing_offers_popular_entries_then_those_that_fit() {
    let bot = Running::start().await;
    let offered = bot.types("").await;
    assert_eq!(offered.len(), 25);
    assert_eq!(offered[0].1, "pod-crashloopbackoff");
    let offered = bot.types("imagepull").await;
    assert_eq!(offered[0].1, "image-pull-backoff");
    let offered = bot.types("pvc").await;
    assert!(
        offered.iter().any(|(_, id)| id == "pvc-pending"),
        "{offered:?}"
    );
    assert!(bot.types("zzzz qqqq").await.len() <= 25);
    bot.ends().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_people_who_type_at_once_are_all_answered() {
    let bot = Running::start().await;
    let typed = [
        "c",
        "cr",
        "pod p",
        "why does",
        "image",
        "oom",
        "dns not resol",
        "how do I",
        "node",
        "pvc pen",
    ];
    let all = (0..50).map(|at| bot.types(typed[at % typed.len()]));
    for offered in futures_util::future::join_all(all).await {
        assert!(!offered.is_empty());
    }
    bot.ends().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_picked_choice_shows_its_entry_and_an_unknown_id_is_named() {
    let bot = Running::start().await;
    let picked = bot.slash("pvc-pending").await;
    let text = seen(picked.message.as_ref().expect("a message"));
    assert!(text.contains("_pvc-pending_"), "{text}");
    assert!(!picked.is_private);
    let unknown = bot.slash("no-such-entry-zzz").await;
    let text = seen(unknown.message.as_ref().expect("a message"));
    assert!(
        text.starts_with("The FAQ has no entry `no-such-entry-zzz`."),
        "{text}"
    );
    assert!(unknown.is_private);
    let searched = bot.slash("crash-loop-back-off").await;
    let text = seen(searched.message.as_ref().expect("a message"));
    assert!(text.contains("pod-crashloopbackoff"), "{text}");
    bot.ends().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_message_command_answers_about_that_message_to_the_asker_alone() {
    let bot = Running::start().await;
    let about = message_of(
        BOB,
        "Back-off restarting failed container app in pod web-5d9c7",
    );
    let answer = bot.asks_about(about).await;
    assert!(answer.is_private);
    let text = seen(answer.message.as_ref().expect("a message"));
    let link = format!("About https://discord.com/channels/{GUILD}/{CHANNEL}/700000000000000001");
    assert!(text.starts_with(&link), "{text}");
    assert!(text.contains("pod-crashloopbackoff"), "{text}");
    bot.ends().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_without_text_or_of_a_bot_is_told_to_be_so() {
    let bot = Running::start().await;
    let mut v2 = message_of(BOB, "");
    v2["components"] =
        json!([{"type": 17, "components": [{"type": 10, "content": "CrashLoopBackOff"}]}]);
    v2["flags"] = json!(1 << 15);
    for message in [message_of(BOB, ""), v2] {
        let answer = bot.asks_about(message).await;
        assert!(answer.is_private);
        insta::allow_duplicates! {
            insta::assert_snapshot!(seen(answer.message.as_ref().expect("a message")), @r"There is no text in that message that I could read. Copy the error line and ask with `/k8sfaq`.");
        }
    }
    let answer = bot.asks_about(message_of(BOT, "an answer of mine")).await;
    assert!(answer.is_private);
    insta::assert_snapshot!(seen(answer.message.as_ref().expect("a message")), @r"That message is a bot's, and I answer people only. Copy the error line and ask with `/k8sfaq`.");
    bot.ends().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_alert_of_a_webhook_is_read_with_its_embeds() {
    let bot = Running::start().await;
    let mut alert = message_of(BOB, "");
    alert["author"]["bot"] = json!(true);
    alert["webhook_id"] = json!(BOB.to_string());
    alert["embeds"] = json!([{"type": "rich", "title": "Alert", "description": "Back-off restarting failed container app"}]);
    let answer = bot.asks_about(alert).await;
    let text = seen(answer.message.as_ref().expect("a message"));
    assert!(text.contains("pod-crashloopbackoff"), "{text}");
    bot.ends().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_bot_is_told_where_it_is_asked() {
    let (answers, asked) = saying(|| Shown::private(Reply::Thanks(Thanks::Noted)));
    let bot = Running::start_with(answers).await;
    let question = || options("crashloop", &[]);
    let thread = json!({"channel_id": THREAD.to_string(),
        "channel": {"id": THREAD.to_string(), "type": 11, "parent_id": CHANNEL.to_string()}});
    let direct = json!({"guild_id": null, "member": null, "user": user(ALICE), "context": 1,
        "authorizing_integration_owners": {"0": "0"}});
    let among_people = json!({"guild_id": null, "member": null, "user": user(ALICE), "context": 2,
        "authorizing_integration_owners": {"1": ALICE.to_string()}});
    let elsewhere = json!({"authorizing_integration_owners": {"1": ALICE.to_string()}});
    for more in [json!({}), thread, direct, among_people, elsewhere] {
        bot.slash_with(question(), more).await;
    }
    let asked: Vec<_> = asked
        .lock()
        .await
        .iter()
        .map(|request| (request.place.kind, request.place.thread.is_some()))
        .collect();
    assert_eq!(
        asked,
        [
            (PlaceKind::Channel, false),
            (PlaceKind::Channel, true),
            (PlaceKind::Direct, false),
            (PlaceKind::Foreign, false),
            (PlaceKind::Foreign, false),
        ]
    );
    bot.ends().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_private_channel_and_one_of_mentions_only_keep_the_answer_to_the_asker() {
    for mode in ["private", "mention_only"] {
        let channels: policy::Settings = serde_json::from_value(json!({
            "discord": {CHANNEL.to_string(): {"mode": mode}}
        }))
        .expect("settings");
        let policy = Policy::new(channels, policy::People::default());
        let bot = Running::start_with(Arc::new(plain().with_policy(policy))).await;
        let answer = bot.slash("crashloop").await;
        assert!(answer.is_private, "{mode}");
        bot.ends().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entry_shown_a_moment_ago_is_not_shown_again_in_its_channel() {
    let bot = Running::start().await;
    let first = bot.slash("crashloop").await;
    assert!(!first.is_private);
    let second = bot.slash("crashloop").await;
    assert!(second.is_private);
    let text = seen(second.message.as_ref().expect("a message"));
    assert!(
        text.starts_with("That answer was given here a moment ago: look a little further up"),
        "{text}"
    );
    // To a mention there is no private answer: silence.
    bot.ignores(written(bot.fake.id(), &format!("<@{BOT}> crashloop")))
        .await;
    bot.ends().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bot_that_breaks_apologises_and_goes_on() {
    let mut answers = Answers::from(shipped());
    let handle = Arc::clone(&answers.handle);
    answers.handle = Arc::new(move |request| {
        if matches!(&request.action, Action::OpenCommand { text } if text == "panic") {
            return async { panic!("the bot breaks") }.boxed();
        }
        handle(request)
    });
    let bot = Running::start_with(answers).await;
    let broken = bot.slash("panic").await;
    assert!(broken.is_private);
    let text = seen(broken.message.as_ref().expect("a message"));
    assert!(
        text.starts_with("Something broke on my side, I am sorry."),
        "{text}"
    );
    assert_eq!(bot.metric("k8sfaq_panics_total"), Some(1));
    assert!(!bot.slash("crashloop").await.is_private);
    bot.ends().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_limit_is_told_to_the_asker_alone() {
    let (answers, _) = saying(|| Shown::private(Reply::Refused(Refusal::TooMany { seconds: 7 })));
    let bot = Running::start_with(answers).await;
    let refused = bot.slash("crashloop").await;
    assert!(refused.is_private);
    insta::assert_snapshot!(seen(refused.message.as_ref().expect("a message")), @r"That was a lot at once. Ask again in 7 seconds.");
    bot.ends().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_embed_links_an_answer_is_text() {
    let bot = Running::start().await;
    let without = (discord::PERMISSIONS & !EMBED_LINKS).to_string();
    let answer = bot
        .slash_with(
            options("crashloop", &[]),
            json!({"app_permissions": without}),
        )
        .await;
    let message = answer.message.expect("a message");
    assert!(message["embeds"].is_null());
    let content = message["content"].as_str().expect("a text");
    assert!(content.starts_with("**What does CrashLoop"), "{content}");
    bot.ends().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_are_registered_once_and_only_where_they_differ() {
    let bot = Running::start().await;
    let puts = |bot: &Running| {
        bot.fake.with(|state| {
            state
                .requests
                .iter()
                .filter(|sent| sent.method == "PUT")
                .count()
        })
    };
    assert_eq!(puts(&bot), 1);
    let names: Vec<Value> = bot.fake.with(|state| {
        state
            .commands
            .iter()
            .map(|command| command["name"].clone())
            .collect()
    });
    assert_eq!(names, ["k8sfaq", "Answer from FAQ"]);
    bot.fake.frame(json!({"op": 7, "d": null}));
    bot.fake
        .until("a resume", |state| {
            state
                .logins
                .iter()
                .any(|login| login.is_resume)
                .then_some(())
        })
        .await;
    bot.slash("crashloop").await;
    assert_eq!(puts(&bot), 1);
    let fake = bot.fake.clone();
    bot.ends().await;

    // The next start finds them there, with all that Discord adds.
    let again = With::fake(&fake, shipped()).launch(&fake);
    fake.until("the second login's commands are compared", |state| {
        let gets = state
            .requests
            .iter()
            .filter(|sent| sent.method == "GET" && sent.path.ends_with("/commands"));
        (gets.count() == 2).then_some(())
    })
    .await;
    again.slash("crashloop").await;
    assert_eq!(puts(&again), 1);
    again.ends().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stale_commands_are_replaced() {
    let fake = Fake::start().await;
    fake.with(|state| {
        state.commands = vec![json!({"id": "1", "name": "tag", "type": 1, "description": "old"})];
    });
    let bot = With::fake(&fake, shipped()).launch(&fake);
    fake.until("the commands are replaced", |state| {
        (state.commands.len() == 2).then_some(())
    })
    .await;
    let path = format!("/api/v10/applications/{APPLICATION}/commands");
    assert!(fake.with(|state| {
        state
            .requests
            .iter()
            .any(|sent| sent.method == "PUT" && sent.path == path)
    }));
    bot.ends().await;
}
