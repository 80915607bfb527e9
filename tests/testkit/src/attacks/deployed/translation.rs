//! The requests of an attempt with the things of a deployment in the place of those of the fixture.

use std::collections::BTreeSet;

use hookline_domain::tags::own::{DEPLOYMENT, LAUNCHED_AT};
use hookline_local::iam::{AuthorizationRequest, Context};

use super::fixture::{group_of, is_of_no_network, is_own, own, partly};
use super::patterns::is_about_its_group;
use super::{Deployed, Group, Part};
use crate::attacks::target::{
    BY_TAGS, MANAGED_GROUP, OTHER_GROUP, OTHER_MANAGED_GROUP, SELF_MANAGED_GROUP,
};
use crate::attacks::{Outcome, Outcomes, queue_of};
use crate::roles::STACK;

/// The account, the Region and the partition of the fixture, and the clusters of its groups.
const ACCOUNT: &str = "123456789012";
const REGION: &str = "us-west-2";
const PARTITION: &str = "arn:aws:";
const CLUSTER: &str = "core";
const TAINTED_CLUSTER: &str = "prod";
/// What stands in the name of a thing that no deployment has.
const NOBODYS: &str = "hookline-conformance-";
/// The number in the ids of a network that no deployment has.
const NO_ID: &str = "0123456789abcdef0";

/// The groups of the fixture.
const OF_FIXTURE: [&str; 6] = [
    "upf",
    "smf",
    BY_TAGS,
    "plain",
    OTHER_GROUP,
    SELF_MANAGED_GROUP,
];
/// The keys of the selectors of the fixture: of one tag, and of several.
const OF_TAG: &str = "multus";
const OF_TAGS: [&str; 2] = ["pool", "wired"];

/// The actions on groups that `cdk synth` may leave out of the policies for people.
const OF_PEOPLE: [&str; 3] = [
    "autoscaling:SuspendProcesses",
    "autoscaling:ResumeProcesses",
    "autoscaling:CreateOrUpdateTags",
];

/// Why a call is not asked for.
type Reason = &'static str;

const NO_GROUP_BY_NAME: Reason = "no profile with a hook selects groups by their names";
const NO_GROUP_BY_TAG: Reason = "there is no group that a profile with a hook selects by its tags";
const NO_GROUP_BY_TAGS: Reason =
    "there is no group that a profile with a hook selects by several tags";
const NO_NAMED_GROUP: Reason = "there is no group that only a naming profile selects";

/// Puts the things of a deployment into the requests of one attempt.
pub(super) struct Translation<'a> {
    deployed: &'a Deployed,
    outcomes: &'a Outcomes,
    /// The ids of the fixture's subnet and security group.
    own: [String; 2],
    by: &'static str,
    is_attack: bool,
}

impl<'a> Translation<'a> {
    pub(super) fn new(
        deployed: &'a Deployed,
        outcomes: &'a Outcomes,
        outcome: &Outcome,
        is_attack: bool,
    ) -> Self {
        Self {
            deployed,
            outcomes,
            own: [own(outcomes, "subnet/"), own(outcomes, "security-group/")],
            by: outcome.attempt.by,
            is_attack,
        }
    }

    /// What the call is authorised on, or why it is not asked for.
    pub(super) fn requests(&self, outcome: &Outcome) -> Result<Vec<AuthorizationRequest>, Reason> {
        if let Some(reason) = self.reason_against(outcome) {
            return Err(reason);
        }
        let requests = outcome.requests.iter();
        let requests: Vec<_> = requests
            .map(|request| self.request(request))
            .collect::<Result<_, _>>()?;
        // Such a group may be touched, whosever it is.
        let is_matched = |request: &AuthorizationRequest| {
            group_of(request).is_some_and(|name| self.deployed.has_pattern_for(name))
        };
        if self.is_attack
            && requests.iter().any(is_matched)
            && outcome
                .requests
                .iter()
                .all(|it| is_about_its_group(self.outcomes, self.by, it))
        {
            return Err("a pattern matches the name of the group");
        }
        Ok(requests)
    }

