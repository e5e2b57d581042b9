//! Jobs that failed, and cron jobs that are suspended or late.

use jiff::Timestamp;
use k8s_openapi::api::batch::v1::{CronJob, Job, JobCondition};

use super::cron::Schedule;
use super::event::Seen;
use super::owner::{controller, names};
use super::sighting::Sighting;
use super::words::{age, clause, counted, time};
use super::{Case, commands, refusal};
use crate::cluster::finding::{ObjectRef, Severity, Source};
use crate::faq::condition::Condition;

/// The controller looks every 10 s and starts a Job within moments; three minutes are no slip of the clock.
const LATE: i64 = 180;

/// All that Jobs and cron jobs show.
pub(super) fn sightings(case: &Case<'_>, out: &mut Vec<Sighting>) {
    for job in &case.view.jobs.items {
        out.extend(failed(case, job));
    }
    for cron_job in &case.view.cron_jobs.items {
        if cron_job.spec.suspend == Some(true) {
            out.push(suspended(cron_job));
        } else {
            out.extend(cannot_create(case, cron_job).or_else(|| missed(case, cron_job)));
        }
    }
}

fn condition<'a>(job: &'a Job, type_: &str) -> Option<&'a JobCondition> {
    job.status
        .as_ref()?
        .conditions
        .as_ref()?
        .iter()
        .find(|condition| condition.type_ == type_ && condition.status == "True")
}

/// Whether a Job has ended well, whatever some of its pods did.
pub(super) fn is_complete(job: &Job) -> bool {
    condition(job, "Complete").is_some() || condition(job, "SuccessCriteriaMet").is_some()
}

/// Whether a Job has ended, well or not.
pub(super) fn is_finished(job: &Job) -> bool {
    is_complete(job) || condition(job, "Failed").is_some()
}

/// Whether a later run of the same cron job has ended well: then this one is history that the history limit keeps.
pub(super) fn is_superseded(case: &Case<'_>, job: &Job) -> bool {
    let Some(owner) = controller(&job.metadata).filter(|owner| owner.kind == "CronJob") else {
        return false;
    };
    let namespace = names(&job.metadata).0;
    let began = start(job);
    let later_success = case.view.jobs.in_namespace(namespace).any(|other| {
        is_complete(other)
            && start(other) > began
            && controller(&other.metadata)
                .is_some_and(|it| it.kind == owner.kind && it.name == owner.name)
    });
    let last_success = case
        .view
        .cron_jobs
        .find(namespace, &owner.name)
        .and_then(|cron_job| cron_job.status.as_ref()?.last_successful_time.as_ref())
        .map(|time| time.0);
    later_success || (last_success.is_some() && last_success > began)
}

/// Whether a Job's only failed pod has been replaced by one that runs: that is what its back-off limit is for.
pub(super) fn runs_again(job: &Job) -> bool {
    job.status.as_ref().is_some_and(|status| {
        status.failed.unwrap_or(0) <= 1 && status.active.unwrap_or(0) > 0 && status.ready > Some(0)
    })
}

fn start(job: &Job) -> Option<Timestamp> {
    job.status
        .as_ref()
        .and_then(|status| status.start_time.as_ref())
        .or(job.metadata.creation_timestamp.as_ref())
        .map(|time| time.0)
}

