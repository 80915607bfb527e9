//! `check` before anything is launched: it names what a launch would fail by, and its commands mend it.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use hookline_testkit::json_api::json_call;
use hookline_testkit::roles;
use hookline_testkit::scene::{HOOK, Size};
use hookline_testkit::stage::Stage;
use hookline_testkit::templates::{launch_from, user_data_with_gate};
use serde_json::{Value, json};

use crate::{
    SMALL, check_lines, commands, finding, mend, run_to_end, schedule_reconcile, shell, stage,
    stage_with, texts,
};

/// A deployment with its group, in which all fits: the gate and a number of pods in the user data, and a
/// maximum size that the subnets have room for.
async fn right_stage(size: &Size) -> Result<Stage> {
    let stage = stage_with(size).await?;
    stage.group("upf").await?;
    let user_data = user_data_with_gate(&stage.scene, 20)?;
    let scene = &stage.scene;
    launch_from(scene, "upf", "checked", size.instance_type, &user_data, 3).await?;
    Ok(stage)
}

/// The findings of `check`, whose exit code tells whether there are any; its text is fit to print.
async fn check(stage: &Stage, line: &str) -> Result<Value> {
    let (code, text) = run_to_end(stage, line).await?;
    check_lines(&text)?;
    let (same, json) = run_to_end(stage, &format!("{line} --json")).await?;
    let mut checked: Value = serde_json::from_str(&json).context("not JSON")?;
    let findings = checked["findings"].take();
    let none = findings == json!([]);
    ensure!(
        code == same && code == i32::from(!none) && none == text.contains("Nothing found."),
        "{code} {same} {text}"
    );
    Ok(findings)
}

async fn only(stage: &Stage, kind: &str) -> Result<Value> {
    let findings = check(stage, "check").await?;
    ensure!(findings.as_array().map(Vec::len) == Some(1), "{findings:#}");
    let found = finding(&findings, kind)?.clone();
    for part in ["where", "why", "remedy"] {
        ensure!(!found[part].is_null(), "no {part} in {found:#}");
    }
    Ok(found)
}

