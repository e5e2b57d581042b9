//! Arguments → the chosen command, and nothing else.

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use k8sfaq::cli::{self, ask, check, eval, list, show};

/// Answers Kubernetes questions out of a curated FAQ.
#[derive(Debug, Parser)]
#[command(name = "k8sfaq", version, after_help = cli::EXAMPLES, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Answer a question, or pasted output
    Ask(ask::Arguments),
    /// Show an entry by its id
    Show(show::Arguments),
    /// List the topics, or the entries of one
    List(list::Arguments),
    /// Check the shipped content, and folders on top of it
    Check(check::Arguments),
    /// Measure the search on labelled questions
    Eval(eval::Arguments),
    /// Print a shell's completion script
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    Man,
}

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return cli::usage(&error),
    };
    let result = match arguments.command {
        Command::Ask(arguments) => ask::run(&arguments),
        Command::Show(arguments) => show::run(&arguments),
        Command::List(arguments) => list::run(&arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Eval(arguments) => eval::run(&arguments),
        Command::Completions { shell } => cli::print_completions(shell, &mut Arguments::command()),
        Command::Man => cli::print_manual(Arguments::command()),
    };
    cli::exit(result)
}
