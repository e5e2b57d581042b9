//! Which object a question names, if any: a pasted row, a kind with a name, a pod's name, or a bare word that may be a name.

use std::sync::LazyLock;

use regex::Regex;

use super::kind::Kind;
use super::lookup::Target;
use super::name::{Namespace, ObjectName};
use super::pasted;

/// An object that a question names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The object.
    pub target: Target,
    /// How sure it is that an object is meant.
    pub certainty: Certainty,
}

/// How sure it is that a word is an object's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Certainty {
    /// Written as one: where there is none of that name, the asker wants to know.
    Named,
    /// It may be one: only the cluster can tell, and where it has none, nothing was meant by it.
    Guessed,
}

/// Most of a text that is looked through, in words: more is a log, not a question.
const MAX_WORDS: usize = 60;

/// The object that a question names; the surest reading, and of rows the first that looks sick.
#[must_use]
pub fn object(question: &str) -> Option<Asked> {
    if let Some(target) = pasted::object(question) {
        return Some(Asked {
            target,
            certainty: Certainty::Named,
        });
    }
    let words: Vec<&str> = question
        .split_whitespace()
        .take(MAX_WORDS)
        .map(bare)
        .filter(|word| !word.is_empty())
        .collect();
    with_its_kind(&words)
        .or_else(|| pod_by_its_hash(&words))
        .or_else(|| before_its_kind(&words))
        .or_else(|| with_its_namespace(&words))
        .or_else(|| subject(&words))
}

/// A word without the punctuation around it.
fn bare(word: &str) -> &str {
    word.trim_matches(|letter: char| !(letter.is_alphanumeric() || "-/_<>[]{}".contains(letter)))
}

/// `pod/NAME`, `pod NAMESPACE/NAME`, `pod NAME [-n NAMESPACE | in NAMESPACE]`.
fn with_its_kind(words: &[&str]) -> Option<Asked> {
    let mut guess = None;
    for (place, word) in words.iter().enumerate() {
        if let Some((kind, name)) = word.split_once('/')
            && let (Some(kind), Ok(name)) = (kind_of(kind), name.parse())
        {
            return Some(Asked {
                target: Target {
                    kind: Some(kind),
                    namespace: namespace_of(words),
                    name,
                },
                certainty: Certainty::Named,
            });
        }
        let (Some(kind), Some(next)) = (kind_of(word), words.get(place + 1)) else {
            continue;
        };
        let next = match (*next, words.get(place + 2)) {
            ("called" | "named", Some(name)) => *name,
            (next, _) => next,
        };
        if let Some((namespace, name)) = next.split_once('/')
            && let (Ok(namespace), Ok(name)) = (namespace.parse(), name.parse())
        {
            return Some(Asked {
                target: Target {
                    kind: Some(kind),
                    namespace: Some(namespace),
                    name,
                },
                certainty: Certainty::Named,
            });
        }
        let Some(name) = may_be_a_name(next) else {
            continue;
        };
        // `in namespace shop` says where, not what.
        if kind == Kind::Namespace && words[place.saturating_sub(2)..place].contains(&"in") {
            continue;
        }
        let is_plainly_a_name =
            next.contains('-') && next.bytes().any(|byte| byte.is_ascii_digit());
        let asked = Asked {
            target: Target {
                // People call a workload a pod as well.
                kind: (is_plainly_a_name || kind != Kind::Pod).then_some(kind),
                namespace: namespace_of(words),
                name,
            },
            certainty: if is_plainly_a_name {
                Certainty::Named
            } else {
                Certainty::Guessed
            },
        };
        match asked.certainty {
            Certainty::Named => return Some(asked),
            Certainty::Guessed => guess = guess.or(Some(asked)),
        }
    }
    guess
}

/// `the checkout deployment`: a word before a kind that stands alone.
fn before_its_kind(words: &[&str]) -> Option<Asked> {
    words.windows(2).enumerate().find_map(|(place, pair)| {
        let kind = kind_of(pair[1])?;
        let follows = words.get(place + 2);
        let ends = follows.is_none_or(|word| {
            [
                "in", "is", "isn't", "isnt", "has", "keeps", "does", "not", "stuck", "down", "-n",
                "ok", "okay", "healthy", "fine", "well", "ready", "failing", "pending", "crashing",
            ]
            .contains(&word.to_lowercase().as_str())
        });
        // `namespace` after a name says where; `pods pending` and `node not ready` are no names.
        if kind == Kind::Namespace || !ends {
            return None;
        }
        Some(Asked {
            target: Target {
                kind: (kind != Kind::Pod).then_some(kind),
                namespace: namespace_of(words),
                name: may_be_a_name(pair[0])?,
            },
            certainty: Certainty::Guessed,
        })
    })
}

