//! The stack of a configuration's network, and the ids that its outputs tell.

use std::collections::{BTreeMap, BTreeSet};

use hookline_domain::ids::{SecurityGroupId, SubnetId};
use serde::Deserialize;

/// How the outputs of networks begin. `cdk/lib/nodegroup/network-stack.ts` writes them.
const NETWORK_OUTPUT: &str = "NetworkIds";

/// A stack of CloudFormation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stack {
    pub(crate) status: String,
    pub(crate) outputs: BTreeMap<String, String>,
}

/// The ids of a network.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NetworkIds {
    pub(crate) network: String,
    pub(crate) security_group_id: SecurityGroupId,
    /// By Availability Zone.
    pub(crate) subnet_ids: BTreeMap<String, SubnetId>,
}

impl Stack {
    /// The ids of the networks that it made. An output that holds something else is none of them.
    pub(crate) fn networks(&self) -> Vec<NetworkIds> {
        let outputs = self.outputs.iter();
        let of_networks = outputs.filter(|(name, _)| name.starts_with(NETWORK_OUTPUT));
        of_networks
            .filter_map(|(_, value)| serde_json::from_str(value).ok())
            .collect()
    }
}

/// The stack of a configuration's network that does not tell every id that the profiles take from
/// it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UnknownNetwork {
    pub(crate) stack: String,
    /// Its status; `None` if it is not there, or could not be looked at.
    pub(crate) status: Option<String>,
    /// The networks whose ids are not known.
    pub(crate) networks: BTreeSet<String>,
    /// What stands in their place in the profiles.
    pub(crate) placeholders: BTreeSet<String>,
}
