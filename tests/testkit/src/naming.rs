//! A plain group, without hook and slots, whose nodes only get names and tags. Its launches and the
//! function run in process, against the fake AWS. For whole executions, see [`crate::deployment`].

use std::time::Duration;

use anyhow::{Context as _, Result};
use hookline::aws::Aws;
use hookline::handlers;
use hookline::runtime::invoke;
use hookline_local::ec2::{Instance, Tags};
use hookline_local::{LocalAws, Settings};
use serde_json::{Value, json};

use crate::calls::FunctionCalls;
use crate::connector::product_config;
use crate::launch;
use crate::roles;
use crate::scene::{Scene, Size};
use crate::wait::wait_for;

/// The group.
pub const GROUP: &str = "plain";
/// The tags that its instances have from their launch: those of a managed node group, and a
/// company's own.
pub const TAGS: [(&str, &str); 7] = [
    ("eks:cluster-name", "pre-eks-01"),
    ("eks:nodegroup-name", "web"),
    ("Region", "vg"),
    ("App", "store"),
    ("Layer", "web"),
    ("Env", "release"),
    ("Group", "a"),
];
/// The event of an instance that is InService.
pub const LAUNCH_SUCCESSFUL: &str = "EC2 Instance Launch Successful";
/// The event of an API call, as CloudTrail sends it.
pub const CLOUDTRAIL: &str = "AWS API Call via CloudTrail";

const FUNCTION_TIMEOUT: Duration = Duration::from_secs(60);
/// Longer than anything here takes, in virtual time.
const LIMIT: Duration = Duration::from_secs(300);

/// The event of a launch that a rule matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LaunchEvent {
    /// *EC2 Instance Launch Successful*
    LaunchSuccessful,
    /// RunInstances, as CloudTrail sends it
    CloudTrail,
}

impl LaunchEvent {
    /// The event pattern for the launches of a group (`docs/naming.md`).
    #[must_use]
    pub fn pattern(self, group: &str) -> Value {
        match self {
            Self::LaunchSuccessful => json!({
                "source": ["aws.autoscaling"],
                "detail-type": [LAUNCH_SUCCESSFUL],
                "detail": {"AutoScalingGroupName": [group]},
            }),
            Self::CloudTrail => {
                let of_tags = |tag: Value| {
                    let set = json!({"items": {"tagSet": {"items": tag}}});
                    json!({"responseElements": {"instancesSet": set}})
                };
                json!({
                    "source": ["aws.ec2"],
                    "detail-type": [CLOUDTRAIL],
                    "detail": {
                        "eventSource": ["ec2.amazonaws.com"],
                        "eventName": ["RunInstances"],
                        "sourceIPAddress": ["autoscaling.amazonaws.com"],
                        "errorCode": [{"exists": false}],
                        // Tags may come by a later CreateTags.
                        "$or": [
                            of_tags(json!({"key": ["aws:autoscaling:groupName"], "value": [group]})),
                            of_tags(json!({"key": [{"exists": false}]})),
                        ],
                    },
                })
            }
        }
    }
}

/// A profile for a group that uses the name preset `cluster-nodegroup-ip`.
#[must_use]
pub fn profile_of(group: &str) -> Value {
    let mut profile = profile();
    profile["name"] = json!(group);
    profile["selector"]["autoScalingGroupNames"] = json!([group]);
    profile
}

/// A profile for the group.
#[must_use]
pub fn profile() -> Value {
    json!({
        "name": GROUP,
        "selector": {"autoScalingGroupNames": [GROUP]},
        "namePreset": "cluster-nodegroup-ip",
    })
}

/// The name that the preset `cluster-nodegroup-ip` gives an instance, computed independently of the
/// product.
#[must_use]
pub fn cluster_nodegroup_ip(instance: &Instance) -> String {
    format!("pre-eks-01-web-ip-{}", instance.private_ip_address)
}

/// A plain group with launched instances, and a process of the function.
pub struct PlainGroup {
    /// The VPC and what is in it.
    pub scene: Scene,
    /// The instances, in the order of their ids.
    pub instances: Vec<String>,
    aws: Aws,
}

