//! Several replicas on the real API server, and a Discord: one of them is connected, another takes over, nothing is answered twice.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use k8s_openapi::api::coordination::v1::Lease as Object;
use k8sfaq::bot::Bot;
use k8sfaq::bot::health::{Health, Part, Readiness};
use k8sfaq::bot::policy::Policy;
use k8sfaq::cluster::connect::Place;
use k8sfaq::cluster::lease::{Lease, Times};
use k8sfaq::faq::answer::Faq;
use k8sfaq::faq::catalog::Catalog;
use k8sfaq::serve::{self, Adapter, Again, Changed, Process, Signals};
use k8sfaq::state::State;
use k8sfaq::{discord, web};
use kube::api::{Api, Patch, PatchParams};
use kube::config::Kubeconfig;
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::accounts::Account;
use crate::chart::{documents, template};
use crate::discord::fake::{Fake, TOKEN};
use crate::namespace::Namespace;

/// Shorter than in use, and long enough for a machine that is busy.
const SHORT: Times = Times {
    duration: Duration::from_secs(6),
    renew: Duration::from_secs(5),
    retry: Duration::from_millis(200),
};

/// A holder that is gone is waited for as good as for ever: only a release lets another in.
const PATIENT: Times = Times {
    duration: Duration::from_secs(3600),
    renew: Duration::from_secs(1800),
    retry: Duration::from_millis(200),
};

/// Longest that a test waits for something: far more than it takes, so that only what never comes fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the chart makes for two replicas, and the way in as their account.
struct Ground {
    namespace: Namespace,
    kubeconfig: PathBuf,
}

impl Ground {
    async fn new(purpose: &str) -> Ground {
        let namespace = Namespace::create(purpose).await;
        let values =
            "replicas=2,secrets.existing=tokens,config.discord.api_url=https://discord.com";
        for object in documents(&template(&namespace.name, &["--set", values])) {
            let kind = object["kind"].as_str().unwrap_or_default();
            if matches!(kind, "ServiceAccount" | "Role" | "RoleBinding" | "Lease") {
                namespace.apply(&object.to_string()).await;
            }
        }
        let account = Account::of(&namespace, "k8sfaq").await;
        let kubeconfig = at_home(&account.kubeconfig, &namespace.name);
        Ground {
            namespace,
            kubeconfig,
        }
    }

    fn leases(&self) -> Api<Object> {
        Api::namespaced(self.namespace.client.clone(), &self.namespace.name)
    }

    async fn holder(&self) -> Option<String> {
        let lease = self.leases().get("k8sfaq").await.unwrap();
        lease.spec.and_then(|spec| spec.holder_identity)
    }
}

/// A kubeconfig whose namespace is the bot's own, as in a pod.
fn at_home(kubeconfig: &Path, namespace: &str) -> PathBuf {
    let mut own = Kubeconfig::read_from(kubeconfig).unwrap();
    for context in &mut own.contexts {
        if let Some(context) = &mut context.context {
            context.namespace = Some(namespace.to_owned());
        }
    }
    let path = kubeconfig.with_extension("home");
    std::fs::write(&path, serde_json::to_string(&own).unwrap()).unwrap();
    path
}

/// A kubeconfig whose server is reached by a way of the test's own, until it is cut.
async fn by_a_way(kubeconfig: &Path, cut: CancellationToken) -> PathBuf {
    let mut own = Kubeconfig::read_from(kubeconfig).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let here = listener.local_addr().unwrap();
    let server = own.clusters[0].cluster.as_mut().unwrap().server.as_mut();
    let there = std::mem::replace(server.unwrap(), format!("https://{here}"));
    let there: http::Uri = there.parse().unwrap();
    let there = (
        there.host().unwrap().to_owned(),
        there.port_u16().unwrap_or(443),
    );
    tokio::spawn(async move {
        let ways = async {
            let mut open = JoinSet::new();
            while let Ok((mut from, _)) = listener.accept().await {
                let there = there.clone();
                open.spawn(async move {
                    let mut to = TcpStream::connect(there).await?;
                    tokio::io::copy_bidirectional(&mut from, &mut to).await
                });
            }
        };
        cut.run_until_cancelled(ways).await;
    });
    let path = kubeconfig.with_extension("way");
    std::fs::write(&path, serde_json::to_string(&own).unwrap()).unwrap();
    path
}

/// A process with a runtime of its own, which can be killed as a whole.
struct Replica {
    runtime: Option<Runtime>,
    health: Health,
    signals: Signals,
    ended: Option<JoinHandle<anyhow::Result<()>>>,
}

