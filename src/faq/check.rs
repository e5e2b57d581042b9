//! The checks of a catalog that need more than one file, or more than a file's form.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Unit;
use jiff::civil::Date;

use super::catalog::Checked;
use super::condition::Condition;
use super::entry::{Origin, Parsed, closest};
use super::id::EntryId;
use super::problem::{Place, Problem, Severity};
use super::signature::{Signature, Signatures, fold};

/// Age in days from which on an entry wants another look: Kubernetes has three releases a year.
const REVIEW_AGE: i32 = 365;

/// What the checks look at.
struct World<'a> {
    /// The shipped entries first, then each folder's.
    layers: &'a [Vec<Parsed>],
    /// What answers in the end: of two entries with one id, the later layer's.
    merged: BTreeMap<&'a EntryId, &'a Parsed>,
    checked: Checked,
    today: Date,
}

/// The checks, in the order in which they run.
const CHECKS: &[fn(&World<'_>, &mut Vec<Problem>)] = &[
    ids_are_unique_in_a_folder,
    wordings_are_unique,
    wordings_shadow_no_shipped_entry,
    replacements_are_noted,
    related_entries_exist,
    conditions_are_explained_once,
    signatures_match_their_samples,
    signatures_match_no_other_sample,
    entries_are_related_to,
    reviews_are_recent,
];

/// Runs every check.
pub(super) fn check(layers: &[Vec<Parsed>], checked: Checked, today: Date) -> Vec<Problem> {
    let mut merged = BTreeMap::new();
    for parsed in layers.iter().flatten() {
        merged.insert(&parsed.entry.id, parsed);
    }
    let world = World {
        layers,
        merged,
        checked,
        today,
    };
    let mut problems = Vec::new();
    for check in CHECKS {
        check(&world, &mut problems);
    }
    problems
}

impl<'a> World<'a> {
    /// The layers that are checked.
    fn layers(&self) -> &'a [Vec<Parsed>] {
        match self.checked {
            Checked::All => self.layers,
            Checked::Folders => self.layers.get(1..).unwrap_or_default(),
        }
    }

    /// The entries that are checked.
    fn parsed(&self) -> impl Iterator<Item = &'a Parsed> {
        self.layers().iter().flatten()
    }

    fn is_checked(&self, parsed: &Parsed) -> bool {
        self.checked == Checked::All || parsed.entry.origin != Origin::Shipped
    }

    /// Whether this entry answers, rather than one that replaces it.
    fn answers(&self, parsed: &Parsed) -> bool {
        self.merged
            .get(&parsed.entry.id)
            .is_some_and(|merged| std::ptr::eq(*merged, parsed))
    }
}

fn problem(parsed: &Parsed, place: Place, message: String, cure: impl Into<String>) -> Problem {
    place.problem(&parsed.path, Severity::Problem, message, cure)
}

/// Title and aliases, each with its place.
fn wordings(parsed: &Parsed) -> impl Iterator<Item = (&str, Place)> {
    let places = std::iter::once(parsed.places.title.unwrap_or(Place::START))
        .chain(parsed.places.aliases.iter().copied());
    parsed.entry.wordings().zip(places)
}

/// What makes two wordings the same.
fn normal(wording: &str) -> String {
    fold(wording).to_lowercase()
}

fn ids_are_unique_in_a_folder(world: &World<'_>, problems: &mut Vec<Problem>) {
    for layer in world.layers() {
        let mut seen: BTreeMap<&EntryId, &Parsed> = BTreeMap::new();
        for parsed in layer {
            if let Some(first) = seen.insert(&parsed.entry.id, parsed) {
                problems.push(problem(
                    parsed,
                    Place::START,
                    format!("the id `{}` is also {}", parsed.entry.id, first.path),
                    "rename one of the two files",
                ));
            }
        }
    }
}

fn wordings_are_unique(world: &World<'_>, problems: &mut Vec<Problem>) {
    for layer in world.layers() {
        let mut seen: BTreeMap<String, &Parsed> = BTreeMap::new();
        for parsed in layer {
            for (wording, place) in wordings(parsed) {
                if let Some(first) = seen.insert(normal(wording), parsed) {
                    let (message, cure) = if std::ptr::eq(first, parsed) {
                        (
                            format!("`{wording}` stands twice in this entry"),
                            "take one out",
                        )
                    } else {
                        (
                            format!("`{wording}` is also a wording of {}", first.path),
                            "word one of the two so that it says which entry is meant",
                        )
                    };
                    problems.push(problem(parsed, place, message, cure));
                }
            }
        }
    }
}

