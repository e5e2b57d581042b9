//! An entry: one question and its answer, read from one Markdown file.

use std::fmt;
use std::path::PathBuf;

use jiff::civil::Date;

use super::condition::Condition;
use super::front_matter::{self, FrontMatter, Placed};
use super::id::EntryId;
use super::markdown::{self, Block, Inline};
use super::placeholder;
use super::problem::{Place, Problem, Severity};
use super::signature::Signature;
use super::version::{ClusterVersion, VersionRange};

/// Largest entry file, in bytes: ten times the longest body, so that a wrong file is refused unread.
pub const MAX_FILE_SIZE: u64 = 64 * 1024;

/// Longest title, in characters: Slack's header block takes no more.
const MAX_TITLE: usize = 150;

/// Longest alias, in characters: Discord's autocomplete shows no more.
const MAX_ALIAS: usize = 100;

/// Longest first paragraph, in characters: what a phone's notification shows.
const MAX_LEAD: usize = 350;

/// Longest body, in characters: more is no answer but a manual, and chat platforms cut it.
const MAX_BODY: usize = 4_000;

/// One FAQ page: a question and its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its permanent name.
    pub id: EntryId,
    /// The folder that it stands in.
    pub topic: String,
    /// The question.
    pub title: String,
    /// Other wordings of the question.
    pub aliases: Vec<String>,
    /// Error lines that name this entry.
    pub signatures: Vec<Signature>,
    /// A few words on what it is about.
    pub tags: Vec<String>,
    /// Entries to read next.
    pub related: Vec<EntryId>,
    /// Where its facts come from.
    pub sources: Vec<Source>,
    /// The conditions that this entry explains.
    pub explains: Vec<Condition>,
    /// Further conditions whose findings help this answer.
    pub looks_for: Vec<Condition>,
    /// When it was last checked against its sources.
    pub reviewed: Option<Date>,
    /// The cluster versions for which it holds.
    pub versions: VersionRange,
    /// The answer in one or two sentences: the body's first paragraph.
    pub lead: Vec<Inline>,
    /// The rest of the body.
    pub body: Vec<Block>,
    /// Where it was read.
    pub origin: Origin,
}

/// A page that an entry's facts come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The page's title.
    pub title: String,
    /// Its https address.
    pub url: String,
}

/// Where an entry comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// It is part of the program.
    Shipped,
    /// It was read from a team's own folder.
    Folder(PathBuf),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Shipped => f.write_str("k8sfaq"),
            Origin::Folder(folder) => write!(f, "{}", folder.display()),
        }
    }
}

impl Entry {
    /// The answer in one or two sentences, without marks.
    #[must_use]
    pub fn lead_text(&self) -> String {
        markdown::plain(&self.lead)
    }

    /// The steps that hold for a cluster version; all of them, with their versions written out, where it is not known.
    #[must_use]
    pub fn steps(&self, version: Option<ClusterVersion>) -> Vec<Block> {
        markdown::for_version(&self.body, version)
    }

    /// Title and aliases: all the ways in which the question is worded.
    pub fn wordings(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.title)
            .chain(&self.aliases)
            .map(String::as_str)
    }
}

/// The places in a file of what is checked against other files.
#[derive(Debug, Default)]
pub(super) struct Places {
    pub title: Option<Place>,
    pub aliases: Vec<Place>,
    pub signatures: Vec<Place>,
    pub samples: Vec<Place>,
    pub related: Vec<Place>,
    pub explains: Vec<Place>,
}

/// An entry with its path, and the places that later checks point at.
#[derive(Debug)]
pub(super) struct Parsed {
    pub path: String,
    pub entry: Entry,
    pub places: Places,
}

/// Reads an entry. It is `None` where a part is missing without which it cannot be shown; all that is wrong is added to `problems`.
pub(super) fn parse(
    path: &str,
    id: EntryId,
    topic: &str,
    origin: Origin,
    text: &str,
    problems: &mut Vec<Problem>,
) -> Option<Parsed> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let Some((yaml, body, body_start)) = split(text) else {
        problems.push(Place::START.problem(
            path,
            Severity::Problem,
            "no front matter",
            "begin the file with a line `---`, its keys, and another line `---`",
        ));
        return None;
    };
    let front_matter = front_matter::read(path, yaml, 2, problems);
    let (blocks, refusals) = markdown::parse(body);
    for refusal in refusals {
        problems.push(Place::of(text, body_start + refusal.offset).problem(
            path,
            Severity::Problem,
            refusal.message,
            refusal.cure,
        ));
    }
    for (offset, name) in placeholder::unknown(body) {
        let known = closest(name, placeholder::PLACEHOLDERS.iter().copied());
        problems.push(Place::of(text, body_start + offset).problem(
            path,
            Severity::Problem,
            format!("unknown placeholder <{name}>"),
            known.map_or(
                "use one of the list in CONTRIBUTING.md".to_owned(),
                |known| format!("did you mean <{known}>?"),
            ),
        ));
    }
    let mut builder = Builder { path, problems };
    let lead_and_body = builder.body(blocks, body, Place::of(text, body_start));
    let entry = builder.entry(id, topic, origin, front_matter, lead_and_body);
    entry.map(|(entry, places)| Parsed {
        path: path.to_owned(),
        entry,
        places,
    })
}

