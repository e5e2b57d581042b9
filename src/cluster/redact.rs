//! Takes secrets and control characters out of every text that leaves for chat.
//!
//! When in doubt about a value that stands beside a word such as `password`, it goes; when in doubt about a bare string, what
//! Kubernetes itself prints (digests, UIDs, pod names, container ids) stays. The shapes of vendors' tokens follow their
//! documentation and the rules that secret scanners such as gitleaks publish.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::{Captures, Regex};

/// What stands in a secret's place.
pub const REDACTED: &str = "[redacted]";

/// Longest line that leaves, in characters: a scheduler's sentence fits, a stack trace does not.
pub const MAX_LINE: usize = 500;

/// More than this many bytes of one text are not even looked at: the rest is cut off first.
const MAX_INPUT: usize = 64 * 1024;

/// One line of text from the cluster: no secrets, no control characters, at most [`MAX_LINE`] characters.
///
/// Line ends become spaces. The text is redacted before it is cut, so that a cut never hides half a secret from the rules.
#[must_use]
pub fn line(text: &str) -> String {
    let secrets_gone = without_secrets(&printable(bounded(text)));
    let one_line = secrets_gone
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    shortened(&one_line, MAX_LINE)
}

/// Several lines (a log's tail), each as [`line()`] leaves it, empty ones left out.
#[must_use]
pub fn lines(text: &str) -> Vec<String> {
    without_secrets(&printable(bounded(text)))
        .lines()
        .map(|each| shortened(each.trim_end(), MAX_LINE))
        .filter(|each| !each.trim().is_empty())
        .collect()
}

