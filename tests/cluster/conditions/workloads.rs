//! Workloads that do not get where they should, or may not create their pods.

use super::scene::Scene;
use super::written::{
    APP, backs_off, container, deployment, ended, owned, pod, ready, replica, running, unready,
};

const STUCK: &str = "conditions: [{ type: Available, status: 'False', reason: MinimumReplicasUnavailable, lastTransitionTime: '@-20m' }, { type: Progressing, status: 'False', reason: ProgressDeadlineExceeded, message: 'ReplicaSet \"web-7c9d8f6b5\" has timed out progressing.', lastTransitionTime: '@-10m', lastUpdateTime: '@-10m' }]";
const GOES_ON: &str = "conditions: [{ type: Available, status: 'True', reason: MinimumReplicasAvailable, lastTransitionTime: '@-20m' }, { type: Progressing, status: 'True', reason: ReplicaSetUpdated, message: 'ReplicaSet is progressing.', lastTransitionTime: '@-20m', lastUpdateTime: '@-10s' }]";
const PAUSED: &str = "conditions: [{ type: Progressing, status: Unknown, reason: DeploymentPaused, message: Deployment is paused, lastTransitionTime: '@-20m' }]";

fn crashing() -> String {
    unready(
        "Running",
        &format!(
            "containerStatuses: [{}]",
            container("app", 12, &backs_off("app"), &ended("2m", "Error", 1))
        ),
    )
}

fn serving() -> String {
    ready(&container("app", 0, &running("29m"), ""))
}

