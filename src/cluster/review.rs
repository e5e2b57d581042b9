//! Asks the API server what the bot itself may do: self-subject reviews, which are posted and store nothing.
//!
//! One of the two named exceptions to "reads only". Every signed-in user may post them.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, ResourceRule, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
    SelfSubjectRulesReview, SelfSubjectRulesReviewSpec,
};
use kube::Client;
use kube::api::{Api, PostParams};
use tokio::time::timeout;

use super::access::{ACCESSES, Access, EXCEPTIONS, LEASE, Reach, Verb};
use super::evidence::Namespaces;
use super::fetch::{ReadError, failure};
use super::lease::Lease;
use super::lookup::{Cluster, Scope};

/// What one review of a namespace may take.
const REVIEW_TIMEOUT: Duration = Duration::from_secs(5);

/// Something that may be done with a resource.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Right {
    /// The verb, `*` for all.
    pub verb: String,
    /// The API group, `*` for all; empty for the core group.
    pub group: String,
    /// The resource with its subresource, `*` for all.
    pub resource: String,
    /// In which namespace; none for the cluster as a whole.
    pub namespace: Option<String>,
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let group = if self.group.is_empty() {
            String::new()
        } else {
            format!(".{}", self.group)
        };
        write!(f, "{} {}{group}", self.verb, self.resource)?;
        match &self.namespace {
            Some(namespace) => write!(f, " in {namespace}"),
            None => write!(f, " in the whole cluster"),
        }
    }
}

/// What the bot may do, held against what it needs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rights {
    /// What it needs and may not do.
    pub missing: Vec<Right>,
    /// What it may do and does not need.
    pub excess: Vec<Right>,
    /// What works without, and is not granted (pod logs).
    pub optional_missing: Vec<Right>,
    /// Namespaces for which the server could not list all rules (a webhook decides, for instance).
    pub incomplete: Vec<String>,
}

impl Cluster {
    /// Reviews the bot's own rights in a scope. With all namespaces, the rules of the context's namespace stand for the others.
    /// A Lease that it shares with other replicas is no right too many.
    ///
    /// # Errors
    ///
    /// When a review cannot be posted.
    pub async fn rights(&self, scope: &Scope, lease: Option<&str>) -> Result<Rights, ReadError> {
        let (namespaces, everywhere) = match &scope.namespaces {
            Namespaces::All => (vec![self.namespace().to_string()], true),
            Namespaces::Named(names) => (names.iter().map(ToString::to_string).collect(), false),
        };
        let mut rights = Rights::default();
        for namespace in &namespaces {
            let (rules, is_incomplete) = self.rules(namespace).await?;
            if is_incomplete {
                rights.incomplete.push(namespace.clone());
            }
            rights.excess.extend(excess(&rules, namespace, lease));
            if !everywhere {
                compare(&rules, namespace, &mut rights);
            }
        }
        for access in ACCESSES {
            let is_asked = match access.reach {
                Reach::Cluster => scope.cluster || everywhere,
                Reach::Namespaced => everywhere,
            };
            for verb in access.verbs.iter().filter(|_| is_asked) {
                if !self.allows(access, *verb).await? {
                    let missing = if access.is_optional {
                        &mut rights.optional_missing
                    } else {
                        &mut rights.missing
                    };
                    missing.push(right(access, *verb, None));
                }
            }
        }
        rights.excess.sort();
        rights.excess.dedup();
        Ok(rights)
    }

    /// All rules that hold in a namespace, and whether the server left some out.
    async fn rules(&self, namespace: &str) -> Result<(Vec<ResourceRule>, bool), ReadError> {
        let review = SelfSubjectRulesReview {
            spec: SelfSubjectRulesReviewSpec {
                namespace: Some(namespace.to_owned()),
            },
            ..SelfSubjectRulesReview::default()
        };
        let api: Api<SelfSubjectRulesReview> = Api::all(self.reader().client().clone());
        let answer = timeout(REVIEW_TIMEOUT, api.create(&PostParams::default(), &review)).await;
        let answer = answer
            .map_err(|_| ReadError::TimedOut)?
            .map_err(|error| failure(&error))?;
        let status = answer.status.unwrap_or_default();
        Ok((status.resource_rules, status.incomplete))
    }

