//! Launches from the event to InService: the real state machine file in a real engine, the real
//! function binaries, and a fake AWS. Faults are injected there, or are ordinary calls by somebody
//! else.
//!
//! Needs HOOKLINE_FUNCTIONS_DIR and HOOKLINE_PYTHON, which `cargo xtask test` sets. It fails
//! without them.

mod adopt;
mod failures;
mod hooks;
mod naming;
mod nodes;
mod reconcile;
mod wiring;

use std::net::Ipv4Addr;
use std::time::Duration;

use hookline_local::{Latency, Settings};
use hookline_testkit::deployment::Execution;
use hookline_testkit::invariants;
use hookline_testkit::scene::Size;
use hookline_testkit::stage::Stage;

/// One AZ and three networks: enough where only one node matters.
const SMALL: Size = Size {
    azs: 1,
    networks: 3,
    prefix: 24,
    subnets_per_az: 1,
    instance_type: "m5.4xlarge",
    gate: false,
    device_indexes: true,
};

/// Like AWS: calls have a latency, and describe calls lag. Both are shorter than on AWS.
fn as_aws_is() -> Settings {
    Settings {
        latency: Latency::millis(5, 40),
        describe_lag: Duration::from_millis(200),
        instance_not_found_for: Duration::from_millis(200),
        interface_not_found_for: Duration::from_millis(100),
        ..Settings::default()
    }
}

/// The `count` lowest addresses that EC2 gives in a subnet of the scene.
fn lowest(stage: &Stage, subnet: &str, count: u32) -> Vec<Ipv4Addr> {
    stage.local.with_world(|world| {
        let block = world.ec2.subnet(subnet).map(|subnet| subnet.cidr_block);
        let first = block.map_or(0, |block| u32::from(block.network()) + 4);
        (first..first + count).map(Ipv4Addr::from).collect()
    })
}

fn addresses(stage: &Stage, subnet: &str) -> Vec<Ipv4Addr> {
    stage
        .local
        .with_world(|world| invariants::addresses_in(world, subnet))
}

/// How many interfaces have the ownership tag of an instance.
fn made_for(stage: &Stage, instance: &str) -> usize {
    stage.local.with_world(|world| {
        let interfaces = world.ec2.network_interfaces();
        interfaces
            .filter(|interface| {
                let owner = interface.tags.get(hookline_domain::tags::own::INSTANCE_ID);
                owner.is_some_and(|owner| owner == instance)
            })
            .count()
    })
}

fn failed(executions: &[Execution]) -> Vec<&Execution> {
    let failed = executions.iter().filter(|one| one.status != "SUCCEEDED");
    failed.collect()
}
