//! The process: readiness, reload, panics, and the way it ends.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use k8sfaq::bot::Bot;
use k8sfaq::bot::health::{Health, Part, Readiness};
use k8sfaq::bot::policy::{Mode, Policy};
use k8sfaq::bot::request::{Place, PlaceKind, Platform};
use k8sfaq::config::{self, Sources};
use k8sfaq::serve::{self, Adapter, Again, Changed, Process, Run, Settings, Signals};
use k8sfaq::state::State;
use k8sfaq::web;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::FAQ;

/// Longest that a test waits for something: far more than it takes, so that only what never comes fails.
const PATIENCE: Duration = Duration::from_secs(180);

/// A process that runs, with its folder of entries and its file of settings.
struct Running {
    bot: Arc<Bot>,
    health: Health,
    signals: Signals,
    address: std::net::SocketAddr,
    ended: JoinHandle<anyhow::Result<()>>,
    dir: tempfile::TempDir,
}

/// A free port: nobody else takes it in the moment until the process does.
fn free_address() -> std::net::SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

fn write(dir: &Path, name: &str, text: &str) {
    std::fs::write(dir.join(name), text).unwrap();
}

fn entry(title: &str) -> String {
    format!("---\ntitle: {title}\n---\nTurn it off and on again.\n")
}

fn adapter(health: &Health) -> Run {
    let health = health.clone();
    Box::new(move |stop: CancellationToken| {
        let health = health.clone();
        Box::pin(async move {
            health.set(Part::Slack, Readiness::Ready);
            stop.cancelled().await;
            Ok(())
        })
    })
}

fn start(run: impl FnOnce(&Health) -> Run) -> Running {
    start_with_grace(run, 5)
}

fn start_with_grace(run: impl FnOnce(&Health) -> Run, grace_seconds: u64) -> Running {
    let dir = tempfile::tempdir().unwrap();
    let dirs: Vec<PathBuf> = vec![dir.path().join("entries")];
    std::fs::create_dir(&dirs[0]).unwrap();
    write(dir.path(), "team.toml", "");
    let sources = Sources {
        files: vec![dir.path().join("team.toml")],
        ..Sources::default()
    };
    let loaded = config::load(&sources).unwrap();
    let health = Health::new();
    health.set(Part::Content, Readiness::Ready);
    let bot = Bot::new(Arc::clone(&FAQ), State::in_memory().unwrap());
    let bot = Arc::new(bot);
    let address = free_address();
    let again = Again {
        dirs,
        files: sources.files.clone(),
        settings: Arc::new(move || {
            let read = config::load(&sources).map_err(|problems| problems.to_string())?;
            Ok(Changed {
                restart_needed: loaded.needs_restart(&read),
                policy: Policy::new(read.config.channels, read.config.people),
            })
        }),
    };
    let process = Process {
        settings: Settings {
            grace_seconds,
            ..Settings::default()
        },
        web: web::Settings { listen: address },
        bot: Arc::clone(&bot),
        health: health.clone(),
        adapters: vec![Adapter {
            part: Part::Slack,
            run: run(&health),
        }],
        again,
    };
    let signals = Signals::default();
    let ended = tokio::spawn(serve::run(process, signals.clone()));
    Running {
        bot,
        health,
        signals,
        address,
        ended,
        dir,
    }
}

