//! Who may import whom.

use std::path::{Path, PathBuf};

/// A folder of `src` (or the beginning of a file's path), and what its files may not name.
const FORBIDDEN: &[(&str, &[&str])] = &[
    (
        "faq/",
        &[
            "crate::cluster",
            "crate::bot",
            "crate::slack",
            "crate::discord",
            "crate::web",
            "crate::cli",
            "crate::config",
            "crate::state",
            "kube::",
            "k8s_openapi",
            "tokio::",
            "reqwest",
            "axum",
            "serenity",
            "slack_morphism",
            "async fn",
        ],
    ),
    (
        "cluster/",
        &[
            "crate::bot",
            "crate::slack",
            "crate::discord",
            "crate::web",
            "crate::cli",
            "crate::config",
            "crate::state",
            "faq::search",
            "faq::catalog",
            "faq::answer",
            "serenity",
            "slack_morphism",
        ],
    ),
    (
        "bot/",
        &[
            "crate::slack",
            "crate::discord",
            "crate::web",
            "crate::cli",
            "crate::config",
            "serenity",
            "slack_morphism",
            "kube::",
            "k8s_openapi",
        ],
    ),
    (
        "state",
        &[
            "crate::cluster",
            "crate::slack",
            "crate::discord",
            "crate::web",
            "crate::cli",
            "crate::config",
            "kube::",
        ],
    ),
    (
        "slack/",
        &[
            "crate::discord",
            "crate::web",
            "crate::cli",
            "crate::config",
            "kube::",
            "serenity",
            "tantivy",
        ],
    ),
    (
        "discord/",
        &[
            "crate::slack",
            "crate::web",
            "crate::cli",
            "crate::config",
            "kube::",
            "slack_morphism",
            "tantivy",
        ],
    ),
    (
        "web/",
        &[
            "crate::slack",
            "crate::discord",
            "crate::cli",
            "crate::config",
            "kube::",
            "serenity",
            "slack_morphism",
        ],
    ),
    (
        "cli/",
        &[
            "crate::slack",
            "crate::discord",
            "crate::web",
            "crate::config",
            "kube::",
            "serenity",
            "slack_morphism",
            "tantivy",
        ],
    ),
];

/// Crates that one folder alone may import.
const ONLY_IN: &[(&str, &str)] = &[
    ("tantivy::", "faq/search/"),
    ("kube::", "cluster/"),
    ("rusqlite::", "state"),
    ("serenity::", "discord/"),
    ("slack_morphism::", "slack/"),
];

fn sources() -> Vec<(String, String)> {
    fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
        for item in std::fs::read_dir(folder).unwrap() {
            let path = item.unwrap().path();
            if path.is_dir() {
                walk(&path, files);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                files.push(path);
            }
        }
    }
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    walk(&src, &mut files);
    files
        .into_iter()
        .map(|file| {
            let name = file.strip_prefix(&src).unwrap().display().to_string();
            (name, std::fs::read_to_string(&file).unwrap())
        })
        .collect()
}

/// The code of a file, without comments and the tests at its end.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.split("#[cfg(test)]")
        .next()
        .unwrap_or_default()
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
}

#[test]
fn no_module_imports_what_it_must_not_know() {
    let mut broken = Vec::new();
    for (name, text) in sources() {
        for (prefix, words) in FORBIDDEN {
            for line in code(&text).filter(|_| name.starts_with(prefix)) {
                if let Some(word) = words.iter().find(|word| line.contains(*word)) {
                    broken.push(format!("src/{name} names {word}: {}", line.trim()));
                }
            }
        }
        for (word, home) in ONLY_IN {
            if !name.starts_with(home) && code(&text).any(|line| line.contains(word)) {
                broken.push(format!(
                    "src/{name} names {word}, which only src/{home} may"
                ));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn every_file_says_its_one_job_in_its_first_line() {
    for (name, text) in sources() {
        let first = text.lines().next().unwrap_or_default();
        assert!(
            first.starts_with("//! ") && first.ends_with(['.', ':']),
            "src/{name}: {first}"
        );
    }
}
