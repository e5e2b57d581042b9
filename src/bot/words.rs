//! The sentences that are the same on every platform.

use std::fmt;
use std::time::Duration;

use super::reply::{Refusal, Thanks};
use super::request::Why;
use crate::faq::markdown::{Block, Inline};

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::TooMany { seconds } => {
                write!(f, "That was a lot at once. Ask again in {}.", in_words(*seconds))
            }
            Refusal::JustAnswered { seconds } => write!(
                f,
                "That answer was given here a moment ago: look a little further up, or ask again in {}.",
                in_words(*seconds)
            ),
            Refusal::Busy => {
                f.write_str("I have my hands full right now. Ask again in a few seconds.")
            }
            Refusal::MutedHere => f.write_str(
                "I am muted in this channel. Ask me in a direct message, or in another channel.",
            ),
            Refusal::PrivateHere => f.write_str(
                "In this channel answers stay with whoever asks. You can quote what you need.",
            ),
            Refusal::NoScope => f.write_str(
                "I may not look at a cluster from here. Whoever runs me can give this channel a scope; questions are answered all the same.",
            ),
            Refusal::OutOfScope => f.write_str(
                "That is outside what I may look at from here. Name a namespace and cluster of this channel's scope, or leave them out.",
            ),
            Refusal::NoSuchEntry => f.write_str(
                "That answer is no longer in the FAQ. Ask your question again to find its successor.",
            ),
            Refusal::Broken => f.write_str(
                "Something broke on my side, I am sorry. Try once more; if it breaks again, tell whoever runs me.",
            ),
        }
    }
}

impl fmt::Display for Thanks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Thanks::Noted => "Thanks, noted.",
            Thanks::AskingWhy(_) => "Thanks, noted. What was wrong with it? (You need not say.)",
            Thanks::ForReason => "Thanks, that helps to mend it.",
        })
    }
}

impl Why {
    /// What stands on its button.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Why::WrongTopic => "Not my problem",
            Why::OutOfDate => "Out of date",
            Why::MissingStep => "A step is missing",
            Why::HardToRead => "Hard to follow",
        }
    }
}

/// Before a status is known.
pub(super) fn looking() -> Vec<Block> {
    paragraph("Looking at the cluster…")
}

/// A lookup that outlived its deadline.
pub(super) fn too_slow(deadline: Duration) -> Vec<Block> {
    paragraph(format!(
        "The cluster did not answer within {} s, so nothing can be said of its state.",
        deadline.as_secs_f32()
    ))
}

/// A lookup that broke.
pub(super) fn broke() -> Vec<Block> {
    paragraph("Looking at the cluster broke on my side, so nothing can be said of its state.")
}

/// The scope names a cluster that the settings do not.
pub(super) fn no_such_cluster() -> Vec<Block> {
    paragraph(
        "The cluster that this channel's scope names is not among my settings, so I looked at none. Whoever runs me can mend that: k8sfaq doctor names it.",
    )
}

/// A cluster of the settings cannot be used.
pub(super) fn no_way_to(cluster: &str) -> Vec<Block> {
    let mut said = vec![Inline::Text("I have no way to cluster ".to_owned())];
    said.push(Inline::Code(cluster.to_owned()));
    said.push(Inline::Text(
        ", so nothing can be said of its state. Whoever runs me can see why: k8sfaq doctor tells."
            .to_owned(),
    ));
    vec![Block::Paragraph(said)]
}

/// A question names something outside the scope.
pub(super) fn out_of_scope() -> Vec<Block> {
    paragraph(Refusal::OutOfScope.to_string())
}

fn paragraph(text: impl Into<String>) -> Vec<Block> {
    vec![Block::Paragraph(vec![Inline::Text(text.into())])]
}

fn in_words(seconds: u64) -> String {
    match seconds {
        0 | 1 => "a second".to_owned(),
        2..=119 => format!("{seconds} seconds"),
        _ => format!("{} minutes", seconds.div_ceil(60)),
    }
}
