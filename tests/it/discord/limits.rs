//! What Discord finds malformed: its limits on messages, components, choices and commands.

use serde_json::Value;

/// What is wrong with a message, new or edited.
pub fn message(body: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    let Some(fields) = body.as_object() else {
        return vec!["no object".to_owned()];
    };
    let known = [
        "content",
        "embeds",
        "components",
        "allowed_mentions",
        "flags",
        "message_reference",
    ];
    for key in fields.keys() {
        if !known.contains(&key.as_str()) {
            wrong.push(format!("unknown field {key}"));
        }
    }
    let content = body["content"].as_str().unwrap_or_default();
    limit(&mut wrong, "content", content, 0, 2000);
    let embeds = list(&body["embeds"]);
    let rows = list(&body["components"]);
    if content.trim().is_empty() && embeds.is_empty() && rows.is_empty() {
        wrong.push("empty message".to_owned());
    }
    fences(&mut wrong, content);
    self::embeds(&mut wrong, embeds);
    self::rows(&mut wrong, rows);
    mentions(&mut wrong, &body["allowed_mentions"]);
    if let Some(reference) = fields.get("message_reference")
        && reference["fail_if_not_exists"] != false
    {
        wrong.push("a reply fails if its message is gone".to_owned());
    }
    wrong
}

fn mentions(wrong: &mut Vec<String>, mentions: &Value) {
    if mentions["parse"] != serde_json::json!([]) {
        wrong.push(format!(
            "allowed_mentions without an empty parse: {mentions}"
        ));
    }
    if mentions["replied_user"] == true {
        wrong.push("the replied person is pinged".to_owned());
    }
}

fn embeds(wrong: &mut Vec<String>, embeds: &[Value]) {
    if embeds.len() > 10 {
        wrong.push(format!("{} embeds", embeds.len()));
    }
    let mut total = 0;
    for embed in embeds {
        let title = embed["title"].as_str().unwrap_or_default();
        let description = embed["description"].as_str().unwrap_or_default();
        let footer = embed["footer"]["text"].as_str().unwrap_or_default();
        limit(wrong, "embed title", title, 0, 256);
        limit(wrong, "embed description", description, 0, 4096);
        limit(wrong, "embed footer", footer, 0, 2048);
        total += [title, description, footer]
            .iter()
            .map(|text| size(text.trim()))
            .sum::<usize>();
        if title.is_empty() && description.is_empty() {
            wrong.push("empty embed".to_owned());
        }
        if let Some(url) = embed["url"].as_str()
            && !url.starts_with("https://")
        {
            wrong.push(format!("embed url {url}"));
        }
        fences(wrong, description);
    }
    if total > 6000 {
        wrong.push(format!("embeds of {total} characters together"));
    }
}

/// A fence that is left open swallows the rest of the message.
fn fences(wrong: &mut Vec<String>, markdown: &str) {
    let marks = markdown
        .lines()
        .filter(|line| line.starts_with("```"))
        .count();
    if marks % 2 != 0 {
        wrong.push(format!("an open fence in {markdown}"));
    }
}

fn rows(wrong: &mut Vec<String>, rows: &[Value]) {
    if rows.len() > 5 {
        wrong.push(format!("{} rows", rows.len()));
    }
    let mut ids: Vec<&str> = Vec::new();
    for row in rows {
        let inner = list(&row["components"]);
        if row["type"] != 1 || inner.is_empty() {
            wrong.push(format!("no row: {row}"));
        }
        let selects = inner
            .iter()
            .filter(|component| component["type"] == 3)
            .count();
        if inner.len() > if selects > 0 { 1 } else { 5 } {
            wrong.push(format!("{} components in a row", inner.len()));
        }
        for component in inner {
            if let Some(id) = component["custom_id"].as_str() {
                limit(wrong, "custom_id", id, 1, 100);
                if ids.contains(&id) {
                    wrong.push(format!("custom_id {id} twice"));
                }
                ids.push(id);
            }
            match component["type"].as_u64() {
                Some(2) => button(wrong, component),
                Some(3) => select(wrong, component),
                _ => wrong.push(format!("component {component}")),
            }
        }
    }
}

fn button(wrong: &mut Vec<String>, button: &Value) {
    limit(
        wrong,
        "label",
        button["label"].as_str().unwrap_or_default(),
        0,
        80,
    );
    let is_link = button["style"] == 5;
    if is_link == button["url"].is_null() || is_link != button["custom_id"].is_null() {
        wrong.push(format!(
            "a button with url and custom_id, or neither: {button}"
        ));
    }
    if let Some(url) = button["url"].as_str() {
        limit(wrong, "url", url, 1, 512);
    }
    if button["label"].is_null() && button["emoji"].is_null() {
        wrong.push("a button without label and emoji".to_owned());
    }
}

