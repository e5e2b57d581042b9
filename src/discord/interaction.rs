//! Interactions: slash command, autocompletion, message command, buttons and selects; acknowledged in time, whatever happens.

use std::sync::Arc;

use serde_json::{Value, json};
use serenity::model::Permissions;
use serenity::model::application::{
    CommandInteraction, CommandType, ComponentInteraction, ComponentInteractionDataKind,
    Interaction, ResolvedTarget, ResolvedValue,
};
use tokio::time::{Instant, sleep_until, timeout_at};

use super::custom_id::CustomId;
use super::render::{self, Above, Rendered, Setting, notice};
use super::send::{Call, Response};
use super::{Adapter, DEFER_AFTER, GIVE_UP_AFTER, autocomplete, commands, place, refused};
use crate::bot::reply::{Audience, Refusal, Reply, Shown};
use crate::bot::request::{Action, Person, Platform, Request};
use crate::faq::id::EntryId;

/// Discord's number of an autocompletion among interactions.
const AUTOCOMPLETE: u64 = 4;

/// How an answer is first shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    /// Everyone may see it.
    Open,
    /// Only the asker.
    Private,
    /// In the place of the message whose component was used, which these see.
    Swap(Audience),
}

impl Adapter {
    /// Answers an interaction.
    pub(super) async fn interaction(self: &Arc<Self>, data: Value, received: Instant) {
        let Some(call) = call(&data, received) else {
            self.unparsed("unparsed_interaction");
            return;
        };
        let asked_at = place::of_interaction(&data);
        match serde_json::from_value(completed(data)) {
            Ok(Interaction::Command(command)) => self.command(&call, command, asked_at).await,
            Ok(Interaction::Autocomplete(command)) => self.complete(&call, &command).await,
            Ok(Interaction::Component(component)) => {
                self.component(&call, component, asked_at).await;
            }
            Ok(_) => {
                let result = self.tell(&call, render::OUTDATED).await;
                Self::settle("an unknown interaction", result);
            }
            Err(_) => {
                self.unparsed("unparsed_interaction");
                let broken = render::render(&refused(Refusal::Broken), &Setting::default());
                let private = Response::Message { is_private: true };
                let result = call.respond(&self.rest, private, broken.as_ref()).await;
                Self::settle("an interaction that does not fit the model", result);
            }
        }
    }

    /// Tells somebody why there is no answer now.
    pub(super) async fn turn_away(&self, data: &Value, received: Instant, refusal: &Refusal) {
        let Some(call) = call(data, received) else {
            return;
        };
        if data["type"].as_u64() == Some(AUTOCOMPLETE) {
            let result = call.complete(&self.rest, &[]).await;
            Self::settle("an autocompletion", result);
            return;
        }
        let message = render::render(&refused(refusal.clone()), &Setting::default());
        let private = Response::Message { is_private: true };
        let result = call.respond(&self.rest, private, message.as_ref()).await;
        Self::settle("a refusal", result);
    }

    async fn command(
        self: &Arc<Self>,
        call: &Call,
        command: CommandInteraction,
        asked_at: crate::bot::request::Place,
    ) {
        let person = person(command.user.id.get(), command.member.as_deref());
        let asker = command.user.id.get();
        let may_embed = may_embed(command.app_permissions);
        match (command.data.name.as_str(), command.data.kind) {
            (commands::SLASH, CommandType::ChatInput) => {
                let typed = Typed::of(&command);
                let faq = self.answers.bot.faq();
                let id = typed.question.trim().parse::<EntryId>().ok();
                let is_known = id.as_ref().is_some_and(|id| faq.entry(id).is_some());
                // Whoever picks a choice sends its value; a made-up id is searched, and named if that finds nothing.
                let unknown_id = id
                    .filter(|id| !is_known && id.as_str().contains('-'))
                    .map(|id| id.to_string());
                let text = if is_known {
                    format!("show {}", typed.question.trim())
                } else {
                    typed.question
                };
                let manner = if typed.is_private {
                    Manner::Private
                } else {
                    Manner::Open
                };
                let action = match manner {
                    Manner::Private => Action::Command { text },
                    Manner::Open | Manner::Swap(_) => Action::OpenCommand { text },
                };
                let setting = Setting {
                    asker: Some(asker),
                    is_text_only: !may_embed,
                    above: typed.target.map(Above::For),
                    ..Setting::default()
                };
                let request = Request {
                    person,
                    place: asked_at,
                    action,
                };
                self.answer(call, request, setting, manner, unknown_id)
                    .await;
            }
            (commands::ON_MESSAGE, CommandType::Message) => {
                self.on_message(call, &command, person, asked_at).await;
            }
            _ => {
                let result = self.tell(call, render::OUTDATED).await;
                Self::settle("an unknown command", result);
            }
        }
    }