#[tokio::test(flavor = "multi_thread")]
async fn deployment_in_which_all_fits_has_no_finding_and_each_break_is_named_and_mended()
-> Result<()> {
    let stage = right_stage(&SMALL).await?;
    assert_eq!(check(&stage, "check").await?, json!([]));

    let rule = json!({"Name": "upf"});
    json_call(&stage.local, "AWSEvents.DisableRule", &rule).await?;
    let found = only(&stage, "rule-disabled").await?;
    mend(&stage, &found, "aws events enable-rule").await?;

    let targets = json!({"Rule": "upf", "Ids": ["launch-node"]});
    json_call(&stage.local, "AWSEvents.RemoveTargets", &targets).await?;
    let found = only(&stage, "rule-without-target").await?;
    let put = commands(&found, "aws events put-targets");
    let put = put.first().context("no command")?;
    let role = roles::of_rule_for(&stage.deployment.state_machine_arn).context("no role")?;
    shell(&stage, &put.replace("ROLE_ARN", &role)).await?;

    let hook = stage.scene.autoscaling.put_lifecycle_hook();
    hook.auto_scaling_group_name("upf")
        .lifecycle_hook_name(HOOK)
        .heartbeat_timeout(60)
        .default_result("CONTINUE")
        .send()
        .await?;
    let found = only(&stage, "hook-unsafe").await?;
    assert!(
        texts(&found).contains("CONTINUE and a heartbeat timeout of 60 s"),
        "{found:#}"
    );
    mend(&stage, &found, "aws autoscaling put-lifecycle-hook").await?;

    let subnet = stage.scene.first_subnet(1)?;
    stage.scene.fill(subnet).await?;
    let found = only(&stage, "subnet-full").await?;
    for says in [subnet, "user-plane", "profile.slots[1].subnetIds"] {
        assert!(texts(&found).contains(says), "no {says} in {found:#}");
    }
    let deletes = commands(&found, "aws ec2 delete-network-interface");
    assert_eq!(deletes.len(), 3, "{found:#}");
    for delete in deletes {
        shell(&stage, delete).await?;
    }

    // Three addresses are enough for the group's maximum size.
    assert_eq!(check(&stage, "check").await?, json!([]));
    stage.scene.scale("upf", 1).await?;
    stage.in_service("upf", 1).await?;
    assert_eq!(check(&stage, "check").await?, json!([]));
    stage.deployment.shut_down().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_security_group_is_named_before_the_deployment_and_after() -> Result<()> {
    let stage = right_stage(&SMALL).await?;
    let mut wrong = stage.scene.profile("upf");
    wrong["slots"][1]["securityGroupIds"] = json!(["sg-0badbadbadbadbad0"]);
    let config = json!({
        "stackName": "launch-node",
        "profiles": [wrong],
        "hooks": [{"profile": "upf", "autoScalingGroup": "upf"}],
    });
    let folder = tempfile::tempdir()?;
    let write = |name: &str, value: &Value| {
        let path = folder.path().join(name);
        std::fs::write(&path, value.to_string())?;
        anyhow::Ok(path.display().to_string())
    };
    for line in [
        format!("check --profile {}", write("upf.json", &wrong)?),
        format!("check --config {}", write("config.json", &config)?),
    ] {
        let findings = check(&stage, &line).await?;
        let found = finding(&findings, "security-group-missing")?;
        assert_eq!(findings.as_array().map(Vec::len), Some(1), "{findings:#}");
        for says in [
            "sg-0badbadbadbadbad0",
            "profile.slots[1].securityGroupIds",
            "user-plane",
            "every launch is abandoned",
        ] {
            assert!(texts(found).contains(says), "no {says} in {found:#}");
        }
        let groups = mend(&stage, found, "aws ec2 describe-security-groups").await?;
        assert!(groups.contains(&stage.scene.security_group), "{groups}");
    }
    let right = write("right.json", &stage.scene.profile("upf"))?;
    let findings = check(&stage, &format!("check --profile {right}")).await?;
    assert_eq!(findings, json!([]));

    // It is deployed all the same. Reconcile has the right one still.
    stage.deployment.rule("upf", &wrong).await?;
    let findings = check(&stage, "check").await?;
    finding(&findings, "security-group-missing")?;
    let differs = finding(&findings, "reconcile-differs")?;
    assert!(texts(differs).contains("slots differ"), "{differs:#}");
    stage.deployment.shut_down().await;
    Ok(())
}

/// A profile that was changed by hand, in its rule and in reconcile's: the roles have not changed
/// with it.
#[tokio::test(flavor = "multi_thread")]
async fn subnet_that_the_deployed_role_does_not_allow_is_named_before_a_launch() -> Result<()> {
    let stage = right_stage(&SMALL).await?;
    let added = stage.scene.subnet(0, "10.0.200.0/28").await?;
    let mut changed = stage.scene.profile("upf");
    let subnets = changed["slots"][0]["subnetIds"].as_array_mut();
    subnets.context("no subnets")?.push(json!(added));
    stage.deployment.rule("upf", &changed).await?;
    schedule_reconcile(&stage, &changed).await?;
    let findings = check(&stage, "check").await?;
    assert_eq!(findings.as_array().map(Vec::len), Some(2), "{findings:#}");
    let found = finding(&findings, "role-lacks-permission")?;
    for says in [
        "The role of the function create-interfaces does not allow ec2:CreateNetworkInterface.",
        &format!("ec2:CreateNetworkInterface on {added}."),
    ] {
        assert!(texts(found).contains(says), "no {says} in {found:#}");
    }
    // As a deployment of the profile does. The launch template is the one of before.
    roles::put_for_profile(&stage.local, &stage.scene, &changed)?;
    let found = only(&stage, "gate-differs").await?;
    assert!(
        texts(&found).contains(&format!("does not know {added}")),
        "{found:#}"
    );
    stage.deployment.shut_down().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn instance_type_that_is_too_small_is_named_before_a_launch() -> Result<()> {
    let stage = right_stage(&Size {
        networks: 3,
        instance_type: "m5.large",
        ..SMALL
    })
    .await?;
    let findings = check(&stage, "check").await?;
    let found = finding(&findings, "instance-type-too-small")?;
    for says in ["m5.large", "4 interfaces", "m5.large has 3"] {
        assert!(texts(found).contains(says), "no {says} in {found:#}");
    }
    let types = mend(&stage, found, "aws ec2 describe-instance-types").await?;
    assert!(types.contains("m5.4xlarge"), "{types}");
    assert_eq!(findings.as_array().map(Vec::len), Some(1), "{findings:#}");
    stage.deployment.shut_down().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn scene_without_a_gate_and_with_large_groups_is_told_so() -> Result<()> {
    let stage = stage().await?;
    stage.group("upf").await?;
    let targets = json!({"Rule": "reconcile", "Ids": ["reconcile"]});
    json_call(&stage.local, "AWSEvents.RemoveTargets", &targets).await?;
    let findings = check(&stage, "check").await?;
    for kind in [
        "gate-missing",
        "subnet-small",
        "quota-small",
        "reconcile-not-scheduled",
    ] {
        finding(&findings, kind)?;
    }
    stage.deployment.shut_down().await;
    Ok(())
}

/// The addresses of the interfaces that were created for nodes, by node and then by network.
fn addresses(stage: &Stage) -> Vec<Vec<String>> {
    let mut of_nodes: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    stage.local.with_world(|world| {
        for interface in world.ec2.network_interfaces() {
            let tag = |key: &str| interface.tags.get(key).cloned();
            if let (Some(node), Some(network)) =
                (tag("hookline:instance-id"), tag("hookline:network"))
            {
                let address = interface.private_ip_address.to_string();
                of_nodes.entry(node).or_default().insert(network, address);
            }
        }
    });
    let nodes = of_nodes.into_values();
    let mut found: Vec<Vec<String>> = nodes.map(|node| node.into_values().collect()).collect();
    found.sort();
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn launches_get_what_was_planned() -> Result<()> {
    let stage = right_stage(&SMALL).await?;
    stage.scene.scale("upf", 1).await?;
    stage.in_service("upf", 1).await?;
    let before = addresses(&stage);
    check_lines(&run_to_end(&stage, "plan upf --nodes 2").await?.1)?;
    let (code, text) = run_to_end(&stage, "plan upf --nodes 2 --json").await?;
    assert_eq!(code, 0, "{text}");
    let plan: Value = serde_json::from_str(&text)?;
    let mut planned = before;
    for launch in plan["launches"].as_array().into_iter().flatten() {
        let interfaces = launch["interfaces"].as_array().into_iter().flatten();
        let mut by_network: Vec<(&str, &str)> = interfaces
            .filter_map(|it| {
                Some((
                    it["network"].as_str()?,
                    it["privateIpAddresses"][0].as_str()?,
                ))
            })
            .collect();
        by_network.sort_unstable();
        let addresses = by_network
            .into_iter()
            .map(|(_, address)| address.to_owned());
        planned.push(addresses.collect());
    }
    planned.sort();
    assert_eq!(planned.len(), 3, "{plan:#}");
    stage.scene.scale("upf", 3).await?;
    stage.in_service("upf", 3).await?;
    assert_eq!(addresses(&stage), planned);
    stage.deployment.shut_down().await;
    Ok(())
}