/// At most `limit` characters, with an ellipsis in place of what is cut.
#[must_use]
pub fn shortened(text: &str, limit: usize) -> String {
    if text.chars().count() <= limit {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(limit.saturating_sub(1)).collect();
    short.push('…');
    short
}

fn bounded(text: &str) -> &str {
    let mut end = text.len().min(MAX_INPUT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// Without terminal sequences, control characters (line ends and tabs stay) and characters that reorder or hide text.
fn printable(text: &str) -> String {
    static TERMINAL: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[@-_]|\x{9b}[0-?]*[ -/]*[@-~]").ok()
    });
    let plain = match &*TERMINAL {
        Some(sequences) => sequences.replace_all(text, ""),
        None => Cow::Borrowed(text),
    };
    plain
        .chars()
        .filter(|character| {
            matches!(character, '\n' | '\t') || !(character.is_control() || hides(*character))
        })
        .collect()
}

/// Zero-width and direction-changing characters: they can make a text read as something else.
fn hides(character: char) -> bool {
    matches!(character, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{ad}')
}

/// What becomes of a match.
type Replace = fn(&Captures<'_>) -> String;

/// A pattern and what becomes of its matches.
type Rule = (&'static str, Replace);

/// In the order of their use: whole blocks first, bare strings last.
const RULES: &[Rule] = &[
    (
        r"-----BEGIN [A-Z0-9 ]+-----[\s\S]*?(?:-----END [A-Z0-9 ]+-----|\z)",
        |_| "[redacted PEM block]".to_owned(),
    ),
    (
        r"\beyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]{6,}(?:\.[A-Za-z0-9_-]*){0,3}",
        |_| "[redacted token]".to_owned(),
    ),
    (
        r#"(?i)\b([a-z][a-z0-9+.-]*://)([^\s/@:"']*):([^\s@"']+)@"#,
        basic_auth,
    ),
    (
        r"(?i)(https://hooks\.slack\.com/(?:services|workflows|triggers)/|https://(?:\w+\.)?discord(?:app)?\.com/api/webhooks/)\S+",
        |found| format!("{}{REDACTED}", &found[1]),
    ),
    (
        r#"(?i)\b((?:proxy-)?authorization\\?["']?\s*[:=]\s*\\?["']?(?:(?:bearer|basic|token|digest|negotiate)\s+)?)[^\s"'\\]+"#,
        authorization,
    ),
    (
        r"(?i)\b(bearer|basic)(\s+)([A-Za-z0-9._~+/=-]{12,})",
        scheme_and_value,
    ),
    (
        concat!(
            r"\b(?:(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}|AIza[0-9A-Za-z_-]{35}|ya29\.[0-9A-Za-z_-]{20,}",
            r"|gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}|glpat-[A-Za-z0-9_-]{16,}|gl[a-z]{2,6}-[A-Za-z0-9_-]{20,}",
            r"|xox[abeoprs]-[A-Za-z0-9-]{10,}|xapp-[A-Za-z0-9-]{10,}|[sr]k_(?:live|test)_[A-Za-z0-9]{10,}|sk-[A-Za-z0-9_-]{20,}",
            r"|npm_[A-Za-z0-9]{20,}|dckr_pat_[A-Za-z0-9_-]{20,}|hv[sbr]\.[A-Za-z0-9_-]{20,}|SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}",
            r"|do[opr]_v1_[a-f0-9]{32,}|pypi-[A-Za-z0-9_-]{32,}|shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}|AGE-SECRET-KEY-1[A-Z0-9]{20,}",
            r"|[MNO][A-Za-z0-9_-]{23,27}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,})",
        ),
        |_| "[redacted key]".to_owned(),
    ),
    (
        concat!(
            r"(?i)([A-Za-z0-9_.-]*(?:password|passwd|passphrase|passwort|pwd|secret|token|api[-_.]?key|access[-_.]?key",
            r"|account[-_.]?key|private[-_.]?key|shared[-_.]?key|signing[-_.]?key|encryption[-_.]?key|credentials?|signature|[?&;]sig)[A-Za-z0-9_.-]*)",
            r#"(\\?["']?\s*(?::=|=>|[:=])\s*)(\\?"[^"]*"|'[^']*'|`[^`]*`|[^\s"'`,;&}\])]+)"#,
        ),
        named_value,
    ),
    (
        r#"(?i)(--[a-z0-9-]*(?:password|passwd|passphrase|secret|token|api-?key|access-?key|private-?key)[a-z0-9-]*\s+)("[^"]*"|'[^']*'|[^\s"'-][^\s"']*)"#,
        |found| format!("{}{REDACTED}", &found[1]),
    ),
    (
        r#"(?i)(\bidentified\s+by\s+|\bwith\s+password\s+|\bpassword\s+(?:is\s+)?)('[^']*'|"[^"]*")"#,
        |found| format!("{}{REDACTED}", &found[1]),
    ),
    (
        // With what stands before it, which tells a digest from a secret.
        r#"((?:sha(?:1|256|384|512):|[a-z-]+://|sandbox "?|container "?|ID: ?|id=|@)?)([A-Za-z0-9+/_=-]{20,})"#,
        bare_string,
    ),
];

fn without_secrets(text: &str) -> String {
    static COMPILED: LazyLock<Vec<(Regex, Replace)>> = LazyLock::new(|| {
        RULES
            .iter()
            .filter_map(|(pattern, replace)| Some((Regex::new(pattern).ok()?, *replace)))
            .collect()
    });
    COMPILED
        .iter()
        .fold(text.to_owned(), |text, (pattern, replace)| {
            pattern
                .replace_all(&text, |found: &Captures<'_>| replace(found))
                .into_owned()
        })
}

/// `scheme://user:password@host`. A port before a path (`http://host:8080/a@b`) is no password.
fn basic_auth(found: &Captures<'_>) -> String {
    let password = &found[3];
    let digits = password.bytes().take_while(u8::is_ascii_digit).count();
    if digits > 0 && password[digits..].starts_with('/') {
        return found[0].to_owned();
    }
    format!("{}{REDACTED}@", &found[1])
}

fn authorization(found: &Captures<'_>) -> String {
    let value = &found[0][found[1].len()..];
    // `authorization: failed` and the like are sentences.
    if value.len() < 8 && value.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        return found[0].to_owned();
    }
    format!("{}{REDACTED}", &found[1])
}

fn scheme_and_value(found: &Captures<'_>) -> String {
    let value = &found[3];
    // `basic authentication`, `Bearer authorization` are words.
    if value
        .bytes()
        .all(|byte| byte.is_ascii_lowercase() || byte == b'-')
    {
        return found[0].to_owned();
    }
    format!("{}{}{REDACTED}", &found[1], &found[2])
}

/// `name: value` or `name=value` where the name speaks of a secret.
fn named_value(found: &Captures<'_>) -> String {
    let (name, separator, value) = (found[1].to_lowercase(), &found[2], &found[3]);
    let bare = value.trim_matches(['\\', '"', '\'', '`']);
    let names_a_place = [
        "name", "names", "ref", "path", "file", "dir", "seconds", "type", "kind", "policy",
        "count", "version",
    ]
    .iter()
    .any(|ending| name.ends_with(ending));
    let says_nothing = bare.is_empty()
        || bare.starts_with("[redacted")
        || [
            "true", "false", "null", "nil", "none", "yes", "no", "unset", "<nil>", "<none>",
        ]
        .contains(&bare.to_lowercase().as_str());
    // `unable to fetch token: unexpected status …` goes on as a sentence; a password's value is taken out whatever it looks like.
    let is_password = ["passw", "pwd", "passphrase"]
        .iter()
        .any(|word| name.contains(word));
    let is_sentence = !is_password
        && separator.trim() == ":"
        && separator.ends_with(' ')
        && bare.len() < 16
        && bare
            .bytes()
            .all(|byte| byte.is_ascii_alphabetic() || byte == b'\'');
    if names_a_place || says_nothing || is_sentence {
        return found[0].to_owned();
    }
    format!("{}{separator}{REDACTED}", &found[1])
}

/// A long run of letters and digits that no human and no Kubernetes made up.
fn bare_string(found: &Captures<'_>) -> String {
    let (before, run) = (&found[1], &found[2]);
    let names_an_object = !before.is_empty();
    if names_an_object && run.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return found[0].to_owned();
    }
    let separators = ['-', '_', '/', '=', '+'];
    // The separators of base64 cut a random string into pieces that are too short to judge; capitals tell it from a path.
    let joined = run.replace(separators, "");
    let is_base64 = joined.len() >= 36
        && joined.bytes().any(|byte| byte.is_ascii_uppercase())
        && looks_random(&joined);
    if is_base64 || run.split(separators).any(looks_random) {
        format!("{before}{REDACTED}")
    } else {
        found[0].to_owned()
    }
}

/// Git commits are 40 hexadecimal digits; they appear in image tags and are no secret.
const GIT_COMMIT_LENGTH: usize = 40;

fn looks_random(segment: &str) -> bool {
    let bytes = segment.as_bytes();
    let has = |class: fn(&u8) -> bool| bytes.iter().any(class);
    let (upper, lower, digit) = (
        has(u8::is_ascii_uppercase),
        has(u8::is_ascii_lowercase),
        has(u8::is_ascii_digit),
    );
    if !digit || (!upper && !lower) {
        return false;
    }
    if bytes.len() == GIT_COMMIT_LENGTH && bytes.iter().all(u8::is_ascii_hexdigit) {
        return false;
    }
    // Written names change between capitals, small letters and digits rarely, random ones at about every second character.
    let class = |byte: &u8| (byte.is_ascii_uppercase(), byte.is_ascii_digit());
    let changes = bytes
        .windows(2)
        .filter(|pair| class(&pair[0]) != class(&pair[1]))
        .count();
    let mixed = changes * 10 >= bytes.len() * 3;
    let long_enough = if upper && lower { 18 } else { 32 };
    mixed && bytes.len() >= long_enough
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_compiles() {
        for (pattern, _) in RULES {
            assert!(Regex::new(pattern).is_ok(), "{pattern}");
        }
    }

    /// Secrets are put together here so that no scanner takes this file for a leak.
    fn planted() -> Vec<(String, String)> {
        let random = "q7Wz9KfT2mXc4VbN8pLd3RsG6hJy1QaE";
        let jwt = format!(
            "eyJ{}.eyJ{}.{}",
            "hbGciOiJIUzI1NiJ9", "zdWIiOiIxMjM0NTY3ODkwIn0", "dozjgNryP4J3jVmNHl0w5N"
        );
        let secret = |text: &str, part: &str| (text.to_owned(), part.to_owned());
        vec![
            secret("password=hunter2", "hunter2"),
            secret("DB_PASSWORD: correct-horse", "correct-horse"),
            secret(r#"{"password":"hunter2","user":"a"}"#, "hunter2"),
            secret(r#"msg="{\"client_secret\":\"hunter22\"}""#, "hunter22"),
            secret(
                "connecting with postgres://shop:s3cr3t/x@db:5432/shop",
                "s3cr3t/x",
            ),
            secret("amqp://:onlypass@rabbit:5672", "onlypass"),
            secret("redis --requirepass --password hunter2 --port 1", "hunter2"),
            secret("CREATE USER a IDENTIFIED BY 'hunter2'", "hunter2"),
            secret("Authorization: Basic c2hvcDpzM2NyM3Q=", "c2hvcDpzM2NyM3Q="),
            secret(
                "header authorization=Bearer abcdef0123456789",
                "abcdef0123456789",
            ),
            secret("got 401 for Bearer abcdef0123456789", "abcdef0123456789"),
            (format!("token {jwt} is expired"), jwt),
            (
                format!("key {}{}", "AKIA", "IOSFODNN7EXAMPLE"),
                format!("{}{}", "AKIA", "IOSFODNN7EXAMPLE"),
            ),
            (
                format!("push failed for {}{random}", "ghp_"),
                random.to_owned(),
            ),
            (
                format!("slack {}{}", "xoxb-", "123456789012-abcdefGHIJ"),
                "abcdefGHIJ".to_owned(),
            ),
            (
                format!("stripe {}{}", "sk_live_", "4eC39HqLyjWDarjtT1"),
                "4eC39HqLyjWDarjtT1".to_owned(),
            ),
            (
                format!(
                    "posting to https://hooks.slack.com/services/{}",
                    "T000/B000/XXXX"
                ),
                "B000/XXXX".to_owned(),
            ),
            (format!("licence {random} refused"), random.to_owned()),
            (
                format!("aws {}", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
                "wJalrXUtnFEMI".to_owned(),
            ),
            (
                format!("datadog {}", "0a1b2c3d4e5f60718293a4b5c6d7e8f9"),
                "0a1b2c3d4e5f60718293a4b5c6d7e8f9".to_owned(),
            ),
            (
                format!(
                    "-----BEGIN {0} KEY-----\nMIIEvQIBADANBg\n-----END {0} KEY-----",
                    "PRIVATE"
                ),
                "MIIEvQIBADANBg".to_owned(),
            ),
            (
                format!(
                    "-----BEGIN RSA {} KEY----- MIIEvQIBADANBg and cut off",
                    "PRIVATE"
                ),
                "MIIEvQIBADANBg".to_owned(),
            ),
            secret("GET /blob?sv=2024&sig=abc%2Fdef%3D&se=1", "abc%2Fdef"),
            secret("api_key = 12345", "12345"),
            secret("AccountKey=abc123==;EndpointSuffix=x", "abc123"),
        ]
    }

    #[test]
    fn planted_secrets_are_taken_out() {
        for (text, secret) in planted() {
            let left = line(&text);
            assert!(!left.contains(&secret), "{text} → {left}");
            assert!(left.contains("[redacted"), "{text} → {left}");
        }
    }

    #[test]
    fn ordinary_cluster_text_stays() {
        for text in [
            "Back-off restarting failed container app in pod checkout-7899d5c6b8-x2x9z_shop(0b6d4c7e-8f21-4a39-9d6e-5d2f3c1a7b90)",
            r#"Failed to pull image "registry.example.com/team/app@sha256:9b2c1f0e4d5a6b7c8d9e0f1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e": not found"#,
            r#"failed to setup network for sandbox "9b2c1f0e4d5a6b7c8d9e0f1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e": plugin type="calico" failed (add)"#,
            "containerd://9b2c1f0e4d5a6b7c8d9e0f1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e",
            "image ghcr.io/shop/web:3f2504e04f8941d39a0c0305e82c33013f2504e0 not found",
            r#"MountVolume.SetUp failed for volume "creds" : secret "db-password" not found"#,
            "couldn't find key password in Secret shop/db",
            "0/5 nodes are available: 3 Insufficient cpu, 2 node(s) had untolerated taint {dedicated: gpu}. preemption: 0/5 nodes are available",
            r#"failed to fetch anonymous token: Get "https://auth.docker.io/token?service=registry.docker.io": dial tcp: lookup auth.docker.io: no such host"#,
            "open /var/run/secrets/kubernetes.io/serviceaccount/token: no such file or directory",
            "volume pvc-0b6d4c7e-8f21-4a39-9d6e-5d2f3c1a7b90 is already exclusively attached to one node",
            "at org.springframework.web.servlet.support.AbstractAnnotationConfigDispatcherServletInitializer2.run",
            "secretName: regcred, tokenExpirationSeconds: 3607",
            "http://10.0.0.7:8080/users/a@b answered 500",
            "node gke-prod-default-pool-3f2a1b9c-x7k2 in europe-west1-b, ip-10-0-12-34.eu-central-1.compute.internal",
            "basic authentication required; authorization failed",
            r#"serviceaccount "builder" not found"#,
        ] {
            assert_eq!(line(text), text);
        }
    }

    #[test]
    fn control_characters_and_terminal_sequences_go() {
        assert_eq!(
            line("\u{1b}[31mred\u{1b}[0m\u{7} a\tb\r\nc\u{202e}d\u{200b}"),
            "red a b cd"
        );
        assert_eq!(
            line("\u{1b}]8;;https://evil.example\u{1b}\\link\u{1b}]8;;\u{1b}\\"),
            "link"
        );
    }

    #[test]
    fn a_long_text_is_cut_after_it_is_redacted() {
        let text = format!("{} password=hunter2", "word ".repeat(98));
        let left = line(&text);
        assert!(
            left.chars().count() <= MAX_LINE && !left.contains("hunter"),
            "{left}"
        );
        assert!(line(&"ä".repeat(100_000)).chars().count() == MAX_LINE);
    }

    #[test]
    fn a_log_keeps_its_lines() {
        assert_eq!(
            lines("a\n\n  b token=12345\n"),
            ["a", "  b token=[redacted]"]
        );
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_one_bounded_line_without_control_characters(text in "\\PC*|(?s).*") {
            let left = line(&text);
            proptest::prop_assert!(left.chars().count() <= MAX_LINE);
            proptest::prop_assert!(!left.chars().any(char::is_control));
        }
    }
}
