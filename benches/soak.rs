//! The whole bot for some minutes, under load and faults; prints what was asked, answered, lost and answered twice.
//!
//! `KUBEBUILDER_ASSETS=$(tests/cluster/prepare) cargo bench --bench soak [SECONDS]`
//!
//! It runs the binary with both adapters, against the tests' fakes of Slack and Discord and a real API server. Every
//! few seconds something goes wrong: sockets drop, Slack announces a disconnect, Discord asks for a new connection,
//! both answer 429 and 5xx, the API server is killed and started again, the team's folder of entries breaks and heals.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a measurement that cannot go on says so by panicking"
)]

#[allow(dead_code, reason = "not all of it is used here")]
#[path = "../tests/it/discord/fake.rs"]
mod discord;
#[path = "../tests/it/discord/limits.rs"]
mod limits;
#[allow(dead_code, reason = "not all of it is used here")]
#[path = "../tests/it/slack/rules.rs"]
mod rules;
#[allow(dead_code, reason = "not all of it is used here")]
#[path = "../tests/cluster/server.rs"]
mod server;
#[allow(dead_code, reason = "not all of it is used here")]
#[path = "../tests/it/slack/fake.rs"]
mod slack;

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::{Namespace, Pod, ServiceAccount};
use kube::api::{Api, Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use server::Server;
use slack::{Fault, Out};

const NAMESPACE: &str = "soak";
/// Between two questions of each platform.
const PAUSE: Duration = Duration::from_millis(100);
/// Between two faults.
const FAULTS: Duration = Duration::from_secs(5);
/// What is not acknowledged by then, Slack sends again.
const AGAIN: Duration = Duration::from_secs(3);
/// What is not answered so long after the last question is lost.
const LAST: Duration = Duration::from_secs(15);

const QUESTIONS: [&str; 6] = [
    "crashloop",
    "why is my pod pending?",
    "pod soak/web-1",
    "Back-off restarting failed container app in pod web-1",
    "how do I bake bread",
    "restart the billing importer",
];

const RUNBOOK: &str = "---\ntitle: How do I restart the billing importer?\n---\nDelete its pod; the Deployment makes a new one.\n";

#[tokio::main]
async fn main() {
    let seconds = std::env::args()
        .find_map(|argument| argument.parse().ok())
        .unwrap_or(180);
    let server = Server::get();
    sick_pod(server).await;
    let mut world = World::start(server.kubeconfig()).await;
    let memory = world.memory("VmRSS:");
    println!("both adapters connected, {memory} KiB resident");
    let end = Instant::now() + Duration::from_secs(seconds);
    let (mut questions, mut faults) = (tokio::time::interval(PAUSE), tokio::time::interval(FAULTS));
    faults.tick().await;
    while Instant::now() < end {
        tokio::select! {
            _ = questions.tick() => world.ask(),
            _ = faults.tick() => world.fault(),
        }
    }
    world.report().await;
}

/// A pod that crashes, so that there is something to find.
async fn sick_pod(server: &Server) {
    let client = server.client().await;
    let object = serde_json::from_value(json!({"metadata": {"name": NAMESPACE}})).unwrap();
    Api::<Namespace>::all(client.clone())
        .create(&PostParams::default(), &object)
        .await
        .unwrap();
    let object = serde_json::from_value(json!({"metadata": {"name": "default"}})).unwrap();
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), NAMESPACE);
    accounts
        .create(&PostParams::default(), &object)
        .await
        .unwrap();
    let containers = json!([{"name": "app", "image": "registry.example/web:1"}]);
    let object = json!({"metadata": {"name": "web-1"}, "spec": {"nodeName": "node-1", "containers": containers}});
    let pods: Api<Pod> = Api::namespaced(client, NAMESPACE);
    pods.create(
        &PostParams::default(),
        &serde_json::from_value(object).unwrap(),
    )
    .await
    .unwrap();
    let status = json!({"status": {"phase": "Running", "containerStatuses": [{
        "name": "app", "image": "registry.example/web:1", "imageID": "", "ready": false, "restartCount": 9,
        "state": {"waiting": {"reason": "CrashLoopBackOff"}},
        "lastState": {"terminated": {"exitCode": 1, "reason": "Error"}},
    }]}});
    pods.patch_status("web-1", &PatchParams::default(), &Patch::Merge(status))
        .await
        .unwrap();
}

