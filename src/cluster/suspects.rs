//! Which pods may be sick, from rows, nodes and events, before any of them is read in full.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{Event, Node};

use super::rows::Row;
use super::view::View;

/// Namespace and name of each pod that may be sick, and of those called `named`. Where there are many, every owner's first comes
/// before any owner's second.
pub(super) fn suspects(
    view: &View,
    rows: &[(String, Row)],
    named: Option<&str>,
) -> Vec<(String, String)> {
    let silent: BTreeSet<&str> = view
        .nodes
        .items
        .iter()
        .filter(|node| is_silent(node))
        .filter_map(|node| node.metadata.name.as_deref())
        .collect();
    let by_events: BTreeSet<(&str, &str)> = view
        .events
        .iter()
        .filter(|event| tells_of_a_running_pod(event))
        .filter_map(|event| {
            let about = &event.involved_object;
            Some((about.namespace.as_deref()?, about.name.as_deref()?))
        })
        .collect();
    let mut ranked: Vec<(usize, &String, &String)> = Vec::new();
    let mut seen: BTreeMap<(&String, &str), usize> = BTreeMap::new();
    for (namespace, row) in rows {
        let on_lost_node = silent.contains(row.node.as_str()) && !row.is_over;
        let is_suspect = !row.looks_well
            || on_lost_node
            || by_events.contains(&(namespace.as_str(), row.name.as_str()))
            || named == Some(row.name.as_str());
        if is_suspect {
            let owner = row
                .name
                .rsplit_once('-')
                .map_or(row.name.as_str(), |(owner, _)| owner);
            let rank = seen.entry((namespace, owner)).or_default();
            ranked.push((*rank, namespace, &row.name));
            *rank += 1;
        }
    }
    ranked.sort();
    ranked
        .into_iter()
        .map(|(_, namespace, name)| (namespace.clone(), name.clone()))
        .collect()
}

fn is_silent(node: &Node) -> bool {
    let conditions = node
        .status
        .as_ref()
        .and_then(|status| status.conditions.as_deref());
    conditions
        .unwrap_or_default()
        .iter()
        .any(|condition| condition.type_ == "Ready" && condition.status == "Unknown")
}

/// Events about pods whose row still shows nothing: a liveness probe that fails again and again, a node that went silent.
fn tells_of_a_running_pod(event: &Event) -> bool {
    let message = event.message.as_deref().unwrap_or_default();
    let is_about_a_pod = event.involved_object.kind.as_deref() == Some("Pod");
    let is_telling = match event.reason.as_deref() {
        Some("Unhealthy") => message.starts_with("Liveness") && event.count.unwrap_or(1) > 1,
        Some("NodeNotReady") => true,
        _ => false,
    };
    is_about_a_pod && is_telling
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cluster::view::Listing;

    fn row(name: &str, node: &str, looks_well: bool) -> (String, Row) {
        let row = Row {
            name: name.to_owned(),
            node: node.to_owned(),
            looks_well,
            is_over: false,
        };
        ("shop".to_owned(), row)
    }

    fn names(view: &View, rows: &[(String, Row)], named: Option<&str>) -> Vec<String> {
        suspects(view, rows, named)
            .into_iter()
            .map(|(_, name)| name)
            .collect()
    }

    #[test]
    fn well_rows_are_left_alone_and_every_owner_comes_first_once() {
        let rows = [
            row("web-1-a", "n1", false),
            row("web-1-b", "n1", false),
            row("api-1-a", "n1", true),
            row("db-1-a", "n1", false),
        ];
        assert_eq!(
            names(&View::default(), &rows, None),
            ["db-1-a", "web-1-a", "web-1-b"]
        );
        assert_eq!(
            names(&View::default(), &rows[2..3], Some("api-1-a")),
            ["api-1-a"]
        );
    }

    #[test]
    fn pods_of_a_silent_node_and_pods_with_a_telling_event_are_looked_at() {
        let node = json!({"metadata": {"name": "n2"}, "status": {"conditions": [{"type": "Ready", "status": "Unknown"}]}});
        let event = json!({"metadata": {}, "reason": "Unhealthy", "message": "Liveness probe failed: x", "count": 3,
            "involvedObject": {"kind": "Pod", "namespace": "shop", "name": "api"}});
        let view = View {
            nodes: Listing::all(vec![serde_json::from_value(node).unwrap()]),
            events: vec![serde_json::from_value(event).unwrap()],
            ..View::default()
        };
        let rows = [
            row("api", "n1", true),
            row("web", "n1", true),
            row("lost", "n2", true),
        ];
        assert_eq!(names(&view, &rows, None), ["api", "lost"]);
    }
}
