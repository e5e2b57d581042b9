//! What a person can ask and press, whatever the platform.

mod answering;
pub mod command;
pub mod evidence;
mod findings;
pub mod health;
pub mod limits;
mod lookup;
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

use crate::cluster::redact;
use crate::faq::answer::{Answer, Faq, Outcome};
use crate::faq::id::EntryId;
use crate::state::{Judgement, Miss, State, StateError, Thread};
use command::{Command, Namespace, Target};
use evidence::Clusters;
use limits::Buckets;
use metrics::{Answering, Metrics};
use policy::{Author, Looking, Mode, Policy, Rules};
use reply::{Audience, Choices, Length, Refusal, Reply, Shown, Thanks};
use request::{Action, Person, Place, PlaceKind, Platform, Request, Vote, Why};

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

fn refused(refusal: Refusal) -> Shown {
    Shown::private(Reply::Refused(refusal))
}
