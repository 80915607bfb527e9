//! What the next launches of a group will find.

use std::collections::BTreeMap;

use hookline_domain::addresses::{AllocatedInterface, Subnet};
use hookline_domain::ids::SubnetId;
use hookline_domain::instance::{AttachmentPoint, Instance};
use hookline_domain::instance_type::InstanceTypeLimits;
use hookline_domain::reconcile::ProfileInput;
use ipnet::IpNet;

use super::group::Group;

/// What was observed.
#[derive(Clone, Debug)]
pub(crate) struct Forecast {
    /// In seconds since the epoch.
    pub(crate) now: i64,
    pub(crate) group: Group,
    pub(crate) input: ProfileInput,
    /// The limits of the first type that the group launches; `None` if it is not known.
    pub(crate) limits: Option<InstanceTypeLimits>,
    /// Where the launch template of that type attaches interfaces.
    pub(crate) attached: Vec<AttachmentPoint>,
    /// All instances that the profile selects.
    pub(crate) instances: Vec<Instance>,
    /// The profile's subnets, with their CIDR reservations.
    pub(crate) subnets: BTreeMap<SubnetId, Subnet>,
    /// Of the reservations, those for prefixes.
    pub(crate) prefix_reservations: BTreeMap<SubnetId, Vec<IpNet>>,
    /// How many addresses EC2 has left in each subnet.
    pub(crate) available: BTreeMap<SubnetId, u32>,
    /// Every interface in them.
    pub(crate) allocated: Vec<AllocatedInterface>,
}
