//! What EC2 shows beside the types of the domain.

use hookline_domain::addresses::Subnet;
use hookline_domain::ids::InstanceId;
use hookline_domain::instance::Instance;
use hookline_domain::interface::Interface;
use hookline_domain::reconcile::LaunchFacts;
use hookline_domain::tags::own;

/// An instance, with why it is in its state.
#[derive(Clone, Debug)]
pub(crate) struct SeenInstance {
    pub(crate) instance: Instance,
    /// As `Client.UserInitiatedShutdown`; may be empty.
    pub(crate) reason_code: String,
    /// As `Client.UserInitiatedShutdown: User initiated shutdown`; may be empty.
    pub(crate) state_reason: String,
    /// As `User initiated (2026-01-02 03:04:05 GMT)`; may be empty.
    pub(crate) transition_reason: String,
}

/// An interface of anybody.
#[derive(Clone, Debug)]
pub(crate) struct SeenInterface {
    pub(crate) interface: Interface,
    /// `interface`, `nat_gateway`, `lambda`, …
    pub(crate) kind: String,
    /// The AWS service or the account that made it for another, as `amazon-elb`.
    pub(crate) requester: Option<String>,
}

/// A subnet, with how many of its addresses EC2 can give.
#[derive(Clone, Debug)]
pub(crate) struct SeenSubnet {
    pub(crate) subnet: Subnet,
    pub(crate) vpc: String,
    /// The account that owns it. Another account may share it with this one (AWS RAM).
    pub(crate) owner: Option<String>,
    pub(crate) available: u32,
}

/// The instance that Hookline created an interface for; `None` if its tag names none.
pub(crate) fn created_for(interface: &Interface) -> Option<InstanceId> {
    interface.tags.get(own::INSTANCE_ID)?.parse().ok()
}

impl SeenInstance {
    /// What reconcile's decisions need of it.
    pub(crate) fn launch_facts(&self) -> LaunchFacts {
        LaunchFacts {
            launched_at: self.instance.launched_at,
            tags: self.instance.tags.clone(),
        }
    }
}
