//! Error lines and patterns that name an entry, and finding them in a pasted text.

use std::collections::{BTreeSet, HashMap};
use std::sync::OnceLock;

use aho_corasick::{AhoCorasick, MatchKind};
use regex::bytes::{Regex, RegexBuilder};
use regex_syntax::hir::{Hir, HirKind};

/// Memory that one compiled pattern may take, in bytes: a pattern from content must not be able to exhaust it.
const PATTERN_SIZE_LIMIT: usize = 1 << 20;

/// A literal error line or pattern that names an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// The regular expression: what content calls a pattern, or its literal, escaped.
    pub pattern: String,
    /// A line as it really appears; the signature matches it.
    pub sample: String,
}

impl Signature {
    /// A signature that is found anywhere in a line, as it stands.
    #[must_use]
    pub fn literal(text: &str, sample: &str) -> Self {
        Signature {
            pattern: regex::escape(&fold(text)),
            sample: sample.to_owned(),
        }
    }

    /// Whether it matches its sample.
    ///
    /// # Errors
    /// The expression does not compile, or matches nothing at all just as well; the text says why.
    pub fn matches_its_sample(&self) -> Result<bool, String> {
        let regex = compile(&self.pattern).map_err(|error| last_line(&error.to_string()))?;
        if regex.is_match(b"") {
            return Err("it matches an empty line, so it would match every text".to_owned());
        }
        Ok(regex.is_match(fold(&self.sample).as_bytes()))
    }
}

/// All signatures of a catalog, ready to be looked for at once.
///
/// Compiling some hundred expressions takes a good part of the start, and a text matches two or three. So the
/// literals that they cannot match without are looked for first, all in one pass, and an expression is compiled when one
/// of its own is met.
#[derive(Debug)]
pub struct Signatures {
    literals: AhoCorasick,
    /// The signatures that cannot match without a literal, by its number.
    having: Vec<Vec<usize>>,
    /// Those that can match without any literal.
    without: Vec<usize>,
    patterns: Vec<(String, OnceLock<Option<Regex>>)>,
}

/// A signature found in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The signature's number, as they were given.
    pub index: usize,
    /// What it matched, with white space folded.
    pub fragment: String,
}

impl Signatures {
    /// Makes signatures ready. One that does not compile, or matches an empty line, finds nothing; `matches_its_sample` says why.
    ///
    /// # Errors
    /// Their literals are too many for one automaton: more than 2³¹ bytes.
    pub fn new<'a>(signatures: impl IntoIterator<Item = &'a Signature>) -> Result<Self, String> {
        let mut literals: Vec<String> = Vec::new();
        let mut numbers: HashMap<String, usize> = HashMap::new();
        let mut having: Vec<Vec<usize>> = Vec::new();
        let mut without = Vec::new();
        let mut patterns = Vec::new();
        for (index, signature) in signatures.into_iter().enumerate() {
            match required(&signature.pattern) {
                Some(required) => {
                    for literal in required {
                        let number = *numbers.entry(literal).or_insert_with_key(|literal| {
                            literals.push(literal.clone());
                            having.push(Vec::new());
                            literals.len() - 1
                        });
                        having[number].push(index);
                    }
                }
                None => without.push(index),
            }
            patterns.push((signature.pattern.clone(), OnceLock::new()));
        }
        let literals = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .match_kind(MatchKind::Standard)
            .build(&literals)
            .map_err(|error| error.to_string())?;
        Ok(Signatures {
            literals,
            having,
            without,
            patterns,
        })
    }

    /// The numbers of the signatures that match a line, in the order in which they were given.
    #[must_use]
    pub fn matching(&self, line: &str) -> Vec<usize> {
        self.find(line)
            .into_iter()
            .map(|found| found.index)
            .collect()
    }

    /// The signatures that match a line, each with what it matched, in the order in which they were given.
    #[must_use]
    pub fn find(&self, line: &str) -> Vec<Found> {
        let line = fold(line);
        let mut possible: BTreeSet<usize> = self.without.iter().copied().collect();
        for literal in self.literals.find_overlapping_iter(&line) {
            possible.extend(&self.having[literal.pattern()]);
        }
        possible
            .into_iter()
            .filter_map(|index| {
                let (pattern, regex) = &self.patterns[index];
                let found = regex
                    .get_or_init(|| compile(pattern).ok().filter(|regex| !regex.is_match(b"")))
                    .as_ref()?
                    .find(line.as_bytes())?;
                let fragment = String::from_utf8_lossy(found.as_bytes()).into_owned();
                Some(Found { index, fragment })
            })
            .collect()
    }
}

