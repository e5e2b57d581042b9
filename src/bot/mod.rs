//! What a person can ask and press, whatever the platform.

mod answering;
pub mod command;
pub mod evidence;
mod findings;
pub mod health;
pub mod limits;
pub mod metrics;
pub mod policy;
pub mod reply;
pub mod request;
pub mod source;
mod words;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwap;
use futures_util::FutureExt;
use tokio::sync::Semaphore;

use crate::cluster::asked;
use crate::cluster::detect::Entries;
use crate::cluster::redact;
use crate::faq::answer::{Answer, Faq, Outcome};
use crate::faq::condition::Condition;
use crate::faq::id::EntryId;
use crate::faq::{markdown, placeholder};
use crate::state::{Judgement, Miss, State, StateError, Thread};
use command::{Command, Namespace, Target};
use evidence::{About, Beside, Clusters, Found, Lookup, Query};
use limits::Buckets;
use metrics::{Answering, LookedUp, Metrics};
use policy::{Author, Looking, Mode, Policy, Rules, Scope};
use reply::{
    Answered, Audience, Choices, Evidence, HowSure, Length, Refusal, Reply, Shown, Thanks,
};
use request::{Action, Person, Place, PlaceKind, Platform, Request, ShareLookup, Vote, Why};

/// Questions that show what the bot is for, and that its own FAQ answers.
pub const EXAMPLES: [&str; 3] = ["crashloop", "why is my pod pending?", "exit code 137"];

/// The use cases, with what they need.
pub struct Bot {
    faq: ArcSwap<Faq>,
    policy: ArcSwap<Policy>,
    state: State,
    metrics: Metrics,
    clusters: Option<Clusters>,
    texts: Texts,
    in_flight: Semaphore,
    lookups: Semaphore,
    people: Buckets<(Platform, String)>,
    channels: Buckets<(Platform, String)>,
    shown: Buckets<(Platform, String, EntryId)>,
}

/// Whether the texts of questions without an answer are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Texts {
    Kept,
    Forgotten,
}

impl Bot {
    /// A bot that answers from a catalog, everywhere and everyone, and looks at no cluster.
    #[must_use]
    pub fn new(faq: impl Into<Arc<Faq>>, state: State) -> Self {
        let limits = limits::Settings::default();
        Bot {
            faq: ArcSwap::new(faq.into()),
            policy: ArcSwap::default(),
            state,
            metrics: Metrics::new(),
            clusters: None,
            texts: Texts::Forgotten,
            in_flight: Semaphore::new(limits.in_flight),
            lookups: Semaphore::new(limits.lookups),
            people: Buckets::new(),
            channels: Buckets::new(),
            shown: Buckets::new(),
        }
    }

    /// The same bot with a channel policy.
    #[must_use]
    pub fn with_policy(self, policy: Policy) -> Self {
        self.policy.store(Arc::new(policy));
        self
    }

    /// The same bot with bounds on work in flight.
    #[must_use]
    pub fn with_limits(self, limits: &limits::Settings) -> Self {
        Bot {
            in_flight: Semaphore::new(limits.in_flight),
            lookups: Semaphore::new(limits.lookups),
            ..self
        }
    }

    /// The same bot, which also keeps the redacted texts of questions without an answer.
    #[must_use]
    pub fn keeping_questions(self) -> Self {
        Bot {
            texts: Texts::Kept,
            ..self
        }
    }

    /// The same bot, which counts with others.
    #[must_use]
    pub fn with_metrics(self, metrics: Metrics) -> Self {
        Bot { metrics, ..self }
    }

    /// The same bot with a source of live evidence.
    #[must_use]
    pub fn with_clusters(self, clusters: Clusters) -> Self {
        Bot {
            clusters: Some(clusters),
            ..self
        }
    }

    /// What is counted and measured.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// The catalog that answers now.
    #[must_use]
    pub fn faq(&self) -> Arc<Faq> {
        self.faq.load_full()
    }

    /// Answers from another catalog from now on; what is in flight ends with the old one.
    pub fn replace_faq(&self, faq: Faq) {
        self.faq.store(Arc::new(faq));
    }

