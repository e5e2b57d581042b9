//! Channel policy: what the bot does and shows in each place, whatever the platform.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use k8sfaq::bot::Bot;
use k8sfaq::bot::evidence::{About, Clusters, Found, Query};
use k8sfaq::bot::limits;
use k8sfaq::bot::metrics::LookedUp;
use k8sfaq::bot::policy::{Author, People, Policy, Settings};
use k8sfaq::bot::reply::{Audience, Evidence, Length, Refusal, Reply, Shown};
use k8sfaq::bot::request::{
    Action, Person, Place, PlaceKind, Platform, Request, ShareLookup, Vote,
};
use k8sfaq::faq::markdown::{Block, Inline};
use k8sfaq::state::State;

use super::FAQ;

const CRASHLOOP: &str = "pod-crashloopbackoff";
const BACK_OFF: &str =
    "Warning  BackOff  2m  kubelet  Back-off restarting failed container app in pod web-5d9c7";

/// A bot with a policy that is written as in a file, and what people do with it.
struct Team {
    bot: Bot,
    state: State,
}

fn team(channels: &str) -> Team {
    with_people(channels, "{}")
}

fn with_people(channels: &str, people: &str) -> Team {
    let channels: Settings = serde_json::from_str(channels).unwrap();
    let people: People = serde_json::from_str(people).unwrap();
    assert_eq!(channels.contradictions(), []);
    assert_eq!(people.contradictions(), []);
    let state = State::in_memory().unwrap();
    let bot = Bot::new(Arc::clone(&FAQ), state.clone()).with_policy(Policy::new(channels, people));
    Team { bot, state }
}

impl Team {
    /// The same team with a cluster `prod` that answers with a sentence, or never.
    fn with_cluster(self, says: Option<&'static str>) -> Self {
        let clusters = Clusters {
            names: vec!["prod".to_owned()],
            source: Arc::new(move |query: Query| {
                Box::pin(async move {
                    let Some(says) = says else {
                        return std::future::pending().await;
                    };
                    let about = match query.about {
                        About::Entry { id, .. } => id.to_string(),
                        About::Object { question } => question,
                        About::Status => "everything".to_owned(),
                    };
                    Found {
                        blocks: text(&format!("{says}: {about}")),
                        values: BTreeMap::from([("pod".to_owned(), "web-1".to_owned())]),
                        version: None,
                        entry: None,
                        is_well: false,
                        outcome: LookedUp::Found,
                    }
                })
            }),
            deadline: Duration::from_millis(50),
        };
        Team {
            bot: self.bot.with_clusters(clusters),
            state: self.state,
        }
    }

    async fn does(&self, place: Place, action: Action) -> Shown {
        self.somebody_does("U1", &[], place, action).await
    }

    async fn somebody_does(
        &self,
        id: &str,
        groups: &[&str],
        place: Place,
        action: Action,
    ) -> Shown {
        let person = Person {
            id: id.to_owned(),
            groups: groups.iter().map(|group| (*group).to_owned()).collect(),
        };
        let request = Request {
            person,
            place,
            action,
        };
        self.bot.handle(request).await
    }
}

fn text(text: &str) -> Vec<Block> {
    vec![Block::Paragraph(vec![Inline::Text(text.to_owned())])]
}

fn channel(id: &str) -> Place {
    Place {
        platform: Platform::Slack,
        workspace: Some("T1".to_owned()),
        channel: id.to_owned(),
        thread: None,
        kind: PlaceKind::Channel,
    }
}

fn thread(id: &str, thread: &str) -> Place {
    Place {
        thread: Some(thread.to_owned()),
        ..channel(id)
    }
}

fn of_kind(id: &str, kind: PlaceKind) -> Place {
    Place {
        kind,
        ..channel(id)
    }
}

fn command(text: &str) -> Action {
    Action::Command {
        text: text.to_owned(),
    }
}

fn mention(text: &str) -> Action {
    Action::Mention {
        text: text.to_owned(),
    }
}

