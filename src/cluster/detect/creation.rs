//! Controllers that cannot create pods, by who refuses: quota, Pod Security, a policy, a webhook that does not answer.

use jiff::Timestamp;

use super::event::Seen;
use super::owner::names;
use super::sighting::Sighting;
use super::{Case, commands, job, refusal};
use crate::cluster::finding::{ObjectRef, Severity, Source};

/// Controllers retry with delays of up to about 17 minutes, so a refusal that still holds is at most this old (seconds).
const CURRENT: i64 = 1800;

/// All controllers of the view that lack pods and say that they may not create them.
pub(super) fn sightings(case: &Case<'_>, out: &mut Vec<Sighting>) {
    deployments(case, out);
    replica_sets(case, out);
    for set in &case.view.stateful_sets.items {
        let (namespace, name) = names(&set.metadata);
        let desired = set
            .spec
            .as_ref()
            .map_or(0, |spec| spec.replicas.unwrap_or(1));
        let (there, ready) = set.status.as_ref().map_or((0, 0), |status| {
            (status.replicas, status.ready_replicas.unwrap_or(0))
        });
        if there < desired
            && let Some(seen) = refused(
                case,
                "StatefulSet",
                namespace,
                name,
                set.metadata.uid.as_deref(),
            )
        {
            let short = Short {
                namespace,
                owner: ObjectRef::new("StatefulSet", name),
                missing: desired - there,
                desired,
                ready,
            };
            out.push(short.sighting(
                seen.message,
                seen.first,
                Some(&seen),
                &ObjectRef::new("StatefulSet", name),
            ));
        }
    }
    for set in &case.view.daemon_sets.items {
        let (namespace, name) = names(&set.metadata);
        let Some(status) = &set.status else { continue };
        let (desired, there) = (
            status.desired_number_scheduled,
            status.current_number_scheduled,
        );
        if there < desired
            && let Some(seen) = refused(
                case,
                "DaemonSet",
                namespace,
                name,
                set.metadata.uid.as_deref(),
            )
        {
            let short = Short {
                namespace,
                owner: ObjectRef::new("DaemonSet", name),
                missing: desired - there,
                desired,
                ready: status.number_ready,
            };
            out.push(short.sighting(
                seen.message,
                seen.first,
                Some(&seen),
                &ObjectRef::new("DaemonSet", name),
            ));
        }
    }
    for it in &case.view.jobs.items {
        let (namespace, name) = names(&it.metadata);
        let status = it.status.as_ref();
        let has_pods = status.is_some_and(|status| {
            [status.active, status.succeeded]
                .iter()
                .any(|count| count.unwrap_or(0) > 0)
        });
        if has_pods || job::is_finished(it) {
            continue;
        }
        if let Some(seen) = refused(case, "Job", namespace, name, it.metadata.uid.as_deref()) {
            let owner = case.owners.of_job(namespace, name);
            let desired = it
                .spec
                .as_ref()
                .and_then(|spec| spec.parallelism)
                .unwrap_or(1);
            let short = Short {
                namespace,
                owner,
                missing: desired,
                desired,
                ready: 0,
            };
            out.push(short.sighting(
                seen.message,
                seen.first,
                Some(&seen),
                &ObjectRef::new("Job", name),
            ));
        }
    }
}

fn deployments(case: &Case<'_>, out: &mut Vec<Sighting>) {
    for deployment in &case.view.deployments.items {
        let (namespace, name) = names(&deployment.metadata);
        let desired = deployment
            .spec
            .as_ref()
            .map_or(0, |spec| spec.replicas.unwrap_or(1));
        let Some(status) = &deployment.status else {
            continue;
        };
        let there = status
            .replicas
            .unwrap_or(0)
            .min(status.updated_replicas.unwrap_or(0));
        let failure =
            status.conditions.iter().flatten().find(|condition| {
                condition.type_ == "ReplicaFailure" && condition.status == "True"
            });
        // The condition may outlive its cause for a moment; a Deployment that has all its pods lacks none.
        let is_short = there < desired;
        let short = Short {
            namespace,
            owner: ObjectRef::new("Deployment", name),
            missing: desired.saturating_sub(there).max(0),
            desired,
            ready: status.ready_replicas.unwrap_or(0),
        };
        let seen = refused_of_deployment(case, namespace, name);
        match (failure, seen) {
            (Some(failure), seen) if is_short => {
                let said = failure.message.as_deref().filter(|said| !said.is_empty());
                let said = said.or(seen.map(|seen| seen.message)).unwrap_or_default();
                let since = failure.last_transition_time.as_ref().map(|time| time.0);
                let object = seen.map_or_else(
                    || short.owner.clone(),
                    |seen| ObjectRef::new("ReplicaSet", seen.name),
                );
                out.push(short.sighting(
                    said,
                    since,
                    seen.filter(|seen| seen.message != said).as_ref(),
                    &object,
                ));
            }
            (None, Some(seen)) if is_short && desired > 0 => {
                out.push(short.sighting(
                    seen.message,
                    seen.first,
                    Some(&seen),
                    &ObjectRef::new("ReplicaSet", seen.name),
                ));
            }
            _ => {}
        }
    }
}

