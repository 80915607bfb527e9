//! `PlanInterfaces`: what cannot be served is refused before anything is created, in words that say
//! what to mend.

use hookline_local::Settings;
use hookline_testkit::calls::FunctionCalls as _;
use hookline_testkit::launch::{Launch, State};
use hookline_testkit::scene::Size;
use serde_json::{Value, json};

use crate::failed;

/// Runs `TagNode` and then `PlanInterfaces` with a changed profile. It must fail with this error,
/// and create nothing.
async fn refused(mut launch: Launch, name: &str, change: impl FnOnce(&mut Value)) -> String {
    launch.run(State::TagNode).await.unwrap();
    launch = launch.with_profile(change);
    let mark = launch.mark();
    let says = failed(launch.run(State::PlanInterfaces).await, name);
    for call in launch.calls_since(mark) {
        let reads = call.action.starts_with("Describe") || call.action.starts_with("Get");
        assert!(reads, "{} in a plan that is refused", call.action);
    }
    says
}

async fn launch_of(size: Size) -> Launch {
    Launch::begin(Settings::for_tests(), &size).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn profile_beyond_the_instance_types_limit_is_refused_with_both_numbers() {
    let size = Size {
        azs: 1,
        networks: 4,
        instance_type: "m5.large",
        ..Size::default()
    };
    let says = refused(
        launch_of(size).await,
        "Hookline.InstanceTypeTooSmall",
        |_| (),
    )
    .await;
    assert!(
        says.starts_with(
            "profile.slots: 4 slots and the primary interface are 5 interfaces, m5.large has 3"
        ),
        "{says}"
    );
}

#[tokio::test(start_paused = true)]
async fn limits_of_network_cards_and_addresses_are_enforced() {
    type Change = fn(&mut Value);
    let cases: [(Change, &str); 3] = [
        (
            |profile| profile["slots"][1]["networkCard"] = json!(3),
            "profile.slots[1].networkCard: network card 3 is asked for, m5.4xlarge has 1",
        ),
        (
            |profile| profile["slots"][0]["secondaryPrivateAddresses"] = json!(30),
            "profile.slots[0].secondaryPrivateAddresses: primary, secondary addresses and prefixes are 31, m5.4xlarge has room for 30",
        ),
        (
            |profile| profile["slots"][1]["prefixes"] = json!(30),
            "profile.slots[1].secondaryPrivateAddresses: primary, secondary addresses and prefixes are 31",
        ),
    ];
    for (change, wanted) in cases {
        let launch = Launch::running().await.unwrap();
        let says = refused(launch, "Hookline.InstanceTypeTooSmall", change).await;
        assert!(says.starts_with(wanted), "wanted {wanted}\nfound {says}");
    }
}

#[tokio::test(start_paused = true)]
async fn missing_subnet_is_named() {
    let says = refused(
        Launch::running().await.unwrap(),
        "Hookline.ResourceNotFound",
        |profile| {
            let ids = profile["slots"][1]["subnetIds"].as_array_mut();
            ids.unwrap().push(json!("subnet-0123456789abcdef0"));
        },
    )
    .await;
    let is_named = says.starts_with("profile.slots[1].subnetIds[");
    assert!(
        is_named && says.contains("subnet-0123456789abcdef0"),
        "{says}"
    );
}

#[tokio::test(start_paused = true)]
async fn network_without_a_subnet_in_the_nodes_az_is_named() {
    // One subnet in each AZ: keep only those in which the node is not.
    let launch = launch_of(Size {
        networks: 2,
        ..Size::default()
    })
    .await;
    let zone = launch.node().unwrap().availability_zone;
    let here = launch
        .scene
        .azs
        .iter()
        .position(|az| *az == zone)
        .expect("an AZ of the scene");
    let says = refused(launch, "Hookline.InvalidProfile", |profile| {
        let ids = profile["slots"][1]["subnetIds"].as_array_mut();
        ids.unwrap().remove(here);
    })
    .await;
    let wanted = format!(
        "profile.slots[1].subnetIds: no subnet of network user-plane in the node's AZ {zone}"
    );
    assert!(says.starts_with(&wanted), "wanted {wanted}\nfound {says}");
}

#[tokio::test(start_paused = true)]
async fn ipv6_in_a_subnet_without_it_is_refused() {
    for kind in ["lowest-free", "subnet-assigned"] {
        let launch = Launch::running().await.unwrap();
        let subnet = launch.subnet(0).unwrap().to_owned();
        let says = refused(launch, "Hookline.InvalidProfile", |profile| {
            profile["slots"][0]["ipv6"] = json!(kind);
        })
        .await;
        let wanted = format!(
            "profile.slots[0].subnetIds: ipv6 is asked for, and {subnet} has no IPv6 block"
        );
        assert!(says.starts_with(&wanted), "wanted {wanted}\nfound {says}");
    }
}

#[tokio::test(start_paused = true)]
async fn network_with_full_subnets_is_named_with_them() {
    let launch = launch_of(Size {
        azs: 1,
        networks: 2,
        prefix: 28,
        ..Size::default()
    })
    .await;
    let subnet = launch.subnet(1).unwrap().to_owned();
    for n in 4..15 {
        let address = launch.address(&subnet, n).unwrap();
        launch.foreign_interface(&subnet, address).await.unwrap();
    }
    let says = refused(launch, "Hookline.SubnetsFull", |_| ()).await;
    assert!(
        says.starts_with(&format!(
            "network user-plane: no free address left in {subnet}"
        )),
        "{says}"
    );
}

#[tokio::test(start_paused = true)]
async fn subnet_with_too_few_addresses_counts_as_full() {
    let launch = launch_of(Size {
        azs: 1,
        networks: 1,
        prefix: 28,
        ..Size::default()
    })
    .await;
    refused(launch, "Hookline.SubnetsFull", |profile| {
        profile["slots"][0]["secondaryPrivateAddresses"] = json!(11);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn endless_conflicts_end_with_an_error() {
    let mut launch = Launch::running().await.unwrap();
    launch.run_to(State::PlanInterfaces).await.unwrap();
    launch.data["plan"]["round"] = json!(25);
    let says = failed(
        launch.run(State::PlanInterfaces).await,
        "Hookline.AddressContention",
    );
    assert!(says.starts_with("network signaling: 25 rounds"), "{says}");
}

#[tokio::test(start_paused = true)]
async fn slot_without_device_index_in_the_nodes_own_subnet_is_refused() {
    let launch = launch_of(Size::default()).await;
    let subnets = launch.scene.node_subnets.clone();
    let says = refused(launch, "Hookline.InvalidProfile", |profile| {
        profile["slots"][1]["deviceIndex"] = Value::Null;
        profile["slots"][1]["subnetIds"] = json!(subnets);
    })
    .await;
    assert!(
        says.starts_with("profile.slots[1].subnetIds: the network"),
        "{says}"
    );
}