    async fn on_message(
        self: &Arc<Self>,
        call: &Call,
        command: &CommandInteraction,
        person: Person,
        asked_at: crate::bot::request::Place,
    ) {
        let Some(ResolvedTarget::Message(message)) = command.data.target() else {
            let result = self.tell(call, render::NOTHING_TO_READ).await;
            Self::settle("a message command", result);
            return;
        };
        // What a webhook writes is an alert more often than not; another bot's words are its own affair.
        if message.author.bot && message.webhook_id.is_none() {
            let result = self.tell(call, render::A_BOTS_MESSAGE).await;
            Self::settle("a message command", result);
            return;
        }
        let text = readable(message);
        if text.is_empty() {
            let result = self.tell(call, render::NOTHING_TO_READ).await;
            Self::settle("a message command", result);
            return;
        }
        let guild = command
            .guild_id
            .map_or_else(|| "@me".to_owned(), |guild| guild.to_string());
        let url = format!(
            "https://discord.com/channels/{guild}/{}/{}",
            command.channel_id, message.id
        );
        let setting = Setting {
            asker: Some(command.user.id.get()),
            is_text_only: !may_embed(command.app_permissions),
            above: Some(Above::About(url)),
            ..Setting::default()
        };
        let request = Request {
            person,
            place: asked_at,
            action: Action::Message { text },
        };
        self.answer(call, request, setting, Manner::Private, None)
            .await;
    }

    async fn complete(&self, call: &Call, command: &CommandInteraction) {
        let typed = command
            .data
            .autocomplete()
            .map_or("", |option| option.value);
        let faq = self.answers.bot.faq();
        let choices = autocomplete::choices(&faq, typed);
        let result = call.complete(&self.rest, &choices).await;
        Self::settle("an autocompletion", result);
    }

    async fn component(
        self: &Arc<Self>,
        call: &Call,
        component: ComponentInteraction,
        asked_at: crate::bot::request::Place,
    ) {
        let asker = component.user.id.get();
        let person = person(asker, component.member.as_ref());
        let chosen = match &component.data.kind {
            ComponentInteractionDataKind::StringSelect { values } => values
                .first()
                .and_then(|value| value.parse::<EntryId>().ok()),
            _ => None,
        };
        let mut setting = Setting {
            asker: Some(asker),
            is_text_only: !may_embed(component.app_permissions),
            ..Setting::default()
        };
        let (action, manner) = match (CustomId::parse(&component.data.custom_id), chosen) {
            (Some(CustomId::Delete(owner)), _) => {
                let may_manage = component
                    .member
                    .as_ref()
                    .and_then(|member| member.permissions)
                    .is_some_and(|may| may.manage_messages() || may.administrator());
                self.delete(call, owner == asker || may_manage).await;
                return;
            }
            (Some(CustomId::Vote(vote, entry)), _) => {
                (Action::Vote { entry, vote }, Manner::Private)
            }
            (Some(CustomId::Because(why, entry)), _) => (
                Action::Because { entry, why },
                Manner::Swap(Audience::Asker),
            ),
            (Some(CustomId::Share(entry)), _) => {
                setting.above = Some(Above::SharedBy(asker));
                let lookup = None;
                (Action::Share { entry, lookup }, Manner::Open)
            }
            (Some(CustomId::Pick), Some(entry)) => (Action::Pick { entry }, Manner::Private),
            (Some(CustomId::Swap(None)), Some(entry)) => {
                (Action::Pick { entry }, Manner::Swap(Audience::Asker))
            }
            (Some(CustomId::Swap(Some(owner))), Some(entry)) if owner == asker => {
                (Action::Pick { entry }, Manner::Swap(Audience::Everyone))
            }
            // Somebody else's choices stay as they are.
            (Some(CustomId::Swap(Some(_))), Some(entry)) => {
                (Action::Pick { entry }, Manner::Private)
            }
            (Some(CustomId::Mute), _) => (Action::Mute, Manner::Open),
            (Some(CustomId::Pick | CustomId::Swap(_)) | None, _) => {
                let result = self.tell(call, render::OUTDATED).await;
                Self::settle("an outdated component", result);
                return;
            }
        };
        let request = Request {
            person,
            place: asked_at,
            action,
        };
        self.answer(call, request, setting, manner, None).await;
    }

