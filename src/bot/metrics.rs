//! What the process counts and measures: every metric once, with its unit.

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use super::request::{Platform, Vote, Why};

/// Bounds of answers, in seconds: an answer takes a few milliseconds, and a person leaves after a few seconds.
const ANSWER_BOUNDS: [f64; 11] = [
    0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 3.0, 10.0,
];

/// Bounds of acknowledgements, in seconds: both platforms give up after 3.
const ACK_BOUNDS: [f64; 10] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 3.0];

/// Bounds of lookups in a cluster, in seconds: the default deadline is 2.
const LOOKUP_BOUNDS: [f64; 9] = [0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0];

/// The metrics; clones share them.
#[derive(Clone)]
pub struct Metrics {
    registry: Arc<Registry>,
    questions: Family<[Label; 2], Counter>,
    answer_time: Family<[Label; 1], Histogram, fn() -> Histogram>,
    ack_time: Family<[Label; 1], Histogram, fn() -> Histogram>,
    lookups: Family<[Label; 1], Counter>,
    lookup_time: Histogram,
    events: Family<[Label; 2], Counter>,
    api_errors: Family<[Label; 2], Counter>,
    reconnects: Family<[Label; 1], Counter>,
    connections: Family<[Label; 1], Gauge>,
    queue_depth: Family<[Label; 1], Gauge>,
    dropped: Family<[Label; 1], Counter>,
    votes: Family<[Label; 2], Counter>,
    vote_reasons: Family<[Label; 2], Counter>,
    refusals: Family<[Label; 1], Counter>,
    reloads: Family<[Label; 2], Counter>,
    reload_failing: Family<[Label; 1], Gauge>,
    state_errors: Counter,
    panics: Counter,
    entries: Gauge,
    content_problems: Gauge,
}

/// A label's name and its value, which is one of a closed enum's names.
type Label = (&'static str, &'static str);

/// What a question came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Answering {
    /// One entry.
    Entry,
    /// A few candidates.
    Choices,
    /// Nothing near.
    NoMatch,
    /// A command: help, topics, show, status.
    Command,
    /// A refusal.
    Refused,
    /// Nothing is said.
    Silent,
}

/// What a lookup in a cluster came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LookedUp {
    /// Something was found.
    Found,
    /// Everything was looked at, and nothing found.
    Nothing,
    /// A part could not be looked at.
    Partial,
    /// Nothing could be looked at.
    Failed,
    /// The deadline passed.
    TimedOut,
}

/// What is read again while the process runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reloaded {
    /// The folders of entries.
    Content,
    /// The channel policy.
    Policy,
}

impl Default for Metrics {
    fn default() -> Self {
        Metrics::new()
    }
}