fn overheard(text: &str) -> Action {
    Action::Overheard {
        text: text.to_owned(),
    }
}

fn pick(id: &str) -> Action {
    Action::Pick {
        entry: id.parse().unwrap(),
    }
}

fn share(lookup: Option<ShareLookup>) -> Action {
    Action::Share {
        entry: CRASHLOOP.parse().unwrap(),
        lookup,
    }
}

/// A reply in one line: what, to whom, how long, what may be done with it.
fn seen(shown: &Shown) -> String {
    let what = match &shown.reply {
        Reply::Answer(answer) => {
            let evidence = match &answer.evidence {
                Evidence::NotLookedUp => String::new(),
                Evidence::Pending => " (looking)".to_owned(),
                Evidence::OutOfScope => " (out of scope)".to_owned(),
                Evidence::Shown(blocks) => format!(" ({})", said(blocks)),
            };
            format!("{}{evidence}", answer.id)
        }
        Reply::Choices(choices) => format!("choices, {:?}", choices.ask_a_human),
        Reply::NoMatch(none) => format!("no match, {:?}", none.ask_a_human),
        Reply::Help(_) => "help".to_owned(),
        Reply::Topics(_) | Reply::Topic { .. } => "topics".to_owned(),
        Reply::Status(blocks) => format!("status: {}", said(blocks)),
        Reply::Thanks(_) => "thanks".to_owned(),
        Reply::Muted => "muted".to_owned(),
        Reply::Refused(refusal) => format!("refused: {refusal:?}"),
        Reply::Silence => return "silence".to_owned(),
    };
    let audience = match shown.audience {
        Audience::Asker => "the asker",
        Audience::Everyone => "everyone",
    };
    let length = match shown.length {
        Length::Full => "",
        Length::Terse => ", terse",
    };
    let share = if shown.can_share {
        ", can be shared"
    } else {
        ""
    };
    let lookup = match &shown.lookup {
        Some(lookup) if lookup.audience() != shown.audience => ", evidence for the asker",
        Some(_) => ", evidence follows",
        None => "",
    };
    format!("{what} → {audience}{length}{share}{lookup}")
}

fn said(blocks: &[Block]) -> String {
    k8sfaq::faq::markdown::plain_blocks(blocks)
        .trim()
        .to_owned()
}

#[tokio::test]
async fn each_mode_answers_in_its_own_way() {
    let team = team(
        r#"{"slack": {"C0NORMAL": {}, "C0MENTION": {"mode": "mention_only"}, "C0PRIVATE": {"mode": "private"},
            "C0INCIDENT": {"mode": "incident"}, "C0MUTED": {"mode": "muted"}}}"#,
    );
    let mut lines = Vec::new();
    for id in [
        "C0NORMAL",
        "C0MENTION",
        "C0PRIVATE",
        "C0INCIDENT",
        "C0MUTED",
    ] {
        for (name, action) in [
            ("command", command("crashloop")),
            ("mention", mention("crashloop")),
            (
                "shortcut",
                Action::Message {
                    text: BACK_OFF.to_owned(),
                },
            ),
            ("overheard", overheard(BACK_OFF)),
            ("share", share(None)),
        ] {
            let shown = team.does(thread(id, "1"), action).await;
            lines.push(format!("{id} {name}: {}", seen(&shown)));
        }
    }
    insta::assert_snapshot!(lines.join("\n"), @r##"
    C0NORMAL command: pod-crashloopbackoff → the asker, can be shared
    C0NORMAL mention: pod-crashloopbackoff → everyone
    C0NORMAL shortcut: pod-crashloopbackoff → the asker, can be shared
    C0NORMAL overheard: silence
    C0NORMAL share: pod-crashloopbackoff → everyone
    C0MENTION command: pod-crashloopbackoff → the asker, can be shared
    C0MENTION mention: pod-crashloopbackoff → everyone
    C0MENTION shortcut: pod-crashloopbackoff → the asker, can be shared
    C0MENTION overheard: silence
    C0MENTION share: pod-crashloopbackoff → everyone
    C0PRIVATE command: pod-crashloopbackoff → the asker
    C0PRIVATE mention: pod-crashloopbackoff → the asker
    C0PRIVATE shortcut: pod-crashloopbackoff → the asker
    C0PRIVATE overheard: silence
    C0PRIVATE share: refused: PrivateHere → the asker
    C0INCIDENT command: pod-crashloopbackoff → the asker, terse, can be shared
    C0INCIDENT mention: pod-crashloopbackoff → everyone, terse
    C0INCIDENT shortcut: pod-crashloopbackoff → the asker, terse, can be shared
    C0INCIDENT overheard: silence
    C0INCIDENT share: pod-crashloopbackoff → everyone, terse
    C0MUTED command: refused: MutedHere → the asker
    C0MUTED mention: silence
    C0MUTED shortcut: refused: MutedHere → the asker
    C0MUTED overheard: silence
    C0MUTED share: refused: MutedHere → the asker
    "##);
}