    /// Why the attempt means nothing for the deployment.
    fn reason_against(&self, outcome: &Outcome) -> Option<Reason> {
        let deployed = self.deployed;
        let is = |of: &Option<Group>| of.as_ref().is_some_and(|group| group.brake);
        let actions: BTreeSet<&str> = outcome
            .requests
            .iter()
            .map(|it| it.action.as_str())
            .collect();
        let brakes = [
            "autoscaling:SuspendProcesses",
            "autoscaling:CreateOrUpdateTags",
        ];
        let is_brake = self.by == "reconcile" && brakes.iter().any(|it| actions.contains(it));
        if is_brake && !self.is_attack {
            let of_tags = outcome
                .requests
                .iter()
                .any(|it| group_of(it) == Some(BY_TAGS));
            let braked = if of_tags {
                &deployed.by_tags
            } else {
                &deployed.by_name
            };
            if !is(braked) {
                return Some("the profile has no brake");
            }
        }
        if is_brake && self.is_attack && is(&deployed.by_tag) {
            let of_smf = |it: &AuthorizationRequest| it.resource.ends_with("Name/smf");
            if outcome.requests.iter().any(of_smf) {
                return Some("the profile that selects groups by their tags has a brake");
            }
        }
        let of_partly = outcome
            .requests
            .iter()
            .find_map(|request| partly(group_of(request)?));
        if of_partly.is_some_and(|n| deployed.partly.get(n).is_none_or(Option::is_none)) {
            return Some(match &deployed.by_tags {
                None => NO_GROUP_BY_TAGS,
                Some(_) => {
                    "a profile selects the groups with some of the tags, too, or they have none"
                }
            });
        }
        let left_out = deployed.people.get(self.by).is_some_and(|of_policy| {
            let mut of_groups = OF_PEOPLE.iter().filter(|it| actions.contains(*it));
            of_groups.any(|action| !of_policy.contains(*action))
        });
        if left_out && !self.is_attack {
            return Some("the groups do not fit the policies for people");
        }
        None
    }

    fn request(&self, request: &AuthorizationRequest) -> Result<AuthorizationRequest, Reason> {
        let part = self.part(&request.resource)?;
        let mut context = Context::default();
        let is_group = [":instance/", ":autoScalingGroup:"];
        let is_group = is_group.iter().any(|kind| request.resource.contains(kind));
        for (key, values) in request.context.iter() {
            // Of these, the deployment has others.
            let of_network = key == "ec2:vpc" || key.contains("resourcetag/");
            let tag = key.split_once("resourcetag/").map(|(_, tag)| tag);
            let of_selector = tag.is_some_and(|tag| tag == OF_TAG || OF_TAGS.contains(&tag));
            if part.is_some() && of_network || is_group && of_selector {
                continue;
            }
            if is_of_no_network(&request.resource) && key == "ec2:vpc" {
                let vpc = format!("vpc/vpc-{NO_ID}");
                context.set(key, [self.arn_of("ec2", &self.deployed.account, &vpc)]);
                continue;
            }
            self.put(&mut context, key, values, &request.resource)?;
        }
        if is_group {
            self.put_group_tags(&mut context, request);
        }
        if let Some(part) = part {
            let vpc = format!("vpc/{}", part.vpc);
            context.set("ec2:vpc", [self.arn_of("ec2", &part.owner, &vpc)]);
            for (key, value) in &part.tags {
                for prefix in ["aws:ResourceTag", "ec2:ResourceTag"] {
                    context.set(&format!("{prefix}/{key}"), [value.clone()]);
                }
            }
        }
        Ok(AuthorizationRequest {
            action: request.action.clone(),
            resource: self.resource(&request.resource, part)?,
            context,
        })
    }

    /// The subnet or the security group of the deployment that stands for the fixture's.
    fn part(&self, resource: &str) -> Result<Option<&Part>, Reason> {
        let [subnet, security_group] = &self.own;
        let (found, what) = if resource.ends_with(&format!(":subnet/{subnet}")) {
            (&self.deployed.subnet, "no profile has a slot")
        } else if resource.ends_with(&format!(":security-group/{security_group}")) {
            (
                &self.deployed.security_group,
                "no slot has a security group of its own",
            )
        } else {
            return Ok(None);
        };
        match found {
            None if !self.is_attack => Err(what),
            found => Ok(found.as_ref()),
        }
    }

    /// The group of the deployment that stands for one of the fixture.
    fn group(&self, name: &str) -> Result<Option<&Group>, Reason> {
        let (found, reason) = match name {
            "upf" => (&self.deployed.by_name, NO_GROUP_BY_NAME),
            "smf" => (&self.deployed.by_tag, NO_GROUP_BY_TAG),
            BY_TAGS => (&self.deployed.by_tags, NO_GROUP_BY_TAGS),
            "plain" => (&self.deployed.named_only, NO_NAMED_GROUP),
            _ => return Ok(None),
        };
        match found {
            None if !self.is_attack => Err(reason),
            found => Ok(found.as_ref()),
        }
    }

    fn group_name(&self, name: &str) -> Result<String, Reason> {
        Ok(match self.group(name)? {
            Some(group) => group.name.clone(),
            None if [MANAGED_GROUP, OTHER_MANAGED_GROUP].contains(&name) => {
                name.replace("eks-", &format!("eks-{NOBODYS}"))
            }
            None if OF_FIXTURE.contains(&name) || partly(name).is_some() => {
                format!("{NOBODYS}{name}")
            }
            None => name.to_owned(),
        })
    }