fn wordings_shadow_no_shipped_entry(world: &World<'_>, problems: &mut Vec<Problem>) {
    let Some((shipped, folders)) = world.layers.split_first() else {
        return;
    };
    if folders.is_empty() {
        return;
    }
    let shipped: BTreeMap<String, &Parsed> = shipped
        .iter()
        .filter(|parsed| world.answers(parsed))
        .flat_map(|parsed| wordings(parsed).map(move |(wording, _)| (normal(wording), parsed)))
        .collect();
    for parsed in folders.iter().flatten() {
        for (wording, place) in wordings(parsed) {
            if let Some(shadowed) = shipped.get(&normal(wording)) {
                problems.push(problem(
                    parsed,
                    place,
                    format!("`{wording}` is also a wording of {}", shadowed.path),
                    format!(
                        "word it differently, or name the file {}.md to replace that entry",
                        shadowed.entry.id
                    ),
                ));
            }
        }
    }
}

fn replacements_are_noted(world: &World<'_>, problems: &mut Vec<Problem>) {
    let mut below: BTreeMap<&EntryId, &Parsed> = BTreeMap::new();
    for layer in world.layers {
        for parsed in layer {
            if let Some(replaced) = below.get(&parsed.entry.id) {
                problems.push(Place::START.problem(
                    &parsed.path,
                    Severity::Note,
                    format!("replaces {}", replaced.path),
                    "nothing to do where that is meant",
                ));
            }
        }
        below.extend(layer.iter().map(|parsed| (&parsed.entry.id, parsed)));
    }
}

fn related_entries_exist(world: &World<'_>, problems: &mut Vec<Problem>) {
    for parsed in world.parsed() {
        for (related, place) in parsed.entry.related.iter().zip(&parsed.places.related) {
            if related == &parsed.entry.id {
                problems.push(problem(
                    parsed,
                    *place,
                    format!("`{related}` is this entry itself"),
                    "take it out",
                ));
            } else if !world.merged.contains_key(related) {
                let ids = world.merged.keys().map(|id| id.as_str());
                let cure = closest(related.as_str(), ids).map_or("take it out".to_owned(), |id| {
                    format!("did you mean `{id}`?")
                });
                problems.push(problem(
                    parsed,
                    *place,
                    format!("no entry has the id `{related}`"),
                    cure,
                ));
            }
        }
    }
}

fn conditions_are_explained_once(world: &World<'_>, problems: &mut Vec<Problem>) {
    let mut explaining: BTreeMap<Condition, Vec<(&Parsed, Place)>> = BTreeMap::new();
    for parsed in world.merged.values() {
        for (condition, place) in parsed.entry.explains.iter().zip(&parsed.places.explains) {
            explaining
                .entry(*condition)
                .or_default()
                .push((parsed, *place));
        }
    }
    for condition in Condition::ALL {
        match explaining.get(condition).map_or(&[][..], Vec::as_slice) {
            [] => {
                // Named at the folder's entry that replaced the one which explained it, if there is one.
                let path = world
                    .layers
                    .iter()
                    .flatten()
                    .find(|parsed| parsed.entry.explains.contains(condition))
                    .and_then(|replaced| world.merged.get(&replaced.entry.id))
                    .map_or("content", |parsed| parsed.path.as_str());
                problems.push(Place::START.problem(
                    path,
                    Severity::Problem,
                    format!("no entry explains the condition {condition}"),
                    "add it to the `explains` of the entry that does",
                ));
            }
            [_] => {}
            several => {
                for (parsed, place) in several
                    .iter()
                    .filter(|(parsed, _)| world.is_checked(parsed))
                {
                    let others: Vec<&str> = several
                        .iter()
                        .filter(|(other, _)| !std::ptr::eq(*other, *parsed))
                        .map(|(other, _)| other.path.as_str())
                        .collect();
                    problems.push(problem(
                        parsed,
                        *place,
                        format!("{condition} is also explained by {}", others.join(", ")),
                        "let one entry explain it; the other may have it in `looks_for`",
                    ));
                }
            }
        }
    }
}