/// `ReplicaSet`s without a Deployment among the objects of the view.
fn replica_sets(case: &Case<'_>, out: &mut Vec<Sighting>) {
    for set in &case.view.replica_sets.items {
        let (namespace, name) = names(&set.metadata);
        let owner = case.owners.of_replica_set(namespace, name, None);
        if owner.kind == "Deployment"
            && case.view.deployments.find(namespace, &owner.name).is_some()
        {
            continue;
        }
        let desired = set
            .spec
            .as_ref()
            .map_or(0, |spec| spec.replicas.unwrap_or(1));
        let Some(status) = &set.status else { continue };
        let failure =
            status.conditions.iter().flatten().find(|condition| {
                condition.type_ == "ReplicaFailure" && condition.status == "True"
            });
        let seen = refused(
            case,
            "ReplicaSet",
            namespace,
            name,
            set.metadata.uid.as_deref(),
        );
        if status.replicas >= desired || (failure.is_none() && seen.is_none()) {
            continue;
        }
        let short = Short {
            namespace,
            owner,
            missing: desired - status.replicas,
            desired,
            ready: status.ready_replicas.unwrap_or(0),
        };
        let said = failure
            .and_then(|failure| failure.message.as_deref())
            .or(seen.map(|seen| seen.message))
            .unwrap_or_default();
        let since = failure
            .and_then(|failure| failure.last_transition_time.as_ref())
            .map(|time| time.0)
            .or(seen.and_then(|seen| seen.first));
        out.push(short.sighting(
            said,
            since,
            seen.filter(|seen| seen.message != said).as_ref(),
            &ObjectRef::new("ReplicaSet", name),
        ));
    }
}

/// A controller that lacks pods.
struct Short<'a> {
    namespace: &'a str,
    owner: ObjectRef,
    missing: i32,
    desired: i32,
    ready: i32,
}

impl Short<'_> {
    fn sighting(
        &self,
        said: &str,
        since: Option<Timestamp>,
        event: Option<&Seen<'_>>,
        object: &ObjectRef,
    ) -> Sighting {
        let (condition, cause) = refusal::classify(said);
        let severity = if self.ready == 0 {
            Severity::Critical
        } else {
            Severity::Warning
        };
        let source = if event.is_some_and(|seen| seen.message == said) {
            Source::Event
        } else {
            Source::Status
        };
        let text = if source == Source::Status {
            format!("ReplicaFailure: {said}")
        } else {
            String::new()
        };
        let count = |number: i32| u32::try_from(number).ok();
        let quota = said
            .split_once("exceeded quota: ")
            .and_then(|(_, rest)| rest.split(',').next());
        Sighting::on(
            condition,
            severity,
            self.namespace,
            object.clone(),
            format!(
                "{cause}: {} lacks {} of {} pods",
                self.owner, self.missing, self.desired
            ),
        )
        .owned_by(self.owner.clone())
        .since(since)
        .says(Source::Status, &text)
        .event(event)
        .counts(count(self.missing), count(self.desired))
        .command(commands::describe(
            &object.kind,
            &object.name,
            self.namespace,
        ))
        .command(
            quota.and_then(|quota| {
                commands::describe("ResourceQuota", quota.trim(), self.namespace)
            }),
        )
    }
}

fn refused<'a>(
    case: &Case<'a>,
    kind: &str,
    namespace: &str,
    name: &str,
    uid: Option<&str>,
) -> Option<Seen<'a>> {
    case.events
        .about(kind, namespace, name, uid)
        .into_iter()
        .find(|seen| seen.reason == "FailedCreate" && case.is_recent(seen.last, CURRENT))
}

/// The refusal of a Deployment's pods stands on its `ReplicaSet`, whose name is the Deployment's with a hash.
fn refused_of_deployment<'a>(case: &Case<'a>, namespace: &str, name: &str) -> Option<Seen<'a>> {
    case.events
        .of_reason("FailedCreate")
        .into_iter()
        .filter(|seen| {
            seen.kind == "ReplicaSet"
                && seen.namespace == namespace
                && case.is_recent(seen.last, CURRENT)
        })
        .filter(|seen| {
            seen.name
                .rsplit_once('-')
                .is_some_and(|(deployment, _)| deployment == name)
        })
        .max_by_key(|seen| (seen.last, seen.message))
}
