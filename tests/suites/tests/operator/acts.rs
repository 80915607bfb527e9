//! The commands with which an operator acts, with the real functions and the real state machine. Each
//! says what it would do, and does nothing without `--yes`.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use hookline_domain::reconcile::orphans::ORPHANED_SINCE;
use hookline_domain::tags::own;
use hookline_local::ec2::{self, InterfaceSpec};
use hookline_local::{Fault, FaultKind};
use hookline_testkit::json_api::json_call;
use hookline_testkit::roles;
use hookline_testkit::scene::{HOOK, Size};
use hookline_testkit::stage::{LIMIT, Stage};
use hookline_testkit::wait::wait_for;
use serde_json::{Value, json};

use crate::executions::half_way;
use crate::{
    SMALL, check_lines, deploy, hookline, no_trouble, run, run_with_errors,
    schedule_reconcile_with, stage, stage_with, waiting,
};

/// An instance that never existed.
const GONE: &str = "i-0123456789abcdef0";

/// How many calls that change something there were, by the command or by a function.
fn changes(stage: &Stage) -> usize {
    let reads = ["Describe", "List", "Get", "Invoke"];
    let calls = stage.local.calls_where(|call| {
        call.user_agent.contains("app/Hookline")
            && !reads.iter().any(|read| call.action.starts_with(read))
    });
    calls.len()
}

/// What the command says without `--yes`, as text and as JSON. Fails if anything is changed.
async fn proposed(stage: &Stage, line: &str) -> Result<(String, Value)> {
    let before = changes(stage);
    let text = run(stage, line).await?;
    check_lines(&text)?;
    let said = hookline(stage, line).await?;
    ensure!(said["done"] == false, "{said:#}");
    ensure!(changes(stage) == before, "{line} has changed something");
    Ok((text, said))
}

