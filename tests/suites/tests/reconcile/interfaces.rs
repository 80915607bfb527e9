//! Orphaned interfaces, and interfaces that are not orphaned.

use anyhow::{Context as _, Result};
use aws_sdk_ec2::types::{NetworkInterfaceAttachmentChanges, ResourceType, Tag, TagSpecification};
use hookline_domain::reconcile::orphans::ORPHANED_SINCE;
use hookline_domain::tags::own::{DEPLOYMENT, INSTANCE_ID};
use hookline_local::{Fault, FaultKind};
use hookline_simulator::run::{GROUP, MACHINE_ARN, Run, on_paused_clock};
use hookline_testkit::roles;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{GONE, by_hand, count, made, nothing_done, pass, scenario};

/// An interface as an execution of this deployment leaves it behind.
async fn interface(run: &Run, made_for: &str) -> Result<String> {
    tagged(run, &[(INSTANCE_ID, made_for), (DEPLOYMENT, roles::STACK)]).await
}

/// An interface with these tags.
pub(super) async fn tagged(run: &Run, tags: &[(&str, &str)]) -> Result<String> {
    let tags: Vec<Tag> = tags
        .iter()
        .map(|(key, value)| Tag::builder().key(*key).value(*value).build())
        .collect();
    let tags = (!tags.is_empty()).then(|| {
        TagSpecification::builder()
            .resource_type(ResourceType::NetworkInterface)
            .set_tags(Some(tags))
            .build()
    });
    run.scene
        .ec2
        .create_network_interface()
        .subnet_id(&run.scene.networks[0].subnets[0])
        .set_tag_specifications(tags.map(|tags| vec![tags]))
        .send()
        .await?
        .network_interface()
        .and_then(|interface| interface.network_interface_id())
        .map(str::to_owned)
        .context("no id")
}

fn exists(run: &Run, interface: &str) -> bool {
    run.local.with_world(|world| {
        world
            .ec2
            .network_interfaces()
            .any(|one| one.network_interface_id == interface)
    })
}

#[test]
fn orphaned_interface_is_marked_and_deleted_ten_minutes_later() -> Result<()> {
    on_paused_clock(async {
        let run = Run::new(scenario(0, false)).await?;
        let leaked = interface(&run, GONE).await?;
        let foreign = tagged(&run, &[]).await?;
        // A describe lags by two seconds.
        pass(5).await;
        let report = by_hand(&run).await;
        assert_eq!(report["marked"], json!([leaked]));
        pass(590).await;
        nothing_done(&by_hand(&run).await);
        pass(20).await;
        assert!(exists(&run, &leaked));
        let report = by_hand(&run).await;
        assert_eq!(report["deleted"], json!([leaked]));
        assert!(!exists(&run, &leaked) && exists(&run, &foreign));
        Ok(())
    })
}

/// A role that may tag by tags only is denied what is gone (docs/iam.md, "What is gone has no tags").
#[test]
fn interface_that_is_gone_since_the_listing_holds_back_no_other() -> Result<()> {
    on_paused_clock(async {
        let run = Run::new(scenario(0, false)).await?;
        let mut leaked = Vec::new();
        for _ in 0..9 {
            leaked.push(interface(&run, GONE).await?);
        }
        leaked.sort();
        // The listing of this round still shows it: a describe lags by two seconds.
        pass(5).await;
        let gone = leaked.remove(4);
        delete(&run, &gone).await?;
        let report = by_hand(&run).await;
        assert_eq!(sorted(&report["marked"]), leaked);
        let skipped = report["left"].as_array().context("a list")?;
        let of_gone = skipped.iter().filter(|one| one["id"] == gone.as_str());
        assert_eq!((of_gone.count(), skipped.len()), (1, 1), "{skipped:?}");

        pass(620).await;
        let gone = leaked.remove(0);
        delete(&run, &gone).await?;
        let report = by_hand(&run).await;
        assert_eq!(sorted(&report["deleted"]), leaked);
        Ok(())
    })
}

