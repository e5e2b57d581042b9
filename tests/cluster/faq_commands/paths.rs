//! The field paths in a call of kubectl, held against the fields that the server's objects have.
//!
//! kubectl prints nothing, or `<none>`, for a field that no object can have; a reader would take that for an
//! answer. So a wrong path has to be found here.

use std::collections::HashMap;

use serde_json::Value;

use super::kubectl::Words;

/// The server's kinds, and the fields of each.
pub struct Schemas {
    /// The definitions of `/openapi/v2`, by name.
    definitions: HashMap<String, Value>,
    /// By every name that kubectl takes for a kind of object: the name of its definition.
    kinds: HashMap<String, String>,
}

impl Schemas {
    /// Takes what `/openapi/v2` and `kubectl api-resources -o json` say.
    pub fn new(openapi: &Value, resources: &Value) -> Schemas {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let mut definitions = HashMap::new();
        let mut by_kind = HashMap::new();
        for (name, definition) in openapi["definitions"].as_object().into_iter().flatten() {
            for kind in definition["x-kubernetes-group-version-kind"]
                .as_array()
                .into_iter()
                .flatten()
            {
                let kind = (
                    text(&kind["group"]),
                    text(&kind["version"]),
                    text(&kind["kind"]),
                );
                by_kind.insert(kind, name.clone());
            }
            definitions.insert(name.clone(), definition.clone());
        }
        let mut kinds = HashMap::new();
        for resource in resources["resources"].as_array().into_iter().flatten() {
            let (group, version) = (text(&resource["group"]), text(&resource["version"]));
            let kind = text(&resource["kind"]);
            let Some(definition) = by_kind.get(&(group.clone(), version, kind.clone())) else {
                continue;
            };
            let short = resource["shortNames"]
                .as_array()
                .into_iter()
                .flatten()
                .map(text);
            let names = [
                text(&resource["name"]),
                text(&resource["singularName"]),
                kind.to_lowercase(),
            ];
            for name in names.into_iter().chain(short) {
                kinds.insert(format!("{name}.{group}"), definition.clone());
                // The first of two kinds of one name is the one that kubectl takes.
                kinds.entry(name).or_insert_with(|| definition.clone());
            }
        }
        Schemas { definitions, kinds }
    }

    /// Whether a kind is known by a name such as `certificates.cert-manager.io`.
    pub fn knows(&self, name: &str) -> bool {
        self.kinds.contains_key(name)
    }

    /// Checks every path of a call.
    ///
    /// # Errors
    /// A path names a field that the objects do not have, or cannot be read.
    pub fn check(&self, arguments: &[String]) -> Result<(), String> {
        let words = Words::of(arguments);
        let is_about_objects = matches!(words.verb(), Some("get" | "wait"));
        let Some(asked) = Asked::by(&words).filter(|_| is_about_objects) else {
            return Ok(());
        };
        let mut items: Vec<&Value> = Vec::new();
        for name in &asked.kinds {
            match self
                .kinds
                .get(*name)
                .and_then(|definition| self.definitions.get(definition))
            {
                Some(kind) => items.push(kind),
                // A category such as `all`, or a kind whose fields the server does not tell.
                None => return Ok(()),
            }
        }
        let start = if asked.is_list {
            Position::List(items.clone())
        } else {
            Position::At(items.clone())
        };
        for output in options(arguments, &["-o", "--output"]) {
            if output.starts_with("go-template") {
                return Err(
                    "the fields of a go-template are not checked here: use jsonpath".to_owned(),
                );
            }
            let template = output.strip_prefix("jsonpath=");
            if let Some(template) = template.or_else(|| output.strip_prefix("jsonpath-as-json=")) {
                self.check_template(start.clone(), template)?;
            } else if let Some(columns) = output.strip_prefix("custom-columns=") {
                for column in columns.split(',') {
                    let (_, path) = column.split_once(':').unwrap_or_default();
                    self.check_relaxed(&items, path)?;
                }
            }
        }
        for path in options(arguments, &["--sort-by"]) {
            self.check_relaxed(&items, path)?;
        }
        for wanted in options(arguments, &["--for"]) {
            if let Some(condition) = wanted.strip_prefix("jsonpath=") {
                let end = condition.rfind('}').map_or(condition.len(), |end| end + 1);
                self.check_template(Position::At(items.clone()), &condition[..end])?;
            }
        }
        Ok(())
    }