fn select(wrong: &mut Vec<String>, select: &Value) {
    let options = list(&select["options"]);
    if options.is_empty() || options.len() > 25 {
        wrong.push(format!("{} options", options.len()));
    }
    limit(
        wrong,
        "placeholder",
        select["placeholder"].as_str().unwrap_or_default(),
        0,
        150,
    );
    let mut values: Vec<&str> = Vec::new();
    for option in options {
        let value = option["value"].as_str().unwrap_or_default();
        limit(
            wrong,
            "option label",
            option["label"].as_str().unwrap_or_default(),
            1,
            100,
        );
        limit(wrong, "option value", value, 1, 100);
        limit(
            wrong,
            "option description",
            option["description"].as_str().unwrap_or_default(),
            0,
            100,
        );
        if values.contains(&value) {
            wrong.push(format!("option {value} twice"));
        }
        values.push(value);
    }
}

/// What is wrong with the first response to an interaction of a kind.
pub fn callback(interaction: u64, body: &Value) -> Vec<String> {
    let data = &body["data"];
    match (body["type"].as_u64(), interaction) {
        (Some(4), 2 | 3 | 5) | (Some(7), 3) => message(data),
        (Some(5), 2 | 3 | 5) => {
            let flags = data["flags"].as_u64().unwrap_or_default();
            if flags & !64 == 0 {
                Vec::new()
            } else {
                vec![format!("flags {flags} on a deferral")]
            }
        }
        (Some(6), 3) => Vec::new(),
        (Some(8), 4) => choices(list(&data["choices"])),
        (kind, _) => vec![format!(
            "type {kind:?} to an interaction of type {interaction}"
        )],
    }
}

fn choices(choices: &[Value]) -> Vec<String> {
    let mut wrong = Vec::new();
    if choices.len() > 25 {
        wrong.push(format!("{} choices", choices.len()));
    }
    for choice in choices {
        limit(
            &mut wrong,
            "choice name",
            choice["name"].as_str().unwrap_or_default(),
            1,
            100,
        );
        limit(
            &mut wrong,
            "choice value",
            choice["value"].as_str().unwrap_or_default(),
            1,
            100,
        );
    }
    wrong
}

/// What is wrong with a set of commands.
pub fn commands(body: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    let Some(commands) = body.as_array() else {
        return vec!["no list of commands".to_owned()];
    };
    for command in commands {
        let name = command["name"].as_str().unwrap_or_default();
        limit(&mut wrong, "command name", name, 1, 32);
        if command["type"] == 1 {
            let is_plain = |character: char| {
                character.is_lowercase() || character.is_numeric() || "-_'".contains(character)
            };
            if !name.chars().all(is_plain) {
                wrong.push(format!("command name {name}"));
            }
            limit(
                &mut wrong,
                "description",
                command["description"].as_str().unwrap_or_default(),
                1,
                100,
            );
        } else if command["description"]
            .as_str()
            .is_some_and(|text| !text.is_empty())
        {
            wrong.push(format!("a description on {name}"));
        }
        empty(&mut wrong, command);
        let mut was_optional = false;
        for option in list(&command["options"]) {
            limit(
                &mut wrong,
                "option name",
                option["name"].as_str().unwrap_or_default(),
                1,
                32,
            );
            limit(
                &mut wrong,
                "option description",
                option["description"].as_str().unwrap_or_default(),
                1,
                100,
            );
            let is_required = option["required"] == true;
            if is_required && was_optional {
                wrong.push("a required option after an optional one".to_owned());
            }
            was_optional |= !is_required;
            let has_choices = !list(&option["choices"]).is_empty();
            if option["autocomplete"] == true && has_choices {
                wrong.push("autocomplete and choices".to_owned());
            }
        }
    }
    wrong
}

/// The official document lists what each kind of option may have; a default that is written out may be none of it.
fn empty(wrong: &mut Vec<String>, value: &Value) {
    let is_empty = match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(value) => !value,
        Value::Number(_) | Value::String(_) => false,
    };
    if is_empty {
        wrong.push("a default written out in a command".to_owned());
    }
    let inner = value.as_array().into_iter().flatten();
    let fields = value
        .as_object()
        .into_iter()
        .flat_map(serde_json::Map::values);
    for value in inner.chain(fields) {
        empty(wrong, value);
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn limit(wrong: &mut Vec<String>, what: &str, text: &str, least: usize, most: usize) {
    let size = size(text);
    if size < least || size > most {
        wrong.push(format!("{what} of {size} characters"));
    }
}

/// Counted as strictly as anybody might: in UTF-16 units.
fn size(text: &str) -> usize {
    text.encode_utf16().count()
}
