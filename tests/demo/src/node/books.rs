//! The books of the fake AWS, as far as the nodes and the reader of the demo need them.

use std::collections::BTreeMap;

use hookline_domain::tags::own;
use hookline_local::ec2::{AttachmentStatus, InstanceState};
use hookline_local::node::{Imds, ImdsInterface};
use hookline_local::{LocalAws, World};
use serde_json::{Value, json};

use crate::GROUP;

/// What was told already.
#[derive(Debug, Default)]
pub(super) struct Books {
    told: BTreeMap<String, String>,
    metadata: BTreeMap<String, Value>,
}

impl Books {
    /// What has become of the group's instances since the last call: an instance and a sentence.
    pub(super) fn changes(&mut self, local: &LocalAws) -> Vec<(String, String)> {
        let now = local.with_world(|world| {
            let states = world.autoscaling.states(GROUP).into_iter();
            states
                .map(|(id, lifecycle)| {
                    let text = format!("{} {lifecycle}", interfaces(world, &id));
                    (id, text)
                })
                .collect::<BTreeMap<_, _>>()
        });
        let changed = now
            .iter()
            .filter(|(id, text)| self.told.get(*id) != Some(*text))
            .map(|(id, text)| (id.clone(), text.clone()))
            .collect();
        self.told = now;
        changed
    }

    /// What the metadata services of the running instances show, where it differs from the last
    /// call: lines for `node/tests/two_nodes.py`.
    pub(super) fn metadata(&mut self, local: &LocalAws) -> Vec<Value> {
        let nodes = local.nodes();
        let lines = local.with_world(|world| {
            let ids: Vec<String> = world.autoscaling.states(GROUP).into_keys().collect();
            ids.into_iter()
                .filter_map(|id| {
                    let instance = world.ec2.instance(&id)?;
                    if instance.state != InstanceState::Running {
                        return None;
                    }
                    let user_data = instance.user_data.clone();
                    let shown = nodes.metadata(world, &id)?;
                    Some((id.clone(), line(&id, user_data.as_deref(), &shown)))
                })
                .collect::<Vec<_>>()
        });
        lines
            .into_iter()
            .filter_map(|(id, line)| {
                let before = self.metadata.insert(id, line.clone());
                (before.as_ref() != Some(&line)).then_some(line)
            })
            .collect()
    }
}

fn line(instance: &str, user_data: Option<&str>, shown: &Imds) -> Value {
    let interfaces: BTreeMap<&String, _> = shown
        .macs
        .iter()
        .map(|(mac, interface)| (mac, ImdsInterface::categories(interface)))
        .collect();
    json!({
        "instance": instance,
        "userData": user_data,
        "mac": shown.mac,
        "targetState": shown.target_lifecycle_state,
        "interfaces": interfaces,
    })
}

/// The interfaces that were made for an instance, and how many of them are attached.
fn interfaces(world: &World, id: &str) -> String {
    let made: Vec<_> = world
        .ec2
        .network_interfaces()
        .filter(|interface| interface.tags.get(own::INSTANCE_ID).map(String::as_str) == Some(id))
        .collect();
    let attached = made.iter().filter(|interface| {
        let attachment = interface.attachment.as_ref();
        attachment.is_some_and(|one| one.status == AttachmentStatus::Attached)
    });
    format!(
        "{} interfaces created, {} attached;",
        made.len(),
        attached.count()
    )
}