async fn delete(run: &Run, interface: &str) -> Result<()> {
    let call = run.scene.ec2.delete_network_interface();
    call.network_interface_id(interface).send().await?;
    Ok(())
}

fn sorted(ids: &Value) -> Vec<String> {
    let ids = ids.as_array().into_iter().flatten();
    let mut ids: Vec<String> = ids
        .filter_map(|id| id.as_str().map(str::to_owned))
        .collect();
    ids.sort();
    ids
}

#[test]
fn one_round_deletes_at_most_its_limit() -> Result<()> {
    on_paused_clock(async {
        let run = Run::new(scenario(0, false)).await?;
        for _ in 0..5 {
            interface(&run, GONE).await?;
        }
        pass(5).await;
        let round = async || {
            let limits = json!({"deletesPerRound": 2, "unownedSeconds": 300});
            run.reconcile(&[], &limits).await.expect("a round")
        };
        let mark = run.local.calls().len();
        assert_eq!(count(&round().await, "marked"), 5);
        let tagging = run.local.calls()[mark..]
            .iter()
            .filter(|call| call.action == "CreateTags")
            .count();
        assert_eq!(tagging, 1, "one call for many");
        pass(300).await;
        for (deleted, left) in [(2, 3), (2, 1), (1, 0), (0, 0)] {
            let report = round().await;
            assert_eq!(
                (count(&report, "deleted"), count(&report, "left")),
                (deleted, left)
            );
            pass(5).await;
        }
        assert_eq!(made(&run).len(), 0);
        Ok(())
    })
}

#[test]
fn interface_that_is_no_longer_orphaned_loses_only_its_mark() -> Result<()> {
    on_paused_clock(async {
        let mut run = Run::new(scenario(2, false)).await?;
        run.to_rest().await?;
        let nodes: Vec<String> = run
            .local
            .with_world(|world| world.autoscaling.states(GROUP).into_keys().collect());
        let attach = async |interface: &str, node: &str| {
            let call = run.scene.ec2.attach_network_interface();
            call.network_interface_id(interface)
                .instance_id(node)
                // The VPC CNI's own interface is at 5, after those of the four networks.
                .device_index(6)
                .send()
                .await
        };
        // One is attached to its node again, the other to another node.
        let (back, moved) = (
            interface(&run, &nodes[0]).await?,
            interface(&run, GONE).await?,
        );
        pass(5).await;
        assert_eq!(count(&by_hand(&run).await, "marked"), 2);
        attach(&back, &nodes[0]).await?;
        attach(&moved, &nodes[1]).await?;
        pass(700).await;
        let report = by_hand(&run).await;
        assert_eq!(
            (count(&report, "unmarked"), count(&report, "deleted")),
            (2, 0)
        );
        pass(5).await;
        assert!(made(&run).values().all(Option::is_none));
        pass(300).await;
        nothing_done(&by_hand(&run).await);
        assert!(exists(&run, &back) && exists(&run, &moved));
        Ok(())
    })
}

/// Launches so many nodes, and takes DeleteOnTermination from their interfaces, as executions leave
/// them that end before they set it. Returns the interfaces, as reconcile may find them 20 minutes
/// later.
async fn unsettled(nodes: usize) -> Result<(Run, Vec<String>)> {
    let mut run = Run::new(scenario(nodes, false)).await?;
    run.to_rest().await?;
    let attached: Vec<(String, String)> = run.local.with_world(|world| {
        let ours = world.ec2.network_interfaces();
        let ours = ours.filter(|found| found.tags.contains_key(INSTANCE_ID));
        let attached = ours.filter_map(|found| {
            let on = found.attachment.as_ref()?;
            Some((found.network_interface_id.clone(), on.attachment_id.clone()))
        });
        attached.collect()
    });
    for (interface, attachment) in &attached {
        let changes = NetworkInterfaceAttachmentChanges::builder()
            .attachment_id(attachment)
            .delete_on_termination(false)
            .build();
        let call = run.scene.ec2.modify_network_interface_attribute();
        let call = call.network_interface_id(interface).attachment(changes);
        call.send().await?;
    }
    assert!(!run.is_settled());
    Ok((run, attached.into_iter().map(|(id, _)| id).collect()))
}