#[tokio::test]
async fn a_channel_takes_from_the_default_what_it_does_not_say() {
    let team = team(
        r#"{"default": {"mode": "muted", "ask_a_human": "Ask Ann."}, "slack": {"c0open": {"mode": "normal"}}}"#,
    );
    let nonsense = "zzqx wvut";
    let shown = team.does(channel("C0OPEN"), mention(nonsense)).await;
    assert_eq!(seen(&shown), "no match, Some(\"Ask Ann.\") → everyone");
    assert_eq!(
        seen(&team.does(channel("C0ELSE"), mention("crashloop")).await),
        "silence"
    );
    // A direct message disturbs nobody.
    let direct = of_kind("D0", PlaceKind::Direct);
    assert_eq!(
        seen(&team.does(direct, mention("crashloop")).await),
        "pod-crashloopbackoff → everyone"
    );
}

#[tokio::test]
async fn an_offer_is_made_once_for_each_thread_and_entry_and_not_after_a_mute() {
    let team = team(
        r#"{"slack": {"C0INC": {"mode": "incident", "watch": true, "watch_bots": ["Alertmanager"]}}}"#,
    );
    let place = |name| thread("C0INC", name);
    let offer = "pod-crashloopbackoff → everyone, terse";
    assert_eq!(
        seen(&team.does(place("1"), overheard(BACK_OFF)).await),
        offer
    );
    assert_eq!(
        seen(&team.does(place("1"), overheard(BACK_OFF)).await),
        "silence"
    );
    assert_eq!(
        seen(&team.does(place("2"), overheard(BACK_OFF)).await),
        offer
    );
    // Words alone are no reason to speak unasked.
    assert_eq!(
        seen(
            &team
                .does(place("3"), overheard("my pod is in crashloop"))
                .await
        ),
        "silence"
    );
    assert_eq!(
        seen(&team.does(place("4"), Action::Mute).await),
        "muted → everyone"
    );
    assert_eq!(
        seen(&team.does(place("4"), overheard(BACK_OFF)).await),
        "silence"
    );
    // Who asks is answered all the same.
    assert_eq!(
        seen(&team.does(place("4"), mention("crashloop")).await),
        offer
    );
    let bot = |id, name| Author::Bot { id, name };
    assert!(team.bot.hears(&place("1"), Author::Person));
    assert!(team.bot.hears(&place("1"), bot("B1", "alertmanager")));
    assert!(!team.bot.hears(&place("1"), bot("B1", "Chatty")));
    assert!(!team.bot.hears(&channel("C0ELSE"), Author::Person));
    assert!(team.bot.watches(Platform::Slack) && !team.bot.watches(Platform::Discord));
}

