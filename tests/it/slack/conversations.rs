//! Conversations, in Socket Mode and over HTTP alike.

use insta::{allow_duplicates, assert_snapshot};
use k8sfaq::bot::reply::{Choices, EntryRef, NoMatch, Reply, Shown};
use k8sfaq::bot::request::Action;
use k8sfaq::slack::Mode;
use serde_json::json;

use super::workspace::{At, Workspace, bot, core, string};

const OPS: At = At::Ephemeral { channel: "C1" };

fn refs(ids: &[&str]) -> Vec<EntryRef> {
    let faq = bot().faq();
    ids.iter()
        .map(|id| EntryRef::of(faq.entry(&id.parse().unwrap()).unwrap()))
        .collect()
}

/// What is drawn, without the numbers that every new entry changes.
fn steady(drawn: &str) -> String {
    let entries = format!("{} entries", bot().faq().catalog().len());
    let mut steady = drawn.replace(&entries, "N entries");
    for percent in 0..=100 {
        steady = steady.replace(&format!("· {percent} % sure"), "· N % sure");
    }
    for (topic, entries) in bot().faq().catalog().topics() {
        steady = steady.replace(
            &format!("[{topic} ({})]", entries.len()),
            &format!("[{topic} (n)]"),
        );
    }
    steady
}

