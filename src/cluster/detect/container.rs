//! Containers that end, cannot run or lack their configuration.

use k8s_openapi::api::core::v1::ContainerStateTerminated;

use super::pod_case::{Part, PodCase, Role, finished};
use super::sighting::Sighting;
use super::words::{age, clause, counted, time};
use super::{beside, commands, exit_code, probe};
use crate::cluster::finding::Source;
use crate::faq::condition::Condition;

/// The kubelet forgets a container's restarts after it has run well for 10 minutes (Kubernetes documentation, "Container restarts").
pub(super) const BACK_OFF_RESET: i64 = 600;

/// An out-of-memory kill stays in `lastState` for as long as the container runs; after a day of running it is history.
const OOM_HISTORY: i64 = 24 * 3600;

/// All that the containers of a pod show; nothing where their Job has ended well all the same.
pub(super) fn sightings(pod: &PodCase<'_>, out: &mut Vec<Sighting>) {
    for part in &pod.parts {
        // Done: an init container that has ended well counts no more, whatever happened before.
        if part.ended().is_some_and(|ended| ended.exit_code == 0)
            && (part.role == Role::Init || !pod.restarts_always())
        {
            continue;
        }
        out.extend(config_error(pod, part));
        out.extend(cannot_run(pod, part));
        out.extend(out_of_memory(pod, part));
        out.extend(crash_loop(pod, part));
        out.extend(exited(pod, part));
        out.extend(beside::init_failing(pod, part));
        out.extend(beside::sidecar_down(pod, part));
    }
}

fn config_error(pod: &PodCase<'_>, part: &Part<'_>) -> Option<Sighting> {
    if part.waiting_reason() != "CreateContainerConfigError" {
        return None;
    }
    let said = part
        .waiting()
        .and_then(|waiting| waiting.message.as_deref())
        .unwrap_or_default();
    let event = pod.event("Failed", part.name());
    let said = if said.is_empty() {
        event.map(|seen| seen.message).unwrap_or_default()
    } else {
        said
    };
    let lower = said.to_lowercase();
    let cause = if let Some(rest) = lower
        .find("couldn't find key ")
        .and_then(|at| said.get(at + 18..))
    {
        let key = rest.split_whitespace().next().unwrap_or_default();
        let place = rest
            .split_once(" in ")
            .map(|(_, place)| clause(place, 120))
            .unwrap_or_default();
        format!("Key {key} is missing in {place}")
    } else if lower.contains("runasnonroot") {
        "The image would run as root (or as a user that is no number) and the pod forbids that"
            .to_owned()
    } else if lower.contains("not found") {
        format!("Missing: {}", clause(said, 160))
    } else {
        "The configuration cannot be put together".to_owned()
    };
    Some(
        about(
            pod,
            part,
            Condition::CreateContainerConfigError,
            &format!(
                "{cause}, so container {} of {} cannot be created",
                part.name(),
                pod.name
            ),
        )
        .since(pod.unready_since().or(pod.started()))
        .says(Source::Status, &waiting_line(part))
        .event(event)
        .command(commands::describe("Pod", pod.name, pod.namespace))
        .command(commands::command(
            &["get", "secrets,configmaps"],
            pod.namespace,
        )),
    )
}

/// Reasons with which the kubelet says that the runtime refused.
pub(super) const CANNOT_RUN: &[&str] = &[
    "RunContainerError",
    "CreateContainerError",
    "ContainerCannotRun",
    "StartError",
    "PreCreateHookError",
    "PreStartHookError",
    "PostStartHookError",
    "RunInitContainerError",
];

fn cannot_run(pod: &PodCase<'_>, part: &Part<'_>) -> Option<Sighting> {
    let refused_at_start = part
        .last_end()
        .filter(|ended| {
            ended
                .reason
                .as_deref()
                .is_some_and(|reason| CANNOT_RUN.contains(&reason))
        })
        // Runs again: whatever the runtime refused then, it does no more.
        .filter(|_| !part.is_running());
    let waits = CANNOT_RUN.contains(&part.waiting_reason());
    let text_of_end = part
        .last_end()
        .and_then(|ended| ended.message.as_deref())
        .unwrap_or_default();
    // A single-architecture image starts and fails at once; the line stands in the termination message then.
    let wrong_format = text_of_end.to_lowercase().contains("exec format error")
        && (!part.is_running()
            || pod
                .case
                .is_recent(part.last_end().and_then(finished), BACK_OFF_RESET));
    if refused_at_start.is_none() && !waits && !wrong_format {
        return None;
    }
    let said = if waits {
        part.waiting()
            .and_then(|waiting| waiting.message.as_deref())
            .unwrap_or_default()
    } else {
        ""
    };
    let event = pod.event("Failed", part.name());
    let said = [
        said,
        text_of_end,
        event.map(|seen| seen.message).unwrap_or_default(),
    ]
    .into_iter()
    .find(|text| !text.is_empty())
    .unwrap_or_default();
    let (condition, cause) = why_it_cannot_run(said, part.waiting_reason());
    let mut sighting = about(
        pod,
        part,
        condition,
        &format!(
            "{cause}: container {} of {} cannot run",
            part.name(),
            pod.name
        ),
    )
    .since(pod.unready_since().or(pod.started()))
    .says(Source::Status, &waiting_line(part));
    if let Some(ended) = part.last_end() {
        sighting = sighting.says(Source::Status, &end_line(part, ended));
    }
    Some(
        sighting
            .says(Source::Spec, &image_line(part))
            .event(event)
            .command(commands::describe("Pod", pod.name, pod.namespace)),
    )
}