#[tokio::test]
async fn a_person_who_asks_too_often_is_told_when_to_go_on() {
    let team = team(r#"{"slack": {"C0": {"limits": {"person_per_minute": 4}}}}"#);
    for _ in 0..2 {
        assert_eq!(
            seen(&team.does(channel("C0"), command("help")).await),
            "help → the asker"
        );
    }
    let shown = team.does(channel("C0"), mention("help")).await;
    assert_eq!(seen(&shown), "refused: TooMany { seconds: 15 } → the asker");
    let other = team
        .somebody_does("U2", &[], channel("C0"), command("help"))
        .await;
    assert_eq!(seen(&other), "help → the asker");
    // What costs nothing is not counted.
    let vote = Action::Vote {
        entry: CRASHLOOP.parse().unwrap(),
        vote: Vote::Down,
    };
    assert_eq!(
        seen(&team.does(channel("C0"), vote).await),
        "thanks → the asker"
    );
    let Reply::Refused(refusal) = shown.reply else {
        panic!("no refusal")
    };
    assert_eq!(
        refusal.to_string(),
        "That was a lot at once. Ask again in 15 seconds."
    );
}

#[tokio::test]
async fn a_channel_is_spared_what_everyone_would_see() {
    let team = team(r#"{"slack": {"C0": {"limits": {"channel_per_minute": 2}}}}"#);
    assert_eq!(
        seen(&team.does(channel("C0"), mention("help")).await),
        "help → everyone"
    );
    let shown = team
        .somebody_does("U2", &[], channel("C0"), mention("help"))
        .await;
    assert_eq!(seen(&shown), "refused: TooMany { seconds: 30 } → the asker");
    assert_eq!(
        seen(&team.does(channel("C0"), command("help")).await),
        "help → the asker"
    );
}

#[tokio::test]
async fn the_same_entry_is_not_shown_to_a_discord_channel_twice_in_a_row() {
    let team = team("{}");
    let discord = |id: &str| Place {
        platform: Platform::Discord,
        ..channel(id)
    };
    let answer = "pod-crashloopbackoff → everyone";
    assert_eq!(
        seen(&team.does(discord("1"), mention("crashloop")).await),
        answer
    );
    let again = team.does(discord("1"), mention("crashloop")).await;
    assert_eq!(
        seen(&again),
        "refused: JustAnswered { seconds: 10 } → the asker"
    );
    assert_eq!(
        seen(&team.does(discord("2"), mention("crashloop")).await),
        answer
    );
    assert_eq!(
        seen(&team.does(discord("1"), command("crashloop")).await),
        "pod-crashloopbackoff → the asker, can be shared"
    );
}

#[tokio::test]
async fn more_than_fits_into_flight_is_turned_down_politely() {
    let team = team("{}");
    let bot = team.bot.with_limits(&limits::Settings {
        in_flight: 0,
        lookups: 1,
    });
    let request = Request {
        person: Person {
            id: "U1".to_owned(),
            groups: Vec::new(),
        },
        place: channel("C0"),
        action: mention("crashloop"),
    };
    assert_eq!(
        seen(&bot.handle(request).await),
        "refused: Busy → the asker"
    );
    assert!(
        bot.metrics()
            .text()
            .contains("k8sfaq_refusals_total{limit=\"in_flight\"} 1")
    );
}

#[tokio::test]
async fn misses_and_votes_are_kept_without_texts() {
    let team = team("{}");
    for _ in 0..2 {
        team.does(channel("C0"), command("zzqx wvut")).await;
    }
    for vote in [Vote::Up, Vote::Down] {
        team.does(
            channel("C0"),
            Action::Vote {
                entry: CRASHLOOP.parse().unwrap(),
                vote,
            },
        )
        .await;
    }
    let misses = team.state.misses(10).unwrap();
    assert_eq!(
        (misses.len(), misses[0].count, misses[0].question.clone()),
        (1, 2, None)
    );
    let votes = team.state.votes().unwrap();
    assert_eq!(
        (votes[0].entry.as_str(), votes[0].up, votes[0].down),
        (CRASHLOOP, 0, 1)
    );
    let metrics = team.bot.metrics().text();
    assert!(
        metrics.contains("k8sfaq_questions_total{adapter=\"slack\",outcome=\"no_match\"} 2"),
        "{metrics}"
    );
    assert!(!metrics.contains("zzqx"));
}

#[tokio::test]
async fn a_text_is_kept_only_where_that_is_set_and_without_its_secrets() {
    let team = team("{}");
    let bot = team.bot.keeping_questions();
    let request = Request {
        person: Person {
            id: "U1".to_owned(),
            groups: Vec::new(),
        },
        place: channel("C0"),
        action: command("zzqx wvut password=hunter2"),
    };
    bot.handle(request).await;
    let question = team.state.misses(1).unwrap()[0].question.clone();
    assert_eq!(question.as_deref(), Some("zzqx wvut password=[redacted]"));
}

const SHOP: &str = r#"{"slack": {
    "C0SHOP": {"scope": {"clusters": ["prod"], "namespaces": ["shop", "shop-*"]}},
    "C0FEW": {"scope": {"clusters": ["prod"], "namespaces": ["*"], "users": ["U7"], "usergroups": ["S1"]}}}}"#;