#[test]
fn interface_without_delete_on_termination_gets_it_after_its_execution() -> Result<()> {
    on_paused_clock(async {
        let (run, lacking) = unsettled(1).await?;
        nothing_done(&by_hand(&run).await);
        pass(1_200).await;
        let report = by_hand(&run).await;
        assert_eq!(count(&report, "settled"), lacking.len(), "{report}");
        assert!(run.is_settled());
        pass(5).await;
        nothing_done(&by_hand(&run).await);
        Ok(())
    })
}

/// EC2 gives five calls a second; one of them stays for others.
#[test]
fn round_sets_four_attributes_in_a_second() -> Result<()> {
    on_paused_clock(async {
        let (run, lacking) = unsettled(10).await?;
        pass(1_200).await;
        let begin = Instant::now();
        let report = by_hand(&run).await;
        assert_eq!(count(&report, "settled"), lacking.len(), "{report}");
        let took = begin.elapsed().as_secs_f64();
        assert!((9.0..13.0).contains(&took), "40 took {took} s");
        Ok(())
    })
}

#[test]
fn round_whose_call_is_throttled_leaves_the_other_attributes_to_the_next() -> Result<()> {
    on_paused_clock(async {
        let (run, lacking) = unsettled(2).await?;
        pass(1_200).await;
        let throttled = Fault::on("ModifyNetworkInterfaceAttribute", FaultKind::Throttle);
        run.local.inject(throttled);
        let report = by_hand(&run).await;
        assert_eq!(count(&report, "settled"), 3, "{report}");
        assert_eq!(count(&report, "left"), lacking.len() - 3, "{report}");
        pass(5).await;
        assert_eq!(count(&by_hand(&run).await, "settled"), lacking.len() - 3);
        assert!(run.is_settled());
        Ok(())
    })
}

#[test]
fn round_makes_a_call_again_that_fails_otherwise_and_ends_when_it_fails_for_long() -> Result<()> {
    on_paused_clock(async {
        let (run, lacking) = unsettled(2).await?;
        pass(1_200).await;
        let fails = Fault::on("ModifyNetworkInterfaceAttribute", FaultKind::InternalError);
        // Each of the four calls of a second, three times.
        run.local.inject(fails.clone().times(12));
        let report = by_hand(&run).await;
        assert_eq!(count(&report, "settled"), 0, "{report}");
        assert_eq!(count(&report, "left"), lacking.len(), "{report}");
        pass(5).await;
        run.local.inject(fails.times(1));
        assert_eq!(count(&by_hand(&run).await, "settled"), lacking.len());
        assert!(run.is_settled());
        Ok(())
    })
}

/// The schedule has several targets, each with some of the profiles. One of them sets attributes.
#[test]
fn round_of_one_target_gives_way_to_the_launches_of_the_others() -> Result<()> {
    on_paused_clock(async {
        let (run, lacking) = unsettled(1).await?;
        pass(1_200).await;
        run.scene.scale(GROUP, 2).await?;
        pass(10).await;
        let settled = async |other_targets: bool| {
            let payload = json!({
                "stateMachineArn": MACHINE_ARN,
                "profiles": [],
                "otherTargets": other_targets,
            });
            let report = run.invoke("reconcile", payload).await.expect("a round");
            count(&report, "settled")
        };
        assert_eq!(settled(true).await, 0);
        assert_eq!(settled(false).await, lacking.len());
        Ok(())
    })
}