#[tokio::test]
async fn a_command_is_answered_privately_with_title_answer_commands_and_sources() {
    Workspace::in_both_modes(|slack| async move {
        let seen = slack.command("evicted pods").await;
        assert_eq!(seen.body["response_type"], "ephemeral");
        allow_duplicates! { assert_snapshot!(seen.text(), @"Why was my pod Evicted? The node ran short of memory, disk or process ids, and its kubelet ended pods to save itself. The pod's message names the resource. Pods that use more than they request go first. The controller makes a replacement; the Evicted entry stays as a record.") }
        allow_duplicates! { assert_snapshot!(steady(&seen.drawn()), @r#"
        # Why was my pod Evicted?
        The node ran short of memory, disk or process ids, and its kubelet ended pods to save itself. The pod's message names the resource. Pods that use more than they request go first. The controller makes a replacement; the Evicted entry stays as a record.
        *Check*
        - Which resource, and who used how much:
        ```
        kubectl get pod <pod> -n <namespace> -o jsonpath='{.status.reason}{": "}{.status.message}{"\n"}{.spec.nodeName}{"\n"}'
        ```
        - The state of that node now: `MemoryPressure`, `DiskPressure`, `PIDPressure`.
        ```
        kubectl describe node <node>
        ```
        - The greatest users of memory, and all failed pods:
        ```
        kubectl top pod -A --sort-by=memory
        kubectl get pods -A --field-selector status.phase=Failed -o wide
        ```
        *Fix*
        - *Memory* (`memory`, MemoryPressure): requests are too small for the real use, so the node was overfilled. Set the request near the real use, and a limit for what may leak.
        ```
        kubectl set resources deployment/<deployment> -n <namespace> -c <container> --requests=memory=<memory> --limits=memory=<memory>
        ```
        A pod whose requests equal its limits for CPU and memory (Guaranteed) goes last, a pod without requests first.
        - *Process ids* (`pids`, PIDPressure): something forks without end or starts thousands of threads. Find it on the node (`ps -eLf`), and cap it with `podPidsLimit` in the kubelet's configuration.
        - *Disk* (`ephemeral-storage`, `inodes`, DiskPressure): logs, images, `emptyDir` or writable layers. It has an entry of its own.
        - *"Pod was rejected: The node had condition"*: a new pod met a node under pressure. It goes by itself after the pressure has been gone for 5 minutes (the default). With MemoryPressure only pods without any request or limit (BestEffort) are turned away.
        - *Again and again*: the node has too little reserved for the system. Raise `kubeReserved` and `systemReserved`, use larger nodes, or spread the load.
        - *The list is full of Evicted pods*: they use no resources and may be deleted. *Danger*: this deletes every failed pod of the namespace, also failed Job pods whose logs you may want.
        ```
        kubectl delete pods -n <namespace> --field-selector status.phase=Failed
        ```
        *How it works*
        Hard thresholds, unless configured: `memory.available` under 100Mi, `nodefs.available` under 10 %, `imagefs.available` under 15 %, `nodefs.inodesFree` and `imagefs.inodesFree` under 5 %. They end a pod at once, without grace period and without regard to PodDisruptionBudgets. First come the pods above their requests, the ones of lower priority before the others; then by how far they are above.
        It is not the eviction of `kubectl drain`, and not an OOM kill: there the kernel ends one container, which restarts in place.
        Sources: [Node-pressure eviction](https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/) · [Pod quality of service classes](https://kubernetes.io/docs/concepts/workloads/pods/pod-qos/) · [Process ID limits and reservations](https://kubernetes.io/docs/concepts/policy/pid-limiting/)
        ~ pod-evicted-node-pressure · N % sure
        [Share to channel] [Not what I meant] [Read more → https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/]
        (Helpful) (Not helpful)
        "#) }
        slack.close().await;
    })
    .await;
}

#[tokio::test]
async fn help_comes_for_help_and_for_nothing_with_three_examples_that_run() {
    Workspace::in_both_modes(|slack| async move {
        let seen = slack.command("").await;
        assert_eq!(seen.body["response_type"], "ephemeral");
        assert_eq!(slack.command("  HELP ").await.drawn(), seen.drawn());
        allow_duplicates! { assert_snapshot!(steady(&seen.drawn()), @r#"
        I answer Kubernetes questions out of N entries that people wrote and checked. Ask in your own words, or paste the error line.
        *Try one of these:*
        - `/k8sfaq crashloop`
        - `/k8sfaq why is my pod pending?`
        - `/k8sfaq exit code 137`
        [crashloop] [why is my pod pending?] [exit code 137]
        *Commands:*
        - `/k8sfaq help`  this help
        - `/k8sfaq topics`  the topics, and how many entries each has
        - `/k8sfaq topics TOPIC`  the entries of a topic
        - `/k8sfaq show ID`  an entry by its id
        - `/k8sfaq status [NAMESPACE]`  what is wrong in the cluster now
        Slash commands do not work inside threads: mention me there, send me a direct message, or use “Find answer” in a message's menu.
        "#) }
        for example in k8sfaq::bot::EXAMPLES {
            let payload = slack.press(&seen.button(example), "U1", &OPS).await;
            let answer = slack.answer_to(&payload).await;
            assert_eq!(answer.body["replace_original"], true, "{example}");
            assert!(answer.drawn().contains("Sources:"), "{}", answer.drawn());
        }
        slack.close().await;
    })
    .await;
}

#[tokio::test]
async fn topics_lead_to_a_topic_and_from_its_menu_to_an_entry() {
    Workspace::in_both_modes(|slack| async move {
        let topics = slack.command("topics").await;
        assert!(
            topics
                .drawn()
                .starts_with("*Topics, and how to list their entries:*")
        );
        let topic = slack.command("topics storage").await;
        assert!(topic.drawn().contains("`pvc-pending`"), "{}", topic.drawn());
        let title = topic.body["blocks"][1]["elements"][0]["options"][0]["text"]["text"].clone();
        let button = topic.button(title.as_str().unwrap());
        let answer = slack
            .answer_to(&slack.press(&button, "U1", &OPS).await)
            .await;
        assert!(answer.drawn().starts_with(&format!(
            "# {}",
            title.as_str().unwrap().trim_end_matches('…')
        )));
        assert!(!answer.drawn().contains("% sure"));
        slack.close().await;
    })
    .await;
}

#[tokio::test]
async fn an_entry_is_shown_by_its_id() {
    Workspace::in_both_modes(|slack| async move {
        let seen = slack.command("show pod-pending").await;
        assert!(seen.drawn().contains("~ pod-pending\n"));
        slack.close().await;
    })
    .await;
}

#[tokio::test]
async fn whatever_people_type_is_answered_or_honestly_not() {
    Workspace::in_both_modes(|slack| async move {
        let long = "Back-off restarting failed container ".repeat(110);
        for (typed, id) in [
            ("CRASHLOOPBACKOF", "pod-crashloopbackoff"),
            ("crash loops", "pod-crashloopbackoff"),
            (
                "what does \u{201c}CrashLoopBackOff\u{201d} mean",
                "pod-crashloopbackoff",
            ),
            ("why is &lt;pod&gt; pending", "pod-pending"),
            ("exit code 137 :fire: \u{1f525}", "oomkilled-exit-137"),
            (&long[..4_000], "pod-crashloopbackoff"),
        ] {
            let drawn = slack.command(typed).await.drawn();
            assert!(
                drawn.contains(id) || drawn.contains("Which of these"),
                "{typed}: {drawn}"
            );
        }
        for typed in [
            "¿por qué llueve hoy en Sevilla?",
            "\u{1f4a9}\u{1f4a9}",
            "----",
            "<!channel> <@U1>",
        ] {
            let drawn = slack.command(typed).await.drawn();
            assert!(
                !drawn.is_empty() && !drawn.contains("Sorry"),
                "{typed}: {drawn}"
            );
        }
        slack.close().await;
    })
    .await;
}

#[tokio::test]
async fn no_match_says_so_and_offers_the_nearest_and_whom_to_ask() {
    for mode in [Mode::Socket, Mode::Http] {
        let core = core(|_| {
            Some(Shown::private(Reply::NoMatch(NoMatch {
                nearest: refs(&["pod-pending", "pvc-pending"]),
                ask_a_human: Some("Ask <!here> in #platform".to_owned()),
            })))
        });
        let slack = Workspace::open_with(mode, core, |_| {}).await;
        let seen = slack.command("how do I bake bread").await;
        allow_duplicates! { assert_snapshot!(seen.text(), @"I have no answer to that in my FAQ. The nearest that I have: 1) Why is my pod stuck in Pending, and how do I read FailedScheduling? 2) Why does my PVC stay Pending, and is that normal? The exact error line, or the word in the STATUS column, finds most. “topics” lists what there is. Ask &lt;!here&gt; in #platform") }
        allow_duplicates! { assert_snapshot!(seen.drawn(), @r#"
        *I have no answer to that in my FAQ.*
        ~ The nearest that I have:
        [Why is my pod stuck in Pending, and how do I read FailedScheduling?]
        [Why does my PVC stay Pending, and is that normal?]
        ~ The exact error line, or the word in the STATUS column, finds most. “topics” lists what there is.
        Ask <!here> in #platform
        "#) }
        slack.close().await;
        let slack = Workspace::open(mode).await;
        let seen = slack.command("zqxj vvkwq").await;
        assert!(
            seen.drawn().contains("I have no answer to that"),
            "{}",
            seen.drawn()
        );
        slack.close().await;
    }
}

#[tokio::test]
async fn an_unsure_question_gets_candidates_as_buttons_and_one_press_answers_in_place() {
    for mode in [Mode::Socket, Mode::Http] {
        let core = core(|request| match request.action {
            Action::Command { .. } => Some(Shown::private(Reply::Choices(Choices {
                candidates: refs(&["pod-pending", "pvc-pending"]),
                ask_a_human: None,
            }))),
            _ => None,
        });
        let slack = Workspace::open_with(mode, core, |_| {}).await;
        let seen = slack.command("pending").await;
        allow_duplicates! { assert_snapshot!(seen.text(), @"Which of these do you mean? 1) Why is my pod stuck in Pending, and how do I read FailedScheduling? 2) Why does my PVC stay Pending, and is that normal?") }
        allow_duplicates! { assert_snapshot!(seen.drawn(), @r#"
        Which of these do you mean?
        [Why is my pod stuck in Pending, and how do I read FailedScheduling?]
        [Why does my PVC stay Pending, and is that normal?]
        "#) }
        let button = seen.body["blocks"][2]["elements"][0].clone();
        let button = (string(&button["action_id"]), string(&button["value"]));
        let answer = slack
            .answer_to(&slack.press(&button, "U1", &OPS).await)
            .await;
        assert_eq!(answer.body["replace_original"], true);
        assert!(answer.drawn().contains("~ pvc-pending\n"));
        slack.close().await;
    }
}

#[tokio::test]
async fn a_mention_is_answered_in_a_thread_on_it_and_in_a_thread_in_that_thread() {
    Workspace::in_both_modes(|slack| async move {
        let payload = slack.mention_payload("<@UBOT> why is my pod pending?", None);
        slack.deliver("events_api", &payload).await;
        let seen = slack.next("chat.postMessage", 0).await;
        assert_eq!(seen.body["thread_ts"], payload["event"]["ts"]);
        assert_eq!(seen.body["channel"], "C1");
        assert!(seen.drawn().contains("pod-pending"));
        assert!(!seen.drawn().contains("Share"));
        let seen = slack
            .mention("exit code <@UBOT> 137", Some("1600000000.000001"))
            .await;
        assert_eq!(seen.body["thread_ts"], "1600000000.000001");
        assert!(seen.drawn().contains("oomkilled-exit-137"));
        assert!(slack.fake.done("chat.postEphemeral").is_empty());
        slack.close().await;
    })
    .await;
}

#[tokio::test]
async fn an_empty_mention_gets_a_short_prompt() {
    Workspace::in_both_modes(|slack| async move {
        let seen = slack.mention("<@UBOT>", None).await;
        allow_duplicates! { assert_snapshot!(steady(&seen.drawn()), @r#"
        I answer Kubernetes questions out of N entries that people wrote and checked. Ask in your own words, or paste the error line.
        [crashloop] [why is my pod pending?] [exit code 137]
        "#) }
        slack.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_direct_message_needs_no_mention_and_offers_no_sharing() {
    Workspace::in_both_modes(|slack| async move {
        let event = json!({
            "type": "message", "channel_type": "im", "channel": "D1", "user": "U1",
            "text": "crashloop", "ts": "1700000009.000001",
            // Numbers and objects in metadata make the typed parsers of others lose the text.
            "metadata": {"event_type": "x", "event_payload": {"n": 1, "o": {"a": [1]}}},
        });
        slack
            .deliver("events_api", &slack.event_payload(&event))
            .await;
        let seen = slack.next("chat.postMessage", 0).await;
        assert_eq!(seen.body["channel"], "D1");
        assert_eq!(seen.body["thread_ts"], "1700000009.000001");
        assert!(seen.drawn().contains("pod-crashloopbackoff") && !seen.drawn().contains("Share"));
        slack.close().await;
    })
    .await;
}

#[tokio::test]
async fn the_message_shortcut_answers_privately_and_shares_into_that_messages_thread() {
    Workspace::in_both_modes(|slack| async move {
        let alert = json!({
            "type": "message", "bot_id": "B9", "text": "", "ts": "1650000000.000100",
            "attachments": [{"title": "KubePodCrashLooping", "text": "Back-off restarting failed container app in pod web-1", "color": "danger"}],
        });
        let payload = slack.shortcut_payload(&alert);
        slack.deliver("interactive", &payload).await;
        let seen = slack.answer_to(&payload).await;
        assert_eq!(seen.body["response_type"], "ephemeral");
        assert!(seen.drawn().contains("sure: it explains the line"), "{}", seen.drawn());
        let press = slack
            .press(&seen.button("Share in the thread"), "U1", &OPS)
            .await;
        let shared = slack.answer_to(&press).await;
        assert_eq!(shared.body["response_type"], "in_channel");
        assert_eq!(shared.body["replace_original"], false);
        assert_eq!(shared.body["thread_ts"], "1650000000.000100");
        assert!(shared.drawn().starts_with("Shared by @U1"));
        slack.close().await;
    })
    .await;
}

#[tokio::test]
async fn where_the_bot_is_no_member_everything_goes_through_the_response_url() {
    Workspace::in_both_modes(|slack| async move {
        for (channel, name) in [
            ("C8", "privategroup"),
            ("D8", "directmessage"),
            ("G8", "mpdm-ann--bob-1"),
        ] {
            slack
                .fake
                .world
                .lock()
                .unwrap()
                .closed_channels
                .insert(channel.to_owned(), "not_in_channel");
            let mut command = slack.command_payload("crashloop");
            command["channel_id"] = json!(channel);
            command["channel_name"] = json!(name);
            slack.deliver("slash_commands", &command).await;
            let seen = slack.answer_to(&command).await;
            assert!(seen.drawn().contains("pod-crashloopbackoff"));
            let mut press = slack.press_payload(
                &seen.button("Share to channel"),
                "U1",
                &At::Ephemeral { channel },
            );
            press["channel"] = json!({"id": channel, "name": name});
            slack.deliver("interactive", &press).await;
            let shared = slack.answer_to(&press).await;
            assert_eq!(shared.body["response_type"], "in_channel");
        }
        for method in [
            "chat.postMessage",
            "chat.postEphemeral",
            "conversations.info",
        ] {
            assert!(slack.fake.calls(method).is_empty(), "{method}");
        }
        slack.close().await;
    })
    .await;
}

#[tokio::test]
async fn sharing_posts_once_names_the_asker_and_takes_the_private_answer_away() {
    Workspace::in_both_modes(|slack| async move {
        let seen = slack.command("crashloop").await;
        let share = seen.button("Share to channel");
        let first = slack.press(&share, "U1", &OPS).await;
        slack
            .fake
            .until("share and deletion", |world| {
                (world
                    .calls
                    .iter()
                    .filter(|call| call.method == "response_url")
                    .count()
                    == 3)
                    .then_some(())
            })
            .await;
        let all = slack.all_to(&first);
        assert_eq!(all[0]["response_type"], "in_channel");
        assert!(all[0].get("thread_ts").is_none());
        assert_eq!(all[1], json!({"delete_original": true}));
        let again = slack.press(&share, "U1", &OPS).await;
        // Another button proves that the second press has been dealt with: it has an answer.
        let other = slack
            .press(&seen.button("Not what I meant"), "U1", &OPS)
            .await;
        slack.answer_to(&other).await;
        assert!(slack.all_to(&again).is_empty());
        slack.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_button_works_after_a_restart() {
    for mode in [Mode::Socket, Mode::Http] {
        let slack = Workspace::open(mode).await;
        let payload = slack.shortcut_payload(&json!({"type": "message", "user": "U2", "text": "crashloop", "ts": "1650000000.000100", "thread_ts": "1640000000.000001"}));
        slack.deliver("interactive", &payload).await;
        let seen = slack.answer_to(&payload).await;
        let fake = std::sync::Arc::clone(&slack.fake);
        slack.close().await;
        let core = k8sfaq::slack::conversation::Core::from(super::workspace::bot());
        let slack = Workspace::join(fake, mode, core, |_| {}).await;
        let press = slack
            .press(&seen.button("Share in the thread"), "U1", &OPS)
            .await;
        let shared = slack.answer_to(&press).await;
        assert_eq!(shared.body["thread_ts"], "1640000000.000001");
        slack.close().await;
    }
}

#[tokio::test]
async fn not_what_i_meant_replaces_in_place_and_so_does_the_choice() {
    Workspace::in_both_modes(|slack| async move {
        let seen = slack.command("crashloop").await;
        let press = slack
            .press(&seen.button("Not what I meant"), "U1", &OPS)
            .await;
        let choices = slack.answer_to(&press).await;
        assert_eq!(choices.body["replace_original"], true);
        assert!(
            choices
                .drawn()
                .starts_with("Which of these do you mean?\n["),
            "{}",
            choices.drawn()
        );
        let label = choices.body["blocks"][1]["elements"][0]["text"]["text"].clone();
        let press = slack
            .press(&choices.button(label.as_str().unwrap()), "U1", &OPS)
            .await;
        let answer = slack.answer_to(&press).await;
        assert_eq!(answer.body["replace_original"], true);
        let title = label.as_str().unwrap().trim_end_matches('…');
        assert!(
            answer.drawn().starts_with(&format!("# {title}")),
            "{title}: {}",
            answer.drawn()
        );
        // And back: what was left is an alternative now.
        let press = slack
            .press(&answer.button("Not what I meant"), "U1", &OPS)
            .await;
        let back = slack.answer_to(&press).await;
        assert!(
            back.drawn().contains("What does CrashLoopBackOff mean"),
            "{}",
            back.drawn()
        );
        slack.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_public_answer_is_replaced_for_its_asker_and_others_get_theirs_privately() {
    Workspace::in_both_modes(|slack| async move {
        let seen = slack.mention("<@UBOT> crashloop", None).await;
        let other = seen.button("Not what I meant");
        let ts = slack
            .fake
            .until("a message", |world| world.messages.iter().next().cloned())
            .await
            .1;
        let at = At::Public {
            channel: "C1",
            ts: ts.clone(),
            thread: Some(string(&seen.body["thread_ts"])),
        };
        let bystander = slack.press(&other, "U2", &at).await;
        let private = slack.answer_to(&bystander).await;
        assert_eq!(private.body["response_type"], "ephemeral");
        assert_eq!(private.body["replace_original"], false);
        slack.press(&other, "U1", &at).await;
        let update = slack.next("chat.update", 0).await;
        assert_eq!(update.body["ts"], json!(ts));
        assert!(update.drawn().starts_with("Which of these"));
        slack.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_vote_is_thanked_privately_and_a_bad_one_may_say_why() {
    Workspace::in_both_modes(|slack| async move {
        let seen = slack.command("crashloop").await;
        let press = slack.press(&seen.button("Helpful"), "U1", &OPS).await;
        let thanks = slack.answer_to(&press).await;
        assert_eq!(thanks.body["response_type"], "ephemeral");
        assert_eq!(thanks.body["replace_original"], false);
        assert_eq!(thanks.drawn(), "Thanks, noted.");
        let press = slack.press(&seen.button("Not helpful"), "U1", &OPS).await;
        let asked = slack.answer_to(&press).await;
        allow_duplicates! { assert_snapshot!(asked.drawn(), @r#"
        Thanks, noted. What was wrong with it? (You need not say.)
        [Not my problem] [Out of date] [A step is missing] [Hard to follow]
        "#) }
        let press = slack.press(&asked.button("Out of date"), "U1", &OPS).await;
        assert_eq!(slack.answer_to(&press).await.body["replace_original"], true);
        slack.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_tampered_or_old_button_is_turned_down_politely_and_an_unknown_one_is_acknowledged() {
    Workspace::in_both_modes(|slack| async move {
        for value in [
            "",
            "{}",
            "{\"v\":0,\"e\":\"pod-pending\"}",
            "{\"v\":1,\"e\":\"Not An Id\"}",
            "{\"v\":1,\"e\":\"pod-pending\",\"t\":\"<!channel>\"}",
        ] {
            let press = slack
                .press(&("share.0".to_owned(), value.to_owned()), "U1", &OPS)
                .await;
            let seen = slack.answer_to(&press).await;
            assert!(
                seen.drawn().contains("older version"),
                "{value}: {}",
                seen.drawn()
            );
        }
        let unknown = slack
            .press(&("launch_missiles".to_owned(), "x".to_owned()), "U1", &OPS)
            .await;
        let link = slack
            .press(&("link.2".to_owned(), "{\"v\":1}".to_owned()), "U1", &OPS)
            .await;
        slack.command("crashloop").await;
        assert!(slack.all_to(&unknown).is_empty() && slack.all_to(&link).is_empty());
        slack.close().await;
    })
    .await;
}

#[tokio::test]
async fn an_entry_that_is_gone_is_said_to_be() {
    Workspace::in_both_modes(|slack| async move {
        let press = slack
            .press(
                &(
                    "pick.0".to_owned(),
                    "{\"v\":1,\"e\":\"no-such-entry\"}".to_owned(),
                ),
                "U1",
                &OPS,
            )
            .await;
        assert!(
            slack
                .answer_to(&press)
                .await
                .drawn()
                .contains("no longer in the FAQ")
        );
        slack.close().await;
    })
    .await;
}

#[tokio::test]
async fn the_home_shows_what_it_does_and_searches_into_a_modal() {
    Workspace::in_both_modes(|slack| async move {
        let opened = |tab: &str| json!({"type": "app_home_opened", "user": "U1", "channel": "D1", "tab": tab, "event_ts": "1.0"});
        slack
            .deliver("events_api", &slack.event_payload(&opened("home")))
            .await;
        let home = slack.next("views.publish", 0).await;
        assert_eq!(home.body["user_id"], "U1");
        allow_duplicates! { assert_snapshot!(steady(&home.drawn()), @r#"
        # Kubernetes answers
        I answer Kubernetes questions out of N entries that people wrote and checked, and name the sources. Ask me here, with /k8sfaq, with a mention in a channel, or with “Find answer” in a message's menu.
        [ A question or an error line ]
        Try one of these:
        [crashloop] [why is my pod pending?] [exit code 137]
        Or look through a topic:
        [aws (n)] [cluster (n)] [kubectl (n)] [networking (n)] [nodes (n)] [observability (n)] [pods (n)] [scheduling (n)] [security (n)] [storage (n)] [workloads (n)]
        ~ k8sfaq 0.1.0 · answering
        "#) }
        let at = At::View { is_modal: false };
        slack
            .press(&("search".to_owned(), "crashloop".to_owned()), "U1", &at)
            .await;
        let modal = slack.next("views.open", 0).await;
        assert!(modal.drawn().contains("pod-crashloopbackoff"));
        let at = At::View { is_modal: true };
        slack
            .press(&modal.button("Not what I meant"), "U1", &at)
            .await;
        let modal = slack.next("views.update", 0).await;
        assert!(modal.drawn().starts_with("Which of these"));
        slack.close().await;
    })
    .await;
}

#[tokio::test]
async fn the_messages_tab_suggests_prompts_and_publishes_no_home() {
    Workspace::in_both_modes(|slack| async move {
        slack.fake.fault("assistant.threads.setSuggestedPrompts", super::fake::Fault::Code("missing_scope"));
        let opened = json!({"type": "app_home_opened", "user": "U1", "channel": "D1", "tab": "messages", "event_ts": "1.0"});
        // The first one fails, and nothing else does for it.
        slack.deliver("events_api", &slack.event_payload(&opened)).await;
        slack.deliver("events_api", &slack.event_payload(&opened)).await;
        let prompts = slack.next("assistant.threads.setSuggestedPrompts", 0).await;
        assert_eq!(prompts.body["channel_id"], "D1");
        let event = json!({"type": "message", "channel_type": "im", "channel": "D1", "user": "U1", "text": "crashloop", "ts": "1.2"});
        slack.deliver("events_api", &slack.event_payload(&event)).await;
        slack.next("chat.postMessage", 0).await;
        assert!(slack.fake.calls("views.publish").is_empty());
        slack.close().await;
    })
    .await;
}

#[tokio::test]
async fn what_is_not_meant_for_it_is_ignored() {
    Workspace::in_both_modes(|slack| async move {
        let base = json!({"type": "message", "channel_type": "im", "channel": "D1", "user": "U1", "text": "crashloop"});
        for (number, extra) in [
            json!({"user": "UBOT"}),
            json!({"user": null, "bot_id": "BBOT"}),
            json!({"user": "U9", "bot_id": "B9"}),
            json!({"subtype": "message_changed", "message": {"text": "crashloop", "user": "U1"}}),
            json!({"subtype": "message_deleted"}),
            json!({"subtype": "channel_join"}),
            json!({"hidden": true}),
            json!({"type": "reaction_added"}),
            json!({"ts": null}),
            json!({"type": "message", "channel_type": "channel", "channel": "C1"}),
        ]
        .into_iter()
        .enumerate()
        {
            let mut event = base.clone();
            event["ts"] = json!(format!("1700000000.1{number:05}"));
            for (key, value) in extra.as_object().unwrap() {
                event[key] = value.clone();
            }
            slack.deliver("events_api", &slack.event_payload(&event)).await;
        }
        slack.mention("<@UBOT> crashloop", None).await;
        assert_eq!(slack.fake.calls("chat.postMessage").len(), 1);
        slack.close().await;
    })
    .await;
}

#[tokio::test]
async fn an_event_that_comes_twice_is_answered_once() {
    Workspace::in_both_modes(|slack| async move {
        let mention = slack.mention_payload("<@UBOT> crashloop", None);
        slack.deliver("events_api", &mention).await;
        slack.deliver("events_api", &mention).await;
        // The same message as the channel's event.
        let mut twin = mention["event"].clone();
        twin["type"] = json!("message");
        twin["channel_type"] = json!("channel");
        slack
            .deliver("events_api", &slack.event_payload(&twin))
            .await;
        let command = slack.command_payload("crashloop");
        slack.deliver("slash_commands", &command).await;
        slack.deliver("slash_commands", &command).await;
        slack.command("exit code 137").await;
        slack.mention("<@UBOT> exit code 137", None).await;
        assert_eq!(slack.all_to(&command).len(), 1);
        assert_eq!(slack.fake.calls("chat.postMessage").len(), 2);
        slack.close().await;
    })
    .await;
}

#[tokio::test]
async fn odd_payloads_are_acknowledged_and_what_text_they_have_is_answered() {
    Workspace::in_both_modes(|slack| async move {
        for (number, extra) in [
            json!({"blocks": [{"type": "hologram", "x": [1, 2]}]}),
            json!({"metadata": {"event_type": "x", "event_payload": {"n": 1.5, "deep": {"a": null}}}}),
            json!({"files": null, "upload": "yes", "team": null}),
        ]
        .into_iter()
        .enumerate()
        {
            let mut payload = slack.mention_payload("<@UBOT> crashloop", None);
            payload["team_id"] = json!(null);
            for (key, value) in extra.as_object().unwrap() {
                payload["event"][key] = value.clone();
            }
            slack.deliver("events_api", &payload).await;
            assert!(slack.next("chat.postMessage", number).await.drawn().contains("pod-crashloopbackoff"));
        }
        slack.deliver("events_api", &json!({"type": "app_rate_limited", "minute_rate_limited": 1})).await;
        slack.deliver("events_api", &json!({"type": "event_callback"})).await;
        slack.deliver("events_api", &json!([1, 2])).await;
        slack.deliver("interactive", &json!({"type": "block_actions", "actions": []})).await;
        slack.deliver("interactive", &json!({"type": "hologram_action"})).await;
        let press = {
            let seen = slack.command("crashloop").await;
            let mut payload = slack.press_payload(&seen.button("Not what I meant"), "U1", &OPS);
            payload["team"] = json!(null);
            slack.deliver("interactive", &payload).await;
            payload
        };
        slack.answer_to(&press).await;
        slack.close().await;
    })
    .await;
}
