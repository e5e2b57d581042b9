//! The slash command, its autocompletion and the message command.

use super::bot::{Running, seen};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slash_command_is_answered_with_one_embed_whose_title_links_to_its_source() {
    let bot = Running::start().await;
    let answer = bot.slash("crashloop").await;
    let message = answer.message.as_ref().expect("a message");
    println!("{}", seen(message));
    assert_eq!(answer.acknowledged.expect("acknowledged").0, 4);
    assert!(!answer.is_private);
    bot.ends().await;
}
