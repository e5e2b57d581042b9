//! A namespace with objects and events, and all that a look at it finds.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::{Event, EventSeries};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, Time};
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use k8sfaq::cluster::connect::Place;
use k8sfaq::cluster::detect::Entries;
use k8sfaq::cluster::evidence::{Evidence, Namespaces};
use k8sfaq::cluster::finding::{Finding, ObjectRef, Severity};
use k8sfaq::cluster::lookup::{Cluster, Lookup, Scope, Target, What};
use k8sfaq::faq::catalog::Catalog;
use k8sfaq::faq::condition::Condition;
use kube::ResourceExt;
use kube::api::{Api, DeleteParams, DynamicObject, TypeMeta};
use kube::core::GroupVersionKind;
use kube::discovery::pinned_kind;
use regex::{Captures, Regex};

use crate::events::{Told, from_controller, from_kubelet, from_scheduler};
use crate::namespace::{Namespace, named};
use crate::server::Server;

/// The server answers in milliseconds; the machine that runs the tests may be busy with other things.
const DEADLINE: Duration = Duration::from_secs(30);

/// The longest grace of any condition is two minutes.
const PATIENCE: Duration = Duration::from_secs(180);

/// The pause between two looks at what takes its time.
const PAUSE: Duration = Duration::from_secs(1);

/// Stands for the namespace's name, in what is written and in what is reported.
const NAME: &str = "NS";

/// The entries that explain the conditions, of the shipped catalog.
static ENTRIES: LazyLock<Entries> = LazyLock::new(|| {
    let catalog = Catalog::shipped();
    Condition::ALL
        .iter()
        .filter_map(|condition| Some((*condition, catalog.explaining(*condition)?.id.clone())))
        .collect()
});

/// One namespace of a cluster with what stands in it.
pub struct Scene {
    namespace: Namespace,
    objects: BTreeMap<String, DynamicObject>,
    sees_the_cluster: bool,
    reads_logs: bool,
}

impl Scene {
    /// An empty namespace; looked at without the objects of the cluster as a whole.
    pub async fn new(purpose: &str) -> Scene {
        Scene {
            namespace: Namespace::create(&format!("scene-{purpose}")).await,
            objects: BTreeMap::new(),
            sees_the_cluster: false,
            reads_logs: false,
        }
    }

    /// Looks at nodes, volumes and classes too, of which those count whose names hold the namespace's.
    pub fn with_cluster(mut self) -> Scene {
        self.sees_the_cluster = true;
        self
    }

    /// Reads the last lines of crashed containers too.
    pub fn with_logs(mut self) -> Scene {
        self.reads_logs = true;
        self
    }

    /// The namespace's own name.
    pub fn name(&self) -> &str {
        &self.namespace.name
    }

    /// Writes objects. `NS` stands for the namespace's name, `@-5m` for the time five minutes ago.
    pub async fn write(&mut self, yaml: &str) {
        for object in self.namespace.apply(&self.filled(yaml)).await {
            let kind = object.types.clone().unwrap_or_default().kind;
            let name = object.metadata.name.clone().unwrap_or_default();
            self.objects.insert(format!("{kind}/{name}"), object);
        }
    }

