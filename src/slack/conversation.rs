//! What each of Slack's events leads to: a question to the bot, and its answer in the right place.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde_json::Value;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

use super::api::{Api, Identity};
use super::button::Carried;
use super::dedup::Seen;
use super::home;
use super::incoming::{
    self, Author, Command, Incoming, Kind, Own, Press, Reason, Said, Shortcut, Tab,
};
use super::lookup::Lookup;
use super::outgoing::{Outbox, Post, ResponseUrl};
use super::reach::{Editable, Reached};
use super::render::{self, Scene, Surface};
use crate::bot::Bot;
use crate::bot::metrics::Metrics;
use crate::bot::policy;
use crate::bot::reply::{Audience, Refusal, Reply, Shown};
use crate::bot::request::{Action, Person, Place, PlaceKind, Platform, Request};

/// Most events that are worked on at once; each waits for Slack more than for us.
const MAX_IN_FLIGHT: usize = 256;

/// Most events beyond those that are told to come back later; what exceeds this too is dropped.
const MAX_TURNED_AWAY: usize = 64;

/// Most questions that are thought about at once. A search takes milliseconds of a processor; many ready ones at once would
/// stand before everything that only waits for the network.
const MAX_THINKING: usize = 8;

/// Longest work on one event. Nothing of ours takes a tenth of it, waits that Slack asked for included.
const MAX_WORK: Duration = Duration::from_secs(150);

/// Ids that are remembered against a second delivery: Slack repeats within some minutes.
const MAX_SEEN: usize = 8_192;

/// The bot, and the function that asks it: a test can hang that or break it.
#[derive(Clone)]
pub struct Core {
    /// The bot.
    pub bot: Arc<Bot>,
    /// Does what a person asks.
    pub handle: Arc<dyn Fn(Request) -> BoxFuture<'static, Shown> + Send + Sync>,
}

impl From<Arc<Bot>> for Core {
    fn from(bot: Arc<Bot>) -> Self {
        let asked = Arc::clone(&bot);
        Core {
            bot,
            handle: Arc::new(move |request| {
                let bot = Arc::clone(&asked);
                async move { bot.handle(request).await }.boxed()
            }),
        }
    }
}

/// All conversations of a workspace. It keeps nothing that an answer needs: buttons carry that themselves.
pub struct Conversations {
    pub(super) core: Core,
    pub(super) outbox: Outbox,
    own: Own,
    metrics: Metrics,
    pub(super) api: Arc<Api>,
    pub(super) lookup: Lookup,
    seen: Seen,
    pub(super) shared: Seen,
    /// The channels of direct messages with the bot, which commands cannot tell from those between people.
    own_directs: Seen,
    work: TaskTracker,
    /// Where work is done, whichever thread hands it over.
    workers: Handle,
    thinking: Semaphore,
    room: Arc<Semaphore>,
    room_for_refusals: Arc<Semaphore>,
}

impl Conversations {
    /// No conversation yet; its work is done by the runtime that this is called in.
    #[must_use]
    pub fn new(
        core: Core,
        api: Arc<Api>,
        outbox: Outbox,
        identity: &Identity,
        metrics: Metrics,
    ) -> Arc<Self> {
        Arc::new(Conversations {
            core,
            api,
            lookup: Lookup::default(),
            outbox,
            own: Own {
                user: identity.user.clone(),
                bot: identity.bot.clone(),
            },
            metrics,
            seen: Seen::new(MAX_SEEN),
            shared: Seen::new(MAX_SEEN),
            own_directs: Seen::new(MAX_SEEN),
            work: TaskTracker::new(),
            workers: Handle::current(),
            thinking: Semaphore::new(MAX_THINKING),
            room: Arc::new(Semaphore::new(MAX_IN_FLIGHT)),
            room_for_refusals: Arc::new(Semaphore::new(MAX_TURNED_AWAY)),
        })
    }

