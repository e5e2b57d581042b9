//! Rows of kubectl's tables in a pasted text: which object a row is about, and whether it looks sick.

use super::kind::Kind;
use super::lookup::Target;

/// Most of a text that is looked through, in lines: more is a log, not a question.
const MAX_LINES: usize = 200;

/// The object of the first row that looks sick, else of the first row.
pub(super) fn object(text: &str) -> Option<Target> {
    let rows: Vec<(Target, bool)> = text.lines().take(MAX_LINES).filter_map(row).collect();
    let sick = rows.iter().find(|(_, is_sick)| *is_sick);
    sick.or(rows.first()).map(|(target, _)| target.clone())
}

/// What the columns after a name tell.
struct Told {
    kind: Kind,
    is_sick: bool,
}

/// `[NAMESPACE] NAME …` of any of the tables that are known.
fn row(line: &str) -> Option<(Target, bool)> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let (name, told, namespace) = match words.as_slice() {
        [name, columns @ ..] if told(columns).is_some() => (*name, told(columns)?, None),
        [namespace, name, columns @ ..] => (*name, told(columns)?, Some(*namespace)),
        _ => return None,
    };
    // `pods Pending since 5m` is a sentence.
    if name.parse::<Kind>().is_ok() {
        return None;
    }
    // `deployment.apps/web` where several kinds were asked for at once.
    let (kind, name) = match name.split_once('/') {
        Some((kind, name)) => (kind.parse().ok()?, name),
        None => (told.kind, name),
    };
    let target = Target {
        kind: Some(kind),
        namespace: match namespace {
            Some(namespace) => Some(namespace.parse().ok()?),
            None => None,
        },
        name: name.parse().ok()?,
    };
    Some((target, told.is_sick))
}

#[allow(
    clippy::too_many_lines,
    reason = "a table, one arm for each kind of row"
)]
fn told(columns: &[&str]) -> Option<Told> {
    let told = |kind, is_sick| Some(Told { kind, is_sick });
    let last_is_age = columns.last().is_some_and(|word| is_age(word));
    match columns {
        // READY STATUS RESTARTS …
        [ready, status, restarts, ..]
            if share(ready).is_some() && is_number(restarts) && !is_number(status) =>
        {
            let is_well = match *status {
                "Running" => share(ready)?,
                "Completed" => true,
                _ => false,
            };
            told(Kind::Pod, !is_well)
        }
        // READY UP-TO-DATE AVAILABLE AGE
        [ready, up_to_date, available, age, ..]
            if share(ready).is_some()
                && is_number(up_to_date)
                && is_number(available)
                && is_age(age) =>
        {
            told(Kind::Deployment, !share(ready)?)
        }
        // READY AGE
        [ready, age] if share(ready).is_some() && is_age(age) => {
            told(Kind::StatefulSet, !share(ready)?)
        }
        // DESIRED CURRENT READY UP-TO-DATE AVAILABLE NODE-SELECTOR AGE
        [desired, current, ready, up_to_date, available, _, ..]
            if last_is_age
                && [desired, current, ready, up_to_date, available]
                    .iter()
                    .all(|word| is_number(word)) =>
        {
            told(Kind::DaemonSet, desired != ready)
        }
        // DESIRED CURRENT READY AGE
        [desired, current, ready, age]
            if is_age(age) && [desired, current, ready].iter().all(|word| is_number(word)) =>
        {
            told(Kind::ReplicaSet, desired != ready)
        }
        // STATUS COMPLETIONS DURATION AGE
        [status, completions, ..]
            if last_is_age && JOB_STATUS.contains(status) && share(completions).is_some() =>
        {
            told(Kind::Job, *status == "Failed")
        }
        // TYPE CLUSTER-IP EXTERNAL-IP PORT(S) AGE
        [type_, _, external, _, age] if SERVICE_TYPE.contains(type_) && is_age(age) => {
            told(Kind::Service, *external == "<pending>")
        }
        // REFERENCE TARGETS … AGE
        [reference, ..]
            if last_is_age
                && columns.len() > 4
                && reference
                    .split_once('/')
                    .is_some_and(|(kind, _)| kind.parse::<Kind>().is_ok()) =>
        {
            let is_unknown = columns.iter().any(|word| word.contains("<unknown>"));
            told(Kind::HorizontalPodAutoscaler, is_unknown)
        }
        // MIN AVAILABLE, MAX UNAVAILABLE, ALLOWED DISRUPTIONS, AGE
        [least, most, allowed, age]
            if is_age(age) && is_number(allowed) && [least, most].contains(&&"N/A") =>
        {
            told(Kind::PodDisruptionBudget, *allowed == "0")
        }
        // CAPACITY, ACCESS MODES, RECLAIM POLICY, STATUS …
        [_, _, policy, status, ..]
            if matches!(*policy, "Retain" | "Delete" | "Recycle") && last_is_age =>
        {
            told(
                Kind::PersistentVolume,
                !matches!(*status, "Bound" | "Available"),
            )
        }
        // STATUS ROLES AGE VERSION …
        [status, _, _, version, ..]
            if (status.starts_with("Ready") || status.starts_with("NotReady"))
                && version.starts_with("v1.") =>
        {
            told(Kind::Node, *status != "Ready")
        }
        // STATUS AGE
        ["Active" | "Terminating", age] if is_age(age) => {
            told(Kind::Namespace, columns[0] != "Active")
        }
        // STATUS [VOLUME CAPACITY ACCESS MODES] [STORAGECLASS] … AGE
        ["Pending" | "Bound" | "Lost" | "Terminating", ..] if last_is_age && columns.len() > 2 => {
            told(Kind::PersistentVolumeClaim, columns[0] != "Bound")
        }
        _ => None,
    }
}

