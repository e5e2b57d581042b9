//! Conversations, in Socket Mode and over HTTP alike.

use super::workspace::Workspace;

#[tokio::test]
async fn a_command_is_answered_privately_with_title_answer_commands_and_sources() {
    Workspace::in_both_modes(|slack| async move {
        let seen = slack.command("crashloop").await;
        assert_eq!(seen.body["response_type"], "ephemeral");
        println!("{}\n----\n{}", seen.text(), seen.drawn());
        slack.close().await;
    })
    .await;
}
