//! `ReleaseInterfaces`: all that was made for the launch goes, and nothing else (I2, I4).

use std::time::Duration;

use hookline_local::ec2::{self, AttachmentStatus};
use hookline_local::{Fault, Settings};
use hookline_testkit::calls::FunctionCalls as _;
use hookline_testkit::launch::{Launch, State};
use serde_json::{Value, json};

use crate::{counts, failed, not_allowed};

fn ids(launch: &Launch) -> Vec<String> {
    let mut ids: Vec<String> = launch
        .made()
        .into_iter()
        .map(|made| made.network_interface_id)
        .collect();
    ids.sort();
    ids
}

async fn launch_at(state: State) -> Launch {
    let mut launch = Launch::running().await.unwrap();
    launch.run_to(state).await.unwrap();
    launch
}

async fn until_terminated(launch: &mut Launch) {
    launch
        .until("the instance's end", |launch| {
            launch
                .node()
                .is_ok_and(|node| node.state == ec2::InstanceState::Terminated)
        })
        .await
        .unwrap();
}

#[tokio::test(start_paused = true)]
async fn unattached_interface_is_deleted_at_once() {
    let mut launch = launch_at(State::CreateInterfaces).await;
    let made = ids(&launch);
    let mark = launch.mark();
    let release = launch.run(State::ReleaseInterfaces).await.unwrap();
    assert_eq!(release, json!({"released": made}));
    assert_eq!(launch.made(), []);
    assert_eq!(
        launch.actions_since(mark),
        counts([
            ("DescribeNetworkInterfaces", 1),
            ("DeleteNetworkInterface", 2)
        ])
    );
}

#[tokio::test(start_paused = true)]
async fn attached_interface_is_detached_and_then_deleted() {
    let mut launch = launch_at(State::AttachInterfaces).await;
    let made = ids(&launch);
    let release = launch.run(State::ReleaseInterfaces).await.unwrap();
    assert_eq!(release, json!({"released": made}));
    assert_eq!(launch.made(), []);
    launch.nothing_is_broken().unwrap();
}

#[tokio::test(start_paused = true)]
async fn detaching_interface_is_only_waited_for() {
    let mut launch = launch_at(State::AttachInterfaces).await;
    for interface in launch.made() {
        let attachment = interface.attachment.unwrap().attachment_id;
        launch.local().with_world(|world| {
            ec2::detach_network_interface(&mut world.ec2, &mut world.kernel, &attachment).unwrap();
        });
    }
    let mark = launch.mark();
    launch.run(State::ReleaseInterfaces).await.unwrap();
    assert_eq!(launch.made(), []);
    assert!(
        !launch
            .actions_since(mark)
            .contains_key("DetachNetworkInterface")
    );
}

#[tokio::test(start_paused = true)]
async fn node_that_others_let_go_on_keeps_its_interfaces_for_as_long_as_it_runs() {
    for outcome in ["LAUNCH_GONE", "ALREADY_COMPLETED"] {
        let mut launch = launch_at(State::AttachInterfaces).await;
        let made = ids(&launch);
        launch.data["completion"] = json!({ "outcome": outcome });
        let mark = launch.mark();
        let release = launch.run(State::ReleaseInterfaces).await.unwrap();
        assert_eq!(release, json!({"released": [], "kept": made}), "{outcome}");
        let calls = launch.actions_since(mark);
        assert!(!calls.contains_key("DetachNetworkInterface"), "{calls:?}");

        let terminate = launch.scene.ec2.terminate_instances();
        let terminate = terminate.instance_ids(&launch.instance);
        terminate.send().await.unwrap();
        let release = launch.run(State::ReleaseInterfaces).await.unwrap();
        assert_eq!(release.get("kept"), None, "{outcome}");
        assert_eq!(launch.made(), []);
    }
}

#[tokio::test(start_paused = true)]
async fn unattached_interface_is_deleted_whoever_ended_the_launch() {
    let mut launch = launch_at(State::CreateInterfaces).await;
    let made = ids(&launch);
    launch.data["completion"] = json!({"outcome": "LAUNCH_GONE"});
    let release = launch.run(State::ReleaseInterfaces).await.unwrap();
    assert_eq!(release, json!({"released": made}));
    assert_eq!(launch.made(), []);
}

#[tokio::test(start_paused = true)]
async fn long_detach_is_left_to_the_retrier() {
    let settings = Settings {
        detach_for: Duration::from_secs(45),
        ..Settings::for_tests()
    };
    let mut launch = Launch::running_in(settings).await.unwrap();
    launch.run_to(State::AttachInterfaces).await.unwrap();
    let made = ids(&launch);
    let says = failed(
        launch.run(State::ReleaseInterfaces).await,
        "Hookline.StillDetaching",
    );
    assert!(made.iter().all(|id| says.contains(id)), "{says}");
    tokio::time::sleep(Duration::from_secs(30)).await;
    launch.run(State::ReleaseInterfaces).await.unwrap();
    assert_eq!(launch.made(), []);
}

