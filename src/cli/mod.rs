//! The terminal as one more adapter: what its commands share.

pub mod ask;
pub mod check;
pub mod doctor;
pub mod eval;
pub mod list;
pub mod looking;
pub mod misses;
mod render;
pub mod settings;
pub mod show;
pub mod status;

use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::ValueEnum;

use crate::faq::answer::{Faq, IndexError};
use crate::faq::catalog::{Catalog, Loaded};
use crate::faq::problem::{Problem, Severity};

/// What can be tried as it stands; shown below the help.
pub const EXAMPLES: &str = "Try:
  k8sfaq ask crashloop
  k8sfaq ask why is my pod pending
  kubectl describe pod POD | k8sfaq ask -";

/// How a command that did its work ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// It found what it was asked for: status 0.
    Found,
    /// It found nothing, or something wrong: status 1.
    NotFound,
    /// It could not look everywhere, so what it did not find may be there: status 2.
    NotLooked,
}

/// Why a command cannot do its work: status 2.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// It was asked for something that is not there.
    #[error("{0}")]
    Usage(String),
    /// The process cannot go on, or not start.
    #[error("{0:#}")]
    Process(anyhow::Error),
    /// The content cannot be indexed.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// Its output cannot be written, or its input not read.
    #[error("{what}: {error}")]
    Io {
        /// What was being done.
        what: String,
        /// What the system says.
        error: io::Error,
    },
}

/// How a command ends.
pub type Result = std::result::Result<Exit, CommandError>;

/// Prints an error, if there is one, and turns the end into an exit status.
#[must_use]
pub fn exit(result: Result) -> ExitCode {
    match result {
        Ok(Exit::Found) => ExitCode::SUCCESS,
        Ok(Exit::NotFound) => ExitCode::from(1),
        Ok(Exit::NotLooked) => ExitCode::from(2),
        // Whoever reads through `| head` has what it wants.
        Err(CommandError::Io { error, .. }) if error.kind() == io::ErrorKind::BrokenPipe => {
            ExitCode::SUCCESS
        }
        Err(error) => {
            complain(&error);
            ExitCode::from(2)
        }
    }
}

/// Prints clap's message; help and version are no errors.
#[must_use]
pub fn usage(error: &clap::Error) -> ExitCode {
    // Nothing can be done where even this cannot be printed.
    let _ = error.print();
    match error.kind() {
        clap::error::ErrorKind::DisplayHelp | clap::error::ErrorKind::DisplayVersion => {
            ExitCode::SUCCESS
        }
        _ => ExitCode::from(2),
    }
}

/// Prints a text as it is.
///
/// # Errors
/// Standard output cannot be written.
pub fn print_text(text: &str) -> Result {
    print(text)
}

/// Prints a shell's completion script.
///
/// # Errors
/// Standard output cannot be written.
pub fn print_completions(shell: clap_complete::Shell, command: &mut clap::Command) -> Result {
    let mut script = Vec::new();
    clap_complete::generate(shell, command, "k8sfaq", &mut script);
    print(&String::from_utf8_lossy(&script))
}

/// Prints the manual page.
///
/// # Errors
/// Standard output cannot be written.
pub fn print_manual(command: clap::Command) -> Result {
    let mut page = Vec::new();
    clap_mangen::Man::new(command)
        .render(&mut page)
        .map_err(writing)?;
    print(&String::from_utf8_lossy(&page))
}

/// How a command writes what it found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people: wrapped and styled
    Text,
    /// Markdown
    Markdown,
    /// JSON, for machines
    Json,
}

/// Which content a command answers from.
#[derive(Debug, clap::Args)]
pub struct Content {
    /// Lay a folder of entries over the shipped ones (may be repeated)
    #[arg(long, value_name = "DIR")]
    pub content: Vec<PathBuf>,
}

impl Content {
    /// Loads the catalog and indexes it.
    fn load(&self) -> std::result::Result<Faq, CommandError> {
        Ok(Faq::new(self.catalog()?)?)
    }

    /// Loads the catalog; what is wrong in it is left out, and said on standard error.
    fn catalog(&self) -> std::result::Result<Catalog, CommandError> {
        if self.content.is_empty() {
            return Ok(Catalog::shipped());
        }
        for folder in &self.content {
            readable(folder)?;
        }
        let Loaded { catalog, problems } = Catalog::load(&self.content, today());
        let problems: Vec<&Problem> = problems
            .iter()
            .filter(|problem| problem.severity == Severity::Problem)
            .collect();
        if let Some(first) = problems.first() {
            complain(&format!(
                "{first} ({} in all; `k8sfaq check DIR` lists them)",
                counted(problems.len(), "problem")
            ));
        }
        Ok(catalog)
    }
}

/// A folder that was named must be one: a typing error in its name must not pass for an empty folder.
fn readable(folder: &PathBuf) -> std::result::Result<(), CommandError> {
    match std::fs::metadata(folder) {
        Ok(metadata) if metadata.is_dir() => Ok(()),
        Ok(_) => Err(CommandError::Usage(format!(
            "`{}` is a file: name the folder that holds the entries",
            folder.display()
        ))),
        Err(error) => Err(CommandError::Usage(format!(
            "cannot read the folder `{}`: {error}; check the path",
            folder.display()
        ))),
    }
}

fn today() -> jiff::civil::Date {
    jiff::Zoned::now().date()
}

fn counted(number: usize, thing: &str) -> String {
    if number == 1 {
        format!("1 {thing}")
    } else {
        format!("{number} {thing}s")
    }
}

/// A line on standard error.
fn complain(message: &dyn fmt::Display) {
    // Nothing can be done where even this cannot be printed.
    let _ = writeln!(anstream::stderr(), "k8sfaq: {message}");
}

/// Writes to standard output, without colours where it is no terminal or the user wants none.
///
/// # Errors
/// Standard output cannot be written to.
pub fn print(text: &str) -> Result {
    let mut out = anstream::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(writing)?;
    Ok(Exit::Found)
}

fn writing(error: io::Error) -> CommandError {
    CommandError::Io {
        what: "cannot write to standard output".to_owned(),
        error,
    }
}

/// Columns of the output: the terminal's, up to what reads well, and a plain 80 where there is none.
fn width() -> usize {
    /// Longer lines are tiring to read.
    const WIDEST: usize = 100;
    /// What prose needs at least.
    const NARROWEST: usize = 30;
    if !io::stdout().is_terminal() {
        return 80;
    }
    terminal_size::terminal_size().map_or(80, |(terminal_size::Width(columns), _)| {
        usize::from(columns).clamp(NARROWEST, WIDEST)
    })
}
