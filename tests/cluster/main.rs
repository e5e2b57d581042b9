//! The tests that need a real API server: what the bot reads there, and the commands that the FAQ gives.
//!
//! They run against etcd and kube-apiserver of `KUBEBUILDER_ASSETS`, started once for the whole process, or
//! against the cluster of `K8SFAQ_TEST_KUBECONFIG`. There is no scheduler, no controller, and of a
//! kubelet only its logs: the tests write what these would write.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on says so by panicking"
)]

mod accounts;
mod chart;
mod conditions;
mod discord;
mod events;
mod evidence;
mod evidence_in_chat;
mod faq_commands;
mod ground;
mod handover;
mod kubelet;
mod namespace;
mod server;
