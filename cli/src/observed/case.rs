//! One launch with all that was observed of it.

use std::collections::BTreeMap;

use hookline_domain::create_network_interface::description;
use hookline_domain::ids::{InstanceId, SecurityGroupId, SubnetId};
use hookline_domain::instance::AttachmentPoint;
use hookline_domain::instance_type::InstanceTypeLimits;
use hookline_domain::interface::Interface;
use hookline_domain::profile::{Profile, Slot};
use hookline_domain::reconcile::ProfileInput;
use hookline_domain::tags::own;

use super::account::Reservation;
use super::deployment::Deployment;
use super::execution::{Execution, HistoryEvent};
use super::group::{Activity, Group, Hook};
use super::network::{SeenInstance, SeenInterface, SeenSubnet};

/// What was observed of a launch.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    /// In seconds since the epoch.
    pub(crate) now: i64,
    pub(crate) deployment: Deployment,
    pub(crate) instance: InstanceId,
    /// The instance; `None` if EC2 does not know it any more.
    pub(crate) seen: Option<SeenInstance>,
    /// Its lifecycle state in the warm pool of its group, which does not list it.
    pub(crate) in_pool: Option<String>,
    /// Its group.
    pub(crate) group: Option<Group>,
    /// The name of its group, if that is gone.
    pub(crate) gone_group: Option<String>,
    /// The launch hooks of the group.
    pub(crate) hooks: Vec<Hook>,
    /// The activities of the group, newest first.
    pub(crate) activities: Vec<Activity>,
    /// Its executions: the one that was asked about, then those that run, then the newest first.
    pub(crate) executions: Vec<Execution>,
    /// Whether every execution that may be for it was looked at.
    pub(crate) all_executions_known: bool,
    /// Whether every execution that runs and may be for it was looked for.
    pub(crate) all_running_known: bool,
    /// How many of those run of which it is not known which instances they are for.
    pub(crate) running_for_unknown: usize,
    /// The events of the first one.
    pub(crate) history: Vec<HistoryEvent>,
    /// The profile that the first execution was given; else that of the deployment.
    pub(crate) input: Option<ProfileInput>,
    /// Those of the profile's subnets that exist.
    pub(crate) subnets: Vec<SeenSubnet>,
    /// The CIDR reservations of the subnets in the node's Availability Zone.
    pub(crate) reservations: BTreeMap<SubnetId, Vec<Reservation>>,
    /// All interfaces in the subnets in the node's Availability Zone.
    pub(crate) in_subnets: Vec<SeenInterface>,
    /// Those of the profile's security groups that exist, each with its VPC.
    pub(crate) security_groups: BTreeMap<SecurityGroupId, String>,
    /// The limits of the instance's type.
    pub(crate) limits: Option<InstanceTypeLimits>,
    /// The interfaces that are attached to the instance, or that Hookline created for it.
    pub(crate) interfaces: Vec<SeenInterface>,
    /// The newest launch of the group that waits, if this instance does not run.
    pub(crate) replacement: Option<Replacement>,
}

/// Another launch of the same group.
#[derive(Clone, Debug)]
pub(crate) struct Replacement {
    pub(crate) seen: SeenInstance,
    /// What is attached to it.
    pub(crate) interfaces: Vec<SeenInterface>,
}

impl Case {
    /// A launch of which nothing is observed yet but, maybe, its instance.
    pub(crate) fn new(
        now: i64,
        deployment: Deployment,
        instance: InstanceId,
        seen: Option<SeenInstance>,
    ) -> Self {
        Self {
            now,
            deployment,
            instance,
            seen,
            in_pool: None,
            group: None,
            gone_group: None,
            hooks: Vec::new(),
            activities: Vec::new(),
            executions: Vec::new(),
            all_executions_known: true,
            all_running_known: true,
            running_for_unknown: 0,
            history: Vec::new(),
            input: None,
            subnets: Vec::new(),
            reservations: BTreeMap::new(),
            in_subnets: Vec::new(),
            security_groups: BTreeMap::new(),
            limits: None,
            interfaces: Vec::new(),
            replacement: None,
        }
    }

    /// The execution that is told of: the one that was asked about; else one that runs; else the
    /// newest.
    pub(crate) fn execution(&self) -> Option<&Execution> {
        self.executions.first()
    }

