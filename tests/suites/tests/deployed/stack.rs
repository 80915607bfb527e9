//! What was deployed, as ministack tells of it.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use hookline_conformance::clients::Clients;
use hookline_conformance::report;
use hookline_conformance::run::Plan;
use hookline_local::iam::{TemplateRoles, managed_policy};
use hookline_local::{LocalAws, Outcome};
use hookline_testkit::connector::plain_config;
use hookline_testkit::json_api::json_call;
use hookline_testkit::ministack::Ministack;
use hookline_testkit::roles;
use hookline_testkit::scene::Scene;
use serde_json::{Value, json};

/// Checks that a stack and each of its resources is CREATE_COMPLETE. Returns the number of
/// resources.
pub(crate) async fn every_resource_is_there(ministack: &Ministack, stack: &str) -> Result<usize> {
    stack_is(ministack, stack, "CREATE_COMPLETE").await?;
    let call = ["cloudformation", "describe-stack-resources", "--stack-name"];
    let answer = ministack.aws(&[&call[..], &[stack]].concat()).await?;
    let resources = answer["StackResources"].as_array().context("no list")?;
    let mut statuses: BTreeMap<&str, usize> = BTreeMap::new();
    for resource in resources {
        let status = resource["ResourceStatus"].as_str().unwrap_or_default();
        *statuses.entry(status).or_default() += 1;
    }
    ensure!(
        statuses.len() == 1 && statuses.contains_key("CREATE_COMPLETE"),
        "{stack}: {statuses:?} {answer:#}"
    );
    Ok(resources.len())
}

/// What CloudFormation says of a stack.
async fn described(ministack: &Ministack, stack: &str) -> Result<Value> {
    let call = ["cloudformation", "describe-stacks", "--stack-name", stack];
    ministack.aws(&call).await
}

/// Checks the status of a stack.
pub(crate) async fn stack_is(ministack: &Ministack, stack: &str, status: &str) -> Result<()> {
    let answer = described(ministack, stack).await?;
    ensure!(
        answer["Stacks"][0]["StackStatus"] == status,
        "{status} was expected: {answer:#}"
    );
    Ok(())
}

/// An output of a stack.
pub(crate) async fn output(ministack: &Ministack, stack: &str, name: &str) -> Result<String> {
    let answer = described(ministack, stack).await?;
    let outputs = answer["Stacks"][0]["Outputs"].as_array();
    outputs
        .into_iter()
        .flatten()
        .find(|output| output["OutputKey"] == name)
        .and_then(|output| output["OutputValue"].as_str())
        .map(str::to_owned)
        .with_context(|| format!("{stack} has no output {name}: {answer:#}"))
}

/// Creates a managed node group, and its group in the fake Auto Scaling, with the tag that EKS puts
/// on its nodes. Returns the group's name.
pub(crate) async fn node_group(
    ministack: &Ministack,
    scene: &Scene,
    cluster: &str,
    name: &str,
) -> Result<String> {
    let answer = ministack
        .aws(&[
            "eks",
            "create-nodegroup",
            "--cluster-name",
            cluster,
            "--nodegroup-name",
            name,
            "--subnets",
            "subnet-0123456789abcdef0",
            "--node-role",
            "arn:aws:iam::123456789012:role/node",
        ])
        .await?;
    let group = answer["nodegroup"]["resources"]["autoScalingGroups"][0]["name"]
        .as_str()
        .with_context(|| format!("no group: {answer:#}"))?
        .to_owned();
    let tags = [("eks:nodegroup-name", name), ("eks:cluster-name", cluster)];
    scene.plain_group(&group, &tags).await?;
    Ok(group)
}

/// Creates an EKS cluster.
pub(crate) async fn cluster(ministack: &Ministack, name: &str) -> Result<()> {
    let call = ["eks", "create-cluster", "--name", name, "--role-arn"];
    let role = [
        "arn:aws:iam::123456789012:role/eks",
        "--resources-vpc-config",
        "subnetIds=subnet-0123456789abcdef0",
    ];
    ministack.aws(&[&call[..], &role].concat()).await.map(drop)
}

