//! A bot that runs against the fake, and people who talk to it.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use k8sfaq::bot::Bot;
use k8sfaq::bot::health::{Health, Part, Readiness};
use k8sfaq::discord::{self, Answers, Settings};
use k8sfaq::faq::answer::Faq;
use k8sfaq::faq::catalog::Catalog;
use k8sfaq::faq::entry::{Entry, Origin, Source};
use k8sfaq::faq::id::EntryId;
use k8sfaq::faq::markdown;
use k8sfaq::faq::version::VersionRange;
use k8sfaq::state::State;
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::fake::{ALICE, BOT, CHANNEL, Fake, GUILD, Interaction, TOKEN, user};

/// A bot at work.
pub struct Running {
    pub fake: Fake,
    pub bot: Arc<Bot>,
    pub health: Health,
    pub shutdown: CancellationToken,
    pub task: JoinHandle<anyhow::Result<()>>,
}

/// What is to be different about a bot.
pub struct With {
    pub settings: Settings,
    pub token: String,
    pub answers: Answers,
}

/// A bot over the shipped catalog.
pub fn shipped() -> Arc<Bot> {
    Arc::new(plain())
}

/// The same, for more to be put around it. All share one index.
pub fn plain() -> Bot {
    static FAQ: OnceLock<Arc<Faq>> = OnceLock::new();
    let index = || Arc::new(Faq::new(Catalog::shipped()).expect("an index"));
    let state = State::open(None).expect("a state in memory");
    Bot::new(Arc::clone(FAQ.get_or_init(index)), state)
}

/// A bot over three entries of its own: what it says stays as it is when the shipped content changes.
pub fn own() -> Arc<Bot> {
    let source = Source {
        title: "The importer's runbook".to_owned(),
        url: "https://example.com/importer_(v2)".to_owned(),
    };
    let restart = Entry {
        related: vec![id("importer-logs"), id("invoice-wrong")],
        sources: vec![source],
        ..entry(
            "restart-importer",
            "How do I restart the billing importer?",
            RESTART,
        )
    };
    let entries = [
        restart,
        entry(
            "importer-logs",
            "Where are the logs of the billing importer?",
            "In `billing`.",
        ),
        entry(
            "invoice-wrong",
            "Why is an invoice wrong?",
            "Prices change at midnight.",
        ),
    ];
    let faq = Faq::new(Catalog::of(entries)).expect("an index");
    Arc::new(Bot::new(faq, State::open(None).expect("a state in memory")))
}

const RESTART: &str = "\
Scale it to zero and back: it *picks up* where it stopped.

## Fix

1. Stop it, and start it again:
   ```sh
   kubectl scale deployment/importer -n billing --replicas=0
   kubectl scale deployment/importer -n billing --replicas=1
   ```
