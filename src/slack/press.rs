//! What each button leads to.

use super::api::CallError;
use super::button::{Button, Carried, InvalidButton};
use super::conversation::Conversations;
use super::home;
use super::incoming::{Press, View};
use super::outgoing::{Post, Respond, ResponseUrl, SendError};
use super::reach::{Editable, Reached};
use super::render::{self, Message, Scene, Surface};
use crate::bot::reply::{Audience, Reply, Shown};
use crate::bot::request::{Action, PlaceKind, ShareLookup};

impl Conversations {
    pub(super) async fn press(&self, press: &Press) {
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
}
