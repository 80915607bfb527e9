//! `CreateInterfaces`: what it makes of a plan, and that carrying the same plan out again makes
//! nothing more.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use hookline_local::Settings;
use hookline_local::ec2::{self, NetworkInterface, ReservationType, SubnetSpec};
use hookline_testkit::calls::FunctionCalls as _;
use hookline_testkit::launch::{Launch, State};
use serde_json::{Value, json};

use crate::{counts, planned, refusal, wait_seconds};

async fn made_with(change: impl FnOnce(&mut Value)) -> (Launch, NetworkInterface) {
    let mut launch = Launch::running().await.unwrap().with_profile(change);
    launch.run_to(State::CreateInterfaces).await.unwrap();
    assert_eq!(launch.data["allocation"]["outcome"], "COMPLETE");
    launch.nothing_is_broken().unwrap();
    let signaling = launch.made().remove(0);
    (launch, signaling)
}

#[tokio::test(start_paused = true)]
async fn every_slot_gets_an_interface_with_all_attributes_of_creation() {
    let (launch, interface) = made_with(|profile| {
        profile["slots"][0]["tags"] = json!({"team": "core"});
        profile["slots"][1]["description"] = json!("of my own");
    })
    .await;
    let subnet = launch.subnet(0).unwrap();
    assert_eq!(interface.subnet_id, subnet);
    assert_eq!(
        interface.private_ip_address,
        launch.address(subnet, 4).unwrap()
    );
    assert_eq!(interface.groups, [launch.scene.security_group.as_str()]);
    assert!(interface.attachment.is_none());
    assert_eq!(
        interface.description,
        format!("signaling of {} (Hookline, profile upf)", launch.instance)
    );
    let name = launch.node().unwrap().tags["Name"].clone();
    let tags: BTreeMap<String, String> = [
        ("Name", format!("{name}-signaling").as_str()),
        ("hookline:auto-scaling-group", "upf"),
        ("hookline:deployment", "hookline"),
        ("hookline:instance-id", &launch.instance),
        ("hookline:network", "signaling"),
        ("hookline:profile", "upf"),
        ("node.k8s.amazonaws.com/no_manage", "true"),
        ("team", "core"),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .into();
    assert_eq!(interface.tags, tags);
    assert_eq!(launch.made()[1].description, "of my own");
}

#[tokio::test(start_paused = true)]
async fn tags_are_set_by_the_create_call() {
    let mut launch = Launch::running().await.unwrap();
    launch.run_to(State::PlanInterfaces).await.unwrap();
    let mark = launch.mark();
    launch.run(State::CreateInterfaces).await.unwrap();
    let calls = launch.calls_since(mark);
    assert_eq!(
        launch.actions_since(mark),
        counts([("CreateNetworkInterface", 2)])
    );
    for call in calls {
        // I9: the VPC CNI takes an interface as soon as it sees it.
        let tag = |value: &str| call.params.values().any(|found| found == value);
        assert!(tag("node.k8s.amazonaws.com/no_manage"), "{:?}", call.params);
        assert!(tag("hookline:instance-id"), "{:?}", call.params);
        assert!(tag("hookline:deployment"), "{:?}", call.params);
    }
}

#[tokio::test(start_paused = true)]
async fn repeated_plan_returns_the_same_interfaces() {
    let (mut launch, _) = made_with(|_| ()).await;
    let first = launch.data["allocation"].clone();
    let made = launch.made();
    assert_eq!(launch.run(State::CreateInterfaces).await.unwrap(), first);
    assert_eq!(launch.made(), made);
}

#[tokio::test(start_paused = true)]
async fn two_executions_for_one_launch_create_one_interface_for_each_slot() {
    let mut first = Launch::running().await.unwrap();
    let mut second = first.second_execution().await;
    // Both have planned before either creates.
    first.run_to(State::PlanInterfaces).await.unwrap();
    second.run_to(State::PlanInterfaces).await.unwrap();
    let one = first.run(State::CreateInterfaces).await.unwrap();
    let other = second.run(State::CreateInterfaces).await.unwrap();
    assert_eq!(one, other);
    assert_eq!(first.made().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn existing_interface_is_kept_without_a_call() {
    let (launch, _) = made_with(|_| ()).await;
    let mut second = launch.second_execution().await;
    second.run_to(State::PlanInterfaces).await.unwrap();
    let mark = second.mark();
    let allocation = second.run(State::CreateInterfaces).await.unwrap();
    assert_eq!(second.actions_since(mark), counts([]));
    assert_eq!(allocation, launch.data["allocation"]);
}

/// A launch whose plan found two interfaces for one slot: the one that it keeps, and the surplus one.
async fn made_twice() -> (Launch, String, String) {
    let (launch, interface) = made_with(|_| ()).await;
    // As a second execution creates it while no listing shows the first one's.
    let mut tags = interface.tags.clone();
    tags.insert("made".to_owned(), "twice".to_owned());
    let twin = launch.local().with_world(|world| {
        let spec = ec2::InterfaceSpec {
            subnet_id: interface.subnet_id.clone(),
            groups: interface.groups.clone(),
            tags,
            ..ec2::InterfaceSpec::default()
        };
        ec2::create_network_interface(&mut world.ec2, &mut world.kernel, spec).unwrap()
    });
    let mut second = launch.second_execution().await;
    second.run_to(State::PlanInterfaces).await.unwrap();
    let kept = interface.network_interface_id.clone().min(twin.clone());
    let surplus = interface.network_interface_id.clone().max(twin);
    assert_eq!(second.data["plan"]["step"]["surplus"], json!([surplus]));
    (second, kept, surplus)
}

fn ids(launch: &Launch) -> Vec<String> {
    let made = launch.made().into_iter();
    made.map(|made| made.network_interface_id).collect()
}

#[tokio::test(start_paused = true)]
async fn duplicate_interfaces_are_deleted_down_to_one() {
    let (mut second, kept, surplus) = made_twice().await;
    let allocation = second.run(State::CreateInterfaces).await.unwrap();
    assert_eq!(
        allocation["interfaces"][0]["networkInterfaceId"],
        kept.as_str()
    );
    let left = ids(&second);
    assert_eq!(left.len(), 2);
    assert!(left.contains(&kept) && !left.contains(&surplus));
}

#[tokio::test(start_paused = true)]
async fn duplicate_that_cannot_be_deleted_is_left_to_the_attach() {
    let (mut second, kept, surplus) = made_twice().await;
    let refused = refusal("DeleteNetworkInterface", "InvalidState");
    second.local().inject(refused);
    second.run(State::CreateInterfaces).await.unwrap();
    assert_eq!(second.local().faults_left(), 0, "it was tried");
    assert!(ids(&second).contains(&surplus));
    second.run(State::AttachInterfaces).await.unwrap();
    let left = ids(&second);
    assert!(left.contains(&kept) && !left.contains(&surplus));
}

#[tokio::test(start_paused = true)]
async fn secondary_addresses_are_the_lowest_free_ones_too() {
    let (launch, interface) = made_with(|profile| {
        profile["slots"][0]["secondaryPrivateAddresses"] = json!(3);
    })
    .await;
    let subnet = launch.subnet(0).unwrap();
    let addresses: Vec<Ipv4Addr> = interface.private_ip_addresses().collect();
    let wanted: Vec<Ipv4Addr> = (4..8).map(|n| launch.address(subnet, n).unwrap()).collect();
    assert_eq!(addresses, wanted);
}

#[tokio::test(start_paused = true)]
async fn ec2_chooses_the_address_if_the_profile_says_so() {
    let (launch, interface) = made_with(|profile| {
        profile["slots"][0]["addressing"] = json!("subnet-assigned");
        profile["slots"][0]["secondaryPrivateAddresses"] = json!(2);
    })
    .await;
    assert_eq!(planned(&launch.data["plan"], 0), [] as [Ipv4Addr; 0]);
    assert_eq!(interface.private_ip_addresses().count(), 3);
}

#[tokio::test(start_paused = true)]
async fn prefixes_come_from_the_subnets_prefix_reservation() {
    let mut launch = Launch::running().await.unwrap().with_profile(|profile| {
        profile["slots"][0]["prefixes"] = json!(2);
    });
    let subnet = launch.subnet(0).unwrap().to_owned();
    let range = format!("{}/26", launch.address(&subnet, 64).unwrap());
    launch.local().with_world(|world| {
        let range = range.parse().unwrap();
        ec2::reserve_cidr(
            &mut world.ec2,
            &mut world.kernel,
            &subnet,
            range,
            ReservationType::Prefix,
        )
        .unwrap();
    });
    launch.run_to(State::CreateInterfaces).await.unwrap();
    let prefixes = launch.made()[0].ipv4_prefixes.clone();
    assert_eq!(prefixes.len(), 2);
    let reserved = launch.address(&subnet, 64).unwrap()..launch.address(&subnet, 128).unwrap();
    for prefix in prefixes {
        assert!(reserved.contains(&prefix.network()), "{prefix} in {range}");
    }
}

/// A launch whose first slot has a subnet with an IPv6 block, and asks for an address there.
async fn with_ipv6(kind: &str) -> Launch {
    let launch = Launch::running().await.unwrap();
    let subnet = launch.local().with_world(|world| {
        let block = "2001:db8::/56".parse().unwrap();
        let ipv4 = "10.9.0.0/16".parse().unwrap();
        let vpc = ec2::create_vpc(
            &mut world.ec2,
            &mut world.kernel,
            ipv4,
            Some(block),
            ec2::Tags::new(),
        )
        .unwrap();
        let group = ec2::create_security_group(
            &mut world.ec2,
            &mut world.kernel,
            &vpc,
            "v6",
            "v6",
            ec2::Tags::new(),
        )
        .unwrap();
        let spec = SubnetSpec {
            vpc_id: vpc,
            availability_zone: "us-west-2a".to_owned(),
            cidr_block: "10.9.0.0/24".parse().unwrap(),
            ipv6_cidr_block: Some("2001:db8::/64".parse().unwrap()),
            tags: ec2::Tags::new(),
        };
        (
            ec2::create_subnet(&mut world.ec2, &mut world.kernel, spec).unwrap(),
            group,
        )
    });
    launch.with_profile(|profile| {
        profile["slots"][0]["subnetIds"] = json!([subnet.0]);
        profile["slots"][0]["securityGroupIds"] = json!([subnet.1]);
        profile["slots"][0]["ipv6"] = json!(kind);
    })
}

#[tokio::test(start_paused = true)]
async fn address_that_the_subnet_assigns_is_taken_as_it_is() {
    let mut launch = with_ipv6("none").await;
    let subnet = launch.data["profile"]["slots"][0]["subnetIds"][0].clone();
    let assign = aws_sdk_ec2::types::AttributeBooleanValue::builder().value(true);
    launch
        .scene
        .ec2
        .modify_subnet_attribute()
        .subnet_id(subnet.as_str().unwrap())
        .assign_ipv6_address_on_creation(assign.build())
        .send()
        .await
        .unwrap();
    launch.run_to(State::AttachInterfaces).await.unwrap();
    assert_eq!(launch.made()[0].ipv6_addresses.len(), 1);
    launch.nothing_is_broken().unwrap();
}

#[tokio::test(start_paused = true)]
async fn addresses_that_another_program_assigns_are_taken_as_they_are() {
    let mut launch = Launch::running().await.unwrap();
    launch.run_to(State::AttachInterfaces).await.unwrap();
    let made = launch.made();
    let assign = launch.scene.ec2.assign_private_ip_addresses();
    let assign = assign.network_interface_id(&made[0].network_interface_id);
    let assigned = assign.secondary_private_ip_address_count(3).send().await;
    assigned.unwrap();
    // A replay finds the interfaces of the node.
    let mut replay = launch.second_execution().await;
    replay.run_to(State::AttachInterfaces).await.unwrap();
    assert_eq!(replay.made().len(), made.len());
    replay.nothing_is_broken().unwrap();
}

#[tokio::test(start_paused = true)]
async fn ipv6_addresses_are_the_lowest_free_or_ec2s_choice() {
    for kind in ["lowest-free", "subnet-assigned"] {
        let mut launch = with_ipv6(kind).await;
        launch.run_to(State::AttachInterfaces).await.unwrap();
        let made = launch.made();
        assert_eq!(made[0].ipv6_addresses.len(), 1, "{kind}");
        if kind == "lowest-free" {
            assert_eq!(made[0].ipv6_addresses[0].to_string(), "2001:db8::4");
        }
        assert!(made[1].ipv6_addresses.is_empty());
        launch.nothing_is_broken().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn address_taken_after_the_listing_is_avoided() {
    let settings = Settings {
        describe_lag: Duration::from_secs(60),
        ..Settings::for_tests()
    };
    let mut launch = Launch::running_in(settings).await.unwrap();
    // Until the lagging describe shows the instance.
    tokio::time::sleep(Duration::from_secs(61)).await;
    launch.run_to(State::PlanInterfaces).await.unwrap();
    let subnet = launch.subnet(0).unwrap().to_owned();
    let taken = launch.address(&subnet, 4).unwrap();
    assert_eq!(planned(&launch.data["plan"], 0), [taken]);
    launch.foreign_interface(&subnet, taken).await.unwrap();

    let allocation = launch.run(State::CreateInterfaces).await.unwrap();
    assert_eq!(allocation["outcome"], "REFUSED");
    assert_eq!(
        allocation["refused"],
        json!([{"reason": "ADDRESS_TAKEN", "network": "signaling", "addresses": [taken]}])
    );
    assert_eq!(allocation["interfaces"].as_array().unwrap().len(), 1);

    let plan = planned_after_a_pause(&mut launch).await;
    assert_eq!(
        planned(&plan, 0),
        [launch.address(&subnet, 5).unwrap()],
        "learnt from EC2's refusal"
    );
    assert_eq!(
        plan["step"]["slots"][1]["existing"], allocation["interfaces"][0]["networkInterfaceId"],
        "remembered, though not listed"
    );
    let allocation = launch.run(State::CreateInterfaces).await.unwrap();
    assert_eq!(allocation["outcome"], "COMPLETE");
    assert_eq!(launch.made().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn only_the_taken_one_of_several_addresses_is_avoided() {
    let mut launch = Launch::running().await.unwrap().with_profile(|profile| {
        profile["slots"][0]["secondaryPrivateAddresses"] = json!(2);
    });
    launch.run_to(State::PlanInterfaces).await.unwrap();
    let subnet = launch.subnet(0).unwrap().to_owned();
    let at = |n| launch.address(&subnet, n).unwrap();
    let (four, five, six, seven) = (at(4), at(5), at(6), at(7));
    launch.foreign_interface(&subnet, five).await.unwrap();
    let allocation = launch.run(State::CreateInterfaces).await.unwrap();
    let refused: Vec<IpAddr> =
        serde_json::from_value(allocation["refused"][0]["addresses"].clone()).unwrap();
    assert_eq!(refused, [IpAddr::V4(five)]);
    let plan = planned_after_a_pause(&mut launch).await;
    assert_eq!(planned(&plan, 0), [four, six, seven]);
}

/// After a conflict there is a pause, and then a new plan.
async fn planned_after_a_pause(launch: &mut Launch) -> Value {
    let pause = launch.run(State::PlanInterfaces).await.unwrap();
    assert!(wait_seconds(&pause) > 0, "{pause}");
    launch.run(State::PlanInterfaces).await.unwrap()
}
