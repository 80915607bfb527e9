//! Other callers of EC2 in the account, which use the same token buckets as the launches.

use std::time::Duration;

use aws_sdk_ec2::Client;
use aws_sdk_ec2::error::ProvideErrorMetadata;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

/// Other callers of EC2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Others {
    /// None.
    #[default]
    Nobody,
    /// The calls of the Amazon VPC CNI on each node: 20 to 60 s after the launch it makes, attaches
    /// and modifies a network interface of its own, one call each. Here they are dry runs, which
    /// take tokens and change nothing, as it is the tokens that matter to launches.
    VpcCni,
}

impl std::str::FromStr for Others {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Ok(match name {
            "nobody" => Self::Nobody,
            "vpc-cni" => Self::VpcCni,
            _ => return Err("nobody or vpc-cni".to_owned()),
        })
    }
}

/// What the VPC CNI does on a node that has started.
const OF_VPC_CNI: [&str; 3] = [
    "CreateNetworkInterface",
    "AttachNetworkInterface",
    "ModifyNetworkInterfaceAttribute",
];

/// The longest pause between two tries.
const MAX_PAUSE: Duration = Duration::from_secs(20);

impl Others {
    /// How many calls of an action they make for each node.
    pub(super) fn calls_per_node(self, action: &str) -> usize {
        match self {
            Self::Nobody => 0,
            Self::VpcCni => usize::from(OF_VPC_CNI.contains(&action)),
        }
    }

    /// Starts the calls for nodes that are launched now. Must be called in a `LocalSet`.
    pub(super) fn begin(self, ec2: &Client, nodes: usize, seed: u64) {
        if self == Self::Nobody {
            return;
        }
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        for _ in 0..nodes {
            let after = Duration::from_millis(rng.random_range(20_000..60_000));
            let pauses = ChaCha8Rng::seed_from_u64(rng.random());
            tokio::task::spawn_local(node(ec2.clone(), after, pauses));
        }
    }
}

/// The calls for one node.
async fn node(ec2: Client, after: Duration, mut rng: ChaCha8Rng) {
    tokio::time::sleep(after).await;
    for action in OF_VPC_CNI {
        let mut longest = Duration::from_secs(1);
        while is_throttled(&ec2, action).await {
            tokio::time::sleep(longest.mul_f64(rng.random_range(0.0..1.0))).await;
            longest = (longest * 2).min(MAX_PAUSE);
        }
    }
}

/// Makes a call as a dry run. Returns whether it was throttled.
async fn is_throttled(ec2: &Client, action: &str) -> bool {
    const INTERFACE: &str = "eni-00000000000000001";
    match action {
        "CreateNetworkInterface" => {
            let call = ec2.create_network_interface().dry_run(true);
            refused_for_its_rate(&call.subnet_id("subnet-00000000000000001").send().await)
        }
        "AttachNetworkInterface" => {
            let call = ec2.attach_network_interface().dry_run(true);
            let call = call.instance_id("i-00000000000000001").device_index(1);
            refused_for_its_rate(&call.network_interface_id(INTERFACE).send().await)
        }
        _ => {
            let call = ec2.modify_network_interface_attribute().dry_run(true);
            refused_for_its_rate(&call.network_interface_id(INTERFACE).send().await)
        }
    }
}

fn refused_for_its_rate<T, E: ProvideErrorMetadata>(answer: &Result<T, E>) -> bool {
    let code = answer.as_ref().err().and_then(E::code);
    code == Some("RequestLimitExceeded")
}
