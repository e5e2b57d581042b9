//! Images that cannot be pulled.

use serde_json::json;

use super::{only, the, well};
use crate::cluster::detect::fixtures::{event, pod_with, pods};
use crate::cluster::view::View;
use crate::faq::condition::Condition;

fn waits(reason: &str, message: &str) -> View {
    pods(
        vec![pod_with(
            &json!({"state": {"waiting": {"reason": reason, "message": message}}}),
        )],
        vec![],
    )
}

#[test]
fn each_answer_of_a_registry_has_its_condition() {
    for (reason, message, condition) in [
        (
            "ErrImagePull",
            "failed to resolve reference \"shop/web:1\": shop/web:1: not found",
            Condition::ImageNotFound,
        ),
        (
            "ErrImagePull",
            "pull access denied, repository does not exist or may require authorization",
            Condition::ImagePullUnauthorized,
        ),
        (
            "ErrImagePull",
            "429 Too Many Requests - toomanyrequests",
            Condition::ImagePullRateLimited,
        ),
        (
            "ErrImagePull",
            "dial tcp: lookup registry.internal: no such host",
            Condition::ImageRegistryUnreachable,
        ),
        (
            "ErrImagePull",
            "no match for platform in manifest: not found",
            Condition::ImagePlatformMismatch,
        ),
        (
            "InvalidImageName",
            "Failed to apply default image tag \"shop/Web:1\": couldn't parse image name",
            Condition::InvalidImageName,
        ),
        (
            "ErrImageNeverPull",
            "Container image \"shop/web:1\" is not present with pull policy of Never",
            Condition::ImageNeverPull,
        ),
        (
            "ErrImagePull",
            "no space left on device",
            Condition::ImagePullFailed,
        ),
    ] {
        let view = waits(reason, message);
        only(&view, &[condition]);
        assert!(
            the(condition, &view).evidence[0].text.contains(message),
            "the API's own words stay"
        );
    }
}

#[test]
fn a_back_off_that_names_no_cause_takes_it_from_the_event() {
    let mut view = waits("ImagePullBackOff", "Back-off pulling image \"shop/web:1\"");
    only(&view, &[Condition::ImagePullFailed]);
    let failed = event(
        "Pod",
        "web",
        "Failed",
        "Failed to pull image \"shop/web:1\": rpc error: code = NotFound desc = shop/web:1: not found",
        4,
        30,
    );
    view.events = pods(vec![], vec![failed]).events;
    only(&view, &[Condition::ImageNotFound]);
}

#[test]
fn a_running_container_whose_earlier_pull_failed_is_well() {
    let running = json!({"ready": true, "started": true, "state": {"running": {"startedAt": "2026-11-25T08:30:00Z"}}});
    let failed = event(
        "Pod",
        "web",
        "Failed",
        "Failed to pull image \"shop/web:1\": not found",
        1,
        1900,
    );
    well(&pods(vec![pod_with(&running)], vec![failed]));
}