impl Running {
    async fn page(&self, path: &str) -> (u16, String) {
        let url = format!("http://{}{path}", self.address);
        let response = reqwest::get(url).await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    async fn ready(&self) -> String {
        self.page("/readyz").await.1
    }

    fn entries(&self) -> PathBuf {
        self.dir.path().join("entries")
    }

    fn write_settings(&self, text: &str) {
        write(self.dir.path(), "team.toml", text);
    }

    fn mode(&self) -> Mode {
        let place = Place {
            platform: Platform::Slack,
            workspace: None,
            channel: "C1".to_owned(),
            thread: None,
            kind: PlaceKind::Channel,
        };
        self.bot.rules(&place).mode
    }

    async fn until(&self, what: &str, is_so: impl Fn(&Running) -> bool) {
        let waited = async {
            while !is_so(self) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let waited = tokio::time::timeout(PATIENCE, waited).await;
        assert!(
            waited.is_ok(),
            "{what} never came; {:?}",
            self.health.parts()
        );
    }

    async fn until_ready(&self) {
        // The pages are served before the adapter starts.
        let is_ready =
            |running: &Running| running.health.parts().get(&Part::Slack) == Some(&Readiness::Ready);
        self.until("readiness", is_ready).await;
    }

    async fn stops(self) -> anyhow::Result<()> {
        self.signals.stop.cancel();
        tokio::time::timeout(PATIENCE, self.ended)
            .await
            .expect("it never ended")
            .unwrap()
    }
}

#[tokio::test]
async fn readiness_names_the_part_that_is_not_ready() {
    let connect = Arc::new(Notify::new());
    let connected = Arc::clone(&connect);
    let running = start(move |health| {
        let health = health.clone();
        Box::new(move |stop| {
            let (health, connected) = (health.clone(), Arc::clone(&connected));
            Box::pin(async move {
                health.set(Part::Slack, Readiness::NotReady("connecting".to_owned()));
                connected.notified().await;
                health.set(Part::Slack, Readiness::Ready);
                stop.cancelled().await;
                Ok(())
            })
        })
    });
    let is_connecting = |running: &Running| {
        running.health.parts().get(&Part::Slack)
            == Some(&Readiness::NotReady("connecting".to_owned()))
    };
    running.until("the adapter", is_connecting).await;
    assert_eq!(
        running.page("/readyz").await,
        (
            503,
            "not ready\ncontent: ready\nslack: not ready: connecting\n".to_owned()
        )
    );
    assert_eq!(running.page("/livez").await.0, 200);
    connect.notify_one();
    running.until_ready().await;
    assert_eq!(
        running.page("/readyz").await,
        (200, "ready\ncontent: ready\nslack: ready\n".to_owned())
    );
    running.health.set(
        Part::Slack,
        Readiness::Dead("the gateway is closed".to_owned()),
    );
    assert_eq!(
        running.page("/livez").await,
        (
            503,
            "dead\ncontent: ready\nslack: dead: the gateway is closed\n".to_owned()
        )
    );
    let (status, version) = running.page("/version").await;
    assert_eq!(
        (status, version.contains(env!("CARGO_PKG_VERSION"))),
        (200, true)
    );
    running.stops().await.unwrap();
}

#[tokio::test]
async fn metrics_tell_the_version() {
    let running = start(adapter);
    running.until_ready().await;
    let (_, metrics) = running.page("/metrics").await;
    let build = format!(
        "k8sfaq_build_info{{version=\"{}\"}} 1",
        env!("CARGO_PKG_VERSION")
    );
    assert!(metrics.contains(&build), "{metrics}");
    assert!(metrics.ends_with("# EOF\n"));
    running.stops().await.unwrap();
}

#[tokio::test]
async fn the_swapped_links_of_a_config_map_are_seen_and_a_bad_file_keeps_the_last_good_one() {
    let running = start(adapter);
    running.until_ready().await;
    // As the kubelet does it: files are links into `..data`, itself a link that is renamed over.
    let entries = running.entries();
    std::os::unix::fs::symlink("..data/mapped.md", entries.join("mapped.md")).unwrap();
    let swap = |name: &str, text: &str| {
        std::fs::create_dir(entries.join(name)).unwrap();
        write(&entries.join(name), "mapped.md", text);
        std::os::unix::fs::symlink(name, entries.join("..data_tmp")).unwrap();
        std::fs::rename(entries.join("..data_tmp"), entries.join("..data")).unwrap();
    };
    let is_titled = |title: &'static str| {
        move |running: &Running| {
            let faq = running.bot.faq();
            let entry = faq.entry(&"mapped".parse().unwrap());
            entry.is_some_and(|entry| entry.title == title)
        }
    };
    swap("..1", &entry("Is this the first?"));
    running
        .until("the first map", is_titled("Is this the first?"))
        .await;

    swap("..2", "no front matter");
    let is_kept = |running: &Running| {
        let parts = running.health.parts();
        matches!(parts.get(&Part::Content), Some(Readiness::ReadyBut(_)))
    };
    running.until("the bad map", is_kept).await;
    assert!(
        is_titled("Is this the first?")(&running),
        "the last good content is gone"
    );
    let ready = running.ready().await;
    assert!(
        ready.starts_with("ready\ncontent: ready, but the last good content is kept: "),
        "{ready}"
    );
    assert!(
        ready.contains("mapped.md:1:1: problem: no front matter"),
        "{ready}"
    );
    let (_, metrics) = running.page("/metrics").await;
    assert!(
        metrics.contains("k8sfaq_reload_failing{what=\"content\"} 1"),
        "{metrics}"
    );
    assert!(metrics.contains("k8sfaq_content_problems 1"), "{metrics}");

    swap("..3", &entry("Is this the other?"));
    running
        .until("the mended map", is_titled("Is this the other?"))
        .await;
    // The new content answers a moment before the page says so.
    let is_well =
        |running: &Running| running.health.parts().get(&Part::Content) == Some(&Readiness::Ready);
    running.until("the content is well", is_well).await;
    running.stops().await.unwrap();
}

#[tokio::test]
async fn channel_policy_is_followed_at_once_and_other_settings_need_a_restart() {
    let running = start(adapter);
    running.until_ready().await;
    assert_eq!(running.mode(), Mode::Normal);
    running.write_settings("[channels.slack.C1]\nmode = \"muted\"\n");
    running
        .until("the new policy", |running| running.mode() == Mode::Muted)
        .await;

    running.write_settings("[channels.slack.C1]\nmode = \"loud\"\n");
    let kept = |running: &Running| {
        matches!(
            running.health.parts().get(&Part::Config),
            Some(Readiness::ReadyBut(_))
        )
    };
    running.until("the bad file", kept).await;
    assert_eq!(running.mode(), Mode::Muted);
    let ready = running.ready().await;
    assert!(
        ready.contains("config: ready, but the last good settings are kept: "),
        "{ready}"
    );
    assert!(
        ready.contains("channels.slack.C1.mode = \"loud\""),
        "{ready}"
    );

    running.write_settings(
        "[web]\nlisten = \"127.0.0.1:1\"\n[channels.slack.C1]\nmode = \"private\"\n",
    );
    running
        .until("the mended policy", |running| {
            running.mode() == Mode::Private
        })
        .await;
    let needs = |running: &Running| {
        running.health.parts().get(&Part::Config)
            == Some(&Readiness::ReadyBut(
                "restart needed for web.listen".to_owned(),
            ))
    };
    running.until("the word on the restart", needs).await;
    running.stops().await.unwrap();
}

#[tokio::test]
async fn a_hang_up_reads_everything_again() {
    let running = start(adapter);
    running.until_ready().await;
    running.signals.reload.notify_one();
    let counted = |running: &Running| {
        let metrics = running.bot.metrics().text();
        ["content", "policy"].iter().all(|what| {
            metrics.contains(&format!(
                "k8sfaq_reloads_total{{what=\"{what}\",outcome=\"good\"}} 1"
            ))
        })
    };
    running.until("the reload", counted).await;
    running.stops().await.unwrap();
}

#[tokio::test]
async fn what_is_in_flight_is_finished_before_the_end() {
    let finished = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&finished);
    let running = start(move |health| {
        let health = health.clone();
        Box::new(move |stop| {
            let (health, counter) = (health.clone(), Arc::clone(&counter));
            Box::pin(async move {
                health.set(Part::Slack, Readiness::Ready);
                stop.cancelled().await;
                // An answer that is under way when the process is told to stop.
                tokio::time::sleep(Duration::from_millis(200)).await;
                counter.fetch_add(1, Ordering::SeqCst);
                Ok(())
            })
        })
    });
    running.until_ready().await;
    running.stops().await.unwrap();
    assert_eq!(finished.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn an_adapter_that_does_not_end_is_given_up_after_the_grace_period() {
    let running = start_with_grace(
        |health| {
            let health = health.clone();
            Box::new(move |_| {
                health.set(Part::Slack, Readiness::Ready);
                Box::pin(std::future::pending())
            })
        },
        0,
    );
    running.until_ready().await;
    running.stops().await.unwrap();
}

#[tokio::test]
async fn an_adapter_that_cannot_go_on_ends_the_process_with_its_sentence() {
    let running = start(|_| {
        Box::new(|_| {
            Box::pin(async { anyhow::bail!("SLACK_BOT_TOKEN is revoked: install the app again") })
        })
    });
    let ended = tokio::time::timeout(PATIENCE, running.ended)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        ended.unwrap_err().to_string(),
        "SLACK_BOT_TOKEN is revoked: install the app again"
    );
}

#[tokio::test]
async fn an_adapter_that_panics_is_started_again() {
    let starts = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&starts);
    let running = start(move |health| {
        let health = health.clone();
        Box::new(move |stop| {
            let (health, counter) = (health.clone(), Arc::clone(&counter));
            Box::pin(async move {
                assert!(
                    counter.fetch_add(1, Ordering::SeqCst) > 0,
                    "the first start panics"
                );
                health.set(Part::Slack, Readiness::Ready);
                stop.cancelled().await;
                Ok(())
            })
        })
    });
    running.until_ready().await;
    assert_eq!(starts.load(Ordering::SeqCst), 2);
    assert!(
        running
            .bot
            .metrics()
            .text()
            .contains("k8sfaq_panics_total 1")
    );
    running.stops().await.unwrap();
}

#[tokio::test]
async fn a_taken_address_is_named() {
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap();
    let health = Health::new();
    let process = Process {
        settings: Settings::default(),
        web: web::Settings { listen: address },
        bot: Arc::new(Bot::new(Arc::clone(&FAQ), State::in_memory().unwrap())),
        adapters: vec![Adapter {
            part: Part::Slack,
            run: adapter(&health),
        }],
        health,
        again: Again {
            dirs: Vec::new(),
            files: Vec::new(),
            settings: Arc::new(|| Err(String::new())),
        },
    };
    let error = serve::run(process, Signals::default()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("web.listen = {address} cannot be used; name another address")
    );
}

#[test]
fn a_folder_that_is_not_there_is_named_at_the_start() {
    let error = serve::content(&[PathBuf::from("/no/such/folder")])
        .err()
        .unwrap()
        .to_string();
    assert!(
        error.starts_with("content.dirs: `/no/such/folder` cannot be read: "),
        "{error}"
    );
}
