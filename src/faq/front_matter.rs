//! The YAML at the head of an entry: read key by key, so that every problem in it is reported at once.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Location, Spanned};

use super::problem::{Place, Problem, Severity};

/// A value with its place in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Placed<T> {
    pub value: T,
    pub place: Place,
}

/// A signature as it is written.
#[derive(Debug)]
pub(super) struct WrittenSignature {
    /// The literal text, or the pattern.
    pub text: Placed<String>,
    pub is_pattern: bool,
    pub sample: Placed<String>,
}

/// A source as it is written.
#[derive(Debug)]
pub(super) struct WrittenSource {
    pub title: String,
    pub url: Placed<String>,
}

/// What the head of an entry says, before anything in it is checked against the rest of the world.
#[derive(Debug, Default)]
pub(super) struct FrontMatter {
    pub title: Option<Placed<String>>,
    pub aliases: Vec<Placed<String>>,
    pub signatures: Vec<WrittenSignature>,
    pub tags: Vec<Placed<String>>,
    pub related: Vec<Placed<String>>,
    pub sources: Vec<WrittenSource>,
    pub explains: Vec<Placed<String>>,
    pub looks_for: Vec<Placed<String>>,
    pub reviewed: Option<Placed<String>>,
    pub since: Option<Placed<String>>,
    pub until: Option<Placed<String>>,
}

/// The keys that front matter may have.
const KEYS: [&str; 11] = [
    "title",
    "aliases",
    "signatures",
    "tags",
    "related",
    "sources",
    "explains",
    "looks_for",
    "reviewed",
    "since",
    "until",
];

/// Nesting that front matter may have; its own needs three levels.
const MAX_DEPTH: usize = 16;

/// Reads front matter. `first_line` is the line of the file on which `yaml` begins.
pub(super) fn read(
    path: &str,
    yaml: &str,
    first_line: usize,
    problems: &mut Vec<Problem>,
) -> FrontMatter {
    let mut reader = Reader {
        path,
        first_line,
        problems,
    };
    match serde_saphyr::from_str_with_options::<Spanned<Node>>(yaml, options()) {
        Ok(root) => reader.front_matter(&root),
        Err(error) => {
            let place = error
                .location()
                .map_or(Place::START, |location| reader.place(&location));
            let text = error.without_snippet().to_string();
            let line = text.lines().next().unwrap_or_default();
            reader.problem(
                place,
                format!("the front matter is no valid YAML: {line}"),
                "correct it; put a text with `: `, `#`, quotes or braces into single quotes",
            );
            FrontMatter::default()
        }
    }
}

fn options() -> serde_saphyr::Options {
    let mut options = serde_saphyr::Options::default();
    let mut budget = serde_saphyr::Budget::default();
    budget.max_depth = MAX_DEPTH;
    budget.flow_nesting_limit = MAX_DEPTH;
    options.budget = Some(budget);
    options.with_snippet = false;
    options
}

struct Reader<'a> {
    path: &'a str,
    first_line: usize,
    problems: &'a mut Vec<Problem>,
}

