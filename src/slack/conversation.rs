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

use super::api::{Api, CallError, Identity};
use super::button::{Button, Carried, InvalidButton};
use super::dedup::Seen;
use super::home;
use super::incoming::{
    self, Author, Command, Incoming, Kind, Own, Press, Reason, Said, Shortcut, Tab, View,
};
use super::lookup::Lookup;
use super::outgoing::{Outbox, Post, Respond, ResponseUrl, SendError};
use super::render::{self, Message, Scene, Surface};
use crate::bot::Bot;
use crate::bot::metrics::Metrics;
use crate::bot::policy;
use crate::bot::reply::{Audience, Refusal, Reply, Shown};
use crate::bot::request::{Action, Person, Place, PlaceKind, Platform, Request, ShareLookup};

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
    core: Core,
    outbox: Outbox,
    own: Own,
    metrics: Metrics,
    api: Arc<Api>,
    lookup: Lookup,
    seen: Seen,
    shared: Seen,
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

    /// Makes the lookup that belongs to a reply, and shows what it found in the reply's place, or beside it where that
    /// cannot be edited or has a wider audience.
    async fn follow(
        &self,
        before: &Shown,
        scene: &Scene,
        editable: Editable<'_>,
        to: &Reached<'_>,
    ) {
        let Some(lookup) = before.lookup.clone() else {
            return;
        };
        let is_for_fewer =
            lookup.audience() == Audience::Asker && before.audience == Audience::Everyone;
        let after = self.core.bot.evidence(lookup).await;
        let whole = render::message(&after, scene);
        let edited = match (editable, &whole) {
            (_, None) => return,
            (Editable::No, _) => None,
            _ if is_for_fewer => None,
            (Editable::Message { channel, ts }, Some(message)) => {
                let post = Post::Update {
                    channel,
                    ts: &ts,
                    message,
                };
                Some(self.outbox.send(post).await)
            }
            (Editable::Response(url), Some(message)) => {
                let how = Respond::Replacing(message);
                Some(self.outbox.send(Post::Respond { url, how }).await)
            }
            (Editable::View(id), Some(message)) => {
                let call = Post::Call {
                    lane: to.user,
                    method: "views.update",
                    body: serde_json::json!({"view_id": id, "view": home::modal(message)}),
                };
                Some(self.outbox.send(call).await)
            }
        };
        match edited {
            Some(Ok(_) | Err(SendError::Call(CallError::TimedOut))) => {}
            Some(Err(error)) => {
                tracing::info!(%error, "a Slack answer could not be edited; its evidence comes beside it");
                self.beside(before, &after, to).await;
            }
            None => self.beside(before, &after, to).await,
        }
    }

    async fn beside(&self, before: &Shown, after: &Shown, to: &Reached<'_>) {
        if let Some(message) = render::evidence(before, after) {
            self.send_privately(to, &message).await;
        }
    }

    async fn press(&self, press: &Press) {
        let url = press.response_url.clone().map(ResponseUrl::new);
        let to = Reached::of_press(press, url.as_ref());
        let button = match Button::parse(&press.action_id, &press.value) {
            Ok(button) => button,
            Err(InvalidButton::UnknownAction) => {
                tracing::warn!("an unknown Slack action was acknowledged and passed over");
                return;
            }
            Err(InvalidButton::UnreadableValue) => {
                self.send_privately(&to, &render::old_button()).await;
                return;
            }
        };
        match button {
            Button::Link => {}
            Button::Share(carried) => self.share(press, &to, carried).await,
            Button::Other(carried) => self.other(press, &to, carried).await,
            Button::Pick(carried) => self.pick(press, &to, carried).await,
            Button::Vote(carried, vote) => {
                let Some(entry) = carried.entry.clone() else {
                    return;
                };
                let place = self.place_of(press, &carried);
                let shown = self
                    .ask(&press.user, place, Action::Vote { entry, vote })
                    .await;
                self.privately(&to, &shown, carried).await;
            }
            Button::Why(carried, why) => {
                let Some(entry) = carried.entry.clone() else {
                    return;
                };
                let place = self.place_of(press, &carried);
                let because = Action::Because { entry, why };
                let shown = self.ask(&press.user, place, because).await;
                let scene = Scene::of(Surface::Private, carried, &shown);
                if let Some(message) = render::message(&shown, &scene) {
                    self.replace(press, &to, &message).await;
                }
            }
            Button::Mute(carried) => {
                let place = self.place_of(press, &carried);
                let shown = self.ask(&press.user, place, Action::Mute).await;
                let scene = Scene::of(Surface::Public, Carried::default(), &shown);
                if let (Some(message), Some(channel)) =
                    (render::message(&shown, &scene), &press.channel)
                {
                    let thread = press.thread.as_deref().or(carried.thread.as_deref());
                    self.publicly(channel, thread, &message, &press.user).await;
                }
            }
            Button::Ask(question) | Button::Search(question) => {
                self.asked(press, &to, question).await;
            }
        }
    }

    /// A question from a button or from the search box.
    async fn asked(&self, press: &Press, to: &Reached<'_>, text: String) {
        let carried = Carried::default();
        let place = self.place_of(press, &carried);
        let shown = self.ask(&press.user, place, Action::Command { text }).await;
        self.in_place(press, to, &shown, carried).await;
    }

    async fn pick(&self, press: &Press, to: &Reached<'_>, carried: Carried) {
        let Some(entry) = carried.entry.clone() else {
            return;
        };
        let place = self.place_of(press, &carried);
        let shown = self.ask(&press.user, place, Action::Pick { entry }).await;
        self.in_place(press, to, &shown, carried).await;
    }

    async fn other(&self, press: &Press, to: &Reached<'_>, carried: Carried) {
        let Some(shown) = carried.entry.clone() else {
            return;
        };
        let others = carried.others.clone();
        let place = self.place_of(press, &carried);
        let shown = self
            .ask(&press.user, place, Action::NotWhatIMeant { shown, others })
            .await;
        self.in_place(press, to, &shown, carried).await;
    }

    /// Puts an answer in front of everyone, once, and takes the private one away.
    async fn share(&self, press: &Press, to: &Reached<'_>, carried: Carried) {
        let (Some(entry), Some(channel)) = (carried.entry.clone(), &press.channel) else {
            return;
        };
        let key = format!(
            "{channel}/{}/{}/{entry}",
            press.message.as_deref().unwrap_or_default(),
            press.user
        );
        if !self.shared.insert(&key) {
            return;
        }
        let mut place = self.place_of(press, &carried);
        if carried.lookup.is_some()
            && place.kind == PlaceKind::Channel
            && self.lookup.is_shared(&self.api, channel).await
        {
            place.kind = PlaceKind::Shared;
        }
        let lookup = carried.lookup.as_ref().map(|target| ShareLookup {
            namespace: target.namespace.clone(),
            context: target.context.clone(),
        });
        let shown = self
            .ask(&press.user, place, Action::Share { entry, lookup })
            .await;
        let is_answer = matches!(shown.reply, Reply::Answer(_));
        if !is_answer || shown.audience == Audience::Asker {
            self.shared.forget(&key);
            self.privately(to, &shown, carried).await;
            return;
        }
        let scene = Scene {
            shared_by: Some(press.user.clone()),
            ..Scene::of(Surface::Public, carried, &shown)
        };
        if !self.share_once(press, to, channel, &shown, &scene).await {
            self.shared.forget(&key);
            return;
        }
        if press.is_ephemeral
            && let Some(url) = to.url
        {
            let how = Respond::Deleting;
            if let Err(error) = self.outbox.send(Post::Respond { url, how }).await {
                tracing::debug!(%error, "a shared private answer stays visible to its asker");
            }
        }
    }

    /// Posts a shared answer; tells whether it is there. What will be edited needs a message with a `ts`, which only a
    /// channel that the bot is in gives; everywhere else the response URL does.
    async fn share_once(
        &self,
        press: &Press,
        to: &Reached<'_>,
        channel: &str,
        shown: &Shown,
        scene: &Scene,
    ) -> bool {
        let thread = scene.carried.thread.as_deref();
        let Some(message) = render::message(shown, scene) else {
            return false;
        };
        let mut whole = None;
        if let Some(lookup) = &shown.lookup {
            let post = Post::Message {
                channel,
                thread,
                message: &message,
            };
            match self.outbox.send(post).await {
                Ok(Some(ts)) => {
                    let editable = Editable::Message { channel, ts };
                    self.follow(shown, scene, editable, to).await;
                    return true;
                }
                Ok(None) | Err(SendError::Call(CallError::TimedOut)) => return true,
                Err(_) => {
                    let after = self.core.bot.evidence(lookup.clone()).await;
                    whole = render::message(&after, scene);
                }
            }
        }
        let message = whole.unwrap_or(message);
        if let Some(url) = to.url {
            let how = Respond::Publicly {
                message: &message,
                thread,
            };
            match self.outbox.send(Post::Respond { url, how }).await {
                // A time-out may have been a success: a second post would show it twice.
                Ok(_) | Err(SendError::Call(CallError::TimedOut)) => return true,
                Err(error) => {
                    tracing::info!(%error, "an answer could not be shared through its response url");
                }
            }
        }
        self.publicly(channel, thread, &message, &press.user).await
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

    /// Shows a reply in the place of the message that a button stands in.
    async fn in_place(&self, press: &Press, to: &Reached<'_>, shown: &Shown, carried: Carried) {
        if let Some(view) = &press.view {
            let scene = Scene::of(Surface::Modal, carried, shown);
            if let Some(message) = render::message(shown, &scene)
                && let Some(id) = self.in_view(press, view, to, &message).await
            {
                self.follow(shown, &scene, Editable::View(id), to).await;
            }
            return;
        }
        let is_askers = carried.asker.as_ref() == Some(&press.user);
        let is_refused = matches!(shown.reply, Reply::Refused(_));
        if is_refused || !press.is_ephemeral && !is_askers {
            // Somebody else's answer stays as it is for its asker, and a refusal takes nothing away.
            self.privately(to, shown, carried).await;
            return;
        }
        let is_public = !press.is_ephemeral && self.kind_of(press) != PlaceKind::Direct;
        let carried = Carried {
            asker: carried.asker.filter(|_| !press.is_ephemeral),
            ..carried
        };
        let surface = if is_public {
            Surface::Public
        } else {
            Surface::Private
        };
        let scene = Scene::of(surface, carried, shown);
        // A choice is the chooser's: what is looked up for it is not put before everyone.
        let visible = if is_public {
            shown.without_evidence()
        } else {
            shown.clone()
        };
        if let Some(message) = render::message(&visible, &scene) {
            let editable = self.replace(press, to, &message).await;
            let editable = if is_public { Editable::No } else { editable };
            self.follow(shown, &scene, editable, to).await;
        }
    }

    /// Shows a message in the modal that a button stands in, or opens one from the home; gives its id.
    async fn in_view(
        &self,
        press: &Press,
        view: &View,
        to: &Reached<'_>,
        message: &Message,
    ) -> Option<String> {
        let modal = home::modal(message);
        let (method, body) = match (view.is_modal, &press.trigger_id) {
            (true, _) => (
                "views.update",
                serde_json::json!({"view_id": view.id, "view": modal}),
            ),
            (false, Some(trigger)) => (
                "views.open",
                serde_json::json!({"trigger_id": trigger, "view": modal}),
            ),
            (false, None) => return None,
        };
        let call = Post::Call {
            lane: &press.user,
            method,
            body,
        };
        match self.outbox.send(call).await {
            Ok(id) => id,
            Err(error) => {
                tracing::warn!(%error, "a Slack view was not shown");
                self.send_privately(to, &render::expired()).await;
                None
            }
        }
    }

    /// Puts another content into the message that a button stands in; tells how that can be edited again.
    async fn replace<'a>(
        &self,
        press: &'a Press,
        to: &Reached<'a>,
        message: &Message,
    ) -> Editable<'a> {
        let (replaced, editable) =
            match (press.is_ephemeral, &press.channel, &press.message, to.url) {
                (false, Some(channel), Some(ts), _) => {
                    let post = Post::Update {
                        channel,
                        ts,
                        message,
                    };
                    let editable = Editable::Message {
                        channel,
                        ts: ts.clone(),
                    };
                    (self.outbox.send(post).await, editable)
                }
                (_, _, _, Some(url)) => {
                    let how = Respond::Replacing(message);
                    let sent = self.outbox.send(Post::Respond { url, how }).await;
                    (sent, Editable::Response(url))
                }
                _ => (Err(SendError::Expired), Editable::No),
            };
        match replaced {
            // What was sent in time may have been done.
            Ok(_) | Err(SendError::Call(CallError::TimedOut)) => editable,
            Err(error) => {
                tracing::info!(%error, "a Slack message could not be replaced; the answer comes as a new one");
                let to = Reached { url: None, ..*to };
                self.send_privately(&to, message).await;
                Editable::No
            }
        }
    }

    /// Shows a reply to one person, as a new message, which Slack cannot edit.
    async fn privately(&self, to: &Reached<'_>, shown: &Shown, carried: Carried) {
        let carried = Carried {
            asker: None,
            ..carried
        };
        let scene = Scene {
            evidence_follows: true,
            ..Scene::of(Surface::Private, carried, shown)
        };
        if let Some(message) = render::message(shown, &scene) {
            self.send_privately(to, &message).await;
            self.follow(shown, &scene, Editable::No, to).await;
        }
    }

    /// Sends to one person: through the response URL, else as an ephemeral message, else as a direct one.
    async fn send_privately(&self, to: &Reached<'_>, message: &Message) {
        let mut is_expired = false;
        if let Some(url) = to.url {
            let how = Respond::Privately {
                message,
                thread: to.thread,
            };
            match self.outbox.send(Post::Respond { url, how }).await {
                Ok(_) | Err(SendError::Call(CallError::TimedOut) | SendError::Full) => return,
                Err(SendError::Expired) => is_expired = true,
                Err(SendError::Call(error)) => {
                    tracing::warn!(%error, "Slack did not take an answer to a response url");
                }
            }
        }
        if let Some(channel) = to.channel {
            let post = Post::Ephemeral {
                channel,
                user: to.user,
                thread: to.thread,
                message,
            };
            match self.outbox.send(post).await {
                Ok(_) | Err(SendError::Call(CallError::TimedOut) | SendError::Full) => return,
                Err(error) => {
                    tracing::info!(%error, "Slack did not take an ephemeral message");
                }
            }
        }
        let expired = render::expired();
        let message = if is_expired { &expired } else { message };
        let post = Post::Message {
            channel: to.user,
            thread: None,
            message,
        };
        if let Err(error) = self.outbox.send(post).await {
            tracing::warn!(%error, "a person in Slack could not be answered");
        }
    }

    /// Answers in a message's thread. Where the channel does not let the bot, the person is told privately.
    async fn in_thread(&self, said: &Said, message: &Message) -> Option<String> {
        let thread = said.thread.as_ref().unwrap_or(&said.ts);
        let post = Post::Message {
            channel: &said.channel,
            thread: Some(thread),
            message,
        };
        let error = match self.outbox.send(post).await {
            Ok(ts) => return ts,
            Err(error) => error,
        };
        if let Author::Person(user) = &said.author {
            self.could_not_write(&error, &said.channel, user).await;
        }
        None
    }

    /// Posts for all in a channel; tells whether it is there.
    async fn publicly(
        &self,
        channel: &str,
        thread: Option<&str>,
        message: &Message,
        user: &str,
    ) -> bool {
        let post = Post::Message {
            channel,
            thread,
            message,
        };
        match self.outbox.send(post).await {
            Ok(_) => true,
            Err(error) => {
                self.could_not_write(&error, channel, user).await;
                false
            }
        }
    }

    /// Tells a person why nothing came, where that helps; a log line does where it does not.
    async fn could_not_write(&self, error: &SendError, channel: &str, user: &str) {
        let code = match error {
            SendError::Call(call) => call.code(),
            SendError::Full | SendError::Expired => None,
        };
        match code {
            Some("not_in_channel" | "channel_not_found" | "restricted_action") => {
                tracing::info!(%error, "the bot may not write in a Slack channel; the asker is told");
                let post = Post::Message {
                    channel: user,
                    thread: None,
                    message: &render::cannot_write(channel),
                };
                if let Err(error) = self.outbox.send(post).await {
                    tracing::info!(%error, "the asker could not be told either");
                }
            }
            Some("is_archived" | "user_not_in_channel") => {
                tracing::debug!(%error, "nobody is there to read an answer in Slack");
            }
            Some("missing_scope") => {
                tracing::error!(%error, "the Slack app lacks a scope: compare it with `k8sfaq manifest slack`");
            }
            _ => tracing::warn!(%error, "a Slack message was not sent"),
        }
    }

    async fn ask(&self, user: &str, place: Place, action: Action) -> Shown {
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

    fn place_of(&self, press: &Press, carried: &Carried) -> Place {
        let thread = carried.thread.as_ref().or(press.thread.as_ref());
        let channel = press.channel.as_deref().unwrap_or(&press.user);
        place(press.team.as_ref(), channel, thread, self.kind_of(press))
    }

    fn kind_of(&self, press: &Press) -> PlaceKind {
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

/// How a person is reached.
#[derive(Clone, Copy)]
struct Reached<'a> {
    user: &'a str,
    channel: Option<&'a str>,
    thread: Option<&'a str>,
    url: Option<&'a ResponseUrl>,
}

impl<'a> Reached<'a> {
    fn of_command(command: &'a Command, url: &'a ResponseUrl) -> Self {
        Reached {
            user: &command.user,
            channel: Some(&command.channel),
            thread: None,
            url: Some(url),
        }
    }

    fn of_shortcut(shortcut: &'a Shortcut, url: &'a ResponseUrl) -> Self {
        Reached {
            user: &shortcut.user,
            channel: Some(&shortcut.channel),
            thread: None,
            url: Some(url),
        }
    }

    fn of_press(press: &'a Press, url: Option<&'a ResponseUrl>) -> Self {
        Reached {
            user: &press.user,
            channel: press.channel.as_deref(),
            thread: press.thread.as_deref(),
            url,
        }
    }
}

/// How a message of ours can be edited.
enum Editable<'a> {
    Message { channel: &'a str, ts: String },
    Response(&'a ResponseUrl),
    View(String),
    No,
}

impl Scene {
    /// The scene of a reply; its buttons know what was looked up for it.
    fn of(surface: Surface, carried: Carried, shown: &Shown) -> Self {
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
