//! A Slack message as text, the way a person sees it, for snapshots.

use serde_json::Value;

/// Draws blocks.
pub fn drawn(payload: &Value) -> String {
    let blocks = payload["blocks"]
        .as_array()
        .or_else(|| payload["view"]["blocks"].as_array());
    let Some(blocks) = blocks.filter(|blocks| !blocks.is_empty()) else {
        return payload["text"].as_str().unwrap_or_default().to_owned();
    };
    blocks.iter().map(block).collect::<Vec<_>>().join("\n")
}

fn block(block: &Value) -> String {
    match block["type"].as_str().unwrap_or_default() {
        "header" => format!("# {}", block["text"]["text"].as_str().unwrap()),
        "context" => format!("~ {}", block["elements"][0]["text"].as_str().unwrap()),
        "rich_text" => elements(block, |element| rich(element, 0)).join("\n"),
        "actions" => elements(block, button).join(" "),
        "input" => format!(
            "[ {} ]",
            block["element"]["placeholder"]["text"].as_str().unwrap()
        ),
        "context_actions" => {
            let element = &block["elements"][0];
            format!(
                "({}) ({})",
                element["positive_button"]["text"]["text"].as_str().unwrap(),
                element["negative_button"]["text"]["text"].as_str().unwrap()
            )
        }
        other => format!("?{other}"),
    }
}

fn button(element: &Value) -> String {
    if element["type"] == "static_select" {
        let options = element["options"].as_array().unwrap().len();
        return format!(
            "[{} ▾ {options}]",
            element["placeholder"]["text"].as_str().unwrap()
        );
    }
    let label = element["text"]["text"].as_str().unwrap();
    match element["url"].as_str() {
        Some(url) => format!("[{label} → {url}]"),
        None => format!("[{label}]"),
    }
}

fn rich(element: &Value, _depth: usize) -> String {
    match element["type"].as_str().unwrap() {
        "rich_text_section" => elements(element, inline).concat().trim_end().to_owned(),
        "rich_text_preformatted" => {
            format!("```\n{}\n```", elements(element, inline).concat())
        }
        "rich_text_list" => {
            let indent =
                "  ".repeat(usize::try_from(element["indent"].as_u64().unwrap_or(0)).unwrap());
            let offset = element["offset"].as_u64().unwrap_or(0);
            let is_ordered = element["style"] == "ordered";
            elements(element, |item| rich(item, 0))
                .into_iter()
                .enumerate()
                .map(|(number, item)| {
                    if is_ordered {
                        format!("{indent}{}. {item}", offset + number as u64 + 1)
                    } else {
                        format!("{indent}- {item}")
                    }
                })
                .collect::<Vec<_>>()
                .join("\n")
        }
        other => format!("?{other}"),
    }
}

fn inline(element: &Value) -> String {
    match element["type"].as_str().unwrap() {
        "link" => format!(
            "[{}]({})",
            element["text"].as_str().unwrap(),
            element["url"].as_str().unwrap()
        ),
        "user" => format!("@{}", element["user_id"].as_str().unwrap()),
        _ => {
            let text = element["text"].as_str().unwrap();
            let style = &element["style"];
            if style["code"] == true {
                format!("`{text}`")
            } else if style["bold"] == true {
                format!("*{text}*")
            } else if style["italic"] == true {
                format!("_{text}_")
            } else {
                text.to_owned()
            }
        }
    }
}

fn elements(value: &Value, draw: impl Fn(&Value) -> String) -> Vec<String> {
    value["elements"]
        .as_array()
        .unwrap()
        .iter()
        .map(draw)
        .collect()
}