#[test]
fn round_leaves_the_calls_to_a_launch_that_begins_meanwhile() -> Result<()> {
    on_paused_clock(async {
        let (run, lacking) = unsettled(6).await?;
        pass(1_200).await;
        // One call a second, so that the round takes longer than it goes on without a look.
        let mut profile = run.scene.profile(GROUP);
        profile["requestRates"] =
            json!({"modifyNetworkInterfaceAttribute": {"capacity": 100, "refillPerSecond": 1}});
        let launch = async {
            pass(10).await;
            run.scene.scale(GROUP, 7).await
        };
        let (profiles, limits) = ([profile], json!({}));
        let (report, launched) = tokio::join!(run.reconcile(&profiles, &limits), launch);
        launched?;
        let report = report.expect("a round");
        let settled = count(&report, "settled");
        assert!((20..lacking.len()).contains(&settled), "{report}");
        assert_eq!(count(&report, "left"), lacking.len() - settled, "{report}");
        let left = report["left"][0]["reason"].as_str();
        assert_eq!(left, Some("launches wait, which need the calls"));
        Ok(())
    })
}

/// One of them is on a node that the role may not change: the others get it all the same.
#[test]
fn denied_change_of_one_interface_does_not_stop_the_others() -> Result<()> {
    on_paused_clock(async {
        let (run, lacking) = unsettled(1).await?;
        assert!(lacking.len() > 1, "{lacking:?}");
        pass(1_200).await;
        let denied = FaultKind::Error {
            status: 403,
            code: "UnauthorizedOperation".to_owned(),
            message: "You are not authorized to perform this operation.".to_owned(),
        };
        run.local
            .inject(Fault::on("ModifyNetworkInterfaceAttribute", denied));
        let report = by_hand(&run).await;
        assert_eq!(count(&report, "settled"), lacking.len() - 1, "{report}");
        assert_eq!(count(&report, "left"), 1, "{report}");
        // A describe lags by two seconds.
        pass(5).await;
        assert_eq!(count(&by_hand(&run).await, "settled"), 1);
        assert!(run.is_settled());
        Ok(())
    })
}

#[test]
fn interface_of_another_deployment_is_left_alone() -> Result<()> {
    on_paused_clock(async {
        let run = Run::new(scenario(0, false)).await?;
        let own = interface(&run, GONE).await?;
        let theirs = tagged(&run, &[(INSTANCE_ID, GONE), (DEPLOYMENT, "another")]).await?;
        // As if both deployments had marked theirs.
        let marked = [
            (INSTANCE_ID, GONE),
            (DEPLOYMENT, "another"),
            (ORPHANED_SINCE, "1"),
        ];
        let due = tagged(&run, &marked).await?;
        pass(5).await;
        assert_eq!(by_hand(&run).await["marked"], json!([own]));
        pass(610).await;
        assert_eq!(by_hand(&run).await["deleted"], json!([own]));
        assert!(exists(&run, &theirs) && exists(&run, &due));
        Ok(())
    })
}

#[test]
fn interface_without_the_tag_of_a_deployment_is_reported_until_it_has_one() -> Result<()> {
    on_paused_clock(async {
        let run = Run::new(scenario(0, false)).await?;
        let untagged = tagged(&run, &[(INSTANCE_ID, GONE)]).await?;
        for _ in 0..3 {
            pass(610).await;
            let report = by_hand(&run).await;
            assert_eq!(report["left"][0]["id"], json!(untagged), "{report}");
            let reason = report["left"][0]["reason"].as_str().unwrap_or_default();
            assert!(reason.contains("no tag says which deployment"), "{report}");
            assert_eq!(
                (&report["marked"], &report["deleted"]),
                (&json!([]), &json!([]))
            );
        }
        // An operator says whose it is.
        let tag = Tag::builder().key(DEPLOYMENT).value(roles::STACK).build();
        let tagging = run.scene.ec2.create_tags().resources(&untagged).tags(tag);
        tagging.send().await?;
        pass(5).await;
        assert_eq!(by_hand(&run).await["marked"], json!([untagged]));
        pass(610).await;
        assert_eq!(by_hand(&run).await["deleted"], json!([untagged]));
        Ok(())
    })
}
