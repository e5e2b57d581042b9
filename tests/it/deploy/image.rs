//! What the image holds suffices: the program runs from it alone, as another user than root, from an empty folder.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

/// The image's user; where the tests run as root they become it.
const USER: u32 = 65532;

/// The libraries that the program may need: those of every glibc system, and the compiler's own.
const LIBRARIES: [&str; 4] = ["ld-linux", "libc.so.6", "libgcc_s.so.1", "libm.so.6"];

/// What deploy/image-root puts together, where everybody may read it.
fn image() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let everybody = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(folder.path(), everybody).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/image-root");
    let output = Command::new(script)
        .arg(env!("CARGO_BIN_EXE_k8sfaq"))
        .arg(folder.path())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    folder
}

/// Every file in a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for item in std::fs::read_dir(folder).unwrap() {
        let path = item.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

fn name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

/// Runs the image's program with the image's loader and libraries: none of this system's are looked for.
fn run(image: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    let files = files(image);
    let loader = files.iter().find(|path| name(path).starts_with("ld-linux"));
    let folders: Vec<String> = files
        .iter()
        .filter(|path| name(path).contains(".so"))
        .map(|path| path.parent().expect("a folder").display().to_string())
        .collect();
    let empty = tempfile::tempdir().unwrap();
    let everybody = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(empty.path(), everybody).unwrap();
    let mut command = Command::new(loader.expect("a loader"));
    command
        .args(["--inhibit-cache", "--library-path", &folders.join(":")])
        .arg(image.join("k8sfaq"))
        .args(arguments)
        .env_clear()
        .envs(environment.iter().copied())
        .current_dir(empty.path());
    let is_root = Command::new("id").arg("-u").output().unwrap().stdout == b"0\n";
    if is_root {
        command.uid(USER).gid(USER);
    }
    command.output().unwrap()
}

#[test]
fn what_it_holds_suffices_and_is_nothing_else() {
    let image = image();
    for path in files(image.path()) {
        let name = name(&path);
        let is_known = name == "k8sfaq"
            || path.ends_with("etc/ssl/certs/ca-certificates.crt")
            || LIBRARIES.iter().any(|library| name.starts_with(library));
        assert!(is_known, "{}", path.display());
    }
    let answered = run(image.path(), &["ask", "crashloop"], &[]);
    let text = String::from_utf8_lossy(&answered.stdout);
    assert!(
        text.contains("entry pod-crashloopbackoff"),
        "{text}{answered:?}"
    );
    // Its certificates are those that connections are checked by.
    let own = image.path().join("etc/ssl/certs/ca-certificates.crt");
    let said = doctor(image.path(), &own.display().to_string());
    assert!(
        said.contains("FAIL  slack: the Web API: slack cannot be reached"),
        "{said}"
    );
    let said = doctor(image.path(), "/nowhere");
    assert!(said.contains("FAIL  slack: the CA certificates"), "{said}");
}

/// What doctor says of a Slack that is not there.
fn doctor(image: &Path, certificates: &str) -> String {
    let environment = [
        ("SSL_CERT_FILE", certificates),
        ("SLACK_BOT_TOKEN", "xoxb-1"),
        ("SLACK_APP_TOKEN", "xapp-1"),
    ];
    let address = "slack.api_url=https://127.0.0.1:1/api";
    let arguments = [
        "doctor",
        "--set",
        address,
        "--set",
        "web.listen=127.0.0.1:0",
    ];
    let output = run(image, &arguments, &environment);
    String::from_utf8_lossy(&output.stdout).into_owned()
}
