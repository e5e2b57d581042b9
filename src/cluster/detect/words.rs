//! Small pieces of wording that several families use.

use jiff::{SignedDuration, Timestamp};

/// `1 pod`, `2 pods`.
pub(super) fn counted(count: usize, noun: &str) -> String {
    if count == 1 {
        format!("1 {noun}")
    } else {
        format!("{count} {noun}s")
    }
}

/// A duration as kubectl writes ages: `45s`, `12m`, `3h`, `5d`.
#[must_use]
pub fn age(duration: SignedDuration) -> String {
    let seconds = duration.as_secs().max(0);
    match seconds {
        0..120 => format!("{seconds}s"),
        120..7200 => format!("{}m", seconds / 60),
        7200..172_800 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// A time to the second, as the API writes it.
pub(super) fn time(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// `a`, `a and b`, `a, b and 3 more`.
pub(super) fn listed<S: AsRef<str>>(names: &[S], most: usize) -> String {
    let shown: Vec<&str> = names.iter().take(most).map(AsRef::as_ref).collect();
    let left = names.len().saturating_sub(most);
    match (shown.split_last(), left) {
        (None, _) => String::new(),
        (Some(_), 1..) => format!("{} and {left} more", shown.join(", ")),
        (Some((last, [])), 0) => (*last).to_owned(),
        (Some((last, rest)), 0) => format!("{} and {last}", rest.join(", ")),
    }
}

/// The first sentence-like part of a long message, for use inside a summary.
pub(super) fn clause(message: &str, limit: usize) -> String {
    let first_line = message
        .lines()
        .find(|line| !line.trim().is_empty())
        .unwrap_or_default();
    crate::cluster::redact::shortened(first_line.trim().trim_end_matches('.'), limit)
}

/// Whether `text` contains one of `parts`, letter case aside; `text` is in lower case already.
pub(super) fn contains_any(text: &str, parts: &[&str]) -> bool {
    parts.iter().any(|part| text.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_short() {
        assert_eq!(listed::<&str>(&[], 2), "");
        assert_eq!(listed(&["a"], 2), "a");
        assert_eq!(listed(&["a", "b"], 2), "a and b");
        assert_eq!(listed(&["a", "b", "c"], 2), "a, b and 1 more");
    }

    #[test]
    fn ages_are_those_of_kubectl() {
        assert_eq!(age(SignedDuration::from_secs(119)), "119s");
        assert_eq!(age(SignedDuration::from_secs(600)), "10m");
        assert_eq!(age(SignedDuration::from_hours(50)), "2d");
    }
}
