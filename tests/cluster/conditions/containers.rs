//! Containers that crash, were killed, cannot run, or lack what they need.

use super::scene::Scene;
use super::written::{
    APP, backs_off, container, deployment, ended, pod, ready, replica, running, unready, waits,
};

const LIMITED: &str = "containers: [{ name: app, image: 'registry.example/app:1', resources: { limits: { memory: 64Mi } } }]";

#[tokio::test]
async fn a_crash_loop_says_how_the_container_ended_and_belongs_to_the_deployment() {
    let mut scene = Scene::new("crash-loop").await;
    let crashed = |code| {
        unready(
            "Running",
            &format!(
                "containerStatuses: [{}]",
                container("app", 12, &backs_off("app"), &ended("2m", "Error", code))
            ),
        )
    };
    scene.write(&deployment("all-down", 2, 0, APP, "")).await;
    scene
        .write(&replica("all-down", "aaaaa", APP, &crashed(1)))
        .await;
    scene
        .write(&replica("all-down", "bbbbb", APP, &crashed(1)))
        .await;
    scene.write(&deployment("half-down", 2, 1, APP, "")).await;
    scene
        .write(&replica("half-down", "aaaaa", APP, &crashed(127)))
        .await;
    scene
        .write(&replica(
            "half-down",
            "bbbbb",
            APP,
            &ready(&container("app", 0, &running("29m"), "")),
        ))
        .await;
    scene.write(&pod("alone", APP, &crashed(139))).await;
    // Well: one restart at the start and a long run since, and a pod that has never ended.
    scene
        .write(&pod(
            "restarted-once",
            APP,
            &ready(&container(
                "app",
                1,
                &running("28m"),
                &ended("28m", "Error", 1),
            )),
        ))
        .await;
    scene
        .write(&pod(
            "never-ended",
            APP,
            &ready(&container("app", 0, &running("29m"), "")),
        ))
        .await;
    scene.tell("
        kubelet Pod/all-down-7c9d8f6b5-aaaaa{app} BackOff x55 20s Back-off restarting failed container app in pod all-down-7c9d8f6b5-aaaaa_NS(8a5c)
        kubelet Pod/alone{app} BackOff x55 20s Back-off restarting failed container app in pod alone_NS(8a5c)
    ").await;
    insta::assert_snapshot!(scene.report().await, @r"
    critical CrashLoopBackOff of Deployment/all-down 2/2 [app]: Exit code 1, the application's own error: container app of all-down-7c9d8f6b5-aaaaa is in back-off after 12 restarts (1 pod more alike)
    critical CrashLoopBackOff of Pod/alone 1/1 [app]: Exit code 139, ended by SIGSEGV, a segmentation fault: container app of alone is in back-off after 12 restarts
    warning CrashLoopBackOff of Deployment/half-down 1/2 [app]: Exit code 127, command not found: container app of half-down-7c9d8f6b5-aaaaa is in back-off after 12 restarts
    ");
}

#[tokio::test]
async fn out_of_memory_is_said_where_the_kubelet_says_it_and_nowhere_else() {
    let mut scene = Scene::new("oom").await;
    scene
        .write(&deployment("running-again", 1, 1, LIMITED, ""))
        .await;
    scene
        .write(&replica(
            "running-again",
            "aaaaa",
            LIMITED,
            &ready(&container(
                "app",
                3,
                &running("5m"),
                &ended("5m", "OOMKilled", 137),
            )),
        ))
        .await;
    scene.write(&deployment("looping", 1, 0, LIMITED, "")).await;
    scene
        .write(&replica(
            "looping",
            "aaaaa",
            LIMITED,
            &unready(
                "Running",
                &format!(
                    "containerStatuses: [{}]",
                    container("app", 9, &backs_off("app"), &ended("1m", "OOMKilled", 137))
                ),
            ),
        ))
        .await;
    // SIGKILL of nobody knows whom: no word of memory.
    scene
        .write(&pod(
            "killed",
            APP,
            &unready(
                "Running",
                &format!(
                    "containerStatuses: [{}]",
                    container("app", 9, &backs_off("app"), &ended("1m", "Error", 137))
                ),
            ),
        ))
        .await;
    // Well: an out-of-memory kill of days ago.
    scene
        .write(&pod(
            "long-ago",
            LIMITED,
            &ready(&container(
                "app",
                1,
                &running("3d"),
                &ended("3d", "OOMKilled", 137),
            )),
        ))
        .await;
    insta::assert_snapshot!(scene.report().await, @r"
    critical OomKilled of Deployment/looping 1/1 [app]: Out of memory: container app of looping-7c9d8f6b5-aaaaa was killed by the kernel (its memory limit is 64Mi) and is down
    critical CrashLoopBackOff of Pod/killed 1/1 [app]: Exit code 137, killed with SIGKILL, and not reported as out of memory: container app of killed is in back-off after 9 restarts
    critical CrashLoopBackOff of Deployment/looping 1/1 [app]: Exit code 137, out of memory: container app of looping-7c9d8f6b5-aaaaa is in back-off after 9 restarts <- OomKilled of Deployment/looping
    warning OomKilled of Deployment/running-again 1/1 [app]: Out of memory: container app of running-again-7c9d8f6b5-aaaaa was killed by the kernel (its memory limit is 64Mi) and runs again
    ");
}

#[tokio::test]
async fn a_container_that_ended_and_does_not_back_off_is_said_with_its_code() {
    let mut scene = Scene::new("exited").await;
    let never = format!("restartPolicy: Never, {APP}");
    scene
        .write(&pod(
            "failed",
            &never,
            &format!(
                "phase: Failed, startTime: '@-30m', containerStatuses: [{}]",
                container("app", 0, &ended("5m", "Error", 2), "")
            ),
        ))
        .await;
    scene
        .write(&pod(
            "segfaults",
            APP,
            &ready(&container(
                "app",
                2,
                &running("3m"),
                &ended("3m", "Error", 139),
            )),
        ))
        .await;
    // Well: what has done its work, and what Kubernetes has stopped itself.
    scene
        .write(&pod(
            "done",
            &never,
            &format!(
                "phase: Succeeded, startTime: '@-30m', containerStatuses: [{}]",
                container("app", 0, &ended("5m", "Completed", 0), "")
            ),
        ))
        .await;
    insta::assert_snapshot!(scene.report().await, @r"
    critical ContainerExited of Pod/failed 1/1 [app]: Exit code 2, the application's own error, often wrong usage of a command or shell: container app of failed ended
    warning ContainerExited of Pod/segfaults 1/1 [app]: Exit code 139, ended by SIGSEGV, a segmentation fault: container app of segfaults ended 3m ago and runs again
    ");
}

#[tokio::test]
async fn what_the_runtime_refuses_is_told_apart() {
    let mut scene = Scene::new("cannot-run").await;
    let refused = |state: &str, last: &str| {
        unready(
            "Running",
            &format!("containerStatuses: [{}]", container("app", 3, state, last)),
        )
    };
    let start_error = |message: &str| {
        format!(
            "terminated: {{ reason: StartError, exitCode: 128, startedAt: '1970-01-01T00:00:00Z', finishedAt: '@-2m', message: '{message}' }}"
        )
    };
    let not_found = start_error(
        "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: error during container init: exec: \"/app/serve\": stat /app/serve: no such file or directory",
    );
    scene
        .write(&pod(
            "no-such-command",
            APP,
            &refused(&backs_off("app"), &not_found),
        ))
        .await;
    scene.write(&pod("denied", APP, &refused(&waits("RunContainerError", "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: error during container init: exec: \"/entrypoint.sh\": permission denied"), ""))).await;
    scene.write(&pod("no-command", APP, &refused(&waits("CreateContainerError", "failed to generate container \"5f2b\" spec: failed to generate spec: no command specified"), ""))).await;
    scene.write(&pod("other-platform", APP, &refused(&backs_off("app"), "terminated: { reason: Error, exitCode: 255, startedAt: '@-2m', finishedAt: '@-2m', message: 'exec /app: exec format error' }"))).await;
    // Well: it was refused once, and runs.
    scene
        .write(&pod(
            "over",
            APP,
            &ready(&container("app", 1, &running("25m"), &not_found)),
        ))
        .await;
    insta::assert_snapshot!(scene.report().await, @r"
    critical ContainerCannotRun of Pod/denied 1/1 [app]: Permission denied at the start of the command: container app of denied cannot run
    critical ContainerCannotRun of Pod/no-command 1/1 [app]: The image and the pod name no command: container app of no-command cannot run
    critical ContainerCannotRun of Pod/no-such-command 1/1 [app]: The command does not exist in the image: container app of no-such-command cannot run
    critical ExecFormatError of Pod/other-platform 1/1 [app]: Exec format error, the program is for another CPU architecture or is no executable: container app of other-platform cannot run
    critical CrashLoopBackOff of Pod/no-such-command 1/1 [app]: Exit code 128, the process could not be started: container app of no-such-command is in back-off after 3 restarts <- ContainerCannotRun of Pod/no-such-command
    critical CrashLoopBackOff of Pod/other-platform 1/1 [app]: Exit code 255, a general error of the application or its start: container app of other-platform is in back-off after 3 restarts <- ExecFormatError of Pod/other-platform
    ");
}

#[tokio::test]
async fn configuration_that_is_missing_is_named() {
    let mut scene = Scene::new("config-error").await;
    let missing = |message: &str| {
        unready(
            "Pending",
            &format!(
                "containerStatuses: [{}]",
                container("app", 0, &waits("CreateContainerConfigError", message), "")
            ),
        )
    };
    scene.write(&deployment("no-secret", 1, 0, APP, "")).await;
    scene
        .write(&replica(
            "no-secret",
            "aaaaa",
            APP,
            &missing("secret \"db-credentials\" not found"),
        ))
        .await;
    scene
        .write(&pod(
            "no-map",
            APP,
            &missing("configmap \"settings\" not found"),
        ))
        .await;
    scene
        .write(&pod(
            "no-key",
            APP,
            &missing("couldn't find key DB_HOST in ConfigMap NS/settings"),
        ))
        .await;
    scene.write(&pod("as-root", APP, &missing("container has runAsNonRoot and image will run as root (pod: \"as-root_NS(8a5c)\", container: app)"))).await;
    insta::assert_snapshot!(scene.report().await, @r#"
    critical CreateContainerConfigError of Deployment/no-secret 1/1 [app]: Missing: secret "db-credentials" not found, so container app of no-secret-7c9d8f6b5-aaaaa cannot be created
    critical CreateContainerConfigError of Pod/as-root 1/1 [app]: The image would run as root (or as a user that is no number) and the pod forbids that, so container app of as-root cannot be created
    critical CreateContainerConfigError of Pod/no-key 1/1 [app]: Key DB_HOST is missing in ConfigMap NS/settings, so container app of no-key cannot be created
    critical CreateContainerConfigError of Pod/no-map 1/1 [app]: Missing: configmap "settings" not found, so container app of no-map cannot be created
    "#);
}

const WITH_INIT: &str = "initContainers: [{ name: migrate, image: 'registry.example/migrate:1' }], containers: [{ name: app, image: 'registry.example/app:1' }]";
const WITH_SIDECAR: &str = "initContainers: [{ name: proxy, image: 'registry.example/proxy:1', restartPolicy: Always }], containers: [{ name: app, image: 'registry.example/app:1' }]";
const WITH_HELPER: &str = "containers: [{ name: app, image: 'registry.example/app:1' }, { name: helper, image: 'registry.example/helper:1' }]";

fn init(init: &str, main: &str) -> String {
    format!("initContainerStatuses: [{init}], containerStatuses: [{main}]")
}

#[tokio::test]
async fn an_init_container_that_fails_or_does_not_end_holds_the_pod_back() {
    let mut scene = Scene::new("init").await;
    let waiting = container("app", 0, "waiting: { reason: PodInitializing }", "");
    scene
        .write(&pod(
            "fails",
            WITH_INIT,
            &unready(
                "Pending",
                &init(
                    &container(
                        "migrate",
                        5,
                        &backs_off("migrate"),
                        &ended("1m", "Error", 1),
                    ),
                    &waiting,
                ),
            ),
        ))
        .await;
    scene
        .write(&pod(
            "endless",
            WITH_INIT,
            &unready(
                "Pending",
                &init(&container("migrate", 0, &running("20m"), ""), &waiting),
            ),
        ))
        .await;
    // Well: it failed twice while the database came up, and has ended well since.
    scene
        .write(&pod(
            "retried",
            WITH_INIT,
            &(ready(&container("app", 0, &running("25m"), ""))
                + &format!(
                    ", initContainerStatuses: [{}]",
                    container("migrate", 2, &ended("26m", "Completed", 0), "")
                )),
        ))
        .await;
    // Well: it has only just begun.
    scene
        .write(&pod(
            "begun",
            WITH_INIT,
            &unready(
                "Pending",
                &init(&container("migrate", 0, &running("10s"), ""), &waiting),
            ),
        ))
        .await;
    scene.tell("
        kubelet Pod/fails{init:migrate} BackOff x12 20s Back-off restarting failed container migrate in pod fails_NS(8a5c)
    ").await;
    insta::assert_snapshot!(scene.report().await, @r"
    critical InitContainerFailing of Pod/endless 1/1 [migrate]: Init container migrate has been running for … and does not end, so the main containers of endless do not start
    critical InitContainerFailing of Pod/fails 1/1 [migrate]: Exit code 1, the application's own error: init container migrate fails, so the main containers of fails do not start
    critical CrashLoopBackOff of Pod/fails 1/1 [migrate]: Exit code 1, the application's own error: container migrate of fails is in back-off after 5 restarts <- InitContainerFailing of Pod/fails
    ");
}

#[tokio::test]
async fn a_sidecar_that_is_down_is_told_from_the_main_container() {
    let mut scene = Scene::new("sidecar").await;
    let app = container("app", 0, &running("25m"), "");
    scene
        .write(&pod(
            "helper-down",
            WITH_HELPER,
            &unready(
                "Running",
                &format!(
                    "containerStatuses: [{app}, {}]",
                    container("helper", 6, &backs_off("helper"), &ended("1m", "Error", 1))
                ),
            ),
        ))
        .await;
    scene
        .write(&pod(
            "proxy-down",
            WITH_SIDECAR,
            &unready(
                "Running",
                &init(
                    &container("proxy", 6, &backs_off("proxy"), &ended("1m", "Error", 1)),
                    &app,
                ),
            ),
        ))
        .await;
    // Well: a restartable init container that runs beside the main one.
    scene
        .write(&pod(
            "proxied",
            WITH_SIDECAR,
            &(ready(&app)
                + &format!(
                    ", initContainerStatuses: [{}]",
                    container("proxy", 0, &running("26m"), "")
                )),
        ))
        .await;
    insta::assert_snapshot!(scene.report().await, @r"
    critical SidecarDown of Pod/helper-down 1/1 [helper]: CrashLoopBackOff after exit code 1, the application's own error: container helper of helper-down is down while its main container runs
    critical SidecarDown of Pod/proxy-down 1/1 [proxy]: CrashLoopBackOff after exit code 1, the application's own error: container proxy of proxy-down is down while its main container runs
    critical CrashLoopBackOff of Pod/helper-down 1/1 [helper]: Exit code 1, the application's own error: container helper of helper-down is in back-off after 6 restarts <- SidecarDown of Pod/helper-down
    critical CrashLoopBackOff of Pod/proxy-down 1/1 [proxy]: Exit code 1, the application's own error: container proxy of proxy-down is in back-off after 6 restarts <- SidecarDown of Pod/proxy-down
    ");
}
