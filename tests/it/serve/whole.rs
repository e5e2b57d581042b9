//! The whole process: the binary with both adapters, against both platforms' fakes, from its start to its end.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::discord::fake::{Fake as Discord, Fakes, TOKEN as DISCORD_TOKEN, member};
use crate::slack::fake::{APP_TOKEN, BOT_TOKEN, Fake as Slack, Out};

/// Longest that a test waits for something: far more than it takes, so that only what never comes fails.
const PATIENCE: Duration = Duration::from_secs(120);

/// The binary, and what it has logged.
struct Serving {
    child: Child,
    log: Arc<Mutex<String>>,
    pages: Option<SocketAddr>,
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Serving {
    fn start(environment: &[(&str, &str)]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_k8sfaq"))
            .arg("serve")
            .env_clear()
            .env("K8SFAQ__WEB__LISTEN", "127.0.0.1:0")
            .envs(environment.iter().copied())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        let (lines, writing) = (
            BufReader::new(child.stderr.take().unwrap()),
            Arc::clone(&log),
        );
        std::thread::spawn(move || {
            for line in lines.lines().map_while(Result::ok) {
                let mut log = writing.lock().unwrap();
                log.push_str(&line);
                log.push('\n');
            }
        });
        Serving {
            child,
            log,
            pages: None,
        }
    }

    fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    async fn until<T>(
        &mut self,
        what: &str,
        mut look: impl AsyncFnMut(&mut Self) -> Option<T>,
    ) -> T {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = look(self).await {
                return found;
            }
            assert!(
                Instant::now() < end,
                "{what} never came; the log:\n{}",
                self.log()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn page(&mut self, path: &str) -> (u16, String) {
        let address = match self.pages {
            Some(address) => address,
            None => {
                let address = self
                    .until("the address of the pages", async |serving| {
                        let log = serving.log();
                        let (_, rest) = log.split_once("address=")?;
                        rest.split_whitespace().next()?.parse().ok()
                    })
                    .await;
                self.pages = Some(address);
                address
            }
        };
        let response = reqwest::get(format!("http://{address}{path}")).await;
        let response = response.unwrap_or_else(|error| panic!("{error}; the log:\n{}", self.log()));
        (response.status().as_u16(), response.text().await.unwrap())
    }

    async fn until_ready(&mut self) {
        self.until("readiness", async |serving| {
            (serving.page("/readyz").await.0 == 200).then_some(())
        })
        .await;
    }

    /// Waits for lines of the metrics: an answer is there a moment before the bot knows that it was taken.
    async fn until_counted(&mut self, lines: &[String]) {
        self.until("the counts", async |serving| {
            let (_, metrics) = serving.page("/metrics").await;
            let are_there = lines.iter().all(|line| metrics.contains(line.as_str()));
            are_there.then_some(())
        })
        .await;
    }

    fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args([name, &id]).status().unwrap();
        assert!(sent.success());
    }

    /// Resident memory, in KiB.
    fn resident(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let number = line.and_then(|line| line.split_whitespace().next());
        number.unwrap().parse().unwrap()
    }

    async fn ended(&mut self) -> ExitStatus {
        self.until("the end", async |serving| serving.child.try_wait().unwrap())
            .await
    }
}

#[tokio::test]
async fn both_adapters_answer_and_the_process_ends_in_peace() {
    let (slack, discord) = (Slack::start().await, Discord::start().await);
    let dir = tempfile::tempdir().unwrap();
    let settings = dir.path().join("team.toml");
    std::fs::write(&settings, "").unwrap();
    let mut serving = Serving::start(&[
        ("SLACK_BOT_TOKEN", BOT_TOKEN),
        ("SLACK_APP_TOKEN", APP_TOKEN),
        ("DISCORD_TOKEN", DISCORD_TOKEN),
        ("K8SFAQ__SLACK__API_URL", &slack.api_url()),
        ("K8SFAQ__DISCORD__API_URL", &discord.url),
        (
            "K8SFAQ__STATE__DIR",
            &dir.path().join("state").display().to_string(),
        ),
    ]);
    serving.until_ready().await;
    // One of Slack's two connections is enough to be ready; the page may still say that the other is coming.
    let page = serving.page("/readyz").await.1;
    for line in [
        "ready",
        "content: ready",
        "config: ready",
        "state: ready",
        "slack: ready",
        "discord: ready",
    ] {
        assert!(
            page.lines().any(|shown| shown.starts_with(line)),
            "{line} in {page}"
        );
    }

    let url = slack.response_url();
    let command = json!({
        "type": "slash_commands", "envelope_id": "e1", "accepts_response_payload": true,
        "payload": {
            "team_id": "T1", "channel_id": "C1", "user_id": "U1", "command": "/k8sfaq", "text": "crashloop",
            "is_enterprise_install": "false", "response_url": url, "trigger_id": slack.trigger(),
        },
    });
    slack.world.lock().unwrap().sockets[0].send(Out::Frame(command.to_string()));
    slack
        .until("Slack's answer", |world| {
            let is_answer =
                |call: &&crate::slack::fake::Call| call.done && url.ends_with(&call.url);
            let call = world
                .calls
                .iter()
                .filter(|call| !call.url.is_empty())
                .find(is_answer)?;
            call.body["text"]
                .as_str()?
                .contains("CrashLoopBackOff")
                .then_some(())
        })
        .await;

    let question = json!([{"name": "question", "type": 3, "value": "crashloop"}]);
    let data = json!({"id": "600", "name": "k8sfaq", "type": 1, "options": question});
    let id = discord.interaction(2, data, json!({}));
    discord
        .until("Discord's answer", |state| {
            let message = state.interactions.get(&id)?.message.as_ref()?;
            message
                .to_string()
                .contains("CrashLoopBackOff")
                .then_some(())
        })
        .await;

    serving.until_counted(&counted()).await;

    serving.signal("-HUP");
    serving
        .until("the reload", async |serving| {
            serving
                .log()
                .contains("the content was read again")
                .then_some(())
        })
        .await;

    let asked_to_end = Instant::now();
    serving.signal("-TERM");
    let status = serving.ended().await;
    assert_eq!(status.code(), Some(0), "{}", serving.log());
    assert!(
        asked_to_end.elapsed() < Duration::from_secs(20),
        "it took the whole grace period"
    );
    let log = serving.log();
    assert!(log.contains("everything in flight is finished"), "{log}");
    let secrets = [
        BOT_TOKEN,
        APP_TOKEN,
        DISCORD_TOKEN,
        "crashloop",
        "respond/",
        "secret-ticket",
    ];
    for secret in secrets {
        assert!(!log.contains(secret), "{secret} stands in the log:\n{log}");
    }
}

/// What one question on each platform is counted as: its outcome, its times, its delivery.
fn counted() -> Vec<String> {
    let mut lines = vec![
        "k8sfaq_events_total{adapter=\"slack\",type=\"command\"} 1".to_owned(),
        "k8sfaq_events_total{adapter=\"discord\",type=\"interaction\"} 1".to_owned(),
        "k8sfaq_queue_depth{adapter=\"slack\"} 0".to_owned(),
    ];
    for adapter in ["slack", "discord"] {
        lines.push(format!(
            "k8sfaq_questions_total{{adapter=\"{adapter}\",outcome=\"entry\"}} 1"
        ));
        for name in ["answer", "ack"] {
            lines.push(format!(
                "k8sfaq_{name}_seconds_count{{adapter=\"{adapter}\"}} 1"
            ));
        }
    }
    lines
}

#[tokio::test]
async fn a_section_without_its_secret_names_the_variable() {
    let mut serving = Serving::start(&[
        ("K8SFAQ__SLACK__MODE", "http"),
        ("K8SFAQ__DISCORD__API_URL", "https://discord.com"),
        ("SLACK_BOT_TOKEN_FILE", "/no/such/file"),
    ]);
    let status = serving.ended().await;
    assert_eq!(status.code(), Some(2));
    serving
        .until("the sentences", async |serving| {
            serving.log().contains("DISCORD").then_some(())
        })
        .await;
    insta::assert_snapshot!(serving.log(), @r"
    k8sfaq: SLACK_BOT_TOKEN_FILE = `/no/such/file` cannot be read: No such file or directory (os error 2); check the path and its permissions
    SLACK_SIGNING_SECRET is not set: [slack] in http mode needs it; set it, or SLACK_SIGNING_SECRET_FILE to a file that holds it
    DISCORD_TOKEN is not set: [discord] needs it; set it, or DISCORD_TOKEN_FILE to a file that holds it
    ");
}

#[tokio::test]
async fn a_token_that_is_refused_ends_the_process_in_one_line() {
    let slack = Slack::start().await;
    let mut serving = Serving::start(&[
        ("SLACK_BOT_TOKEN", "xoxb-revoked"),
        ("SLACK_APP_TOKEN", APP_TOKEN),
        ("K8SFAQ__SLACK__API_URL", &slack.api_url()),
    ]);
    let status = serving.ended().await;
    assert_eq!(status.code(), Some(2), "{}", serving.log());
    serving
        .until("the sentence", async |serving| {
            serving.log().contains("k8sfaq: ").then_some(())
        })
        .await;
    let log = serving.log();
    let said = log
        .lines()
        .find(|line| line.starts_with("k8sfaq: "))
        .unwrap();
    assert!(said.contains("SLACK_BOT_TOKEN"), "{said}");
    assert!(!log.contains("xoxb-revoked"), "{log}");
}

#[tokio::test]
async fn doctor_asks_the_platforms_and_manifest_prints_what_they_need() {
    let (slack, discord) = (Slack::start().await, Discord::start().await);
    let run = async |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_k8sfaq"));
        command
            .args(arguments)
            .env_clear()
            .env("SLACK_BOT_TOKEN", BOT_TOKEN)
            .env("SLACK_APP_TOKEN", APP_TOKEN)
            .env("DISCORD_TOKEN", DISCORD_TOKEN)
            .env("K8SFAQ__SLACK__API_URL", slack.api_url())
            .env("K8SFAQ__DISCORD__API_URL", &discord.url)
            .env("K8SFAQ__WEB__LISTEN", "127.0.0.1:0");
        let output = tokio::task::spawn_blocking(move || command.output().unwrap())
            .await
            .unwrap();
        let out = String::from_utf8(output.stdout).unwrap();
        (output.status.code(), out)
    };
    let (status, report) = run(&["doctor"]).await;
    assert_eq!(status, Some(0), "{report}");
    for part in ["pass  slack: ", "pass  discord: "] {
        assert!(report.contains(part), "{report}");
    }
    let (status, settings) = run(&["config"]).await;
    assert_eq!(status, Some(0));
    assert!(settings.contains("SLACK_BOT_TOKEN = \"***\""), "{settings}");
    for text in [&report, &settings] {
        assert!(
            !text.contains(BOT_TOKEN) && !text.contains(DISCORD_TOKEN),
            "{text}"
        );
    }
    let (status, manifest) = run(&["manifest", "slack"]).await;
    let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    assert_eq!(
        (status, &manifest["settings"]["socket_mode_enabled"]),
        (Some(0), &json!(true))
    );
    let (status, without_url) = run(&["manifest", "slack", "--mode", "http"]).await;
    assert_eq!((status, without_url.as_str()), (Some(2), ""));
    let (status, links) = run(&["manifest", "discord", "--application", "42"]).await;
    assert_eq!(status, Some(0));
    assert!(
        links.contains("client_id=42") && links.contains("permissions=274877991936"),
        "{links}"
    );
}

#[tokio::test]
async fn scopes_that_the_slack_app_lacks_are_named_at_the_start() {
    let slack = Slack::start().await;
    slack.world.lock().unwrap().scopes = Some("commands,chat:write,im:history".to_owned());
    let mut serving = Serving::start(&[
        ("SLACK_BOT_TOKEN", BOT_TOKEN),
        ("SLACK_APP_TOKEN", APP_TOKEN),
        ("K8SFAQ__SLACK__API_URL", &slack.api_url()),
    ]);
    serving.until_ready().await;
    let log = serving.log();
    let line = log.lines().find(|line| line.contains("lacks scopes"));
    let line = line.unwrap_or_else(|| panic!("no line on scopes in\n{log}"));
    assert!(line.contains("app_mentions:read,assistant:write"), "{line}");
    assert!(!line.contains("im:history"), "{line}");
}

#[tokio::test]
async fn another_authority_is_trusted_where_ssl_cert_file_names_it() {
    let (slack, discord) = (Slack::start().await, Discord::start().await);
    let address = |url: &str| url.split_once("//").unwrap().1.parse().unwrap();
    let ports = [
        slack.api,
        slack.wss,
        address(&discord.url),
        address(&discord.with(|state| state.gateway_url.clone())),
    ];
    let fronts = crate::tls::in_front_of(&ports);
    let [api, sockets, rest, gateway] = fronts.as_slice() else {
        panic!("four ports, four fronts");
    };
    slack.world.lock().unwrap().socket_url = Some(format!("wss://localhost:{}", sockets.port));
    discord.with(|state| state.gateway_url = format!("wss://localhost:{}", gateway.port));
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("authority.pem");
    std::fs::write(&file, &api.certificate).unwrap();
    for is_trusted in [false, true] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_k8sfaq"));
        command
            .arg("doctor")
            .env_clear()
            .env("SLACK_BOT_TOKEN", BOT_TOKEN)
            .env("SLACK_APP_TOKEN", APP_TOKEN)
            .env("DISCORD_TOKEN", DISCORD_TOKEN)
            .env(
                "K8SFAQ__SLACK__API_URL",
                format!("https://localhost:{}/api", api.port),
            )
            .env(
                "K8SFAQ__DISCORD__API_URL",
                format!("https://localhost:{}", rest.port),
            )
            .env("K8SFAQ__WEB__LISTEN", "127.0.0.1:0");
        if is_trusted {
            command.env("SSL_CERT_FILE", &file);
        }
        let output = tokio::task::spawn_blocking(move || command.output().unwrap());
        let output = output.await.unwrap();
        let report = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.success(), is_trusted, "{report}");
        let lines: &[&str] = if is_trusted {
            &[
                "pass  slack: the bot token",
                "pass  slack: the socket",
                "pass  discord: the bot's token",
                "pass  discord: the gateway",
            ]
        } else {
            &["FAIL  slack: the Web API", "FAIL  discord: "]
        };
        for line in lines {
            assert!(report.contains(line), "{line} in\n{report}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thousands_of_interactions_leave_the_memory_as_it_was() {
    /// What the process may have grown by, in KiB. `cargo bench --bench discord_load` holds 10,000 to the same.
    const MOST: u64 = 10 * 1024;
    let discord = Discord::start().await;
    let mut serving = Serving::start(&[
        ("DISCORD_TOKEN", DISCORD_TOKEN),
        ("K8SFAQ__DISCORD__API_URL", &discord.url),
    ]);
    serving.until_ready().await;
    let mut memory = Vec::new();
    for _ in 0..4 {
        for _ in 0..25 {
            ask_twenty(&discord).await;
        }
        memory.push(serving.resident());
    }
    // The first fill what is there to be filled: pools, caches, the limits' memory.
    let grown = memory[3].saturating_sub(memory[0]);
    assert!(grown < MOST, "KiB after each 500: {memory:?}");
    serving.signal("-TERM");
    assert_eq!(serving.ended().await.code(), Some(0), "{}", serving.log());
}

/// Twenty people ask at once, each in a channel of their own, and are answered.
async fn ask_twenty(discord: &Discord) {
    const QUESTIONS: [&str; 5] = [
        "crashloop",
        "why is my pod pending?",
        "exit code 137",
        "help",
        "best pizza",
    ];
    let ask = |at: usize| {
        let person = discord.id();
        let options =
            json!([{"name": "question", "type": 3, "value": QUESTIONS[at % QUESTIONS.len()]}]);
        let data = json!({"id": "600", "name": "k8sfaq", "type": 1, "options": options});
        let more = json!({"member": member(person, 0), "channel_id": person.to_string()});
        discord.interaction(2, data, more)
    };
    let asked: Vec<u64> = (0..20).map(ask).collect();
    let answered = |state: &mut Fakes| {
        let is_answered = |id: &u64| state.interactions[id].acknowledged.is_some();
        asked.iter().all(is_answered).then_some(())
    };
    discord.until("twenty answers", answered).await;
    discord.with(|state| {
        assert!(state.violations.is_empty(), "{:?}", state.violations);
        state.requests.clear();
        state.interactions.clear();
    });
}