/// Every signature of the checked entries with its place and its sample's.
fn signatures<'a>(
    world: &World<'a>,
) -> impl Iterator<Item = (&'a Parsed, &'a Signature, Place, Place)> {
    world.parsed().flat_map(|parsed| {
        parsed
            .entry
            .signatures
            .iter()
            .zip(parsed.places.signatures.iter().zip(&parsed.places.samples))
            .map(move |(signature, (place, sample))| (parsed, signature, *place, *sample))
    })
}

fn signatures_match_their_samples(world: &World<'_>, problems: &mut Vec<Problem>) {
    for (parsed, signature, place, sample) in signatures(world) {
        match signature.matches_its_sample() {
            Ok(true) => {}
            Ok(false) => problems.push(problem(
                parsed,
                sample,
                format!(
                    "the signature does not match its sample `{}`",
                    signature.sample
                ),
                "correct one of the two",
            )),
            Err(reason) => problems.push(problem(
                parsed,
                place,
                format!("the pattern cannot be used: {reason}"),
                "correct it; the syntax is the regex crate's, without look-around",
            )),
        }
    }
}

fn signatures_match_no_other_sample(world: &World<'_>, problems: &mut Vec<Problem>) {
    if signatures(world).next().is_none() {
        return;
    }
    let owners: Vec<(&Parsed, &Signature)> = world
        .merged
        .values()
        .flat_map(|parsed| parsed.entry.signatures.iter().map(move |s| (*parsed, s)))
        // What does not compile is reported above.
        .filter(|(parsed, signature)| {
            !world.is_checked(parsed) || signature.matches_its_sample().is_ok()
        })
        .collect();
    let Ok(set) = Signatures::new(owners.iter().map(|(_, signature)| *signature)) else {
        problems.push(Place::START.problem(
            "content",
            Severity::Problem,
            "all signatures together are too long to be looked for at once",
            "take out those that no line needs",
        ));
        return;
    };
    for parsed in world.merged.values() {
        for (signature, place) in parsed.entry.signatures.iter().zip(&parsed.places.samples) {
            let others: BTreeSet<&str> = set
                .matching(&signature.sample)
                .into_iter()
                .map(|index| owners[index].0)
                .filter(|owner| {
                    owner.entry.id != parsed.entry.id
                        && (world.is_checked(owner) || world.is_checked(parsed))
                })
                .map(|owner| owner.path.as_str())
                .collect();
            for other in others {
                problems.push(problem(
                    parsed,
                    *place,
                    format!(
                        "the sample `{}` is also matched by a signature of {other}",
                        signature.sample
                    ),
                    "make one of the two signatures more exact: a pasted line must name one entry",
                ));
            }
        }
    }
}

fn entries_are_related_to(world: &World<'_>, problems: &mut Vec<Problem>) {
    let related: BTreeSet<&EntryId> = world
        .merged
        .values()
        .flat_map(|parsed| &parsed.entry.related)
        .collect();
    for parsed in world.parsed() {
        if !related.contains(&parsed.entry.id) {
            problems.push(Place::START.problem(
                &parsed.path,
                Severity::Warning,
                "an orphan: no entry has it among its `related`",
                "name it in the `related` of an entry whose readers need it",
            ));
        }
    }
}

fn reviews_are_recent(world: &World<'_>, problems: &mut Vec<Problem>) {
    for parsed in world.parsed() {
        let Some(reviewed) = parsed.entry.reviewed else {
            if parsed.entry.origin == Origin::Shipped {
                problems.push(problem(
                    parsed,
                    Place::START,
                    "no `reviewed`".to_owned(),
                    "write the date of the last check against the sources",
                ));
            }
            continue;
        };
        let age = reviewed
            .until((Unit::Day, world.today))
            .map_or(0, |span| span.get_days());
        if age > REVIEW_AGE {
            problems.push(Place::START.problem(
                &parsed.path,
                Severity::Warning,
                format!("reviewed on {reviewed}, {age} days ago"),
                "check it against its sources and set the date",
            ));
        }
    }
}
