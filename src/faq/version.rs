//! Cluster versions, and the ranges of them for which a step or an entry holds.

use std::fmt;
use std::str::FromStr;

/// A Kubernetes minor version, such as 1.33.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClusterVersion {
    /// The major version: 1, so far.
    pub major: u16,
    /// The minor version.
    pub minor: u16,
}

impl fmt::Display for ClusterVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// A text that names no cluster version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no cluster version: write it as \"1.33\"")]
pub struct InvalidVersion(pub String);

impl FromStr for ClusterVersion {
    type Err = InvalidVersion;

    /// Reads `1.33`, and what servers report: `v1.33.4`, `1.33+`, `v1.33.4-eks-1a2b3c`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidVersion(text.chars().take(40).collect());
        let mut parts = text.strip_prefix('v').unwrap_or(text).splitn(3, '.');
        let number = |part: Option<&str>| {
            let part = part.unwrap_or_default();
            let digits = part.bytes().take_while(u8::is_ascii_digit).count();
            part[..digits].parse::<u16>().map_err(|_| invalid())
        };
        Ok(ClusterVersion {
            major: number(parts.next())?,
            minor: number(parts.next())?,
        })
    }
}

/// A range of cluster versions: from one on, and before another. Both ends may be open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct VersionRange {
    /// The first version that belongs to the range.
    pub since: Option<ClusterVersion>,
    /// The first version that no longer belongs to it.
    pub before: Option<ClusterVersion>,
}

impl VersionRange {
    /// Whether a version belongs to the range.
    #[must_use]
    pub fn contains(&self, version: ClusterVersion) -> bool {
        self.since.is_none_or(|since| since <= version)
            && self.before.is_none_or(|before| version < before)
    }

    /// Whether the range holds for every version.
    #[must_use]
    pub fn is_all(&self) -> bool {
        self.since.is_none() && self.before.is_none()
    }

    /// Splits a mark such as `{>=1.24 <1.33}` off the start of a text.
    ///
    /// # Errors
    /// The text begins with a mark (a brace and a comparison) that is not well formed.
    pub fn split_mark(text: &str) -> Result<(Self, &str), InvalidMark> {
        let opens_a_mark = text.starts_with("{>") || text.starts_with("{<");
        if !opens_a_mark {
            return Ok((Self::default(), text));
        }
        let end = text.find('}').unwrap_or(text.len());
        let mark = &text[1..end];
        let invalid = || InvalidMark(text.chars().take(30).collect());
        let mut range = Self::default();
        for part in mark.split_whitespace() {
            if let Some(version) = part.strip_prefix(">=") {
                range.since = Some(exact(version).ok_or_else(invalid)?);
            } else if let Some(version) = part.strip_prefix('<') {
                range.before = Some(exact(version).ok_or_else(invalid)?);
            } else {
                return Err(invalid());
            }
        }
        let is_empty = matches!((range.since, range.before), (Some(a), Some(b)) if a >= b);
        match text.get(end + 1..) {
            Some(rest) if !is_empty && !range.is_all() => Ok((range, rest.trim_start())),
            _ => Err(invalid()),
        }
    }
}

impl fmt::Display for VersionRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.since, self.before) {
            (Some(since), Some(before)) => write!(f, "{since} and later, before {before}"),
            (Some(since), None) => write!(f, "{since} and later"),
            (None, Some(before)) => write!(f, "before {before}"),
            (None, None) => f.write_str("every version"),
        }
    }
}

/// A version mark that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no version mark: write {{>=1.33}}, {{<1.33}} or {{>=1.24 <1.33}}")]
pub struct InvalidMark(pub String);

/// Reads a version written as content writes it: two numbers and nothing else.
fn exact(text: &str) -> Option<ClusterVersion> {
    let version: ClusterVersion = text.parse().ok()?;
    (version.to_string() == text).then_some(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_servers_report_is_read() {
        for text in ["1.33", "v1.33.4", "1.33+", "v1.33.4-eks-1a2b3c"] {
            assert_eq!(
                text.parse(),
                Ok(ClusterVersion {
                    major: 1,
                    minor: 33
                })
            );
        }
        assert!("latest".parse::<ClusterVersion>().is_err());
    }

    #[test]
    fn a_mark_is_split_off_and_holds_between_its_ends() {
        let (range, rest) = VersionRange::split_mark("{>=1.24 <1.33} Do it").expect("a mark");
        assert_eq!(rest, "Do it");
        let holds = |minor| range.contains(ClusterVersion { major: 1, minor });
        assert_eq!([23, 24, 32, 33].map(holds), [false, true, true, false]);
    }

    #[test]
    fn a_broken_mark_is_refused_and_other_braces_are_text() {
        for text in [
            "{>=1.33",
            "{>1.33} x",
            "{>=x} x",
            "{<1.33.1} x",
            "{>=1.33 <1.20} x",
        ] {
            assert!(VersionRange::split_mark(text).is_err(), "{text}");
        }
        assert!(VersionRange::split_mark("{a} x").is_ok());
    }
}
