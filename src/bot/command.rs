//! What a person can type to the bot: the one grammar of all platforms.

use crate::faq::catalog::Catalog;
use crate::faq::id::EntryId;

/// A text, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// `help`, or nothing at all.
    Help,
    /// `topics`, or `topics TOPIC`.
    Topics(Option<String>),
    /// `show ID`.
    Show(EntryId),
    /// `status`, or `status NAMESPACE`: what is wrong in the cluster now.
    Status(Target),
    /// Everything else is a question.
    Ask(Question),
}

/// A question, and where it is to be looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The question, without the target.
    pub text: String,
    /// The part of the cluster that was named.
    pub target: Target,
}

/// The namespace and cluster that a text names, if any.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Target {
    /// `-n NAMESPACE`.
    pub namespace: Option<Namespace>,
    /// `--context CLUSTER`.
    pub context: Option<String>,
}

/// A namespace's name: one DNS label (RFC 1123), 1 to 63 lower-case letters, digits and hyphens.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Namespace(String);

impl Namespace {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Reads a name; `None` where it is no DNS label.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let is_inner =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let is_label = (1..=63).contains(&text.len())
            && text.bytes().all(is_inner)
            && !text.starts_with('-')
            && !text.ends_with('-');
        is_label.then(|| Namespace(text.to_owned()))
    }
}

/// Longest name of a context that is taken from a text, in characters.
const MAX_CONTEXT: usize = 200;

impl Command {
    /// The forms of every command but the question, each with what it does: the help cannot miss one.
    pub const FORMS: &'static [(&'static str, &'static str)] = &[
        ("help", "this help"),
        ("topics", "the topics, and how many entries each has"),
        ("topics TOPIC", "the entries of a topic"),
        ("show ID", "an entry by its id"),
        ("status [NAMESPACE]", "what is wrong in the cluster now"),
    ];

    /// Understands a text. It is a command only if all of it is one; `in_scope` says which namespaces `in NAMESPACE` may name.
    #[must_use]
    pub fn parse(text: &str, catalog: &Catalog, in_scope: impl Fn(&Namespace) -> bool) -> Self {
        let words: Vec<&str> = text.split_whitespace().collect();
        let (words, target) = split_target(&words, in_scope);
        let lower: Vec<String> = words.iter().map(|word| word.to_lowercase()).collect();
        let lower: Vec<&str> = lower.iter().map(String::as_str).collect();
        let is_untargeted = target == Target::default();
        match lower.as_slice() {
            [] | ["help"] if is_untargeted => return Command::Help,
            ["topics"] if is_untargeted => return Command::Topics(None),
            ["topics", topic] if is_untargeted && catalog.topics().contains_key(topic) => {
                return Command::Topics(Some((*topic).to_owned()));
            }
            ["show", id] if is_untargeted => {
                if let Some(entry) = id.parse().ok().and_then(|id| catalog.entry(&id)) {
                    return Command::Show(entry.id.clone());
                }
            }
            ["status"] => return Command::Status(target),
            ["status", name] if target.namespace.is_none() => {
                if let Some(namespace) = Namespace::parse(name) {
                    return Command::Status(Target {
                        namespace: Some(namespace),
                        ..target
                    });
                }
            }
            _ => {}
        }
        // The text keeps its line breaks: a paste is looked through line by line.
        let text = if is_untargeted {
            text.trim().to_owned()
        } else {
            words.join(" ")
        };
        Command::Ask(Question { text, target })
    }
}

/// Takes `-n NAMESPACE`, `--context CLUSTER` and `in NAMESPACE` off the end.
fn split_target<'a, 'b>(
    words: &'b [&'a str],
    in_scope: impl Fn(&Namespace) -> bool,
) -> (&'b [&'a str], Target) {
    let mut rest = words;
    let mut target = Target::default();
    while let [before @ .., flag, value] = rest {
        match *flag {
            "-n" | "--namespace" if target.namespace.is_none() => {
                let Some(namespace) = Namespace::parse(value) else {
                    break;
                };
                target.namespace = Some(namespace);
            }
            "--context"
                if target.context.is_none()
                    && !value.starts_with('-')
                    && value.chars().count() <= MAX_CONTEXT =>
            {
                target.context = Some((*value).to_owned());
            }
            "in" if target.namespace.is_none() && !before.is_empty() => {
                let name = value.trim_end_matches(['?', '.', '!']);
                match Namespace::parse(name).filter(|namespace| in_scope(namespace)) {
                    Some(namespace) => target.namespace = Some(namespace),
                    None => break,
                }
            }
            _ => break,
        }
        rest = before;
    }
    (rest, target)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Command {
        Command::parse(text, &Catalog::shipped(), |namespace| {
            namespace.as_str() == "shop"
        })
    }

    fn question(text: &str) -> (String, Target) {
        match parse(text) {
            Command::Ask(question) => (question.text, question.target),
            other => panic!("{text} is {other:?}"),
        }
    }

    #[test]
    fn a_text_that_is_all_command_is_one() {
        assert_eq!(parse("  HELP "), Command::Help);
        assert_eq!(parse(""), Command::Help);
        assert_eq!(parse("topics"), Command::Topics(None));
        assert_eq!(
            parse("topics storage"),
            Command::Topics(Some("storage".to_owned()))
        );
        assert!(matches!(
            parse("show pod-crashloopbackoff"),
            Command::Show(_)
        ));
        assert!(
            matches!(parse("status shop"), Command::Status(target) if target.namespace == Namespace::parse("shop"))
        );
    }

    #[test]
    fn a_text_that_only_begins_like_a_command_is_a_question() {
        for text in [
            "show pods on a node",
            "status of my deploy",
            "help me with dns",
            "topics unheardof",
            "show nothing-of-the-kind",
            "status Foo_Bar",
        ] {
            assert_eq!(question(text).0, text);
        }
    }

    #[test]
    fn the_target_is_taken_off_the_end_only() {
        let (text, target) = question("why pending -n shop --context prod");
        assert_eq!(
            (text.as_str(), target.context.as_deref()),
            ("why pending", Some("prod"))
        );
        assert_eq!(target.namespace, Namespace::parse("shop"));
        assert_eq!(question("pods pending in shop?").0, "pods pending");
        assert_eq!(question("stuck in terminating").0, "stuck in terminating");
        assert_eq!(
            question("what does -n do in kubectl").0,
            "what does -n do in kubectl"
        );
    }

    #[test]
    fn every_wording_of_every_entry_is_a_question() {
        let catalog = Catalog::shipped();
        for wording in catalog
            .entries()
            .flat_map(crate::faq::entry::Entry::wordings)
        {
            let parsed = Command::parse(wording, &catalog, |_| false);
            assert!(matches!(parsed, Command::Ask(_)), "{wording}: {parsed:?}");
        }
    }
}
