//! What Slack refuses in a payload: Block Kit as the `slackblocks` crate knows it, and the rules that it misses.

use std::collections::HashSet;

use serde_json::{Value, json};
use slackblocks::{HomeTabView, MessagePayload, ModalView};

/// Everything that is wrong with a payload.
pub fn broken(method: &str, body: &Value) -> Vec<String> {
    let mut found = Vec::new();
    match method {
        "chat.postMessage" | "chat.postEphemeral" | "chat.update" | "response_url" => {
            if body == &json!({"delete_original": true}) {
                return found;
            }
            message(method, body, &mut found);
        }
        "views.publish" => {
            if let Err(error) = HomeTabView::try_from(body["view"].clone()) {
                found.push(format!("home: {error}"));
            }
            blocks(&body["view"]["blocks"], 100, &mut found);
        }
        "views.open" | "views.update" => {
            if let Err(error) = ModalView::try_from(body["view"].clone()) {
                found.push(format!("modal: {error}"));
            }
            blocks(&body["view"]["blocks"], 100, &mut found);
        }
        "assistant.threads.setSuggestedPrompts" => {
            let prompts = body["prompts"].as_array().map_or(0, Vec::len);
            if !(1..=4).contains(&prompts) || body.get("thread_ts").is_some() {
                found.push("suggested prompts".to_owned());
            }
        }
        _ => {}
    }
    found
}

fn message(method: &str, body: &Value, found: &mut Vec<String>) {
    for forbidden in ["link_names", "parse", "reply_broadcast", "as_user"] {
        if body.get(forbidden).is_some() {
            found.push(format!("{forbidden} is set"));
        }
    }
    if matches!(method, "chat.postMessage" | "response_url")
        && (body["unfurl_links"] != json!(false) || body["unfurl_media"] != json!(false))
    {
        found.push("links would be unfurled".to_owned());
    }
    let text = body["text"].as_str().unwrap_or_default();
    if !(1..=4_000).contains(&text.chars().count()) {
        found.push(format!("a text of {} characters", text.chars().count()));
    }
    fallback(text, found);
    let mut payload = json!({
        "channel": body["channel"].as_str().unwrap_or("C0"),
        "text": text,
    });
    if let Some(blocks) = body.get("blocks") {
        payload["blocks"] = blocks.clone();
    }
    if body["blocks"]
        .as_array()
        .is_some_and(|blocks| !blocks.is_empty())
        && let Err(error) = MessagePayload::try_from(payload)
    {
        found.push(format!("blocks: {error}"));
    }
    blocks(&body["blocks"], 50, found);
    let size = body["blocks"].to_string().chars().count() + text.chars().count();
    if size > 13_000 {
        found.push(format!("msg_blocks_too_long: {size}"));
    }
}

/// The fallback text may name a channel, and nothing else that Slack would act on.
fn fallback(text: &str, found: &mut Vec<String>) {
    for (at, _) in text.match_indices('<') {
        if !text[at..].starts_with("<#C") {
            found.push(format!("markup in the text: {}", &text[at..]));
        }
    }
    for (at, _) in text.match_indices('&') {
        let is_entity = ["&amp;", "&lt;", "&gt;"]
            .iter()
            .any(|entity| text[at..].starts_with(entity));
        if !is_entity {
            found.push(format!("a broken entity: {}", &text[at..]));
        }
    }
}

fn blocks(blocks: &Value, most: usize, found: &mut Vec<String>) {
    let blocks = blocks.as_array().map(Vec::as_slice).unwrap_or_default();
    if blocks.len() > most {
        found.push(format!("{} blocks", blocks.len()));
    }
    let (mut ids, mut labels) = (HashSet::new(), HashSet::new());
    for block in blocks {
        let elements = block["elements"].as_array().map(Vec::as_slice);
        if block["type"] != "header"
            && block["type"] != "input"
            && elements.is_none_or(<[Value]>::is_empty)
        {
            found.push(format!("an empty block: {block}"));
        }
        if block["type"] == "rich_text" {
            rich(block, found);
            continue;
        }
        for element in elements.unwrap_or_default() {
            if element["type"] == "mrkdwn" {
                found.push(format!("markup that foreign text could reach: {element}"));
            }
            let Some(id) = element["action_id"].as_str() else {
                continue;
            };
            if !ids.insert(id.to_owned()) {
                found.push(format!("action_id {id} twice"));
            }
            if let Some(label) = element["text"]["text"].as_str() {
                if !labels.insert(label.to_owned()) {
                    found.push(format!("two buttons {label}"));
                }
                let is_spoken = label.chars().any(char::is_alphanumeric)
                    || element["accessibility_label"].is_string();
                if !is_spoken {
                    found.push(format!("a button that cannot be read out: {label}"));
                }
            }
        }
    }
}

/// Rich text shows text as it stands; only links to https and the sharer's name are anything else.
fn rich(value: &Value, found: &mut Vec<String>) {
    match value["type"].as_str().unwrap_or_default() {
        "text" if value["text"].as_str().is_none_or(str::is_empty) => {
            found.push("an empty text element".to_owned());
        }
        "link"
            if !value["url"]
                .as_str()
                .unwrap_or_default()
                .starts_with("https://") =>
        {
            found.push(format!("a link that is not https: {value}"));
        }
        "text"
        | "link"
        | "user"
        | "rich_text"
        | "rich_text_section"
        | "rich_text_list"
        | "rich_text_preformatted" => {}
        other => found.push(format!("a rich text element {other}")),
    }
    for element in value["elements"].as_array().into_iter().flatten() {
        rich(element, found);
    }
}
