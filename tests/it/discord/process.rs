//! The adapter in its process: what the log holds, and how the binary ends.

use std::io::Write;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use k8sfaq::discord::Answers;
use serde_json::json;
use tracing_subscriber::fmt::MakeWriter;

use super::bot::{Running, shipped};
use super::fake::{BOT, Fake, TOKEN};

/// A log in memory.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("the log").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Log;

    fn make_writer(&'a self) -> Log {
        self.clone()
    }
}

#[tokio::test]
async fn the_log_holds_no_token_and_no_question() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter("warn,k8sfaq=trace")
        .with_ansi(false)
        .with_writer(log.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    // Other tests run without a subscriber: what they made tracing remember of our lines must not hold here.
    tracing::callsite::rebuild_interest_cache();
    let bot = Running::start().await;
    bot.slash("my-secret-question about crashloop").await;
    bot.says(&format!(
        "<@{BOT}> another-secret-question kubectl port-forward"
    ))
    .await;
    for (status, code) in [(404, 10_062), (400, 50_035)] {
        let body = json!({"message": "refused", "code": code});
        bot.fake.fail("/callback", 1, status, body);
        let options = json!([{"name": "question", "type": 3, "value": "a-secret-question"}]);
        let data = json!({"id": "600", "name": "k8sfaq", "type": 1, "options": options});
        bot.fake.interaction(2, data, json!({}));
        bot.fake
            .until("it is refused", |state| {
                state
                    .requests
                    .iter()
                    .find(|sent| sent.status == status)
                    .map(|_| ())
            })
            .await;
    }
    bot.fake.cut();
    bot.slash("help").await;
    bot.ends().await;
    let text = String::from_utf8(log.0.lock().expect("the log").clone()).expect("UTF-8");
    assert!(text.contains("k8sfaq::discord"), "{text}");
    for secret in [TOKEN, "interaction-token", "secret-question"] {
        assert!(!text.contains(secret), "{text}");
    }
}

#[tokio::test]
async fn an_answer_that_never_comes_is_given_up_after_fourteen_minutes() {
    let mut answers = Answers::from(shipped());
    answers.handle = Arc::new(|_| Box::pin(std::future::pending()));
    let bot = Running::start_with(answers).await;
    bot.slash("crashloop").await;
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(14 * 60)).await;
    tokio::time::resume();
    let message = bot
        .fake
        .until("it is given up", |state| {
            state
                .interactions
                .values()
                .find_map(|call| call.message.clone())
        })
        .await;
    assert_eq!(
        message["content"],
        "That took me too long, sorry. Please ask again."
    );
    bot.ends().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_binary_ends_with_the_cure_where_the_token_is_missing_or_wrong() {
    let fake = Fake::start().await;
    let serve = |token: Option<&'static str>| {
        let url = fake.url.clone();
        tokio::task::spawn_blocking(move || {
            let mut command = Command::new(env!("CARGO_BIN_EXE_k8sfaq"));
            command.args([
                "serve",
                "--set",
                &format!("discord.api_url={url}"),
                "--set",
                "web.listen=127.0.0.1:0",
            ]);
            command
                .env_clear()
                .envs(token.map(|token| ("DISCORD_TOKEN", token)));
            command.output().expect("the binary runs")
        })
    };
    for (token, cure) in [
        (None, "DISCORD_TOKEN_FILE"),
        (Some("a-wrong-token"), "Reset Token"),
    ] {
        let output = serve(token).await.expect("no panic");
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success(), "{text}");
        assert!(text.contains(cure), "{text}");
        assert!(!text.contains("a-wrong-token"), "{text}");
    }
}