    pub(crate) fn profile(&self) -> Option<&Profile> {
        self.input.as_ref().map(|input| &input.profile)
    }

    /// The deployed profile that covers the instance; of several, the one with the name of the
    /// execution's.
    pub(crate) fn deployed_profile(&self) -> Option<&ProfileInput> {
        let group = self.group.as_ref();
        let mut tags = group.map(|group| group.tags.clone()).unwrap_or_default();
        let seen = self.seen.iter();
        tags.extend(seen.flat_map(|seen| seen.instance.tags.clone()));
        let covers = |it: &&ProfileInput| it.profile.selector.covers(self.group_name(), &tags);
        let of_execution = self.execution().and_then(Execution::profile);
        let name = of_execution
            .as_ref()
            .and_then(|it| it.get("name")?.as_str());
        let covering = || self.deployment.profiles.iter().filter(covers);
        let same_name = covering().find(|it| Some(it.profile.name.as_str()) == name);
        same_name.or_else(|| covering().next())
    }

    pub(crate) fn group_name(&self) -> &str {
        self.group.as_ref().map_or("", |group| &group.name)
    }

    /// The lifecycle state of the instance, in its group or in the group's warm pool.
    pub(crate) fn lifecycle_state(&self) -> Option<&str> {
        let members = &self.group.as_ref()?.members;
        let member = members
            .iter()
            .find(|member| member.instance == self.instance);
        member.map_or(self.in_pool.as_deref(), |member| {
            Some(&member.lifecycle_state)
        })
    }

    /// Whether it waits at a launch hook, or is about to.
    pub(crate) fn waits(&self) -> bool {
        self.lifecycle_state().is_some_and(|state| {
            matches!(
                state,
                "Pending" | "Pending:Wait" | "Warmed:Pending" | "Warmed:Pending:Wait"
            )
        })
    }

    pub(crate) fn is_in_service(&self) -> bool {
        self.lifecycle_state() == Some("InService")
    }

    /// Whether an execution for it runs.
    pub(crate) fn runs(&self) -> bool {
        self.executions.iter().any(Execution::is_running)
    }

    /// The Availability Zone, of the instance or of what the execution says of it.
    pub(crate) fn zone(&self) -> Option<String> {
        match &self.seen {
            Some(seen) => Some(seen.instance.availability_zone.clone()),
            None => self.of_node("availabilityZone"),
        }
    }

    /// The instance type, of the instance or of what the execution says of it.
    pub(crate) fn instance_type(&self) -> Option<String> {
        match &self.seen {
            Some(seen) => Some(seen.instance.instance_type.clone()),
            None => self.of_node("instanceType"),
        }
    }

    /// A field of `$.node` in the data of the execution.
    fn of_node(&self, field: &str) -> Option<String> {
        let mut outputs = self
            .history
            .iter()
            .filter_map(|event| event.output.as_deref());
        outputs.find_map(|output| {
            let data: serde_json::Value = serde_json::from_str(output).ok()?;
            Some(data.get("node")?.get(field)?.as_str()?.to_owned())
        })
    }

    /// The interfaces that Hookline created for it.
    pub(crate) fn created(&self) -> impl Iterator<Item = &Interface> {
        let interfaces = self.interfaces.iter().map(|seen| &seen.interface);
        interfaces.filter(|interface| {
            interface.tags.get(own::INSTANCE_ID).map(String::as_str) == Some(self.instance.as_str())
        })
    }

    /// The attached interface of a slot, by its tags.
    pub(crate) fn attached_for(&self, slot: &Slot) -> Option<&Interface> {
        self.created().find(|interface| {
            interface.is_created_for(&self.instance, &slot.network)
                && interface.is_attached_to(&self.instance)
        })
    }

    /// The networks of the slots that have no attached interface of Hookline's. One that has lost
    /// its tags is there.
    pub(crate) fn networks_without_interface(&self) -> Vec<&str> {
        let slots = self.profile().map_or(&[][..], |profile| &profile.slots);
        let without_tags = self.without_tags();
        let has = |slot: &Slot| {
            self.attached_for(slot).is_some()
                || without_tags
                    .iter()
                    .any(|(it, _)| it.network == slot.network)
        };
        let lacking = slots.iter().filter(|slot| !has(slot));
        lacking.map(|slot| slot.network.as_str()).collect()
    }

