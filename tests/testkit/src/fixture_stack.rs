//! The stack of the fixture on the fake AWS, as far as who looks at a deployment sees it: its resources, the
//! roles of its functions and state machines, its rules with the profiles, its policies for people.
//! Nothing of it runs.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use hookline_local::LocalAws;
use hookline_local::cloudformation::Stack;
use hookline_local::iam::TemplateRoles;
use hookline_local::lambda::FunctionConfig;
use serde_json::{Value, json};

use crate::json_api::json_call;
use crate::roles::{self, RoleLimit, STACK, Traffic};
use crate::scene::{Scene, Size};

/// The resources of a stack: type and physical id by logical id.
type Resources = BTreeMap<String, (String, String)>;

/// Builds a scene with the groups of the fixture's configuration, and puts its stack.
///
/// # Errors
/// If the fake AWS refuses a part of it.
pub async fn put(local: &LocalAws) -> Result<()> {
    put_limited_by(local, RoleLimit::Ids).await
}

/// The same with the roles of another limit. The profiles are those without it.
///
/// # Errors
/// As [`put`].
pub async fn put_limited_by(local: &LocalAws, limit: RoleLimit) -> Result<()> {
    let size = Size {
        azs: 1,
        networks: 1,
        ..Size::default()
    };
    let scene = Scene::build(local.clone(), &size).await?;
    for group in ["upf", "smf"] {
        scene.group(group).await?;
    }
    scene
        .plain_group("amf", &[("pool", "amf"), ("wired", "yes")])
        .await?;
    scene.plain_group("plain", &[]).await?;

    let (mut template, stack) = (roles::template(limit)?, roles::stack(STACK, "aws"));
    let resources = TemplateRoles::resources(&template, &stack);
    let mut of_stack = roles::as_deployed(&scene, limit)?;
    for (logical, role) in std::mem::take(&mut of_stack.unattached) {
        let documents = of_stack.documents.remove(&role).unwrap_or_default();
        let document = documents.into_iter().next().context("no document")?;
        let (_, arn) = resources.get(&logical).context("no policy")?;
        local.iam().put_policy(arn, document);
    }
    put_programs(local, &of_stack, &resources).await?;
    put_rules(local, &scene, &of_stack, &resources).await?;
    roles::give(local, of_stack)?;

    // The fixture has only what says who may do what.
    if let Some(all) = template.get_mut("Resources").and_then(Value::as_object_mut) {
        all.insert("HookGroup".to_owned(), custom_resource("core"));
    }
    put_stack(local, STACK, template, resources);
    Ok(())
}

/// Puts the traffic stack of the fixture. Returns its name.
///
/// # Errors
/// If the fake AWS refuses a part of it.
pub async fn put_traffic(local: &LocalAws, traffic: Traffic) -> Result<String> {
    let (template, stack) = roles::traffic_template(traffic)?;
    let resources = TemplateRoles::resources(&template, &stack);
    let of_stack = TemplateRoles::read(&template, &stack)?;
    put_programs(local, &of_stack, &resources).await?;
    roles::give(local, of_stack)?;
    put_stack(local, &stack.name, template, resources);
    Ok(stack.name)
}

