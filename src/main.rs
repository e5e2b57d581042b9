//! Arguments → config → wiring → the chosen command, and nothing else.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::{CommandFactory, Parser, Subcommand};
use k8sfaq::bot::Bot;
use k8sfaq::bot::health::{Check, Health, Part, Readiness};
use k8sfaq::bot::request::Platform;
use k8sfaq::bot::source;
use k8sfaq::cli::looking::Configured;
use k8sfaq::cli::{
    self, CommandError, ask, check, doctor, eval, list, misses, settings, show, status,
};
use k8sfaq::cluster::connect::Place;
use k8sfaq::cluster::lease::Lease;
use k8sfaq::config::{self, Config, Loaded, Secrets, Sources};
use k8sfaq::discord;
use k8sfaq::serve::{self, Adapter, Again, Changed, Process, Signals};
use k8sfaq::slack;
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
    /// Print what makes the app known to a platform
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

#[derive(Debug, Subcommand)]
enum Manifest {
    /// The manifest to create a Slack app from
    Slack {
        #[command(flatten)]
        settings: Settings,
        /// How Slack's events come in; else as the settings say
        #[arg(long, value_parser = ["socket", "http"])]
        mode: Option<String>,
        /// The bot's public address, for http mode
        #[arg(long)]
        url: Option<String>,
    },
    /// The links to install a Discord app with, and the steps in the developer portal
    Discord {
        #[command(flatten)]
        settings: Settings,
        /// The application's id, from the portal
        #[arg(long)]
        application: Option<u64>,
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
    // Several crates bring rustls, and it will not choose between providers; where one is installed already, it is this one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    runtime.map_err(|error| CommandError::Process(error.into()))
}

fn run(settings: &Settings) -> cli::Result {
    let loaded = settings.load()?;
    let secrets = config::secrets(&loaded.config, &environment())
        .map_err(|problems| CommandError::Usage(problems.to_string()))?;
    runtime()?
        .block_on(serve(settings, loaded, secrets))
        .map_err(CommandError::Process)?;
    Ok(cli::Exit::Found)
}

async fn serve(settings: &Settings, loaded: Loaded, secrets: Secrets) -> anyhow::Result<()> {
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
    let bot = Bot::new(content.faq, state);
    let bot = if config.state.keep_questions {
        bot.keeping_questions()
    } else {
        bot
    };
    let bot = bot
        .with_metrics(metrics)
        .with_policy(config.policy())
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
                policy: read.config.policy(),
            })
        }),
    };
    let process = Process {
        adapters: adapters(&config, secrets, &bot, &health).await?,
        settings: config.serve,
        web: config.web,
        bot,
        health,
        again,
    };
    serve::run(process, signals).await
}

/// The adapters that are configured, each with its secrets.
async fn adapters(
    config: &Config,
    secrets: Secrets,
    bot: &Arc<Bot>,
    health: &Health,
) -> anyhow::Result<Vec<Adapter>> {
    let mut adapters = Vec::new();
    if let (Some(settings), Some(secrets)) = (config.slack.clone(), secrets.slack) {
        let (bot, health) = (Arc::clone(bot), health.clone());
        adapters.push(Adapter {
            part: Part::Slack,
            run: Box::new(move |stop| {
                let report = slack::Report {
                    health: health.clone(),
                    metrics: bot.metrics().clone(),
                };
                let core = slack::conversation::Core::from(Arc::clone(&bot));
                Box::pin(slack::run(
                    settings.clone(),
                    secrets.clone(),
                    core,
                    report,
                    stop,
                ))
            }),
        });
    }
    if let (Some(settings), Some(token)) = (config.discord.clone(), secrets.discord) {
        let (bot, of_discord) = (Arc::clone(bot), health.clone());
        let adapter = Adapter {
            part: Part::Discord,
            run: Box::new(move |stop| {
                let (settings, token) = (settings.clone(), token.clone());
                let (bot, health) = (Arc::clone(&bot), of_discord.clone());
                Box::pin(async move { discord::run(&settings, &token, bot, &health, &stop).await })
            }),
        };
        // Discord tells every connection of everything, so that two replicas would answer twice.
        adapters.push(match &config.serve.lease {
            Some(name) => {
                let lease = Lease::find(&Place::default(), name).await;
                let lease = lease.with_context(|| format!("serve.lease = {name}"))?;
                serve::turn::of_the_holder(adapter, lease, health.clone())
            }
            None => adapter,
        });
    }
    Ok(adapters)
}

fn examine(settings: &Settings, format: doctor::DoctorFormat) -> cli::Result {
    let config_fails = |config::Problems(problems): config::Problems| {
        problems
            .into_iter()
            .map(|problem| Check::fail(Part::Config, "the settings", problem, "mend this setting"))
    };
    let mut checks = Vec::new();
    match config::load(&settings.sources()) {
        Err(problems) => {
            checks.extend(config_fails(problems));
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
            let lease = loaded.config.serve.lease.as_ref();
            let clusters = serve::doctor::clusters(cluster, channels, people, lease);
            checks.extend(runtime()?.block_on(clusters));
            if let Some(name) = lease {
                checks.push(runtime()?.block_on(serve::doctor::lease(name)));
            }
            match config::secrets(&loaded.config, &environment()) {
                Err(problems) => checks.extend(config_fails(problems)),
                Ok(secrets) => {
                    checks.extend(runtime()?.block_on(on_platforms(&loaded.config, &secrets)));
                }
            }
        }
    }
    doctor::run(&checks, format)
}

/// What the platforms say to the tokens.
async fn on_platforms(config: &Config, secrets: &Secrets) -> Vec<Check> {
    let mut checks = Vec::new();
    if let (Some(settings), Some(secrets)) = (&config.slack, &secrets.slack) {
        checks.extend(slack::checks::checks(settings, secrets).await);
    }
    if let (Some(settings), Some(token)) = (&config.discord, &secrets.discord) {
        let watches = config.policy().watches(Platform::Discord);
        checks.extend(discord::checks(settings, token, watches).await);
    }
    if checks.is_empty() {
        checks.push(Check::warning(
            Part::Process,
            "the adapters",
            "none is configured, so `k8sfaq serve` will not start",
            "add a [slack] or [discord] section; config/k8sfaq.toml shows them",
        ));
    }
    checks
}

fn print_manifest(platform: &Manifest) -> cli::Result {
    match platform {
        Manifest::Slack {
            settings,
            mode,
            url,
        } => {
            let config = settings.load()?.config;
            let mode = match mode.as_deref() {
                Some("http") => slack::Mode::Http,
                Some(_) => slack::Mode::Socket,
                None => config
                    .slack
                    .as_ref()
                    .map_or_else(Default::default, |slack| slack.mode),
            };
            let options = slack::manifest::Options {
                mode,
                url: url.clone(),
                watch: config.policy().watches(Platform::Slack),
                evidence: config.policy().looks(Platform::Slack),
            };
            let manifest = slack::manifest::text(&options)
                .map_err(|error| CommandError::Usage(error.to_string()))?;
            cli::print_text(&manifest)
        }
        Manifest::Discord {
            settings,
            application,
        } => {
            let watches = settings.load()?.config.policy().watches(Platform::Discord);
            cli::print_text(&discord::manifest(*application, watches))
        }
    }
}

fn print_settings(settings: &Settings, format: settings::SettingsFormat) -> cli::Result {
    let mut effective = settings.load()?.effective();
    effective.extend(config::known_secrets(&environment()));
    let rows: Vec<settings::Setting> = effective
        .into_iter()
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