#[tokio::test]
async fn without_a_scope_nothing_is_looked_up() {
    let team = team(SHOP).with_cluster(Some("found"));
    assert_eq!(
        seen(
            &team
                .does(channel("C0ELSE"), mention("crashloop -n shop"))
                .await
        ),
        "pod-crashloopbackoff → everyone"
    );
    assert_eq!(
        seen(&team.does(channel("C0ELSE"), command("status")).await),
        "refused: NoScope → the asker"
    );
}

#[tokio::test]
async fn without_a_cluster_a_scope_changes_nothing() {
    let team = team(SHOP);
    assert_eq!(
        seen(&team.does(channel("C0SHOP"), mention("crashloop")).await),
        "pod-crashloopbackoff → everyone"
    );
    assert_eq!(
        seen(&team.does(channel("C0SHOP"), command("status")).await),
        "refused: NoScope → the asker"
    );
}

#[tokio::test]
async fn the_answer_comes_at_once_and_the_evidence_takes_its_place() {
    let team = team(SHOP).with_cluster(Some("found"));
    let first = team.does(channel("C0SHOP"), mention("crashloop")).await;
    assert_eq!(
        seen(&first),
        "pod-crashloopbackoff (looking) → everyone, evidence follows"
    );
    let then = team.bot.evidence(first.lookup.unwrap()).await;
    assert_eq!(
        seen(&then),
        "pod-crashloopbackoff (found: pod-crashloopbackoff) → everyone"
    );
    let Reply::Answer(answer) = then.reply else {
        panic!("no answer")
    };
    let steps = said(&answer.steps);
    assert!(
        steps.contains("web-1") && !steps.contains("<pod>"),
        "{steps}"
    );
}

#[tokio::test]
async fn a_lookup_that_never_ends_is_shown_as_what_it_is() {
    let team = team(SHOP).with_cluster(None);
    let first = team.does(channel("C0SHOP"), command("status shop")).await;
    assert_eq!(
        seen(&first),
        "status: Looking at the cluster… → the asker, evidence follows"
    );
    let then = team.bot.evidence(first.lookup.unwrap()).await;
    assert_eq!(
        seen(&then),
        "status: The cluster did not answer within 0.05 s, so nothing can be said of its state. → the asker"
    );
    assert!(
        team.bot
            .metrics()
            .text()
            .contains("k8sfaq_lookups_total{outcome=\"timed_out\"} 1")
    );
}

