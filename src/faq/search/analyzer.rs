//! The analyzer: text → words → terms, the same for entries and for questions.

use std::borrow::Cow;
use std::sync::LazyLock;

use frostem::{Algorithm, Stemmer};
use rustc_hash::{FxHashMap, FxHashSet};

use super::QueryTerm;
use super::rank::Vocabulary;
use super::words::{ALSO, FOREIGN, OURS, SAME, STOP_WORDS};

/// Longest word that is looked at, in bytes: Kubernetes' longest names are 63; longer runs are data, not words.
const MAX_WORD: usize = 64;

/// Most neighbouring words that are tried as one: `persistent volume claim` and `crash loop back off`.
const MAX_JOINED: usize = 4;

static STOPPED: LazyLock<FxHashSet<&'static str>> =
    LazyLock::new(|| STOP_WORDS.iter().copied().collect());

static CANONICAL: LazyLock<FxHashMap<&'static str, &'static str>> = LazyLock::new(|| {
    SAME.iter()
        .flat_map(|group| group.iter().map(|word| (*word, group[0])))
        .collect()
});

static COUNTED_AS: LazyLock<FxHashMap<&'static str, &'static str>> =
    LazyLock::new(|| ALSO.iter().copied().collect());

static OUR_TERMS: LazyLock<FxHashSet<String>> =
    LazyLock::new(|| OURS.iter().map(|word| canonical(word)).collect());

/// The words of a text, in lower case.
#[derive(Debug, Default)]
pub(super) struct Words {
    /// All of them, one after another: neighbours written as one are a slice.
    letters: String,
    words: Vec<Word>,
}

#[derive(Debug, Clone, Copy)]
struct Word {
    start: usize,
    end: usize,
    /// The number of the white-space-separated run that it stands in: `Crash` and `Loop` of `CrashLoop` share one.
    run: usize,
}

impl Words {
    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        self.words
            .iter()
            .map(|word| &self.letters[word.start..word.end])
    }

    /// Some neighbours as one word.
    fn joined(&self, first: usize, last: usize) -> &str {
        &self.letters[self.words[first].start..self.words[last].end]
    }

    /// Splits what has no letter but ASCII's, and no apostrophe: nearly all there is, and quicker so.
    fn push_plain(&mut self, chunk: &str, run: usize) {
        let bytes = chunk.as_bytes();
        let is = |at: usize, class: fn(&u8) -> bool| bytes.get(at).is_some_and(class);
        let mut start = 0;
        for at in 0..=bytes.len() {
            if !is(at, u8::is_ascii_alphanumeric) {
                self.push(&chunk[start..at], run);
                start = at + 1;
            } else if at > start
                && is(at, u8::is_ascii_uppercase)
                && (is(at - 1, u8::is_ascii_lowercase)
                    || (is(at - 1, u8::is_ascii_uppercase)
                        && is(at + 1, u8::is_ascii_lowercase)
                        // A plural's s begins no word.
                        && (bytes[at + 1] != b's' || is(at + 2, u8::is_ascii_alphanumeric))))
            {
                self.push(&chunk[start..at], run);
                start = at;
            }
        }
    }

    fn push(&mut self, part: &str, run: usize) {
        if part.is_empty() || part.len() > MAX_WORD {
            return;
        }
        let start = self.letters.len();
        if part.is_ascii() {
            self.letters.push_str(part);
            self.letters[start..].make_ascii_lowercase();
        } else {
            self.letters
                .extend(part.chars().flat_map(char::to_lowercase));
        }
        let end = self.letters.len();
        self.words.push(Word { start, end, run });
    }
}

/// Splits a text into words: at everything that is no letter or digit, and inside `CamelCase`.
pub(super) fn words(text: &str) -> Words {
    let mut words = Words::default();
    for (run, chunk) in text.split_whitespace().enumerate() {
        if is_plain(chunk) {
            words.push_plain(chunk, run);
            continue;
        }
        let chunk = without_apostrophes(chunk);
        for piece in chunk.split(|letter: char| !letter.is_alphanumeric()) {
            split_camel_case(piece, |part| words.push(part, run));
        }
    }
    words
}

fn is_plain(chunk: &str) -> bool {
    chunk
        .bytes()
        .all(|byte| byte.is_ascii() && byte != b'\'' && byte != b'`')
}