fn failed(case: &Case<'_>, job: &Job) -> Option<Sighting> {
    let (namespace, name) = names(&job.metadata);
    let failed = condition(job, "Failed").or_else(|| condition(job, "FailureTarget"))?;
    if name.is_empty() || is_superseded(case, job) {
        return None;
    }
    let spec = job.spec.as_ref();
    let reason = failed.reason.as_deref().unwrap_or_default();
    let tries = job
        .status
        .as_ref()
        .and_then(|status| status.failed)
        .unwrap_or(0);
    let cause = match reason {
        "BackoffLimitExceeded" => format!(
            "Back-off limit of {} reached after {}",
            spec.and_then(|spec| spec.backoff_limit).unwrap_or(6),
            counted(usize::try_from(tries).unwrap_or(0), "failed pod")
        ),
        "DeadlineExceeded" => match spec.and_then(|spec| spec.active_deadline_seconds) {
            Some(seconds) => format!("Deadline of {seconds}s passed"),
            None => "Deadline passed".to_owned(),
        },
        "PodFailurePolicy" => "A rule of its pod failure policy ended it".to_owned(),
        "FailedIndexes" | "MaxFailedIndexesExceeded" => {
            "Some of its indexes failed for good".to_owned()
        }
        "" => "It failed".to_owned(),
        other => format!("It failed ({other})"),
    };
    let owner = case.owners.of_job(namespace, name);
    let severity = if owner.kind == "CronJob" {
        Severity::Warning
    } else {
        Severity::Critical
    };
    Some(
        Sighting::on(
            Condition::JobFailed,
            severity,
            namespace,
            ObjectRef::new("Job", name),
            format!("{cause}: Job {name} has failed"),
        )
        .owned_by(owner)
        .since(failed.last_transition_time.as_ref().map(|time| time.0))
        .says(
            Source::Status,
            &format!(
                "Failed: {reason}: {}",
                failed.message.as_deref().unwrap_or_default()
            ),
        )
        .event(
            newest(
                case,
                "Job",
                namespace,
                name,
                job.metadata.uid.as_deref(),
                &[reason],
            )
            .as_ref(),
        )
        .command(commands::command(
            &[
                "logs",
                "-l",
                &format!("batch.kubernetes.io/job-name={name}"),
                "--all-containers",
                "--prefix",
                "--tail=20",
            ],
            namespace,
        ))
        .command(commands::describe("Job", name, namespace)),
    )
}

fn newest<'a>(
    case: &Case<'a>,
    kind: &str,
    namespace: &str,
    name: &str,
    uid: Option<&str>,
    reasons: &[&str],
) -> Option<Seen<'a>> {
    case.events
        .about(kind, namespace, name, uid)
        .into_iter()
        .find(|seen| reasons.contains(&seen.reason))
}

fn suspended(cron_job: &CronJob) -> Sighting {
    let (namespace, name) = names(&cron_job.metadata);
    Sighting::on(
        Condition::CronJobSuspended,
        Severity::Info,
        namespace,
        ObjectRef::new("CronJob", name),
        format!("Suspended: CronJob {name} starts no Jobs until it is resumed"),
    )
    .says(Source::Spec, "suspend: true")
    .command(commands::command(&["get", "cronjob", name], namespace))
}

fn last_schedule(cron_job: &CronJob) -> Option<Timestamp> {
    cron_job
        .status
        .as_ref()
        .and_then(|status| status.last_schedule_time.as_ref())
        .map(|time| time.0)
}

/// The controller may not create the Job itself.
fn cannot_create(case: &Case<'_>, cron_job: &CronJob) -> Option<Sighting> {
    let (namespace, name) = names(&cron_job.metadata);
    let seen = newest(
        case,
        "CronJob",
        namespace,
        name,
        cron_job.metadata.uid.as_deref(),
        &["FailedCreate"],
    )
    .filter(|seen| seen.last > last_schedule(cron_job))?;
    let (condition, cause) = refusal::classify(seen.message);
    Some(
        Sighting::on(
            condition,
            Severity::Warning,
            namespace,
            ObjectRef::new("CronJob", name),
            format!("{cause}: CronJob {name} cannot create its Job"),
        )
        .since(seen.first)
        .event(Some(&seen))
        .command(commands::describe("CronJob", name, namespace)),
    )
}

/// Reasons with which the controller says that a start was missed or cannot be computed.
const MISSED: &[&str] = &[
    "MissSchedule",
    "FailedNeedsStart",
    "TooManyMissedTimes",
    "UnparseableSchedule",
    "InvalidSchedule",
    "UnknownTimeZone",
    "JobAlreadyActive",
];

