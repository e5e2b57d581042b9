//! Probes that fail: which one, and what it was answered.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Probe;

use super::commands;
use super::container::{about, end_line, waiting_line};
use super::event::Seen;
use super::pod_case::{Part, PodCase, Role, finished};
use super::sighting::Sighting;
use super::words::{age, clause};
use crate::cluster::finding::Source;
use crate::faq::condition::Condition;

/// A failed probe counts as current for this long: a failing one is reported again at every period.
const CURRENT: i64 = 600;

/// Kubernetes' defaults for a probe's period (seconds) and failure threshold.
const DEFAULT_PERIOD: i32 = 10;
const DEFAULT_FAILURES: i32 = 3;

/// A container that the kubelet ended because of a probe.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kill<'a> {
    /// `liveness` or `startup`.
    pub(super) probe: &'static str,
    pub(super) seen: Seen<'a>,
}

/// The probe that ended the container last, where the events say so. An out-of-memory kill is none of a probe's doing.
pub(super) fn kill<'a>(pod: &PodCase<'a>, part: &Part<'_>) -> Option<Kill<'a>> {
    let ended = part.last_end()?;
    if ended.reason.as_deref() == Some("OOMKilled") {
        return None;
    }
    // SIGTERM first, SIGKILL after the grace period; a program that handles SIGTERM may end with any code, then only the kubelet's
    // own word that it killed the container tells.
    let by_signal = matches!(ended.exit_code, 137 | 143);
    let at = finished(ended);
    let near = |seen: &Seen<'_>| match (seen.first, seen.last, at) {
        (Some(first), Some(last), Some(at)) => {
            // Kills are repeated in a crash loop; the event covers them all.
            at >= first && pod.case.now.duration_since(last).as_secs() < 3600
        }
        _ => true,
    };
    for (probe, said, failed) in [
        ("startup", "failed startup probe", "Startup probe failed"),
        ("liveness", "failed liveness probe", "Liveness probe failed"),
    ] {
        let words = |reason: &str, words: &str| {
            // The kubelet's own word that it kills counts for the end by a signal that it brings, whichever is written first.
            let is_sure = reason == "Killing" && by_signal;
            pod.events
                .iter()
                .find(|seen| {
                    seen.reason == reason
                        && seen.message.contains(words)
                        && is_about(seen, part)
                        && (near(seen) || is_sure && pod.case.is_recent(seen.last, 3600))
                })
                .copied()
        };
        let unhealthy = words("Unhealthy", failed);
        let seen = match words("Killing", said) {
            Some(killing) => unhealthy.or(Some(killing)),
            None if by_signal && defines(part, probe) => unhealthy,
            None => None,
        };
        if let Some(seen) = seen {
            return Some(Kill { probe, seen });
        }
    }
    None
}

/// All that the probes of a pod show.
pub(super) fn sightings(pod: &PodCase<'_>, out: &mut Vec<Sighting>) {
    for part in pod.parts.iter().filter(|part| part.role != Role::Init) {
        let started_late = out.len();
        out.extend(startup(pod, part));
        let startup_fails = out.len() > started_late;
        if !startup_fails {
            out.extend(liveness(pod, part));
        }
        out.extend(readiness(pod, part));
    }
    out.extend(gate(pod));
}

/// A load balancer takes a new target in within this time (seconds).
const GATE_GRACE: i64 = 120;

/// A pod whose containers are ready and whose readiness gate nobody has set.
fn gate(pod: &PodCase<'_>) -> Option<Sighting> {
    let ready = pod
        .condition("Ready")
        .filter(|ready| ready.status != "True")?;
    let containers_are_ready = pod
        .condition("ContainersReady")
        .is_some_and(|condition| condition.status == "True");
    let gates = pod.pod.spec.as_ref()?.readiness_gates.as_ref()?;
    let unmet = gates.iter().find(|gate| {
        pod.condition(&gate.condition_type)
            .is_none_or(|condition| condition.status != "True")
    })?;
    let since = ready.last_transition_time.as_ref().map(|time| time.0);
    let waits = since.max(
        pod.condition("ContainersReady")
            .and_then(|condition| condition.last_transition_time.as_ref().map(|time| time.0)),
    );
    if !containers_are_ready
        || ready.reason.as_deref() == Some("NodeNotReady")
        || pod.case.is_recent(waits, GATE_GRACE)
    {
        return None;
    }
    let name = &unmet.condition_type;
    let said = match pod.condition(name) {
        None => "nobody has set it".to_owned(),
        Some(condition) => format!(
            "{} {} {}",
            condition.status,
            condition.reason.as_deref().unwrap_or_default(),
            condition.message.as_deref().unwrap_or_default()
        ),
    };
    let summary = format!(
        "Readiness gate {name} is not met ({}), so {} gets no traffic although its containers are ready",
        clause(&said, 120),
        pod.name
    );
    Some(
        pod.sighting(Condition::ReadinessGateUnmet, summary)
            .since(waits)
            .says(
                Source::Status,
                &format!(
                    "Ready {}: {}: {}",
                    ready.status,
                    ready.reason.as_deref().unwrap_or_default(),
                    ready.message.as_deref().unwrap_or_default()
                ),
            )
            .says(Source::Spec, &format!("readinessGates: {name}"))
            .command(commands::get_yaml("Pod", pod.name, pod.namespace)),
    )
}