/// What a `ReplicaSet` calls its pods: nothing else looks like it.
static POD_NAME: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new("^[a-z0-9][a-z0-9.-]*-[b-df-hj-np-tv-z0-9]{6,10}-[b-df-hj-np-tv-z0-9]{5}$").ok()
});

fn pod_by_its_hash(words: &[&str]) -> Option<Asked> {
    let is_pod = |name: &str| POD_NAME.as_ref().is_some_and(|form| form.is_match(name));
    words.iter().find_map(|word| {
        let (namespace, name) = match word.split_once('/') {
            Some((namespace, name)) => (Some(namespace.parse().ok()?), name),
            None => (namespace_of(words), *word),
        };
        let target = is_pod(name)
            .then(|| name.parse().ok())?
            .map(|name| Target {
                kind: Some(Kind::Pod),
                namespace,
                name,
            })?;
        Some(Asked {
            target,
            certainty: Certainty::Named,
        })
    })
}

/// `shop/checkout`, `checkout in shop`.
fn with_its_namespace(words: &[&str]) -> Option<Asked> {
    let guessed = |namespace: Namespace, name: ObjectName| Asked {
        target: Target {
            kind: None,
            namespace: Some(namespace),
            name,
        },
        certainty: Certainty::Guessed,
    };
    let joined = words.iter().find_map(|word| {
        let (namespace, name) = word.split_once('/')?;
        Some(guessed(
            may_be_a_name(namespace)?.as_str().parse().ok()?,
            may_be_a_name(name)?,
        ))
    });
    joined.or_else(|| {
        words.windows(2).enumerate().find_map(|(place, pair)| {
            let [name, "in"] = pair else { return None };
            let namespace = namespace_after(&words[place + 2..])?;
            Some(guessed(namespace, may_be_a_name(name)?))
        })
    })
}

/// What a sentence is about: `why is CHECKOUT not ready`, `CHECKOUT keeps restarting`, `what is wrong with CHECKOUT`.
fn subject(words: &[&str]) -> Option<Asked> {
    let before = ["is", "are", "does", "with", "to", "about", "did", "has"];
    let after = [
        "is",
        "isn't",
        "isnt",
        "are",
        "keeps",
        "does",
        "doesn't",
        "has",
        "won't",
        "wont",
        "not",
        "was",
        "can't",
        "cannot",
        "never",
        "stuck",
        "down",
        "pods",
        "fails",
        "healthy",
        "ok",
        "okay",
        "fine",
        "well",
        "ready",
        "crashing",
        "failing",
        "broken",
        "pending",
        "restarting",
        "slow",
    ];
    let is_among = |list: &[&str], word: Option<&&str>| {
        word.is_some_and(|word| list.contains(&word.to_lowercase().as_str()))
    };
    words.iter().enumerate().find_map(|(place, word)| {
        let is_subject = (place > 0
            && is_among(&before, words.get(place - 1))
            && (place == words.len() - 1 || is_among(&after, words.get(place + 1))))
            || (place < 2 && is_among(&after, words.get(place + 1)))
            || (place > 1
                && is_among(&["why"], words.get(place - 2))
                && is_among(&before, words.get(place - 1)));
        if !is_subject {
            return None;
        }
        Some(Asked {
            target: Target {
                kind: None,
                namespace: namespace_of(words),
                name: may_be_a_name(word)?,
            },
            certainty: Certainty::Guessed,
        })
    })
}

/// The namespace that the text names apart from the object.
fn namespace_of(words: &[&str]) -> Option<Namespace> {
    words.iter().enumerate().find_map(|(place, word)| {
        let rest = &words[place + 1..];
        match *word {
            "-n" | "--namespace" => rest.first()?.parse().ok(),
            "in" => namespace_after(rest),
            "namespace" => rest.first().and_then(|word| named_namespace(word)),
            _ => None,
        }
    })
}

fn namespace_after(rest: &[&str]) -> Option<Namespace> {
    match rest {
        ["the", "namespace", name, ..]
        | ["namespace", name, ..]
        | ["the", name, "namespace", ..]
        | [name, "namespace", ..] => name.parse().ok(),
        [name, ..] => named_namespace(name),
        [] => None,
    }
}