fn missed(case: &Case<'_>, cron_job: &CronJob) -> Option<Sighting> {
    let (namespace, name) = names(&cron_job.metadata);
    let spec = &cron_job.spec;
    let last = last_schedule(cron_job);
    let created = cron_job
        .metadata
        .creation_timestamp
        .as_ref()
        .map(|time| time.0);
    let event = newest(
        case,
        "CronJob",
        namespace,
        name,
        cron_job.metadata.uid.as_deref(),
        MISSED,
    )
    // It has started a Job since: what was missed before is history.
    .filter(|seen| seen.last > last);
    let due = due(case, cron_job, last.max(created));
    if event.is_none() && due.is_none() {
        return None;
    }
    let active = cron_job
        .status
        .as_ref()
        .and_then(|status| status.active.as_ref())
        .and_then(|active| active.first()?.name.clone());
    let forbids = spec.concurrency_policy.as_deref() == Some("Forbid");
    let said = event.map(|seen| seen.reason).unwrap_or_default();
    let cause = match (said, &active) {
        ("UnparseableSchedule" | "InvalidSchedule", _) => {
            format!("Its schedule {} cannot be read", spec.schedule)
        }
        ("UnknownTimeZone", _) => format!(
            "Its time zone {} is not known",
            spec.time_zone.as_deref().unwrap_or("(none)")
        ),
        (_, Some(job)) if forbids => {
            format!("Its earlier Job {job} still runs and concurrencyPolicy is Forbid")
        }
        ("TooManyMissedTimes", _) => "Too many starts were missed".to_owned(),
        ("MissSchedule", _) => {
            "The start came later than startingDeadlineSeconds allows".to_owned()
        }
        ("JobAlreadyActive", _) => "An earlier Job still ran".to_owned(),
        _ => "No Job was started when it was due".to_owned(),
    };
    let late = due
        .map(|due| format!(" (due {} ago)", age(case.age(Some(due)))))
        .unwrap_or_default();
    let mut sighting = Sighting::on(
        Condition::CronJobMissed,
        Severity::Warning,
        namespace,
        ObjectRef::new("CronJob", name),
        format!("{cause}: CronJob {name} has missed its schedule{late}"),
    )
    .since(due.or(event.and_then(|seen| seen.first)))
    .event(event.as_ref())
    .says(Source::Spec, &format!("schedule: {}", spec.schedule));
    sighting = match last {
        Some(last) => sighting.says(Source::Status, &format!("lastScheduleTime: {}", time(last))),
        None => sighting.says(Source::Status, "lastScheduleTime: never"),
    };
    if let Some(job) = active {
        sighting = sighting
            .says(Source::Status, &format!("active: {}", clause(&job, 80)))
            .command(commands::describe("Job", &job, namespace));
    }
    Some(sighting.command(commands::describe("CronJob", name, namespace)))
}

/// Since when a start is overdue. Nothing is computed where a start may have been skipped by right (a starting deadline, a pause
/// that has just ended) or where the time zone decides and is not UTC.
fn due(case: &Case<'_>, cron_job: &CronJob, base: Option<Timestamp>) -> Option<Timestamp> {
    let spec = &cron_job.spec;
    let schedule = Schedule::parse(&spec.schedule)?;
    let zone_is_plain = spec.time_zone.as_deref().is_none_or(|zone| {
        zone.is_empty() || zone.eq_ignore_ascii_case("utc") || zone == "Etc/UTC"
    });
    // Without a time zone the schedule follows the controller's clock, which is UTC but need not be.
    let may_be_computed = if schedule.depends_on_zone() {
        zone_is_plain && spec.time_zone.is_some()
    } else {
        true
    };
    if spec.starting_deadline_seconds.is_some() || !may_be_computed {
        return None;
    }
    let due = schedule.next_after(base?)?;
    case.is_older(Some(due), LATE).then_some(due)
}
