//! `PlanInterfaces`: which subnets and addresses it chooses, from what, and with which calls.

use std::sync::Arc;
use std::time::Duration;

use hookline::aws::Aws;
use hookline_domain::profile::{Selector, TagSelector};
use hookline_local::autoscaling::LifecycleState;
use hookline_local::ec2::{self, InterfaceSpec, ReservationType};
use hookline_local::{Fault, FaultKind, LocalAws, Settings};
use hookline_testkit::calls::FunctionCalls as _;
use hookline_testkit::connector::product_config;
use hookline_testkit::launch::{GROUP, Launch, State, small};
use hookline_testkit::roles;
use hookline_testkit::scene::{HOOK, Scene, Size};
use serde_json::{Value, json};

use crate::{counts, planned, wait_seconds};

async fn plan(launch: &mut Launch) -> Value {
    launch.tag().await.unwrap();
    launch.run(State::PlanInterfaces).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn every_slot_gets_the_lowest_free_address_and_nothing_is_created() {
    let mut launch = Launch::running().await.unwrap();
    launch.run(State::TagNode).await.unwrap();
    let mark = launch.mark();
    let plan = launch.run(State::PlanInterfaces).await.unwrap();
    for slot in 0..2 {
        let subnet = launch.subnet(slot).unwrap();
        assert_eq!(plan["step"]["slots"][slot]["subnetId"], subnet);
        assert_eq!(plan["step"]["slots"][slot]["existing"], Value::Null);
        assert_eq!(
            planned(&plan, slot),
            [launch.address(subnet, 4).unwrap()],
            "the first four are EC2's own"
        );
    }
    assert_eq!(plan["round"], 1);
    assert_eq!(wait_seconds(&plan), 0);
    assert_eq!(plan["nodeRunning"], true);
    assert_eq!(
        launch.actions_since(mark),
        counts([
            ("DescribeInstanceTypes", 1),
            ("DescribeSubnets", 1),
            ("GetSubnetCidrReservations", 2),
            ("DescribeInstances", 1),
            ("DescribeNetworkInterfaces", 1),
        ])
    );
}

#[tokio::test(start_paused = true)]
async fn taken_reserved_and_excluded_addresses_are_avoided() {
    let mut launch = Launch::running().await.unwrap();
    let subnet = launch.subnet(0).unwrap().to_owned();
    let at = |n| launch.address(&subnet, n).unwrap();
    let (fourth, fifth) = (at(4), at(5));
    let (six, seven, eight, sixteen) = (at(6), at(7), at(8), at(16));
    launch.foreign_interface(&subnet, fourth).await.unwrap();
    launch.foreign_interface(&subnet, seven).await.unwrap();
    launch.local().with_world(|world| {
        let reserve = format!("{eight}/29").parse().unwrap();
        ec2::reserve_cidr(
            &mut world.ec2,
            &mut world.kernel,
            &subnet,
            reserve,
            ReservationType::Explicit,
        )
        .unwrap();
        let prefixes = format!("{sixteen}/28").parse().unwrap();
        ec2::reserve_cidr(
            &mut world.ec2,
            &mut world.kernel,
            &subnet,
            prefixes,
            ReservationType::Prefix,
        )
        .unwrap();
    });
    let (low, high) = (at(32), at(34));
    launch = launch.with_profile(|profile| {
        profile["slots"][0]["excludedRanges"] =
            json!([format!("{fifth}/32"), format!("{low}-{high}")]);
        // Two slots in one subnet: an address that is excluded for one is excluded for both.
        profile["slots"][1]["subnetIds"] = json!([subnet]);
        profile["slots"][1]["secondaryPrivateAddresses"] = json!(1);
    });
    let plan = plan(&mut launch).await;
    assert_eq!(planned(&plan, 0), [six]);
    let at = |n| launch.address(&subnet, n).unwrap();
    assert_eq!(planned(&plan, 1), [at(35), at(36)]);
}

#[tokio::test(start_paused = true)]
async fn second_subnet_is_used_if_the_first_is_full() {
    let scene = Scene::build(
        LocalAws::new(Settings::for_tests()),
        &Size {
            azs: 1,
            networks: 1,
            prefix: 28,
            ..Size::default()
        },
    )
    .await
    .unwrap();
    scene.group(GROUP).await.unwrap();
    let more = scene.subnet(0, "10.0.250.0/24").await.unwrap();
    let mut launch = Launch::more(&Arc::new(scene), 1)
        .await
        .unwrap()
        .remove(0)
        .with_profile(|profile| {
            profile["slots"][0]["subnetIds"]
                .as_array_mut()
                .unwrap()
                .push(json!(more));
        });
    launch.until_it_runs().await.unwrap();
    let first = launch.subnet(0).unwrap().to_owned();
    let before = plan(&mut launch).await;
    assert_eq!(before["step"]["slots"][0]["subnetId"], first);
    for n in 4..15 {
        let address = launch.address(&first, n).unwrap();
        launch.foreign_interface(&first, address).await.unwrap();
    }
    launch.data["plan"] = Value::Null;
    let after = plan(&mut launch).await;
    assert_eq!(after["step"]["slots"][0]["subnetId"], more);
    assert_eq!(planned(&after, 0), [launch.address(&more, 4).unwrap()]);
}

#[tokio::test(start_paused = true)]
async fn launches_in_flight_each_leave_the_others_their_addresses() {
    let first = Launch::running().await.unwrap();
    let scene = Arc::clone(&first.scene);
    let mut launches = vec![first];
    launches.extend(Launch::more(&scene, 3).await.unwrap());
    // In any order, each plans its own address.
    for (ahead, launch) in launches.iter_mut().enumerate().rev() {
        let plan = plan(launch).await;
        assert_eq!(plan["ahead"], ahead);
        let rank = u32::try_from(ahead).unwrap();
        for slot in 0..2 {
            let subnet = launch.subnet(slot).unwrap();
            assert_eq!(
                planned(&plan, slot),
                [launch.address(subnet, 4 + rank).unwrap()]
            );
        }
    }
}

/// A scene with one small network, in whose group so many nodes are in service without interfaces
/// of Hookline's, as if they had been launched before the hook was put.
async fn nodes_from_before_the_hook(nodes: usize, age: Duration) -> Arc<Scene> {
    let size = Size {
        azs: 1,
        networks: 1,
        prefix: 28,
        ..Size::default()
    };
    let scene = Scene::build(LocalAws::new(Settings::for_tests()), &size);
    let scene = Arc::new(scene.await.unwrap());
    scene.group(GROUP).await.unwrap();
    for launch in Launch::more(&scene, nodes).await.unwrap() {
        launch.until_it_runs().await.unwrap();
        scene
            .autoscaling
            .complete_lifecycle_action()
            .auto_scaling_group_name(GROUP)
            .lifecycle_hook_name(HOOK)
            .instance_id(&launch.instance)
            .lifecycle_action_result("CONTINUE")
            .send()
            .await
            .unwrap();
        launch
            .until_lifecycle_state(LifecycleState::InService)
            .await
            .unwrap();
    }
    tokio::time::sleep(age).await;
    scene
}

#[tokio::test(start_paused = true)]
async fn nodes_launched_before_the_hook_are_not_ahead() {
    let scene = nodes_from_before_the_hook(12, Duration::from_secs(200)).await;
    let mut launch = Launch::more(&scene, 1).await.unwrap().remove(0);
    launch.until_it_runs().await.unwrap();
    let plan = plan(&mut launch).await;
    let subnet = launch.subnet(0).unwrap();
    assert_eq!(plan["ahead"], 0);
    assert_eq!(planned(&plan, 0), [launch.address(subnet, 4).unwrap()]);
}

#[tokio::test(start_paused = true)]
async fn nodes_launched_just_before_the_hook_fill_no_subnet() {
    let scene = nodes_from_before_the_hook(12, Duration::ZERO).await;
    let mut launch = Launch::more(&scene, 1).await.unwrap().remove(0);
    launch.until_it_runs().await.unwrap();
    let plan = plan(&mut launch).await;
    let subnet = launch.subnet(0).unwrap();
    assert_eq!(planned(&plan, 0), [launch.address(subnet, 4).unwrap()]);
}

#[tokio::test(start_paused = true)]
async fn group_name_with_wildcards_selects_that_group_only() {
    const ODD: &str = r"a*b? c/d\e";
    let size = small();
    let scene = Scene::build(LocalAws::new(Settings::for_tests()), &size);
    let scene = scene.await.unwrap();
    // Each other name matches the first one if its special characters are not escaped.
    let names = [ODD, r"axxbx c/d\e", "a*b? c/de"];
    for name in names {
        scene.group(name).await.unwrap();
        scene.scale(name, 1).await.unwrap();
    }
    tokio::time::sleep(Duration::from_secs(60)).await;
    let aws = Aws::new(&product_config(&scene.local).await, roles::deployment());
    for name in names {
        let selector = Selector::AutoScalingGroupNames([name.to_owned()].into());
        let listed = aws.instances_of(&selector).await.unwrap();
        assert_eq!(listed.len(), 1, "{name}");
        assert_eq!(listed[0].tags["aws:autoscaling:groupName"], name);
        // A tag that a selector names is taken literally too.
        let selector = Selector::Tag(TagSelector {
            key: "multus".to_owned(),
            value: Some(name.to_owned()),
        });
        assert_eq!(aws.instances_of(&selector).await.unwrap().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn launches_that_wait_for_long_keep_their_rank() {
    let first = Launch::running().await.unwrap();
    let mut launches = Launch::more(&first.scene, 3).await.unwrap();
    for launch in &mut launches {
        launch.run(State::TagNode).await.unwrap();
    }
    tokio::time::sleep(Duration::from_secs(900)).await;
    // The first one has no mark: nothing ran for it.
    let mut last = Launch::more(&first.scene, 1).await.unwrap().remove(0);
    last.until_it_runs().await.unwrap();
    let plan = plan(&mut last).await;
    let subnet = last.subnet(0).unwrap();
    assert_eq!(plan["ahead"], 3);
    assert_eq!(planned(&plan, 0), [last.address(subnet, 7).unwrap()]);
}

#[tokio::test(start_paused = true)]
async fn late_launch_waits_for_its_turn_and_the_first_does_not() {
    let first = Launch::running().await.unwrap();
    let mut launches = Launch::more(&first.scene, 60).await.unwrap();
    let mut last = launches.pop().unwrap();
    let mut first = first;
    assert_eq!(wait_seconds(&plan(&mut first).await), 0);
    let late = plan(&mut last).await;
    assert_eq!(late["ahead"], 60);
    assert!(wait_seconds(&late) > 0, "{late}");
    // Waiting is no conflict: it stays the first round.
    let again = last.run(State::PlanInterfaces).await.unwrap();
    assert_eq!(again["round"], 1);
}

#[tokio::test(start_paused = true)]
async fn launch_that_plans_late_has_the_same_turn() {
    let first = Launch::running().await.unwrap();
    let mut launches = Launch::more(&first.scene, 60).await.unwrap();
    let mut last = launches.pop().unwrap();
    let at_once = wait_seconds(&plan(&mut last).await);
    last.data["plan"] = Value::Null;
    tokio::time::sleep(Duration::from_secs(10)).await;
    let later = wait_seconds(&plan(&mut last).await);
    assert!(
        (later + 9..=later + 11).contains(&at_once),
        "{at_once}, {later}"
    );
}

#[tokio::test(start_paused = true)]
async fn launch_waits_for_a_backlog_while_it_shrinks() {
    let first = Launch::running().await.unwrap();
    let mut launches = Launch::more(&first.scene, 60).await.unwrap();
    let mut last = launches.pop().unwrap();
    plan(&mut last).await;
    // Its turn has come, and no launch ahead has its interfaces: some have ended, the others are
    // stuck.
    tokio::time::sleep(Duration::from_secs(40)).await;
    let gone = launches.drain(..20).map(|launch| launch.instance.clone());
    let gone: Vec<String> = gone.collect();
    let terminate = last.scene.ec2.terminate_instances();
    let terminated = terminate.set_instance_ids(Some(gone)).send().await;
    terminated.unwrap();
    let waits = last.run(State::PlanInterfaces).await.unwrap();
    assert_eq!(waits["ahead"], 40);
    assert!(wait_seconds(&waits) > 0, "{waits}");
    let goes = last.run(State::PlanInterfaces).await.unwrap();
    assert_eq!(goes["ahead"], 40);
    assert_eq!(wait_seconds(&goes), 0, "they delay no other launch");
}

#[tokio::test(start_paused = true)]
async fn cached_observations_are_used_to_wait_and_not_to_plan() {
    const LOOK: &str = "DescribeInstances";
    let first = Launch::running().await.unwrap();
    let mut launches = Launch::more(&first.scene, 60).await.unwrap();
    let mut last = launches.pop().unwrap();
    let mut others = Vec::new();
    for launch in [launches.pop().unwrap(), launches.pop().unwrap(), first] {
        let mut other = launch.in_process_of(&last);
        other.tag().await.unwrap();
        others.push(other);
    }
    let [mut soon, mut later, mut first] = <[Launch; 3]>::try_from(others).ok().unwrap();
    plan(&mut last).await;

    let mark = soon.mark();
    let waits = soon.run(State::PlanInterfaces).await.unwrap();
    assert!(wait_seconds(&waits) > 0, "{waits}");
    assert_eq!(soon.actions_since(mark).get(LOOK), None);

    let mark = first.mark();
    let planned = first.run(State::PlanInterfaces).await.unwrap();
    assert_eq!(wait_seconds(&planned), 0);
    assert_eq!(first.actions_since(mark).get(LOOK), Some(&1));

    // Of 61 instances, it is used for six seconds.
    tokio::time::sleep(Duration::from_secs(7)).await;
    let mark = later.mark();
    later.run(State::PlanInterfaces).await.unwrap();
    assert_eq!(later.actions_since(mark).get(LOOK), Some(&1));
}

#[tokio::test(start_paused = true)]
async fn node_with_all_interfaces_does_not_wait() {
    let first = Launch::running().await.unwrap();
    let mut launches = Launch::more(&first.scene, 60).await.unwrap();
    let mut last = launches.pop().unwrap();
    assert!(wait_seconds(&plan(&mut last).await) > 0);
    // After its wait. The others never arrive.
    for state in [
        State::PlanInterfaces,
        State::CreateInterfaces,
        State::AttachInterfaces,
    ] {
        last.run(state).await.unwrap();
    }
    last.data["plan"] = Value::Null;
    // Longer than a cached observation is used.
    tokio::time::sleep(Duration::from_secs(7)).await;
    let again = plan(&mut last).await;
    assert_eq!(again["ahead"], 60);
    assert_eq!(wait_seconds(&again), 0);
    assert!(again["step"]["slots"][0]["existing"].is_string(), "{again}");
}

#[tokio::test(start_paused = true)]
async fn time_between_two_parts_of_a_wait_counts_as_waiting() {
    let mut launch = Launch::running().await.unwrap();
    plan(&mut launch).await;
    launch.data["plan"]["step"] = json!({"action": "WAIT", "seconds": 250, "reason": "TURN", "thenSeconds": 400, "extendHook": true});
    tokio::time::sleep(Duration::from_secs(250 + 30)).await;
    let rest = launch.run(State::PlanInterfaces).await.unwrap();
    let last = rest["step"]["thenSeconds"].as_u64().unwrap();
    assert!((121..=180).contains(&last), "{rest}");
    let seconds = wait_seconds(&rest) + last;
    assert!((369..=371).contains(&seconds), "{rest}");
    assert_eq!(rest["step"]["extendHook"], true);
    assert_eq!(rest["extendedAfter"], rest["secondsSinceEvent"]);

    // After the whole wait the turn has come.
    tokio::time::sleep(Duration::from_secs(500)).await;
    let turn = launch.run(State::PlanInterfaces).await.unwrap();
    assert_eq!(wait_seconds(&turn), 0, "{turn}");
}

#[tokio::test(start_paused = true)]
async fn hook_that_could_not_be_extended_is_extended_a_minute_later() {
    let mut launch = Launch::running().await.unwrap();
    plan(&mut launch).await;
    launch.data["plan"]["step"] = json!({"action": "WAIT", "seconds": 890, "reason": "TURN", "thenSeconds": 900, "extendHook": true});
    launch.data["extension"] =
        json!({"Error": "AutoScaling.AutoScalingException", "Cause": "Rate exceeded"});
    tokio::time::sleep(Duration::from_secs(950)).await;
    let failed = launch.run(State::PlanInterfaces).await.unwrap();
    assert_eq!(
        (wait_seconds(&failed), &failed["extendedAfter"]),
        (60, &Value::Null)
    );
    assert_eq!(failed["step"]["extendHook"], true);
    launch.data["extension"] = json!({});
    tokio::time::sleep(Duration::from_secs(60)).await;
    let extended = launch.run(State::PlanInterfaces).await.unwrap();
    assert!(wait_seconds(&extended) > 600, "{extended}");
    assert_eq!(extended["extendedAfter"], extended["secondsSinceEvent"]);
}

#[tokio::test(start_paused = true)]
async fn addresses_of_earlier_launches_are_not_reserved_again() {
    let mut first = Launch::running().await.unwrap();
    let mut second = Launch::more(&first.scene, 1).await.unwrap().remove(0);
    let subnet = second.subnet(0).unwrap().to_owned();
    let next = second.address(&subnet, 5).unwrap();
    first.run_to(State::CreateInterfaces).await.unwrap();
    assert_eq!(planned(&plan(&mut second).await, 0), [next]);
    first.run(State::AttachInterfaces).await.unwrap();
    let plan = plan(&mut second.second_execution().await).await;
    assert_eq!(planned(&plan, 0), [next]);
    assert_eq!(plan["ahead"], 0, "it needs nothing more of EC2's rates");
}

#[tokio::test(start_paused = true)]
async fn existing_interface_is_planned_as_it_is() {
    let mut launch = Launch::running().await.unwrap();
    launch.run_to(State::CreateInterfaces).await.unwrap();
    let mut second = launch.second_execution().await;
    let plan = plan(&mut second).await;
    for interface in launch.made() {
        let network = &interface.tags["hookline:network"];
        let slots = plan["step"]["slots"].as_array().unwrap();
        let slot = slots.iter().find(|slot| slot["network"] == *network);
        let slot = slot.unwrap();
        assert_eq!(slot["existing"], interface.network_interface_id.as_str());
        assert_eq!(slot["privateIpAddresses"], json!([]));
    }
}

#[tokio::test(start_paused = true)]
async fn plan_notices_that_the_instance_is_running() {
    let mut launch = Launch::begin(Settings::for_tests(), &hookline_testkit::launch::small())
        .await
        .unwrap();
    let node = launch.run(State::TagNode).await.unwrap();
    assert_eq!(node["node"]["running"], false);
    launch.until_it_runs().await.unwrap();
    let plan = launch.run(State::PlanInterfaces).await.unwrap();
    assert_eq!(plan["nodeRunning"], true);
}

#[tokio::test(start_paused = true)]
async fn warm_process_describes_subnets_and_types_once() {
    let mut launch = Launch::running().await.unwrap();
    plan(&mut launch).await;
    let warm = counts([("DescribeInstances", 1), ("DescribeNetworkInterfaces", 1)]);
    let mark = launch.mark();
    launch.run(State::PlanInterfaces).await.unwrap();
    assert_eq!(launch.actions_since(mark), warm);
    // A change of the subnets takes effect some minutes later.
    let subnet = launch.subnet(0).unwrap().to_owned();
    let range = launch.address(&subnet, 0).unwrap();
    launch.local().with_world(|world| {
        let range = format!("{range}/28").parse().unwrap();
        ec2::reserve_cidr(
            &mut world.ec2,
            &mut world.kernel,
            &subnet,
            range,
            ReservationType::Explicit,
        )
        .unwrap();
    });
    tokio::time::sleep(Duration::from_secs(301)).await;
    let mark = launch.mark();
    // By now its hook is extended first.
    let waits = launch.run(State::PlanInterfaces).await.unwrap();
    assert_eq!(
        (wait_seconds(&waits), &waits["step"]["extendHook"]),
        (1, &json!(true))
    );
    let plan = launch.run(State::PlanInterfaces).await.unwrap();
    assert_eq!(
        launch.actions_since(mark),
        counts([
            ("DescribeSubnets", 1),
            ("GetSubnetCidrReservations", 2),
            ("DescribeInstances", 2),
            ("DescribeNetworkInterfaces", 1),
        ])
    );
    assert_eq!(planned(&plan, 0), [launch.address(&subnet, 16).unwrap()]);
}

#[tokio::test(start_paused = true)]
async fn response_for_one_subnet_is_kept_when_another_is_throttled() {
    const ACTION: &str = "GetSubnetCidrReservations";
    let mut launch = Launch::running().await.unwrap();
    launch.run(State::TagNode).await.unwrap();
    let [throttled, slow] = [0, 1].map(|slot| launch.subnet(slot).unwrap().to_owned());
    let throttle = Fault::on(ACTION, FaultKind::Throttle);
    let delay = Fault::on(ACTION, FaultKind::Delay(Duration::from_secs(20)));
    launch
        .local()
        .inject(throttle.when("SubnetId", throttled).always());
    launch.local().inject(delay.when("SubnetId", slow));
    let error = launch.run(State::PlanInterfaces).await.unwrap_err();
    assert!(error.to_string().contains("throttled"), "{error}");
    launch.local().clear_faults();
    let mark = launch.mark();
    launch.run(State::PlanInterfaces).await.unwrap();
    assert_eq!(launch.actions_since(mark).get(ACTION), Some(&1));
}

#[tokio::test(start_paused = true)]
async fn every_page_of_interfaces_is_read() {
    let size = Size {
        azs: 1,
        networks: 1,
        prefix: 20,
        ..Size::default()
    };
    let mut launch = Launch::begin(Settings::for_tests(), &size).await.unwrap();
    let subnet = launch.subnet(0).unwrap().to_owned();
    let first = u32::from(launch.address(&subnet, 4).unwrap());
    launch.local().with_world(|world| {
        for n in 0..1100 {
            let spec = InterfaceSpec {
                subnet_id: subnet.clone(),
                private_ip_address: Some((first + n).into()),
                ..InterfaceSpec::default()
            };
            ec2::create_network_interface(&mut world.ec2, &mut world.kernel, spec).unwrap();
        }
    });
    launch.run(State::TagNode).await.unwrap();
    let mark = launch.mark();
    let plan = launch.run(State::PlanInterfaces).await.unwrap();
    assert_eq!(
        planned(&plan, 0),
        [launch.address(&subnet, 4 + 1100).unwrap()]
    );
    assert_eq!(launch.actions_since(mark)["DescribeNetworkInterfaces"], 2);
}

#[tokio::test(start_paused = true)]
async fn repeated_conflicts_cause_a_wait_and_are_remembered() {
    let mut launch = Launch::running().await.unwrap();
    let subnet = launch.subnet(0).unwrap().to_owned();
    let plan_of = |n| launch.address(&subnet, n).unwrap();
    let taken = [plan_of(4), plan_of(5), plan_of(6)];
    plan(&mut launch).await;
    for (n, address) in taken.iter().enumerate() {
        launch.data["allocation"] = json!({
            "outcome": "REFUSED",
            "round": 1,
            "interfaces": [],
            "refused": [{"reason": "ADDRESS_TAKEN", "network": "signaling", "addresses": [address]}],
        });
        let next = launch.address(&subnet, 5 + u32::try_from(n).unwrap());
        let next = next.unwrap();
        let pause = launch.run(State::PlanInterfaces).await.unwrap();
        assert_eq!(pause["round"], 2 + n);
        assert!(wait_seconds(&pause) > 0, "{pause}");
        assert_eq!(pause["step"]["reason"], "ADDRESS_CONFLICT");
        // The plan comes after the pause. No create was made for it, so this is the same round.
        let plan = launch.run(State::PlanInterfaces).await.unwrap();
        assert_eq!(plan["round"], 2 + n);
        assert_eq!(wait_seconds(&plan), 0);
        assert_eq!(planned(&plan, 0), [next]);
    }
}