    /// Whether this access is allowed in the whole cluster.
    async fn allows(&self, access: &Access, verb: Verb) -> Result<bool, ReadError> {
        let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let review = SelfSubjectAccessReview {
            spec: SelfSubjectAccessReviewSpec {
                resource_attributes: Some(ResourceAttributes {
                    group: Some(access.group.to_owned()),
                    resource: text(access.plural),
                    subresource: text(access.subresource),
                    verb: Some(verb.name().to_owned()),
                    version: text(access.version),
                    ..ResourceAttributes::default()
                }),
                ..SelfSubjectAccessReviewSpec::default()
            },
            ..SelfSubjectAccessReview::default()
        };
        posted(self.reader().client().clone(), &review).await
    }
}

impl Lease {
    /// Whether the bot may update it.
    ///
    /// # Errors
    ///
    /// When the review cannot be posted.
    pub async fn may_be_updated(&self) -> Result<bool, ReadError> {
        let review = SelfSubjectAccessReview {
            spec: SelfSubjectAccessReviewSpec {
                resource_attributes: Some(ResourceAttributes {
                    group: Some(LEASE.group.to_owned()),
                    resource: Some(LEASE.plural.to_owned()),
                    verb: Some("update".to_owned()),
                    namespace: Some(self.namespace().to_owned()),
                    name: Some(self.name().to_owned()),
                    ..ResourceAttributes::default()
                }),
                ..SelfSubjectAccessReviewSpec::default()
            },
            ..SelfSubjectAccessReview::default()
        };
        posted(self.client(), &review).await
    }
}

/// Posts a review of one access; whether it is allowed.
async fn posted(client: Client, review: &SelfSubjectAccessReview) -> Result<bool, ReadError> {
    let api: Api<SelfSubjectAccessReview> = Api::all(client);
    let answer = timeout(REVIEW_TIMEOUT, api.create(&PostParams::default(), review)).await;
    let answer = answer
        .map_err(|_| ReadError::TimedOut)?
        .map_err(|error| failure(&error))?;
    Ok(answer.status.is_some_and(|status| status.allowed))
}

fn right(access: &Access, verb: Verb, namespace: Option<&str>) -> Right {
    Right {
        verb: verb.name().to_owned(),
        group: access.group.to_owned(),
        resource: access.rule_resource(),
        namespace: namespace.map(str::to_owned),
    }
}

fn grants(rule: &ResourceRule, access: &Access, verb: Verb) -> bool {
    let has = |list: &[String], wanted: &str| list.iter().any(|item| item == "*" || item == wanted);
    let is_for_all_names = rule.resource_names.as_ref().is_none_or(Vec::is_empty);
    is_for_all_names
        && has(&rule.verbs, verb.name())
        && has(rule.api_groups.as_deref().unwrap_or_default(), access.group)
        && has(
            rule.resources.as_deref().unwrap_or_default(),
            &access.rule_resource(),
        )
}

/// What the table needs in a namespace and no rule grants.
fn compare(rules: &[ResourceRule], namespace: &str, rights: &mut Rights) {
    for access in ACCESSES
        .iter()
        .filter(|access| access.reach == Reach::Namespaced)
    {
        for verb in access.verbs {
            if !rules.iter().any(|rule| grants(rule, access, *verb)) {
                let missing = if access.is_optional {
                    &mut rights.optional_missing
                } else {
                    &mut rights.missing
                };
                missing.push(right(access, *verb, Some(namespace)));
            }
        }
    }
}

/// What everybody who is signed in may do: Kubernetes' own `system:basic-user`, of which the bot uses a part.
fn is_everybodys(group: &str, resource: &str) -> bool {
    let is_used = EXCEPTIONS.iter().any(|exception| {
        exception.is_everybodys && exception.group == group && exception.plural == resource
    });
    is_used || (group, resource) == ("authentication.k8s.io", "selfsubjectreviews")
}

/// Whether a rule grants what is done with the one Lease, and for that one alone.
fn is_the_lease(rule: &ResourceRule, lease: Option<&str>) -> bool {
    let is = |list: Option<&Vec<String>>, only: &str| {
        list.is_some_and(|list| list.iter().all(|item| item == only) && !list.is_empty())
    };
    let verbs = || rule.verbs.iter().map(String::as_str);
    lease.is_some_and(|name| is(rule.resource_names.as_ref(), name))
        && is(rule.api_groups.as_ref(), LEASE.group)
        && is(rule.resources.as_ref(), LEASE.plural)
        && verbs().all(|verb| LEASE.verbs.contains(&verb))
}