/// The bot with all around it.
struct World {
    bot: Child,
    slack: Arc<slack::Fake>,
    discord: discord::Fake,
    folder: tempfile::TempDir,
    api: ApiServer,
    asked: usize,
    /// Slack's envelopes: what was sent, when first, when last.
    envelopes: HashMap<String, Envelope>,
    interactions: Vec<u64>,
    faults: BTreeMap<&'static str, usize>,
}

struct Envelope {
    frame: String,
    url: String,
    first: Instant,
    last: Instant,
}

impl World {
    async fn start(kubeconfig: &Path) -> Self {
        let (slack, discord) = (slack::Fake::start().await, discord::Fake::start().await);
        let folder = tempfile::tempdir().unwrap();
        let runbooks = folder.path().join("runbooks");
        std::fs::create_dir(&runbooks).unwrap();
        std::fs::write(runbooks.join("billing-importer.md"), RUNBOOK).unwrap();
        let scope = format!("scope = {{ clusters = [\"here\"], namespaces = [\"{NAMESPACE}\"] }}");
        let settings = format!(
            "[content]\ndirs = [\"{runbooks}\"]\n[state]\ndir = \"{state}\"\n[web]\nlisten = \"127.0.0.1:0\"\n\
             [slack]\napi_url = \"{slack}\"\n[discord]\napi_url = \"{discord}\"\n[cluster.here]\nkubeconfig = \"{kubeconfig}\"\n\
             [channels.default.limits]\nperson_per_minute = 0\nchannel_per_minute = 0\ncooldown_seconds = 0\n\
             [channels.slack.C1]\n{scope}\n[channels.discord.{channel}]\n{scope}\n",
            runbooks = runbooks.display(),
            state = folder.path().join("state").display(),
            kubeconfig = kubeconfig.display(),
            slack = slack.api_url(),
            discord = discord.url,
            channel = discord::CHANNEL,
        );
        let file = folder.path().join("k8sfaq.toml");
        std::fs::write(&file, settings).unwrap();
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let bot = Command::new(env!("CARGO_BIN_EXE_k8sfaq"))
            .args(["serve", "--config"])
            .arg(&file)
            .env_clear()
            .envs([
                ("SLACK_BOT_TOKEN", slack::BOT_TOKEN),
                ("SLACK_APP_TOKEN", slack::APP_TOKEN),
                ("DISCORD_TOKEN", discord::TOKEN),
            ])
            .stderr(log)
            .spawn()
            .unwrap();
        slack
            .until("two connections of Slack", |world| {
                (world.sockets.len() > 1).then_some(())
            })
            .await;
        discord
            .until("Discord's commands", |state| {
                (!state.commands.is_empty()).then_some(())
            })
            .await;
        World {
            bot,
            slack,
            discord,
            folder,
            api: ApiServer::of(kubeconfig),
            asked: 0,
            envelopes: HashMap::new(),
            interactions: Vec::new(),
            faults: BTreeMap::new(),
        }
    }

    /// One question on each platform, and once more what Slack has no acknowledgement of.
    fn ask(&mut self) {
        let question = QUESTIONS[self.asked % QUESTIONS.len()];
        self.asked += 1;
        let url = self.slack.response_url();
        let payload = json!({
            "team_id": "T1", "channel_id": "C1", "channel_name": "ops", "user_id": format!("U{}", self.asked % 50),
            "command": "/k8sfaq", "text": question, "is_enterprise_install": "false",
            "response_url": url, "trigger_id": self.slack.trigger(),
        });
        let id = format!("envelope-{}", self.asked);
        let frame = json!({
            "type": "slash_commands", "envelope_id": id, "payload": payload, "accepts_response_payload": true,
        });
        let now = Instant::now();
        let envelope = Envelope {
            frame: frame.to_string(),
            url: url.rsplit('/').next().unwrap().to_owned(),
            first: now,
            last: now,
        };
        self.send(&id, &envelope.frame);
        self.envelopes.insert(id, envelope);
        self.send_again();

        let options = json!([{"name": "question", "type": 3, "value": question}]);
        let data = json!({"id": "600", "name": "k8sfaq", "type": 1, "options": options});
        let member = discord::member(discord::ALICE + self.asked as u64 % 50, 0);
        self.interactions
            .push(self.discord.interaction(2, data, json!({"member": member})));
    }