2. **Still nothing?** Read [its log](https://example.com/log).
   - look for `ERROR`

### Versions

- {>=1.33} It restarts by itself.
";

fn id(text: &str) -> EntryId {
    text.parse().expect("an id")
}

fn entry(name: &str, title: &str, body: &str) -> Entry {
    let (mut blocks, refusals) = markdown::parse(body);
    assert!(refusals.is_empty(), "{refusals:?}");
    let markdown::Block::Paragraph(lead) = blocks.remove(0) else {
        panic!("a body begins with a paragraph");
    };
    Entry {
        id: id(name),
        topic: "billing".to_owned(),
        title: title.to_owned(),
        aliases: Vec::new(),
        signatures: Vec::new(),
        tags: Vec::new(),
        related: Vec::new(),
        sources: Vec::new(),
        explains: Vec::new(),
        looks_for: Vec::new(),
        reviewed: None,
        versions: VersionRange::default(),
        lead,
        body: blocks,
        origin: Origin::Shipped,
    }
}

impl With {
    pub fn fake(fake: &Fake, answers: impl Into<Answers>) -> Self {
        With {
            settings: Settings {
                api_url: fake.url.clone(),
            },
            token: TOKEN.to_owned(),
            answers: answers.into(),
        }
    }

    /// Starts it, without waiting for anything.
    pub fn launch(self, fake: &Fake) -> Running {
        let health = Health::new();
        let shutdown = CancellationToken::new();
        let bot = Arc::clone(&self.answers.bot);
        let task = {
            let (health, shutdown) = (health.clone(), shutdown.clone());
            tokio::spawn(async move {
                let token = SecretString::from(self.token);
                discord::run(&self.settings, &token, self.answers, &health, &shutdown).await
            })
        };
        Running {
            fake: fake.clone(),
            bot,
            health,
            shutdown,
            task,
        }
    }
}

impl Running {
    /// A fake, and a bot over the shipped catalog that is logged in.
    pub async fn start() -> Self {
        Self::start_with(shipped()).await
    }

    pub async fn start_with(answers: impl Into<Answers>) -> Self {
        let fake = Fake::start().await;
        let running = With::fake(&fake, answers).launch(&fake);
        running.logged_in().await;
        running
    }

    /// Waits until the bot is logged in and its commands are registered.
    pub async fn logged_in(&self) {
        self.fake
            .until("the commands are registered", |state| {
                (!state.commands.is_empty()).then_some(())
            })
            .await;
    }

    pub fn readiness(&self) -> Option<Readiness> {
        self.health.parts().get(&Part::Discord).cloned()
    }

    /// A line of the metrics.
    pub fn metric(&self, line: &str) -> Option<u64> {
        self.bot
            .metrics()
            .text()
            .lines()
            .find_map(|metric| metric.strip_prefix(line)?.trim().parse().ok())
    }

    /// Waits until a metric has a value.
    pub async fn counts(&self, line: &str, value: u64) {
        let counting = async {
            while self.metric(line) != Some(value) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let counted = tokio::time::timeout(Duration::from_secs(120), counting).await;
        assert!(
            counted.is_ok(),
            "{line} is {:?}, not {value}",
            self.metric(line)
        );
    }

    /// Waits until the bot is ready, or is not.
    pub async fn becomes_ready(&self, is_ready: bool) {
        let becoming = async {
            while self
                .readiness()
                .is_some_and(|readiness| readiness.is_ready())
                != is_ready
            {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let became = tokio::time::timeout(Duration::from_secs(120), becoming).await;
        assert!(became.is_ok(), "it is {:?}", self.readiness());
    }

    /// Types the slash command.
    pub async fn slash(&self, question: &str) -> Interaction {
        self.slash_with(
            json!([{"name": "question", "type": 3, "value": question}]),
            json!({}),
        )
        .await
    }

    pub async fn slash_with(&self, options: Value, more: Value) -> Interaction {
        let data = json!({"id": "600", "name": "k8sfaq", "type": 1, "options": options});
        let id = self.fake.interaction(2, data, more);
        self.answered(id).await
    }

    /// Types into the question's field.
    pub async fn types(&self, text: &str) -> Vec<(String, String)> {
        let data = json!({"id": "600", "name": "k8sfaq", "type": 1,
            "options": [{"name": "question", "type": 3, "value": text, "focused": true}]});
        let id = self.fake.interaction(4, data, json!({}));
        let answered = self.answered(id).await;
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        answered
            .choices
            .iter()
            .map(|choice| (text(&choice["name"]), text(&choice["value"])))
            .collect()
    }

    /// Uses the message command on a message.
    pub async fn asks_about(&self, message: Value) -> Interaction {
        let id = message["id"].as_str().expect("an id").to_owned();
        let data = json!({"id": "601", "name": "Answer from FAQ", "type": 3, "target_id": id,
            "resolved": {"messages": {id.clone(): message}}});
        let id = self.fake.interaction(2, data, json!({}));
        self.answered(id).await
    }

    /// Presses a button.
    pub async fn presses(&self, custom_id: &str, more: Value) -> Interaction {
        let data = json!({"custom_id": custom_id, "component_type": 2});
        self.uses(data, more).await
    }

    /// Chooses from a select.
    pub async fn chooses(&self, custom_id: &str, value: &str) -> Interaction {
        let data = json!({"custom_id": custom_id, "component_type": 3, "values": [value]});
        self.uses(data, json!({})).await
    }

    async fn uses(&self, data: Value, more: Value) -> Interaction {
        let mut all = json!({"message": message_of(BOT, "an answer")});
        for (key, value) in more.as_object().expect("an object") {
            all[key] = value.clone();
        }
        let id = self.fake.interaction(3, data, all);
        self.answered(id).await
    }

    /// Waits for the first response.
    pub async fn answered(&self, id: u64) -> Interaction {
        self.fake
            .until("the interaction is acknowledged", |state| {
                let interaction = state.interactions.get(&id)?;
                interaction.acknowledged.map(|_| interaction.clone())
            })
            .await
    }

    /// Writes a message into the channel; what the bot then sent.
    pub async fn says(&self, text: &str) -> Value {
        self.sends(written(self.fake.id(), text)).await
    }

    pub async fn sends(&self, message: Value) -> Value {
        let before = self.fake.with(|state| state.messages.len());
        self.fake.dispatch("MESSAGE_CREATE", message);
        self.fake
            .until("a message is answered", |state| {
                state.messages.get(before).cloned()
            })
            .await
    }

    /// Writes a message that the bot is to ignore: the answer to the next mention is the first that comes.
    pub async fn ignores(&self, message: Value) {
        let before = self.fake.with(|state| state.messages.len());
        self.fake.dispatch("MESSAGE_CREATE", message.clone());
        let next = self.says(&format!("<@{BOT}> help")).await;
        let now = self.fake.with(|state| state.messages.len());
        assert_eq!(now, before + 1, "{message} was answered");
        assert!(
            next["content"]
                .as_str()
                .expect("a text")
                .contains("I answer Kubernetes questions")
        );
    }

    /// Stops the bot, and makes sure that nothing malformed was sent.
    pub async fn ends(self) {
        self.shutdown.cancel();
        let ended = tokio::time::timeout(Duration::from_secs(120), self.task);
        ended
            .await
            .expect("within 10 s")
            .expect("no panic")
            .expect("no error");
        let violations = self.fake.with(|state| state.violations.clone());
        assert!(violations.is_empty(), "{violations:#?}");
    }
}

/// A message of Alice's.
pub fn written(id: u64, text: &str) -> Value {
    let mentions: Vec<Value> =
        if text.contains(&format!("<@{BOT}>")) || text.contains(&format!("<@!{BOT}>")) {
            vec![user(BOT)]
        } else {
            Vec::new()
        };
    json!({
        "id": id.to_string(), "channel_id": CHANNEL.to_string(), "guild_id": GUILD.to_string(), "author": user(ALICE),
        "member": {"roles": []}, "content": text, "timestamp": "2026-11-25T08:00:00Z", "edited_timestamp": null, "tts": false,
        "mention_everyone": false, "mentions": mentions, "mention_roles": [], "attachments": [], "embeds": [], "pinned": false,
        "type": 0,
    })
}

/// A message of somebody's.
pub fn message_of(author: u64, text: &str) -> Value {
    let mut message = written(700_000_000_000_000_001, text);
    message["author"] = user(author);
    message["author"]["bot"] = json!(author == BOT);
    message
}

/// What a person sees of a message.
pub fn seen(message: &Value) -> String {
    let mut lines = Vec::new();
    if let Some(content) = message["content"].as_str()
        && !content.is_empty()
    {
        lines.push(content.to_owned());
    }
    for embed in message["embeds"].as_array().into_iter().flatten() {
        if let Some(title) = embed["title"].as_str() {
            let url = embed["url"]
                .as_str()
                .map_or_else(String::new, |url| format!(" → {url}"));
            lines.push(format!("# {title}{url}"));
        }
        lines.push(embed["description"].as_str().unwrap_or_default().to_owned());
        if let Some(footer) = embed["footer"]["text"].as_str() {
            // How sure it is changes with every change to the search.
            let footer: Vec<&str> = footer
                .split(" · ")
                .map(|part| {
                    if part.ends_with("% sure") {
                        "so % sure"
                    } else {
                        part
                    }
                })
                .collect();
            lines.push(format!("_{}_", footer.join(" · ")));
        }
    }
    for row in message["components"].as_array().into_iter().flatten() {
        let parts: Vec<String> = row["components"]
            .as_array()
            .into_iter()
            .flatten()
            .map(component)
            .collect();
        lines.push(parts.join(" "));
    }
    lines.join("\n")
}

fn component(component: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    if component["type"] == 3 {
        let options: Vec<String> = component["options"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|option| text(&option["value"]))
            .collect();
        return format!(
            "[{} ▾ {}]",
            text(&component["placeholder"]),
            options.join(", ")
        );
    }
    let label = match (text(&component["label"]), text(&component["emoji"]["name"])) {
        (label, emoji) if label.is_empty() => emoji,
        (label, _) => label,
    };
    let does = match component["custom_id"].as_str() {
        Some(id) => id.to_owned(),
        None => text(&component["url"]),
    };
    format!("[{label} | {does}]")
}