    async fn delete(&self, call: &Call, may_delete: bool) {
        if !may_delete {
            let result = self.tell(call, render::NOT_YOURS).await;
            Self::settle("a refusal to delete", result);
            return;
        }
        let taken = call.respond(&self.rest, Response::UpdateLater, None).await;
        if Self::settle("taking an answer away", taken) {
            let result = call.delete(&self.rest).await;
            Self::settle("taking an answer away", result);
        }
    }

    /// Asks the bot and shows what it says: at once where that is quick enough, else after a deferral.
    async fn answer(
        self: &Arc<Self>,
        call: &Call,
        request: Request,
        setting: Setting,
        manner: Manner,
        unknown_id: Option<String>,
    ) {
        let mut job = self.ask(request);
        tokio::select! {
            biased;
            result = &mut job => {
                let shown = self.answered(result);
                let (message, is_private) = draw(&shown, &setting, manner, unknown_id.as_deref());
                let response = if swaps(&shown, manner) {
                    Response::Update
                } else {
                    Response::Message { is_private }
                };
                let result = call.respond(&self.rest, response, Some(&message)).await;
                self.acknowledged(call, result.is_ok());
                if Self::settle("an answer", result) {
                    self.add_evidence(call, shown, &setting, manner).await;
                }
            }
            () = sleep_until(call.received + DEFER_AFTER) => {
                self.metrics.event(Platform::Discord, "deferred");
                let response = match manner {
                    Manner::Swap(_) => Response::UpdateLater,
                    Manner::Open => Response::Later { is_private: false },
                    Manner::Private => Response::Later { is_private: true },
                };
                let deferred = call.respond(&self.rest, response, None).await;
                self.acknowledged(call, deferred.is_ok());
                if !Self::settle("a deferral", deferred) {
                    job.abort();
                    return;
                }
                let Ok(result) = timeout_at(call.received + GIVE_UP_AFTER, &mut job).await else {
                    job.abort();
                    let result = call.edit(&self.rest, &notice(render::TOO_LATE)).await;
                    Self::settle("an answer that came too late", result);
                    return;
                };
                let shown = self.answered(result);
                let (message, is_private) = draw(&shown, &setting, manner, unknown_id.as_deref());
                if matches!(manner, Manner::Swap(_)) && !swaps(&shown, manner) {
                    let result = call.whisper(&self.rest, &message).await;
                    Self::settle("a late refusal", result);
                    return;
                }
                // A deferral is public or private for good: what is for the asker alone goes into another message.
                if is_private && manner == Manner::Open {
                    let removed = call.delete(&self.rest).await;
                    Self::settle("taking a deferral away", removed);
                    let result = call.whisper(&self.rest, &message).await;
                    Self::settle("a late private answer", result);
                } else {
                    let result = call.edit(&self.rest, &message).await;
                    if Self::settle("a late answer", result) {
                        self.add_evidence(call, shown, &setting, manner).await;
                    }
                }
            }
        }
    }

    /// Looks at the cluster where the reply is to have what it shows, and puts that into the same message; beside it, for the
    /// asker alone, where not everyone may see it.
    async fn add_evidence(&self, call: &Call, shown: Shown, setting: &Setting, manner: Manner) {
        let Some(lookup) = shown.lookup else {
            return;
        };
        let evidence = self.answers.bot.evidence(lookup).await;
        let is_public =
            shown.audience == Audience::Everyone || manner == Manner::Swap(Audience::Everyone);
        let is_beside = is_public && evidence.audience == Audience::Asker;
        let manner = if is_beside { Manner::Private } else { manner };
        let (message, _) = draw(&evidence, setting, manner, None);
        let result = if is_beside {
            call.whisper(&self.rest, &message).await
        } else {
            call.edit(&self.rest, &message).await
        };
        Self::settle("what the cluster shows", result);
    }

    fn acknowledged(&self, call: &Call, is_taken: bool) {
        if is_taken {
            self.metrics
                .acknowledged(Platform::Discord, call.received.elapsed());
        }
    }

    async fn tell(&self, call: &Call, sentence: &str) -> Result<(), super::RestError> {
        let private = Response::Message { is_private: true };
        call.respond(&self.rest, private, Some(&notice(sentence)))
            .await
    }
}

/// What the slash command was given.
struct Typed {
    question: String,
    target: Option<u64>,
    is_private: bool,
}

