//! The bot of a test: its catalog, its policy, its cluster.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::FutureExt;
use k8sfaq::bot::Bot;
use k8sfaq::bot::evidence::{Clusters, Found};
use k8sfaq::bot::limits;
use k8sfaq::bot::metrics::LookedUp;
use k8sfaq::bot::policy::{self, Policy};
use k8sfaq::bot::reply::Shown;
use k8sfaq::bot::request::Request;
use k8sfaq::faq::answer::Faq;
use k8sfaq::faq::catalog::Catalog;
use k8sfaq::faq::entry::{Entry, Origin, Source};
use k8sfaq::faq::markdown::{Block, Inline};
use k8sfaq::faq::version::VersionRange;
use k8sfaq::state::State;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::Handle;

/// A bot, and the function that asks it.
pub struct Team {
    pub bot: Arc<Bot>,
    pub state: State,
    pub handle: Handle,
}

/// A gate that is shut until it is opened, for good.
#[derive(Clone)]
pub struct Gate(Arc<watch::Sender<bool>>);

impl Gate {
    pub fn shut() -> Self {
        Gate(Arc::new(watch::Sender::new(false)))
    }

    pub fn open(&self) {
        self.0.send_replace(true);
    }

    async fn passed(&self) {
        let mut seen = self.0.subscribe();
        seen.wait_for(|is_open| *is_open).await.unwrap();
    }
}

impl Team {
    /// A bot over the shipped catalog, in a channel without limits.
    pub fn new() -> Self {
        Self::with(&json!({}), |bot| bot)
    }

    /// The same, in a channel with a policy.
    pub fn in_channel(channel: &Value) -> Self {
        Self::with(channel, |bot| bot)
    }

    /// The same, with more put around the bot.
    pub fn with(channel: &Value, more: impl FnOnce(Bot) -> Bot) -> Self {
        static FAQ: OnceLock<Arc<Faq>> = OnceLock::new();
        let shipped = FAQ.get_or_init(|| Arc::new(Faq::new(Catalog::shipped()).unwrap()));
        Self::over(Arc::clone(shipped), channel, more)
    }

    /// A bot over entries of its own.
    pub fn of(entries: Vec<Entry>) -> Self {
        let faq = Arc::new(Faq::new(Catalog::of(entries)).unwrap());
        Self::over(faq, &json!({}), |bot| bot)
    }

    fn over(faq: Arc<Faq>, channel: &Value, more: impl FnOnce(Bot) -> Bot) -> Self {
        let state = State::in_memory().unwrap();
        let bot = Arc::new(more(
            Bot::new(faq, state.clone()).with_policy(policy(channel)),
        ));
        let asked = Arc::clone(&bot);
        let handle: Handle = Arc::new(move |request: Request| {
            let bot = Arc::clone(&asked);
            async move { bot.handle(request).await }.boxed()
        });
        Team { bot, state, handle }
    }

    /// The same team, where something is said in the bot's place to some requests.
    pub fn saying(
        self,
        says: impl Fn(&Request) -> Option<BoxedShown> + Send + Sync + 'static,
    ) -> Self {
        let handle = self.handle;
        Team {
            handle: Arc::new(move |request| says(&request).unwrap_or_else(|| handle(request))),
            ..self
        }
    }
}

/// What is said, later.
pub type BoxedShown = futures_util::future::BoxFuture<'static, Shown>;

/// One policy for the channel of both fakes. Tests ask faster than people, so there are no limits but those that are set.
fn policy(channel: &Value) -> Policy {
    let mut channel = channel.clone();
    let mut limits =
        json!({"person_per_minute": 0, "channel_per_minute": 0, "cooldown_seconds": 0});
    for (key, value) in channel["limits"].as_object().into_iter().flatten() {
        limits[key] = value.clone();
    }
    channel["limits"] = limits;
    let channels: policy::Settings = serde_json::from_value(json!({
        "slack": {(super::slack::CHANNEL): channel},
        "discord": {(super::discord::channel()): channel},
    }))
    .unwrap();
    Policy::new(channels, policy::People::default())
}

/// A scope that lets everyone in the channel look.
pub fn open_scope() -> Value {
    json!({"scope": {"clusters": ["prod"], "namespaces": ["shop"]}})
}

/// A cluster in which something is said of one pod, once a gate opens.
pub fn cluster(says: &'static str, gate: &Gate) -> impl FnOnce(Bot) -> Bot + use<> {
    let gate = gate.clone();
    move |bot| {
        bot.with_clusters(Clusters {
            names: vec!["prod".to_owned()],
            source: Arc::new(move |_| {
                let gate = gate.clone();
                async move {
                    gate.passed().await;
                    let values = [("pod", "web-1"), ("namespace", "shop")];
                    Found {
                        blocks: vec![Block::Paragraph(vec![Inline::Text(says.to_owned())])],
                        values: values
                            .map(|(name, value)| (name.to_owned(), value.to_owned()))
                            .into_iter()
                            .collect::<BTreeMap<_, _>>(),
                        version: None,
                        entry: None,
                        is_well: false,
                        outcome: LookedUp::Found,
                    }
                }
                .boxed()
            }),
            deadline: Duration::from_secs(10),
        })
    }
}

/// A cluster that never answers.
pub fn stuck_cluster(bot: Bot) -> Bot {
    bot.with_clusters(Clusters {
        names: vec!["prod".to_owned()],
        source: Arc::new(|_| std::future::pending().boxed()),
        deadline: Duration::from_millis(50),
    })
}

/// No room for any request.
pub fn crowded(bot: Bot) -> Bot {
    bot.with_limits(&limits::Settings {
        in_flight: 0,
        ..limits::Settings::default()
    })
}

/// The address that [`entry`] has its facts from.
pub const SOURCE: &str = "https://example.com/runbook";

/// An entry of a test's own.
pub fn entry(id: &str, title: &str, lead: Vec<Inline>, body: Vec<Block>) -> Entry {
    Entry {
        id: id.parse().unwrap(),
        topic: "tests".to_owned(),
        title: title.to_owned(),
        aliases: Vec::new(),
        signatures: Vec::new(),
        tags: Vec::new(),
        related: Vec::new(),
        sources: vec![Source {
            title: "The runbook".to_owned(),
            url: SOURCE.to_owned(),
        }],
        explains: Vec::new(),
        looks_for: Vec::new(),
        reviewed: None,
        versions: VersionRange::default(),
        lead,
        body,
        origin: Origin::Shipped,
    }
}