    /// Checks a path that may be written without its braces and its first dot.
    fn check_relaxed(&self, items: &[&Value], path: &str) -> Result<(), String> {
        let path = path.trim_start_matches('{').trim_end_matches('}');
        self.follow(&Position::At(items.to_vec()), path).map(drop)
    }

    /// Checks the paths of a template; those in a `range` from where the range is.
    fn check_template(&self, start: Position<'_>, template: &str) -> Result<(), String> {
        let mut ranges = vec![start];
        for expression in expressions(template)? {
            let here = &ranges[ranges.len() - 1];
            if expression == "end" {
                if ranges.len() == 1 {
                    return Err(format!("`{{end}}` without a range in {template}"));
                }
                ranges.pop();
            } else if let Some(path) = expression.strip_prefix("range ") {
                let inner = self.follow(here, path.trim())?;
                ranges.push(inner);
            } else if !expression.starts_with(['"', '\'']) {
                self.follow(here, expression)?;
            }
        }
        if ranges.len() > 1 {
            return Err(format!("a range without `{{end}}` in {template}"));
        }
        Ok(())
    }

    /// Follows a path from a position to where it leads.
    fn follow<'a>(&'a self, from: &Position<'a>, path: &str) -> Result<Position<'a>, String> {
        let mut here = from.clone();
        for segment in segments(path)? {
            let next = match segment {
                Segment::Field(name) => self.field(&here, &name),
                Segment::Items => self.items(&here),
                Segment::Filter(filter) => {
                    let items = self.items(&here);
                    for path in items.iter().flat_map(|_| paths_in_filter(&filter)) {
                        self.follow(items.as_ref().unwrap_or(&here), path)?;
                    }
                    items
                }
                Segment::Anywhere => Some(Position::At(vec![&Value::Null])),
            };
            here = next.ok_or_else(|| format!("no such object has the field `{path}`"))?;
        }
        Ok(here)
    }

    fn field<'a>(&'a self, from: &Position<'a>, name: &str) -> Option<Position<'a>> {
        match from {
            Position::List(kinds) if name == "items" => Some(Position::Items(kinds.clone())),
            Position::List(_) => {
                let is_of_lists = ["metadata", "kind", "apiVersion"].contains(&name);
                is_of_lists.then(|| Position::At(vec![&Value::Null]))
            }
            Position::Items(_) => None,
            Position::At(place) => self.step(place, |schema| {
                let field = schema["properties"].get(name);
                field.or_else(|| schema.get("additionalProperties"))
            }),
        }
    }

    /// What is in a list or in a map.
    fn items<'a>(&'a self, from: &Position<'a>) -> Option<Position<'a>> {
        match from {
            Position::List(_) => None,
            Position::Items(kinds) => Some(Position::At(kinds.clone())),
            Position::At(place) => self.step(place, |schema| {
                let items = schema.get("items");
                items.or_else(|| schema.get("additionalProperties"))
            }),
        }
    }

    /// Takes a step from each of the things that a place can be; none where it leads from no one.
    fn step<'a>(
        &'a self,
        place: &[&'a Value],
        take: impl Fn(&'a Value) -> Option<&'a Value>,
    ) -> Option<Position<'a>> {
        let schemas = place.iter().map(|schema| self.resolved(schema));
        let taken: Vec<&Value> = schemas
            .filter_map(|schema| {
                if is_anything(schema) {
                    Some(&Value::Null)
                } else {
                    take(schema)
                }
            })
            .collect();
        (!taken.is_empty()).then_some(Position::At(taken))
    }

    /// The definition behind a reference.
    fn resolved<'a>(&'a self, schema: &'a Value) -> &'a Value {
        let name = schema["$ref"]
            .as_str()
            .and_then(|reference| reference.rsplit('/').next());
        name.and_then(|name| self.definitions.get(name))
            .unwrap_or(schema)
    }
}