    /// Follows another channel policy from now on.
    pub fn replace_policy(&self, policy: Policy) {
        self.policy.store(Arc::new(policy));
    }

    /// What holds in a place.
    #[must_use]
    pub fn rules(&self, place: &Place) -> Rules {
        self.policy.load().rules(place)
    }

    /// Whether a message that is not addressed to the bot is to be handed to it as [`Action::Overheard`].
    #[must_use]
    pub fn hears(&self, place: &Place, author: Author<'_>) -> bool {
        self.policy.load().hears(place, author)
    }

    /// Whether any channel of a platform is watched: only then its messages are asked for.
    #[must_use]
    pub fn watches(&self, platform: Platform) -> bool {
        self.policy.load().watches(platform)
    }

    /// Does what a person asks. It waits for no cluster, and a panic in it ends as an apology.
    pub async fn handle(&self, request: Request) -> Shown {
        let started = Instant::now();
        let platform = request.place.platform;
        let shown = AssertUnwindSafe(self.admitted(request))
            .catch_unwind()
            .await
            .unwrap_or_else(|_| {
                self.metrics.panicked();
                Shown::private(Reply::Refused(Refusal::Broken))
            });
        let answering = match &shown.reply {
            Reply::Answer(_) => Answering::Entry,
            Reply::Choices(_) => Answering::Choices,
            Reply::NoMatch(_) => Answering::NoMatch,
            Reply::Refused(_) => Answering::Refused,
            Reply::Silence => Answering::Silent,
            Reply::Help(_)
            | Reply::Topics(_)
            | Reply::Topic { .. }
            | Reply::Status(_)
            | Reply::Thanks(_)
            | Reply::Muted => Answering::Command,
        };
        self.metrics
            .answered(platform, answering, started.elapsed());
        shown
    }

    /// Makes the lookup of a reply and hands back the whole reply with what it found, within the deadline that is set for it.
    pub async fn evidence(&self, lookup: Lookup) -> Shown {
        let started = Instant::now();
        let found = match &self.clusters {
            Some(clusters) => self.look(clusters, lookup.query).await,
            // Without clusters no lookup is handed out; after a change of settings one may still be under way.
            None => nothing_seen(words::broke(), LookedUp::Failed),
        };
        self.metrics.looked_up(found.outcome, started.elapsed());
        let reply = self.with_evidence(lookup.beside, found);
        Shown {
            reply,
            audience: lookup.audience,
            length: lookup.length,
            can_share: lookup.can_share,
            lookup: None,
        }
    }

    async fn look(&self, clusters: &Clusters, query: Query) -> Found {
        let look = async {
            // It is never closed; were it, looking without a bound would still be right.
            let _turn = self.lookups.acquire().await;
            AssertUnwindSafe((clusters.source)(query))
                .catch_unwind()
                .await
        };
        match tokio::time::timeout(clusters.deadline, look).await {
            Ok(Ok(found)) => found,
            Ok(Err(_)) => {
                self.metrics.panicked();
                nothing_seen(words::broke(), LookedUp::Failed)
            }
            Err(_) => nothing_seen(words::too_slow(clusters.deadline), LookedUp::TimedOut),
        }
    }

    /// The reply with what was found. Where an object was asked for, the entry for its worst finding answers.
    fn with_evidence(&self, beside: Beside, found: Found) -> Reply {
        let faq = self.faq();
        let worst = found.entry.as_ref().and_then(|id| faq.entry(id));
        let answer = match (beside, worst) {
            (Beside::Answer(answer), Some(entry)) if answer.id != entry.id => {
                let mut others = answering::refs(&faq, std::slice::from_ref(&answer.id));
                others.extend(answer.others);
                others.retain(|other| other.id != entry.id);
                answering::answered(&faq, entry, HowSure::Chosen, others)
            }
            (Beside::Answer(answer), _) => *answer,
            (Beside::Other(_), Some(entry)) => {
                answering::answered(&faq, entry, HowSure::Chosen, Vec::new())
            }
            (Beside::Other(reply), None) if found.blocks.is_empty() => return *reply,
            (Beside::Other(_) | Beside::Nothing, _) => return Reply::Status(found.blocks),
        };
        Reply::Answer(Box::new(filled(&faq, answer, found)))
    }