fn why_it_cannot_run(said: &str, reason: &str) -> (Condition, String) {
    let lower = said.to_lowercase();
    let cause = if lower.contains("exec format error") {
        return (
            Condition::ExecFormatError,
            "Exec format error, the program is for another CPU architecture or is no executable"
                .to_owned(),
        );
    } else if reason == "PostStartHookError" {
        "The postStart hook fails".to_owned()
    } else if lower.contains("executable file not found")
        || lower.contains("no such file or directory") && lower.contains("exec")
    {
        "The command does not exist in the image".to_owned()
    } else if lower.contains("permission denied") {
        "Permission denied at the start of the command".to_owned()
    } else if lower.contains("no command specified") {
        "The image and the pod name no command".to_owned()
    } else if lower.contains("name") && lower.contains("is reserved") {
        "The runtime still holds an earlier container of this name".to_owned()
    } else if lower.contains("mount") {
        "A mount fails inside the container".to_owned()
    } else if lower.contains("context deadline exceeded") {
        "The runtime did not answer in time".to_owned()
    } else if said.is_empty() {
        "The runtime refuses to start the process".to_owned()
    } else {
        format!(
            "The runtime refuses to start the process ({})",
            clause(said, 120)
        )
    };
    (Condition::ContainerCannotRun, cause)
}

fn out_of_memory(pod: &PodCase<'_>, part: &Part<'_>) -> Option<Sighting> {
    let ended = part
        .last_end()
        .filter(|ended| ended.reason.as_deref() == Some("OOMKilled"))?;
    let at = finished(ended);
    if part.is_running() && at.is_some() && pod.case.is_older(at, OOM_HISTORY) {
        return None;
    }
    let limit = memory_limit(part);
    let against = limit.as_ref().map_or_else(
        || {
            "it has no memory limit of its own, so the pod's or the node's memory ran out"
                .to_owned()
        },
        |limit| format!("its memory limit is {limit}"),
    );
    let now = if part.is_running() {
        "runs again"
    } else {
        "is down"
    };
    Some(
        about(
            pod,
            part,
            Condition::OomKilled,
            &format!(
                "Out of memory: container {} of {} was killed by the kernel ({against}) and {now}",
                part.name(),
                pod.name
            ),
        )
        .since(at)
        .says(Source::Status, &end_line(part, ended))
        .says(Source::Status, &waiting_line(part))
        .says(
            Source::Spec,
            &limit
                .map(|limit| format!("{}: limits.memory {limit}", part.name()))
                .unwrap_or_default(),
        )
        .command(commands::describe("Pod", pod.name, pod.namespace))
        .command(commands::logs(pod.name, part.name(), true, pod.namespace))
        .command(commands::command(
            &["top", "pod", pod.name, "--containers"],
            pod.namespace,
        )),
    )
}

fn memory_limit(part: &Part<'_>) -> Option<String> {
    let limits = part.spec?.resources.as_ref()?.limits.as_ref()?;
    limits.get("memory").map(|quantity| quantity.0.clone())
}

/// Whether the container is in back-off, or in one of its short runs between two.
pub(super) fn is_crash_looping(pod: &PodCase<'_>, part: &Part<'_>) -> bool {
    if part.waiting_reason() == "CrashLoopBackOff" {
        return true;
    }
    let backs_off = pod
        .event("BackOff", part.name())
        .filter(|seen| seen.message.contains("restarting failed container"))
        .is_some_and(|seen| pod.case.is_recent(seen.last, BACK_OFF_RESET));
    let between_two_ends = part.ended().is_some() && !pod.never_restarts() && part.restarts() >= 2;
    let in_a_short_run = part.is_running()
        && part.restarts() >= 3
        && pod.case.is_recent(part.running_since(), BACK_OFF_RESET)
        && pod
            .case
            .is_recent(part.last_end().and_then(finished), BACK_OFF_RESET);
    backs_off && (between_two_ends || in_a_short_run)
}