/// Where a path has got to. There are several schemas when a call names several kinds; `Null` can be anything.
#[derive(Clone)]
enum Position<'a> {
    /// At a list of objects of these kinds.
    List(Vec<&'a Value>),
    /// At the `items` of such a list.
    Items(Vec<&'a Value>),
    /// At something with one of these schemas.
    At(Vec<&'a Value>),
}

/// Whether a schema leaves open what is in it.
fn is_anything(schema: &Value) -> bool {
    let is_open = match schema["type"].as_str() {
        Some("object") => schema
            .get("properties")
            .or(schema.get("additionalProperties"))
            .is_none(),
        Some(_) => false,
        None => schema.get("properties").is_none(),
    };
    is_open || schema["x-kubernetes-preserve-unknown-fields"] == Value::Bool(true)
}

/// What a call asks for.
struct Asked<'a> {
    kinds: Vec<&'a str>,
    /// Whether the answer is a list.
    is_list: bool,
}

impl<'a> Asked<'a> {
    /// None where a call names no kind, as with `--raw` and `-f`.
    fn by(words: &Words<'a>) -> Option<Asked<'a>> {
        let operands: Vec<&str> = words.positional().skip(1).collect();
        let first = *operands.first()?;
        let is_by_name = |word: &&&str| word.contains('/');
        if operands.iter().all(|word| is_by_name(&word)) {
            let kinds = operands.iter().filter_map(|word| word.split('/').next());
            return Some(Asked {
                kinds: kinds.collect(),
                is_list: operands.len() > 1,
            });
        }
        let kinds: Vec<&str> = first.split(',').collect();
        let is_list = kinds.len() > 1 || operands.len() != 2;
        Some(Asked { kinds, is_list })
    }
}

/// The values of an option, written as `-o value`, `-o=value` or `--output=value`.
fn options<'a>(arguments: &'a [String], names: &[&str]) -> Vec<&'a str> {
    let end = arguments
        .iter()
        .position(|word| word == "--")
        .unwrap_or(arguments.len());
    let mut values = Vec::new();
    for (place, word) in arguments[..end].iter().enumerate() {
        if names.contains(&word.as_str()) {
            values.extend(arguments.get(place + 1).map(String::as_str));
        } else if let Some((name, value)) = word.split_once('=')
            && names.contains(&name)
        {
            values.push(value);
        }
    }
    values
}

/// The expressions in braces of a template.
fn expressions(template: &str) -> Result<Vec<&str>, String> {
    let mut expressions = Vec::new();
    let mut rest = template;
    while let Some(open) = rest.find('{') {
        rest = &rest[open + 1..];
        let close = end_of(rest, '}').ok_or_else(|| format!("a brace stays open in {template}"))?;
        expressions.push(rest[..close].trim());
        rest = &rest[close + 1..];
    }
    Ok(expressions)
}

/// Where a text that began inside a bracket ends: at `closing`, outside quotes.
fn end_of(text: &str, closing: char) -> Option<usize> {
    let mut quote = None;
    let mut is_escaped = false;
    for (place, c) in text.char_indices() {
        match quote {
            _ if is_escaped => is_escaped = false,
            _ if c == '\\' => is_escaped = true,
            Some(open) if open == c => quote = None,
            None if c == '"' || c == '\'' => quote = Some(c),
            None if c == closing => return Some(place),
            Some(_) | None => {}
        }
    }
    None
}

/// A step of a path.
#[derive(Debug, PartialEq, Eq)]
enum Segment {
    /// `.name` or `['name']`.
    Field(String),
    /// `[*]`, `[0]`, `[-1:]` or `.*`: something in a list.
    Items,
    /// `[?(@.type=="Ready")]`.
    Filter(String),
    /// `..name`: a field at any depth.
    Anywhere,
}

