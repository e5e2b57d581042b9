//! Runs an adapter only while this process holds the Lease that it shares with others.

use std::sync::Arc;

use anyhow::Context;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{Adapter, Run};
use crate::bot::health::{Health, Part, Readiness};
use crate::cluster::lease::{Lease, Standing};

/// An adapter of which one may run among all replicas: it starts when this one gets the Lease, and stops at once when it loses it.
#[must_use]
pub fn of_the_holder(adapter: Adapter, lease: Lease, health: Health) -> Adapter {
    let Adapter { part, run } = adapter;
    let (run, lease) = (Arc::new(run), Arc::new(lease));
    Adapter {
        part,
        run: Box::new(move |stop| {
            let (run, lease, health) = (Arc::clone(&run), Arc::clone(&lease), health.clone());
            Box::pin(async move {
                let nothing = Standing::Unknown(format!(
                    "the Lease `{}` was not asked for yet",
                    lease.name()
                ));
                let (tell, turn) = watch::channel(nothing);
                let turns = take_turns(part, &run, turn, &lease, &health, stop);
                // With the last turn over nobody listens, and the Lease is released.
                let (ended, ()) = tokio::join!(turns, lease.compete(tell));
                ended
            })
        }),
    }
}

/// Runs the adapter whenever it is this process's turn, until it is told to stop or the adapter cannot go on.
async fn take_turns(
    part: Part,
    run: &Run,
    mut turn: watch::Receiver<Standing>,
    lease: &Lease,
    health: &Health,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    loop {
        let standing = turn.borrow_and_update().clone();
        match standing {
            Standing::Holds => {
                let end = stop.child_token();
                let mut running = run(end.clone());
                tokio::select! {
                    ended = &mut running => return ended,
                    () = lost(&mut turn) => {}
                }
                end.cancel();
                running.await?;
                // What has changed meanwhile is looked at, not waited for.
                continue;
            }
            Standing::StandsBy(holder) => {
                let why = format!("it stands by: {holder} holds the Lease `{}`", lease.name());
                health.set(part, Readiness::ReadyBut(why));
            }
            Standing::Unknown(why) => health.set(part, Readiness::NotReady(why)),
        }
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            told = turn.changed() => told.context("nobody tells any more who holds the Lease")?,
        }
    }
}

/// Waits until it is not this process's turn any more.
async fn lost(turn: &mut watch::Receiver<Standing>) {
    // Without anybody who tells there is no turn.
    let _ = turn.wait_for(|standing| *standing != Standing::Holds).await;
}
