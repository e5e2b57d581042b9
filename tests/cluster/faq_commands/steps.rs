//! The steps of the FAQ: every fence of shell commands in the content, and where it stands.

use std::fs;
use std::path::{Path, PathBuf};

use k8sfaq::faq::markdown::{self, Block, Inline};
use k8sfaq::faq::version::{ClusterVersion, VersionRange};

/// Commands that an entry gives, as written: with placeholders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The entry's file, from the root of the repository.
    pub file: PathBuf,
    /// Where the first of the commands stands, counted from 1.
    pub line: usize,
    /// The commands.
    pub script: String,
    /// Whether the step holds for the version that was asked for.
    pub holds: bool,
}

/// Every step of the content, an entry after the other.
pub fn of_content(content: &Path, version: ClusterVersion) -> Vec<Vec<Step>> {
    let mut files = Vec::new();
    collect_entries(content, &mut files);
    files.sort();
    files.iter().map(|file| of_entry(file, version)).collect()
}

fn collect_entries(folder: &Path, files: &mut Vec<PathBuf>) {
    let entries =
        fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for path in entries.map(|entry| entry.expect("an entry of a folder").path()) {
        if path.is_dir() {
            collect_entries(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            files.push(path);
        }
    }
}

fn of_entry(file: &Path, version: ClusterVersion) -> Vec<Step> {
    let text =
        fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let (front, body) =
        split(&text).unwrap_or_else(|| panic!("{}: no front matter", file.display()));
    let (blocks, _) = markdown::parse(body);
    let mut scripts = Vec::new();
    collect_scripts(&blocks, &mut scripts);
    let mut kept = Vec::new();
    if range_of_entry(front).contains(version) {
        collect_scripts(&markdown::for_version(&blocks, Some(version)), &mut kept);
    }
    let mut kept = kept.into_iter().peekable();
    let mut line = front.lines().count();
    scripts
        .into_iter()
        .map(|script| {
            line = find_line(&text, line, &script);
            Step {
                file: file
                    .strip_prefix(env!("CARGO_MANIFEST_DIR"))
                    .unwrap_or(file)
                    .to_owned(),
                line: line + 1,
                holds: kept.next_if_eq(&script).is_some(),
                script,
            }
        })
        .collect()
}

/// The front matter and the body.
fn split(text: &str) -> Option<(&str, &str)> {
    let rest = text.strip_prefix("---\n")?;
    let end = rest.find("\n---\n")? + "\n---\n".len();
    Some((&text[.."---\n".len() + end], &rest[end..]))
}

/// The versions for which a whole entry holds.
fn range_of_entry(front: &str) -> VersionRange {
    let version = |key: &str| -> Option<ClusterVersion> {
        let line = front.lines().find_map(|line| line.strip_prefix(key))?;
        line.trim().trim_matches(['"', '\'']).parse().ok()
    };
    VersionRange {
        since: version("since:"),
        before: version("until:").map(|last| ClusterVersion {
            minor: last.minor + 1,
            ..last
        }),
    }
}

/// The fences in `sh`, and the whole commands in a sentence: those with something to fill in.
fn collect_scripts(blocks: &[Block], scripts: &mut Vec<String>) {
    for block in blocks {
        match block {
            Block::Code { language, text } if language == "sh" => scripts.push(text.clone()),
            Block::Code { .. } => {}
            Block::Heading { text, .. } | Block::Paragraph(text) => collect_inlines(text, scripts),
            Block::List { items, .. } => {
                for item in items {
                    collect_scripts(item, scripts);
                }
            }
        }
    }
}

fn collect_inlines(inlines: &[Inline], scripts: &mut Vec<String>) {
    for inline in inlines {
        match inline {
            Inline::Code(code) if code.starts_with("kubectl ") && code.contains('<') => {
                scripts.push(code.clone());
            }
            Inline::Code(_) | Inline::Text(_) => {}
            Inline::Strong(inner) | Inline::Emphasis(inner) => collect_inlines(inner, scripts),
            Inline::Link { text, .. } => collect_inlines(text, scripts),
        }
    }
}

/// The line, counted from 0, at or after `from`, where a script begins; `from` where it is not found as written.
fn find_line(text: &str, from: usize, script: &str) -> usize {
    let first = script.lines().next().unwrap_or_default();
    text.lines()
        .enumerate()
        .skip(from)
        .find(|(_, line)| line.contains(first))
        .map_or(from, |(number, _)| number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_knows_its_line_and_whether_it_holds() {
        let folder = tempfile::tempdir().unwrap();
        let entry = "---\ntitle: T?\n---\nUse `kubectl get <pod>`, not `kubectl gets`.\n\n## Fix\n\
            - {<1.30} Old:\n  ```sh\n  kubectl a\n  kubectl b\n  ```\n- New:\n  ```sh\n  kubectl c\n  ```\n\
            - Data:\n  ```yaml\n  kubectl: d\n  ```\n";
        fs::create_dir(folder.path().join("topic")).unwrap();
        fs::write(folder.path().join("topic/entry.md"), entry).unwrap();
        let version = ClusterVersion {
            major: 1,
            minor: 36,
        };
        let steps = of_content(folder.path(), version).concat();
        let told: Vec<_> = steps
            .iter()
            .map(|step| (step.line, step.script.as_str(), step.holds))
            .collect();
        assert_eq!(
            told,
            [
                (4, "kubectl get <pod>", true),
                (9, "kubectl a\nkubectl b", false),
                (14, "kubectl c", true),
            ]
        );
    }
}