/// The lifecycle hooks of a group in the fake Auto Scaling: name, heartbeat timeout in seconds,
/// default result.
pub(crate) async fn hooks(scene: &Scene, group: &str) -> Result<Vec<(String, i32, String)>> {
    let answer = scene
        .autoscaling
        .describe_lifecycle_hooks()
        .auto_scaling_group_name(group)
        .send()
        .await
        .with_context(|| format!("DescribeLifecycleHooks {group}"))?;
    Ok(answer
        .lifecycle_hooks()
        .iter()
        .map(|hook| {
            (
                hook.lifecycle_hook_name().unwrap_or_default().to_owned(),
                hook.heartbeat_timeout().unwrap_or_default(),
                hook.default_result().unwrap_or_default().to_owned(),
            )
        })
        .collect())
}

/// Copies the hook that CloudFormation put on a group of ministack to the group of that name in the
/// fake Auto Scaling.
pub(crate) async fn carry_over_hook(
    ministack: &Ministack,
    scene: &Scene,
    group: &str,
) -> Result<()> {
    let call = ["autoscaling", "describe-lifecycle-hooks"];
    let name = ["--auto-scaling-group-name", group];
    let answer = ministack.aws(&[call, name].concat()).await?;
    let hooks = answer["LifecycleHooks"].as_array().context("no list")?;
    let [hook] = hooks.as_slice() else {
        anyhow::bail!("not one hook on {group}: {answer:#}");
    };
    let text = |name: &str| hook[name].as_str().unwrap_or_default();
    let seconds = hook["HeartbeatTimeout"].as_i64().context("no timeout")?;
    scene
        .autoscaling
        .put_lifecycle_hook()
        .auto_scaling_group_name(group)
        .lifecycle_hook_name(text("LifecycleHookName"))
        .lifecycle_transition(text("LifecycleTransition"))
        .heartbeat_timeout(i32::try_from(seconds)?)
        .default_result(text("DefaultResult"))
        .send()
        .await
        .context("PutLifecycleHook")?;
    Ok(())
}

/// Removes the hooks that CloudFormation has removed from a group of ministack from the group of
/// that name in the fake Auto Scaling. Returns their number.
pub(crate) async fn carry_over_removed_hooks(
    ministack: &Ministack,
    scene: &Scene,
    group: &str,
) -> Result<usize> {
    let call = ["autoscaling", "describe-lifecycle-hooks"];
    let name = ["--auto-scaling-group-name", group];
    let answer = ministack.aws(&[call, name].concat()).await?;
    let left = answer["LifecycleHooks"].as_array().context("no list")?;
    let mut removed = 0;
    for (hook, ..) in hooks(scene, group).await? {
        if left.iter().any(|one| one["LifecycleHookName"] == *hook) {
            continue;
        }
        let delete = scene.autoscaling.delete_lifecycle_hook();
        let delete = delete
            .auto_scaling_group_name(group)
            .lifecycle_hook_name(hook);
        delete.send().await.context("DeleteLifecycleHook")?;
        removed += 1;
    }
    Ok(removed)
}

/// Whether it is a role of the CDK's bootstrap.
fn is_of_bootstrap(item: &Value) -> bool {
    let name = item["RoleName"].as_str();
    name.is_some_and(|name| name.starts_with("cdk-"))
}

/// Copies the deployed roles to the fake AWS, with the policies that CloudFormation gave them, and
/// deletes the roles there that are no longer deployed. From now on, the fake AWS authorises what the
/// functions, the rules and the state machine's starters call there. Returns the number of roles.
pub(crate) async fn carry_over_roles(ministack: &Ministack, local: &LocalAws) -> Result<usize> {
    let call = [
        "iam",
        "get-account-authorization-details",
        "--filter",
        "Role",
    ];
    let answer = ministack.aws(&call).await?;
    let deployed = answer["RoleDetailList"].as_array().context("no list")?;
    let mut roles = TemplateRoles::default();
    for role in deployed {
        let name = role["RoleName"].as_str().context("a role without a name")?;
        if is_of_bootstrap(role) {
            continue;
        }
        let mut documents = Vec::new();
        for attached in role["AttachedManagedPolicies"]
            .as_array()
            .into_iter()
            .flatten()
        {
            let policy = attached["PolicyArn"].as_str().unwrap_or_default();
            let policy = managed_policy(policy);
            documents.push(policy.with_context(|| format!("{name}: what does this allow?"))?);
        }
        let policies = role["RolePolicyList"].as_array().into_iter().flatten();
        documents.extend(policies.map(|policy| policy["PolicyDocument"].clone()));
        let arn = role["Arn"].as_str().context("a role without an ARN")?;
        roles.documents.insert(arn.to_owned(), documents);
        let trust = role["AssumeRolePolicyDocument"].clone();
        roles.trust.insert(arn.to_owned(), trust);
    }
    for role in local.iam().roles() {
        if !roles.documents.contains_key(&role.arn) {
            local.iam().delete_role(&role.arn);
        }
    }
    let carried = roles.documents.len();
    roles::give(local, roles)?;
    Ok(carried)
}