/// Puts an unattached interface of an instance that is gone. Returns its id.
fn leak(stage: &Stage) -> Result<String> {
    let spec = InterfaceSpec {
        subnet_id: stage.scene.first_subnet(0)?.to_owned(),
        tags: [
            (own::INSTANCE_ID, GONE),
            (own::NETWORK, "signaling"),
            (own::DEPLOYMENT, roles::deployment().as_str()),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into(),
        ..InterfaceSpec::default()
    };
    let made = stage
        .local
        .with_world(|world| ec2::create_network_interface(&mut world.ec2, &mut world.kernel, spec));
    made.map_err(|error| anyhow::anyhow!("{error:?}"))
}

/// The tag of reconcile on an interface; `None` if there is no such interface.
fn mark(stage: &Stage, id: &str) -> Option<Option<String>> {
    stage.local.with_world(|world| {
        let mut interfaces = world.ec2.network_interfaces();
        let found = interfaces.find(|it| it.network_interface_id == id)?;
        Some(found.tags.get(ORPHANED_SINCE).cloned())
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn round_of_reconcile_does_what_its_dry_run_says() -> Result<()> {
    let stage = stage().await?;
    stage.group("upf").await?;
    let limits = json!({"launchAgeSeconds": 0, "unownedSeconds": 0});
    schedule_reconcile_with(&stage, &stage.scene.profile("upf"), &limits).await?;
    let (text, _) = proposed(&stage, "reconcile").await?;
    ensure!(
        text.contains("Nothing to do.") && !text.contains("--yes"),
        "{text}"
    );

    // A launch whose event is lost, and an interface that nobody needs.
    let rule = json!({"Name": "upf"});
    json_call(&stage.local, "AWSEvents.DisableRule", &rule).await?;
    stage.scene.scale("upf", 1).await?;
    let instance = waiting(&stage).await?;
    let leaked = leak(&stage)?;
    wait_for(LIMIT, "EC2 to list the interface", async || {
        let (_, said) = proposed(&stage, "reconcile").await?;
        Ok((said["rounds"][0]["report"]["marked"] == json!([leaked])).then_some(()))
    })
    .await?;
    let (text, said) = proposed(&stage, "reconcile --dry-run").await?;
    for says in [
        "1 launch without an execution would get one",
        "1 interface that no launch needs would be marked",
        "add --yes",
    ] {
        ensure!(text.contains(says), "no {says:?} in {text}");
    }
    ensure!(
        said["rounds"][0]["report"]["started"] == json!([instance]),
        "{said:#}"
    );
    ensure!(mark(&stage, &leaked) == Some(None), "it is marked");

    let text = run(&stage, "reconcile --yes").await?;
    check_lines(&text)?;
    // It says first what it does.
    let would = text.find("would get one").context("no announcement")?;
    let did = text.find("has got one").context("no outcome")?;
    ensure!(would < did, "{text}");
    ensure!(
        matches!(mark(&stage, &leaked), Some(Some(_))),
        "it is not marked"
    );
    stage.in_service("upf", 1).await?;
    wait_for(LIMIT, "the interface to be deleted", async || {
        let done = hookline(&stage, "reconcile --yes").await?;
        ensure!(done["done"] == true, "{done:#}");
        Ok(mark(&stage, &leaked).is_none().then_some(()))
    })
    .await?;
    failed_round_leaves_the_one_before_it(&stage).await?;
    stage.deployment.shut_down().await;
    Ok(())
}

/// With a second target, whose round fails after both dry runs and the first round.
async fn failed_round_leaves_the_one_before_it(stage: &Stage) -> Result<()> {
    let listed = json!({"Rule": "reconcile"});
    let mut targets = json_call(&stage.local, "AWSEvents.ListTargetsByRule", &listed).await?;
    let mut second = targets["Targets"][0].take();
    second["Id"] = json!("second");
    let put = json!({"Rule": "reconcile", "Targets": [second]});
    json_call(&stage.local, "AWSEvents.PutTargets", &put).await?;
    stage.local.inject(Fault::on("Invoke", denied()).skip(3));
    let (code, text, errors) = run_with_errors(stage, "reconcile --yes --json").await?;
    let said: Value = serde_json::from_str(&text)?;
    ensure!(code == 6, "exit code {code}: {said:#}");
    ensure!(
        said["rounds"].as_array().map(Vec::len) == Some(1),
        "{said:#}"
    );
    ensure!(errors.contains("access-denied"), "{errors}");
    Ok(())
}

/// A call that IAM refuses.
fn denied() -> FaultKind {
    FaultKind::Error {
        status: 403,
        code: "AccessDeniedException".to_owned(),
        message: "denied".to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_are_adopted_in_batches_each_once() -> Result<()> {
    const NODES: usize = 11;
    let stage = stage_with(&Size {
        prefix: 26,
        ..SMALL
    })
    .await?;
    deploy(&stage, "adopt")?;
    // Launched before there was a rule, and continued by a person.
    stage.scene.group("upf").await?;
    stage.scene.scale("upf", NODES.try_into()?).await?;
    wait_for(LIMIT, "the launches to wait", async || {
        let states = stage
            .local
            .with_world(|world| world.autoscaling.states("upf"));
        for (instance, state) in states {
            if state == hookline_local::autoscaling::LifecycleState::PendingWait {
                stage
                    .scene
                    .complete("upf", HOOK, &instance, "CONTINUE")
                    .await?;
            }
        }
        let in_service = stage
            .local
            .with_world(|world| world.autoscaling.in_service("upf"));
        Ok((in_service == NODES).then_some(()))
    })
    .await?;
    stage
        .deployment
        .rule("upf", &stage.scene.profile("upf"))
        .await?;

    let (text, said) = proposed(&stage, "adopt").await?;
    ensure!(
        text.contains("each of 11 nodes that lack interfaces, 20 in a minute"),
        "{text}"
    );
    let nodes: BTreeSet<String> = serde_json::from_value(said["nodes"].clone())?;
    ensure!(nodes.len() == NODES, "{said:#}");
    let first = nodes.first().context("no node")?;
    let line = format!("adopt {first} {GONE} --json");
    let (code, text, _) = run_with_errors(&stage, &line).await?;
    let said: Value = serde_json::from_str(&text)?;
    ensure!(code == 12, "exit code {code}: {said:#}");
    ensure!(said["nodes"] == json!([first]), "{said:#}");
    ensure!(said["left"][0]["id"] == GONE, "{said:#}");
    // One that gets no execution is refused with --yes too.
    let (code, text, _) = run_with_errors(&stage, &format!("adopt {GONE} --yes")).await?;
    ensure!(
        code == 12 && text.contains("it is not InService"),
        "exit code {code}: {text}"
    );
    // The dry run is answered, and the invocation that starts executions is not.
    stage.local.inject(Fault::on("Invoke", denied()).skip(1));
    let line = format!("adopt {first} --yes --json");
    let (code, text, _) = run_with_errors(&stage, &line).await?;
    let said: Value = serde_json::from_str(&text)?;
    ensure!(
        code == 6 && said["started"] == json!([]),
        "exit code {code}: {said:#}"
    );
    let reason = said["left"][0]["reason"].as_str().unwrap_or_default();
    ensure!(reason.starts_with("it is not known whether"), "{said:#}");

    let (code, text, progress) = run_with_errors(&stage, "adopt --per-minute 600 --yes").await?;
    ensure!(code == 0, "{text}{progress}");
    check_lines(&text)?;
    ensure!(
        text.contains("11 nodes have got an execution each."),
        "{text}"
    );
    let lines: Vec<&str> = progress.lines().collect();
    ensure!(
        lines
            == [
                "10 of 11 nodes: 10 executions are started.",
                "11 of 11 nodes: 11 executions are started."
            ],
        "{progress}"
    );
    let executions = stage.ended(NODES).await?;
    ensure!(executions.len() == NODES, "{executions:#?}");
    ensure!(
        executions.iter().all(|it| it.status == "SUCCEEDED"),
        "{executions:#?}"
    );
    no_trouble(&stage, "node-lacks-interfaces").await?;
    let (text, said) = proposed(&stage, "adopt --per-minute 1").await?;
    ensure!(text.contains("No node lacks interfaces."), "{text}");
    ensure!(said["alreadyWired"] == NODES, "{said:#}");
    stage.deployment.shut_down().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn running_execution_is_replaced_only_on_request_and_after_the_new_one_runs() -> Result<()> {
    let stage = stage().await?;
    let instance = half_way(&stage, Duration::from_secs(5)).await?;
    let old = stage.deployment.executions().await?.remove(0);
    let (code, text, _) = run_with_errors(&stage, &format!("replay {instance} --yes")).await?;
    ensure!(code == 12, "exit code {code}: {text}");
    ensure!(
        text.contains("An execution for the launch is running."),
        "{text}"
    );
    ensure!(stage.deployment.executions().await?.len() == 1);

    let (text, said) = proposed(&stage, &format!("replay {instance} --replace")).await?;
    ensure!(
        text.contains("When the new one runs, this command stops the old one."),
        "{text}"
    );
    ensure!(said["replaces"] == json!([old.arn]), "{said:#}");
    let done = hookline(&stage, &format!("replay {} --replace --yes", old.arn)).await?;
    ensure!(done["stopped"] == json!([old.arn]), "{done:#}");
    let calls = stage.local.calls();
    let of = |action: &str| calls.iter().rposition(|call| call.action == action);
    ensure!(
        of("StartExecution") < of("StopExecution"),
        "stopped before the start"
    );
    stage.in_service("upf", 1).await?;
    let executions = stage.ended(2).await?;
    let statuses: Vec<&str> = executions.iter().map(|it| it.status.as_str()).collect();
    ensure!(statuses == ["ABORTED", "SUCCEEDED"], "{executions:#?}");
    let (code, text, _) = run_with_errors(&stage, &format!("replay {instance}")).await?;
    ensure!(
        code == 12 && text.contains("a replay changes nothing"),
        "{text}"
    );
    stage.deployment.shut_down().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_profile_is_corrected_and_the_launch_replayed_with_the_deployed_one() -> Result<()>
{
    let stage = stage().await?;
    stage.group("upf").await?;
    let mut wrong = stage.scene.profile("upf");
    wrong["slots"][0]["deviceIndex"] = json!(0);
    stage.deployment.rule("upf", &wrong).await?;
    stage.scene.scale("upf", 1).await?;
    let instance = waiting(&stage).await?;
    stage.ended(1).await?;
    stage
        .deployment
        .rule("upf", &stage.scene.profile("upf"))
        .await?;

    let (text, said) = proposed(&stage, &format!("replay {instance}")).await?;
    ensure!(text.contains("--deployed-profile takes that"), "{text}");
    ensure!(said["profileHasChanged"] == true, "{said:#}");
    let explained = hookline(&stage, &format!("explain {instance}")).await?;
    crate::replay(&stage, &explained["launch"]).await?;
    stage.in_service("upf", 1).await?;
    let executions = stage.ended(2).await?;
    ensure!(
        executions[1].input["profile"] == stage.scene.profile("upf"),
        "{executions:#?}"
    );
    stage.deployment.shut_down().await;
    Ok(())
}