    /// The tags of the group that a request is about, or whose instance it is about.
    fn put_group_tags(&self, context: &mut Context, request: &AuthorizationRequest) {
        let Some(name) = group_of(request) else {
            return;
        };
        let of_partly = partly(name).and_then(|n| self.deployed.partly.get(n)?.as_ref());
        let tags = match (of_partly, self.group(name)) {
            (Some(tags), _) => tags,
            (None, Ok(Some(group))) => &group.tags,
            _ => return,
        };
        let prefixes = match request.resource.contains(":instance/") {
            true => ["aws:ResourceTag", "ec2:ResourceTag"],
            false => ["aws:ResourceTag", "autoscaling:ResourceTag"],
        };
        for (key, value) in tags {
            for prefix in prefixes {
                context.set(&format!("{prefix}/{key}"), [value.clone()]);
            }
        }
    }

    /// Puts one condition key with the values of the deployment.
    fn put(
        &self,
        context: &mut Context,
        key: &str,
        values: &[String],
        resource: &str,
    ) -> Result<(), Reason> {
        let values = || values.iter().map(|value| self.located(value));
        if key == "aws:tagkeys" {
            let keys: Result<Vec<_>, _> =
                values().map(|key| self.tag_keys(&key, resource)).collect();
            let mut keys = keys?.concat();
            keys.sort();
            keys.dedup();
            // A call with no tag is another one.
            if keys.is_empty() {
                return Err(match self.deployed.subnet {
                    Some(_) => "no profile has nodeTags",
                    None => "no profile has a slot",
                });
            }
            context.set(key, keys);
            return Ok(());
        }
        if let Some(tag) = key.strip_prefix("aws:requesttag/") {
            let is_own = tag == DEPLOYMENT;
            for tag in self.tag_keys(tag, resource)? {
                let values = values().map(|value| self.deployment_name(is_own, value));
                context.set(&format!("aws:RequestTag/{tag}"), values);
            }
            return Ok(());
        }
        let Some((prefix, tag)) = key.split_once("resourcetag/") else {
            context.set(key, values());
            return Ok(());
        };
        if tag == OF_TAG || OF_TAGS.contains(&tag) {
            // An interface that has only the tags of the selector.
            let of_group = self
                .selecting(tag)
                .into_iter()
                .flat_map(|group| &group.tags);
            for (tag, value) in of_group {
                context.set(&format!("{prefix}resourcetag/{tag}"), [value.clone()]);
            }
            return Ok(());
        }
        let translated: Result<Vec<_>, _> = values()
            .map(|value| match tag {
                "aws:autoscaling:groupname" => self.group_name(&value),
                "eks:cluster-name" => self.cluster(&value),
                tag => Ok(self.deployment_name(tag == DEPLOYMENT, value)),
            })
            .collect();
        context.set(key, translated?);
        Ok(())
    }

    /// The group that a selector by this tag of the fixture selects.
    fn selecting(&self, tag: &str) -> Option<&Group> {
        match tag {
            OF_TAG => self.deployed.by_tag.as_ref(),
            _ => self.deployed.by_tags.as_ref(),
        }
    }

    /// The value of a tag, which may be the deployment's.
    fn deployment_name(&self, is_deployment: bool, value: String) -> String {
        match (is_deployment, value.as_str()) {
            (true, STACK) => self.deployed.name.clone(),
            (true, "another") => format!("{NOBODYS}another"),
            _ => value,
        }
    }

    /// The cluster that stands for that of the fixture's hooks.
    fn cluster(&self, name: &str) -> Result<String, Reason> {
        match (name, &self.deployed.hooked_cluster) {
            (CLUSTER, Some(cluster)) => Ok(cluster.clone()),
            (CLUSTER, None) if !self.is_attack => {
                Err("the stack puts no hook on a managed node group")
            }
            _ => Ok(format!("{NOBODYS}{name}")),
        }
    }

