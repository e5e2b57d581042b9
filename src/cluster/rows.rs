//! Pods as the API server prints them in tables, and which of those rows may be sick.
//!
//! A table is a small part of the objects' size, and the server prints the same STATUS words as kubectl does.

use serde::Deserialize;
use serde_json::Value;

/// Containers that were restarted longer ago than this, and run, are not looked at again (seconds); it is what detection calls history.
const HISTORY: u64 = 24 * 3600;

/// One row of the pods' table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The pod's name.
    pub name: String,
    /// The node's name; empty without one.
    pub node: String,
    /// Whether the row alone shows that the pod is well.
    pub looks_well: bool,
    /// Whether the pod has ended for good and well.
    pub is_over: bool,
}

#[derive(Deserialize)]
struct Table {
    #[serde(rename = "columnDefinitions", default)]
    columns: Vec<Column>,
    #[serde(default)]
    rows: Option<Vec<Cells>>,
}

#[derive(Deserialize)]
struct Column {
    #[serde(default)]
    name: String,
}

#[derive(Deserialize)]
struct Cells {
    #[serde(default)]
    cells: Vec<Value>,
}

/// The rows of a printed table of pods.
///
/// # Errors
///
/// When the text is no table; a row without a name is left out.
pub fn parse(body: &[u8]) -> Result<Vec<Row>, serde_json::Error> {
    let table: Table = serde_json::from_slice(body)?;
    let column = |name: &str| {
        table
            .columns
            .iter()
            .position(|column| column.name.eq_ignore_ascii_case(name))
    };
    let (name, ready, status, restarts, node, gates) = (
        column("Name"),
        column("Ready"),
        column("Status"),
        column("Restarts"),
        column("Node"),
        column("Readiness Gates"),
    );
    let text =
        |row: &Cells, column: Option<usize>| match column.and_then(|index| row.cells.get(index)) {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Number(number)) => number.to_string(),
            _ => String::new(),
        };
    Ok(table
        .rows
        .unwrap_or_default()
        .iter()
        .filter_map(|row| {
            let name = text(row, name);
            let node = text(row, node);
            let status = text(row, status);
            // Without a restart: a container that must not end reads `Completed` between two runs.
            let is_over = matches!(status.as_str(), "Completed" | "Succeeded")
                && matches!(text(row, restarts).as_str(), "0" | "");
            let looks_well = is_over
                || (status == "Running"
                    && all_ready(&text(row, ready))
                    // READY counts containers; a gate that is not met keeps the pod from being ready all the same.
                    && is_none_or_met(&text(row, gates))
                    && is_settled(&text(row, restarts)));
            (!name.is_empty()).then(|| Row {
                name,
                node: if node == "<none>" {
                    String::new()
                } else {
                    node
                },
                looks_well,
                is_over,
            })
        })
        .collect())
}

/// `<none>`, or `1/1` of the readiness gates.
fn is_none_or_met(cell: &str) -> bool {
    !cell.contains('/') || all_ready(cell)
}

/// `2/2`
fn all_ready(cell: &str) -> bool {
    cell.split_once('/')
        .is_some_and(|(ready, all)| ready == all && !all.is_empty())
}

/// `0`, or `3 (5d ago)`: no restart within the time that detection looks back.
fn is_settled(cell: &str) -> bool {
    let Some((count, ago)) = cell.split_once(" (") else {
        return matches!(cell, "0");
    };
    count == "0"
        || ago
            .strip_suffix(" ago)")
            .and_then(seconds)
            .is_some_and(|age| age > HISTORY)
}

/// An age as kubectl prints it, `5d`, `3h12m`, `47s`, in seconds.
fn seconds(age: &str) -> Option<u64> {
    let mut total: u64 = 0;
    let mut number = String::new();
    for character in age.chars() {
        if character.is_ascii_digit() {
            number.push(character);
            continue;
        }
        let unit = match character {
            's' => 1,
            'm' => 60,
            'h' => 3600,
            'd' => 86_400,
            'y' => 31_536_000,
            _ => return None,
        };
        total = total.checked_add(number.parse::<u64>().ok()?.checked_mul(unit)?)?;
        number.clear();
    }
    number.is_empty().then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn row(ready: &str, status: &str, restarts: &str) -> Row {
        let body = json!({
            "kind": "Table",
            "columnDefinitions": [{"name": "Name"}, {"name": "Ready"}, {"name": "Status"}, {"name": "Restarts"}, {"name": "Age"}, {"name": "IP"}, {"name": "Node"}],
            "rows": [{"cells": ["web", ready, status, restarts, "5m", "10.0.0.1", "n1"], "object": null}]
        });
        parse(body.to_string().as_bytes()).unwrap().remove(0)
    }

    #[test]
    fn rows_that_are_well_are_told_by_themselves() {
        for (ready, status, restarts) in [
            ("1/1", "Running", "0"),
            ("2/2", "Running", "3 (5d ago)"),
            ("0/1", "Completed", "0"),
            ("2/2", "Running", "1 (30h ago)"),
        ] {
            assert!(
                row(ready, status, restarts).looks_well,
                "{ready} {status} {restarts}"
            );
        }
    }

    #[test]
    fn everything_else_is_looked_at() {
        for (ready, status, restarts) in [
            ("0/1", "Running", "0"),
            ("1/1", "Running", "3 (5m ago)"),
            ("1/1", "Running", "3 (3h12m ago)"),
            ("0/1", "Completed", "4 (20s ago)"),
            ("1/1", "Running", "3"),
            ("1/1", "Terminating", "0"),
            ("0/1", "CrashLoopBackOff", "7 (2m ago)"),
            ("0/1", "Pending", "0"),
            ("0/1", "Init:0/1", "0"),
            ("", "", ""),
        ] {
            assert!(
                !row(ready, status, restarts).looks_well,
                "{ready} {status} {restarts}"
            );
        }
    }

    #[test]
    fn a_readiness_gate_that_is_not_met_is_looked_at_though_all_containers_are_ready() {
        for (cell, looks_well) in [("0/1", false), ("1/1", true), ("<none>", true)] {
            let body = json!({
                "columnDefinitions": [{"name": "Name"}, {"name": "Ready"}, {"name": "Status"}, {"name": "Restarts"}, {"name": "Readiness Gates", "priority": 1}],
                "rows": [{"cells": ["web", "1/1", "Running", "0", cell]}]
            });
            let row = parse(body.to_string().as_bytes()).unwrap().remove(0);
            assert_eq!(row.looks_well, looks_well, "{cell}");
        }
    }

    #[test]
    fn a_table_without_rows_or_cells_is_no_trouble() {
        assert!(
            parse(br#"{"kind": "Table", "columnDefinitions": [], "rows": null}"#)
                .unwrap()
                .is_empty()
        );
        assert!(
            parse(br#"{"columnDefinitions": [{"name": "Name"}], "rows": [{"cells": []}, {}]}"#)
                .unwrap()
                .is_empty()
        );
        assert!(parse(b"no table").is_err());
    }
}