    async fn admitted(&self, request: Request) -> Shown {
        let Ok(_permit) = self.in_flight.try_acquire() else {
            self.metrics.refused("in_flight");
            return refused(Refusal::Busy);
        };
        let rules = self.rules(&request.place);
        if let Some(refusal) = self.too_often(&request, &rules) {
            return refusal;
        }
        let Request {
            person,
            place,
            action,
        } = request;
        let here = Here {
            faq: self.faq(),
            looking: self.policy.load().looking(&place, &person),
            rules,
            person,
            place,
        };
        let shown = self.act(&here, action).await;
        self.settle(&here, shown)
    }

    /// People are held to their limit with whatever they ask for; a channel is spared what everyone in it would see.
    fn too_often(&self, request: &Request, rules: &Rules) -> Option<Shown> {
        let platform = request.place.platform;
        let (is_persons, is_public) = match &request.action {
            Action::Vote { .. } | Action::Because { .. } | Action::Mute | Action::Home => {
                return None;
            }
            Action::Overheard { .. } => (false, false),
            Action::Mention { .. } | Action::OpenCommand { .. } | Action::Share { .. } => {
                (true, true)
            }
            Action::Command { .. }
            | Action::Message { .. }
            | Action::Pick { .. }
            | Action::NotWhatIMeant { .. } => (true, false),
        };
        let is_channel = request.place.kind != PlaceKind::Direct;
        let now = Instant::now();
        let person = (platform, request.person.id.clone());
        let channel = (platform, request.place.channel.clone());
        let (limit, pause) = if is_persons
            && let Err(pause) = self.people.take(person, rules.limits.person(), now)
        {
            ("person", pause)
        } else if is_public
            && is_channel
            && let Err(pause) = self.channels.take(channel, rules.limits.channel(), now)
        {
            ("channel", pause)
        } else {
            return None;
        };
        self.metrics.refused(limit);
        if rules.mode == Mode::Muted && matches!(request.action, Action::Mention { .. }) {
            return Some(Shown::public(Reply::Silence));
        }
        let seconds = limits::seconds(pause);
        Some(refused(Refusal::TooMany { seconds }))
    }

    async fn act(&self, here: &Here, action: Action) -> Shown {
        let is_muted = here.rules.mode == Mode::Muted;
        match action {
            Action::Mention { .. } | Action::Overheard { .. } if is_muted => {
                Shown::public(Reply::Silence)
            }
            Action::Command { .. }
            | Action::OpenCommand { .. }
            | Action::Message { .. }
            | Action::Pick { .. }
            | Action::NotWhatIMeant { .. }
            | Action::Share { .. }
                if is_muted =>
            {
                refused(Refusal::MutedHere)
            }
            Action::Command { text } => self.command(here, &text, Audience::Asker).await,
            Action::Message { text } => {
                self.question(here, &text, Target::default(), Audience::Asker)
                    .await
            }
            Action::Mention { text } => self.command(here, &text, here.public()).await,
            Action::OpenCommand { text } => {
                let audience = match here.rules.mode {
                    Mode::MentionOnly => Audience::Asker,
                    Mode::Normal | Mode::Private | Mode::Incident | Mode::Muted => here.public(),
                };
                self.command(here, &text, audience).await
            }
            Action::Overheard { text } => self.overheard(here, &text).await,
            Action::Pick { entry } => {
                let reply = answering::chosen(&here.faq, &entry);
                self.with_lookup(here, reply, "", Target::default(), Audience::Asker)
            }
            Action::NotWhatIMeant { others, .. } => Shown::private(Reply::Choices(Choices {
                candidates: answering::refs(&here.faq, &others),
                ask_a_human: here.rules.ask_a_human.clone(),
            })),
            Action::Share { .. } if here.public() == Audience::Asker => {
                refused(Refusal::PrivateHere)
            }
            Action::Share { entry, lookup } => self.share(here, &entry, lookup),
            Action::Vote { entry, vote } => {
                self.metrics.voted(here.place.platform, vote);
                self.judge(here, entry.clone(), vote, None).await;
                Shown::private(Reply::Thanks(match vote {
                    Vote::Up => Thanks::Noted,
                    Vote::Down => Thanks::AskingWhy(entry),
                }))
            }
            Action::Because { entry, why } => {
                self.metrics.vote_reason(here.place.platform, why);
                self.judge(here, entry, Vote::Down, Some(why)).await;
                Shown::private(Reply::Thanks(Thanks::ForReason))
            }
            Action::Mute => {
                if let Some(thread) = here.thread() {
                    let done = self.state.mute(thread).await;
                    self.noted(done);
                }
                Shown::public(Reply::Muted)
            }
            Action::Home => Shown::private(answering::help(&here.faq)),
        }
    }