fn liveness(pod: &PodCase<'_>, part: &Part<'_>) -> Option<Sighting> {
    let failed = unhealthy(pod, part, "Liveness probe");
    let threshold = part
        .spec
        .and_then(|spec| spec.liveness_probe.as_ref())
        .map_or(DEFAULT_FAILURES, failures);
    let killed = kill(pod, part)
        .filter(|kill| kill.probe == "liveness")
        .filter(|kill| {
            // One restart that a probe caused long ago, and well since, is history.
            !part.is_running()
                || pod.case.is_recent(kill.seen.last, CURRENT)
                || pod
                    .case
                    .is_recent(part.last_end().and_then(finished), CURRENT)
        });
    let fails_now = failed.filter(|seen| {
        seen.count >= threshold
            && fails_in_a_row(
                seen,
                part.spec.and_then(|spec| spec.liveness_probe.as_ref()),
            )
            && pod.case.is_recent(seen.last, CURRENT)
            && part.is_running()
    });
    let seen = killed.map(|kill| kill.seen).or(fails_now)?;
    let answer = answer(&seen, "Liveness probe");
    let consequence = if killed.is_some() {
        "the kubelet keeps restarting"
    } else {
        "the kubelet will restart"
    };
    Some(
        evidence(
            pod,
            part,
            about(
                pod,
                part,
                Condition::LivenessProbeFailing,
                &format!(
                    "Liveness probe fails ({answer}), so {consequence} container {} of {}",
                    part.name(),
                    pod.name
                ),
            ),
            &seen,
        )
        .command(commands::logs(
            pod.name,
            part.name(),
            part.restarts() > 0,
            pod.namespace,
        )),
    )
}

fn startup(pod: &PodCase<'_>, part: &Part<'_>) -> Option<Sighting> {
    let probe = part.spec.and_then(|spec| spec.startup_probe.as_ref());
    let failed = unhealthy(pod, part, "Startup probe");
    let killed = kill(pod, part)
        .filter(|kill| kill.probe == "startup")
        .filter(|_| part.status.started != Some(true));
    // Failing until the threshold is what a startup probe is for.
    let is_overdue = probe.is_some_and(|probe| {
        part.is_running() && part.status.started == Some(false) && is_past(pod, part, window(probe))
    });
    let seen = killed
        .map(|kill| kill.seen)
        .or(failed.filter(|_| is_overdue));
    if killed.is_none() && !is_overdue {
        return None;
    }
    let answer = seen.map_or_else(
        || "no answer is recorded".to_owned(),
        |seen| answer(&seen, "Startup probe"),
    );
    let sighting = about(
        pod,
        part,
        Condition::StartupProbeFailing,
        &format!(
            "Startup probe fails ({answer}), so container {} of {} is restarted before it is up",
            part.name(),
            pod.name
        ),
    );
    let sighting = match &seen {
        Some(seen) => evidence(pod, part, sighting, seen),
        None => sighting.since(part.running_since()).says(
            Source::Status,
            &format!("{}: running, not started", part.name()),
        ),
    };
    Some(sighting.command(commands::logs(
        pod.name,
        part.name(),
        part.restarts() > 0,
        pod.namespace,
    )))
}

fn readiness(pod: &PodCase<'_>, part: &Part<'_>) -> Option<Sighting> {
    if !part.is_running() || part.status.ready || part.status.started == Some(false) {
        return None;
    }
    let probe = part.spec.and_then(|spec| spec.readiness_probe.as_ref());
    let seen = unhealthy(pod, part, "Readiness probe");
    if probe.is_none() && seen.is_none() {
        return None;
    }
    // A node that does not answer makes its pods unready too, and no probe has to do with it.
    if pod
        .condition("Ready")
        .is_some_and(|condition| condition.reason.as_deref() == Some("NodeNotReady"))
    {
        return None;
    }
    let grace = probe.map_or_else(|| i64::from(DEFAULT_PERIOD * DEFAULT_FAILURES), window);
    if !is_past(pod, part, grace) {
        return None;
    }
    let since = pod.unready_since().max(part.running_since());
    let answer = seen.map_or_else(
        || "no answer is recorded".to_owned(),
        |seen| answer(&seen, "Readiness probe"),
    );
    let summary = format!(
        "Readiness probe fails ({answer}), so {} gets no traffic: container {} has been running for {} and is not ready",
        pod.name,
        part.name(),
        age(pod.case.age(part.running_since()))
    );
    let mut sighting = about(pod, part, Condition::ReadinessProbeFailing, &summary)
        .since(since)
        .says(
            Source::Status,
            &format!("{}: running, ready false", part.name()),
        )
        .event(seen.as_ref());
    if let Some(probe) = probe {
        sighting = sighting.says(
            Source::Spec,
            &format!("{}: readinessProbe {}", part.name(), wording(probe)),
        );
    }
    Some(
        sighting
            .command(commands::describe("Pod", pod.name, pod.namespace))
            .command(commands::logs(pod.name, part.name(), false, pod.namespace)),
    )
}