const JOB_STATUS: &[&str] = &["Running", "Complete", "Failed", "Suspended"];
const SERVICE_TYPE: &[&str] = &["ClusterIP", "NodePort", "LoadBalancer", "ExternalName"];

fn is_number(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether all are ready, of a cell such as `1/2`.
fn share(word: &str) -> Option<bool> {
    let (ready, all) = word.split_once('/')?;
    (is_number(ready) && is_number(all)).then(|| ready == all)
}

/// `5m`, `3d4h`.
fn is_age(word: &str) -> bool {
    word.starts_with(|letter: char| letter.is_ascii_digit())
        && word.ends_with(['s', 'm', 'h', 'd', 'y'])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> String {
        let Some(Target {
            kind,
            namespace,
            name,
        }) = object(text)
        else {
            return "-".to_owned();
        };
        let namespace = namespace.map_or_else(|| "?".to_owned(), |it| it.to_string());
        format!("{} {namespace}/{name}", kind.map_or("?", Kind::name))
    }

    #[test]
    fn a_row_of_any_table_names_its_object() {
        for (row, meant) in [
            ("db-0   0/1   Pending   0   5m", "Pod ?/db-0"),
            ("shop  db-0   0/1   Pending   0   5m", "Pod shop/db-0"),
            ("web  1/3  3  1  12d", "Deployment ?/web"),
            ("shop   db   1/3   12d", "StatefulSet shop/db"),
            ("statefulset.apps/db   1/3   12d", "StatefulSet ?/db"),
            (
                "agent   5   5   4   5   4   <none>   12d",
                "DaemonSet ?/agent",
            ),
            (
                "shop   agent   5   5   4   5   4   kubernetes.io/os=linux   12d",
                "DaemonSet shop/agent",
            ),
            (
                "web-5d9c7f6b8   3   3   1   12d",
                "ReplicaSet ?/web-5d9c7f6b8",
            ),
            ("backup-28   Failed   0/1   5m   5m", "Job ?/backup-28"),
            (
                "shop   web   LoadBalancer   10.96.3.4   <pending>   80:31080/TCP   9m",
                "Service shop/web",
            ),
            (
                "web   Deployment/web   cpu: <unknown>/50%   1   3   1   9m",
                "HorizontalPodAutoscaler ?/web",
            ),
            ("web   1   N/A   0   9m", "PodDisruptionBudget ?/web"),
            (
                "pv-1   1Gi   RWO   Retain   Released   shop/data   gp3   <unset>   9m",
                "PersistentVolume ?/pv-1",
            ),
            (
                "worker-1   NotReady   <none>   5d   v1.36.3",
                "Node ?/worker-1",
            ),
            ("old   Terminating   9m", "Namespace ?/old"),
            (
                "data-db-0   Pending   gp3   <unset>   9m",
                "PersistentVolumeClaim ?/data-db-0",
            ),
            (
                "shop   data-db-0   Bound   pvc-1   1Gi   RWO   gp3   <unset>   9m",
                "PersistentVolumeClaim shop/data-db-0",
            ),
        ] {
            assert_eq!(read(row), meant, "{row}");
        }
    }

    #[test]
    fn of_many_rows_the_first_sick_one_counts() {
        let table = "NAME   STATUS   VOLUME   CAPACITY   ACCESS MODES   STORAGECLASS   AGE
data-a   Bound   pvc-1   1Gi   RWO   gp3   9m
data-b   Pending   gp3   <unset>   9m";
        assert_eq!(read(table), "PersistentVolumeClaim ?/data-b");
    }

    #[test]
    fn a_sentence_is_no_row() {
        for text in [
            "why is my pod pending for 5m",
            "pods Pending since 5m",
            "0/5 nodes are available: 5 Insufficient cpu.",
            "NAME READY STATUS RESTARTS AGE",
            "Failed 0/1",
            "",
        ] {
            assert_eq!(read(text), "-", "{text}");
        }
    }
}
