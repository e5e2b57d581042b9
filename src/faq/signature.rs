//! Error lines and patterns that name an entry, and finding them in a pasted text.

use std::sync::OnceLock;

use regex::bytes::{Regex, RegexBuilder, RegexSet, RegexSetBuilder};

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
#[derive(Debug)]
pub struct Signatures {
    set: RegexSet,
    /// The single expressions, compiled when they are first needed: the set says which match, these say where.
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
    /// Compiles signatures.
    ///
    /// # Errors
    /// Together they need more memory than is allowed.
    pub fn new<'a>(signatures: impl IntoIterator<Item = &'a Signature>) -> Result<Self, String> {
        let patterns: Vec<String> = signatures
            .into_iter()
            .map(|signature| signature.pattern.clone())
            .collect();
        let set = RegexSetBuilder::new(&patterns)
            .case_insensitive(true)
            .unicode(false)
            .size_limit(SET_SIZE_LIMIT)
            .dfa_size_limit(SET_DFA_LIMIT)
            .build()
            .map_err(|error| last_line(&error.to_string()))?;
        Ok(Signatures {
            set,
            patterns: patterns
                .into_iter()
                .map(|pattern| (pattern, OnceLock::new()))
                .collect(),
        })
    }

    /// The numbers of the signatures that match a line.
    #[must_use]
    pub fn matching(&self, line: &str) -> Vec<usize> {
        self.set
            .matches(fold(line).as_bytes())
            .into_iter()
            .collect()
    }

    /// The signatures that match a line, each with what it matched, in the order in which they were given.
    #[must_use]
    pub fn find(&self, line: &str) -> Vec<Found> {
        let line = fold(line);
        self.set
            .matches(line.as_bytes())
            .into_iter()
            .filter_map(|index| {
                let (pattern, regex) = &self.patterns[index];
                let found = regex
                    .get_or_init(|| compile(pattern).ok())
                    .as_ref()?
                    .find(line.as_bytes())?;
                let fragment = String::from_utf8_lossy(found.as_bytes()).into_owned();
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