    async fn command(&self, here: &Here, text: &str, audience: Audience) -> Shown {
        let in_scope = |namespace: &Namespace| match &here.looking {
            Looking::No => false,
            Looking::Privately(scope) | Looking::Publicly(scope) => scope.holds(namespace.as_str()),
        };
        match Command::parse(text, here.faq.catalog(), in_scope) {
            Command::Ask(question) => {
                self.question(here, &question.text, question.target, audience)
                    .await
            }
            Command::Status(target) => self.status(here, target, audience),
            other => {
                let reply = answering::looked_up(&here.faq, &other);
                let reply = reply.unwrap_or(Reply::Silence);
                self.with_lookup(here, reply, "", Target::default(), audience)
            }
        }
    }

    async fn question(&self, here: &Here, text: &str, target: Target, audience: Audience) -> Shown {
        let answer = here.faq.answer(text);
        if answer.outcome == Outcome::NoMatch {
            self.miss(here, text, &answer).await;
        }
        let reply = answering::asked(&here.faq, &answer, here.rules.ask_a_human.clone());
        self.with_lookup(here, reply, text, target, audience)
    }

    /// A watched message gets an answer only where a signature names one, once for each thread and entry, and none in a muted thread.
    async fn overheard(&self, here: &Here, text: &str) -> Shown {
        let silence = Shown::public(Reply::Silence);
        if here.rules.watch == policy::Watch::Nobody {
            return silence;
        }
        let Some(thread) = here.thread() else {
            return silence;
        };
        let answer = here.faq.answer(text);
        let (Outcome::Entry, Some(_), Some(hit)) =
            (answer.outcome, &answer.signature, answer.hits.first())
        else {
            return silence;
        };
        // Where the store cannot tell, silence: an offer too few is better than the same one again and again.
        if self.noted(self.state.is_muted(thread.clone()).await) != Some(false) {
            return silence;
        }
        let channel = (here.place.platform, here.place.channel.clone());
        if self
            .channels
            .take(channel, here.rules.limits.channel(), Instant::now())
            .is_err()
        {
            self.metrics.refused("channel");
            return silence;
        }
        let offered = self.state.offer_once(thread, hit.id.clone()).await;
        if self.noted(offered) != Some(true) {
            return silence;
        }
        let reply = answering::asked(&here.faq, &answer, None);
        let mut shown = self.with_lookup(here, reply, text, Target::default(), Audience::Everyone);
        // Nobody asked, so there is nobody to show anything to alone.
        if shown
            .lookup
            .as_ref()
            .is_some_and(|lookup| lookup.audience == Audience::Asker)
        {
            shown.lookup = None;
        }
        shown
    }

    /// What was private, for everyone: the same entry, and the lookup again only where everyone may see it.
    fn share(&self, here: &Here, entry: &EntryId, lookup: Option<ShareLookup>) -> Shown {
        let reply = answering::chosen(&here.faq, entry);
        let target = lookup.map(|lookup| Target {
            namespace: lookup.namespace,
            context: lookup.context,
        });
        match (&here.looking, target) {
            (Looking::Publicly(_), Some(target)) => {
                self.with_lookup(here, reply, "", target, Audience::Everyone)
            }
            _ => Shown {
                length: here.length(),
                ..Shown::public(reply)
            },
        }
    }

