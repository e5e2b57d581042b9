//! Images that cannot be pulled, by what the registry or the runtime answers.

use super::container::{about, waiting_line};
use super::event::Seen;
use super::pod_case::{Part, PodCase};
use super::sighting::Sighting;
use super::{commands, pull_message};
use crate::cluster::finding::Source;
use crate::faq::condition::Condition;

/// The kubelet's waiting reasons about images.
const REASONS: &[&str] = &[
    "ImagePullBackOff",
    "ErrImagePull",
    "InvalidImageName",
    "ErrImageNeverPull",
    "ImageInspectError",
    "RegistryUnavailable",
    "SignatureValidationFailed",
];

/// Whether a container waits for its image in vain.
pub(super) fn is_pull_reason(reason: &str) -> bool {
    REASONS.contains(&reason)
}

/// The images of a pod that cannot be pulled.
pub(super) fn sightings(pod: &PodCase<'_>, out: &mut Vec<Sighting>) {
    out.extend(pod.parts.iter().filter_map(|part| pull(pod, part)));
}

fn pull(pod: &PodCase<'_>, part: &Part<'_>) -> Option<Sighting> {
    let reason = part.waiting_reason();
    if !is_pull_reason(reason) {
        return None;
    }
    let status = part
        .waiting()
        .and_then(|waiting| waiting.message.as_deref())
        .unwrap_or_default();
    let failed = failed_pull(pod, part);
    // The back-off's own message may hold the cause (since 1.31) or only repeat the image's name.
    let said = match failed {
        Some(seen) if pull_message::classify(status) == Condition::ImagePullFailed => seen.message,
        _ => status,
    };
    let condition = match reason {
        "InvalidImageName" => Condition::InvalidImageName,
        "ErrImageNeverPull" => Condition::ImageNeverPull,
        "RegistryUnavailable" => Condition::ImageRegistryUnreachable,
        _ => pull_message::classify(said),
    };
    let image = part
        .spec
        .and_then(|spec| spec.image.as_deref())
        .filter(|image| !image.is_empty())
        .unwrap_or(&part.status.image);
    let missing_secret = pod.events.iter().find(|seen| {
        seen.reason == "FailedToRetrieveImagePullSecret"
            && condition == Condition::ImagePullUnauthorized
    });
    let cause = match condition {
        Condition::ImageNotFound => format!("The registry has no image {image}"),
        Condition::ImagePullUnauthorized => {
            format!("The registry refuses image {image} without the right credentials")
        }
        Condition::ImagePullRateLimited => {
            format!("The registry refuses image {image} after too many pulls")
        }
        Condition::ImageRegistryUnreachable => {
            format!("The registry of image {image} cannot be reached from the node")
        }
        Condition::ImagePlatformMismatch => {
            format!("Image {image} has no variant for the node's platform")
        }
        Condition::InvalidImageName => format!("Image name {image} cannot be parsed"),
        Condition::ImageNeverPull => {
            format!("Image {image} is not on the node and the pull policy is Never")
        }
        _ => format!("Image {image} cannot be pulled"),
    };
    Some(
        about(
            pod,
            part,
            condition,
            &format!("{cause}: container {} of {} waits", part.name(), pod.name),
        )
        .since(pod.unready_since().or(pod.started()))
        .says(Source::Status, &waiting_line(part))
        .event(failed.filter(|seen| seen.message != status).as_ref())
        .event(missing_secret)
        .command(commands::describe("Pod", pod.name, pod.namespace)),
    )
}

/// The newest event that says why a pull of this container failed.
fn failed_pull<'a>(pod: &PodCase<'a>, part: &Part<'_>) -> Option<Seen<'a>> {
    let about_it = |seen: &&Seen<'_>| seen.container.is_none_or(|name| name == part.name());
    let why = |seen: &&Seen<'_>| {
        let says_why = [
            "Failed to pull image",
            "Failed to apply default image tag",
            "not present with pull policy",
        ];
        says_why.iter().any(|words| seen.message.contains(words))
    };
    pod.events
        .iter()
        .filter(|seen| {
            matches!(
                seen.reason,
                "Failed" | "InspectFailed" | "ErrImageNeverPull"
            )
        })
        .filter(about_it)
        .find(why)
        .copied()
}