    fn send(&self, id: &str, frame: &str) {
        let mut world = self.slack.world.lock().unwrap();
        world.sent.insert(id.to_owned(), Instant::now());
        if let Some(socket) = world.sockets.get(self.asked % world.sockets.len().max(1)) {
            socket.send(Out::Frame(frame.to_owned()));
        }
    }

    fn send_again(&mut self) {
        let acks: Vec<String> = self
            .slack
            .world
            .lock()
            .unwrap()
            .acks
            .keys()
            .cloned()
            .collect();
        let acks: std::collections::HashSet<String> = acks.into_iter().collect();
        let late: Vec<String> = self
            .envelopes
            .iter()
            .filter(|(id, envelope)| envelope.last.elapsed() > AGAIN && !acks.contains(*id))
            .map(|(id, _)| id.clone())
            .collect();
        for id in late {
            let envelope = self.envelopes.get_mut(&id).unwrap();
            envelope.last = Instant::now();
            let frame = envelope.frame.clone();
            self.send(&id, &frame);
        }
    }

    /// The next thing that goes wrong.
    fn fault(&mut self) {
        let number: usize = self.faults.values().sum();
        let socket = self.slack.world.lock().unwrap().sockets.first().cloned();
        let runbook = self.folder.path().join("runbooks/billing-importer.md");
        let name = match number % 10 {
            0 => {
                socket.inspect(|socket| socket.send(Out::Abort));
                "a connection of Slack breaks"
            }
            1 => {
                self.discord.cut();
                "the connection of Discord breaks"
            }
            2 => {
                let frame = json!({"type": "disconnect", "reason": "refresh_requested", "debug_info": {"host": "x"}});
                socket.inspect(|socket| socket.send(Out::Frame(frame.to_string())));
                "Slack announces a disconnect"
            }
            3 => {
                self.discord.frame(json!({"op": 7, "d": null}));
                "Discord asks for a new connection"
            }
            4 => {
                self.slack
                    .fault("response_url", Fault::RateLimited(Some(1)));
                self.slack.fault("response_url", Fault::Status(503));
                "Slack answers 429 and 503"
            }
            5 => {
                let body = json!({"message": "You are being rate limited.", "retry_after": 0.5, "global": false});
                self.discord
                    .fail("callback", 1, 502, json!({"message": "bad gateway"}));
                self.discord.fail("messages/@original", 1, 429, body);
                "Discord answers 502 and 429"
            }
            6 => {
                std::fs::write(&runbook, "---\ntitle: [").unwrap();
                "an entry of the team breaks"
            }
            7 => {
                std::fs::write(&runbook, RUNBOOK).unwrap();
                "the entry is mended"
            }
            8 => {
                self.api.kill();
                "the API server is killed"
            }
            _ => {
                self.api.start();
                "the API server is started again"
            }
        };
        *self.faults.entry(name).or_default() += 1;
    }