impl Reader<'_> {
    fn place(&self, location: &Location) -> Place {
        let number = |value: u64| usize::try_from(value).unwrap_or(1).max(1);
        Place {
            line: number(location.line()) + self.first_line - 1,
            column: number(location.column()),
        }
    }

    fn problem(&mut self, place: Place, message: String, cure: &str) {
        let problem = place.problem(self.path, Severity::Problem, message, cure);
        self.problems.push(problem);
    }

    fn front_matter(&mut self, root: &Spanned<Node>) -> FrontMatter {
        let mut front_matter = FrontMatter::default();
        let Node::Map(pairs) = &root.value else {
            let place = self.place(&root.referenced);
            self.problem(
                place,
                "the front matter holds no keys".to_owned(),
                "begin with `title: …`",
            );
            return front_matter;
        };
        for (key, value) in pairs {
            match key.value.as_str() {
                "title" => front_matter.title = self.text("title", value),
                "aliases" => front_matter.aliases = self.texts("aliases", value),
                "signatures" => front_matter.signatures = self.signatures(value),
                "tags" => front_matter.tags = self.texts("tags", value),
                "related" => front_matter.related = self.texts("related", value),
                "sources" => front_matter.sources = self.sources(value),
                "explains" => front_matter.explains = self.texts("explains", value),
                "looks_for" => front_matter.looks_for = self.texts("looks_for", value),
                "reviewed" => front_matter.reviewed = self.text("reviewed", value),
                "since" => front_matter.since = self.text("since", value),
                "until" => front_matter.until = self.text("until", value),
                unknown => self.unknown_key(key, unknown, &KEYS),
            }
        }
        front_matter
    }

    fn unknown_key(&mut self, key: &Spanned<String>, name: &str, known: &[&str]) {
        let place = self.place(&key.referenced);
        self.problem(
            place,
            format!("unknown key `{}`", short(name)),
            &format!("use one of {}", known.join(", ")),
        );
    }

    fn text(&mut self, key: &str, node: &Spanned<Node>) -> Option<Placed<String>> {
        let place = self.place(&node.referenced);
        match &node.value {
            Node::Text(text) if !text.trim().is_empty() => Some(Placed {
                value: text.trim().to_owned(),
                place,
            }),
            Node::Text(_) | Node::Null => {
                self.problem(
                    place,
                    format!("`{key}` is empty"),
                    "write its text, or take the key out",
                );
                None
            }
            Node::Number(number) => {
                self.problem(
                    place,
                    format!("`{key}` is the number {number}"),
                    "put it into quotes",
                );
                None
            }
            Node::Bool(value) => {
                self.problem(
                    place,
                    format!("`{key}` is the truth value {value}"),
                    "put it into quotes",
                );
                None
            }
            Node::List(_) | Node::Map(_) => {
                self.problem(
                    place,
                    format!("`{key}` is no text"),
                    "write one text behind it; quote it where it has a `: `",
                );
                None
            }
        }
    }

    fn list<'n>(&mut self, key: &str, node: &'n Spanned<Node>) -> &'n [Spanned<Node>] {
        match &node.value {
            Node::List(items) => items,
            Node::Null => &[],
            _ => {
                let place = self.place(&node.referenced);
                self.problem(
                    place,
                    format!("`{key}` is no list"),
                    "write one `- …` a line, or [a, b]",
                );
                &[]
            }
        }
    }

    fn texts(&mut self, key: &str, node: &Spanned<Node>) -> Vec<Placed<String>> {
        self.list(key, node)
            .iter()
            .filter_map(|item| match &item.value {
                // `- 502` is a natural alias, and no harm can come of it.
                Node::Number(number) if key == "aliases" || key == "tags" => Some(Placed {
                    value: number.clone(),
                    place: self.place(&item.referenced),
                }),
                _ => self.text(key, item),
            })
            .collect()
    }

    fn map<'n>(
        &mut self,
        what: &str,
        node: &'n Spanned<Node>,
    ) -> &'n [(Spanned<String>, Spanned<Node>)] {
        if let Node::Map(pairs) = &node.value {
            return pairs;
        }
        let place = self.place(&node.referenced);
        self.problem(
            place,
            format!("{what} has no keys"),
            "see CONTRIBUTING.md for its form",
        );
        &[]
    }

    fn signatures(&mut self, node: &Spanned<Node>) -> Vec<WrittenSignature> {
        let mut signatures = Vec::new();
        for item in self.list("signatures", node) {
            let place = self.place(&item.referenced);
            let (mut literal, mut pattern, mut sample) = (None, None, None);
            for (key, value) in self.map("a signature", item) {
                match key.value.as_str() {
                    "literal" => literal = self.text("literal", value),
                    "pattern" => pattern = self.text("pattern", value),
                    "sample" => sample = self.text("sample", value),
                    unknown => self.unknown_key(key, unknown, &["literal", "pattern", "sample"]),
                }
            }
            let is_pattern = pattern.is_some();
            match (literal.xor(pattern), sample) {
                (Some(text), Some(sample)) => signatures.push(WrittenSignature {
                    text,
                    is_pattern,
                    sample,
                }),
                (None, _) => self.problem(
                    place,
                    "a signature without exactly one of `literal` and `pattern`".to_owned(),
                    "write one of the two",
                ),
                (Some(_), None) => self.problem(
                    place,
                    "a signature without a `sample`".to_owned(),
                    "add a line as it really appears, which the signature matches",
                ),
            }
        }
        signatures
    }

    fn sources(&mut self, node: &Spanned<Node>) -> Vec<WrittenSource> {
        let mut sources = Vec::new();
        for item in self.list("sources", node) {
            let place = self.place(&item.referenced);
            let (mut title, mut url) = (None, None);
            for (key, value) in self.map("a source", item) {
                match key.value.as_str() {
                    "title" => title = self.text("title", value),
                    "url" => url = self.text("url", value),
                    unknown => self.unknown_key(key, unknown, &["title", "url"]),
                }
            }
            match (title, url) {
                (Some(title), Some(url)) => sources.push(WrittenSource {
                    title: title.value,
                    url,
                }),
                _ => self.problem(
                    place,
                    "a source without `title` or `url`".to_owned(),
                    "write both",
                ),
            }
        }
        sources
    }
}

fn short(text: &str) -> String {
    text.chars().take(60).collect()
}

/// Any YAML, with places.
#[derive(Debug)]
enum Node {
    Null,
    Bool(bool),
    /// As YAML reads it; a text of digits must be quoted to stay as it is written.
    Number(String),
    Text(String),
    List(Vec<Spanned<Node>>),
    Map(Vec<(Spanned<String>, Spanned<Node>)>),
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("YAML")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Number(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Number(value.to_string()))
    }

    fn visit_i128<E>(self, value: i128) -> Result<Node, E> {
        Ok(Node::Number(value.to_string()))
    }

    fn visit_u128<E>(self, value: u128) -> Result<Node, E> {
        Ok(Node::Number(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Number(value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Node, A::Error> {
        let mut map = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            map.push(entry);
        }
        Ok(Node::Map(map))
    }
}
