//! Conversations that come out the same in Slack and in Discord: each is written once, and held with both adapters.

mod conversations;
mod discord;
mod message;
mod slack;
mod team;

use k8sfaq::bot::request::{Request, Vote};
use message::Message;
use std::sync::Arc;
use team::Team;

use futures_util::future::BoxFuture;
use k8sfaq::bot::reply::Shown;

/// Does what a person asks: the bot, or what a test puts in its place.
pub type Handle = Arc<dyn Fn(Request) -> BoxFuture<'static, Shown> + Send + Sync>;

/// A platform with the bot in it, and one person who talks to it in a channel.
pub trait Chat: Sized {
    /// How the platform finds a message again.
    type Origin: Clone;

    /// The bot comes to the channel.
    async fn open(team: &Team) -> Self;

    /// Asks for the person's eyes alone, with the slash command.
    async fn asks(&self, text: &str) -> Message<Self::Origin>;

    /// Mentions the bot in the channel, before everyone.
    async fn mentions(&self, text: &str) -> Message<Self::Origin>;

    /// Asks about somebody's message, from its menu.
    async fn asks_about(&self, text: &str) -> Message<Self::Origin>;

    /// Uses what stands under a message.
    async fn uses(&self, message: &Message<Self::Origin>, what: Use<'_>) -> Message<Self::Origin>;

    /// What a message becomes, or what comes beside it, once the cluster was looked at.
    async fn later(&self, message: &Message<Self::Origin>) -> Message<Self::Origin>;

    /// The bot goes, having broken no rule of the platform.
    async fn close(self);
}

/// What stands under a message.
#[derive(Debug, Clone, Copy)]
pub enum Use<'a> {
    /// An entry among those offered.
    Choose(&'a str),
    /// Putting the answer before everyone.
    Share,
    /// Saying whether it helped.
    Vote(Vote),
    /// Saying why it did not.
    Because(&'a str),
}

/// Holds each conversation with one platform.
macro_rules! held {
    ($place:ident, $platform:ty, $($name:ident)*) => {
        mod $place {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    super::conversations::$name::<$platform>().await;
                }
            )*
        }
    };
}

/// Holds each conversation with every platform.
macro_rules! conversations {
    ($($name:ident)*) => {
        held! { on_slack, super::slack::Slack<false>, $($name)* }
        held! { on_slack_over_http, super::slack::Slack<true>, $($name)* }
        held! { on_discord, super::discord::Discord, $($name)* }
    };
}

conversations! {
    a_command_is_answered_with_one_entry_its_commands_and_its_sources
    what_is_no_question_is_a_command_in_any_spelling
    a_mention_is_answered_before_everyone
    an_error_line_in_somebodys_message_names_its_entry
    an_unsure_question_gets_candidates_and_the_choice_answers
    a_choice_by_the_asker_takes_the_place_of_a_public_question
    no_match_says_so_offers_the_nearest_and_whom_to_ask
    a_private_answer_is_shared_under_the_sharers_name
    a_vote_is_thanked_for_and_the_last_one_counts
    why_an_answer_did_not_help_is_kept_without_words
    what_the_cluster_shows_comes_later_with_the_real_names
    what_the_cluster_shows_a_private_asker_stays_private
    a_cluster_that_does_not_answer_is_told_as_that
    what_is_outside_the_scope_is_answered_without_a_look
    an_entry_that_is_too_long_keeps_its_commands_whole_and_leads_to_the_rest
    a_fence_that_is_too_long_ends_between_two_lines
    hostile_text_is_shown_as_it_stands
    hostile_text_from_a_cluster_is_shown_as_it_stands
    a_question_full_of_marks_is_answered_and_calls_nobody
    who_asks_too_often_is_told_when_to_go_on
    a_channel_that_is_asked_too_often_is_spared
    what_is_too_much_at_once_is_told_so
    a_panic_is_apologised_for_and_survived
    an_incident_channel_gets_a_screenful
    a_muted_channel_says_why
    an_entry_that_is_gone_is_said_to_be
}