impl Replica {
    fn start(kubeconfig: &Path, discord: &Fake, times: Times) -> Replica {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let (health, signals) = (Health::new(), Signals::default());
        let place = Place {
            kubeconfig: Some(kubeconfig.to_owned()),
            context: None,
        };
        let running = run(
            place,
            discord.url.clone(),
            times,
            health.clone(),
            signals.clone(),
        );
        let ended = runtime.spawn(running);
        Replica {
            runtime: Some(runtime),
            health,
            signals,
            ended: Some(ended),
        }
    }

    fn readiness(&self) -> Option<Readiness> {
        self.health.parts().get(&Part::Discord).cloned()
    }

    async fn until(&self, what: &str, is_so: impl Fn(&Readiness) -> bool) {
        let end = Instant::now() + PATIENCE;
        while !self.readiness().as_ref().is_some_and(&is_so) {
            assert!(Instant::now() < end, "{what}: {:?}", self.readiness());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn until_connected(&self) {
        self.until("it is connected", |now| *now == Readiness::Ready)
            .await;
    }

    async fn until_it_stands_by(&self) {
        let stands_by = |now: &Readiness| matches!(now, Readiness::ReadyBut(why) if why.starts_with("it stands by: "));
        self.until("it stands by", stands_by).await;
    }

    /// Ends all its work where it is, without a word to anybody.
    fn kill(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }

    /// Ends it as SIGTERM does.
    async fn end(&mut self) {
        self.signals.stop.cancel();
        let ended = self.ended.take().expect("it runs");
        let ended = tokio::time::timeout(PATIENCE, ended).await;
        ended
            .expect("it ends")
            .expect("no panic")
            .expect("no error");
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        self.kill();
    }
}

async fn run(
    place: Place,
    api_url: String,
    times: Times,
    health: Health,
    signals: Signals,
) -> anyhow::Result<()> {
    let faq = Faq::new(Catalog::shipped()).unwrap();
    let bot = Arc::new(Bot::new(faq, State::in_memory().unwrap()));
    let lease = Lease::find(&place, &"k8sfaq".parse()?).await?;
    let settings = discord::Settings { api_url };
    let (answering, of_discord) = (Arc::clone(&bot), health.clone());
    let adapter = Adapter {
        part: Part::Discord,
        run: Box::new(move |stop| {
            let (settings, bot, health) =
                (settings.clone(), Arc::clone(&answering), of_discord.clone());
            Box::pin(async move {
                let token = SecretString::from(TOKEN);
                discord::run(&settings, &token, bot, &health, &stop).await
            })
        }),
    };
    let process = Process {
        settings: serve::Settings::default(),
        web: web::Settings {
            listen: ([127, 0, 0, 1], 0).into(),
        },
        bot,
        health: health.clone(),
        adapters: vec![serve::turn::of_the_holder(
            adapter,
            lease.with_times(times),
            health,
        )],
        again: Again {
            dirs: Vec::new(),
            files: Vec::new(),
            settings: Arc::new(|| {
                Ok(Changed {
                    policy: Policy::default(),
                    restart_needed: Vec::new(),
                })
            }),
        },
    };
    serve::run(process, signals).await
}

/// Asks by the slash command and waits for the answer; its id.
async fn ask(discord: &Fake, question: &str) -> u64 {
    let options = json!([{"name": "question", "type": 3, "value": question}]);
    let data = json!({"id": "600", "name": "k8sfaq", "type": 1, "options": options});
    let id = discord.interaction(2, data, json!({}));
    let answered = discord.until("an answer", |state| {
        let message: &Value = state.interactions[&id].message.as_ref()?;
        (!message.is_null()).then_some(())
    });
    answered.await;
    id
}

/// How often an answer was tried.
fn answers(discord: &Fake, id: u64) -> usize {
    let path = format!("/interactions/{id}/");
    discord.with(|state| {
        state
            .requests
            .iter()
            .filter(|sent| sent.path.contains(&path))
            .count()
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_holder_is_followed_and_nothing_is_answered_twice() {
    let ground = Ground::new("handover-kill").await;
    let discord = Fake::start().await;
    let mut first = Replica::start(&ground.kubeconfig, &discord, SHORT);
    first.until_connected().await;
    let second = Replica::start(&ground.kubeconfig, &discord, SHORT);
    second.until_it_stands_by().await;
    assert!(second.health.is_ready());
    let mut asked = vec![ask(&discord, "crashloop").await];
    assert_eq!(discord.with(|state| state.logins.len()), 1);

    first.kill();
    let killed = Instant::now();
    second.until_connected().await;
    let taken = killed.elapsed();
    assert!(taken < Duration::from_secs(20), "{taken:?}");
    asked.push(ask(&discord, "imagepullbackoff").await);
    // The third hears of everything, too, and says nothing.
    let third = Replica::start(&ground.kubeconfig, &discord, SHORT);
    third.until_it_stands_by().await;
    asked.push(ask(&discord, "oomkilled").await);
    for id in asked {
        assert_eq!(answers(&discord, id), 1);
    }
    assert_eq!(discord.with(|state| state.logins.len()), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_holder_that_ends_in_peace_releases_the_lease_and_another_takes_over_at_once() {
    let ground = Ground::new("handover-end").await;
    let discord = Fake::start().await;
    let mut first = Replica::start(&ground.kubeconfig, &discord, PATIENT);
    first.until_connected().await;
    let mut second = Replica::start(&ground.kubeconfig, &discord, PATIENT);
    second.until_it_stands_by().await;
    first.end().await;
    second.until_connected().await;
    second.end().await;
    assert_eq!(ground.holder().await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_holder_that_loses_the_lease_leaves_discord_and_comes_back_when_it_is_free() {
    let ground = Ground::new("handover-lose").await;
    let discord = Fake::start().await;
    let first = Replica::start(&ground.kubeconfig, &discord, SHORT);
    first.until_connected().await;
    let usurped = Patch::Merge(json!({"spec": {"holderIdentity": "somebody"}}));
    let leases = ground.leases();
    let patched = leases
        .patch("k8sfaq", &PatchParams::default(), &usurped)
        .await;
    patched.unwrap();
    discord
        .until("it leaves", |state| {
            (!state.closes.is_empty()).then_some(())
        })
        .await;
    first.until_it_stands_by().await;
    // Nobody renews it, so it runs out.
    first.until_connected().await;
    assert_eq!(discord.with(|state| state.logins.len()), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_holder_that_is_cut_off_leaves_discord_before_another_comes() {
    let ground = Ground::new("handover-cut").await;
    let discord = Fake::start().await;
    let cut = CancellationToken::new();
    let kubeconfig = by_a_way(&ground.kubeconfig, cut.clone()).await;
    let first = Replica::start(&kubeconfig, &discord, SHORT);
    first.until_connected().await;
    let second = Replica::start(&ground.kubeconfig, &discord, SHORT);
    second.until_it_stands_by().await;
    cut.cancel();
    let logins = discord.until("it leaves", |state| {
        (!state.closes.is_empty()).then_some(state.logins.len())
    });
    assert_eq!(logins.await, 1);
    second.until_connected().await;
    let cannot = |now: &Readiness| matches!(now, Readiness::NotReady(why) if why.contains("cannot be reached"));
    first.until("it says why", cannot).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_looks_at_the_lease_and_counts_it_as_a_right_that_is_needed_where_it_is() {
    let ground = Ground::new("handover-doctor").await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("k8sfaq.toml");
    let text = format!(
        "[cluster.here]\n[channels.slack.C1.scope]\nclusters = [\"here\"]\nnamespaces = [\"{}\"]\n",
        ground.namespace.name
    );
    std::fs::write(&file, text).unwrap();
    let doctor = |more: &[&str]| {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_k8sfaq"))
            .args(["doctor", "--config"])
            .arg(&file)
            .args(more)
            .env("KUBECONFIG", &ground.kubeconfig)
            .output()
            .unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let said = doctor(&["--set", "serve.lease=k8sfaq"]);
    assert!(
        said.contains("pass  cluster: the Lease k8sfaq: nobody holds it"),
        "{said}"
    );
    assert!(!said.contains("needs none of it"), "{said}");
    let said = doctor(&["--set", "serve.lease=other"]);
    assert!(
        said.contains("FAIL  cluster: the Lease other: the Lease `other` in "),
        "{said}"
    );
    let said = doctor(&[]);
    assert!(
        said.contains("may get leases.coordination.k8s.io in "),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_that_may_not_be_read_is_said_with_its_cure() {
    let namespace = Namespace::create("handover-denied").await;
    let account =
        Account::with_rules(&namespace, crate::accounts::Reach::Namespace, &json!([])).await;
    let kubeconfig = at_home(&account.kubeconfig, &namespace.name);
    let discord = Fake::start().await;
    let replica = Replica::start(&kubeconfig, &discord, SHORT);
    let says = |now: &Readiness| matches!(now, Readiness::NotReady(why) if why.contains("may not be read or updated; grant get and update"));
    replica.until("it says why", says).await;
    assert_eq!(discord.with(|state| state.logins.len()), 0);
}
