//! What the adapter needs, looked at without logging in: for `k8sfaq doctor`.

use secrecy::SecretString;
use serde_json::Value;

use super::gateway::leads_to_ours;
use super::place::number;
use super::rest::{Rest, RestError};
use super::{Settings, commands};
use crate::bot::health::{Check, Health, Part};
use crate::bot::metrics::Metrics;

/// Discord's flags of an application that may read what people write. Source: Discord's reference, Application Resource.
const MAY_READ_CONTENT: u64 = 1 << 18 | 1 << 19;

/// Logins that a day should have left.
const FEW_LOGINS: u64 = 100;

/// Looks at each prerequisite; `watches` says whether a channel is watched.
pub async fn checks(settings: &Settings, token: &SecretString, watches: bool) -> Vec<Check> {
    let what = "the bot's token";
    let rest = match Rest::new(&settings.api_url, token, Metrics::new(), Health::new()) {
        Ok(rest) => rest,
        Err(error) => return vec![fail(what, error.to_string(), "correct DISCORD_TOKEN")],
    };
    let me = match rest.get("/users/@me").await {
        Ok(me) => me,
        Err(RestError::Unauthorized) => {
            return vec![fail(
                what,
                "discord refuses the token in DISCORD_TOKEN",
                "copy it again from the developer portal, under Bot, Reset Token",
            )];
        }
        Err(error) => {
            return vec![fail(
                "discord's REST interface",
                error.to_string(),
                "see that the machine reaches discord.api_url",
            )];
        }
    };
    let name = me["username"].as_str().unwrap_or("a bot");
    let mut checks = vec![pass(what, format!("it is {name}'s"))];
    match rest.get("/applications/@me").await {
        Ok(application) => {
            checks.push(endpoint(&application));
            checks.push(intents(&application, watches));
            checks.push(commands_there(&rest, &application).await);
        }
        Err(error) => checks.push(Check::skipped(
            Part::Discord,
            "the application",
            error.to_string(),
        )),
    }
    checks.push(gateway(&rest, settings).await);
    checks
}

fn endpoint(application: &Value) -> Check {
    let what = "where interactions go";
    match application["interactions_endpoint_url"].as_str() {
        None | Some("") => pass(what, "to the gateway, where the bot listens"),
        Some(_) => fail(
            what,
            "the application has an interactions endpoint: no command reaches the bot",
            "empty Interactions Endpoint URL in the developer portal, under General Information",
        ),
    }
}

fn intents(application: &Value, watches: bool) -> Check {
    let what = "the message content intent";
    let may_read = application["flags"].as_u64().unwrap_or_default() & MAY_READ_CONTENT != 0;
    match (watches, may_read) {
        (true, true) => pass(what, "it is on, and a watched channel needs it"),
        (true, false) => fail(
            what,
            "it is off, and a channel has `watch = true`",
            "switch it on in the developer portal, under Bot, Privileged Gateway Intents, or watch no channel",
        ),
        (false, true) => Check::warning(
            Part::Discord,
            what,
            "it is on, and nothing needs it",
            "switch it off in the developer portal, under Bot, Privileged Gateway Intents",
        ),
        (false, false) => pass(what, "it is off, and nothing needs it"),
    }
}

async fn commands_there(rest: &Rest, application: &Value) -> Check {
    let what = "the commands";
    let Some(id) = number(&application["id"]) else {
        return Check::skipped(Part::Discord, what, "the application has no id");
    };
    match commands::are_registered(rest, id).await {
        Ok(true) => pass(what, "they are registered"),
        Ok(false) => Check::warning(
            Part::Discord,
            what,
            "discord has others, or none",
            "start `k8sfaq serve`: it registers them",
        ),
        Err(error) => Check::skipped(Part::Discord, what, error.to_string()),
    }
}

async fn gateway(rest: &Rest, settings: &Settings) -> Check {
    let what = "the gateway";
    let answer = match rest.get("/gateway/bot").await {
        Ok(answer) => answer,
        Err(error) => {
            return fail(
                what,
                error.to_string(),
                "see that the machine reaches discord.api_url",
            );
        }
    };
    let url = answer["url"].as_str().unwrap_or_default();
    if !leads_to_ours(settings, url) {
        return fail(
            what,
            format!("discord.api_url names the gateway `{url}` on another host"),
            "correct discord.api_url",
        );
    }
    let left = answer["session_start_limit"]["remaining"].as_u64();
    match left {
        Some(left) if left < FEW_LOGINS => Check::warning(
            Part::Discord,
            what,
            format!("only {left} logins are left today"),
            "find out why the bot starts so often: at none left, Discord resets the token",
        ),
        Some(left) => pass(what, format!("{url}, {left} logins are left today")),
        None => pass(what, url),
    }
}

fn pass(what: &str, detail: impl Into<String>) -> Check {
    Check::pass(Part::Discord, what, detail)
}

fn fail(what: &str, detail: impl Into<String>, cure: &str) -> Check {
    Check::fail(Part::Discord, what, detail, cure)
}
