//! Containers beside the main ones: init containers that hold them back, sidecars that are down.

use super::container::{
    BACK_OFF_RESET, CANNOT_RUN, about, capital, end_line, is_crash_looping, waiting_line,
};
use super::pod_case::{Part, PodCase, Role, finished};
use super::sighting::Sighting;
use super::words::{age, time};
use super::{commands, exit_code, image};
use crate::cluster::finding::Source;
use crate::faq::condition::Condition;

/// An init container that runs for this long does not merely start slowly.
const INIT_SLOW: i64 = 300;

/// An init container that fails or does not end.
pub(super) fn init_failing(pod: &PodCase<'_>, part: &Part<'_>) -> Option<Sighting> {
    // A sidecar among the init containers holds the main ones back until it has started.
    let holds_back = part.role == Role::Init
        || (part.is_init && part.status.started != Some(true) && !pod.main_runs());
    if !holds_back {
        return None;
    }
    let failed = part.last_end().filter(|ended| ended.exit_code != 0);
    let is_failing = is_crash_looping(pod, part)
        || (part.ended().is_some() && failed.is_some())
        || CANNOT_RUN.contains(&part.waiting_reason())
        || (part.restarts() >= 2
            && failed.is_some()
            && pod
                .case
                .is_recent(failed.and_then(finished), BACK_OFF_RESET));
    let running_since = part.running_since();
    let is_endless = part.role == Role::Init
        && running_since.is_some()
        && pod.case.is_older(running_since, INIT_SLOW);
    let cause = match failed {
        Some(ended) if is_failing => format!(
            "{}: init container {} fails",
            capital(&exit_code::cause(ended)),
            part.name()
        ),
        _ if is_failing => format!("Init container {} fails", part.name()),
        _ if is_endless => format!(
            "Init container {} has been running for {} and does not end",
            part.name(),
            age(pod.case.age(running_since))
        ),
        _ => return None,
    };
    let mut sighting = about(
        pod,
        part,
        Condition::InitContainerFailing,
        &format!(
            "{cause}, so the main containers of {} do not start",
            pod.name
        ),
    )
    .since(
        running_since
            .filter(|_| is_endless)
            .or(pod.unready_since())
            .or(pod.started()),
    )
    .says(Source::Status, &waiting_line(part));
    if let Some(ended) = part.last_end() {
        sighting = sighting.says(Source::Status, &end_line(part, ended));
    }
    if let (true, Some(since)) = (is_endless, running_since) {
        sighting = sighting.says(
            Source::Status,
            &format!("{}: running since {}", part.name(), time(since)),
        );
    }
    Some(
        sighting
            .command(commands::logs(
                pod.name,
                part.name(),
                !is_endless,
                pod.namespace,
            ))
            .command(commands::describe("Pod", pod.name, pod.namespace)),
    )
}

/// A sidecar that is down while the main container runs.
pub(super) fn sidecar_down(pod: &PodCase<'_>, part: &Part<'_>) -> Option<Sighting> {
    if part.role != Role::Sidecar || part.is_running() || !pod.main_runs() {
        return None;
    }
    let reason = part.waiting_reason();
    let waits_in_vain = reason == "CrashLoopBackOff"
        || reason == "CreateContainerConfigError"
        || CANNOT_RUN.contains(&reason)
        || image::is_pull_reason(reason);
    let failed = part.ended().filter(|ended| ended.exit_code != 0);
    let cause = match (waits_in_vain, failed, part.last_end()) {
        (true, _, Some(ended)) => format!("{reason} after {}", exit_code::cause(ended)),
        (true, _, None) => reason.to_owned(),
        (false, Some(ended), _) => capital(&exit_code::cause(ended)),
        (false, None, _) => return None,
    };
    let mut sighting = about(
        pod,
        part,
        Condition::SidecarDown,
        &format!(
            "{cause}: container {} of {} is down while its main container runs",
            part.name(),
            pod.name
        ),
    )
    .since(pod.unready_since().or(part.last_end().and_then(finished)))
    .says(Source::Status, &waiting_line(part));
    if let Some(ended) = part.last_end() {
        sighting = sighting.says(Source::Status, &end_line(part, ended));
    }
    Some(
        sighting
            .command(commands::logs(
                pod.name,
                part.name(),
                part.ended().is_none(),
                pod.namespace,
            ))
            .command(commands::describe("Pod", pod.name, pod.namespace)),
    )
}
