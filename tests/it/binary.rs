//! Running the program as a person does.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// How a run ended, and what it printed.
pub struct Run {
    pub status: i32,
    pub out: String,
    pub err: String,
}

/// Runs `k8sfaq` with arguments split at spaces.
pub fn k8sfaq(arguments: &str) -> Run {
    run(&arguments.split_whitespace().collect::<Vec<_>>(), "")
}

/// Runs `k8sfaq` with text on standard input.
pub fn piped(arguments: &str, input: &str) -> Run {
    run(&arguments.split_whitespace().collect::<Vec<_>>(), input)
}

/// Runs `k8sfaq` with arguments as they are.
pub fn run(arguments: &[&str], input: &str) -> Run {
    let mut child = Command::new(env!("CARGO_BIN_EXE_k8sfaq"))
        .args(arguments)
        .env_remove("NO_COLOR")
        .env_remove("CLICOLOR_FORCE")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let mut stdin = child.stdin.take().expect("standard input is piped");
    let input = input.to_owned();
    // A program that does not read its input must not block the test.
    let writer = std::thread::spawn(move || {
        let _ = stdin.write_all(input.as_bytes());
    });
    let output = child.wait_with_output().expect("the binary ends");
    writer.join().expect("the writer ends");
    Run {
        status: output.status.code().expect("it ends by itself"),
        out: String::from_utf8(output.stdout).expect("it prints UTF-8"),
        err: String::from_utf8(output.stderr).expect("it prints UTF-8"),
    }
}

/// A folder of entries, gone at the end of the test.
pub struct Folder(pub tempfile::TempDir);

impl Folder {
    /// A folder with files of the given names and contents.
    pub fn of(files: &[(&str, &str)]) -> Self {
        let folder = Folder(tempfile::tempdir().expect("a temporary folder"));
        for (name, content) in files {
            folder.write(name, content.as_bytes());
        }
        folder
    }

    /// Writes a file, with the folders above it.
    pub fn write(&self, name: &str, content: &[u8]) {
        let path = self.0.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a file has a folder")).expect("a folder");
        std::fs::write(path, content).expect("a file");
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// A text with the folder's own path written as `DIR`, so that it is the same in every run.
    pub fn anonymous(&self, text: &str) -> String {
        text.replace(&self.path().display().to_string(), "DIR")
    }
}