impl Typed {
    fn of(command: &CommandInteraction) -> Self {
        let mut typed = Typed {
            question: String::new(),
            target: None,
            is_private: false,
        };
        for option in command.data.options() {
            match (option.name, option.value) {
                ("question", ResolvedValue::String(text)) => text.clone_into(&mut typed.question),
                ("target", ResolvedValue::User(user, _)) => typed.target = Some(user.id.get()),
                ("target", ResolvedValue::Unresolved(_)) => {
                    typed.target = command
                        .data
                        .options
                        .iter()
                        .find(|option| option.name == "target")
                        .and_then(|option| option.value.as_user_id())
                        .map(serenity::model::id::UserId::get);
                }
                ("private", ResolvedValue::Boolean(is_private)) => typed.is_private = is_private,
                _ => {}
            }
        }
        typed
    }
}

/// A reply as a message, and whether only the asker may see it.
fn draw(
    shown: &Shown,
    setting: &Setting,
    manner: Manner,
    unknown_id: Option<&str>,
) -> (Rendered, bool) {
    let mut setting = setting.clone();
    let is_private = match manner {
        Manner::Private => true,
        Manner::Swap(audience) => audience == Audience::Asker || !swaps(shown, manner),
        Manner::Open => shown.audience == Audience::Asker || !is_for_all(&shown.reply),
    };
    setting.is_private = is_private;
    let is_answer = matches!(shown.reply, Reply::Answer(_));
    if let Some(id) = unknown_id
        && !is_answer
    {
        setting.above = Some(Above::NoSuchId(id.to_owned()));
    } else if !is_answer {
        // Nobody is called to read that nothing was found.
        setting.above = None;
    }
    // A choice is the chooser's: what is looked up for it is not put before everyone.
    let message = if manner == Manner::Swap(Audience::Everyone) {
        render::render(&shown.without_evidence(), &setting)
    } else {
        render::render(shown, &setting)
    };
    (
        message.unwrap_or_else(|| notice(render::NOTHING_TO_SAY)),
        is_private,
    )
}

/// Whether a reply takes the place of what was there; a refusal takes nothing away.
fn swaps(shown: &Shown, manner: Manner) -> bool {
    matches!(manner, Manner::Swap(_)) && !matches!(shown.reply, Reply::Refused(_))
}

/// Whether a reply to a command helps everyone; the rest is between the bot and the asker.
fn is_for_all(reply: &Reply) -> bool {
    match reply {
        Reply::Answer(_) | Reply::Status(_) | Reply::Muted => true,
        Reply::Choices(_)
        | Reply::NoMatch(_)
        | Reply::Help(_)
        | Reply::Topics(_)
        | Reply::Topic { .. }
        | Reply::Thanks(_)
        | Reply::Refused(_)
        | Reply::Silence => false,
    }
}

fn person(id: u64, member: Option<&serenity::model::guild::Member>) -> Person {
    Person {
        id: id.to_string(),
        groups: member.map_or_else(Vec::new, |member| {
            member.roles.iter().map(ToString::to_string).collect()
        }),
    }
}

/// Whether the bot's messages may hold embeds there; where Discord does not say, they may.
fn may_embed(permissions: Option<Permissions>) -> bool {
    permissions.is_none_or(|may| may.is_empty() || may.embed_links() || may.administrator())
}

/// What a person would read in a message: its text, and the embeds of an alert.
fn readable(message: &serenity::model::channel::Message) -> String {
    let mut parts = vec![message.content.clone()];
    for embed in &message.embeds {
        parts.extend(embed.title.clone());
        parts.extend(embed.description.clone());
        parts.extend(
            embed
                .fields
                .iter()
                .map(|field| format!("{}: {}", field.name, field.value)),
        );
    }
    parts.retain(|part| !part.trim().is_empty());
    parts.join("\n")
}

fn call(data: &Value, received: Instant) -> Option<Call> {
    Some(Call {
        id: place::number(&data["id"])?,
        application: place::number(&data["application_id"])?,
        token: data["token"]
            .as_str()
            .filter(|token| is_token(token))?
            .to_owned(),
        received,
    })
}

/// The token becomes a part of an address.
fn is_token(token: &str) -> bool {
    let is_plain =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'=' | b':');
    !token.is_empty() && token.bytes().all(is_plain)
}

/// An interaction with what serenity wants to be there, and the bot does not need.
fn completed(mut data: Value) -> Value {
    if let Some(fields) = data.as_object_mut() {
        for (key, default) in [
            ("version", json!(1)),
            ("locale", json!("en-US")),
            ("entitlements", json!([])),
            ("attachment_size_limit", json!(0)),
        ] {
            let there = fields.entry(key).or_insert(Value::Null);
            if there.is_null() {
                *there = default;
            }
        }
    }
    data
}
