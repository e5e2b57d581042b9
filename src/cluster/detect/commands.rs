//! Commands to look further, filled in with real names.

/// The kinds' names on the command line.
fn resource(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "Pod" => "pod",
        "Deployment" => "deployment",
        "ReplicaSet" => "replicaset",
        "StatefulSet" => "statefulset",
        "DaemonSet" => "daemonset",
        "Job" => "job",
        "CronJob" => "cronjob",
        "HorizontalPodAutoscaler" => "hpa",
        "PodDisruptionBudget" => "pdb",
        "Service" => "service",
        "Ingress" => "ingress",
        "PersistentVolumeClaim" => "pvc",
        "PersistentVolume" => "pv",
        "ResourceQuota" => "resourcequota",
        "Node" => "node",
        "Namespace" => "namespace",
        "APIService" => "apiservice",
        _ => return None,
    })
}

/// `kubectl describe …`
pub(super) fn describe(kind: &str, name: &str, namespace: &str) -> Option<String> {
    command(&["describe", resource(kind)?, name], namespace)
}

/// `kubectl get … -o yaml`
pub(super) fn get_yaml(kind: &str, name: &str, namespace: &str) -> Option<String> {
    command(&["get", resource(kind)?, name, "-o", "yaml"], namespace)
}

/// `kubectl logs POD -c CONTAINER [--previous]`
pub(super) fn logs(pod: &str, container: &str, previous: bool, namespace: &str) -> Option<String> {
    let mut words = vec!["logs", pod, "-c", container];
    if previous {
        words.push("--previous");
    }
    command(&words, namespace)
}

/// Any kubectl command; none where a word could not stand unquoted in a shell.
pub(super) fn command(words: &[&str], namespace: &str) -> Option<String> {
    let plain = |word: &str| {
        !word.is_empty()
            && word
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-._/=:,".contains(&byte))
    };
    if !words.iter().copied().all(plain) || !(namespace.is_empty() || plain(namespace)) {
        return None;
    }
    let scope = if namespace.is_empty() {
        String::new()
    } else {
        format!(" -n {namespace}")
    };
    Some(format!("kubectl {}{scope}", words.join(" ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_filled_in() {
        assert_eq!(
            logs("checkout-7899-x", "app", true, "shop").as_deref(),
            Some("kubectl logs checkout-7899-x -c app --previous -n shop")
        );
        assert_eq!(
            describe("Node", "worker-1", "").as_deref(),
            Some("kubectl describe node worker-1")
        );
    }

    #[test]
    fn a_name_that_a_shell_would_read_gives_no_command() {
        assert_eq!(describe("Pod", "x; rm -rf /", "shop"), None);
        assert_eq!(describe("Pod", "", "shop"), None);
    }
}
