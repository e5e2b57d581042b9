//! Error lines and patterns that name an entry, and finding them in a pasted text.

use regex::{Regex, RegexBuilder, RegexSet, RegexSetBuilder};

/// Memory that one compiled pattern may take, in bytes: a pattern from content must not be able to exhaust it.
const PATTERN_SIZE_LIMIT: usize = 1 << 20;

/// Memory that all patterns of a catalog may take together, in bytes.
const SET_SIZE_LIMIT: usize = 1 << 28;

/// Memory for the lazily built automaton of all patterns, in bytes: enough to keep it through a long paste.
const SET_DFA_LIMIT: usize = 1 << 23;

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

    /// A signature that is a regular expression.
    ///
    /// # Errors
    /// The expression does not compile; the text says why.
    pub fn pattern(pattern: &str, sample: &str) -> Result<Self, String> {
        let signature = Signature {
            pattern: pattern.to_owned(),
            sample: sample.to_owned(),
        };
        signature.compile().map_err(|error| last_line(&error))?;
        Ok(signature)
    }

    /// Whether the signature matches a line.
    #[must_use]
    pub fn matches(&self, line: &str) -> bool {
        self.compile()
            .is_ok_and(|regex| regex.is_match(&fold(line)))
    }

    fn compile(&self) -> Result<Regex, regex::Error> {
        RegexBuilder::new(&ascii_classes(&self.pattern))
            .case_insensitive(true)
            .size_limit(PATTERN_SIZE_LIMIT)
            .build()
    }
}

/// All signatures of a catalog, ready to be looked for at once.
#[derive(Debug)]
pub struct Signatures {
    set: RegexSet,
    patterns: Vec<String>,
}

/// A signature found in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The signature's number, as they were given.
    pub index: usize,
    /// What it matched.
    pub fragment: String,
}

impl Signatures {
    /// Compiles signatures.
    ///
    /// # Errors
    /// Together they need more memory than is allowed.
    pub fn new<'a>(signatures: impl IntoIterator<Item = &'a Signature>) -> Result<Self, String> {
        let patterns: Vec<String> = signatures
            .into_iter()
            .map(|signature| ascii_classes(&signature.pattern))
            .collect();
        let set = RegexSetBuilder::new(&patterns)
            .case_insensitive(true)
            .size_limit(SET_SIZE_LIMIT)
            .dfa_size_limit(SET_DFA_LIMIT)
            .build()
            .map_err(|error| last_line(&error))?;
        Ok(Signatures { set, patterns })
    }

    /// The signatures that match a line, each with what it matched, in the order in which they were given.
    #[must_use]
    pub fn find(&self, line: &str) -> Vec<Found> {
        let line = fold(line);
        self.set
            .matches(&line)
            .into_iter()
            .filter_map(|index| {
                let regex = RegexBuilder::new(&self.patterns[index])
                    .case_insensitive(true)
                    .build()
                    .ok()?;
                let fragment = regex.find(&line)?.as_str().to_owned();
                Some(Found { index, fragment })
            })
            .collect()
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

/// Unicode classes are ten times as large as their ASCII forms and make start-up slow; error lines are ASCII.
fn ascii_classes(pattern: &str) -> String {
    let mut ascii = String::with_capacity(pattern.len() + 8);
    let mut letters = pattern.chars();
    while let Some(letter) = letters.next() {
        ascii.push(letter);
        if letter == '\\'
            && let Some(escaped) = letters.next()
        {
            match escaped {
                'd' => {
                    ascii.pop();
                    ascii.push_str("[0-9]");
                }
                'w' => {
                    ascii.pop();
                    ascii.push_str("[0-9A-Za-z_]");
                }
                's' => {
                    ascii.pop();
                    ascii.push(' ');
                }
                'S' => {
                    ascii.pop();
                    ascii.push_str("[^ ]");
                }
                other => ascii.push(other),
            }
        }
    }
    ascii
}

fn last_line(error: &regex::Error) -> String {
    let text = error.to_string();
    let last = text.lines().last().unwrap_or_default();
    last.trim_start_matches("error: ").to_owned()
}
