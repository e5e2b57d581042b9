//! Pasted text: which of its lines carry the error, and which of its words are only noise.

use std::sync::LazyLock;

use regex::{Regex, RegexBuilder};

use crate::faq::signature::fold;

/// Most lines of a paste whose words are searched with; its signatures are looked for in all of them.
const MAX_LINES: usize = 8;

/// Longest line whose words are searched with, in characters: what is wrong stands early or at the very end.
const MAX_LINE: usize = 600;

/// Words that a line with an error has, each with how much it says.
static TROUBLE: LazyLock<Vec<(Regex, u32)>> = LazyLock::new(|| {
    [
        (r"(?i)\b(error|failed|failure|fatal|panic|denied|forbidden|unauthorized|refused|exceeded|invalid|unable|cannot|couldn't|could not|killed|violates?|unhealthy|evicted|rejected|conflict)\b", 4),
        (r"(?i)(backoff|back-off|err[A-Z]|OOMKilled|CrashLoop|NotReady|Unschedulable|FailedScheduling|FailedMount|FailedAttach|FailedCreate|Insufficient|x509)", 4),
        (r"(?i)\b(warning|timed? ?out|timeout|deadline|not found|no such|unknown|unavailable|unreachable|pending|terminating|unbound|expired|mismatch|stuck)\b", 2),
        (r"(?i)\b(exit code|reason|message|status)\b", 1),
    ]
    .iter()
    .filter_map(|(pattern, weight)| Some((ascii(pattern)?, *weight)))
    .collect()
});

/// What differs from one occurrence of an error to the next.
static NOISE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    ascii(
        r"(?x)
          https?://[!\#-&(-~]+
        | \b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b      # UUID
        | \bsha(256|512)[:-][0-9a-f]+
        | \b\d{4}-\d{2}-\d{2}[T\ ]\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:?\d{2})?   # time stamp
        | \b[IWEF]\d{4}\ \d{2}:\d{2}:\d{2}\.\d+                                  # klog head
        | \b\d{1,3}(\.\d{1,3}){3}(:\d+|/\d+)?\b                                  # IPv4
        | \b([0-9a-f]{1,4}:){3,7}[0-9a-f]{0,4}\b                                 # IPv6
        | \b[a-z0-9]([a-z0-9-]*[a-z0-9])?-[0-9a-f]{8,10}-[a-z0-9]{5}\b           # a Deployment's pod
        | -[0-9a-f]{8,10}\b | -[bcdfghjklmnpqrstvwxz2456789]{5}\b                # generated endings
        | \bip-\d+(-\d+){3}[\w.-]*
        | \b(\d+(\.\d+)?(ms|us|ns|[smhd]))+\b                                    # durations
        | \(x\d+[\ -(*-~]*\)
        | \b0x[0-9a-f]+\b
        | \b[0-9a-f]{12,}\b
        ",
    )
});

/// What programs print is ASCII; without Unicode's classes an expression is a tenth as large, and quick from its first use on.
fn ascii(pattern: &str) -> Option<Regex> {
    RegexBuilder::new(pattern).unicode(false).build().ok()
}

/// Whether a text is pasted output rather than something a person has worded.
pub(super) fn is_pasted(text: &str) -> bool {
    let lines = text.lines().filter(|line| !line.trim().is_empty()).count();
    if lines > 3 {
        return true;
    }
    let marks = text
        .chars()
        .filter(|letter| matches!(letter, ':' | '=' | '/' | '(' | '[' | '{' | '\\'))
        .count();
    let words = text.split_whitespace().count();
    let trouble: u32 = weight(text);
    // Prose has few marks for its words, and ends in none of them.
    !text.trim_end().ends_with('?') && trouble >= 2 && marks >= 2 && marks * 9 >= words
}

/// The part of a pasted text that is worth searching with: the lines that carry the error, without noise.
pub(super) fn essence(text: &str) -> String {
    let mut lines: Vec<(u32, usize, &str)> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .enumerate()
        .map(|(at, line)| (weight(line), at, line))
        .collect();
    if lines.len() > MAX_LINES {
        // The heaviest lines, and of equal ones the later: the last error is the one that ended it.
        lines.sort_by(|a, b| b.0.cmp(&a.0).then(b.1.cmp(&a.1)));
        lines.truncate(MAX_LINES);
        lines.sort_by_key(|line| line.1);
    }
    let mut essence = String::new();
    for (_, _, line) in lines {
        let short: String = fold(line).chars().take(MAX_LINE).collect();
        essence.push_str(&masked(&short));
        essence.push('\n');
    }
    essence
}

/// A text without what differs from one occurrence to the next.
pub(super) fn masked(text: &str) -> String {
    match NOISE.as_ref() {
        Some(noise) => noise.replace_all(text, " ").into_owned(),
        None => text.to_owned(),
    }
}

fn weight(line: &str) -> u32 {
    TROUBLE
        .iter()
        .filter(|(pattern, _)| pattern.is_match(line))
        .map(|(_, weight)| weight)
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_times_and_addresses_are_noise() {
        assert_eq!(
            fold(&masked(
                "2026-11-25T08:01:02Z payments-api-7c9f6d5b8d-x2kqz 10.0.0.1:8080 refused after 5m30s (x12 over 3m)"
            )),
            "refused after"
        );
    }

    #[test]
    fn all_expressions_compile() {
        assert!(NOISE.is_some());
        assert_eq!(TROUBLE.len(), 4);
    }

    #[test]
    fn an_address_ends_at_its_quote_and_a_count_at_its_bracket() {
        assert_eq!(
            fold(&masked(
                "Get \"https://10.96.0.1:443/api?x=1\": refused (x12 over 3m) again"
            )),
            "Get \" \": refused again"
        );
    }

    #[test]
    fn a_pasted_error_is_told_from_a_question() {
        assert!(is_pasted(
            "Error from server (Forbidden): pods is forbidden: User \"jane\" cannot list"
        ));
        assert!(!is_pasted(
            "why is my pod pending: does the scheduler fail?"
        ));
        assert!(!is_pasted("hey, the deploy failed again, what now"));
    }

    #[test]
    fn the_lines_with_the_error_are_found_in_a_long_paste() {
        let mut text = "a line of a log\n".repeat(200);
        text.push_str("Warning  Failed  kubelet  Error: ImagePullBackOff\n");
        text.push_str(&"another line\n".repeat(200));
        assert!(essence(&text).contains("ImagePullBackOff"));
    }
}
