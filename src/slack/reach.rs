//! How a reply reaches people: privately, in a thread, before everyone; and how it is edited when the evidence is in.

use super::api::CallError;
use super::button::Carried;
use super::conversation::Conversations;
use super::home;
use super::incoming::{Author, Command, Press, Said, Shortcut};
use super::outgoing::{Post, Respond, ResponseUrl, SendError};
use super::render::{self, Message, Scene, Surface};
use crate::bot::reply::{Audience, Shown};

/// How a person is reached.
#[derive(Clone, Copy)]
pub(super) struct Reached<'a> {
    pub(super) user: &'a str,
    pub(super) channel: Option<&'a str>,
    pub(super) thread: Option<&'a str>,
    pub(super) url: Option<&'a ResponseUrl>,
}

impl<'a> Reached<'a> {
    pub(super) fn of_command(command: &'a Command, url: &'a ResponseUrl) -> Self {
        Reached {
            user: &command.user,
            channel: Some(&command.channel),
            thread: None,
            url: Some(url),
        }
    }

    pub(super) fn of_shortcut(shortcut: &'a Shortcut, url: &'a ResponseUrl) -> Self {
        Reached {
            user: &shortcut.user,
            channel: Some(&shortcut.channel),
            thread: None,
            url: Some(url),
        }
    }

    pub(super) fn of_press(press: &'a Press, url: Option<&'a ResponseUrl>) -> Self {
        Reached {
            user: &press.user,
            channel: press.channel.as_deref(),
            thread: press.thread.as_deref(),
            url,
        }
    }
}

/// How a message of ours can be edited.
pub(super) enum Editable<'a> {
    Message { channel: &'a str, ts: String },
    Response(&'a ResponseUrl),
    View(String),
    No,
}

impl Conversations {
    /// Makes the lookup that belongs to a reply, and shows what it found in the reply's place, or beside it where that
    /// cannot be edited or has a wider audience.
    pub(super) async fn follow(
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

    pub(super) async fn beside(&self, before: &Shown, after: &Shown, to: &Reached<'_>) {
        if let Some(message) = render::evidence(before, after) {
            self.send_privately(to, &message).await;
        }
    }

    /// Shows a reply to one person, as a new message, which Slack cannot edit.
    pub(super) async fn privately(&self, to: &Reached<'_>, shown: &Shown, carried: Carried) {
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
    pub(super) async fn send_privately(&self, to: &Reached<'_>, message: &Message) {
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
    pub(super) async fn in_thread(&self, said: &Said, message: &Message) -> Option<String> {
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
    pub(super) async fn publicly(
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
    pub(super) async fn could_not_write(&self, error: &SendError, channel: &str, user: &str) {
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
}
