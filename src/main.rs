//! Arguments → config → wiring → the chosen command, and nothing else.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{CommandFactory, Parser, Subcommand};
use k8sfaq::bot::Bot;
use k8sfaq::bot::health::{Check, Health, Part, Readiness};
use k8sfaq::bot::policy::Policy;
use k8sfaq::bot::source;
use k8sfaq::cli::looking::Configured;
use k8sfaq::cli::{
    self, CommandError, ask, check, doctor, eval, list, misses, settings, show, status,
};
use k8sfaq::config::{self, Config, Loaded, Sources};
use k8sfaq::serve::{self, Adapter, Again, Changed, Process, Signals};
use k8sfaq::state::State;

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
    Ask {
        #[command(flatten)]
        settings: Settings,
        #[command(flatten)]
        arguments: ask::Arguments,
    },
    /// Show what is wrong in a cluster now
    Status {
        #[command(flatten)]
        settings: Settings,
        #[command(flatten)]
        arguments: status::Arguments,
    },
    /// Show an entry by its id
    Show(show::Arguments),
    /// List the topics, or the entries of one
    List(list::Arguments),
    /// Check the shipped content, and folders on top of it
    Check(check::Arguments),
    /// Measure the search on labelled questions
    Eval(eval::Arguments),
    /// Answer in Slack and Discord
    Serve(Settings),
    /// Print every setting as it holds, and where it comes from
    Config {
        #[command(flatten)]
        settings: Settings,
        /// How to write them
        #[arg(long, value_enum, default_value = "text")]
        format: settings::SettingsFormat,
    },
    /// Check every prerequisite, with the cure where one is not met
    Doctor {
        #[command(flatten)]
        settings: Settings,
        /// How to write the checks
        #[arg(long, value_enum, default_value = "text")]
        format: doctor::DoctorFormat,
    },
    /// List the questions that went without an answer
    Misses {
        #[command(flatten)]
        settings: Settings,
        #[command(flatten)]
        arguments: misses::Arguments,
    },
    /// Print a shell's completion script
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    Man,
}

/// Where settings come from.
#[derive(Debug, Clone, clap::Args)]
struct Settings {
    /// Read settings from a TOML or YAML file (may be repeated; later ones win)
    #[arg(long, value_name = "FILE")]
    config: Vec<PathBuf>,
    /// Set one setting (may be repeated)
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
}

impl Settings {
    fn sources(&self) -> Sources {
        Sources {
            files: self.config.clone(),
            environment: environment(),
            flags: self.set.clone(),
        }
    }

    fn load(&self) -> Result<Loaded, CommandError> {
        let problems = |problems: config::Problems| CommandError::Usage(problems.to_string());
        config::load(&self.sources()).map_err(problems)
    }
}

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return cli::usage(&error),
    };
    let result = match arguments.command {
        Command::Ask {
            settings,
            arguments,
        } => with_clusters(&settings, |clusters| ask::run(&arguments, clusters)),
        Command::Status {
            settings,
            arguments,
        } => with_clusters(&settings, |clusters| status::run(&arguments, clusters)),
        Command::Show(arguments) => show::run(&arguments),
        Command::List(arguments) => list::run(&arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Eval(arguments) => eval::run(&arguments),
        Command::Serve(settings) => run(&settings),
        Command::Config { settings, format } => print_settings(&settings, format),
        Command::Doctor { settings, format } => examine(&settings, format),
        Command::Misses {
            settings,
            arguments,
        } => print_misses(&settings, &arguments),
        Command::Completions { shell } => cli::print_completions(shell, &mut Arguments::command()),
        Command::Man => cli::print_manual(Arguments::command()),
    };
    cli::exit(result)
}

/// Runs a command of the terminal with the clusters that the settings name.
fn with_clusters(
    settings: &Settings,
    command: impl FnOnce(&Configured) -> cli::Result,
) -> cli::Result {
    let clusters: Vec<_> = settings.load()?.config.cluster.into_iter().collect();
    command(&clusters)
}

/// What cannot be read as text is no setting of ours.
fn environment() -> Vec<(String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

fn runtime() -> Result<tokio::runtime::Runtime, CommandError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    runtime.map_err(|error| CommandError::Process(error.into()))
}

