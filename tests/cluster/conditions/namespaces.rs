//! What a namespace allows: quotas that are used up.

use super::scene::Scene;

#[tokio::test]
async fn a_used_up_quota_is_found_and_a_prohibition_is_well() {
    let mut scene = Scene::new("quota").await;
    for (name, hard, used) in [
        (
            "full",
            "pods: '10', requests.cpu: '4'",
            "pods: '10', requests.cpu: 3900m",
        ),
        (
            "same-in-other-words",
            "requests.memory: 1Gi",
            "requests.memory: 1024Mi",
        ),
        // Well: there is room; what is allowed to nobody is used by nobody.
        ("roomy", "pods: '10'", "pods: '9'"),
        (
            "prohibition",
            "services.loadbalancers: '0'",
            "services.loadbalancers: '0'",
        ),
    ] {
        scene.write(&format!("apiVersion: v1\nkind: ResourceQuota\nmetadata: {{ name: {name} }}\nspec: {{ hard: {{ {hard} }} }}\nstatus: {{ hard: {{ {hard} }}, used: {{ {used} }} }}\n")).await;
    }
    insta::assert_snapshot!(scene.report().await, @r"
    warning QuotaExhausted of ResourceQuota/full 1/?: Used up: pods 10 of 10 of quota full, so nothing more of it can be created
    warning QuotaExhausted of ResourceQuota/same-in-other-words 1/?: Used up: requests.memory 1Gi of 1Gi of quota same-in-other-words, so nothing more of it can be created
    ");
}