    /// A value of the bot's `/proc` status, in KiB.
    fn memory(&self, key: &str) -> u64 {
        let status =
            std::fs::read_to_string(format!("/proc/{}/status", self.bot.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix(key));
        line.and_then(|line| line.split_whitespace().next()?.parse().ok())
            .unwrap_or(0)
    }

    async fn report(&mut self) {
        let end = Instant::now() + LAST;
        let mut seen = self.seen();
        while Instant::now() < end && seen.lost > 0 {
            tokio::time::sleep(PAUSE).await;
            self.send_again();
            seen = self.seen();
        }
        // Something sent twice would come now.
        tokio::time::sleep(Duration::from_secs(2)).await;
        seen = self.seen();
        let mut faults = String::new();
        for (fault, times) in &self.faults {
            let _ = write!(faults, "\n  {times:>3} × {fault}");
        }
        println!("faults:{faults}");
        println!(
            "asked {}, answered {}, lost {}, answered twice {}",
            2 * self.asked,
            2 * self.asked - seen.lost,
            seen.lost,
            seen.twice
        );
        println!(
            "Slack: answer p50 {} ms, p99 {} ms",
            at(&seen.slack, 50),
            at(&seen.slack, 99)
        );
        println!(
            "Discord: answer p50 {} ms, p99 {} ms",
            at(&seen.discord, 50),
            at(&seen.discord, 99)
        );
        println!(
            "resident: peak {} KiB, now {} KiB",
            self.memory("VmHWM:"),
            self.memory("VmRSS:")
        );
        let violations = self.slack.world.lock().unwrap().violations.clone();
        assert!(violations.is_empty(), "{violations:?}");
        let stopped = Command::new("kill")
            .arg(self.bot.id().to_string())
            .status()
            .unwrap();
        assert!(stopped.success());
        println!("after SIGTERM: {}", self.bot.wait().unwrap());
    }

    fn seen(&self) -> Seen {
        let mut seen = Seen::default();
        let mut answers: HashMap<String, Vec<(Instant, Value)>> = HashMap::new();
        for call in &self.slack.world.lock().unwrap().calls {
            if call.done && !call.url.is_empty() {
                answers
                    .entry(call.url.clone())
                    .or_default()
                    .push((call.at, call.body.clone()));
            }
        }
        for envelope in self.envelopes.values() {
            match answers.get(&envelope.url).map(Vec::as_slice) {
                None | Some([]) => seen.lost += 1,
                // A second message is the evidence, and says something else.
                Some([first, more @ ..]) => {
                    seen.slack.push(first.0.duration_since(envelope.first));
                    seen.twice +=
                        usize::from(more.len() > 1 || more.iter().any(|more| more.1 == first.1));
                }
            }
        }
        self.discord.with(|state| {
            for id in &self.interactions {
                let interaction = &state.interactions[id];
                match interaction.acknowledged {
                    Some((_, after)) if interaction.message.is_some() => seen.discord.push(after),
                    _ => seen.lost += 1,
                }
                seen.twice += usize::from(!interaction.follow_ups.is_empty());
            }
        });
        seen.slack.sort();
        seen.discord.sort();
        seen
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = self.bot.kill();
        self.api.kill();
    }
}

#[derive(Default)]
struct Seen {
    lost: usize,
    twice: usize,
    /// To the first answer, from the question on.
    slack: Vec<Duration>,
    /// To the acknowledgement, from the question on.
    discord: Vec<Duration>,
}

fn at(sorted: &[Duration], percentile: usize) -> String {
    let at = (sorted.len() * percentile / 100).min(sorted.len().saturating_sub(1));
    let took = sorted.get(at).copied().unwrap_or_default();
    format!("{:.1}", took.as_secs_f64() * 1e3)
}

/// The process of the API server, to be killed and started with the same arguments.
struct ApiServer {
    arguments: Vec<String>,
    pid: String,
    child: Option<Child>,
}

impl ApiServer {
    /// The one that serves at the port of a kubeconfig.
    fn of(kubeconfig: &Path) -> Self {
        let text = std::fs::read_to_string(kubeconfig).unwrap();
        let (_, port) = text
            .split_once("https://127.0.0.1:")
            .expect("a server of the tests");
        let port: String = port.chars().take_while(char::is_ascii_digit).collect();
        let wanted = format!("--secure-port={port}");
        for process in std::fs::read_dir("/proc").unwrap().flatten() {
            let line = std::fs::read_to_string(process.path().join("cmdline")).unwrap_or_default();
            let arguments: Vec<String> = line.split_terminator('\0').map(str::to_owned).collect();
            if arguments.contains(&wanted) {
                let pid = process.file_name().to_string_lossy().into_owned();
                return ApiServer {
                    arguments,
                    pid,
                    child: None,
                };
            }
        }
        panic!("no kube-apiserver with {wanted}");
    }

    fn kill(&mut self) {
        match &mut self.child {
            Some(child) => {
                let _ = child.kill();
                let _ = child.wait();
            }
            None => {
                let _ = Command::new("kill").args(["-KILL", &self.pid]).status();
            }
        }
    }

    fn start(&mut self) {
        let started = Command::new(&self.arguments[0])
            .args(&self.arguments[1..])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        self.child = started.ok();
    }
}
