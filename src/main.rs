//! Arguments → config → wiring → the chosen command, and nothing else.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::{CommandFactory, Parser, Subcommand};
use futures_util::future::BoxFuture;
use k8sfaq::bot::Bot;
use k8sfaq::bot::health::{Check, Health, Part, Readiness};
use k8sfaq::bot::policy::Policy;
use k8sfaq::bot::request::Platform;
use k8sfaq::cli::{self, CommandError, ask, check, doctor, eval, list, misses, settings, show};
use k8sfaq::config::{self, Config, Loaded, Sources};
use k8sfaq::discord;
use k8sfaq::serve::{self, Adapter, Again, Changed, Process, Signals};
use k8sfaq::state::State;
use secrecy::SecretString;

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
    /// Print what a platform needs to know of the bot: how it is installed
    Manifest {
        #[command(subcommand)]
        platform: Manifest,
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

/// The platforms.
#[derive(Debug, Subcommand)]
enum Manifest {
    /// The install links, permissions and portal steps of a Discord application
    Discord {
        #[command(flatten)]
        settings: Settings,
        /// The application's id, for the links
        #[arg(long, value_name = "ID")]
        application_id: Option<u64>,
    },
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
        Command::Ask(arguments) => ask::run(&arguments),
        Command::Show(arguments) => show::run(&arguments),
        Command::List(arguments) => list::run(&arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Eval(arguments) => eval::run(&arguments),
        Command::Serve(settings) => run(&settings),
        Command::Config { settings, format } => print_settings(&settings, format),
        Command::Doctor { settings, format } => examine(&settings, format),
        Command::Manifest { platform } => print_manifest(&platform),
        Command::Misses {
            settings,
            arguments,
        } => print_misses(&settings, &arguments),
        Command::Completions { shell } => cli::print_completions(shell, &mut Arguments::command()),
        Command::Man => cli::print_manual(Arguments::command()),
    };
    cli::exit(result)
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
fn adapters(config: &Config, bot: &Arc<Bot>, health: &Health) -> anyhow::Result<Vec<Adapter>> {
    let mut adapters = Vec::new();
    if let Some(settings) = &config.discord {
        let token = discord_token()?;
        let (settings, bot, health) = (settings.clone(), Arc::clone(bot), health.clone());
        let run = move |stop| {
            let (settings, token) = (settings.clone(), token.clone());
            let (bot, health) = (Arc::clone(&bot), health.clone());
            let run = async move { discord::run(&settings, &token, bot, &health, &stop).await };
            Box::pin(run) as BoxFuture<'static, anyhow::Result<()>>
        };
        adapters.push(Adapter {
            part: Part::Discord,
            run: Box::new(run),
        });
    }
    Ok(adapters)
}

fn discord_token() -> anyhow::Result<SecretString> {
    let found =
        config::secret(&environment(), config::DISCORD_TOKEN).map_err(anyhow::Error::msg)?;
    found.context(
        "[discord] is set and DISCORD_TOKEN is not: put the bot's token into DISCORD_TOKEN, or its file's path into DISCORD_TOKEN_FILE",
    )
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
            checks.extend(examine_discord(&loaded.config)?);
        }
    }
    doctor::run(&checks, format)
}

fn examine_discord(config: &Config) -> Result<Vec<Check>, CommandError> {
    let Some(settings) = &config.discord else {
        return Ok(Vec::new());
    };
    let token = match discord_token() {
        Ok(token) => token,
        Err(error) => {
            let cure = "set DISCORD_TOKEN or DISCORD_TOKEN_FILE";
            let check = Check::fail(Part::Discord, "the bot's token", error.to_string(), cure);
            return Ok(vec![check]);
        }
    };
    let policy = Policy::new(config.channels.clone(), config.people.clone());
    let watches = policy.watches(Platform::Discord);
    Ok(runtime()?.block_on(discord::checks(settings, &token, watches)))
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

fn print_manifest(platform: &Manifest) -> cli::Result {
    let Manifest::Discord {
        settings,
        application_id,
    } = platform;
    let config = settings.load()?.config;
    let policy = Policy::new(config.channels, config.people);
    let text = discord::manifest(*application_id, policy.watches(Platform::Discord));
    cli::print(&text)
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