impl Metrics {
    /// All metrics, at zero.
    #[must_use]
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("k8sfaq");
        let build = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "The version that runs", build);
        let seconds = |bounds: fn() -> Histogram| Family::new_with_constructor(bounds);
        let metrics = Metrics {
            registry: Arc::default(),
            questions: Family::default(),
            answer_time: seconds(|| Histogram::new(ANSWER_BOUNDS)),
            ack_time: seconds(|| Histogram::new(ACK_BOUNDS)),
            lookups: Family::default(),
            lookup_time: Histogram::new(LOOKUP_BOUNDS),
            events: Family::default(),
            api_errors: Family::default(),
            reconnects: Family::default(),
            connections: Family::default(),
            queue_depth: Family::default(),
            dropped: Family::default(),
            votes: Family::default(),
            vote_reasons: Family::default(),
            refusals: Family::default(),
            reloads: Family::default(),
            reload_failing: Family::default(),
            state_errors: Counter::default(),
            panics: Counter::default(),
            entries: Gauge::default(),
            content_problems: Gauge::default(),
        };
        metrics.register(&mut registry);
        Metrics {
            registry: Arc::new(registry),
            ..metrics
        }
    }

    fn register(&self, registry: &mut Registry) {
        let all = self.clone();
        registry.register(
            "questions",
            "What people did, by what it came to",
            all.questions,
        );
        registry.register_with_unit(
            "answer",
            "From a request to its answer, without sending it",
            Unit::Seconds,
            all.answer_time,
        );
        registry.register_with_unit(
            "ack",
            "From a delivery to its acknowledgement",
            Unit::Seconds,
            all.ack_time,
        );
        registry.register(
            "lookups",
            "Lookups in clusters, by what they came to",
            all.lookups,
        );
        registry.register_with_unit(
            "lookup",
            "Time of a lookup in a cluster",
            Unit::Seconds,
            all.lookup_time,
        );
        registry.register("events", "Deliveries of a platform, by type", all.events);
        registry.register(
            "api_errors",
            "Refusals of a platform's API, by code",
            all.api_errors,
        );
        registry.register("reconnects", "Connections opened again", all.reconnects);
        registry.register("connections", "Connections that are live", all.connections);
        registry.register(
            "queue_depth",
            "Messages that wait to be sent",
            all.queue_depth,
        );
        registry.register("dropped", "Messages that were given up", all.dropped);
        registry.register("votes", "Votes on answers", all.votes);
        registry.register(
            "vote_reasons",
            "Reasons that were given for bad votes",
            all.vote_reasons,
        );
        registry.register("refusals", "Requests that limits turned down", all.refusals);
        registry.register(
            "reloads",
            "Times that content or policy was read again",
            all.reloads,
        );
        registry.register(
            "reload_failing",
            "1 while the last good state is kept because what stands in the files is wrong",
            all.reload_failing,
        );
        registry.register(
            "state_errors",
            "Failures of the state store",
            all.state_errors,
        );
        registry.register("panics", "Panics that were survived", all.panics);
        registry.register("entries", "Entries in the catalog", all.entries);
        registry.register(
            "content_problems",
            "Problems in the content folders",
            all.content_problems,
        );
    }

    /// All metrics in the text format of `OpenMetrics` 1.0.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail, and our encoders do not.
        let _ = encode(&mut text, &self.registry);
        text
    }

    /// A request was handled.
    pub fn answered(&self, platform: Platform, answering: Answering, took: Duration) {
        self.questions
            .get_or_create(&[label(platform), ("outcome", answering.name())])
            .inc();
        self.answer_time
            .get_or_create(&[label(platform)])
            .observe(took.as_secs_f64());
    }

    /// A delivery was acknowledged.
    pub fn acknowledged(&self, platform: Platform, took: Duration) {
        self.ack_time
            .get_or_create(&[label(platform)])
            .observe(took.as_secs_f64());
    }

    /// A lookup ended.
    pub fn looked_up(&self, outcome: LookedUp, took: Duration) {
        self.lookups
            .get_or_create(&[("outcome", outcome.name())])
            .inc();
        self.lookup_time.observe(took.as_secs_f64());
    }

    /// A platform delivered something; `kind` is one of the adapter's own closed list.
    pub fn event(&self, platform: Platform, kind: &'static str) {
        self.events
            .get_or_create(&[label(platform), ("type", kind)])
            .inc();
    }

    /// A platform's API refused something; `code` is one of the adapter's own closed list, `other` for the rest.
    pub fn api_error(&self, platform: Platform, code: &'static str) {
        self.api_errors
            .get_or_create(&[label(platform), ("code", code)])
            .inc();
    }

    /// A connection was opened again.
    pub fn reconnected(&self, platform: Platform) {
        self.reconnects.get_or_create(&[label(platform)]).inc();
    }

    /// So many connections are live.
    pub fn connections(&self, platform: Platform, live: usize) {
        set(&self.connections.get_or_create(&[label(platform)]), live);
    }

    /// So many messages wait to be sent.
    pub fn queue_depth(&self, platform: Platform, waiting: usize) {
        set(&self.queue_depth.get_or_create(&[label(platform)]), waiting);
    }

    /// A message was given up: its queue was full, or every try failed.
    pub fn dropped(&self, platform: Platform) {
        self.dropped.get_or_create(&[label(platform)]).inc();
    }

    /// Somebody judged an answer.
    pub fn voted(&self, platform: Platform, vote: Vote) {
        self.votes
            .get_or_create(&[label(platform), ("vote", vote.name())])
            .inc();
    }

    /// Somebody said why an answer did not help.
    pub fn vote_reason(&self, platform: Platform, why: Why) {
        self.vote_reasons
            .get_or_create(&[label(platform), ("why", why.name())])
            .inc();
    }

    /// A limit turned a request down.
    pub fn refused(&self, limit: &'static str) {
        self.refusals.get_or_create(&[("limit", limit)]).inc();
    }

    /// Content or policy was read again.
    pub fn reloaded(&self, what: Reloaded, is_good: bool) {
        let outcome = if is_good { "good" } else { "kept_last_good" };
        self.reloads
            .get_or_create(&[what.label(), ("outcome", outcome)])
            .inc();
        set(
            &self.reload_failing.get_or_create(&[what.label()]),
            usize::from(!is_good),
        );
    }

    /// The state store failed.
    pub fn state_failed(&self) {
        self.state_errors.inc();
    }

    /// A panic was survived.
    pub fn panicked(&self) {
        self.panics.inc();
    }

    /// The catalog has so many entries, and its folders so many problems.
    pub fn content(&self, entries: usize, problems: usize) {
        set(&self.entries, entries);
        set(&self.content_problems, problems);
    }
}

impl Answering {
    fn name(self) -> &'static str {
        match self {
            Answering::Entry => "entry",
            Answering::Choices => "choices",
            Answering::NoMatch => "no_match",
            Answering::Command => "command",
            Answering::Refused => "refused",
            Answering::Silent => "silent",
        }
    }
}

impl LookedUp {
    fn name(self) -> &'static str {
        match self {
            LookedUp::Found => "found",
            LookedUp::Nothing => "nothing",
            LookedUp::Partial => "partial",
            LookedUp::Failed => "failed",
            LookedUp::TimedOut => "timed_out",
        }
    }
}

impl Reloaded {
    fn label(self) -> Label {
        let name = match self {
            Reloaded::Content => "content",
            Reloaded::Policy => "policy",
        };
        ("what", name)
    }
}

fn label(platform: Platform) -> Label {
    ("adapter", platform.name())
}

fn set(gauge: &Gauge, value: usize) {
    gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
}