fn run(settings: &Settings) -> cli::Result {
    let loaded = settings.load()?;
    runtime()?
        .block_on(serve(settings, loaded))
        .map_err(CommandError::Process)?;
    Ok(cli::Exit::Found)
}

async fn serve(settings: &Settings, loaded: Loaded) -> anyhow::Result<()> {
    let config = loaded.config.clone();
    serve::log::start(&config.log)?;
    serve::log_panics();
    let signals = Signals::default();
    let _listening = serve::listen(&signals)?;
    let health = Health::new();
    let state = State::open(config.state.dir.as_deref())?;
    health.set(Part::State, Readiness::Ready);
    health.set(Part::Config, Readiness::Ready);
    let content = serve::content(&config.content.dirs)?;
    let metrics = k8sfaq::bot::metrics::Metrics::new();
    content.note(&health, &metrics);
    let policy = Policy::new(config.channels.clone(), config.people.clone());
    let bot = Bot::new(content.faq, state)
        .with_metrics(metrics)
        .with_policy(policy)
        .with_limits(&config.limits);
    let bot = match source::clusters(&config.cluster) {
        Some(clusters) => bot.with_clusters(clusters),
        None => bot,
    };
    let bot = Arc::new(bot);
    let sources = settings.sources();
    let again = Again {
        dirs: config.content.dirs.clone(),
        files: sources.files.clone(),
        settings: Arc::new(move || {
            let read = config::load(&sources).map_err(|problems| problems.to_string())?;
            Ok(Changed {
                restart_needed: loaded.needs_restart(&read),
                policy: Policy::new(read.config.channels, read.config.people),
            })
        }),
    };
    let process = Process {
        adapters: adapters(&config, &bot, &health)?,
        settings: config.serve,
        web: config.web,
        bot,
        health,
        again,
    };
    serve::run(process, signals).await
}

/// The adapters that are configured, each with its secrets.
fn adapters(_: &Config, _: &Arc<Bot>, _: &Health) -> anyhow::Result<Vec<Adapter>> {
    Ok(Vec::new())
}

fn examine(settings: &Settings, format: doctor::DoctorFormat) -> cli::Result {
    let mut checks = Vec::new();
    match config::load(&settings.sources()) {
        Err(config::Problems(problems)) => {
            checks.extend(problems.into_iter().map(|problem| {
                Check::fail(Part::Config, "the settings", problem, "mend this setting")
            }));
            checks.extend(serve::doctor::content(&[]));
        }
        Ok(loaded) => {
            let number = loaded.effective().len();
            checks.push(Check::pass(
                Part::Config,
                "the settings",
                format!("{number} settings hold"),
            ));
            checks.extend(serve::doctor::content(&loaded.config.content.dirs));
            checks.push(serve::doctor::state(&loaded.config.state));
            checks.push(serve::doctor::web(&loaded.config.web));
            let Config {
                cluster,
                channels,
                people,
                ..
            } = &loaded.config;
            let clusters = serve::doctor::clusters(cluster, channels, people);
            checks.extend(runtime()?.block_on(clusters));
        }
    }
    doctor::run(&checks, format)
}

fn print_settings(settings: &Settings, format: settings::SettingsFormat) -> cli::Result {
    let effective = settings.load()?.effective().into_iter();
    let rows: Vec<settings::Setting> = effective
        .map(|setting| settings::Setting {
            key: setting.key,
            value: setting.value,
            origin: setting.origin,
        })
        .collect();
    settings::run(&rows, format)
}

fn print_misses(settings: &Settings, arguments: &misses::Arguments) -> cli::Result {
    let loaded = settings.load()?;
    let Some(dir) = &loaded.config.state.dir else {
        return Err(CommandError::Usage(
            "state.dir is not set, so misses end with the process that saw them; set it for `serve` and for this command"
                .to_owned(),
        ));
    };
    let state = State::open(Some(dir)).map_err(|error| CommandError::Process(error.into()))?;
    let found = state.misses(arguments.most);
    let found = found.map_err(|error| CommandError::Process(error.into()))?;
    misses::run(&found, arguments.format)
}