    fn status(&self, here: &Here, target: Target, audience: Audience) -> Shown {
        let (scope, eyes) = match (&here.looking, &self.clusters) {
            (Looking::No, _) | (_, None) => return refused(Refusal::NoScope),
            (Looking::Privately(scope), Some(_)) => (scope, Audience::Asker),
            (Looking::Publicly(scope), Some(_)) => (scope, audience),
        };
        if !is_inside(scope, &target) {
            return refused(Refusal::OutOfScope);
        }
        Shown {
            audience: eyes,
            length: here.length(),
            lookup: Some(Lookup {
                query: Query {
                    about: About::Status,
                    target,
                    scope: scope.clone(),
                    entries: entries(&here.faq),
                },
                beside: Beside::Nothing,
                audience: eyes,
                length: here.length(),
                can_share: false,
            }),
            ..Shown::public(Reply::Status(words::looking()))
        }
    }

    /// A reply with the lookup that belongs to it, where this place may look and the entry has conditions to look for.
    fn with_lookup(
        &self,
        here: &Here,
        reply: Reply,
        question: &str,
        target: Target,
        audience: Audience,
    ) -> Shown {
        let shown = |reply, lookup| Shown {
            reply,
            audience,
            length: here.length(),
            can_share: false,
            lookup,
        };
        let asks = match &reply {
            Reply::Answer(answer) => Asks::Entry(answer.id.clone()),
            Reply::Choices(_) | Reply::NoMatch(_) => Asks::Object,
            _ => return shown(reply, None),
        };
        let (scope, eyes) = match (&here.looking, &self.clusters) {
            (Looking::No, _) | (_, None) => return shown(reply, None),
            (Looking::Privately(scope), Some(_)) => (scope, Audience::Asker),
            (Looking::Publicly(scope), Some(_)) => (scope, audience),
        };
        let is_inside = is_inside(scope, &target);
        if !is_inside {
            let reply = with_evidence(reply, Evidence::OutOfScope);
            return shown(reply, None);
        }
        let names_an_object = asked::object(question).is_some();
        let question = question.to_owned();
        let about = match asks {
            Asks::Entry(id) => {
                let conditions = conditions(&here.faq, &id);
                if conditions.is_empty() && !names_an_object {
                    return shown(reply, None);
                }
                About::Entry {
                    id,
                    conditions,
                    question,
                }
            }
            Asks::Object if names_an_object => About::Object { question },
            Asks::Object => return shown(reply, None),
        };
        let lookup = Lookup {
            query: Query {
                about,
                target,
                scope: scope.clone(),
                entries: entries(&here.faq),
            },
            beside: match reply.clone() {
                Reply::Answer(answer) => Beside::Answer(answer),
                other => Beside::Other(Box::new(other)),
            },
            audience: eyes,
            length: here.length(),
            can_share: here.can_share(eyes),
        };
        let reply = if eyes == audience {
            with_evidence(reply, Evidence::Pending)
        } else {
            reply
        };
        shown(reply, Some(lookup))
    }

    /// The last word on a reply: the cooldown of what everyone sees, and whether the asker may share it.
    fn settle(&self, here: &Here, mut shown: Shown) -> Shown {
        if let Reply::Answer(answer) = &shown.reply {
            shown.can_share = here.can_share(shown.audience);
            let pause = here.rules.limits.cooldown(here.place.platform);
            if shown.audience == Audience::Everyone
                && here.place.kind != PlaceKind::Direct
                && !pause.is_zero()
            {
                let place = here.place.thread.as_ref().unwrap_or(&here.place.channel);
                let key = (here.place.platform, place.clone(), answer.id.clone());
                if let Err(left) = self.shown.take_after(key, pause, Instant::now()) {
                    self.metrics.refused("cooldown");
                    let seconds = limits::seconds(left);
                    return refused(Refusal::JustAnswered { seconds });
                }
            }
        }
        shown
    }

    /// Keeps a person's judgement of an entry; a later one replaces it.
    async fn judge(&self, here: &Here, entry: EntryId, vote: Vote, why: Option<Why>) {
        let done = self
            .state
            .vote(Judgement {
                platform: here.place.platform.name(),
                person: here.person.id.clone(),
                entry,
                is_up: vote == Vote::Up,
                why: why.map(Why::name),
            })
            .await;
        self.noted(done);
    }