/// The functions, the state machines and the queues, with their roles and policies.
async fn put_programs(
    local: &LocalAws,
    of_stack: &TemplateRoles,
    resources: &Resources,
) -> Result<()> {
    for (name, role) in &of_stack.functions {
        let mut function = FunctionConfig::new(name, "/bin/false");
        function.role = Some(role.clone());
        local.lambda().register(function);
    }
    let machines = resources.values();
    for (_, arn) in machines.filter(|(kind, _)| kind == "AWS::StepFunctions::StateMachine") {
        let name = arn.rsplit(':').next().unwrap_or_default();
        let role = of_stack.state_machines.get(name).context("no role")?;
        let definition = json!({"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}});
        local
            .stepfunctions()
            .set_definition(local, arn, definition, role);
    }
    for (arn, documents) in &of_stack.queues {
        let name = arn.rsplit(':').next().unwrap_or_default();
        let policy = documents.first().context("no policy")?.to_string();
        let create = json!({"QueueName": name, "Attributes": {"Policy": policy}});
        json_call(local, "AmazonSQS.CreateQueue", &create).await?;
    }
    Ok(())
}

fn put_stack(local: &LocalAws, name: &str, template: Value, resources: Resources) {
    local.cloudformation().put(
        name,
        Stack {
            status: "CREATE_COMPLETE".to_owned(),
            template: Some(template),
            resources,
            ..Stack::default()
        },
    );
}

/// The custom resource that looks up the group of a managed node group, as the CDK synthesises it
/// (`cdk/lib/launch/launch-lifecycle-hook.ts`).
fn custom_resource(cluster: &str) -> Value {
    let parameters = json!({"clusterName": cluster, "nodegroupName": "smf"});
    let call = json!({"service": "EKS", "action": "describeNodegroup", "parameters": parameters});
    json!({
        "Type": "Custom::HooklineNodegroup",
        "Properties": {"Create": call.to_string()},
    })
}

/// The rules that start executions, each with its profile, and the security group and the subnets of the
/// scene in it.
async fn put_rules(
    local: &LocalAws,
    scene: &Scene,
    of_stack: &TemplateRoles,
    resources: &Resources,
) -> Result<()> {
    // Those that start rounds of reconcile have no target, as nothing of the stack runs.
    let of_reconcile = resources.iter().filter(|(id, (kind, _))| {
        kind == "AWS::Events::Rule" && id.starts_with("OrchestratorReconcileRules")
    });
    for (_, (_, name)) in of_reconcile {
        let pattern = json!({"source": ["aws.states"]});
        let put = json!({"Name": name, "EventPattern": pattern.to_string()});
        json_call(local, "AWSEvents.PutRule", &put).await?;
    }
    let configuration = roles::configuration()?;
    let profiles = configuration["profiles"].as_array().into_iter().flatten();
    let naming = configuration["naming"].as_array().into_iter().flatten();
    let all = profiles
        .map(|profile| ("launch-node", "OrchestratorLaunch", profile.clone()))
        .chain(naming.map(|one| ("name-node", "NamingNaming", one["profile"].clone())));
    for (machine, rule, mut profile) in all {
        let slots = profile.get_mut("slots").and_then(Value::as_array_mut);
        for slot in slots.into_iter().flatten() {
            slot["subnetIds"] = json!(scene.networks[0].subnets);
        }
        if profile.get("securityGroupIds").is_some() {
            profile["securityGroupIds"] = json!([scene.security_group]);
        }
        let start = format!("{rule}{}", profile["name"].as_str().unwrap_or_default());
        let mut rules = resources.iter();
        let found =
            rules.find(|(id, (kind, _))| kind == "AWS::Events::Rule" && id.starts_with(&start));
        let (_, (_, name)) = found.with_context(|| format!("no rule {start}"))?;
        let hook = &profile["hook"]["name"];
        let pattern = match hook.is_null() {
            true => json!({"detail-type": ["EC2 Instance Launch Successful"]}),
            false => json!({"detail": {"LifecycleHookName": [hook]}}),
        };
        let put = json!({"Name": name, "EventPattern": pattern.to_string()});
        json_call(local, "AWSEvents.PutRule", &put).await?;
        let machine = format!("{STACK}-{machine}");
        let template = format!("{{\"event\": <aws.events.event.json>, \"profile\": {profile}}}");
        let targets = json!({"Rule": name, "Targets": [{
            "Id": "Target0",
            "Arn": format!("arn:aws:states:us-west-2:123456789012:stateMachine:{machine}"),
            "RoleArn": of_stack.starters.get(&machine),
            "InputTransformer": {"InputTemplate": template},
        }]});
        let answer = json_call(local, "AWSEvents.PutTargets", &targets).await?;
        ensure!(answer["FailedEntryCount"] == 0, "PutTargets: {answer}");
    }
    Ok(())
}