/// Copies the policies for people to the fake AWS. Returns their number.
async fn carry_over_policies(ministack: &Ministack, local: &LocalAws) -> Result<usize> {
    let answer = ministack
        .aws(&["iam", "list-policies", "--scope", "Local"])
        .await?;
    let policies = answer["Policies"].as_array().context("no list")?;
    for policy in policies {
        let arn = policy["Arn"].as_str().context("a policy without an ARN")?;
        let version = policy["DefaultVersionId"].as_str().unwrap_or_default();
        let call = ["iam", "get-policy-version", "--policy-arn", arn];
        let call = [&call[..], &["--version-id", version]].concat();
        let mut answer = ministack.aws(&call).await?;
        let document = answer["PolicyVersion"]["Document"].take();
        local.iam().put_policy(arn, document);
    }
    Ok(policies.len())
}

/// What IAM's simulator says of the deployed roles, by the conformance suite: the stack, the functions, the
/// state machines and the rules are ministack's, the networks and the groups those that the functions use,
/// and the simulator is the fake AWS's, with the roles and policies that CloudFormation made.
pub(crate) async fn roles_are_as_they_should_be(
    ministack: &Ministack,
    local: &LocalAws,
    stack: &str,
) -> Result<()> {
    ensure!(carry_over_policies(ministack, local).await? >= 3);
    let fake = Clients::new(&plain_config(local).await).await?;
    let endpoint = format!("http://{}", ministack.address());
    let mut clients = Clients::new(&Clients::of_endpoint(&endpoint).await).await?;
    clients.iam = fake.iam;
    clients.ec2 = fake.ec2;
    clients.autoscaling = fake.autoscaling;
    let plan = Plan {
        stack: Some(stack.to_owned()),
        only_deployment: true,
        ..Plan::default()
    };
    let never = std::future::pending();
    let outcomes = plan.run(&clients, "deployed", never, |_| ()).await?;
    let lines: Vec<String> = outcomes.iter().map(report::lines).collect();
    println!("{}", lines.join("\n"));
    ensure!(lines.len() == 4, "{lines:#?}");
    ensure!(
        outcomes
            .iter()
            .all(|it| it.observed().is_some() && !it.is_difference()),
        "{}",
        lines.join("\n")
    );
    Ok(())
}

/// Checks that a role, and not just anyone, made each call of EC2 and Auto Scaling that only functions
/// make, and that none was denied.
pub(crate) fn every_call_had_a_role(local: &LocalAws) -> Result<()> {
    let calls = local.calls_where(|call| {
        [
            "CreateNetworkInterface",
            "AttachNetworkInterface",
            "CompleteLifecycleAction",
        ]
        .contains(&call.action.as_str())
    });
    ensure!(!calls.is_empty(), "no function called");
    for call in calls {
        ensure!(call.role.is_some(), "nobody's credentials: {call:?}");
    }
    let denied = local.calls_where(|call| {
        matches!(&call.outcome, Outcome::Error(code)
        if code.contains("UnauthorizedOperation") || code.contains("AccessDenied"))
    });
    ensure!(denied.is_empty(), "{denied:#?}");
    Ok(())
}

/// Checks that reconcile has called Step Functions as its own role. Its rounds are minutes apart, so this
/// is for a test that has invoked it.
pub(crate) fn reconcile_called_step_functions(local: &LocalAws) -> Result<()> {
    let of_reconcile = local.calls_where(|call| {
        call.action == "ListExecutions"
            && call
                .role
                .as_ref()
                .is_some_and(|role| role.contains("Reconcile"))
    });
    ensure!(
        !of_reconcile.is_empty(),
        "no call of Step Functions by reconcile's role"
    );
    Ok(())
}