/// Literals of which one stands, in whatever case, in every text that a pattern matches; `None` where none must.
fn required(pattern: &str) -> Option<Vec<String>> {
    let hir = regex_syntax::ParserBuilder::new()
        .unicode(false)
        .utf8(false)
        .build()
        .parse(pattern)
        .ok()?;
    required_of(&hir)
}

fn required_of(hir: &Hir) -> Option<Vec<String>> {
    /// Shorter ones stand in every other line.
    const SHORTEST: usize = 3;
    /// More alternatives than this are no filter.
    const MOST: usize = 16;
    match hir.kind() {
        HirKind::Literal(literal) => {
            let text = std::str::from_utf8(&literal.0).ok()?.to_ascii_lowercase();
            (text.len() >= SHORTEST).then(|| vec![text])
        }
        HirKind::Capture(capture) => required_of(&capture.sub),
        HirKind::Repetition(repetition) if repetition.min > 0 => required_of(&repetition.sub),
        HirKind::Concat(parts) => parts
            .iter()
            .filter_map(required_of)
            .max_by_key(|literals| literals.iter().map(String::len).min()),
        HirKind::Alternation(parts) => {
            let each: Option<Vec<Vec<String>>> = parts.iter().map(required_of).collect();
            Some(each?.concat()).filter(|literals| literals.len() <= MOST)
        }
        _ => None,
    }
}

/// A line with any run of white space as one space, so that columns and line breaks do not matter.
#[must_use]
pub fn fold(line: &str) -> String {
    let mut folded = String::with_capacity(line.len());
    for word in line.split_whitespace() {
        if !folded.is_empty() {
            folded.push(' ');
        }
        folded.push_str(word);
    }
    folded
}

/// Error lines are ASCII; without Unicode's classes the expressions are a tenth as large, and start-up is quick.
fn compile(pattern: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(pattern)
        .case_insensitive(true)
        .unicode(false)
        .size_limit(PATTERN_SIZE_LIMIT)
        .build()
}

/// The line of the regex crate's message that says what is wrong; the others draw the expression.
fn last_line(text: &str) -> String {
    let last = text.lines().last().unwrap_or_default();
    last.trim_start_matches("error: ").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signature(pattern: &str, sample: &str) -> Signature {
        Signature {
            pattern: pattern.to_owned(),
            sample: sample.to_owned(),
        }
    }

    #[test]
    fn case_and_columns_do_not_matter() {
        let matches =
            |sample| Signature::literal("Back-off restarting failed", sample).matches_its_sample();
        assert_eq!(
            matches("Warning   BACK-OFF   restarting\tfailed container"),
            Ok(true)
        );
        assert_eq!(matches("back off restarting failed"), Ok(false));
    }

    #[test]
    fn a_pattern_that_matches_everything_or_does_not_compile_is_refused() {
        assert!(signature("a*", "aaa").matches_its_sample().is_err());
        assert!(signature("(", "(").matches_its_sample().is_err());
        assert!(signature("(?=x)y", "y").matches_its_sample().is_err());
    }

    #[test]
    fn what_a_pattern_cannot_match_without_is_found_in_it() {
        let of = |pattern| required(pattern).unwrap_or_default();
        assert_eq!(of(r"exit code:?\s+137\b"), ["exit code"]);
        assert_eq!(
            of("(NoSuchHost|x509: .{1,9} expired)"),
            ["nosuchhost", " expired"]
        );
        assert_eq!(of("(no such host)?"), [""; 0]);
        assert_eq!(of(r"[a-z]+\d{3}"), [""; 0]);
    }

    #[test]
    fn the_set_says_which_matched_and_what() {
        let signatures = [
            Signature::literal("no such host", "no such host"),
            signature(r"exit code:?\s+137\b", "Exit Code: 137"),
        ];
        let set = Signatures::new(&signatures).expect("it compiles");
        assert_eq!(
            set.find("  Exit   Code:   137 → größer"),
            [Found {
                index: 1,
                fragment: "Exit Code: 137".to_owned()
            }]
        );
    }
}