    async fn miss(&self, here: &Here, text: &str, answer: &Answer) {
        let question = match self.texts {
            Texts::Kept => Some(redact::line(text)),
            Texts::Forgotten => None,
        };
        let done = self
            .state
            .miss(Miss {
                platform: here.place.platform.name(),
                question,
                nearest: answer.hits.first().map(|hit| hit.id.clone()),
            })
            .await;
        self.noted(done);
    }

    /// What the store says; its failures are counted and logged, and never keep an answer back.
    fn noted<T>(&self, result: Result<T, StateError>) -> Option<T> {
        result
            .inspect_err(|error| {
                self.metrics.state_failed();
                tracing::warn!(%error, "the state store failed; answers go on without it");
            })
            .ok()
    }
}

/// What a reply leaves to be looked up.
enum Asks {
    /// The conditions of its entry, and the object that the question names.
    Entry(EntryId),
    /// The object that the question names.
    Object,
}

/// A request's surroundings, settled once.
struct Here {
    faq: Arc<Faq>,
    rules: Rules,
    looking: Looking,
    person: Person,
    place: Place,
}

impl Here {
    /// Who sees an answer to somebody who asked before everyone.
    fn public(&self) -> Audience {
        match self.rules.mode {
            Mode::Private | Mode::Muted => Audience::Asker,
            Mode::Normal | Mode::MentionOnly | Mode::Incident => Audience::Everyone,
        }
    }

    fn length(&self) -> Length {
        match self.rules.mode {
            Mode::Incident => Length::Terse,
            Mode::Normal | Mode::MentionOnly | Mode::Private | Mode::Muted => Length::Full,
        }
    }

    fn can_share(&self, audience: Audience) -> bool {
        audience == Audience::Asker
            && self.public() == Audience::Everyone
            && self.place.kind != PlaceKind::Direct
    }

    fn thread(&self) -> Option<Thread> {
        Some(Thread {
            platform: self.place.platform.name(),
            channel: self.place.channel.clone(),
            thread: self.place.thread.clone()?,
        })
    }
}

/// The answer with the steps of the cluster's version, real names in its commands, and what was found.
fn filled(faq: &Faq, answer: Answered, found: Found) -> Answered {
    let steps = match faq.entry(&answer.id) {
        Some(entry) if found.version.is_some() => entry.steps(found.version),
        _ => answer.steps.clone(),
    };
    Answered {
        steps: placeholder::fill(&steps, &found.values),
        evidence: if found.blocks.is_empty() {
            Evidence::NotLookedUp
        } else {
            Evidence::Shown(found.blocks)
        },
        ..answer
    }
}

/// An answer with another word on its evidence; other replies have none.
fn with_evidence(reply: Reply, evidence: Evidence) -> Reply {
    match reply {
        Reply::Answer(answer) => Reply::Answer(Box::new(Answered {
            evidence,
            ..*answer
        })),
        other => other,
    }
}

/// The conditions that an entry explains, then those that it looks for.
fn conditions(faq: &Faq, id: &EntryId) -> Vec<Condition> {
    faq.entry(id).map_or_else(Vec::new, |entry| {
        let all = entry.explains.iter().chain(&entry.looks_for);
        all.copied().collect()
    })
}

/// Which entry explains which condition.
fn entries(faq: &Faq) -> Entries {
    let explaining = |condition: &Condition| {
        let entry = faq.catalog().explaining(*condition)?;
        Some((*condition, entry.id.clone()))
    };
    Condition::ALL.iter().filter_map(explaining).collect()
}

fn refused(refusal: Refusal) -> Shown {
    Shown::private(Reply::Refused(refusal))
}

fn nothing_seen(blocks: Vec<markdown::Block>, outcome: LookedUp) -> Found {
    Found {
        blocks,
        values: std::collections::BTreeMap::new(),
        version: None,
        entry: None,
        outcome,
    }
}

fn is_inside(scope: &Scope, target: &Target) -> bool {
    target
        .namespace
        .as_ref()
        .is_none_or(|namespace| scope.holds(namespace.as_str()))
        && target
            .context
            .as_ref()
            .is_none_or(|context| scope.clusters.contains(context))
}
