//! A dry run says what a round would do, and only reads.

use anyhow::{Context as _, Result};
use aws_sdk_ec2::types::NetworkInterfaceAttachmentChanges;
use hookline_domain::tags::own::{DEPLOYMENT, INSTANCE_ID};
use hookline_local::eventbridge::Disturbance;
use hookline_simulator::run::{GROUP, MACHINE_ARN, Run, on_paused_clock};
use hookline_testkit::roles;
use serde_json::{Value, json};

use super::interfaces::tagged;
use super::{
    ENDED, GONE, abort, by_hand, count, executions, half_way, made, pass, scenario,
    two_lost_launches,
};

/// A dry run. Fails if the function makes a call that changes something, or sends a metric.
async fn dry_run(run: &Run) -> Value {
    let mark = run.local.calls().len();
    run.measured();
    let payload = json!({
        "stateMachineArn": MACHINE_ARN,
        "profiles": [run.scene.profile(GROUP)],
        "dryRun": true,
    });
    let report = run.invoke("reconcile", payload).await.expect("a dry run");
    let calls = run.local.calls().split_off(mark);
    let changes = |action: &str| !action.starts_with("Describe") && !action.starts_with("List");
    let changing: Vec<_> = calls
        .iter()
        .filter(|call| call.user_agent.contains("app/Hookline") && changes(&call.action))
        .map(|call| &call.action)
        .collect();
    assert!(changing.is_empty(), "{changing:?}");
    assert_eq!(run.measured(), Vec::<Value>::new());
    report
}

/// A dry run and then a round, which must do what the dry run says. Returns the round's report.
async fn foretold(run: &Run) -> Value {
    let mut dry = dry_run(run).await;
    assert_eq!(dry["dryRun"], true);
    dry["dryRun"] = json!(false);
    let report = by_hand(run).await;
    assert_eq!(dry, report);
    report
}

#[test]
fn start_of_a_lost_launch_is_foretold() -> Result<()> {
    on_paused_clock(async {
        let run = two_lost_launches().await?;
        pass(150).await;
        dry_run(&run).await;
        assert_eq!(executions(&run).await?, []);
        let report = foretold(&run).await;
        assert_eq!(count(&report, "started"), 2, "{report}");
        Ok(())
    })
}

#[test]
fn abandon_of_a_launch_whose_execution_was_stopped_is_foretold() -> Result<()> {
    on_paused_clock(async {
        let run = two_lost_launches().await?;
        run.local
            .eventbridge()
            .disturb(Disturbance::drop().detail_type(ENDED));
        pass(150).await;
        by_hand(&run).await;
        run.watch_until("interfaces", |run| made(run).len() == 8)
            .await?;
        for (arn, ..) in executions(&run).await? {
            abort(&run, &arn).await?;
        }
        pass(5).await;
        let report = foretold(&run).await;
        assert_eq!(
            (count(&report, "abandoned"), count(&report, "released")),
            (2, 8),
            "{report}"
        );
        Ok(())
    })
}

#[test]
fn mark_and_delete_of_an_orphaned_interface_are_foretold() -> Result<()> {
    on_paused_clock(async {
        let run = Run::new(scenario(0, false)).await?;
        let own = [(INSTANCE_ID, GONE), (DEPLOYMENT, roles::STACK)];
        tagged(&run, &own).await?;
        tagged(&run, &[(INSTANCE_ID, GONE)]).await?;
        pass(5).await;
        let report = foretold(&run).await;
        assert_eq!((count(&report, "marked"), count(&report, "left")), (1, 1));
        pass(610).await;
        let report = foretold(&run).await;
        assert_eq!((count(&report, "deleted"), count(&report, "left")), (1, 1));
        Ok(())
    })
}

#[test]
fn change_of_delete_on_termination_is_foretold() -> Result<()> {
    on_paused_clock(async {
        let mut run = Run::new(scenario(1, false)).await?;
        run.to_rest().await?;
        let (interface, attachment) = run
            .local
            .with_world(|world| {
                let mut interfaces = world.ec2.network_interfaces();
                let ours = interfaces.find(|found| found.tags.contains_key(INSTANCE_ID))?;
                let on = ours.attachment.as_ref()?;
                Some((ours.network_interface_id.clone(), on.attachment_id.clone()))
            })
            .context("no attached interface")?;
        let changes = NetworkInterfaceAttachmentChanges::builder()
            .attachment_id(attachment)
            .delete_on_termination(false)
            .build();
        let call = run.scene.ec2.modify_network_interface_attribute();
        let call = call.network_interface_id(&interface).attachment(changes);
        call.send().await?;
        pass(1_200).await;
        let report = foretold(&run).await;
        assert_eq!(report["settled"], json!([interface]));
        Ok(())
    })
}

#[test]
fn running_execution_is_left_alone() -> Result<()> {
    on_paused_clock(async {
        let mut run = Run::new(scenario(1, false)).await?;
        run.launch().await?;
        half_way(&run).await?;
        super::nothing_done(&dry_run(&run).await);
        Ok(())
    })
}