    /// Records events, one a line: who, about what (and which container), reason, how often, how long ago, the sentence.
    ///
    /// `kubelet Pod/web{app} BackOff x5 30s Back-off restarting failed container app in pod web`
    pub async fn tell(&self, lines: &str) {
        for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
            self.namespace.record(self.event(line)).await;
        }
    }

    /// Records one event as `tell` does, whose occurrences lie spread over the time since it was `first` seen.
    pub async fn tell_spread(&self, line: &str, first: &str) {
        let mut event = self.event(line);
        event.first_timestamp = Some(Time(Timestamp::now() - duration(first)));
        self.namespace.record(event).await;
    }

    /// Deletes an object that was written; it stays for as long as its grace period or a finalizer holds it.
    pub async fn delete(&self, reference: &str) {
        let object = self.object(reference);
        let types = object.types.clone().unwrap();
        let kind = GroupVersionKind::try_from(&types).unwrap();
        let (resource, capabilities) = pinned_kind(&self.namespace.client, &kind).await.unwrap();
        let client = self.namespace.client.clone();
        let objects: Api<DynamicObject> = match capabilities.scope {
            kube::discovery::Scope::Cluster => Api::all_with(client, &resource),
            kube::discovery::Scope::Namespaced => {
                Api::namespaced_with(client, self.name(), &resource)
            }
        };
        objects
            .delete(&object.name_any(), &DeleteParams::default())
            .await
            .unwrap();
    }

    /// All that is said of the scene, one finding a line, after the three ways to ask were found to agree.
    ///
    /// `severity Condition of Owner affected/desired [containers] objects: summary`, and what it follows from.
    pub async fn report(&self) -> String {
        let cluster = self.cluster().await;
        let overview = self.look(&cluster, What::Overview).await;
        let everything = What::Conditions(Condition::ALL.to_vec());
        let by_conditions = self.look(&cluster, everything).await;
        assert_eq!(
            keys(&overview),
            keys(&by_conditions),
            "asked for all conditions"
        );
        for finding in &overview {
            assert_eq!(finding.entry.as_ref(), ENTRIES.get(&finding.condition));
            assert!(
                finding.entry.is_some(),
                "no entry explains {}",
                finding.condition
            );
            assert!(
                !finding.evidence.is_empty() && !finding.commands.is_empty(),
                "{finding:#?}"
            );
            let alone = self
                .look(&cluster, What::Conditions(vec![finding.condition]))
                .await;
            assert_has(&alone, finding, "asked for its condition");
            if let Some(target) = target(finding) {
                let about = self.look(&cluster, What::Object(target)).await;
                assert_has(&about, finding, "asked for its owner");
            }
        }
        self.written(&overview)
    }

    /// Waits until a condition shows, then reports as `report` does.
    pub async fn report_once(&self, condition: Condition) -> String {
        let cluster = self.cluster().await;
        let began = Instant::now();
        loop {
            let findings = self.look(&cluster, What::Overview).await;
            if findings
                .iter()
                .any(|finding| finding.condition == condition)
            {
                return self.report().await;
            }
            assert!(
                began.elapsed() < PATIENCE,
                "{condition} does not show; what shows is {}",
                self.written(&findings)
            );
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// The findings about one object, and what causes them.
    pub async fn about(&self, kind: &str, name: &str) -> String {
        let target = Target {
            kind: kind.parse().ok(),
            namespace: None,
            name: self.filled(name).parse().unwrap(),
        };
        let cluster = self.cluster().await;
        let findings = self.look(&cluster, What::Object(target)).await;
        self.written(&findings)
    }

    /// All findings, with their evidence.
    pub async fn findings(&self) -> Vec<Finding> {
        let cluster = self.cluster().await;
        self.look(&cluster, What::Overview).await
    }

    async fn cluster(&self) -> Cluster {
        let place = Place {
            kubeconfig: Some(Server::get().kubeconfig().to_owned()),
            context: None,
        };
        Cluster::connect(&place).await.unwrap()
    }

    async fn look(&self, cluster: &Cluster, what: What) -> Vec<Finding> {
        let lookup = Lookup {
            what,
            scope: Scope {
                namespaces: Namespaces::Named(vec![self.name().parse().unwrap()]),
                cluster: self.sees_the_cluster,
                logs: self
                    .reads_logs
                    .then(|| self.name().parse().unwrap())
                    .into_iter()
                    .collect(),
            },
            deadline: DEADLINE,
        };
        let evidence: Evidence = (*cluster.lookup(&lookup, &ENTRIES).await).clone();
        assert_eq!(evidence.not_checked, [], "{:?}", lookup.what);
        let is_ours = |finding: &Finding| {
            finding.namespace.as_deref() == Some(self.name())
                || finding.owner.name.contains(self.name())
        };
        evidence.findings.into_iter().filter(is_ours).collect()
    }

    /// The event that a line of `tell` describes.
    fn event(&self, line: &str) -> Event {
        let line = self.filled(line);
        let mut words = line.splitn(6, ' ');
        let mut word = || words.next().unwrap_or_else(|| panic!("too short: {line}"));
        let (who, about, reason, count, ago, message) =
            (word(), word(), word(), word(), word(), word());
        let (about, container) = match about.split_once('{') {
            Some((about, rest)) => (about, Some(rest.trim_end_matches('}'))),
            None => (about, None),
        };
        let told = Told {
            kind: kind_of(reason, about),
            reason,
            message,
            count: count.trim_start_matches('x').parse().unwrap(),
            ago: duration(ago),
        };
        let about = self.object(about);
        let mut event = match who {
            "kubelet" => from_kubelet(&about, container, told),
            "default-scheduler" => from_scheduler(&about, told),
            controller => from_controller(controller, &about, told),
        };
        if let Some(name) = container.and_then(|name| name.strip_prefix("init:")) {
            event.involved_object.field_path = Some(format!("spec.initContainers{{{name}}}"));
        }
        if who == "default-scheduler" && told.count > 1 {
            event.series = Some(EventSeries {
                count: Some(told.count),
                last_observed_time: Some(MicroTime(Timestamp::now() - told.ago)),
            });
        }
        event
    }

    /// An object that was written, or one that is gone by now and was only ever told of.
    fn object(&self, reference: &str) -> DynamicObject {
        if let Some(object) = self.objects.get(reference) {
            return object.clone();
        }
        let (kind, name) = reference.split_once('/').unwrap();
        let mut metadata = named(name);
        if !matches!(kind, "Node" | "Namespace" | "PersistentVolume") {
            metadata.namespace = Some(self.name().to_owned());
        }
        DynamicObject {
            types: Some(TypeMeta {
                api_version: "v1".to_owned(),
                kind: kind.to_owned(),
            }),
            metadata,
            data: serde_json::Value::Null,
        }
    }

    /// With the namespace's name and real times in their places.
    fn filled(&self, text: &str) -> String {
        static AGO: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"@-(\d+[smhd])").unwrap());
        let now = Timestamp::now();
        let text = AGO.replace_all(text, |found: &Captures<'_>| {
            let time = now - duration(&found[1]);
            time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
        });
        text.replace(NAME, self.name())
    }

    /// One line for each finding, with `NS` for the namespace's name and `…` for ages that grow while the test runs.
    fn written(&self, findings: &[Finding]) -> String {
        static AGE: LazyLock<Regex> =
            LazyLock::new(|| Regex::new(r"\b(for|deleted|due) \d+[smh]\b").unwrap());
        let lines: Vec<String> = findings.iter().map(line).collect();
        let text = lines.join("\n").replace(self.name(), NAME);
        AGE.replace_all(&text, "$1 …").into_owned()
    }
}