    /// The keys that stand for a key of a tag in a request.
    fn tag_keys(&self, key: &str, resource: &str) -> Result<Vec<String>, Reason> {
        let deployed = self.deployed;
        if key == OF_TAG || OF_TAGS.contains(&key) {
            let tags = self
                .selecting(key)
                .into_iter()
                .flat_map(|group| &group.tags);
            let first = tags.map(|(key, _)| key.clone()).next();
            return Ok(vec![first.unwrap_or_else(|| key.to_owned())]);
        }
        let is_launch = self.by == "tag-node" && key == LAUNCHED_AT;
        if is_launch && !self.is_attack && deployed.subnet.is_none() {
            return Ok(Vec::new());
        }
        if !["name", "team", "zone"].contains(&key.to_ascii_lowercase().as_str()) {
            return Ok(vec![key.to_owned()]);
        }
        let keys = match self.by {
            "name-nodes" => deployed.naming.as_ref().unwrap_or(&deployed.keys),
            _ => &deployed.keys,
        };
        // It stands for a key that is set on instances only.
        if key.eq_ignore_ascii_case("zone") && resource.contains(":network-interface/") {
            let mut keys_of_nodes = keys.node.iter();
            let found = keys_of_nodes.find(|key| !keys.interface.contains(key));
            let reason = "the profiles set no key on nodes only";
            return found.map(|key| vec![key.clone()]).ok_or(reason);
        }
        let (keys, reason) = if resource.contains(":volume/") {
            (&keys.volume, "no profile has volumeTags")
        } else if resource.contains(":network-interface/") {
            (&keys.interface, "no profile has interfaceTags")
        } else {
            (&keys.node, "no profile has nodeTags")
        };
        match keys.first() {
            Some(key) => Ok(vec![key.clone()]),
            None if self.is_attack => Ok(vec![key.to_owned()]),
            // Its mark is left.
            None if self.by == "tag-node"
                && deployed.subnet.is_some()
                && resource.contains(":instance/") =>
            {
                Ok(Vec::new())
            }
            None => Err(reason),
        }
    }

    /// An ARN with the partition, the Region and the account of the deployment.
    fn located(&self, text: &str) -> String {
        let deployed = self.deployed;
        match text.starts_with(PARTITION) {
            true => text
                .replacen(PARTITION, &format!("arn:{}:", deployed.partition), 1)
                .replace(REGION, &deployed.region)
                .replace(ACCOUNT, &deployed.account),
            false => text.to_owned(),
        }
    }

    fn arn_of(&self, service: &str, account: &str, resource: &str) -> String {
        let Deployed {
            partition, region, ..
        } = self.deployed;
        format!("arn:{partition}:{service}:{region}:{account}:{resource}")
    }

    /// The resource of a request.
    fn resource(&self, resource: &str, part: Option<&Part>) -> Result<String, Reason> {
        let deployed = self.deployed;
        let located = self.located(resource);
        let kind = resource.splitn(6, ':').nth(5).unwrap_or_default();
        if let Some(part) = part {
            let (kind, _) = kind.split_once('/').unwrap_or_default();
            return Ok(self.arn_of("ec2", &part.owner, &format!("{kind}/{}", part.id)));
        }
        // Of the fixture's account, which may have ids as those of the deployment.
        if is_of_no_network(resource) {
            let (kind, _) = kind.split_once('/').unwrap_or_default();
            let short = if kind == "subnet" { "subnet" } else { "sg" };
            return Ok(self.arn_of("ec2", &deployed.account, &format!("{kind}/{short}-{NO_ID}")));
        }
        if let Some((before, name)) = located.split_once("autoScalingGroupName/") {
            return Ok(format!(
                "{before}autoScalingGroupName/{}",
                self.group_name(name)?
            ));
        }
        if kind.starts_with("log-group:") {
            let own = format!("/aws/lambda/{STACK}-");
            return Ok(located.replace(&own, &format!("/aws/lambda/{}-", deployed.name)));
        }
        let queue = resource.contains(":sqs:").then(|| queue_of(resource));
        if let Some(of) = queue.flatten() {
            return match deployed.queues.get(of) {
                Some(queue) => Ok(queue.clone()),
                None if self.is_attack => Ok(located),
                None => Err("the stack has no dead-letter queue of launches"),
            };
        }
        if let Some(cluster) = kind.strip_prefix("cluster/") {
            return match &deployed.tainted_cluster {
                Some(own) if cluster == TAINTED_CLUSTER => {
                    Ok(self.arn_of("eks", &deployed.account, &format!("cluster/{own}")))
                }
                None if !self.is_attack => Err("no profile has a startupTaint"),
                _ => Ok(located.replace("cluster/", &format!("cluster/{NOBODYS}"))),
            };
        }
        if let Some(rest) = kind.strip_prefix("nodegroup/") {
            let (cluster, rest) = rest.split_once('/').unwrap_or_default();
            let name = format!("nodegroup/{}/{rest}", self.cluster(cluster)?);
            return Ok(self.arn_of("eks", &deployed.account, &name));
        }
        for start in ["stateMachine:", "execution:", "function:"] {
            let Some(rest) = kind.strip_prefix(start) else {
                continue;
            };
            let (name, _) = rest.split_once(':').unwrap_or((rest, ""));
            if name == "name-node" && deployed.naming.is_none() && !self.is_attack {
                return Err("no node is named on launch");
            }
            if is_own(name) {
                let with_prefix = format!("{start}{}-{name}", deployed.name);
                return Ok(located.replace(&format!("{start}{name}"), &with_prefix));
            }
        }
        Ok(located)
    }
}
