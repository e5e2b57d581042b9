//! Who refuses the creation of an object, read out of the API server's message.

use super::words::{clause, contains_any};
use crate::faq::condition::Condition;

/// Longest part of a message that stands inside a summary, in characters.
const DETAIL: usize = 160;

/// Who refuses a creation, from the API server's message, and the words for it.
pub(super) fn classify(message: &str) -> (Condition, String) {
    let refusal = Refusal {
        message,
        lower: message.to_lowercase(),
    };
    refusal
        .by_quota()
        .or_else(|| refusal.by_limit_range())
        .or_else(|| refusal.by_pod_security())
        .or_else(|| refusal.for_a_silent_webhook())
        .or_else(|| refusal.by_admission())
        .unwrap_or_else(|| refusal.otherwise())
}

/// A message, with its lower-case form to look for words.
struct Refusal<'a> {
    message: &'a str,
    lower: String,
}

impl<'a> Refusal<'a> {
    /// What follows these words.
    fn after(&self, words: &str) -> Option<&'a str> {
        let at = self.lower.find(words)?;
        self.message.get(at + words.len()..)
    }

    fn by_quota(&self) -> Option<(Condition, String)> {
        if let Some(rest) = self.after("exceeded quota: ") {
            let name = rest.split(',').next().unwrap_or_default().trim();
            let detail = in_brackets("requested: ", self.after("requested: ").unwrap_or_default());
            return Some((
                Condition::QuotaExceeded,
                format!("Quota {name} is exceeded{detail}"),
            ));
        }
        let rest = self.after("failed quota: ")?;
        Some((
            Condition::QuotaExceeded,
            format!("Quota {}", clause(rest, DETAIL)),
        ))
    }

    fn by_limit_range(&self) -> Option<(Condition, String)> {
        let names_a_limit = contains_any(
            &self.lower,
            &[
                "usage per container is",
                "usage per pod is",
                "limit to request ratio",
                "storage usage per persistentvolumeclaim",
            ],
        );
        let rule = self.after("is forbidden: ").unwrap_or(self.message);
        names_a_limit.then(|| {
            let cause = format!(
                "The namespace's limit range forbids it{}",
                in_brackets("", rule)
            );
            (Condition::QuotaExceeded, cause)
        })
    }

    fn by_pod_security(&self) -> Option<(Condition, String)> {
        // `violates PodSecurity "restricted:latest": runAsNonRoot != true …`
        let rest = self.after("violates podsecurity")?;
        let level = quoted(rest).unwrap_or_default();
        let rules = rest.split_once("\": ").map_or("", |(_, rules)| rules);
        let cause = format!("Pod Security {level} is violated{}", in_brackets("", rules));
        Some((Condition::PodSecurityViolation, cause))
    }

    fn for_a_silent_webhook(&self) -> Option<(Condition, String)> {
        let words = [
            "failed calling webhook",
            "failed to call webhook",
            "failed calling admission webhook",
        ];
        if !contains_any(&self.lower, &words) {
            return None;
        }
        let name = quoted(self.after("calling webhook").unwrap_or_default())
            .or_else(|| quoted(self.message));
        let cause = format!(
            "Admission webhook {} cannot be called",
            name.unwrap_or_default()
        );
        Some((Condition::WebhookUnreachable, cause))
    }

    fn by_admission(&self) -> Option<(Condition, String)> {
        if !contains_any(
            &self.lower,
            &["denied the request", "admissionpolicy", "admission webhook"],
        ) {
            return None;
        }
        let who = match self.after("admission webhook") {
            Some(rest) => quoted(rest).map(|name| format!("webhook {name}")),
            None => self
                .message
                .split('\'')
                .nth(1)
                .map(|name| format!("policy {name}")),
        };
        let why = self
            .after("denied the request: ")
            .or_else(|| self.after("denied request: "))
            .unwrap_or_default();
        let who = who.unwrap_or_else(|| "control".to_owned());
        Some((
            Condition::AdmissionDenied,
            format!("Admission {who} denies it{}", in_brackets("", why)),
        ))
    }

    fn otherwise(&self) -> (Condition, String) {
        let reason = self
            .message
            .strip_prefix("Error creating: ")
            .unwrap_or(self.message);
        let cause = format!("Pods cannot be created{}", in_brackets("", reason));
        (Condition::PodCreationFailed, cause)
    }
}

/// The first quoted part.
fn quoted(text: &str) -> Option<String> {
    text.split('"').nth(1).map(str::to_owned)
}

/// ` (label detail)`; nothing where there is no detail.
fn in_brackets(label: &str, detail: &str) -> String {
    let detail = clause(detail, DETAIL);
    if detail.is_empty() {
        String::new()
    } else {
        format!(" ({label}{detail})")
    }
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