#[tokio::test]
async fn what_is_outside_the_scope_is_refused_whether_it_exists_or_not() {
    let team = team(SHOP).with_cluster(Some("found"));
    let mut lines = Vec::new();
    for question in [
        "-n shop",
        "-n shop-eu",
        "-n kube-system",
        "-n no-such",
        "--context prod",
        "--context dev",
    ] {
        let shown = team
            .does(channel("C0SHOP"), command(&format!("crashloop {question}")))
            .await;
        lines.push(format!("{question}: {}", seen(&shown)));
    }
    let status = team
        .does(channel("C0SHOP"), command("status kube-system"))
        .await;
    lines.push(format!("status kube-system: {}", seen(&status)));
    insta::assert_snapshot!(lines.join("\n"), @r##"
    -n shop: pod-crashloopbackoff (looking) → the asker, can be shared, evidence follows
    -n shop-eu: pod-crashloopbackoff (looking) → the asker, can be shared, evidence follows
    -n kube-system: pod-crashloopbackoff (out of scope) → the asker, can be shared
    -n no-such: pod-crashloopbackoff (out of scope) → the asker, can be shared
    --context prod: pod-crashloopbackoff (looking) → the asker, can be shared, evidence follows
    --context dev: pod-crashloopbackoff (out of scope) → the asker, can be shared
    status kube-system: refused: OutOfScope → the asker
    "##);
}

#[tokio::test]
async fn evidence_that_only_some_may_see_goes_to_the_asker_alone() {
    let team = team(SHOP).with_cluster(Some("found"));
    let by = async |id: &str, groups: &[&str]| {
        let shown = team
            .somebody_does(id, groups, channel("C0FEW"), mention("crashloop"))
            .await;
        let first = seen(&shown);
        match shown.lookup {
            Some(lookup) => format!("{first}; {}", seen(&team.bot.evidence(lookup).await)),
            None => first,
        }
    };
    assert_eq!(by("U1", &[]).await, "pod-crashloopbackoff → everyone");
    let privately = "pod-crashloopbackoff → everyone, evidence for the asker; \
                     pod-crashloopbackoff (found: pod-crashloopbackoff) → the asker, can be shared";
    assert_eq!(by("U7", &[]).await, privately);
    assert_eq!(by("U1", &["S1"]).await, privately);
}

#[tokio::test]
async fn evidence_does_not_leave_the_house_by_a_shared_channel() {
    let team = team(SHOP).with_cluster(Some("found"));
    let shared = of_kind("C0SHOP", PlaceKind::Shared);
    let shown = team.does(shared, mention("crashloop")).await;
    assert_eq!(
        seen(&shown),
        "pod-crashloopbackoff → everyone, evidence for the asker"
    );
    let foreign = of_kind("C0SHOP", PlaceKind::Foreign);
    assert_eq!(
        seen(&team.does(foreign, pick(CRASHLOOP)).await),
        "pod-crashloopbackoff → the asker, can be shared"
    );
}

#[tokio::test]
async fn a_direct_message_looks_only_where_the_person_may() {
    let team = with_people(
        SHOP,
        r#"{"slack": {"u1": {"scope": {"clusters": ["prod"], "namespaces": ["shop"]}}}}"#,
    )
    .with_cluster(Some("found"));
    let direct = || of_kind("D0", PlaceKind::Direct);
    assert_eq!(
        seen(&team.does(direct(), mention("crashloop")).await),
        "pod-crashloopbackoff (looking) → everyone, evidence follows"
    );
    let other = team
        .somebody_does("U2", &[], direct(), mention("crashloop"))
        .await;
    assert_eq!(seen(&other), "pod-crashloopbackoff → everyone");
}

#[tokio::test]
async fn what_is_shared_is_looked_up_again_only_where_everyone_may_see_it() {
    let team = team(SHOP).with_cluster(Some("found"));
    let lookup = || Some(ShareLookup::default());
    assert_eq!(
        seen(&team.does(channel("C0SHOP"), share(lookup())).await),
        "pod-crashloopbackoff (looking) → everyone, evidence follows"
    );
    let few = team
        .somebody_does("U7", &[], channel("C0FEW"), share(lookup()))
        .await;
    assert_eq!(seen(&few), "pod-crashloopbackoff → everyone");
}

#[tokio::test]
async fn an_offer_shows_evidence_only_where_everyone_may_see_it() {
    let watched = SHOP.replace("\"scope\"", "\"watch\": true, \"scope\"");
    let team = team(&watched).with_cluster(Some("found"));
    assert_eq!(
        seen(&team.does(thread("C0SHOP", "1"), overheard(BACK_OFF)).await),
        "pod-crashloopbackoff (looking) → everyone, evidence follows"
    );
    let few = team
        .somebody_does("U7", &[], thread("C0FEW", "1"), overheard(BACK_OFF))
        .await;
    assert_eq!(seen(&few), "pod-crashloopbackoff → everyone");
}

#[tokio::test]
async fn a_lookup_that_panics_ends_as_a_sentence_and_is_counted() {
    let clusters = Clusters {
        names: vec!["prod".to_owned()],
        source: Arc::new(|_| Box::pin(async { panic!("broken") })),
        deadline: Duration::from_secs(5),
    };
    let bot = team(SHOP).bot.with_clusters(clusters);
    let request = Request {
        person: Person {
            id: "U1".to_owned(),
            groups: Vec::new(),
        },
        place: channel("C0SHOP"),
        action: mention("crashloop"),
    };
    let first = bot.handle(request).await;
    let then = bot.evidence(first.lookup.unwrap()).await;
    assert_eq!(
        seen(&then),
        "pod-crashloopbackoff (Looking at the cluster broke on my side, so nothing can be said of its state.) → everyone"
    );
    assert!(bot.metrics().text().contains("k8sfaq_panics_total 1"));
}

#[test]
fn settings_that_contradict_each_other_are_named() {
    let channels: Settings = serde_json::from_str(
        r##"{"default": {"scope": {"clusters": ["prod"], "namespaces": ["a"]}},
            "slack": {"#general": {}, "C1": {"mode": "private", "watch": true}, "C2": {"watch_bots": ["B1"]},
                      "C3": {"scope": {"clusters": [], "namespaces": ["Shop"], "roles": ["1"]}}},
            "discord": {"C4": {}, "5": {"scope": {"clusters": ["prod"], "usergroups": ["S1"]}}}}"##,
    )
    .unwrap();
    let lines: Vec<String> = channels
        .contradictions()
        .into_iter()
        .map(|wrong| format!("{}: {}", wrong.key, wrong.message))
        .collect();
    insta::assert_snapshot!(lines.join("\n"), @r##"
    channels.default.scope: a scope belongs to a channel that is named, such as [channels.slack.C0123456789.scope]: what is not named looks at nothing
    channels.slack.#general: `#general` is no id of a channel: write it as C0123456789 or U0123456789, from the foot of its details in Slack
    channels.slack.C1.watch: `true` cannot go with mode `private`: offers need mode `normal` or `incident`
    channels.slack.C2.watch_bots: names bots, but nothing is watched: add `watch = true`
    channels.slack.C3.scope.roles: are Discord's: name Slack's `usergroups`
    channels.slack.C3.scope.clusters: is empty, so nothing can be looked at: name a cluster, or take the scope out
    channels.slack.C3.scope.namespaces: `Shop` is no namespace: write lower-case letters, digits and hyphens, with `*` at the end at most
    channels.discord.5.scope.usergroups: are Slack's: name Discord's `roles`
    channels.discord.5.scope.namespaces: is empty, so nothing can be looked at: name namespaces, or set `cluster = true`
    channels.discord.C4: `C4` is no id of a channel: write it as 123456789012345678, from Copy ID in Discord's developer mode
    "##);
}

#[test]
fn every_refusal_says_what_to_do_next() {
    for refusal in [
        Refusal::TooMany { seconds: 1 },
        Refusal::JustAnswered { seconds: 200 },
        Refusal::Busy,
        Refusal::MutedHere,
        Refusal::PrivateHere,
        Refusal::NoScope,
        Refusal::OutOfScope,
        Refusal::NoSuchEntry,
        Refusal::Broken,
    ] {
        let sentence = refusal.to_string();
        assert!(
            sentence.matches(['.', ':']).count() >= 2 && sentence.ends_with('.'),
            "{sentence}"
        );
    }
}
