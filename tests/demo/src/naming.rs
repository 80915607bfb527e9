//! `--naming`: plain groups without hooks and slots. One of the two events names the nodes of each.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use comfy_table::{Table, presets};
use hookline_local::LocalAws;
use hookline_local::autoscaling::LifecycleState;
use serde_json::{Value, json};

use hookline_statemachine::NAME_NODE;
use hookline_testkit::deployment::Deployment;
use hookline_testkit::naming::{LaunchEvent, TAGS, cluster_nodegroup_ip, profile_of};
use hookline_testkit::roles;
use hookline_testkit::scene::{Scene, Size};
use hookline_testkit::wait::wait_for;

/// How long the trail of the fake AWS takes to deliver. AWS's takes seconds to minutes.
pub(crate) const TRAIL_DELIVERS_AFTER: Duration = Duration::from_secs(2);

/// The groups, and the event that names the nodes of each.
const GROUPS: [(&str, LaunchEvent, &str); 2] = [
    (
        "by-launch-successful",
        LaunchEvent::LaunchSuccessful,
        "EC2 Instance Launch Successful",
    ),
    (
        "by-cloudtrail",
        LaunchEvent::CloudTrail,
        "RunInstances, by CloudTrail",
    ),
];

/// Name and team for the instance, its volumes and its interfaces.
fn profile(group: &str) -> Value {
    let mut profile = profile_of(group);
    profile["nodeTags"] = json!({"Team": "core"});
    profile["volumeTags"] = json!({"Name": "{{ name }}", "Team": "core"});
    profile["interfaceTags"] = json!({"Name": "{{ name }}", "Team": "core"});
    profile
}

/// Launches nodes in each group, and shows their names. Returns whether all are right.
///
/// # Errors
/// If a part does not start.
pub(crate) async fn show(
    deployment: &mut Deployment,
    local: &LocalAws,
    nodes: u16,
) -> Result<bool> {
    deployment.turn_to("name-node", NAME_NODE).await?;
    let size = Size {
        networks: 0,
        ..Size::default()
    };
    let scene = Scene::build(local.clone(), &size).await?;
    roles::put(local, &scene)?;
    for (group, event, _) in GROUPS {
        scene.plain_group(group, &TAGS).await?;
        deployment
            .rule_with_pattern(group, &event.pattern(group), &profile(group))
            .await?;
    }
    println!(
        "Scaling {} plain groups from 0 to {nodes}; none has a hook. Fake AWS, with a trail, at {}\n",
        GROUPS.len(),
        deployment.endpoint
    );
    let begun = local.with_world(|world| world.kernel.elapsed());
    let calls_before = local.calls().len();
    for (group, ..) in GROUPS {
        scene.scale(group, i32::from(nodes)).await?;
    }
    let mut shown: BTreeMap<String, Shown> = BTreeMap::new();
    let limit = Duration::from_secs(120 + u64::from(nodes) * 4);
    let done = wait_for(limit, "every node to have its name", async || {
        progress(local, begun, &mut shown);
        let done = shown.values().filter(|node| node.is_done).count();
        if done < usize::from(nodes) * GROUPS.len() {
            return Ok(None);
        }
        let statuses = deployment.statuses().await?;
        Ok((!statuses.contains_key("RUNNING")).then_some(()))
    })
    .await;

    let mut wrong = Vec::new();
    println!("\n{}", table(local, &mut wrong));
    let mut calls: BTreeMap<String, usize> = BTreeMap::new();
    for call in local.calls().into_iter().skip(calls_before) {
        if call.user_agent.contains("app/Hookline") {
            *calls.entry(call.action).or_default() += 1;
        }
    }
    let calls: Vec<_> = calls
        .iter()
        .map(|(action, times)| format!("{times} {action}"))
        .collect();
    let statuses = deployment.statuses().await?;
    println!("executions: {statuses:?}; API calls: {}", calls.join(", "));
    if let Err(error) = &done {
        println!("{error:#}");
    }
    for what in &wrong {
        println!("WRONG {what}");
    }
    let good = done.is_ok() && wrong.is_empty() && statuses.keys().all(|one| one == "SUCCEEDED");
    if good {
        println!("PASS: every node, volume and interface has its name, whichever event named it.");
    } else {
        println!("FAIL: see above; the functions' logs are in .local/demo-logs.");
    }
    Ok(good)
}

/// A node as it was last shown.
#[derive(Debug, PartialEq, Eq)]
struct Shown {
    line: String,
    /// Whether it is InService and has a name.
    is_done: bool,
}

/// Prints a line each time that a node's state changes.
fn progress(local: &LocalAws, begun: Duration, shown: &mut BTreeMap<String, Shown>) {
    let (elapsed, lines) = local.with_world(|world| {
        let mut lines = Vec::new();
        for (group, ..) in GROUPS {
            for (id, state) in world.autoscaling.states(group) {
                let instance = world.ec2.instance(&id);
                let name = instance.and_then(|instance| instance.tags.get("Name"));
                let is_done = name.is_some() && state == LifecycleState::InService;
                let name = name.map_or("(no name yet)", String::as_str);
                let line = format!("{group:<21} {name:<32} {state}");
                lines.push((id, Shown { line, is_done }));
            }
        }
        (world.kernel.elapsed(), lines)
    });
    let seconds = elapsed.saturating_sub(begun).as_secs_f64();
    for (id, node) in lines {
        if shown.get(&id) != Some(&node) {
            println!("{seconds:6.1} s  {id}  {}", node.line);
            shown.insert(id, node);
        }
    }
}

/// The names of every node, its volumes and its interfaces. What differs from the profile is added
/// to `wrong`.
fn table(local: &LocalAws, wrong: &mut Vec<String>) -> String {
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY);
    table.set_header(["named by", "AZ", "resource", "Name", "Team"]);
    local.with_world(|world| {
        for (group, _, event) in GROUPS {
            for id in world.autoscaling.states(group).into_keys() {
                let Some(instance) = world.ec2.instance(&id) else {
                    continue;
                };
                let wanted = cluster_nodegroup_ip(instance);
                let mut resources = vec![(id.clone(), &instance.tags)];
                for volume in world.ec2.volumes_of(&id) {
                    resources.push((volume.volume_id.clone(), &volume.tags));
                }
                for interface in world.ec2.interfaces_of(&id) {
                    resources.push((interface.network_interface_id.clone(), &interface.tags));
                }
                let tag = |key: &str| -> Vec<String> {
                    let tags = resources.iter().map(|(_, tags)| tags.get(key));
                    tags.map(|tag| tag.cloned().unwrap_or_default()).collect()
                };
                for (resource, tags) in &resources {
                    if tags.get("Name") != Some(&wanted)
                        || tags.get("Team").map(String::as_str) != Some("core")
                    {
                        wrong.push(format!("{resource} of {id}: {tags:?}"));
                    }
                }
                let ids: Vec<_> = resources.iter().map(|(id, _)| id.as_str()).collect();
                table.add_row([
                    event.to_owned(),
                    instance.availability_zone.clone(),
                    ids.join("\n"),
                    tag("Name").join("\n"),
                    tag("Team").join("\n"),
                ]);
            }
        }
    });
    table.to_string()
}