/// Splits a file into its front matter, its body, and the byte at which the body begins.
fn split(text: &str) -> Option<(&str, &str, usize)> {
    let after = text
        .strip_prefix("---\n")
        .or_else(|| text.strip_prefix("---\r\n"))?;
    let start = text.len() - after.len();
    let mut at = start;
    for line in after.split_inclusive('\n') {
        if line.trim_end() == "---" {
            let body_start = at + line.len();
            return Some((&text[start..at], &text[body_start..], body_start));
        }
        at += line.len();
    }
    None
}

struct Builder<'a> {
    path: &'a str,
    problems: &'a mut Vec<Problem>,
}

impl Builder<'_> {
    fn add(&mut self, place: Place, severity: Severity, message: String, cure: &str) {
        self.problems
            .push(place.problem(self.path, severity, message, cure));
    }

    fn problem(&mut self, place: Place, message: impl Into<String>, cure: &str) {
        self.add(place, Severity::Problem, message.into(), cure);
    }

    /// Takes the first paragraph off and checks the size of both parts.
    fn body(
        &mut self,
        mut blocks: Vec<Block>,
        source: &str,
        place: Place,
    ) -> Option<(Vec<Inline>, Vec<Block>)> {
        let size = source.trim().chars().count();
        if size > MAX_BODY {
            self.problem(
                place,
                format!("the body has {size} characters, more than {MAX_BODY}"),
                "shorten it, or split it into two entries",
            );
        }
        if !matches!(blocks.first(), Some(Block::Paragraph(_))) {
            self.problem(
                place,
                "the body does not begin with a paragraph",
                "write the answer first, in one or two sentences",
            );
            return None;
        }
        let rest = blocks.split_off(1);
        let Some(Block::Paragraph(lead)) = blocks.pop() else {
            return None;
        };
        let size = markdown::plain(&lead).chars().count();
        if size > MAX_LEAD {
            self.problem(
                place,
                format!("the first paragraph has {size} characters, more than {MAX_LEAD}"),
                "say the answer in one or two short sentences, and the rest below",
            );
        }
        if lead
            .iter()
            .any(|inline| matches!(inline, Inline::Link { .. }))
        {
            self.problem(
                place,
                "a link in the first paragraph",
                "notifications cannot show it: put it into sources or further down",
            );
        }
        Some((lead, rest))
    }

    fn entry(
        &mut self,
        id: EntryId,
        topic: &str,
        origin: Origin,
        front_matter: FrontMatter,
        lead_and_body: Option<(Vec<Inline>, Vec<Block>)>,
    ) -> Option<(Entry, Places)> {
        let mut places = Places::default();
        let title = self.title(front_matter.title);
        places.title = title.as_ref().map(|title| title.place);
        for alias in &front_matter.aliases {
            let size = alias.value.chars().count();
            if size > MAX_ALIAS {
                self.problem(
                    alias.place,
                    format!("an alias of {size} characters, more than {MAX_ALIAS}"),
                    "shorten it; an error line belongs into signatures",
                );
            }
        }
        let mut signatures = Vec::new();
        for written in front_matter.signatures {
            places.signatures.push(written.text.place);
            places.samples.push(written.sample.place);
            signatures.push(if written.is_pattern {
                Signature {
                    pattern: written.text.value,
                    sample: written.sample.value,
                }
            } else {
                Signature::literal(&written.text.value, &written.sample.value)
            });
        }
        let (related, related_places) = self.all(&front_matter.related, |builder, text| {
            builder.parse(text, "write the file name of an entry, without .md")
        });
        places.related = related_places;
        let (explains, explains_places) = self.all(&front_matter.explains, Self::condition);
        places.explains = explains_places;
        let (looks_for, _) = self.all(&front_matter.looks_for, Self::condition);
        let is_shipped = origin == Origin::Shipped;
        if is_shipped && front_matter.sources.is_empty() {
            self.problem(
                Place::START,
                "no `sources`",
                "name the upstream pages that the facts come from",
            );
        }
        let mut sources = Vec::new();
        for source in front_matter.sources {
            if is_https(&source.url.value) {
                sources.push(Source {
                    title: source.title,
                    url: source.url.value,
                });
            } else {
                self.problem(
                    source.url.place,
                    format!("`{}` is no https address", short(&source.url.value)),
                    "write an address that begins with https://",
                );
            }
        }
        let reviewed = front_matter.reviewed.and_then(|written| {
            let date = written.value.parse().ok();
            if date.is_none() {
                self.problem(
                    written.place,
                    format!("`{}` is no date", short(&written.value)),
                    "write it as 2026-11-25",
                );
            }
            date
        });
        let versions = self.versions(front_matter.since, front_matter.until);
        let (tags, aliases) = (front_matter.tags, front_matter.aliases);
        places.aliases = aliases.iter().map(|alias| alias.place).collect();
        let (lead, body) = lead_and_body?;
        let entry = Entry {
            id,
            topic: topic.to_owned(),
            title: title?.value,
            aliases: aliases.into_iter().map(|alias| alias.value).collect(),
            signatures,
            tags: tags.into_iter().map(|tag| tag.value).collect(),
            related,
            sources,
            explains,
            looks_for,
            reviewed,
            versions,
            lead,
            body,
            origin,
        };
        Some((entry, places))
    }

    fn title(&mut self, title: Option<Placed<String>>) -> Option<Placed<String>> {
        let Some(title) = title else {
            self.problem(Place::START, "no `title`", "write the question as `title`");
            return None;
        };
        let size = title.value.chars().count();
        if size > MAX_TITLE {
            self.problem(
                title.place,
                format!("a title of {size} characters, more than {MAX_TITLE}"),
                "shorten it",
            );
        }
        if !title.value.ends_with('?') {
            self.add(
                title.place,
                Severity::Warning,
                format!("the title `{}` is no question", short(&title.value)),
                "word it as a person would ask, with a question mark",
            );
        }
        Some(title)
    }

    /// Those of the written texts that can be read, with their places.
    fn all<T>(
        &mut self,
        written: &[Placed<String>],
        mut read: impl FnMut(&mut Self, &Placed<String>) -> Option<T>,
    ) -> (Vec<T>, Vec<Place>) {
        written
            .iter()
            .filter_map(|text| Some((read(self, text)?, text.place)))
            .unzip()
    }

    fn condition(&mut self, text: &Placed<String>) -> Option<Condition> {
        let parsed = text.value.parse().ok();
        if parsed.is_none() {
            let names = Condition::ALL.iter().map(|condition| condition.name());
            let cure = match closest(&text.value, names) {
                Some(name) => format!("did you mean `{name}`?"),
                None => "take it out; the names are those of `k8sfaq conditions`".to_owned(),
            };
            self.problem(
                text.place,
                format!("unknown condition `{}`", short(&text.value)),
                &cure,
            );
        }
        parsed
    }

    fn parse<T>(&mut self, text: &Placed<String>, cure: &str) -> Option<T>
    where
        T: std::str::FromStr,
        T::Err: fmt::Display,
    {
        match text.value.parse() {
            Ok(value) => Some(value),
            Err(error) => {
                self.problem(text.place, error.to_string(), cure);
                None
            }
        }
    }

    fn versions(
        &mut self,
        since: Option<Placed<String>>,
        until: Option<Placed<String>>,
    ) -> VersionRange {
        let cure = "write a version in quotes, such as \"1.33\"";
        let place = until.as_ref().map(|until| until.place);
        let since: Option<ClusterVersion> = since.and_then(|text| self.parse(&text, cure));
        let before = until
            .and_then(|text| self.parse::<ClusterVersion>(&text, cure))
            .map(|last| ClusterVersion {
                minor: last.minor.saturating_add(1),
                ..last
            });
        if let (Some(since), Some(before), Some(place)) = (since, before, place)
            && before <= since
        {
            self.problem(
                place,
                "`until` is before `since`",
                "`until` names the last version for which the entry holds",
            );
        }
        VersionRange { since, before }
    }
}

/// The candidate that a mistyped name most likely means.
pub(super) fn closest<'a>(
    typed: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    /// Likeness (Jaro-Winkler, 0 to 1) from which on a name is worth offering; below it the offer is a guess.
    const LIKELY: f64 = 0.85;
    let typed = typed.to_lowercase();
    candidates
        .into_iter()
        .map(|name| (strsim::jaro_winkler(&typed, &name.to_lowercase()), name))
        .filter(|(likeness, _)| *likeness >= LIKELY)
        .max_by(|a, b| a.0.total_cmp(&b.0).then_with(|| b.1.cmp(a.1)))
        .map(|(_, name)| name)
}

fn is_https(url: &str) -> bool {
    url.strip_prefix("https://").is_some_and(|rest| {
        !rest.is_empty()
            && !rest
                .chars()
                .any(|letter| letter.is_whitespace() || letter.is_control() || letter == '|')
    })
}

fn short(text: &str) -> String {
    text.chars().take(80).collect()
}
