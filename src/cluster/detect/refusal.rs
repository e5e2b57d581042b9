//! Who refuses the creation of an object, read out of the API server's message.

use super::words::{clause, contains_any};
use crate::faq::condition::Condition;

/// Who refuses a creation, from the API server's message, and the words for it.
pub(super) fn classify(message: &str) -> (Condition, String) {
    let said = message.to_lowercase();
    let after = |words: &str| {
        said.find(words)
            .and_then(|at| message.get(at + words.len()..))
            .unwrap_or_default()
    };
    let quoted = |text: &str| text.split('"').nth(1).map(str::to_owned);
    if said.contains("exceeded quota: ") {
        let name = after("exceeded quota: ")
            .split(',')
            .next()
            .unwrap_or_default()
            .trim();
        let asked = after("requested: ");
        let detail = if asked.is_empty() {
            String::new()
        } else {
            format!(" (requested: {})", clause(asked, 160))
        };
        return (
            Condition::QuotaExceeded,
            format!("Quota {name} is exceeded{detail}"),
        );
    }
    if said.contains("failed quota: ") {
        return (
            Condition::QuotaExceeded,
            format!("Quota {}", clause(after("failed quota: "), 160)),
        );
    }
    if contains_any(
        &said,
        &[
            "usage per container is",
            "usage per pod is",
            "limit to request ratio",
            "storage usage per persistentvolumeclaim",
        ],
    ) {
        let rule = said
            .find("is forbidden: ")
            .and_then(|at| message.get(at + 14..))
            .unwrap_or(message);
        return (
            Condition::QuotaExceeded,
            format!(
                "The namespace's limit range forbids it ({})",
                clause(rule, 160)
            ),
        );
    }
    if said.contains("violates podsecurity") {
        let level = quoted(after("violates podsecurity")).unwrap_or_default();
        let rules = message
            .split_once("\": ")
            .map(|(_, rules)| clause(after_last_level(rules), 160))
            .unwrap_or_default();
        return (
            Condition::PodSecurityViolation,
            format!("Pod Security {level} is violated ({rules})"),
        );
    }
    if contains_any(
        &said,
        &[
            "failed calling webhook",
            "failed to call webhook",
            "failed calling admission webhook",
        ],
    ) {
        let name = quoted(after("calling webhook"))
            .or_else(|| quoted(message))
            .unwrap_or_default();
        return (
            Condition::WebhookUnreachable,
            format!("Admission webhook {name} cannot be called"),
        );
    }
    if said.contains("denied the request")
        || said.contains("admissionpolicy")
        || said.contains("admission webhook")
    {
        let name = if said.contains("admission webhook") {
            quoted(after("admission webhook")).map(|name| format!("webhook {name}"))
        } else {
            message
                .split('\'')
                .nth(1)
                .map(|name| format!("policy {name}"))
        };
        let why = clause(
            message
                .rsplit_once("denied the request: ")
                .or_else(|| message.rsplit_once("denied request: "))
                .map_or("", |(_, why)| why),
            160,
        );
        let why = if why.is_empty() {
            String::new()
        } else {
            format!(" ({why})")
        };
        return (
            Condition::AdmissionDenied,
            format!(
                "Admission {} denies it{why}",
                name.unwrap_or_else(|| "control".to_owned())
            ),
        );
    }
    let reason = message.strip_prefix("Error creating: ").unwrap_or(message);
    let reason = if reason.is_empty() {
        String::new()
    } else {
        format!(" ({})", clause(reason, 160))
    };
    (
        Condition::PodCreationFailed,
        format!("Pods cannot be created{reason}"),
    )
}

/// `… violates PodSecurity "restricted:latest": rules` → `rules`
fn after_last_level(text: &str) -> &str {
    text.rsplit_once("\": ").map_or(text, |(_, rules)| rules)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_classified_by_who_refuses() {
        for (message, condition, cause) in [
            (
                r#"Error creating: pods "web-1" is forbidden: exceeded quota: compute, requested: limits.memory=1Gi, used: limits.memory=4Gi, limited: limits.memory=4Gi"#,
                Condition::QuotaExceeded,
                "Quota compute is exceeded (requested: limits.memory=1Gi, used: limits.memory=4Gi, limited: limits.memory=4Gi)",
            ),
            (
                r#"pods "web-1" is forbidden: failed quota: compute: must specify limits.cpu for: app"#,
                Condition::QuotaExceeded,
                "Quota compute: must specify limits.cpu for: app",
            ),
            (
                r#"pods "web-1" is forbidden: maximum memory usage per Container is 512Mi, but limit is 1Gi"#,
                Condition::QuotaExceeded,
                "The namespace's limit range forbids it (maximum memory usage per Container is 512Mi, but limit is 1Gi)",
            ),
            (
                r#"Error creating: pods "web-1" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot != true (pod or container "app" must set securityContext.runAsNonRoot=true)"#,
                Condition::PodSecurityViolation,
                r#"Pod Security restricted:latest is violated (runAsNonRoot != true (pod or container "app" must set securityContext.runAsNonRoot=true))"#,
            ),
            (
                r#"Error creating: Internal error occurred: failed calling webhook "policy.example.com": failed to call webhook: Post "https://policy.gate.svc:443/x?timeout=10s": no endpoints available for service "policy""#,
                Condition::WebhookUnreachable,
                "Admission webhook policy.example.com cannot be called",
            ),
            (
                r#"Error creating: admission webhook "validate.kyverno.svc-fail" denied the request: policy Pod/shop/web-1 for resource violation: require-labels"#,
                Condition::AdmissionDenied,
                "Admission webhook validate.kyverno.svc-fail denies it (policy Pod/shop/web-1 for resource violation: require-labels)",
            ),
            (
                "Error creating: pods \"web-1\" is forbidden: ValidatingAdmissionPolicy 'no-latest' with binding 'all' denied request: image tag latest",
                Condition::AdmissionDenied,
                "Admission policy no-latest denies it (image tag latest)",
            ),
            (
                r#"Error creating: pods "web-1" is forbidden: error looking up service account shop/web: serviceaccount "web" not found"#,
                Condition::PodCreationFailed,
                r#"Pods cannot be created (pods "web-1" is forbidden: error looking up service account shop/web: serviceaccount "web" not found)"#,
            ),
            ("", Condition::PodCreationFailed, "Pods cannot be created"),
        ] {
            assert_eq!(
                classify(message),
                (condition, cause.to_owned()),
                "{message}"
            );
        }
    }
}