    /// The attached interfaces that Hookline created for slots, and whose tags do not say so any
    /// more: their descriptions or their Names do, or what is left of the tags.
    pub(crate) fn without_tags(&self) -> Vec<(&Slot, &Interface)> {
        let Some(profile) = self.profile() else {
            return Vec::new();
        };
        let name = self
            .seen
            .as_ref()
            .and_then(|seen| seen.instance.tags.get("Name"));
        let mut found = Vec::new();
        for slot in &profile.slots {
            if self.attached_for(slot).is_some() {
                continue;
            }
            let has = |interface: &Interface, key: &str, value: &str| {
                interface.tags.get(key).map(|is| is == value)
            };
            let is_of = |interface: &&Interface| {
                let of_instance = has(interface, own::INSTANCE_ID, self.instance.as_str());
                let of_network = has(interface, own::NETWORK, &slot.network);
                let named = name.is_some_and(|name| {
                    let name = format!("{name}-{}", slot.network);
                    has(interface, "Name", &name) == Some(true)
                });
                let described = slot.description.is_none()
                    && interface.description == description(&profile.name, slot, &self.instance);
                // A tag of another instance or network is no lost one.
                of_instance != Some(false)
                    && of_network != Some(false)
                    && (named || described || of_network.or(of_instance) == Some(true))
                    && AttachmentPoint::fixed(slot).is_none_or(|place| interface.is_at(place))
                    && slot.subnet_ids.contains(&interface.subnet_id)
                    && interface.is_attached_to(&self.instance)
            };
            let mut interfaces = self.interfaces.iter().map(|seen| &seen.interface);
            if let Some(interface) = interfaces.find(is_of) {
                found.push((slot, interface));
            }
        }
        found
    }

    /// Why the newest execution was not for its profile, if `TagNode` found that: it has then done
    /// nothing.
    pub(crate) fn ignored(&self) -> Option<String> {
        let mut events = self.history.iter().rev();
        let left = events.find(|event| event.left() == Some("TagNode"))?;
        let data: serde_json::Value = serde_json::from_str(left.output.as_deref()?).ok()?;
        let reason = || data.get("reason")?.as_str();
        (data.get("next")? == "IGNORE").then(|| reason().unwrap_or_default().to_owned())
    }

    /// The launch of the instance among the group's activities.
    pub(crate) fn activity(&self) -> Option<&Activity> {
        let launches = self.activities.iter().filter(|activity| activity.is_launch);
        launches
            .into_iter()
            .find(|activity| activity.instance.as_ref() == Some(&self.instance))
    }

    /// The termination of the instance among the group's activities.
    pub(crate) fn termination(&self) -> Option<&Activity> {
        let mut activities = self.activities.iter();
        activities.find(|it| !it.is_launch && it.instance.as_ref() == Some(&self.instance))
    }

    /// Auto Scaling's words where the group got smaller by the instance: "in response to a difference
    /// between desired and actual capacity, shrinking the capacity from 1 to 0" (Auto Scaling User
    /// Guide, "Verify a scaling activity for an Auto Scaling group"). That may be a scale-in, or the
    /// end of one that an instance refresh or a rebalancing of Availability Zones had replaced.
    pub(crate) fn shrunk(&self) -> Option<&str> {
        let cause = self.termination()?.cause.as_str();
        cause.contains("shrinking the capacity").then_some(cause)
    }

    /// The launch that goes on. In a group with a warm pool an instance launches more than once,
    /// and waits at a hook on its way back into the pool too.
    pub(crate) fn launch_in_progress(&self) -> Option<&Activity> {
        self.activity().filter(|activity| activity.ended.is_none())
    }

    /// When a state of the newest execution was first entered, in milliseconds since the epoch.
    pub(crate) fn entered(&self, state: &str) -> Option<i64> {
        let mut events = self.history.iter();
        let entered = events.find(|event| event.entered() == Some(state))?;
        Some(entered.at)
    }

    /// The function that failed last, and its error.
    pub(crate) fn last_failure(&self) -> Option<&(String, String)> {
        self.history
            .iter()
            .rev()
            .find_map(HistoryEvent::function_failure)
    }
}