#[tokio::test(start_paused = true)]
async fn interface_not_listed_yet_is_known_from_the_execution() {
    let settings = Settings {
        describe_lag: Duration::from_secs(30),
        ..Settings::for_tests()
    };
    let mut launch = Launch::running_in(settings).await.unwrap();
    tokio::time::sleep(Duration::from_secs(31)).await;
    launch.run_to(State::CreateInterfaces).await.unwrap();
    assert_eq!(launch.made().len(), 2);
    let release = launch.run(State::ReleaseInterfaces).await.unwrap();
    assert_eq!(release["released"].as_array().unwrap().len(), 2);
    assert_eq!(launch.made(), []);
}

#[tokio::test(start_paused = true)]
async fn interface_of_an_earlier_round_is_known_from_the_plan() {
    let settings = Settings {
        describe_lag: Duration::from_secs(30),
        ..Settings::for_tests()
    };
    let mut launch = Launch::running_in(settings).await.unwrap();
    tokio::time::sleep(Duration::from_secs(31)).await;
    launch.run_to(State::PlanInterfaces).await.unwrap();
    let subnet = launch.subnet(0).unwrap().to_owned();
    let taken = launch.address(&subnet, 4).unwrap();
    let foreign = launch.foreign_interface(&subnet, taken).await.unwrap();
    launch.run(State::CreateInterfaces).await.unwrap();
    launch.run(State::PlanInterfaces).await.unwrap();
    // The second create failed, so the state machine kept the first one's result. Suppose that even
    // this is lost.
    launch.data["allocation"] = Value::Null;
    launch.run(State::ReleaseInterfaces).await.unwrap();
    assert_eq!(launch.made(), []);
    let left = launch
        .local()
        .with_world(|world| world.ec2.network_interface(&foreign).is_some());
    assert!(left, "somebody else's is not ours to delete");
}