/// `can't` → `cant`, `pod's` → `pod`, whatever apostrophe a keyboard or a chat program puts in.
fn without_apostrophes(chunk: &str) -> Cow<'_, str> {
    const APOSTROPHES: [char; 6] = ['\'', '\u{2018}', '\u{2019}', '\u{201b}', '`', '\u{b4}'];
    if !chunk.contains(APOSTROPHES) {
        return Cow::Borrowed(chunk);
    }
    let plain = chunk.replace(APOSTROPHES, "'");
    Cow::Owned(plain.replace("n't", "nt").replace("'s", ""))
}

/// `CrashLoopBackOff` → `Crash` `Loop` `Back` `Off`, `OOMKilled` → `OOM` `Killed`, `IPs` and `K8s` stay.
fn split_camel_case<'a>(piece: &'a str, mut push: impl FnMut(&'a str)) {
    let letters: Vec<(usize, char)> = piece.char_indices().collect();
    let mut start = 0;
    for window in 1..letters.len() {
        let (at, letter) = letters[window];
        let before = letters[window - 1].1;
        let after = letters.get(window + 1).map(|(_, after)| *after);
        let word_begins = letter.is_uppercase()
            && (before.is_lowercase()
                || (before.is_uppercase()
                    && after.is_some_and(char::is_lowercase)
                    // A plural's s begins no word.
                    && !(after == Some('s') && window + 2 == letters.len())));
        if word_begins {
            push(&piece[start..at]);
            start = at;
        }
    }
    if start < piece.len() {
        push(&piece[start..]);
    }
}

/// Words written as one that the entries know: `crashloopbackoff`, `daemonset`.
#[derive(Debug, Default)]
pub(super) struct Compounds(FxHashSet<String>);

impl Compounds {
    /// The compounds of the word lists.
    pub(super) fn new() -> Self {
        Compounds(CANONICAL.keys().map(|word| (*word).to_owned()).collect())
    }

    /// Learns single words, and what is written as one run, from a text.
    pub(super) fn learn(&mut self, text: &str) {
        let words = words(text);
        let mut first = 0;
        while first < words.words.len() {
            let run = words.words[first].run;
            let length = words.words[first..]
                .iter()
                .take_while(|word| word.run == run)
                .count();
            let last = first + length - 1;
            if (2..=MAX_JOINED).contains(&length)
                && (first..=last).all(|at| is_name(words.joined(at, at)))
            {
                self.add(words.joined(first, last));
            }
            for at in first..=last {
                let word = words.joined(at, at);
                if word.len() >= 6 && is_name(word) {
                    self.add(word);
                }
            }
            first += length;
        }
    }

    fn add(&mut self, word: &str) {
        if !self.0.contains(word) {
            self.0.insert(word.to_owned());
        }
    }

    fn contains(&self, word: &str) -> bool {
        self.0.contains(word)
    }
}

fn is_name(word: &str) -> bool {
    word.len() >= 2 && word.bytes().all(|byte| byte.is_ascii_lowercase())
}

/// A term of a text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Term {
    /// A word that stands in the text, or several of its words as one.
    Own(String),
    /// A word that one of the text's words also counts as.
    Also(String),
}

impl Term {
    /// The term as it is indexed.
    pub(super) fn text(&self) -> &str {
        match self {
            Term::Own(text) | Term::Also(text) => text,
        }
    }
}

/// A word, or some neighbours as one, ready to become terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Surface<'a> {
    /// In lower case, not stemmed.
    pub text: &'a str,
    /// Whether it was joined from several words, which stand beside it.
    pub is_joined: bool,
}