fn crash_loop(pod: &PodCase<'_>, part: &Part<'_>) -> Option<Sighting> {
    if !is_crash_looping(pod, part) {
        return None;
    }
    let back_off = pod.event("BackOff", part.name());
    let killed_by_probe = probe::kill(pod, part);
    let cause = match (killed_by_probe, part.last_end()) {
        (Some(kill), Some(ended)) => format!(
            "The {} probe fails and the kubelet ends the container (exit code {})",
            kill.probe, ended.exit_code
        ),
        (Some(kill), None) => format!(
            "The {} probe fails and the kubelet ends the container",
            kill.probe
        ),
        (None, Some(ended)) => capital(&exit_code::cause(ended)),
        (None, None) => "It keeps ending".to_owned(),
    };
    let mut sighting = about(
        pod,
        part,
        Condition::CrashLoopBackOff,
        &format!(
            "{cause}: container {} of {} is in back-off after {}",
            part.name(),
            pod.name,
            counted(usize::try_from(part.restarts()).unwrap_or(0), "restart")
        ),
    )
    .since(
        pod.unready_since()
            .or(back_off.and_then(|seen| seen.first))
            .or(part.last_end().and_then(finished)),
    )
    .says(Source::Status, &waiting_line(part));
    if let Some(ended) = part.last_end() {
        sighting = sighting.says(Source::Status, &end_line(part, ended));
    }
    Some(
        sighting
            .event(back_off)
            .event(killed_by_probe.map(|kill| kill.seen).as_ref())
            .command(commands::logs(pod.name, part.name(), true, pod.namespace))
            .command(commands::describe("Pod", pod.name, pod.namespace)),
    )
}

fn exited(pod: &PodCase<'_>, part: &Part<'_>) -> Option<Sighting> {
    let ended = part.last_end().filter(|ended| ended.exit_code != 0)?;
    let has_its_own_condition = matches!(
        ended.reason.as_deref(),
        Some("OOMKilled" | "StartError" | "ContainerCannotRun")
    ) || ended
        .message
        .as_deref()
        .is_some_and(|said| said.contains("exec format error"));
    if part.role == Role::Init
        || has_its_own_condition
        || is_crash_looping(pod, part)
        || probe::kill(pod, part).is_some()
    {
        return None;
    }
    let at = finished(ended);
    let is_down = part.ended().is_some();
    let keeps_ending =
        part.restarts() >= 2 || exit_code::is_native_crash(ended.exit_code) || !part.status.ready;
    let came_back = part.is_running() && pod.case.is_recent(at, BACK_OFF_RESET) && keeps_ending;
    if !is_down && !came_back {
        return None;
    }
    let now = if is_down {
        "ended".to_owned()
    } else {
        format!("ended {} ago and runs again", age(pod.case.age(at)))
    };
    Some(
        about(
            pod,
            part,
            Condition::ContainerExited,
            &format!(
                "{}: container {} of {} {now}",
                capital(&exit_code::cause(ended)),
                part.name(),
                pod.name
            ),
        )
        .since(at)
        .says(Source::Status, &end_line(part, ended))
        .says(Source::Status, &waiting_line(part))
        .command(commands::logs(
            pod.name,
            part.name(),
            !is_down,
            pod.namespace,
        ))
        .command(commands::describe("Pod", pod.name, pod.namespace)),
    )
}

/// A condition of one container.
pub(super) fn about(
    pod: &PodCase<'_>,
    part: &Part<'_>,
    condition: Condition,
    summary: &str,
) -> Sighting {
    let mut sighting = pod.sighting(condition, summary);
    sighting.container = Some(part.name().to_owned());
    sighting
}

/// `app: waiting, CrashLoopBackOff: back-off 5m0s …`; empty where the container does not wait.
pub(super) fn waiting_line(part: &Part<'_>) -> String {
    let Some(waiting) = part.waiting() else {
        return String::new();
    };
    let reason = waiting.reason.as_deref().unwrap_or("no reason given");
    match waiting
        .message
        .as_deref()
        .filter(|message| !message.is_empty())
    {
        Some(message) => format!("{}: waiting, {reason}: {message}", part.name()),
        None => format!("{}: waiting, {reason}", part.name()),
    }
}

/// `app: ended at …, reason Error, exit code 1, 12 restarts: message`
pub(super) fn end_line(part: &Part<'_>, ended: &ContainerStateTerminated) -> String {
    let at = finished(ended)
        .map(|at| format!(" at {}", time(at)))
        .unwrap_or_default();
    let reason = ended.reason.as_deref().unwrap_or("none");
    let message = ended
        .message
        .as_deref()
        .filter(|message| !message.trim().is_empty())
        .map(|message| format!(": {}", message.trim()))
        .unwrap_or_default();
    format!(
        "{}: ended{at}, reason {reason}, exit code {}, {}{message}",
        part.name(),
        ended.exit_code,
        counted(usize::try_from(part.restarts()).unwrap_or(0), "restart")
    )
}

fn image_line(part: &Part<'_>) -> String {
    part.spec
        .and_then(|spec| spec.image.as_deref())
        .map(|image| format!("{}: image {image}", part.name()))
        .unwrap_or_default()
}

/// With a capital first letter.
pub(super) fn capital(text: &str) -> String {
    let mut characters = text.chars();
    characters
        .next()
        .map(|first| first.to_uppercase().chain(characters).collect())
        .unwrap_or_default()
}