#[tokio::test]
async fn a_rollout_past_its_deadline_follows_from_what_its_pods_show() {
    let mut scene = Scene::new("rollout").await;
    scene.write(&deployment("web", 3, 2, APP, STUCK)).await;
    scene
        .write(&replica("web", "aaaaa", APP, &crashing()))
        .await;
    scene.write(&deployment("unnamed", 1, 0, APP, STUCK)).await;
    // Well: a rollout in progress, a paused one, and one at zero.
    scene
        .write(&deployment("goes-on", 3, 2, APP, GOES_ON))
        .await;
    scene
        .write(&deployment("paused", 2, 2, APP, PAUSED).replacen(
            "replicas: 2,",
            "paused: true, replicas: 2,",
            1,
        ))
        .await;
    scene.write(&deployment("at-zero", 0, 0, APP, STUCK)).await;
    scene
        .write(&replica(
            "goes-on",
            "ccccc",
            APP,
            &unready(
                "Pending",
                &format!(
                    "containerStatuses: [{}]",
                    container("app", 0, "waiting: { reason: ContainerCreating }", "")
                ),
            )
            .replace("@-30m", "@-10s")
            .replace("@-20m", "@-10s"),
        ))
        .await;
    insta::assert_snapshot!(scene.report().await, @r"
    critical RolloutStuck of Deployment/unnamed 1/1: No progress within 600s: 1 of 1 pods of Deployment unnamed are updated, 0 are ready
    warning CrashLoopBackOff of Deployment/web 1/3 [app]: Exit code 1, the application's own error: container app of web-7c9d8f6b5-aaaaa is in back-off after 12 restarts
    warning RolloutStuck of Deployment/web 1/3: No progress within 600s: 3 of 3 pods of Deployment web are updated, 2 are ready <- CrashLoopBackOff of Deployment/web
    ");
}

/// The status of a Deployment whose `ReplicaSet` may not create its pods.
fn refused(name: &str, message: &str) -> String {
    let failure = format!(
        "conditions: [{{ type: ReplicaFailure, status: 'True', reason: FailedCreate, lastTransitionTime: '@-10m', message: '{}' }}]",
        message.replace('\'', "''")
    );
    let text = deployment(name, 2, 0, APP, &failure);
    let (head, replica_set) = text
        .split_once("---\napiVersion: apps/v1\nkind: ReplicaSet")
        .unwrap();
    let none = |text: &str| {
        text.replace(
            "replicas: 2, readyReplicas: 0, availableReplicas: 0",
            "replicas: 0",
        )
    };
    format!(
        "{}---\napiVersion: apps/v1\nkind: ReplicaSet{}",
        none(head).replace("updatedReplicas: 2, ", ""),
        none(replica_set)
    )
}

#[tokio::test]
async fn who_refuses_the_pods_of_a_controller_is_told_apart() {
    let mut scene = Scene::new("refused").await;
    for (name, message) in [
        (
            "quota",
            r#"pods "quota-7c9d8f6b5-x" is forbidden: exceeded quota: compute, requested: requests.cpu=2, used: requests.cpu=3, limited: requests.cpu=4"#,
        ),
        (
            "limits",
            r#"pods "limits-7c9d8f6b5-x" is forbidden: maximum memory usage per Container is 512Mi, but limit is 1Gi"#,
        ),
        (
            "security",
            r#"pods "security-7c9d8f6b5-x" is forbidden: violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false (container "app" must set securityContext.allowPrivilegeEscalation=false)"#,
        ),
        (
            "webhook",
            r#"admission webhook "validate.kyverno.svc-fail" denied the request: resource Pod was blocked: require-labels"#,
        ),
        (
            "policy",
            "pods \"policy-7c9d8f6b5-x\" is forbidden: ValidatingAdmissionPolicy 'no-latest' with binding 'all' denied request: tag latest",
        ),
        (
            "silent-webhook",
            r#"Internal error occurred: failed calling webhook "policy.example.com": failed to call webhook: Post "https://policy.gate.svc:443/x?timeout=10s": no endpoints available for service "policy""#,
        ),
        (
            "no-account",
            r#"pods "no-account-7c9d8f6b5-x" is forbidden: error looking up service account NS/web: serviceaccount "web" not found"#,
        ),
    ] {
        scene.write(&refused(name, message)).await;
        scene.tell(&format!("replicaset-controller ReplicaSet/{name}-7c9d8f6b5 FailedCreate x15 60s Error creating: {message}")).await;
    }
    // Well: it was refused a while ago and has all its pods.
    scene.write(&deployment("whole", 2, 2, APP, "")).await;
    scene.tell(r#"replicaset-controller ReplicaSet/whole-7c9d8f6b5 FailedCreate x3 10m Error creating: pods "whole-7c9d8f6b5-x" is forbidden: exceeded quota: compute, requested: requests.cpu=2, used: requests.cpu=3, limited: requests.cpu=4"#).await;
    insta::assert_snapshot!(scene.report().await, @r#"
    critical QuotaExceeded of Deployment/limits 2/2: The namespace's limit range forbids it (maximum memory usage per Container is 512Mi, but limit is 1Gi): Deployment limits lacks 2 of 2 pods
    critical PodCreationFailed of Deployment/no-account 2/2: Pods cannot be created (pods "no-account-7c9d8f6b5-x" is forbidden: error looking up service account NS/web: serviceaccount "web" not found): Deployment no-account lacks 2 of 2 pods
    critical AdmissionDenied of Deployment/policy 2/2: Admission policy no-latest denies it (tag latest): Deployment policy lacks 2 of 2 pods
    critical QuotaExceeded of Deployment/quota 2/2: Quota compute is exceeded (requested: requests.cpu=2, used: requests.cpu=3, limited: requests.cpu=4): Deployment quota lacks 2 of 2 pods
    critical PodSecurityViolation of Deployment/security 2/2: Pod Security restricted:latest is violated (allowPrivilegeEscalation != false (container "app" must set securityContext.allowPrivilegeEscalation=false)): Deployment security lacks 2 of 2 pods
    critical WebhookUnreachable of Deployment/silent-webhook 2/2: Admission webhook policy.example.com cannot be called: Deployment silent-webhook lacks 2 of 2 pods
    critical AdmissionDenied of Deployment/webhook 2/2: Admission webhook validate.kyverno.svc-fail denies it (resource Pod was blocked: require-labels): Deployment webhook lacks 2 of 2 pods
    "#);
}

#[tokio::test]
async fn sets_and_jobs_that_may_not_create_pods_say_so_themselves() {
    let mut scene = Scene::new("refused-sets").await;
    scene
        .write(&stateful_set(
            "db",
            "replicas: 3",
            "replicas: 0, observedGeneration: 1",
        ))
        .await;
    scene.write(&daemon_set("agent", "desiredNumberScheduled: 3, currentNumberScheduled: 0, numberMisscheduled: 0, numberReady: 0, observedGeneration: 1, numberUnavailable: 3")).await;
    scene.write(&job("import", "", "startTime: '@-10m'")).await;
    scene.tell(r#"
        statefulset-controller StatefulSet/db FailedCreate x9 60s create Pod db-0 in StatefulSet db failed error: pods "db-0" is forbidden: exceeded quota: compute, requested: pods=1, used: pods=10, limited: pods=10
        daemonset-controller DaemonSet/agent FailedCreate x9 60s Error creating: pods "agent-x" is forbidden: violates PodSecurity "baseline:latest": hostPath volumes (volume "root")
        job-controller Job/import FailedCreate x9 60s Error creating: admission webhook "validate.kyverno.svc-fail" denied the request: resource Pod was blocked
    "#).await;
    insta::assert_snapshot!(scene.report().await, @r#"
    critical PodSecurityViolation of DaemonSet/agent 3/3: Pod Security baseline:latest is violated (hostPath volumes (volume "root")): DaemonSet agent lacks 3 of 3 pods
    critical AdmissionDenied of Job/import 1/1: Admission webhook validate.kyverno.svc-fail denies it (resource Pod was blocked): Job import lacks 1 of 1 pods
    critical QuotaExceeded of StatefulSet/db 3/3: Quota compute is exceeded (requested: pods=1, used: pods=10, limited: pods=10): StatefulSet db lacks 3 of 3 pods
    "#);
}

fn stateful_set(name: &str, spec: &str, status: &str) -> String {
    format!(
        "---\napiVersion: apps/v1\nkind: StatefulSet\nmetadata: {{ name: {name} }}\nspec: {{ {spec}, serviceName: {name}, selector: {{ matchLabels: {{ app: {name} }} }}, template: {{ metadata: {{ labels: {{ app: {name} }} }}, spec: {{ {APP} }} }} }}\nstatus: {{ {status} }}\n"
    )
}

fn daemon_set(name: &str, status: &str) -> String {
    format!(
        "---\napiVersion: apps/v1\nkind: DaemonSet\nmetadata: {{ name: {name} }}\nspec: {{ selector: {{ matchLabels: {{ app: {name} }} }}, template: {{ metadata: {{ labels: {{ app: {name} }} }}, spec: {{ {APP} }} }} }}\nstatus: {{ {status} }}\n"
    )
}

fn job(name: &str, spec: &str, status: &str) -> String {
    job_of("", name, spec, status)
}

fn job_of(cron_job: &str, name: &str, spec: &str, status: &str) -> String {
    let owner = if cron_job.is_empty() {
        String::new()
    } else {
        format!(
            ", ownerReferences: [{{ apiVersion: batch/v1, kind: CronJob, name: {cron_job}, uid: 00000000-0000-4000-8000-000000000001, controller: true }}]"
        )
    };
    format!(
        "---\napiVersion: batch/v1\nkind: Job\nmetadata: {{ name: {name}{owner} }}\nspec: {{ {spec} template: {{ spec: {{ restartPolicy: Never, {APP} }} }} }}\nstatus: {{ {status} }}\n"
    )
}

#[tokio::test]
async fn a_stateful_set_waits_for_its_first_pod_that_is_not_ready() {
    let mut scene = Scene::new("stateful").await;
    let revisions = |updated: i32| {
        format!(
            "observedGeneration: 1, currentRevision: db-1, updateRevision: db-2, currentReplicas: 2, updatedReplicas: {updated}"
        )
    };
    scene.write(&stateful_set("db", "replicas: 3", "replicas: 1, readyReplicas: 0, availableReplicas: 0, observedGeneration: 1, currentRevision: db-1, updateRevision: db-1, currentReplicas: 1, updatedReplicas: 1")).await;
    scene
        .write(&owned("StatefulSet", "db", "db-0", APP, &crashing()))
        .await;
    scene
        .write(&stateful_set(
            "updating",
            "replicas: 3",
            &format!(
                "replicas: 3, readyReplicas: 2, availableReplicas: 2, {}",
                revisions(1)
            ),
        ))
        .await;
    scene
        .write(&owned(
            "StatefulSet",
            "updating",
            "updating-2",
            APP,
            &crashing(),
        ))
        .await;
    // Well: all pods are ready; all pods of one that goes on by hand only; the second pod is only starting.
    scene.write(&stateful_set("whole", "replicas: 3", "replicas: 3, readyReplicas: 3, availableReplicas: 3, observedGeneration: 1, currentRevision: db-1, updateRevision: db-1, currentReplicas: 3, updatedReplicas: 3")).await;
    scene.write(&stateful_set("growing", "replicas: 3", "replicas: 2, readyReplicas: 1, availableReplicas: 1, observedGeneration: 1, currentRevision: db-1, updateRevision: db-1, currentReplicas: 2, updatedReplicas: 2")).await;
    scene
        .write(&owned(
            "StatefulSet",
            "growing",
            "growing-1",
            APP,
            &unready(
                "Pending",
                &format!(
                    "containerStatuses: [{}]",
                    container("app", 0, "waiting: { reason: ContainerCreating }", "")
                ),
            )
            .replace("@-30m", "@-10s")
            .replace("@-20m", "@-10s"),
        ))
        .await;
    insta::assert_snapshot!(scene.report().await, @r"
    critical CrashLoopBackOff of StatefulSet/db 1/3 [app]: Exit code 1, the application's own error: container app of db-0 is in back-off after 12 restarts
    critical StatefulSetBlocked of StatefulSet/db 3/3: Waits for db-0 to become ready: 0 of 3 pods of StatefulSet db are ready and its further pods are not created <- CrashLoopBackOff of StatefulSet/db
    warning CrashLoopBackOff of StatefulSet/updating 1/3 [app]: Exit code 1, the application's own error: container app of updating-2 is in back-off after 12 restarts
    warning StatefulSetBlocked of StatefulSet/updating 1/3: Waits for updating-2 to become ready: 2 of 3 pods of StatefulSet updating are ready and its update does not go on <- CrashLoopBackOff of StatefulSet/updating
    ");
}

#[tokio::test]
async fn a_daemon_set_says_on_how_many_nodes_it_is_missing() {
    let mut scene = Scene::new("daemon").await;
    scene.write(&daemon_set("agent", "desiredNumberScheduled: 3, currentNumberScheduled: 3, numberMisscheduled: 0, numberReady: 2, numberAvailable: 2, numberUnavailable: 1, updatedNumberScheduled: 3, observedGeneration: 1")).await;
    scene
        .write(&owned(
            "DaemonSet",
            "agent",
            "agent-aaaaa",
            APP,
            &crashing(),
        ))
        .await;
    // Well: no node is meant for it; it runs everywhere; one pod is away while an update rolls.
    scene.write(&daemon_set("nowhere", "desiredNumberScheduled: 0, currentNumberScheduled: 0, numberMisscheduled: 0, numberReady: 0, observedGeneration: 1")).await;
    scene.write(&daemon_set("everywhere", "desiredNumberScheduled: 3, currentNumberScheduled: 3, numberMisscheduled: 0, numberReady: 3, numberAvailable: 3, updatedNumberScheduled: 3, observedGeneration: 1")).await;
    scene.write(&daemon_set("rolls", "desiredNumberScheduled: 3, currentNumberScheduled: 2, numberMisscheduled: 0, numberReady: 2, numberAvailable: 2, numberUnavailable: 1, updatedNumberScheduled: 1, observedGeneration: 1")).await;
    insta::assert_snapshot!(scene.report().await, @r"
    warning CrashLoopBackOff of DaemonSet/agent 1/3 [app]: Exit code 1, the application's own error: container app of agent-aaaaa is in back-off after 12 restarts
    warning DaemonSetUnavailable of DaemonSet/agent 1/3: No ready pod on 1 of 3 nodes: DaemonSet agent is ready on 2 <- CrashLoopBackOff of DaemonSet/agent
    ");
}

#[tokio::test]
async fn a_job_says_why_it_failed_and_one_that_succeeded_in_the_end_is_well() {
    let mut scene = Scene::new("jobs").await;
    let failed = |reason: &str, message: &str| {
        format!(
            "startTime: '@-20m', failed: 3, conditions: [{{ type: FailureTarget, status: 'True', reason: {reason}, message: {message}, lastTransitionTime: '@-10m', lastProbeTime: '@-10m' }}, {{ type: Failed, status: 'True', reason: {reason}, message: {message}, lastTransitionTime: '@-10m', lastProbeTime: '@-10m' }}]"
        )
    };
    let complete = "startTime: '@-20m', completionTime: '@-5m', succeeded: 1, failed: 1, conditions: [{ type: SuccessCriteriaMet, status: 'True', reason: CompletionsReached, lastTransitionTime: '@-5m', lastProbeTime: '@-5m' }, { type: Complete, status: 'True', reason: CompletionsReached, lastTransitionTime: '@-5m', lastProbeTime: '@-5m' }]";
    let ended_pod = |job: &str, suffix: &str, phase: &str, reason: &str, code| {
        owned(
            "Job",
            job,
            &format!("{job}-{suffix}"),
            &format!("restartPolicy: Never, {APP}"),
            &format!(
                "phase: {phase}, startTime: '@-20m', containerStatuses: [{}]",
                container("app", 0, &ended("15m", reason, code), "")
            ),
        )
    };
    scene
        .write(&job(
            "migrate",
            "backoffLimit: 2,",
            &failed(
                "BackoffLimitExceeded",
                "Job has reached the specified backoff limit",
            ),
        ))
        .await;
    scene
        .write(&ended_pod("migrate", "aaaaa", "Failed", "Error", 3))
        .await;
    scene
        .write(&job(
            "too-slow",
            "activeDeadlineSeconds: 60,",
            &failed(
                "DeadlineExceeded",
                "Job was active longer than specified deadline",
            ),
        ))
        .await;
    scene
        .write(&job_of(
            "nightly",
            "nightly-1",
            "",
            &failed(
                "BackoffLimitExceeded",
                "Job has reached the specified backoff limit",
            ),
        ))
        .await;
    scene
        .write(&cron_job(
            "nightly",
            "schedule: '0 2 * * *'",
            "lastScheduleTime: '@-20m'",
        ))
        .await;
    scene
        .write(&cron_job(
            "hourly",
            "schedule: '0 * * * *'",
            "lastScheduleTime: '@-20m', lastSuccessfulTime: '@-5m'",
        ))
        .await;
    // Well: it failed once and succeeded; an earlier run failed and the next one succeeded; it is suspended.
    scene.write(&job("retried", "", complete)).await;
    scene
        .write(&ended_pod("retried", "aaaaa", "Failed", "Error", 1))
        .await;
    scene
        .write(&ended_pod("retried", "bbbbb", "Succeeded", "Completed", 0))
        .await;
    scene
        .write(&job_of(
            "hourly",
            "hourly-1",
            "",
            &failed(
                "BackoffLimitExceeded",
                "Job has reached the specified backoff limit",
            )
            .replace("startTime: '@-20m'", "startTime: '@-80m'"),
        ))
        .await;
    scene
        .write(&ended_pod("hourly-1", "aaaaa", "Failed", "Error", 1))
        .await;
    scene
        .write(&job_of("hourly", "hourly-2", "", complete))
        .await;
    scene.write(&job("suspended", "suspend: true,", "conditions: [{ type: Suspended, status: 'True', reason: JobSuspended, message: Job suspended, lastTransitionTime: '@-10m', lastProbeTime: '@-10m' }]")).await;
    insta::assert_snapshot!(scene.report().await, @r"
    critical ContainerExited of Job/migrate 1/1 [app]: Exit code 3, the application's own error: container app of migrate-aaaaa ended
    critical JobFailed of Job/too-slow 1/1: Deadline of 60s passed: Job too-slow has failed
    critical JobFailed of Job/migrate 1/1: Back-off limit of 2 reached after 3 failed pods: Job migrate has failed <- ContainerExited of Job/migrate
    warning JobFailed of CronJob/nightly 1/?: Back-off limit of 6 reached after 3 failed pods: Job nightly-1 has failed
    ");
}

fn cron_job(name: &str, spec: &str, status: &str) -> String {
    format!(
        "---\napiVersion: batch/v1\nkind: CronJob\nmetadata: {{ name: {name} }}\nspec: {{ {spec}, jobTemplate: {{ spec: {{ template: {{ spec: {{ restartPolicy: Never, {APP} }} }} }} }} }}\nstatus: {{ {status} }}\n"
    )
}

#[tokio::test]
async fn a_cron_job_that_is_suspended_or_late_says_so() {
    let mut scene = Scene::new("cron").await;
    scene
        .write(&cron_job(
            "suspended",
            "schedule: '*/5 * * * *', suspend: true",
            "lastScheduleTime: '@-2d'",
        ))
        .await;
    scene
        .write(&cron_job(
            "missed",
            "schedule: '*/5 * * * *', startingDeadlineSeconds: 10",
            "lastScheduleTime: '@-40m'",
        ))
        .await;
    scene.write(&cron_job("overlaps", "schedule: '* * * * *', concurrencyPolicy: Forbid", "lastScheduleTime: '@-40m', active: [{ kind: Job, apiVersion: batch/v1, name: overlaps-1, namespace: NS }]")).await;
    // Well: it ran when it was due; it is due once a year; an earlier start was missed and the next one was not.
    scene
        .write(&cron_job(
            "on-time",
            "schedule: '*/5 * * * *'",
            "lastScheduleTime: '@-1m', lastSuccessfulTime: '@-50s'",
        ))
        .await;
    scene
        .write(&cron_job("yearly", "schedule: '@yearly'", ""))
        .await;
    scene
        .write(&cron_job(
            "caught-up",
            "schedule: '*/5 * * * *'",
            "lastScheduleTime: '@-2m'",
        ))
        .await;
    scene.tell("
        cronjob-controller CronJob/missed MissSchedule x3 2m Missed scheduled time to start a job: Wed, 25 Nov 2026 09:00:00 +0000
        cronjob-controller CronJob/overlaps JobAlreadyActive x30 30s Not starting job because prior execution is running and concurrency policy is Forbid
        cronjob-controller CronJob/caught-up MissSchedule x1 30m Missed scheduled time to start a job: Wed, 25 Nov 2026 09:00:00 +0000
    ").await;
    insta::assert_snapshot!(scene.report().await, @r"
    warning CronJobMissed of CronJob/missed 1/?: The start came later than startingDeadlineSeconds allows: CronJob missed has missed its schedule
    warning CronJobMissed of CronJob/overlaps 1/?: Its earlier Job overlaps-1 still runs and concurrencyPolicy is Forbid: CronJob overlaps has missed its schedule
    info CronJobSuspended of CronJob/suspended 1/?: Suspended: CronJob suspended starts no Jobs until it is resumed
    ");
}

fn autoscaler(name: &str, status: &str) -> String {
    format!(
        "---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {{ name: {name} }}\nspec: {{ scaleTargetRef: {{ apiVersion: apps/v1, kind: Deployment, name: {name} }}, minReplicas: 2, maxReplicas: 5, metrics: [{{ type: Resource, resource: {{ name: cpu, target: {{ type: Utilization, averageUtilization: 70 }} }} }}] }}\nstatus: {{ {status} }}\n"
    )
}

fn says(type_: &str, status: &str, reason: &str, message: &str) -> String {
    format!(
        "{{ type: {type_}, status: '{status}', reason: {reason}, message: '{message}', lastTransitionTime: '@-10m' }}"
    )
}

#[tokio::test]
#[allow(
    clippy::too_many_lines,
    reason = "a table of scenes, and what is said of them"
)]
async fn an_autoscaler_that_cannot_scale_is_told_from_one_at_its_maximum() {
    let mut scene = Scene::new("hpa").await;
    let able = says(
        "AbleToScale",
        "True",
        "SucceededGetScale",
        "the HPA controller was able to get the target''s current scale",
    );
    let active = says(
        "ScalingActive",
        "True",
        "ValidMetricFound",
        "the HPA was able to successfully calculate a replica count from cpu resource utilization",
    );
    for (name, counts, conditions) in [
        (
            "no-metrics",
            "currentReplicas: 2, desiredReplicas: 0",
            format!(
                "{able}, {}",
                says(
                    "ScalingActive",
                    "False",
                    "FailedGetResourceMetric",
                    "the HPA was unable to compute the replica count: failed to get cpu utilization: unable to get metrics for resource cpu: unable to fetch metrics from resource metrics API: the server could not find the requested resource (get pods.metrics.k8s.io)"
                )
            ),
        ),
        (
            "no-requests",
            "currentReplicas: 2, desiredReplicas: 0",
            format!(
                "{able}, {}",
                says(
                    "ScalingActive",
                    "False",
                    "FailedGetResourceMetric",
                    "the HPA was unable to compute the replica count: failed to get cpu utilization: missing request for cpu in container app of Pod no-requests-1"
                )
            ),
        ),
        (
            "no-target",
            "currentReplicas: 0, desiredReplicas: 0",
            says(
                "AbleToScale",
                "False",
                "FailedGetScale",
                "the HPA controller was unable to get the target''s current scale: deployments.apps \"no-target\" not found",
            ),
        ),
        (
            "at-maximum",
            "currentReplicas: 5, desiredReplicas: 5",
            format!(
                "{able}, {active}, {}",
                says(
                    "ScalingLimited",
                    "True",
                    "TooManyReplicas",
                    "the desired replica count is more than the maximum replica count"
                )
            ),
        ),
        // Well: five are there and five are wanted; two are the least; it was switched off with its target.
        (
            "just-there",
            "currentReplicas: 5, desiredReplicas: 5",
            format!(
                "{able}, {active}, {}",
                says(
                    "ScalingLimited",
                    "False",
                    "DesiredWithinRange",
                    "the desired count is within the acceptable range"
                )
            ),
        ),
        (
            "at-minimum",
            "currentReplicas: 2, desiredReplicas: 2",
            format!(
                "{able}, {active}, {}",
                says(
                    "ScalingLimited",
                    "True",
                    "TooFewReplicas",
                    "the desired replica count is less than the minimum replica count"
                )
            ),
        ),
        (
            "switched-off",
            "currentReplicas: 0, desiredReplicas: 0",
            format!(
                "{able}, {}",
                says(
                    "ScalingActive",
                    "False",
                    "ScalingDisabled",
                    "scaling is disabled since the replica count of the target is zero"
                )
            ),
        ),
    ] {
        scene
            .write(&autoscaler(
                name,
                &format!("{counts}, conditions: [{conditions}]"),
            ))
            .await;
    }
    insta::assert_snapshot!(scene.report().await, @r#"
    warning HpaAtMaximum of HorizontalPodAutoscaler/at-maximum 5/5: Wants more than its maximum of 5 replicas: HPA at-maximum of Deployment at-maximum cannot go higher
    warning HpaUnable of HorizontalPodAutoscaler/no-metrics 1/?: It cannot read its metrics (the HPA was unable to compute the replica count: failed to get cpu utilization: unable to get metrics for resource cpu: unable to fetch met…): HPA no-metrics does not scale Deployment no-metrics
    warning HpaUnable of HorizontalPodAutoscaler/no-requests 1/?: A container of Deployment no-requests has no request to measure against (the HPA was unable to compute the replica count: failed to get cpu utilization: missing request for cpu in container app of Pod no-requests…): HPA no-requests does not scale Deployment no-requests
    warning HpaUnable of HorizontalPodAutoscaler/no-target 1/?: Its target Deployment no-target cannot be read (the HPA controller was unable to get the target's current scale: deployments.apps "no-target" not found): HPA no-target does not scale Deployment no-target
    "#);
}

fn budget(name: &str, spec: &str, counts: [i32; 4]) -> String {
    let [allowed, healthy, needed, expected] = counts;
    let (status, reason) = if allowed > 0 {
        ("True", "SufficientPods")
    } else {
        ("False", "InsufficientPods")
    };
    format!(
        "---\napiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {{ name: {name} }}\nspec: {{ {spec}, selector: {{ matchLabels: {{ app: {name} }} }} }}\nstatus: {{ observedGeneration: 1, disruptionsAllowed: {allowed}, currentHealthy: {healthy}, desiredHealthy: {needed}, expectedPods: {expected}, conditions: [{{ type: DisruptionAllowed, status: '{status}', reason: {reason}, message: '', observedGeneration: 1, lastTransitionTime: '@-10m' }}] }}\n"
    )
}

#[tokio::test]
async fn a_budget_that_allows_no_disruption_says_whether_its_rule_or_its_pods_are_the_reason() {
    let mut scene = Scene::new("pdb").await;
    scene
        .write(&budget("too-strict", "minAvailable: 1", [0, 1, 1, 1]))
        .await;
    scene
        .write(&budget("web", "minAvailable: 2", [0, 1, 2, 3]))
        .await;
    scene.write(&deployment("web", 3, 1, APP, "")).await;
    scene
        .write(&replica("web", "aaaaa", APP, &crashing()))
        .await;
    scene
        .write(&replica("web", "bbbbb", APP, &crashing()))
        .await;
    scene.write(&replica("web", "ccccc", APP, &serving())).await;
    // Well: one may go; it selects nothing.
    scene
        .write(&budget("roomy", "maxUnavailable: 1", [1, 3, 2, 3]))
        .await;
    scene
        .write(&budget("empty", "minAvailable: 1", [0, 0, 1, 0]))
        .await;
    insta::assert_snapshot!(scene.report().await, @r"
    warning CrashLoopBackOff of Deployment/web 2/3 [app]: Exit code 1, the application's own error: container app of web-7c9d8f6b5-aaaaa is in back-off after 12 restarts (1 pod more alike)
    warning PdbBlocksDisruption of PodDisruptionBudget/too-strict 0/1: Its only pod is healthy, and minAvailable 1 leaves none to spare: disruption budget too-strict allows no eviction, so a drain waits
    warning PdbBlocksDisruption of PodDisruptionBudget/web 2/3: 1 of 3 pods healthy and 2 needed: disruption budget web allows no eviction, so a drain waits <- CrashLoopBackOff of Deployment/web
    ");
}

#[tokio::test]
async fn what_changed_last_is_told_with_the_finding() {
    let mut scene = Scene::new("changed").await;
    scene.write(&deployment("web", 1, 0, APP, "")).await;
    scene
        .write(&replica("web", "aaaaa", APP, &crashing()))
        .await;
    let older = deployment("web", 0, 0, &APP.replace("app:1", "app:0"), "");
    let (_, older) = older
        .split_once("---\napiVersion: apps/v1\nkind: ReplicaSet")
        .unwrap();
    scene
        .write(&format!(
            "apiVersion: apps/v1\nkind: ReplicaSet{}",
            older
                .replace("7c9d8f6b5", "5b8c6d4f7")
                .replace("revision: '1'", "revision: '0'")
        ))
        .await;
    scene.write(&pod("alone", APP, &serving())).await;
    let findings = scene.findings().await;
    let changed = findings[0].changed.as_ref().unwrap();
    assert_eq!(
        changed.what,
        "image of app: registry.example/app:0 → registry.example/app:1"
    );
    assert_eq!(changed.object.name, "web-7c9d8f6b5");
}