/// The newest failure of this probe of this container.
fn unhealthy<'a>(pod: &PodCase<'a>, part: &Part<'_>, probe: &str) -> Option<Seen<'a>> {
    pod.events
        .iter()
        .find(|seen| {
            seen.reason == "Unhealthy" && seen.message.starts_with(probe) && is_about(seen, part)
        })
        .copied()
}

fn is_about(seen: &Seen<'_>, part: &Part<'_>) -> bool {
    match seen.container {
        Some(name) => name == part.name(),
        // Old events name no container; the message of a kill does.
        None => {
            seen.reason != "Killing" || seen.message.contains(&format!("ontainer {} ", part.name()))
        }
    }
}

fn defines(part: &Part<'_>, probe: &str) -> bool {
    // Without the specification the event itself has to do.
    part.spec.is_none_or(|spec| match probe {
        "startup" => spec.startup_probe.is_some(),
        _ => spec.liveness_probe.is_some(),
    })
}

/// Whether the container has been running for longer than `seconds`; one without a start time has.
fn is_past(pod: &PodCase<'_>, part: &Part<'_>, seconds: i64) -> bool {
    let started: Option<Timestamp> = part.running_since().or(pod.started());
    pod.case.is_older(started, seconds)
}

/// Whether a probe failed at (nearly) every period between its first failure and its last. One event counts all failures of an
/// hour, so that many of them alone say nothing: those that passed in between reset the kubelet's own count.
fn fails_in_a_row(seen: &Seen<'_>, probe: Option<&Probe>) -> bool {
    let (Some(first), Some(last)) = (seen.first, seen.last) else {
        return true;
    };
    let period = probe
        .and_then(|probe| probe.period_seconds)
        .filter(|seconds| *seconds > 0)
        .unwrap_or(DEFAULT_PERIOD);
    // Twice the period leaves room for a probe that takes as long as its timeout.
    last.duration_since(first).as_secs() <= i64::from(period) * 2 * i64::from(seen.count)
}

fn failures(probe: &Probe) -> i32 {
    probe
        .failure_threshold
        .filter(|count| *count > 0)
        .unwrap_or(DEFAULT_FAILURES)
}

/// How long a probe may fail before it means anything, in seconds.
fn window(probe: &Probe) -> i64 {
    let period = probe
        .period_seconds
        .filter(|seconds| *seconds > 0)
        .unwrap_or(DEFAULT_PERIOD);
    let delay = probe.initial_delay_seconds.unwrap_or(0).max(0);
    i64::from(delay) + i64::from(period) * i64::from(failures(probe))
}

/// What the probe was answered, without the prefix that only says that it failed.
fn answer(seen: &Seen<'_>, probe: &str) -> String {
    let rest = seen.message.strip_prefix(probe).unwrap_or(seen.message);
    let rest = rest
        .trim_start_matches(" failed")
        .trim_start_matches(" errored")
        .trim_start_matches(':');
    let said = clause(rest, 160);
    if said.is_empty() {
        "it gave no answer".to_owned()
    } else {
        said
    }
}

fn evidence(pod: &PodCase<'_>, part: &Part<'_>, sighting: Sighting, seen: &Seen<'_>) -> Sighting {
    let killing = pod.events.iter().find(|event| {
        event.reason == "Killing" && event.message.contains("probe") && is_about(event, part)
    });
    let mut sighting = sighting
        .since(seen.first)
        .event(Some(seen))
        .event(killing.filter(|killing| killing.message != seen.message))
        .says(Source::Status, &waiting_line(part));
    if let Some(ended) = part.last_end() {
        sighting = sighting.says(Source::Status, &end_line(part, ended));
    }
    sighting.command(commands::describe("Pod", pod.name, pod.namespace))
}

/// `GET :8080/healthz every 10s`
fn wording(probe: &Probe) -> String {
    use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
    let port = |port: &IntOrString| match port {
        IntOrString::Int(number) => number.to_string(),
        IntOrString::String(name) => name.clone(),
    };
    let what = if let Some(http) = &probe.http_get {
        format!(
            "GET :{}{}",
            port(&http.port),
            http.path.as_deref().unwrap_or("/")
        )
    } else if let Some(tcp) = &probe.tcp_socket {
        format!("TCP :{}", port(&tcp.port))
    } else if let Some(grpc) = &probe.grpc {
        format!("gRPC :{}", grpc.port)
    } else if probe.exec.is_some() {
        "a command".to_owned()
    } else {
        "of no known kind".to_owned()
    };
    let period = probe.period_seconds.unwrap_or(DEFAULT_PERIOD);
    format!(
        "{what} every {period}s, timeout {}s",
        probe.timeout_seconds.unwrap_or(1)
    )
}