impl PlainGroup {
    /// Launches instances in one AZ, on a fake AWS with a trail, and waits for their events.
    ///
    /// # Errors
    /// If the scene cannot be made.
    pub async fn launched(settings: Settings, nodes: usize) -> Result<Self> {
        let settings = Settings {
            trail_delivers_after: Some(Duration::from_millis(100)),
            ..settings
        };
        let size = Size {
            azs: 1,
            networks: 0,
            ..Size::default()
        };
        let scene = Scene::build(LocalAws::new(settings), &size).await?;
        scene.plain_group(GROUP, &TAGS).await?;
        scene.scale(GROUP, i32::try_from(nodes)?).await?;
        let mut group = Self {
            aws: Aws::new(&product_config(&scene.local).await, roles::deployment()),
            scene,
            instances: Vec::new(),
        };
        group
            .until("the record of the launch", |group| {
                group.event(CLOUDTRAIL).is_some()
            })
            .await?;
        group.instances = group
            .local()
            .with_world(|world| world.autoscaling.states(GROUP).into_keys().collect());
        Ok(group)
    }

    /// Waits until `holds`.
    ///
    /// # Errors
    /// If it never does.
    pub async fn until(&self, what: &str, holds: impl Fn(&Self) -> bool) -> Result<()> {
        wait_for(LIMIT, what, async || Ok(holds(self).then_some(()))).await
    }

    /// The first event of that type.
    #[must_use]
    pub fn event(&self, detail_type: &str) -> Option<Value> {
        let events = self.local().eventbridge().events();
        events
            .into_iter()
            .find(|event| event["detail-type"] == detail_type)
    }

    /// Waits for the event of an instance that is InService.
    ///
    /// # Errors
    /// If it never comes.
    pub async fn launch_successful(&self) -> Result<Value> {
        self.until(LAUNCH_SUCCESSFUL, |group| {
            group.event(LAUNCH_SUCCESSFUL).is_some()
        })
        .await?;
        self.event(LAUNCH_SUCCESSFUL).context("no event")
    }

    /// The record of the launch in CloudTrail.
    ///
    /// # Errors
    /// If there is none.
    pub fn cloudtrail(&self) -> Result<Value> {
        self.event(CLOUDTRAIL).context("no event")
    }

    /// Runs the function with any payload.
    ///
    /// # Errors
    /// The function's error.
    pub async fn handle(&self, payload: Value) -> hookline_domain::Result<Value> {
        let context = launch::context(self.aws.clone(), self.local(), FUNCTION_TIMEOUT);
        let handler = handlers::name_nodes::handle;
        invoke("name-nodes", "test", context, payload, handler).await
    }

    /// Runs the function as the state machine does at first.
    ///
    /// # Errors
    /// The function's error.
    pub async fn name(&self, event: &Value, profile: &Value) -> hookline_domain::Result<Value> {
        self.try_to_name(event, profile, 0).await
    }

    /// Runs the function as the state machine does after `tried` retries.
    ///
    /// # Errors
    /// The function's error.
    pub async fn try_to_name(
        &self,
        event: &Value,
        profile: &Value,
        tried: u32,
    ) -> hookline_domain::Result<Value> {
        let launch = json!({"event": event, "profile": profile});
        self.handle(json!({"execution": "test", "input": launch, "tried": tried}))
            .await
    }

    /// An instance in its current state.
    ///
    /// # Errors
    /// If there is no such instance.
    pub fn instance(&self, n: usize) -> Result<Instance> {
        let id = self.instances.get(n).context("no such instance")?;
        self.local()
            .with_world(|world| world.ec2.instance(id).cloned())
            .context("the instance is gone")
    }

    /// The current names of all instances.
    ///
    /// # Errors
    /// If one of them is gone.
    pub fn names(&self) -> Result<Vec<Option<String>>> {
        (0..self.instances.len())
            .map(|n| Ok(self.instance(n)?.tags.get("Name").cloned()))
            .collect()
    }

    /// The tags of an instance's volumes.
    #[must_use]
    pub fn volume_tags(&self, instance: &str) -> Vec<Tags> {
        self.local().with_world(|world| {
            let volumes = world.ec2.volumes_of(instance);
            volumes.map(|volume| volume.tags.clone()).collect()
        })
    }

    /// The tags of an instance's interfaces.
    #[must_use]
    pub fn interface_tags(&self, instance: &str) -> Vec<Tags> {
        self.local().with_world(|world| {
            let interfaces = world.ec2.interfaces_of(instance);
            interfaces.map(|interface| interface.tags.clone()).collect()
        })
    }

    /// Sets a tag, as a person does.
    ///
    /// # Errors
    /// If EC2 refuses.
    pub async fn set_tag(&self, resource: &str, key: &str, value: &str) -> Result<()> {
        let tag = aws_sdk_ec2::types::Tag::builder();
        self.scene
            .ec2
            .create_tags()
            .resources(resource)
            .tags(tag.key(key).value(value).build())
            .send()
            .await
            .context("CreateTags")?;
        Ok(())
    }
}

impl FunctionCalls for PlainGroup {
    fn local(&self) -> &LocalAws {
        &self.scene.local
    }
}