#[tokio::test(start_paused = true)]
async fn listings_that_lag_behind_a_detach_do_no_harm() {
    for varies in [false, true] {
        let settings = Settings {
            describe_lag: Duration::from_secs(3),
            describe_lag_varies: varies,
            ..Settings::for_tests()
        };
        let mut launch = Launch::running_in(settings).await.unwrap();
        tokio::time::sleep(Duration::from_secs(4)).await;
        launch.run_to(State::AttachInterfaces).await.unwrap();
        launch.run(State::ReleaseInterfaces).await.unwrap();
        assert_eq!(launch.made(), []);
        // Again, while the listing still shows the deleted interface.
        launch.run(State::ReleaseInterfaces).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn second_release_does_nothing() {
    let mut launch = launch_at(State::AttachInterfaces).await;
    launch.run(State::ReleaseInterfaces).await.unwrap();
    let second = launch.run(State::ReleaseInterfaces).await.unwrap();
    // The execution still has their ids. A deleted interface is no error.
    assert_eq!(second["released"].as_array().unwrap().len(), 2);
    let mut without_memory = launch.second_execution().await;
    let mark = launch.mark();
    let third = without_memory.run(State::ReleaseInterfaces).await.unwrap();
    assert_eq!(third, json!({"released": []}));
    assert_eq!(
        launch.actions_since(mark),
        counts([("DescribeNetworkInterfaces", 1)])
    );
}

#[tokio::test(start_paused = true)]
async fn instance_deleted_with_its_interfaces_leaves_nothing_to_release() {
    let mut launch = launch_at(State::AttachInterfaces).await;
    launch.run(State::AbandonLaunch).await.unwrap();
    until_terminated(&mut launch).await;
    assert_eq!(launch.made(), [], "DeleteOnTermination");
    launch.run(State::ReleaseInterfaces).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn instance_that_terminates_during_the_release_does_no_harm() {
    let mut launch = launch_at(State::AttachInterfaces).await;
    launch.run(State::AbandonLaunch).await.unwrap();
    launch.run(State::ReleaseInterfaces).await.unwrap();
    assert_eq!(launch.made(), []);
    launch.nothing_is_broken().unwrap();
}

#[tokio::test(start_paused = true)]
async fn interface_moved_to_another_instance_is_not_changed() {
    let mut launch = launch_at(State::CreateInterfaces).await;
    let other = Launch::more(&launch.scene, 1).await.unwrap().remove(0);
    other.until_it_runs().await.unwrap();
    let moved = launch.made().remove(0).network_interface_id;
    launch.local().with_world(|world| {
        ec2::attach_network_interface(
            &mut world.ec2,
            &mut world.kernel,
            &moved,
            &other.instance,
            5,
            0,
        )
        .unwrap();
    });
    let release = launch.run(State::ReleaseInterfaces).await.unwrap();
    assert_eq!(release["released"].as_array().unwrap().len(), 1);
    assert_eq!(ids(&launch), [moved]);
    other
        .until("it to be attached there", |other| {
            other.local().with_world(|world| {
                world
                    .ec2
                    .interfaces_of(&other.instance)
                    .filter_map(|interface| interface.attachment.as_ref())
                    .any(|on| on.device_index == 5 && on.status == AttachmentStatus::Attached)
            })
        })
        .await
        .unwrap();
}

#[tokio::test(start_paused = true)]
async fn interface_of_another_owner_is_not_released() {
    let mut launch = launch_at(State::AttachInterfaces).await;
    let mut neighbour = Launch::more(&launch.scene, 1).await.unwrap().remove(0);
    neighbour.run_to(State::AttachInterfaces).await.unwrap();
    let subnet = launch.subnet(0).unwrap().to_owned();
    let address = launch.address(&subnet, 99).unwrap();
    let foreign = launch.foreign_interface(&subnet, address).await.unwrap();
    let on_node = launch.foreign_interface(&subnet, launch.address(&subnet, 98).unwrap());
    let on_node = on_node.await.unwrap();
    launch.local().with_world(|world| {
        ec2::attach_network_interface(
            &mut world.ec2,
            &mut world.kernel,
            &on_node,
            &launch.instance,
            7,
            0,
        )
        .unwrap();
    });
    tokio::time::sleep(Duration::from_secs(5)).await;
    let others = |launch: &Launch| -> Vec<Value> {
        launch.local().with_world(|world| {
            world
                .ec2
                .network_interfaces()
                .filter(|found| found.tags.get("hookline:instance-id") != Some(&launch.instance))
                .map(|found| json!(format!("{found:?}")))
                .collect()
        })
    };
    let before = others(&launch);
    assert!(before.len() >= 6, "{}", before.len());
    launch.run(State::ReleaseInterfaces).await.unwrap();
    assert_eq!(launch.made(), []);
    assert_eq!(others(&launch), before);
    assert!(
        before
            .iter()
            .any(|found| found.to_string().contains(&foreign))
    );
}

#[tokio::test(start_paused = true)]
async fn release_without_interfaces_does_nothing() {
    for state in [None, Some(State::TagNode), Some(State::PlanInterfaces)] {
        let mut launch = Launch::running().await.unwrap();
        if let Some(state) = state {
            launch.run_to(state).await.unwrap();
        }
        let release = launch.run(State::ReleaseInterfaces).await.unwrap();
        assert_eq!(release, json!({"released": []}));
    }
}

/// A terminated instance may have lost its tags while its interfaces are still attached. The role
/// knows the instance by its tags, so EC2 does not allow the detach.
#[tokio::test(start_paused = true)]
async fn denied_detach_from_an_ending_instance_is_waited_for() {
    let settings = Settings {
        shutdown_for: Duration::from_secs(120),
        ..Settings::for_tests()
    };
    let mut launch = Launch::running_in(settings).await.unwrap();
    launch.run_to(State::AttachInterfaces).await.unwrap();
    launch.run(State::AbandonLaunch).await.unwrap();
    let denied = Fault::on("DetachNetworkInterface", not_allowed());
    launch.local().inject(denied.always());
    let made = ids(&launch);
    let says = failed(
        launch.run(State::ReleaseInterfaces).await,
        "Hookline.StillDetaching",
    );
    assert!(made.iter().all(|id| says.contains(id)), "{says}");
    until_terminated(&mut launch).await;
    launch.run(State::ReleaseInterfaces).await.unwrap();
    assert_eq!(launch.made(), []);
}

/// The role may only delete what has a certain tag.
fn denied_delete(interface: &str) -> Fault {
    let fault = Fault::on("DeleteNetworkInterface", not_allowed());
    fault.when("NetworkInterfaceId", interface).always()
}

/// An interface that is gone has no tags, so EC2 does not allow to delete it again.
#[tokio::test(start_paused = true)]
async fn denied_delete_of_an_interface_that_is_gone_counts_as_done() {
    let settings = Settings {
        describe_lag: Duration::from_secs(5),
        ..Settings::for_tests()
    };
    let mut launch = Launch::running_in(settings).await.unwrap();
    tokio::time::sleep(Duration::from_secs(6)).await;
    launch.run_to(State::CreateInterfaces).await.unwrap();
    tokio::time::sleep(Duration::from_secs(6)).await;
    let gone = ids(&launch).remove(0);
    let delete = launch.scene.ec2.delete_network_interface();
    delete.network_interface_id(&gone).send().await.unwrap();
    launch.local().inject(denied_delete(&gone));
    let release = launch.run(State::ReleaseInterfaces).await.unwrap();
    assert_eq!(release["released"].as_array().unwrap().len(), 2);
    assert_eq!(launch.made(), []);
}

#[tokio::test(start_paused = true)]
async fn denied_delete_of_an_interface_that_stays_is_named_at_the_end() {
    let mut launch = launch_at(State::CreateInterfaces).await;
    let denied = ids(&launch).remove(0);
    launch.local().inject(denied_delete(&denied));
    let says = failed(
        launch.run(State::ReleaseInterfaces).await,
        "Hookline.AccessDenied",
    );
    assert!(says.contains("DeleteNetworkInterface"), "{says}");
    assert_eq!(ids(&launch), [denied]);
}