/// The steps of a path such as `.items[*].metadata.name`.
fn segments(path: &str) -> Result<Vec<Segment>, String> {
    let mut segments = Vec::new();
    let mut rest = path.trim_start_matches(['$', '@']);
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix("..") {
            segments.push(Segment::Anywhere);
            rest = name(after).1;
        } else if let Some(after) = rest.strip_prefix('[') {
            let end =
                end_of(after, ']').ok_or_else(|| format!("a bracket stays open in {path}"))?;
            let inner = &after[..end];
            segments.push(if let Some(filter) = inner.strip_prefix("?(") {
                Segment::Filter(filter.trim_end_matches(')').to_owned())
            } else if inner.starts_with(['"', '\'']) {
                Segment::Field(inner.trim_matches(['"', '\'']).to_owned())
            } else {
                Segment::Items
            });
            rest = &after[end + 1..];
        } else {
            let (field, after) = name(rest.strip_prefix('.').unwrap_or(rest));
            match field.as_str() {
                "" if after.is_empty() => {}
                "" => return Err(format!("`{path}` cannot be read as a path")),
                "*" => segments.push(Segment::Items),
                _ => segments.push(Segment::Field(field)),
            }
            rest = after;
        }
    }
    Ok(segments)
}

/// A field's name at the start of a text, without its backslashes, and the rest.
fn name(text: &str) -> (String, &str) {
    let mut name = String::new();
    let mut characters = text.char_indices();
    while let Some((place, c)) = characters.next() {
        match c {
            '\\' => name.extend(characters.next().map(|(_, escaped)| escaped)),
            '.' | '[' => return (name, &text[place..]),
            _ => name.push(c),
        }
    }
    (name, "")
}

/// The paths that a filter compares.
fn paths_in_filter(filter: &str) -> impl Iterator<Item = &str> {
    let sides = filter.split(['=', '!', '<', '>', '&', '|']);
    sides.map(str::trim).filter(|side| side.starts_with('@'))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn schemas() -> Schemas {
        let openapi = json!({"definitions": {
            "Pod": {
                "x-kubernetes-group-version-kind": [{"group": "", "version": "v1", "kind": "Pod"}],
                "type": "object",
                "properties": {
                    "metadata": {"type": "object", "properties": {
                        "labels": {"type": "object", "additionalProperties": {"type": "string"}},
                        "name": {"type": "string"}}},
                    "status": {"$ref": "#/definitions/PodStatus"},
                },
            },
            "PodStatus": {"type": "object", "properties": {
                "conditions": {"type": "array", "items": {"type": "object", "properties": {
                    "type": {"type": "string"}, "status": {"type": "string"}}}}}},
        }});
        let resources = json!({"resources": [
            {"name": "pods", "singularName": "pod", "shortNames": ["po"], "kind": "Pod", "version": "v1"}]});
        Schemas::new(&openapi, &resources)
    }

    fn check(line: &str) -> Result<(), String> {
        let arguments: Vec<String> = line.split('|').map(str::to_owned).collect();
        schemas().check(&arguments)
    }

    #[test]
    fn paths_to_fields_are_right_in_a_list_an_object_and_a_range() {
        for line in [
            "get|pods|-o|jsonpath={.items[0].metadata.labels.app\\.kubernetes\\.io/name}{\"\\n\"}",
            "get|po|-n|x|-o|jsonpath={range .items[*]}{.metadata.name}{end}",
            "get|pod/x|-o|jsonpath={.status.conditions[?(@.type==\"Ready\")].status}",
            "get|pod|x|-o|jsonpath={..anything}",
            "get|pods|-o|custom-columns=A:.metadata.name,B:status.conditions[*].type|--sort-by=.metadata.name",
            "wait|pod|x|--for=jsonpath={.metadata.name}=x",
            "get|unknown|x|-o|jsonpath={.spec.y}",
        ] {
            assert_eq!(check(line), Ok(()), "{line}");
        }
    }

    #[test]
    fn a_path_to_no_field_is_found() {
        for line in [
            "get|pods|-o|jsonpath={.metadata.name}/{.status}",
            "get|pod|x|-o|jsonpath={.items[0].metadata.name}",
            "get|pod|x|-o|jsonpath={.status.condition[*].type}",
            "get|pod|x|-o|jsonpath={.status.conditions[?(@.kind==\"Ready\")].status}",
            "get|pods|-o|custom-columns=A:.metadata.names",
            "get|pods|--sort-by=.status.phase",
            "wait|pod|x|--for=jsonpath={.metadata.nam}=x",
        ] {
            assert!(check(line).is_err(), "{line}");
        }
    }
}