/// The words that say something, and the compounds that they make together.
pub(super) fn each_surface(
    words: &Words,
    compounds: &Compounds,
    mut each: impl FnMut(Surface<'_>),
) {
    for (first, text) in words.iter().enumerate() {
        if !is_stopped(text) {
            each(Surface {
                text,
                is_joined: false,
            });
        }
        let last = words.words.len().min(first + MAX_JOINED);
        for next in first + 1..last {
            let text = words.joined(first, next);
            if text.len() > MAX_WORD {
                break;
            }
            if compounds.contains(text) {
                each(Surface {
                    text,
                    is_joined: true,
                });
            }
        }
    }
}

/// Whether a word says nothing: a stop word, a single letter, or a number that names nothing.
fn is_stopped(word: &str) -> bool {
    STOPPED.contains(word) || word.chars().count() < 2 || is_plain_number(word)
}

/// Whether an unknown word is a stop word with one typing error.
pub(super) fn is_nearly_stopped(word: &str) -> bool {
    /// Shorter words are a letter away from too many others.
    const SHORTEST: usize = 4;
    word.len() >= SHORTEST
        && STOP_WORDS
            .iter()
            .filter(|stopped| stopped.len() >= SHORTEST && stopped.len().abs_diff(word.len()) <= 1)
            .any(|stopped| strsim::osa_distance(stopped, word) == 1)
}

/// A text's words and nothing else: what two wordings that differ in case and punctuation have in common.
pub(super) fn plain(words: &Words) -> String {
    let words: Vec<&str> = words.iter().collect();
    words.join(" ")
}

/// Whose words a question uses.
pub(super) fn vocabulary(question: &str, terms: &[QueryTerm]) -> Vocabulary {
    Vocabulary {
        is_foreign: words(question).iter().any(|word| FOREIGN.contains(&word)),
        // A corrected word is ours as well, but not one that only counts as another.
        is_ours: terms
            .iter()
            .any(|term| term.weight > super::rank::ALSO_WEIGHT && OUR_TERMS.contains(&term.text)),
    }
}

/// Numbers are noise, but for exit codes, HTTP statuses and well-known ports.
fn is_plain_number(word: &str) -> bool {
    const TELLING: &[&str] = &[
        "126", "127", "128", "137", "139", "143", "255", "401", "403", "404", "413", "429", "500",
        "502", "503", "504", "80", "443", "6443", "8080", "10250",
    ];
    word.bytes().all(|byte| byte.is_ascii_digit()) && !TELLING.contains(&word)
}

/// The terms of a surface: its stem under its canonical name, and what it also counts as.
pub(super) fn terms(surface: &str) -> impl Iterator<Item = Term> + use<> {
    let canonical = canonical(surface);
    let also = COUNTED_AS
        .get(canonical.as_str())
        .or_else(|| COUNTED_AS.get(surface))
        .map(|word| Term::Also(stem(word)));
    std::iter::once(Term::Own(canonical)).chain(also)
}

fn canonical(word: &str) -> String {
    if let Some(same) = CANONICAL.get(word) {
        return stem(same);
    }
    let stemmed = stem(word);
    match CANONICAL.get(stemmed.as_str()) {
        Some(same) => stem(same),
        None => stemmed,
    }
}

fn stem(word: &str) -> String {
    Stemmer::new(Algorithm::English).stem(word).into_owned()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn split(text: &str) -> Vec<String> {
        words(text).iter().map(str::to_owned).collect()
    }

    fn analyzed(text: &str) -> Vec<String> {
        let mut compounds = Compounds::new();
        compounds.learn("CrashLoopBackOff DaemonSet cordon");
        let mut found = BTreeSet::new();
        each_surface(&words(text), &compounds, |surface| {
            found.extend(terms(surface.text).map(|term| term.text().to_owned()));
        });
        found.into_iter().collect()
    }

    #[test]
    fn camel_case_is_split_and_acronyms_stay_whole() {
        assert_eq!(split("CrashLoopBackOff"), ["crash", "loop", "back", "off"]);
        assert_eq!(split("OOMKilled"), ["oom", "killed"]);
        assert_eq!(split("pod's IPs can't"), ["pod", "ips", "cant"]);
        assert_eq!(split("K8s"), ["k8s"]);
    }

    proptest::proptest! {
        #[test]
        fn plain_text_is_split_as_any_other(chunk in "[a-dA-D0-9s.:_/-]{0,12}") {
            let mut plainly = Words::default();
            plainly.push_plain(&chunk, 0);
            // A letter that is not ASCII's makes it take the other way.
            let mut other: Vec<String> = split(&format!("{chunk}-ü"));
            other.pop();
            let plainly: Vec<&str> = plainly.iter().collect();
            proptest::prop_assert_eq!(plainly, other);
        }
    }

    #[test]
    fn all_spellings_of_a_compound_share_a_term() {
        let term = stem("crashloopbackoff");
        for spelling in [
            "CrashLoopBackOff",
            "crash loop back off",
            "crash-loop-back-off",
            "crashloopbackoff",
            "crashloop",
            "crash-loop",
            "CLBO",
        ] {
            assert!(
                analyzed(spelling).contains(&term),
                "{spelling}: {:?}",
                analyzed(spelling)
            );
        }
    }

    #[test]
    fn short_names_mean_what_they_stand_for() {
        assert_eq!(analyzed("po"), analyzed("pods"));
        assert_eq!(analyzed("ds"), analyzed("daemonset"));
        assert!(analyzed("persistent volume claim").contains(&"pvc".to_owned()));
    }
}
