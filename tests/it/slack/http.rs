//! HTTP mode: signatures, sizes, Slack's probes and its repeated deliveries.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use k8sfaq::slack::Mode;
use k8sfaq::slack::conversation::Core;
use serde_json::json;
use slack_morphism::prelude::SlackSigningSecret;
use slack_morphism::signature_verifier::SlackEventSignatureVerifier;

use super::fake::SIGNING_SECRET;
use super::workspace::{Workspace, bot, sign};

const FORM: &str = "application/x-www-form-urlencoded";

fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    i64::try_from(since.unwrap().as_secs()).unwrap()
}

#[test]
fn our_signer_makes_what_slack_publishes() {
    let body = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
    let signature = sign("8f742231b10e8888abcd99yyyzzz85a5", "1531420618", body);
    assert_eq!(
        signature,
        "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
    );
    // The verifier agrees about the signature; it is years too old, and that is the one thing it minds.
    let verifier = SlackEventSignatureVerifier::new(&SlackSigningSecret(
        "8f742231b10e8888abcd99yyyzzz85a5".to_owned(),
    ));
    let error = verifier.verify(&signature, body, "1531420618").unwrap_err();
    assert!(format!("{error}").contains("imestamp"), "{error}");
}

#[tokio::test]
async fn what_is_not_signed_by_slack_just_now_is_turned_down_and_does_nothing() {
    let slack = Workspace::open(Mode::Http).await;
    let body = slack.mention_payload("<@UBOT> crashloop", None).to_string();
    let fresh = now().to_string();
    let good = sign(SIGNING_SECRET, &fresh, &body);
    for (name, signature, timestamp) in [
        ("wrong", Some("v0=00".to_owned()), Some(fresh.clone())),
        (
            "another secret",
            Some(sign("x", &fresh, &body)),
            Some(fresh.clone()),
        ),
        (
            "another body",
            Some(sign(SIGNING_SECRET, &fresh, "{}")),
            Some(fresh.clone()),
        ),
        ("absent", None, Some(fresh.clone())),
        ("no time", Some(good.clone()), None),
        ("no ASCII", Some("v0=é".to_owned()), Some(fresh.clone())),
        (
            "no number",
            Some(sign(SIGNING_SECRET, "soon", &body)),
            Some("soon".to_owned()),
        ),
        (
            "old",
            Some(sign(SIGNING_SECRET, &(now() - 301).to_string(), &body)),
            Some((now() - 301).to_string()),
        ),
        (
            "early",
            Some(sign(SIGNING_SECRET, &(now() + 330).to_string(), &body)),
            Some((now() + 330).to_string()),
        ),
    ] {
        let mut headers = vec![("content-type", "application/json")];
        headers.extend(
            signature
                .as_deref()
                .map(|signature| ("x-slack-signature", signature)),
        );
        headers.extend(
            timestamp
                .as_deref()
                .map(|timestamp| ("x-slack-request-timestamp", timestamp)),
        );
        assert_eq!(
            slack.post_raw(&body, &headers).await.status(),
            401,
            "{name}"
        );
    }
    // Four minutes and more are still taken: clocks differ.
    let before = (now() - 290).to_string();
    let signature = sign(SIGNING_SECRET, &before, &body);
    let headers = [
        ("content-type", "application/json"),
        ("x-slack-signature", signature.as_str()),
        ("x-slack-request-timestamp", before.as_str()),
    ];
    assert_eq!(slack.post_raw(&body, &headers).await.status(), 200);
    slack.next("chat.postMessage", 0).await;
    assert_eq!(slack.fake.calls("chat.postMessage").len(), 1);
    slack.close().await;
}

#[tokio::test]
async fn slacks_probes_are_answered() {
    let slack = Workspace::open(Mode::Http).await;
    let unsigned = slack
        .post_raw("ssl_check=1&token=x", &[("content-type", FORM)])
        .await;
    assert_eq!(unsigned.status(), 200);
    assert_eq!(slack.post(FORM, "ssl_check=1", &[]).await.status(), 200);
    let challenge =
        json!({"type": "url_verification", "token": "x", "challenge": "3eZbrw1aB"}).to_string();
    let answer = slack.post("application/json", &challenge, &[]).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.text().await.unwrap(), "3eZbrw1aB");
    let unsigned = slack
        .post_raw(&challenge, &[("content-type", "application/json")])
        .await;
    assert_eq!(unsigned.status(), 401);
    slack.close().await;
}

#[tokio::test]
async fn a_body_that_is_too_large_is_turned_down_unread() {
    let slack = Workspace::open(Mode::Http).await;
    let body = "x".repeat(256 * 1024 + 1);
    // Without any signature: the size is looked at first.
    assert_eq!(
        slack
            .post_raw(&body, &[("content-type", FORM)])
            .await
            .status(),
        413
    );
    let fits = "x".repeat(256 * 1024);
    assert_eq!(
        slack
            .post_raw(&fits, &[("content-type", FORM)])
            .await
            .status(),
        401
    );
    // The same without saying how long it is.
    let pieces =
        futures_util::stream::iter((0..300).map(|_| Ok::<_, std::io::Error>("x".repeat(1024))));
    let url = format!("http://{}/slack/events", slack.address());
    let answer = reqwest::Client::new()
        .post(url)
        .body(reqwest::Body::wrap_stream(pieces))
        .send()
        .await;
    // It may close the connection before all is sent; what it must not do is take it.
    assert!(answer.is_err() || answer.unwrap().status() == 413);
    slack.close().await;
}

#[tokio::test]
async fn a_delivery_that_is_repeated_is_answered_once() {
    let slack = Workspace::open(Mode::Http).await;
    let body = slack.mention_payload("<@UBOT> crashloop", None).to_string();
    for retry in ["0", "1", "2"] {
        let headers = [
            ("x-slack-retry-num", retry),
            ("x-slack-retry-reason", "http_timeout"),
        ];
        assert_eq!(
            slack
                .post("application/json", &body, &headers)
                .await
                .status(),
            200
        );
    }
    slack.mention_after("<@UBOT> exit code 137", 1).await;
    assert_eq!(slack.fake.calls("chat.postMessage").len(), 2);
    slack.close().await;
}

#[tokio::test]
async fn what_is_signed_and_not_understood_is_taken_so_that_slack_does_not_repeat_it() {
    let slack = Workspace::open(Mode::Http).await;
    for (content_type, body) in [
        ("application/json", "not json"),
        ("application/json", "{}"),
        (FORM, "payload=not+json"),
        (FORM, "a=b"),
        (FORM, ""),
    ] {
        assert_eq!(
            slack.post(content_type, body, &[]).await.status(),
            200,
            "{body}"
        );
    }
    slack.close().await;
}

#[tokio::test]
async fn a_delivery_does_not_wait_for_its_answer() {
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
    let slack = Workspace::open_with(Mode::Http, slow, |_| {}).await;
    let command = slack.command_payload("crashloop");
    let shortcut = slack.shortcut_payload(
        &json!({"type": "message", "user": "U2", "text": "crashloop", "ts": "1.1"}),
    );
    let begun = Instant::now();
    slack.deliver("slash_commands", &command).await;
    slack.deliver("interactive", &shortcut).await;
    assert!(begun.elapsed() < Duration::from_secs(3));
    assert!(slack.fake.calls("response_url").is_empty());
    release.send(true).unwrap();
    for payload in [&command, &shortcut] {
        assert!(
            slack
                .answer_to(payload)
                .await
                .drawn()
                .contains("pod-crashloopbackoff")
        );
    }
    slack.close().await;
}
