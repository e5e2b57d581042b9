//! What an exit code says, and what it does not say.

use k8s_openapi::api::core::v1::ContainerStateTerminated;

/// The classified cause of an end, to stand first in a sentence: `exit code 127, command not found`.
pub(super) fn cause(ended: &ContainerStateTerminated) -> String {
    let code = ended.exit_code;
    let meaning = match (ended.reason.as_deref(), code) {
        (Some("OOMKilled"), _) => "out of memory".to_owned(),
        (Some("ContainerStatusUnknown"), _) => "the kubelet lost track of the container".to_owned(),
        (Some("DeadlineExceeded"), _) => "its deadline passed".to_owned(),
        (_, 0) => "the process finished by itself".to_owned(),
        (_, 2) => "the application's own error, often wrong usage of a command or shell".to_owned(),
        (_, 126) => "the command was found but cannot be executed".to_owned(),
        (_, 127) => "command not found".to_owned(),
        (_, 128) => "the process could not be started".to_owned(),
        // Without the reason OOMKilled nobody can say that it was memory.
        (_, 137) => "killed with SIGKILL, and not reported as out of memory".to_owned(),
        (_, 143) => "ended by SIGTERM, a request to stop".to_owned(),
        (_, 129..=192) => format!("ended by {}", signal(code - 128)),
        (_, 255) => "a general error of the application or its start".to_owned(),
        _ => "the application's own error".to_owned(),
    };
    format!("exit code {code}, {meaning}")
}

/// Whether the code names a crash that no orderly program chooses (SIGILL, SIGABRT, SIGBUS, SIGFPE, SIGSEGV).
pub(super) fn is_native_crash(code: i32) -> bool {
    matches!(code, 132 | 134 | 135 | 136 | 139)
}

fn signal(number: i32) -> String {
    let (name, meaning) = match number {
        1 => ("SIGHUP", "hang-up"),
        2 => ("SIGINT", "interrupt"),
        3 => ("SIGQUIT", "quit"),
        4 => ("SIGILL", "an illegal instruction"),
        6 => ("SIGABRT", "the process aborted itself"),
        7 => ("SIGBUS", "a bus error"),
        8 => ("SIGFPE", "an arithmetic error"),
        11 => ("SIGSEGV", "a segmentation fault"),
        13 => ("SIGPIPE", "a broken pipe"),
        _ => return format!("signal {number}"),
    };
    format!("{name}, {meaning}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(exit_code: i32, reason: &str) -> String {
        cause(&ContainerStateTerminated {
            exit_code,
            reason: Some(reason.to_owned()),
            ..ContainerStateTerminated::default()
        })
    }

    #[test]
    fn codes_are_classified() {
        assert_eq!(
            ended(1, "Error"),
            "exit code 1, the application's own error"
        );
        assert_eq!(ended(127, "Error"), "exit code 127, command not found");
        assert_eq!(
            ended(139, "Error"),
            "exit code 139, ended by SIGSEGV, a segmentation fault"
        );
        assert_eq!(
            ended(143, "Error"),
            "exit code 143, ended by SIGTERM, a request to stop"
        );
        assert_eq!(ended(160, "Error"), "exit code 160, ended by signal 32");
    }

    #[test]
    fn memory_is_named_only_where_the_kubelet_names_it() {
        assert!(ended(137, "OOMKilled").contains("out of memory"));
        assert!(ended(137, "Error").contains("not reported as out of memory"));
        assert!(ended(137, "ContainerStatusUnknown").contains("lost track"));
    }
}
