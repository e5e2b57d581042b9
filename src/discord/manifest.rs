//! How the bot gets into a server: its install links and the steps in Discord's developer portal.

/// What the bot needs in a channel: to see it (1<<10), write there (1<<11), with embeds (1<<14), as a reply to what it reads
/// (1<<16), in threads too (1<<38). Never Administrator, never to mention everyone, never to manage others' messages.
pub const PERMISSIONS: u64 = 1 << 10 | 1 << 11 | 1 << 14 | 1 << 16 | 1 << 38;

/// The install links and the steps. Without an application's id its place is left to be filled.
#[must_use]
pub fn manifest(application: Option<u64>, watches: bool) -> String {
    let id = application.map_or_else(|| "APPLICATION_ID".to_owned(), |id| id.to_string());
    let message_content = if watches {
        "   switch MESSAGE CONTENT INTENT on (a channel has `watch = true`), and leave the other two off"
    } else {
        "   leave all three off: what mentions the bot reaches it without them"
    };
    format!(
        "\
Install links

For a server (somebody who may manage it opens this):
  https://discord.com/oauth2/authorize?client_id={id}&scope=bot+applications.commands&permissions={PERMISSIONS}&integration_type=0

For oneself, to ask anywhere:
  https://discord.com/oauth2/authorize?client_id={id}&scope=applications.commands&integration_type=1

Permissions {PERMISSIONS}: View Channels, Send Messages, Send Messages in Threads, Embed Links, Read Message History.
With slash commands alone the bot needs none of them.

Steps in https://discord.com/developers/applications

1. New Application; its Application ID, under General Information, stands in the links above
2. General Information, Interactions Endpoint URL: leave it empty, or no command reaches the bot
3. Bot, Reset Token: put the token into DISCORD_TOKEN, or into a file that DISCORD_TOKEN_FILE names
4. Bot, Public Bot: off, unless others may install it
5. Bot, Privileged Gateway Intents:
{message_content}
6. Installation, Installation Contexts: Guild Install, and User Install if people may install it for themselves
7. Start `k8sfaq serve`; it registers its commands, /k8sfaq and “Answer from FAQ”, by itself
8. Server Settings, Integrations: there a server's managers restrict the commands to channels and roles
"
    )
}