/// What rules grant beyond the table. To watch what one may list tells nothing more, yet the bot does not need it either.
fn excess(rules: &[ResourceRule], namespace: &str, lease: Option<&str>) -> Vec<Right> {
    let mut found = BTreeSet::new();
    for rule in rules.iter().filter(|rule| !is_the_lease(rule, lease)) {
        for group in rule.api_groups.as_deref().unwrap_or_default() {
            for resource in rule.resources.as_deref().unwrap_or_default() {
                for verb in &rule.verbs {
                    let is_needed = ACCESSES.iter().any(|access| {
                        access.group == group
                            && access.rule_resource() == *resource
                            && access.verbs.iter().any(|own| own.name() == verb)
                    });
                    if !is_needed && !is_everybodys(group, resource) {
                        found.insert(Right {
                            verb: verb.clone(),
                            group: group.clone(),
                            resource: resource.clone(),
                            namespace: Some(namespace.to_owned()),
                        });
                    }
                }
            }
        }
    }
    found.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(groups: &[&str], resources: &[&str], verbs: &[&str]) -> ResourceRule {
        let owned = |items: &[&str]| {
            items
                .iter()
                .map(|item| (*item).to_owned())
                .collect::<Vec<_>>()
        };
        ResourceRule {
            api_groups: Some(owned(groups)),
            resources: Some(owned(resources)),
            verbs: owned(verbs),
            resource_names: None,
        }
    }

    fn exact() -> Vec<ResourceRule> {
        ACCESSES
            .iter()
            .map(|access| {
                let verbs: Vec<&str> = access.verbs.iter().map(|verb| verb.name()).collect();
                rule(&[access.group], &[&access.rule_resource()], &verbs)
            })
            .collect()
    }

    #[test]
    fn the_tables_own_rules_are_neither_too_few_nor_too_many() {
        let mut rights = Rights::default();
        compare(&exact(), "shop", &mut rights);
        assert_eq!(
            (rights.missing.len(), rights.optional_missing.len()),
            (0, 0)
        );
        assert!(excess(&exact(), "shop", None).is_empty());
    }

    #[test]
    fn a_missing_right_is_named() {
        let mut rules = exact();
        rules.retain(|rule| rule.resources != Some(vec!["events".to_owned()]));
        let mut rights = Rights::default();
        compare(&rules, "shop", &mut rights);
        assert_eq!(
            rights
                .missing
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>(),
            ["list events in shop"]
        );
    }

    #[test]
    fn every_right_beyond_the_table_is_named() {
        let rules = [
            rule(&[""], &["secrets"], &["get"]),
            rule(&["*"], &["*"], &["*"]),
            rule(&[""], &["pods/exec"], &["create"]),
            rule(
                &["authorization.k8s.io"],
                &["selfsubjectaccessreviews"],
                &["create"],
            ),
            rule(&["apps"], &["deployments"], &["get", "patch"]),
        ];
        let found: Vec<String> = excess(&rules, "shop", None)
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(
            found,
            [
                "* *.* in shop",
                "create pods/exec in shop",
                "get secrets in shop",
                "patch deployments.apps in shop"
            ]
        );
    }

    #[test]
    fn the_one_lease_is_no_right_too_many_and_any_other_is() {
        let mut lease = rule(&[LEASE.group], &[LEASE.plural], LEASE.verbs);
        lease.resource_names = Some(vec!["k8sfaq".to_owned()]);
        let mut too_much = lease.clone();
        too_much.verbs.push("delete".to_owned());
        let found =
            |rule: &ResourceRule, lease| excess(std::slice::from_ref(rule), "shop", lease).len();
        assert_eq!(found(&lease, Some("k8sfaq")), 0);
        assert_eq!(found(&lease, Some("other")), 2);
        assert_eq!(found(&lease, None), 2);
        assert_eq!(found(&too_much, Some("k8sfaq")), 3);
        lease.resource_names = None;
        assert_eq!(found(&lease, Some("k8sfaq")), 2);
    }

    #[test]
    fn a_rule_for_single_names_does_not_grant_a_list() {
        let mut named = rule(&[""], &["pods"], &["get", "list"]);
        named.resource_names = Some(vec!["web".to_owned()]);
        let pods = ACCESSES
            .iter()
            .find(|access| access.plural == "pods" && access.subresource.is_empty())
            .unwrap();
        assert!(!grants(&named, pods, Verb::List));
    }
}
