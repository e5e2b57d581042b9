//! The application's commands: what they are, and registering them when Discord has others.

use serde_json::Value;
use serenity::builder::{CreateCommand, CreateCommandOption};
use serenity::model::application::{
    CommandOptionType, CommandType, InstallationContext, InteractionContext,
};

use super::rest::{Rest, RestError};

/// The slash command.
pub(super) const SLASH: &str = "k8sfaq";

/// The command in a message's menu.
pub(super) const ON_MESSAGE: &str = "Answer from FAQ";

/// Longest question that the slash command takes, in characters: Discord's own limit is 6000, and what fits shows on a phone.
const MAX_QUESTION: u16 = 1000;

/// Whether the commands had to be registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Registered {
    /// Discord had them already.
    AsTheyWere,
    /// Discord had others, or none.
    Anew,
}

/// The commands.
///
/// Source: Discord's reference, Application Commands.
#[must_use]
pub(super) fn all() -> Vec<CreateCommand> {
    let everywhere = |command: CreateCommand| {
        command
            .contexts(vec![
                InteractionContext::Guild,
                InteractionContext::BotDm,
                InteractionContext::PrivateChannel,
            ])
            .integration_types(vec![InstallationContext::Guild, InstallationContext::User])
    };
    let option = CreateCommandOption::new;
    vec![
        everywhere(
            CreateCommand::new(SLASH)
                .kind(CommandType::ChatInput)
                .description("Answers a Kubernetes question from the FAQ")
                .add_option(
                    option(
                        CommandOptionType::String,
                        "question",
                        "In your own words, or the error line; `help` shows more",
                    )
                    .required(true)
                    .min_length(1)
                    .max_length(MAX_QUESTION)
                    .set_autocomplete(true),
                )
                .add_option(
                    option(CommandOptionType::User, "target", "Whom the answer is for")
                        .required(false),
                )
                .add_option(
                    option(
                        CommandOptionType::Boolean,
                        "private",
                        "Whether only you see the answer",
                    )
                    .required(false),
                ),
        ),
        everywhere(CreateCommand::new(ON_MESSAGE).kind(CommandType::Message)),
    ]
}

/// The commands, with everything that serenity's builders write out.
fn wanted() -> Value {
    serde_json::to_value(all()).unwrap_or_default()
}

/// A value without its defaults, as it is sent: the builders write out what an option does not have (`channel_types` of a
/// text, `autocomplete` of a person), and the official document does not know it there.
fn bare(value: Value) -> Value {
    match value {
        Value::Array(items) => {
            let items = items.into_iter().map(bare);
            items.filter(|value| !is_default(value)).collect()
        }
        Value::Object(fields) => {
            let fields = fields.into_iter().map(|(key, value)| (key, bare(value)));
            Value::Object(fields.filter(|(_, value)| !is_default(value)).collect())
        }
        other => other,
    }
}

/// Whether Discord has our commands, and no others.
///
/// # Errors
/// Discord cannot be reached, or refuses.
pub(super) async fn are_registered(rest: &Rest, application: u64) -> Result<bool, RestError> {
    let there = rest
        .get(&format!("/applications/{application}/commands"))
        .await?;
    Ok(is_same(&there, &wanted()))
}

/// Registers the commands if Discord has others, in one request.
///
/// # Errors
/// Discord cannot be reached, or refuses.
pub(super) async fn register(rest: &Rest, application: u64) -> Result<Registered, RestError> {
    if are_registered(rest, application).await? {
        return Ok(Registered::AsTheyWere);
    }
    rest.put(
        &format!("/applications/{application}/commands"),
        &bare(wanted()),
    )
    .await?;
    Ok(Registered::Anew)
}

/// Whether what is there are our commands; their order does not matter, nor what Discord adds of its own.
pub(super) fn is_same(there: &Value, wanted: &Value) -> bool {
    let (Some(there), Some(wanted)) = (there.as_array(), wanted.as_array()) else {
        return false;
    };
    there.len() == wanted.len()
        && wanted.iter().all(|command| {
            there
                .iter()
                .any(|other| other["name"] == command["name"] && covers(other, command))
        })
}

/// Whether a value says all that another one says. What is left out counts as the default.
fn covers(there: &Value, wanted: &Value) -> bool {
    match (there, wanted) {
        (Value::Object(there), Value::Object(wanted)) => {
            wanted.iter().all(|(key, value)| match there.get(key) {
                Some(other) => covers(other, value),
                None => is_default(value),
            })
        }
        // Contexts and installation types are sets; options are in order, and their order matters to people.
        (Value::Array(there), Value::Array(wanted)) => {
            let is_set = wanted.iter().all(Value::is_number);
            there.len() == wanted.len()
                && wanted.iter().enumerate().all(|(at, value)| {
                    if is_set {
                        there.contains(value)
                    } else {
                        covers(&there[at], value)
                    }
                })
        }
        (Value::Null, wanted) => is_default(wanted),
        (there, wanted) => there == wanted,
    }
}

fn is_default(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(items) => items.is_empty(),
        Value::String(text) => text.is_empty(),
        Value::Bool(true) | Value::Number(_) => false,
    }
}