    /// Takes an event that is acknowledged already, and works on it apart. It returns at once.
    pub fn take(self: &Arc<Self>, kind: Kind, payload: &Value) {
        let incoming = incoming::read(kind, payload, &self.own);
        self.metrics.event(Platform::Slack, label(&incoming));
        if let Incoming::Ignored(reason) = &incoming {
            tracing::debug!(?reason, "a Slack event was passed over");
            return;
        }
        if ids(&incoming).iter().any(|id| !self.seen.insert(id)) {
            tracing::debug!("a Slack event came twice; it is answered once");
            return;
        }
        let room = Arc::clone(&self.room).try_acquire_owned();
        let is_turned_away = room.is_err();
        let room = room.or_else(|_| Arc::clone(&self.room_for_refusals).try_acquire_owned());
        let Ok(permit) = room else {
            self.metrics.dropped(Platform::Slack);
            tracing::error!("a Slack event was dropped: too many are in flight");
            return;
        };
        let conversations = Arc::clone(self);
        let work = async move {
            let _permit = permit;
            if is_turned_away {
                let busy = Shown::private(Reply::Refused(Refusal::Busy));
                conversations.tell(&incoming, &busy).await;
                return;
            }
            let work = AssertUnwindSafe(conversations.act(&incoming)).catch_unwind();
            match timeout(MAX_WORK, work).await {
                Ok(Ok(())) => return,
                Ok(Err(_)) => {
                    conversations.metrics.panicked();
                    tracing::error!("answering a Slack event panicked");
                }
                Err(_) => tracing::error!("answering a Slack event took too long"),
            }
            let broken = Shown::private(Reply::Refused(Refusal::Broken));
            // Whatever broke the answer must not break the apology's task too.
            let apology = AssertUnwindSafe(conversations.tell(&incoming, &broken));
            if apology.catch_unwind().await.is_err() {
                conversations.metrics.panicked();
            }
        };
        self.work.spawn_on(work, &self.workers);
    }

    /// Waits until what is in flight is answered. The process bounds that with its grace period.
    pub async fn finish(&self) {
        self.work.close();
        self.work.wait().await;
    }

    async fn act(&self, incoming: &Incoming) {
        match incoming {
            Incoming::Command(command) => self.command(command).await,
            Incoming::Addressed(said) => self.addressed(said).await,
            Incoming::Overheard(said) => self.overheard(said).await,
            Incoming::Shortcut(shortcut) => self.shortcut(shortcut).await,
            Incoming::Press(press) => self.press(press).await,
            Incoming::HomeOpened { user, channel, tab } => {
                self.home_opened(user, channel, *tab).await;
            }
            Incoming::RateLimited => {
                tracing::warn!("Slack drops events of this workspace: more than 30,000 in an hour");
            }
            Incoming::Ignored(_) => {}
        }
    }

    /// Tells whoever is behind an event something that is no answer to it.
    async fn tell(&self, incoming: &Incoming, shown: &Shown) {
        match incoming {
            Incoming::Command(command) => {
                let url = ResponseUrl::new(command.response_url.clone());
                let to = Reached::of_command(command, &url);
                self.privately(&to, shown, Carried::default()).await;
            }
            Incoming::Shortcut(shortcut) => {
                let url = ResponseUrl::new(shortcut.response_url.clone());
                let to = Reached::of_shortcut(shortcut, &url);
                self.privately(&to, shown, Carried::default()).await;
            }
            Incoming::Addressed(said) => {
                let scene = Scene::of(Surface::Public, Carried::default(), shown);
                if let Some(message) = render::message(shown, &scene) {
                    self.in_thread(said, &message).await;
                }
            }
            Incoming::Press(press) => {
                let url = press.response_url.clone().map(ResponseUrl::new);
                let to = Reached::of_press(press, url.as_ref());
                self.privately(&to, shown, Carried::default()).await;
            }
            // Nobody asked.
            Incoming::Overheard(_)
            | Incoming::HomeOpened { .. }
            | Incoming::RateLimited
            | Incoming::Ignored(_) => {}
        }
    }

    async fn command(&self, command: &Command) {
        let url = ResponseUrl::new(command.response_url.clone());
        let to = Reached::of_command(command, &url);
        let kind = self.kind(&command.channel, &command.channel_name);
        let place = place(command.team.as_ref(), &command.channel, None, kind);
        let text = command.text.clone();
        let shown = self
            .ask(&command.user, place, Action::Command { text })
            .await;
        self.privately(&to, &shown, Carried::default()).await;
    }

