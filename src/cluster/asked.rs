//! Which object a question names, if any: a pasted row, a kind with a name, a pod's name, or a bare word that may be a name.

use std::sync::LazyLock;

use regex::Regex;

use super::kind::Kind;
use super::lookup::Target;
use super::name::{Namespace, ObjectName};

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

/// Most of a text that is looked through, in lines and in words: more is a log, not a question.
const MAX_LINES: usize = 200;
const MAX_WORDS: usize = 60;

/// The object that a question names; the surest reading, and of rows the first that looks sick.
#[must_use]
pub fn object(question: &str) -> Option<Asked> {
    if let Some(target) = pasted_row(question) {
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
        .or_else(|| with_its_namespace(&words))
        .or_else(|| subject(&words))
}

/// A word without the punctuation around it.
fn bare(word: &str) -> &str {
    word.trim_matches(|letter: char| !(letter.is_alphanumeric() || "-/_<>[]{}".contains(letter)))
}

/// `[NAMESPACE] NAME READY STATUS RESTARTS …` of pods, `… READY UP-TO-DATE AVAILABLE …` of Deployments, `NAME STATUS ROLES AGE VERSION` of nodes.
fn pasted_row(text: &str) -> Option<Target> {
    let rows: Vec<(Target, bool)> = text.lines().take(MAX_LINES).filter_map(row).collect();
    let sick = rows.iter().find(|(_, is_sick)| *is_sick);
    sick.or(rows.first()).map(|(target, _)| target.clone())
}

fn row(line: &str) -> Option<(Target, bool)> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let is_number =
        |word: &&str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
    let ready = |word: &&str| {
        let (ready, all) = word.split_once('/')?;
        let both = is_number(&ready) && is_number(&all);
        both.then(|| ready == all)
    };
    let named = |name: &str, namespace: Option<&str>, kind: Kind| {
        let (kind, name) = match name.split_once('/') {
            Some((kind, name)) => (kind.parse().ok()?, name),
            None => (kind, name),
        };
        Some(Target {
            kind: Some(kind),
            namespace: match namespace {
                Some(namespace) => Some(namespace.parse().ok()?),
                None => None,
            },
            name: name.parse().ok()?,
        })
    };
    if let [name, status, _, _, version] = words.as_slice()
        && (status.starts_with("Ready") || status.starts_with("NotReady"))
        && version.starts_with("v1.")
    {
        let is_sick = *status != "Ready";
        return Some((named(name, None, Kind::Node)?, is_sick));
    }
    let column = words
        .iter()
        .take(3)
        .position(|word| ready(word).is_some())?;
    let (name, namespace) = match column {
        1 => (words[0], None),
        2 => (words[1], Some(words[0])),
        _ => return None,
    };
    let is_ready = ready(&words[column]).unwrap_or_default();
    let rest = &words[column + 1..];
    match rest {
        [up_to_date, available, age, ..]
            if is_number(up_to_date) && is_number(available) && is_age(age) =>
        {
            Some((named(name, namespace, Kind::Deployment)?, !is_ready))
        }
        [status, restarts, ..] if is_number(restarts) && !is_number(status) => {
            let is_well = match *status {
                "Running" => is_ready,
                "Completed" => true,
                _ => false,
            };
            Some((named(name, namespace, Kind::Pod)?, !is_well))
        }
        _ => None,
    }
}

/// `5m`, `3d4h`.
fn is_age(word: &str) -> bool {
    word.starts_with(|letter: char| letter.is_ascii_digit())
        && word.ends_with(['s', 'm', 'h', 'd', 'y'])
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
        "is", "isn't", "isnt", "are", "keeps", "does", "doesn't", "has", "won't", "wont", "not",
        "was", "can't", "cannot", "never", "stuck", "down", "pods", "fails",
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
    let is_ours = word.contains('-') || !(EVERYDAY.contains(&word) || word.ends_with("ing"));
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
    "between",
    "bound",
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
    "crashloop",
    "crashloopbackoff",
    "created",
    "default-backend",
    "deleted",
    "died",
    "disk",
    "disruption",
    "dns",
    "do",
    "does",
    "down",
    "ebs",
    "eks",
    "endpoint",
    "endpoints",
    "error",
    "errors",
    "evicted",
    "exec",
    "exit",
    "external",
    "fail",
    "failed",
    "fails",
    "file",
    "for",
    "from",
    "gets",
    "get",
    "got",
    "had",
    "has",
    "have",
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
    "log",
    "logs",
    "loop",
    "lost",
    "made",
    "me",
    "memory",
    "mode",
    "mount",
    "my",
    "name",
    "named",
    "never",
    "new",
    "no",
    "node",
    "not",
    "notready",
    "of",
    "off",
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
    "pressure",
    "problem",
    "probe",
    "prod",
    "production",
    "provisioner",
    "pull",
    "ready",
    "readiness",
    "liveness",
    "registry",
    "request",
    "requests",
    "restart",
    "restarted",
    "restarts",
    "right",
    "rollout",
    "run",
    "runs",
    "same",
    "scheduled",
    "secret",
    "secrets",
    "security",
    "selector",
    "set",
    "should",
    "show",
    "so",
    "some",
    "staging",
    "start",
    "started",
    "starts",
    "state",
    "status",
    "still",
    "stop",
    "stopped",
    "storage",
    "stuck",
    "taint",
    "taints",
    "than",
    "that",
    "the",
    "their",
    "them",
    "there",
    "these",
    "they",
    "this",
    "to",
    "too",
    "type",
    "unhealthy",
    "unknown",
    "unready",
    "unschedulable",
    "up",
    "update",
    "use",
    "used",
    "user",
    "using",
    "version",
    "volume",
    "volumes",
    "wait",
    "was",
    "we",
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