fn named_namespace(word: &str) -> Option<Namespace> {
    may_be_a_name(word).and_then(|name| name.as_str().parse().ok())
}

/// `no` is kubectl's short word for nodes, and everybody's for something else.
fn kind_of(word: &str) -> Option<Kind> {
    if word.eq_ignore_ascii_case("no") {
        return None;
    }
    word.parse().ok()
}

fn may_be_a_name(word: &str) -> Option<ObjectName> {
    let is_ours = word.contains('-') || !EVERYDAY.contains(&word);
    let has_a_letter = word.bytes().any(|byte| byte.is_ascii_lowercase());
    if word.len() < 2 || !is_ours || !has_a_letter || kind_of(word).is_some() {
        return None;
    }
    word.parse().ok()
}

/// Words that people write beside a kind or a verb and that are hardly ever an object's name. A wrong guess costs a look, not a wrong answer.
const EVERYDAY: &[&str] = &[
    "a",
    "account",
    "accounts",
    "affinity",
    "after",
    "again",
    "all",
    "always",
    "an",
    "and",
    "any",
    "anything",
    "api",
    "app",
    "are",
    "as",
    "at",
    "aws",
    "back",
    "be",
    "because",
    "been",
    "before",
    "being",
    "between",
    "bound",
    "broken",
    "budget",
    "but",
    "by",
    "can",
    "cannot",
    "class",
    "cluster",
    "config",
    "container",
    "containers",
    "cpu",
    "crash",
    "crashed",
    "crashes",
    "crashing",
    "crashloop",
    "crashloopbackoff",
    "crashlooping",
    "created",
    "creating",
    "default-backend",
    "deleted",
    "deleting",
    "deploying",
    "died",
    "disk",
    "disruption",
    "dns",
    "do",
    "does",
    "doing",
    "down",
    "draining",
    "ebs",
    "eks",
    "endpoint",
    "endpoints",
    "error",
    "errors",
    "everything",
    "evicted",
    "evicting",
    "exec",
    "existing",
    "exit",
    "external",
    "fail",
    "failed",
    "failing",
    "fails",
    "file",
    "fine",
    "for",
    "from",
    "get",
    "gets",
    "getting",
    "going",
    "got",
    "had",
    "hanging",
    "happening",
    "has",
    "have",
    "having",
    "healthy",
    "helm",
    "how",
    "i",
    "if",
    "image",
    "images",
    "in",
    "init",
    "into",
    "ip",
    "is",
    "isnt",
    "it",
    "its",
    "k8s",
    "keep",
    "keeps",
    "kill",
    "killed",
    "kubectl",
    "kubernetes",
    "limit",
    "limits",
    "liveness",
    "log",
    "logs",
    "loop",
    "looping",
    "lost",
    "made",
    "me",
    "memory",
    "missing",
    "mode",
    "mount",
    "mounting",
    "my",
    "name",
    "named",
    "never",
    "new",
    "no",
    "node",
    "not",
    "nothing",
    "notready",
    "of",
    "off",
    "ok",
    "okay",
    "on",
    "one",
    "oom",
    "oomkilled",
    "or",
    "our",
    "out",
    "pending",
    "pods",
    "policy",
    "pool",
    "port",
    "ports",
    "preempting",
    "pressure",
    "probe",
    "problem",
    "prod",
    "production",
    "provisioner",
    "pull",
    "pulling",
    "readiness",
    "ready",
    "registry",
    "request",
    "requests",
    "responding",
    "restart",
    "restarted",
    "restarting",
    "restarts",
    "retrying",
    "right",
    "rolling",
    "rollout",
    "run",
    "running",
    "runs",
    "same",
    "scaling",
    "scheduled",
    "scheduling",
    "secret",
    "secrets",
    "security",
    "selector",
    "set",
    "should",
    "show",
    "slow",
    "so",
    "some",
    "something",
    "staging",
    "start",
    "started",
    "starting",
    "starts",
    "starving",
    "state",
    "status",
    "still",
    "stop",
    "stopped",
    "storage",
    "stuck",
    "taint",
    "taints",
    "terminating",
    "than",
    "that",
    "the",
    "their",
    "them",
    "there",
    "these",
    "they",
    "this",
    "throttling",
    "timing",
    "to",
    "too",
    "trying",
    "type",
    "unhealthy",
    "unknown",
    "unready",
    "unschedulable",
    "up",
    "update",
    "updating",
    "upgrading",
    "use",
    "used",
    "user",
    "using",
    "version",
    "volume",
    "volumes",
    "wait",
    "waiting",
    "was",
    "we",
    "well",
    "were",
    "what",
    "when",
    "where",
    "which",
    "while",
    "who",
    "why",
    "will",
    "with",
    "without",
    "wont",
    "working",
    "wrong",
    "you",
    "your",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(question: &str) -> String {
        let Some(Asked { target, certainty }) = object(question) else {
            return "-".to_owned();
        };
        let kind = target.kind.map_or("?", Kind::name);
        let namespace = target.namespace.as_ref().map_or("?", Namespace::as_str);
        format!("{kind} {namespace}/{} {certainty:?}", target.name)
    }

    #[test]
    fn an_object_is_read_from_the_ways_in_which_people_name_one() {
        for (question, meant) in [
            (
                "why is checkout in shop not ready",
                "? shop/checkout Guessed",
            ),
            ("Why is checkout not ready?", "? ?/checkout Guessed"),
            ("what's wrong with checkout", "? ?/checkout Guessed"),
            (
                "checkout keeps restarting in shop",
                "? shop/checkout Guessed",
            ),
            (
                "pod shop/checkout-7899d5c6b8-x2x9z",
                "Pod shop/checkout-7899d5c6b8-x2x9z Named",
            ),
            (
                "checkout-7899d5c6b8-x2x9z is in CrashLoopBackOff",
                "Pod ?/checkout-7899d5c6b8-x2x9z Named",
            ),
            ("deploy/checkout -n shop", "Deployment shop/checkout Named"),
            (
                "is the deployment checkout ok?",
                "Deployment ?/checkout Guessed",
            ),
            ("node worker-1 is NotReady", "Node ?/worker-1 Named"),
            (
                "pvc data-db-0 in namespace shop pending",
                "PersistentVolumeClaim shop/data-db-0 Named",
            ),
            (
                "service web in the shop namespace has no endpoints",
                "Service shop/web Guessed",
            ),
            ("shop/checkout", "? shop/checkout Guessed"),
            (
                "what is wrong with the checkout deployment in shop",
                "Deployment shop/checkout Guessed",
            ),
            ("checkout pods", "? ?/checkout Guessed"),
            ("is web healthy", "? ?/web Guessed"),
            (
                "deployment web in shop stuck",
                "Deployment shop/web Guessed",
            ),
            ("web service has no endpoints", "Service ?/web Guessed"),
            (
                "is the billing deployment ok?",
                "Deployment ?/billing Guessed",
            ),
            ("why is billing in shop not ready", "? shop/billing Guessed"),
        ] {
            assert_eq!(asked(question), meant, "{question}");
        }
    }

    #[test]
    fn a_pasted_row_names_its_object_and_of_many_the_first_sick_one() {
        let table =
            "NAMESPACE   NAME                        READY   STATUS             RESTARTS      AGE
shop        web-5d9c7f6b8-aaaaa         1/1     Running            0             5d
shop        checkout-7899d5c6b8-x2x9z   0/1     CrashLoopBackOff   12 (2m ago)   40m";
        assert_eq!(asked(table), "Pod shop/checkout-7899d5c6b8-x2x9z Named");
        assert_eq!(asked("db-0   0/1   Pending   0   5m"), "Pod ?/db-0 Named");
        assert_eq!(asked("web  1/3  3  1  12d"), "Deployment ?/web Named");
        assert_eq!(
            asked("deployment.apps/web  1/3  3  1  12d"),
            "Deployment ?/web Named"
        );
        assert_eq!(
            asked("worker-1   NotReady   <none>   5d   v1.36.3"),
            "Node ?/worker-1 Named"
        );
    }

    #[test]
    fn a_question_in_general_names_no_object() {
        for question in [
            "crashloop",
            "why is my pod pending?",
            "pods pending",
            "pod stuck in terminating",
            "service has no endpoints",
            "node not ready",
            "exit code 137",
            "pods in namespace shop are pending",
            "pods crashing in shop",
            "pod disruption budget blocks drain",
            "what does CrashLoopBackOff mean",
            "0/5 nodes are available: 5 Insufficient cpu.",
            "liveness/readiness probe failed",
        ] {
            assert_eq!(asked(question), "-", "{question}");
        }
    }

    #[test]
    fn what_is_no_name_is_not_taken_for_one() {
        for question in [
            "pod ../secrets",
            "pod/<pod>",
            "pod shop/../x",
            "deploy/Web;rm",
        ] {
            assert_eq!(asked(question), "-", "{question}");
        }
    }
}