    async fn shortcut(&self, shortcut: &Shortcut) {
        let url = ResponseUrl::new(shortcut.response_url.clone());
        let to = Reached::of_shortcut(shortcut, &url);
        if shortcut.callback_id != super::manifest::SHORTCUT {
            tracing::warn!("an unknown Slack shortcut was acknowledged and passed over");
            return;
        }
        let kind = self.kind(&shortcut.channel, &shortcut.channel_name);
        let place = place(
            shortcut.team.as_ref(),
            &shortcut.channel,
            Some(&shortcut.thread),
            kind,
        );
        let text = shortcut.text.clone();
        let shown = self
            .ask(&shortcut.user, place, Action::Message { text })
            .await;
        let carried = Carried {
            thread: Some(shortcut.thread.clone()),
            ..Carried::default()
        };
        self.privately(&to, &shown, carried).await;
    }

    async fn addressed(&self, said: &Said) {
        self.lookup.note_shared(&said.channel, said.is_shared);
        let Author::Person(user) = &said.author else {
            // Two bots that answer each other never end; a watched one is offered an answer at the most.
            self.overheard(said).await;
            return;
        };
        if said.is_direct {
            self.own_directs.insert(&said.channel);
        }
        let text = said.text.clone();
        let shown = self.ask(user, said.place(), Action::Mention { text }).await;
        let thread = said.thread.as_ref().unwrap_or(&said.ts);
        let carried = Carried {
            thread: Some(thread.clone()),
            ..Carried::default()
        };
        if !said.is_direct && shown.audience == Audience::Asker {
            let to = Reached {
                user,
                channel: Some(&said.channel),
                // A thread that does not exist yet would hide the message.
                thread: said.thread.as_deref(),
                url: None,
            };
            self.privately(&to, &shown, carried).await;
            return;
        }
        let surface = if said.is_direct {
            Surface::Private
        } else {
            Surface::Public
        };
        let carried = Carried {
            asker: Some(user.clone()),
            ..carried
        };
        self.said_in_thread(said, user, &shown, &Scene::of(surface, carried, &shown))
            .await;
    }

    async fn overheard(&self, said: &Said) {
        let (user, author) = match &said.author {
            Author::Person(user) => (user, policy::Author::Person),
            Author::Bot { id, name } => (id, policy::Author::Bot { id, name }),
        };
        let place = said.place();
        if !self.core.bot.hears(&place, author) {
            return;
        }
        let text = said.text.clone();
        let shown = self.ask(user, place, Action::Overheard { text }).await;
        let carried = Carried {
            thread: Some(said.thread.as_ref().unwrap_or(&said.ts).clone()),
            ..Carried::default()
        };
        self.said_in_thread(
            said,
            user,
            &shown,
            &Scene::of(Surface::Offered, carried, &shown),
        )
        .await;
    }

    async fn said_in_thread(&self, said: &Said, user: &str, shown: &Shown, scene: &Scene) {
        let Some(message) = render::message(shown, scene) else {
            return;
        };
        let Some(ts) = self.in_thread(said, &message).await else {
            return;
        };
        let thread = said.thread.as_ref().unwrap_or(&said.ts);
        let to = Reached {
            user,
            channel: Some(&said.channel),
            thread: Some(thread),
            url: None,
        };
        let editable = Editable::Message {
            channel: &said.channel,
            ts,
        };
        self.follow(shown, scene, editable, &to).await;
    }

    async fn home_opened(&self, user: &str, channel: &str, tab: Tab) {
        if channel.starts_with('D') {
            self.own_directs.insert(channel);
        }
        let call = match tab {
            Tab::Home => {
                let place = place(None, channel, None, PlaceKind::Direct);
                let shown = self.ask(user, place.clone(), Action::Home).await;
                let topics = Action::Command {
                    text: "topics".to_owned(),
                };
                let topics = self.ask(user, place, topics).await;
                Post::Call {
                    lane: user,
                    method: "views.publish",
                    body: serde_json::json!({
                        "user_id": user,
                        "view": home::view(&shown, &topics),
                    }),
                }
            }
            Tab::Messages => Post::Call {
                lane: user,
                method: "assistant.threads.setSuggestedPrompts",
                body: home::prompts(channel),
            },
            Tab::Other => return,
        };
        if let Err(error) = self.outbox.send(call).await {
            tracing::warn!(%error, ?tab, "the Slack home was not shown");
        }
    }