/// Copies the deployed rules for Auto Scaling's events, with their targets, to the fake
/// EventBridge, and removes the rules there that an update has removed. Returns their number.
pub(crate) async fn carry_over_rules(ministack: &Ministack, scene: &Scene) -> Result<usize> {
    let answer = ministack.aws(&["events", "list-rules"]).await?;
    let deployed = answer["Rules"].as_array().context("no list")?;
    remove_other_rules(scene, deployed).await?;
    let mut carried = 0;
    for rule in deployed {
        let Some(pattern) = rule["EventPattern"].as_str() else {
            continue;
        };
        if serde_json::from_str::<Value>(pattern)?["source"] != json!(["aws.autoscaling"]) {
            continue;
        }
        let name = rule["Name"].as_str().context("a rule without a name")?;
        let put = json!({"Name": name, "EventPattern": pattern, "State": rule["State"]});
        json_call(&scene.local, "AWSEvents.PutRule", &put).await?;
        let targets = ministack
            .aws(&["events", "list-targets-by-rule", "--rule", name])
            .await?;
        let put = json!({"Rule": name, "Targets": targets["Targets"]});
        let answer = json_call(&scene.local, "AWSEvents.PutTargets", &put).await?;
        ensure!(answer["FailedEntryCount"] == 0, "PutTargets: {answer}");
        carried += 1;
    }
    Ok(carried)
}

/// Removes the rules of the fake EventBridge that are not among `deployed`.
async fn remove_other_rules(scene: &Scene, deployed: &[Value]) -> Result<()> {
    let answer = json_call(&scene.local, "AWSEvents.ListRules", &json!({})).await?;
    for rule in answer["Rules"].as_array().into_iter().flatten() {
        if deployed.iter().any(|one| one["Name"] == rule["Name"]) {
            continue;
        }
        let of_rule = json!({"Rule": rule["Name"]});
        let mut targets = json_call(&scene.local, "AWSEvents.ListTargetsByRule", &of_rule).await?;
        let targets = targets["Targets"].as_array_mut().context("no list")?;
        let ids: Vec<Value> = targets
            .iter_mut()
            .map(|target| target["Id"].take())
            .collect();
        let remove = json!({"Rule": rule["Name"], "Ids": ids});
        json_call(&scene.local, "AWSEvents.RemoveTargets", &remove).await?;
        let delete = json!({"Name": rule["Name"]});
        json_call(&scene.local, "AWSEvents.DeleteRule", &delete).await?;
    }
    Ok(())
}

/// The target of the deployed schedule.
pub(crate) async fn schedule_of_reconcile(ministack: &Ministack) -> Result<Value> {
    let answer = ministack.aws(&["events", "list-rules"]).await?;
    let rule = answer["Rules"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|rule| rule["ScheduleExpression"].is_string())
        .with_context(|| format!("no schedule: {answer:#}"))?;
    let name = rule["Name"].as_str().context("a rule without a name")?;
    let mut answer = ministack
        .aws(&["events", "list-targets-by-rule", "--rule", name])
        .await?;
    ensure!(answer["Targets"][0]["Input"].is_string(), "{answer:#}");
    Ok(answer["Targets"][0].take())
}

/// Checks that there is no stack but the CDK's own, which is the account's, and no function, state
/// machine, rule, queue, alarm, dashboard, role or log group.
pub(crate) async fn nothing_is_left(ministack: &Ministack) -> Result<()> {
    let answer = ministack
        .aws(&["cloudformation", "describe-stacks"])
        .await?;
    let stacks: Vec<&Value> = answer["Stacks"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|stack| &stack["StackName"])
        .collect();
    ensure!(stacks == [&json!("CDKToolkit")], "{stacks:?}");
    for (call, list) in [
        (["lambda", "list-functions"], "Functions"),
        (["stepfunctions", "list-state-machines"], "stateMachines"),
        (["events", "list-rules"], "Rules"),
        (["sqs", "list-queues"], "QueueUrls"),
        (["cloudwatch", "describe-alarms"], "MetricAlarms"),
        (["cloudwatch", "list-dashboards"], "DashboardEntries"),
        (["iam", "list-roles"], "Roles"),
        (["logs", "describe-log-groups"], "logGroups"),
    ] {
        let mut answer = ministack.aws(&call).await?;
        if let Some(items) = answer[list].as_array_mut() {
            items.retain(|item| !is_of_bootstrap(item));
            ensure!(items.is_empty(), "left after cdk destroy: {items:#?}");
        }
    }
    Ok(())
}