/// The owner of a finding as it is asked for; none for kinds that cannot be.
fn target(finding: &Finding) -> Option<Target> {
    Some(Target {
        kind: Some(finding.owner.kind.parse().ok()?),
        namespace: finding
            .namespace
            .as_ref()
            .map(|namespace| namespace.parse().unwrap()),
        name: finding.owner.name.parse().unwrap(),
    })
}

fn line(finding: &Finding) -> String {
    let severity = match finding.severity {
        Severity::Critical => "critical",
        Severity::Warning => "warning",
        Severity::Info => "info",
    };
    let short = |object: &ObjectRef| format!("{}/{}", object.kind, object.name);
    let desired = finding
        .desired
        .map_or_else(|| "?".to_owned(), |desired| desired.to_string());
    let containers = if finding.containers.is_empty() {
        String::new()
    } else {
        format!(" [{}]", finding.containers.join(" "))
    };
    let cause = finding
        .cause
        .as_ref()
        .map(|cause| format!(" <- {} of {}", cause.condition, short(&cause.owner)))
        .unwrap_or_default();
    format!(
        "{severity} {} of {} {}/{desired}{containers}: {}{cause}",
        finding.condition,
        short(&finding.owner),
        finding.affected,
        finding.summary
    )
}

type Key<'a> = (Condition, &'a ObjectRef, Severity, u32, Option<u32>);

fn key(finding: &Finding) -> Key<'_> {
    (
        finding.condition,
        &finding.owner,
        finding.severity,
        finding.affected,
        finding.desired,
    )
}

fn keys(findings: &[Finding]) -> Vec<Key<'_>> {
    findings.iter().map(key).collect()
}

fn assert_has(findings: &[Finding], wanted: &Finding, asked: &str) {
    assert!(
        findings.iter().any(|finding| key(finding) == key(wanted)),
        "{asked}: {:?} is not among {:#?}",
        key(wanted),
        keys(findings)
    );
}

/// Which type the component gives events of this reason.
fn kind_of(reason: &str, about: &str) -> &'static str {
    match reason {
        "Killing"
        | "Pulling"
        | "Pulled"
        | "WaitForFirstConsumer"
        | "WaitForPodScheduled"
        | "ExternalProvisioning"
        | "FailedBinding"
        | "NotTriggerScaleUp"
        | "TriggeredScaleUp"
        | "JobAlreadyActive"
        | "EnsuringLoadBalancer"
        | "Scheduled" => "Normal",
        "BackOff" if about.starts_with("Job") => "Normal",
        _ => "Warning",
    }
}

/// `90s`, `5m`, `2h`, `3d`
fn duration(text: &str) -> SignedDuration {
    let (number, unit) = text.split_at(text.len() - 1);
    let number: i64 = number
        .parse()
        .unwrap_or_else(|_| panic!("no duration: {text}"));
    match unit {
        "s" => SignedDuration::from_secs(number),
        "m" => SignedDuration::from_mins(number),
        "h" => SignedDuration::from_hours(number),
        "d" => SignedDuration::from_hours(24 * number),
        _ => panic!("no duration: {text}"),
    }
}