    pub(super) async fn ask(&self, user: &str, place: Place, action: Action) -> Shown {
        let wanted = match self.core.bot.rules(&place).scope {
            Some(scope) => scope.usergroups,
            None => Vec::new(),
        };
        let request = Request {
            person: Person {
                id: user.to_owned(),
                groups: self.lookup.groups_of(&self.api, user, &wanted).await,
            },
            place,
            action,
        };
        // It is never closed.
        let _turn = self.thinking.acquire().await;
        (self.core.handle)(request).await
    }

    pub(super) fn place_of(&self, press: &Press, carried: &Carried) -> Place {
        let thread = carried.thread.as_ref().or(press.thread.as_ref());
        let channel = press.channel.as_deref().unwrap_or(&press.user);
        place(press.team.as_ref(), channel, thread, self.kind_of(press))
    }

    pub(super) fn kind_of(&self, press: &Press) -> PlaceKind {
        match &press.channel {
            // A message of the bot's own in a direct message: it is in there.
            Some(channel) if channel.starts_with('D') && !press.is_ephemeral => PlaceKind::Direct,
            Some(channel) => self.kind(channel, &press.channel_name),
            // A view belongs to one person.
            None => PlaceKind::Direct,
        }
    }

    /// What sort of place a command or a button comes from. Slack does not say whether a direct message is one with the
    /// bot; we know those that a message came from.
    fn kind(&self, channel: &str, name: &str) -> PlaceKind {
        if self.own_directs.contains(channel) {
            PlaceKind::Direct
        } else if name == "directmessage" || name.starts_with("mpdm-") || channel.starts_with('D') {
            PlaceKind::Foreign
        } else {
            PlaceKind::Channel
        }
    }
}

impl Scene {
    /// The scene of a reply; its buttons know what was looked up for it.
    pub(super) fn of(surface: Surface, carried: Carried, shown: &Shown) -> Self {
        Scene {
            surface,
            carried: Carried {
                lookup: shown.lookup.as_ref().map(|lookup| lookup.target().clone()),
                ..carried
            },
            ..Scene::default()
        }
    }
}

impl Said {
    fn place(&self) -> Place {
        let kind = match (self.is_direct, self.is_shared) {
            (true, _) => PlaceKind::Direct,
            (false, true) => PlaceKind::Shared,
            (false, false) => PlaceKind::Channel,
        };
        let thread = self.thread.as_ref().unwrap_or(&self.ts);
        place(self.team.as_ref(), &self.channel, Some(thread), kind)
    }
}

fn place(team: Option<&String>, channel: &str, thread: Option<&String>, kind: PlaceKind) -> Place {
    Place {
        platform: Platform::Slack,
        workspace: team.cloned(),
        channel: channel.to_owned(),
        thread: thread.cloned(),
        kind,
    }
}

/// The ids by which a second delivery of an event is known. A message that mentions the bot can come as two events.
fn ids(incoming: &Incoming) -> Vec<String> {
    match incoming {
        Incoming::Command(command) => command
            .trigger_id
            .iter()
            .map(|id| format!("trigger/{id}"))
            .collect(),
        Incoming::Shortcut(shortcut) => shortcut
            .trigger_id
            .iter()
            .map(|id| format!("trigger/{id}"))
            .collect(),
        Incoming::Press(press) => press
            .trigger_id
            .iter()
            .map(|id| format!("trigger/{id}"))
            .collect(),
        Incoming::Addressed(said) | Incoming::Overheard(said) => {
            let message = format!("message/{}/{}", said.channel, said.ts);
            said.event_id
                .iter()
                .map(|id| format!("event/{id}"))
                .chain([message])
                .collect()
        }
        Incoming::HomeOpened { .. } | Incoming::RateLimited | Incoming::Ignored(_) => Vec::new(),
    }
}

fn label(incoming: &Incoming) -> &'static str {
    match incoming {
        Incoming::Command(_) => "command",
        Incoming::Addressed(said) if said.is_direct => "direct_message",
        Incoming::Addressed(_) => "mention",
        Incoming::Overheard(_) => "message",
        Incoming::Shortcut(_) => "shortcut",
        Incoming::Press(_) => "button",
        Incoming::HomeOpened { .. } => "home",
        Incoming::RateLimited => "rate_limited",
        Incoming::Ignored(reason) => match reason {
            Reason::Subtype => "ignored_subtype",
            Reason::Own => "ignored_own",
            Reason::BroughtByMention => "ignored_mention_twin",
            Reason::UnknownType => "ignored_unknown",
            Reason::Incomplete => "ignored_incomplete",
        },
    }
}
