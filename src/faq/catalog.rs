//! The catalog: all entries, the shipped ones with a team's own folders laid over them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read;
use std::num::NonZero;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::thread;

use jiff::civil::Date;
use rust_embed::RustEmbed;

use super::check;
use super::condition::Condition;
use super::entry::{self, Entry, MAX_FILE_SIZE, Origin, Parsed, closest};
use super::id::EntryId;
use super::problem::{Place, Problem, Severity};

/// All entries, by id.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    entries: BTreeMap<EntryId, Entry>,
}

/// A catalog, and what is wrong in the files that it was read from.
#[derive(Debug)]
pub struct Loaded {
    /// Every entry that can be shown.
    pub catalog: Catalog,
    /// What is wrong, in the order of the files.
    pub problems: Vec<Problem>,
}

impl Loaded {
    /// Whether any problem is more than a warning.
    #[must_use]
    pub fn has_problems(&self) -> bool {
        self.problems
            .iter()
            .any(|problem| problem.severity == Severity::Problem)
    }
}

/// What of a catalog is checked; reading alone finds what makes an entry unusable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Checked {
    /// The folders; the shipped content is checked before it ships.
    Folders,
    /// Everything.
    All,
}

impl Catalog {
    /// The shipped entries.
    #[must_use]
    pub fn shipped() -> Self {
        let mut problems = Vec::new();
        Self::merged(vec![shipped_layer(&mut problems)])
    }

    /// The shipped entries with folders laid over them, each over those before it: new ids add, equal ids replace.
    #[must_use]
    pub fn load(folders: &[PathBuf], today: Date) -> Loaded {
        Self::load_checked(folders, today, Checked::Folders)
    }

    /// As `load`, with the shipped entries checked too.
    #[must_use]
    pub fn check(folders: &[PathBuf], today: Date) -> Loaded {
        Self::load_checked(folders, today, Checked::All)
    }

    fn load_checked(folders: &[PathBuf], today: Date, checked: Checked) -> Loaded {
        let mut problems = Vec::new();
        let mut layers = vec![shipped_layer(&mut problems)];
        for folder in folders {
            layers.push(folder_layer(folder, &mut problems));
        }
        if checked == Checked::All || !folders.is_empty() {
            problems.extend(check::check(&layers, checked, today));
        }
        problems.sort_by(|a, b| {
            (&a.path, a.line, a.column, a.severity).cmp(&(&b.path, b.line, b.column, b.severity))
        });
        Loaded {
            catalog: Self::merged(layers),
            problems,
        }
    }

    fn merged(layers: Vec<Vec<Parsed>>) -> Self {
        let entries = layers
            .into_iter()
            .flatten()
            .map(|parsed| (parsed.entry.id.clone(), parsed.entry))
            .collect();
        Catalog { entries }
    }

    /// A catalog of the given entries; of two with one id the later stays.
    #[must_use]
    pub fn of(entries: impl IntoIterator<Item = Entry>) -> Self {
        let entries = entries
            .into_iter()
            .map(|entry| (entry.id.clone(), entry))
            .collect();
        Catalog { entries }
    }

    /// The entry of an id.
    #[must_use]
    pub fn entry(&self, id: &EntryId) -> Option<&Entry> {
        self.entries.get(id)
    }

    /// All entries, in the order of their ids.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The entries of each topic, in the order of topics and ids.
    #[must_use]
    pub fn topics(&self) -> BTreeMap<&str, Vec<&Entry>> {
        let mut topics: BTreeMap<&str, Vec<&Entry>> = BTreeMap::new();
        for entry in self.entries() {
            topics.entry(&entry.topic).or_default().push(entry);
        }
        topics
    }

    /// The entry that explains a condition.
    #[must_use]
    pub fn explaining(&self, condition: Condition) -> Option<&Entry> {
        self.entries()
            .find(|entry| entry.explains.contains(&condition))
    }

    /// The id that a mistyped one most likely means.
    #[must_use]
    pub fn closest_id(&self, typed: &str) -> Option<&str> {
        closest(typed, self.entries.keys().map(EntryId::as_str))
    }

    /// The topic that a mistyped one most likely means.
    #[must_use]
    pub fn closest_topic(&self, typed: &str) -> Option<&str> {
        closest(typed, self.entries().map(|entry| entry.topic.as_str()))
    }
}

/// The files of `content/`, inside the binary.
#[derive(RustEmbed)]
#[folder = "content/"]
struct Shipped;

fn shipped_layer(problems: &mut Vec<Problem>) -> Vec<Parsed> {
    let mut names: Vec<_> = Shipped::iter().collect();
    names.sort();
    parse_all(&names, problems, |name, problems| {
        let file = Shipped::get(name)?;
        let topic = name.split_once('/').map_or("", |(topic, _)| topic);
        parse_file(
            &format!("content/{name}"),
            Path::new(name.as_ref()),
            topic,
            Origin::Shipped,
            &file.data,
            problems,
        )
    })
}

