//! The JSON that is sent, and what becomes of it: every body carries `allowed_mentions`, every refusal is counted once.

use reqwest::Method;
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::render::{Embed, Rendered};
use super::rest::{Rest, RestError};

/// The flag of a message that only the asker sees.
const EPHEMERAL: u64 = 64;

/// What a first response does. Source: Discord's table of interaction callback types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Response {
    /// A new message.
    Message { is_private: bool },
    /// The message comes later.
    Later { is_private: bool },
    /// The message with the component will change, or not.
    UpdateLater,
    /// The message with the component changes now.
    Update,
}

/// What is needed to answer an interaction.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub id: u64,
    pub application: u64,
    pub token: String,
    /// When it arrived.
    pub received: Instant,
}

impl Response {
    fn number(self) -> u8 {
        match self {
            Response::Message { .. } => 4,
            Response::Later { .. } => 5,
            Response::UpdateLater => 6,
            Response::Update => 7,
        }
    }

    fn is_private(self) -> bool {
        matches!(
            self,
            Response::Message { is_private: true } | Response::Later { is_private: true }
        )
    }
}

impl Call {
    /// When Discord gives up, with room for the way there.
    pub(super) fn deadline(&self) -> Instant {
        self.received + super::ACK_DEADLINE
    }

    /// The first response.
    pub(super) async fn respond(
        &self,
        rest: &Rest,
        response: Response,
        message: Option<&Rendered>,
    ) -> Result<(), RestError> {
        // An update leaves what it does not name as it was.
        let wanted = match response {
            Response::Update => Use::Edit,
            Response::Message { .. } | Response::Later { .. } | Response::UpdateLater => Use::New,
        };
        let mut data = message.map_or_else(Map::new, |message| body(message, wanted));
        if response.is_private() {
            data.insert("flags".to_owned(), json!(EPHEMERAL));
        }
        let mut callback = Map::from_iter([("type".to_owned(), json!(response.number()))]);
        if !data.is_empty() {
            callback.insert("data".to_owned(), Value::Object(data));
        }
        rest.respond(
            self.id,
            &self.token,
            &Value::Object(callback),
            self.deadline(),
        )
        .await
    }

    /// The choices of an autocompletion: names and values.
    pub(super) async fn complete(
        &self,
        rest: &Rest,
        choices: &[(String, String)],
    ) -> Result<(), RestError> {
        let choices: Vec<Value> = choices
            .iter()
            .map(|(name, value)| json!({"name": name, "value": value}))
            .collect();
        let callback = json!({"type": 8, "data": {"choices": choices}});
        rest.respond(self.id, &self.token, &callback, self.deadline())
            .await
    }

    /// Changes the first response, or the message that the component belongs to.
    pub(super) async fn edit(&self, rest: &Rest, message: &Rendered) -> Result<(), RestError> {
        let body = Value::Object(body(message, Use::Edit));
        let path = self.original();
        let sent = rest.follow(Method::PATCH, &path, Some(&body)).await;
        sent.map(drop)
    }

    /// Takes the first response, or the message that the component belongs to, away.
    pub(super) async fn delete(&self, rest: &Rest) -> Result<(), RestError> {
        let path = self.original();
        rest.follow(Method::DELETE, &path, None).await.map(drop)
    }

    /// One more message, for the asker alone.
    pub(super) async fn whisper(&self, rest: &Rest, message: &Rendered) -> Result<(), RestError> {
        let mut body = body(message, Use::New);
        body.insert("flags".to_owned(), json!(EPHEMERAL));
        let path = format!("/webhooks/{}/{}", self.application, self.token);
        let sent = rest
            .follow(Method::POST, &path, Some(&Value::Object(body)))
            .await;
        sent.map(drop)
    }

    fn original(&self) -> String {
        format!(
            "/webhooks/{}/{}/messages/@original",
            self.application, self.token
        )
    }
}

/// Answers a message in its channel, as a reply to it; the new message's id.
pub(super) async fn reply(
    rest: &Rest,
    channel: u64,
    message: u64,
    rendered: &Rendered,
) -> Result<Option<u64>, RestError> {
    let mut body = body(rendered, Use::New);
    body.insert(
        "message_reference".to_owned(),
        json!({
            "message_id": message.to_string(),
            "channel_id": channel.to_string(),
            "fail_if_not_exists": false,
        }),
    );
    let sent = rest.send(channel, &Value::Object(body)).await?;
    Ok(sent["id"].as_str().and_then(|id| id.parse().ok()))
}

/// Writes to somebody alone.
pub(super) async fn direct(rest: &Rest, person: u64, rendered: &Rendered) -> Result<(), RestError> {
    let path = "/users/@me/channels";
    let recipient = json!({"recipient_id": person.to_string()});
    let channel = rest.follow(Method::POST, path, Some(&recipient)).await?;
    let Some(channel) = super::place::number(&channel["id"]) else {
        return Ok(());
    };
    let body = Value::Object(body(rendered, Use::New));
    rest.send(channel, &body).await.map(drop)
}

/// Changes a message of ours.
pub(super) async fn edit(
    rest: &Rest,
    channel: u64,
    message: u64,
    rendered: &Rendered,
) -> Result<(), RestError> {
    let body = Value::Object(body(rendered, Use::Edit));
    rest.edit(channel, message, &body).await.map(drop)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    New,
    Edit,
}

/// A message as JSON. An edit names every part, so that what was there before goes.
fn body(message: &Rendered, wanted: Use) -> Map<String, Value> {
    let mut mentions = json!({"parse": [], "replied_user": false});
    if !message.pings.is_empty() {
        let people: Vec<String> = message.pings.iter().map(u64::to_string).collect();
        mentions["users"] = json!(people);
    }
    let mut body = Map::from_iter([("allowed_mentions".to_owned(), mentions)]);
    let is_edit = wanted == Use::Edit;
    if is_edit || !message.content.is_empty() {
        body.insert("content".to_owned(), json!(message.content));
    }
    if is_edit || !message.embeds.is_empty() {
        let embeds: Vec<Value> = message.embeds.iter().map(embed).collect();
        body.insert("embeds".to_owned(), json!(embeds));
    }
    if is_edit || !message.rows.is_empty() {
        body.insert("components".to_owned(), json!(message.rows));
    }
    body
}

/// The body of a new message, for tests of what is drawn.
#[cfg(test)]
pub(super) fn body_of_new(message: &Rendered) -> Value {
    Value::Object(body(message, Use::New))
}

/// The body of an edit, for tests of what is drawn.
#[cfg(test)]
pub(super) fn body_of_edit(message: &Rendered) -> Value {
    Value::Object(body(message, Use::Edit))
}

fn embed(embed: &Embed) -> Value {
    let mut value = json!({"description": embed.description, "color": embed.colour});
    if !embed.title.is_empty() {
        value["title"] = json!(embed.title);
    }
    if let Some(url) = &embed.url {
        value["url"] = json!(url);
    }
    if !embed.footer.is_empty() {
        value["footer"] = json!({"text": embed.footer});
    }
    value
}
