//! The permanent name of an entry.

use std::fmt;
use std::str::FromStr;

/// Longest id, in bytes: it must fit, with room to spare, into a Discord `custom_id` of 100 bytes.
pub const MAX_ID_LENGTH: usize = 60;

/// An entry's permanent name: its file name without the ending, made of lower-case letters, digits and hyphens.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EntryId(String);

impl EntryId {
    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A text that cannot be an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no id: use up to {MAX_ID_LENGTH} lower-case letters, digits and single hyphens, such as `pod-pending`"
)]
pub struct InvalidId(pub String);

impl FromStr for EntryId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let words_are_plain = text.split('-').all(|word| {
            !word.is_empty()
                && word
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        });
        if words_are_plain && text.len() <= MAX_ID_LENGTH {
            Ok(EntryId(text.to_owned()))
        } else {
            Err(InvalidId(text.chars().take(MAX_ID_LENGTH).collect()))
        }
    }
}