/// Parses files on every core there is; their order stays.
fn parse_all<File: Sync>(
    files: &[File],
    problems: &mut Vec<Problem>,
    parse: impl Fn(&File, &mut Vec<Problem>) -> Option<Parsed> + Sync,
) -> Vec<Parsed> {
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let share = files.len().div_ceil(threads).max(1);
    let parse_some = &|files: &[File]| {
        let mut problems = Vec::new();
        let parsed: Vec<Parsed> = files
            .iter()
            .filter_map(|file| parse(file, &mut problems))
            .collect();
        (parsed, problems)
    };
    thread::scope(|scope| {
        let parts: Vec<_> = files
            .chunks(share)
            .map(|files| scope.spawn(move || parse_some(files)))
            .collect();
        let mut layer = Vec::with_capacity(files.len());
        for part in parts {
            let (parsed, found) = part.join().unwrap_or_else(|panic| resume_unwind(panic));
            layer.extend(parsed);
            problems.extend(found);
        }
        layer
    })
}

/// Deepest folder below a team's own: topics, and one more.
const MAX_FOLDER_DEPTH: usize = 4;

/// Most files read from one folder: far more than any team writes, far less than a disk holds.
const MAX_FILES: usize = 100_000;

fn folder_layer(folder: &Path, problems: &mut Vec<Problem>) -> Vec<Parsed> {
    let mut files = Vec::new();
    let mut visited = BTreeSet::new();
    walk(folder, MAX_FOLDER_DEPTH, &mut visited, &mut files, problems);
    files.sort();
    parse_all(&files, problems, |file, problems| {
        let path = file.display().to_string();
        let topic = file
            .parent()
            .and_then(Path::file_name)
            .map_or_else(|| "own".to_owned(), |name| name.to_string_lossy().into());
        match read_bounded(file) {
            Ok(bytes) => parse_file(
                &path,
                file,
                &topic,
                Origin::Folder(folder.to_owned()),
                &bytes,
                problems,
            ),
            Err(error) => {
                problems.push(unreadable(file, &error));
                None
            }
        }
    })
}

/// Finds the Markdown files below a folder. What is hidden is passed over, as in a mounted `ConfigMap`, and so are loops of links.
fn walk(
    folder: &Path,
    depth: usize,
    visited: &mut BTreeSet<PathBuf>,
    files: &mut Vec<PathBuf>,
    problems: &mut Vec<Problem>,
) {
    if let Ok(real) = fs::canonicalize(folder)
        && !visited.insert(real)
    {
        return;
    }
    let listing = match fs::read_dir(folder) {
        Ok(listing) => listing,
        Err(error) => {
            problems.push(unreadable(folder, &error));
            return;
        }
    };
    for item in listing.flatten() {
        let path = item.path();
        let name = item.file_name();
        let name = name.to_string_lossy();
        if name.starts_with('.') || files.len() >= MAX_FILES {
            continue;
        }
        let is_markdown = path.extension().is_some_and(|ending| ending == "md");
        match fs::metadata(&path) {
            Ok(metadata) if metadata.is_dir() && depth > 0 => {
                walk(&path, depth - 1, visited, files, problems);
            }
            Ok(metadata) if metadata.is_file() && is_markdown && name != "README.md" => {
                files.push(path);
            }
            Err(error) if is_markdown => problems.push(unreadable(&path, &error)),
            Ok(_) | Err(_) => {}
        }
    }
}

fn read_bounded(file: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    fs::File::open(file)?
        .take(MAX_FILE_SIZE + 1)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn unreadable(path: &Path, error: &std::io::Error) -> Problem {
    Place::START.problem(
        &path.display().to_string(),
        Severity::Problem,
        format!("cannot be read: {error}"),
        "check the path and its permissions",
    )
}

fn parse_file(
    path: &str,
    file: &Path,
    topic: &str,
    origin: Origin,
    bytes: &[u8],
    problems: &mut Vec<Problem>,
) -> Option<Parsed> {
    let mut refuse = |place: Place, message: String, cure: &str| {
        problems.push(place.problem(path, Severity::Problem, message, cure));
        None
    };
    if bytes.len() as u64 > MAX_FILE_SIZE {
        return refuse(
            Place::START,
            format!("the file is larger than {} KiB", MAX_FILE_SIZE / 1024),
            "an entry answers one question: shorten it",
        );
    }
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let valid = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
            return refuse(
                Place::of(&valid, valid.len()),
                "the file is not UTF-8".to_owned(),
                "save it as UTF-8",
            );
        }
    };
    let name = file.file_stem().unwrap_or_default().to_string_lossy();
    match name.parse::<EntryId>() {
        Ok(id) => entry::parse(path, id, topic, origin, text, problems),
        Err(error) => refuse(Place::START, error.to_string(), "rename the file"),
    }
}
