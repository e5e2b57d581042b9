//! The commands of the binary: `serve`, `config`, `doctor` and `misses`.

use std::path::Path;
use std::process::{Command, Output};

fn k8sfaq(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_k8sfaq"))
        .args(arguments)
        .env_clear()
        .envs(environment.iter().copied())
        .output()
        .unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn file(dir: &Path, name: &str, text: &str) -> String {
    let path = dir.join(name);
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

#[test]
fn serve_without_an_adapter_says_what_to_add_and_what_works_without() {
    let output = k8sfaq(&["serve"], &[]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(
        err(&output),
        "k8sfaq: no adapter is configured, so nobody could ask: add a [slack] or [discord] section (config/k8sfaq.toml shows them); \
         the terminal works without: k8sfaq ask crashloop\n"
    );
}

#[test]
fn config_prints_what_holds_and_where_it_comes_from() {
    let dir = tempfile::tempdir().unwrap();
    let team = file(
        dir.path(),
        "team.yaml",
        "channels:\n  slack:\n    C0123456789: {mode: incident, ask_a_human: Page Ann.}\n",
    );
    let output = k8sfaq(
        &["config", "--config", &team, "--set", "log.format=json"],
        &[
            ("K8SFAQ__SERVE__GRACE_SECONDS", "7"),
            ("SLACK_BOT_TOKEN", "xoxb-secret"),
        ],
    );
    let text = out(&output).replace(&team, "team.yaml");
    let line = |key: &str| {
        text.lines()
            .find(|line| line.contains(key))
            .unwrap_or_default()
            .to_owned()
    };
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    let words = |key: &str| line(key).split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(
        words("C0123456789.mode"),
        "channels.slack.C0123456789.mode = \"incident\" # team.yaml"
    );
    assert_eq!(
        words("grace_seconds"),
        "serve.grace_seconds = 7 # environment K8SFAQ__SERVE__GRACE_SECONDS"
    );
    assert_eq!(words("log.format"), "log.format = \"json\" # flag --set");
    assert_eq!(
        words("web.listen"),
        "web.listen = \"127.0.0.1:8080\" # default"
    );
    assert!(!text.contains("xoxb"), "{text}");
}

#[test]
fn doctor_prints_each_problem_with_its_cure_and_its_status_tells() {
    let dir = tempfile::tempdir().unwrap();
    file(dir.path(), "broken.md", "no front matter");
    let state = dir.path().join("state");
    let dirs = format!("content.dirs={}", dir.path().display());
    let state = format!("state.dir={}", state.display());
    let good = k8sfaq(
        &["doctor", "--set", &state, "--set", "web.listen=127.0.0.1:0"],
        &[],
    );
    assert_eq!(good.status.code(), Some(0), "{}", out(&good));
    let bad = k8sfaq(
        &[
            "doctor",
            "--format",
            "json",
            "--set",
            &dirs,
            "--set",
            &state,
            "--set",
            "web.listen=127.0.0.1:0",
        ],
        &[],
    );
    assert_eq!(bad.status.code(), Some(1));
    let report: serde_json::Value = serde_json::from_str(&out(&bad)).unwrap();
    let failed: Vec<&serde_json::Value> = report["checks"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|check| check["verdict"] == "fail")
        .collect();
    assert_eq!(
        (report["failed"].clone(), failed.len()),
        (1.into(), 1),
        "{report}"
    );
    assert_eq!(failed[0]["detail"], "no front matter");
    assert_eq!(
        failed[0]["cure"],
        "begin the file with a line `---`, its keys, and another line `---`"
    );

    let wrong = k8sfaq(&["doctor", "--set", "log.level=loud"], &[]);
    assert_eq!(wrong.status.code(), Some(1));
    assert!(
        out(&wrong).starts_with("FAIL  config: the settings: flag --set: log.level = \"loud\": "),
        "{}",
        out(&wrong)
    );
}

#[tokio::test]
async fn misses_are_listed_by_count_with_the_nearest_entry() {
    use k8sfaq::state::{Miss, State};
    let dir = tempfile::tempdir().unwrap();
    let state = State::open(Some(dir.path())).unwrap();
    for (question, times) in [("my importer is slow", 2), ("what is a\nwidget", 3)] {
        for _ in 0..times {
            let nearest = Some("pod-pending".parse().unwrap());
            let question = Some(question.to_owned());
            state
                .miss(Miss {
                    platform: "slack",
                    question,
                    nearest,
                })
                .await
                .unwrap();
        }
    }
    let set = format!("state.dir={}", dir.path().display());
    // The store is open here, as it is while `serve` runs.
    let output = k8sfaq(&["misses", "--set", &set], &[]);
    let text = out(&output);
    let lines: Vec<Vec<&str>> = text
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(
        lines[0],
        ["count", "last", "nearest", "question"],
        "{text}{}",
        err(&output)
    );
    assert_eq!(
        (lines[1][0], &lines[1][2..]),
        ("3", &["pod-pending", "what", "is", "a", "widget"][..])
    );
    assert_eq!(
        (lines[2][0], &lines[2][2..]),
        ("2", &["pod-pending", "my", "importer", "is", "slow"][..])
    );
    let without = k8sfaq(&["misses"], &[]);
    assert_eq!(without.status.code(), Some(2));
    assert!(
        err(&without).starts_with("k8sfaq: state.dir is not set"),
        "{}",
        err(&without)
    );
}
