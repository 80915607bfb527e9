//! The Amazon VPC CNI on a node: the calls of EC2 that its daemon `ipamd` makes.
//!
//! Source: aws/amazon-vpc-cni-k8s at b52188387f2e (2026-08-20), `pkg/ipamd/ipamd.go` (`nodeInit`,
//! `increaseDatastorePool`, `hasRoomForEni`) and `pkg/awsutils/awsutils.go` (`DescribeAllENIs`,
//! `TagENI`, `RefreshSGIDs`, `AllocENI`, `awsGetFreeDeviceNumber`, `FreeENI`), with its default
//! settings: `WARM_ENI_TARGET` 1, no prefixes, IPv4, subnet discovery.
//!
//! Two things are simpler. No pods run, so the pool is low until the warm interface is there, as if
//! the first pod came at once. And an interface gets a few addresses instead of all that it can
//! have ([`CniSettings::secondary_addresses`]).

use std::collections::BTreeSet;
use std::time::Duration;

use rand::RngExt as _;
use tokio::time::Instant;

use super::CniSettings;
use super::ec2_client::CallError;
use super::imds::ImdsInterface;
use super::life::Machine;
use crate::ec2::InstanceType;
use crate::wire::iso8601;

const INSTANCE_ID_TAG: &str = "node.k8s.amazonaws.com/instance_id";
const CREATED_AT_TAG: &str = "node.k8s.amazonaws.com/createdAt";
const NO_MANAGE_TAG: &str = "node.k8s.amazonaws.com/no_manage";
const CLUSTER_TAG: &str = "cluster.k8s.amazonaws.com/name";
const OWNER_TAG: (&str, &str) = ("eks:eni:owner", "amazon-vpc-cni");

/// `maxENIEC2APIRetries`.
const MAX_TRIES: u32 = 12;
/// `maxENIBackoffDelay`.
const MAX_PAUSE: Duration = Duration::from_secs(60);
/// `ipPoolMonitorInterval`.
const MONITOR_EVERY: Duration = Duration::from_secs(5);
/// `nodeIPPoolReconcileInterval`.
const RECONCILE_EVERY: Duration = Duration::from_secs(60);
/// `maxENIs`: the device indexes that it looks at.
const MAX_INDEXES: u32 = 100;
/// The first pause of kubelet before it starts a container again. It doubles, up to five minutes
/// (Kubernetes documentation, "Pod Lifecycle", "Container restart policy").
const RESTART_AFTER: Duration = Duration::from_secs(10);

type Params = Vec<(String, String)>;

/// The VPC CNI of one node.
pub(super) struct Cni<'a> {
    machine: &'a mut Machine,
    settings: &'a CniSettings,
    /// The interface limit of the default card.
    max_interfaces: usize,
    default_card: u32,
    /// The interfaces on the default card that it manages, the primary one included.
    managed: BTreeSet<String>,
    /// The interfaces on the default card that have `no_manage`.
    unmanaged: BTreeSet<String>,
    /// When it last added an interface, or compared its own list with EC2's.
    last_action: Instant,
}

/// What a step of the CNI can end with. The outer `None`: the instance is gone.
type Step<T> = Option<Result<T, CallError>>;

/// Goes on with the value, or returns the error.
macro_rules! attempt {
    ($step:expr) => {
        match $step {
            Ok(value) => value,
            Err(error) => return Some(Err(error)),
        }
    };
}

impl<'a> Cni<'a> {
    /// Starts the daemon, and returns when it is ready. If its start fails, kubelet starts it
    /// again.
    pub(super) async fn start(machine: &'a mut Machine, settings: &'a CniSettings) -> Option<Self> {
        let kind = machine.local.upgrade()?.with_world(|world| {
            let instance = world.ec2.instance(&machine.instance_id)?;
            InstanceType::named(&instance.instance_type)
        })?;
        let limit = kind.interfaces_of_card(kind.default_network_card)?;
        let mut cni = Self {
            machine,
            settings,
            max_interfaces: usize::try_from(limit).unwrap_or(usize::MAX),
            default_card: kind.default_network_card,
            managed: BTreeSet::new(),
            unmanaged: BTreeSet::new(),
            last_action: Instant::now(),
        };
        let mut pause = RESTART_AFTER;
        while cni.init().await?.is_err() {
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(300));
        }
        Some(cni)
    }

    /// The machine that it runs on.
    pub(super) fn machine(&self) -> &Machine {
        self.machine
    }

    /// `nodeInit`.
    async fn init(&mut self) -> Step<()> {
        let untagged = attempt!(self.describe_all().await?);
        for id in untagged {
            attempt!(self.tag(&id).await?);
        }
        // A refused change of security groups is only logged.
        let _ = self.refresh_security_groups().await?;
        let primary = self.primary()?;
        let lacking = self.secondary_addresses_lacking(&primary);
        if lacking > 0 {
            let count = lacking.to_string();
            let params = [
                ("NetworkInterfaceId", primary.interface_id.as_str()),
                ("SecondaryPrivateIpAddressCount", &count),
            ];
            // Too few addresses in the subnet do not keep the node from joining.
            let _ = self
                .machine
                .ec2("AssignPrivateIpAddresses", &owned(&params))
                .await?;
        }
        // "ENI allocation failure should not cause node to be NotReady."
        let _ = self.fill().await?;
        Some(Ok(()))
    }

    /// `StartNodeIPPoolManager`: tries again until the warm interface is there. Then there is
    /// nothing to do, as no pods come and go.
    pub(super) async fn keep_warm(&mut self) -> Option<()> {
        while self.is_low() {
            tokio::time::sleep(MONITOR_EVERY).await;
            if self.last_action.elapsed() > RECONCILE_EVERY {
                self.reconcile().await?;
            }
            let _ = self.fill().await?;
        }
        Some(())
    }

    fn is_low(&self) -> bool {
        let warm = usize::try_from(self.settings.warm_interfaces).unwrap_or(usize::MAX);
        self.managed.len() < warm.saturating_add(1)
    }

    /// `hasRoomForEni`: interfaces that it does not manage count against the card's limit.
    fn has_room(&self) -> bool {
        self.managed.len() < self.max_interfaces.saturating_sub(self.unmanaged.len())
    }

    /// Allocates the interfaces that are missing, as far as there is room.
    async fn fill(&mut self) -> Step<()> {
        while self.is_low() && self.has_room() {
            attempt!(self.allocate().await?);
        }
        Some(Ok(()))
    }

    fn primary(&mut self) -> Option<ImdsInterface> {
        let imds = self.machine.imds()?;
        imds.macs.get(&imds.mac).cloned()
    }

    /// How many secondary addresses the primary interface lacks.
    fn secondary_addresses_lacking(&self, primary: &ImdsInterface) -> u32 {
        let has = u32::try_from(primary.local_ipv4s.len()).unwrap_or(u32::MAX);
        let wanted = self.settings.secondary_addresses.saturating_add(1);
        wanted.saturating_sub(has)
    }

    /// `DescribeAllENIs` and `setUnmanagedENIs`: looks at the tags of the interfaces that the
    /// metadata service shows. Returns the managed ones that lack the instance's tag.
    async fn describe_all(&mut self) -> Step<Vec<String>> {
        let imds = self.machine.imds()?;
        let primary = imds.macs.get(&imds.mac)?.interface_id.clone();
        let mut ids: Vec<String> = imds
            .macs
            .values()
            .filter(|i| i.network_card.unwrap_or(0) == self.default_card)
            .map(|i| i.interface_id.clone())
            .collect();
        let mut tries = 1;
        let answer = loop {
            let params = numbered("NetworkInterfaceId", &ids);
            match self
                .machine
                .ec2("DescribeNetworkInterfaces", &params)
                .await?
            {
                Ok(answer) => break answer,
                Err(error) if tries >= MAX_TRIES => return Some(Err(error)),
                Err(error) => {
                    // The metadata service knows an interface that EC2 does not show.
                    if error.code == "InvalidNetworkInterfaceID.NotFound" {
                        ids.retain(|id| !error.message.contains(id.as_str()));
                    }
                    tries += 1;
                }
            }
        };
        self.last_action = Instant::now();
        self.managed.clear();
        self.unmanaged.clear();
        let mut untagged = Vec::new();
        for item in answer.items("networkInterfaceSet") {
            let id = item.text("networkInterfaceId").unwrap_or_default();
            let tag = |key: &str| {
                let mut tags = item.items("tagSet");
                let tag = tags.find(|tag| tag.text("key") == Some(key));
                tag.and_then(|tag| tag.text("value"))
            };
            if tag(NO_MANAGE_TAG) == Some("true") && id != primary {
                self.unmanaged.insert(id.to_owned());
                continue;
            }
            self.managed.insert(id.to_owned());
            if tag(INSTANCE_ID_TAG) != Some(&self.machine.instance_id) {
                untagged.push(id.to_owned());
            }
        }
        Some(Ok(untagged))
    }

    /// `nodeIPPoolReconcile`: if the metadata service shows an interface that it does not know, it
    /// asks EC2 for the tags.
    async fn reconcile(&mut self) -> Option<()> {
        self.last_action = Instant::now();
        let imds = self.machine.imds()?;
        let known = |id: &String| self.managed.contains(id) || self.unmanaged.contains(id);
        let has_new = imds.macs.values().any(|i| !known(&i.interface_id));
        if has_new {
            // Without an answer, the next reconciliation asks again.
            let _ = self.describe_all().await?;
        }
        Some(())
    }

    /// `buildENITags`.
    fn tags(&self) -> Vec<(&'static str, String)> {
        let mut tags = vec![(INSTANCE_ID_TAG, self.machine.instance_id.clone())];
        if let Some(cluster) = &self.settings.cluster_name {
            tags.push((CLUSTER_TAG, cluster.clone()));
            tags.push((OWNER_TAG.0, OWNER_TAG.1.to_owned()));
        }
        tags
    }

    /// `TagENI`.
    async fn tag(&mut self, id: &str) -> Step<()> {
        let mut params = owned(&[("ResourceId.1", id)]);
        for (n, (key, value)) in self.tags().into_iter().enumerate() {
            params.push((format!("Tag.{}.Key", n + 1), key.to_owned()));
            params.push((format!("Tag.{}.Value", n + 1), value));
        }
        self.call_with_backoff("CreateTags", &params, 5, Duration::from_millis(500))
            .await
    }

    /// `RefreshSGIDs`: at its start all groups of the primary interface are new to it, so it sets
    /// them on every interface that it manages.
    async fn refresh_security_groups(&mut self) -> Step<()> {
        let groups = self.primary()?.security_group_ids;
        for id in self.managed.clone() {
            let mut params = numbered("SecurityGroupId", &groups);
            params.push(("NetworkInterfaceId".to_owned(), id));
            let changed = self
                .machine
                .ec2("ModifyNetworkInterfaceAttribute", &params)
                .await?;
            attempt!(changed);
        }
        Some(Ok(()))
    }

    /// `AllocENI`: creates an interface, attaches it, and has it deleted with the instance. What
    /// fails is undone.
    async fn allocate(&mut self) -> Step<()> {
        let id = attempt!(self.create().await?);
        let attachment = match self.attach(&id).await? {
            Ok(attachment) => attachment,
            Err(error) => {
                let _ = self.delete(&id).await?;
                return Some(Err(error));
            }
        };
        let params = [
            ("NetworkInterfaceId", id.as_str()),
            ("Attachment.AttachmentId", attachment.as_str()),
            ("Attachment.DeleteOnTermination", "true"),
        ];
        let changed = self
            .machine
            .ec2("ModifyNetworkInterfaceAttribute", &owned(&params))
            .await?;
        if let Err(error) = changed {
            let _ = self.free(&id, &attachment).await?;
            return Some(Err(error));
        }
        self.wait_for(&id).await?;
        self.managed.insert(id);
        self.last_action = Instant::now();
        Some(Ok(()))
    }

    /// `createENI`, in the subnet of the primary interface. The real one also takes other subnets
    /// of the Availability Zone with the tag `kubernetes.io/role/cni`; here no subnet has it.
    async fn create(&mut self) -> Step<String> {
        let primary = self.primary()?;
        let zone = self.machine.local.upgrade()?.with_world(|world| {
            let instance = world.ec2.instance(&self.machine.instance_id)?;
            Some(instance.availability_zone.clone())
        })?;
        let filters = [
            ("Filter.1.Name", "vpc-id"),
            ("Filter.1.Value.1", primary.vpc_id.as_str()),
            ("Filter.2.Name", "availability-zone"),
            ("Filter.2.Value.1", zone.as_str()),
        ];
        // Without an answer, it takes the subnet of the primary interface, too.
        let _ = self
            .machine
            .ec2("DescribeSubnets", &owned(&filters))
            .await?;
        let description = format!("aws-K8S-{}", self.machine.instance_id);
        let mut params = owned(&[
            ("Description", description.as_str()),
            ("SubnetId", primary.subnet_id.as_str()),
            ("TagSpecification.1.ResourceType", "network-interface"),
        ]);
        params.extend(numbered("SecurityGroupId", &primary.security_group_ids));
        if self.settings.secondary_addresses > 0 {
            let count = self.settings.secondary_addresses.to_string();
            params.push(("SecondaryPrivateIpAddressCount".to_owned(), count));
        }
        let now = self
            .machine
            .local
            .upgrade()?
            .with_world(|world| world.kernel.timestamp());
        let mut tags = vec![(CREATED_AT_TAG, iso8601(now))];
        tags.extend(self.tags());
        for (n, (key, value)) in tags.into_iter().enumerate() {
            let tag = format!("TagSpecification.1.Tag.{}", n + 1);
            params.push((format!("{tag}.Key"), key.to_owned()));
            params.push((format!("{tag}.Value"), value));
        }
        let made = attempt!(self.machine.ec2("CreateNetworkInterface", &params).await?);
        let id = made
            .child("networkInterface")
            .and_then(|interface| interface.text("networkInterfaceId"));
        Some(Ok(id?.to_owned()))
    }

    /// `attachENI`: at the lowest device index that DescribeInstances does not show as taken.
    async fn attach(&mut self, id: &str) -> Step<String> {
        let index = attempt!(self.free_index().await?);
        let (index, card) = (index.to_string(), self.default_card.to_string());
        let params = [
            ("NetworkInterfaceId", id),
            ("InstanceId", &self.machine.instance_id),
            ("DeviceIndex", &index),
            ("NetworkCardIndex", &card),
        ];
        let params = owned(&params);
        let attached = attempt!(self.machine.ec2("AttachNetworkInterface", &params).await?);
        Some(Ok(attached.text("attachmentId")?.to_owned()))
    }

    /// `awsGetFreeDeviceNumber`.
    async fn free_index(&mut self) -> Step<u32> {
        let params = owned(&[("InstanceId.1", &self.machine.instance_id)]);
        let answer = attempt!(self.machine.ec2("DescribeInstances", &params).await?);
        let reservation = answer.items("reservationSet").next();
        let instance = reservation.and_then(|reservation| reservation.items("instancesSet").next());
        let taken: BTreeSet<u32> = instance
            .into_iter()
            .flat_map(|instance| instance.items("networkInterfaceSet"))
            .filter_map(|interface| {
                let attachment = interface.child("attachment")?;
                let number = |name: &str| attachment.text(name)?.parse::<u32>().ok();
                let card = number("networkCardIndex")?;
                (card == self.default_card).then(|| number("deviceIndex"))?
            })
            .collect();
        let free = (0..MAX_INDEXES).find(|index| !taken.contains(index));
        Some(free.ok_or_else(|| CallError {
            code: String::new(),
            message: "no available device number".to_owned(),
        }))
    }

    /// `FreeENI`: detaches and deletes. The real one asks for the attachment first.
    async fn free(&mut self, id: &str, attachment: &str) -> Step<()> {
        let params = owned(&[("NetworkInterfaceId.1", id)]);
        let described = self
            .machine
            .ec2("DescribeNetworkInterfaces", &params)
            .await?;
        attempt!(described);
        let params = owned(&[("AttachmentId", attachment)]);
        let pause = Duration::from_millis(200);
        let detached = self
            .call_with_backoff("DetachNetworkInterface", &params, MAX_TRIES, pause)
            .await?;
        attempt!(detached);
        tokio::time::sleep(Duration::from_secs(2)).await;
        self.delete(id).await
    }

    /// `deleteENI`.
    async fn delete(&mut self, id: &str) -> Step<()> {
        let params = owned(&[("NetworkInterfaceId", id)]);
        let pause = Duration::from_millis(500);
        let deleted = self
            .call_with_backoff("DeleteNetworkInterface", &params, MAX_TRIES, pause)
            .await?;
        Some(match deleted {
            Err(error) if error.code != "InvalidNetworkInterfaceID.NotFound" => Err(error),
            _ => Ok(()),
        })
    }

    /// `WaitForENIAndIPsAttached`: until the metadata service shows the interface, or the tries are
    /// over.
    async fn wait_for(&mut self, id: &str) -> Option<()> {
        let mut pause = Duration::from_millis(100);
        for _ in 0..MAX_TRIES {
            let imds = self.machine.imds()?;
            if imds.macs.values().any(|i| i.interface_id == id) {
                break;
            }
            tokio::time::sleep(self.jittered(pause, 0.15)).await;
            pause = (pause * 2).min(MAX_PAUSE);
        }
        Some(())
    }

    /// `retry.NWithBackoff`: makes a call up to `tries` times, each with the SDK's own attempts.
    async fn call_with_backoff(
        &mut self,
        action: &str,
        params: &Params,
        tries: u32,
        first_pause: Duration,
    ) -> Step<()> {
        let mut pause = first_pause;
        let mut tried = 0;
        loop {
            let error = match self.machine.ec2(action, params).await? {
                Ok(_) => return Some(Ok(())),
                Err(error) => error,
            };
            tried += 1;
            if tried >= tries || error.code.ends_with(".NotFound") {
                return Some(Err(error));
            }
            tokio::time::sleep(self.jittered(pause, 0.15)).await;
            pause = (pause * 2).min(MAX_PAUSE);
        }
    }

    /// The pause, longer by a random part.
    fn jittered(&mut self, pause: Duration, part: f64) -> Duration {
        pause.mul_f64(1.0 + self.machine.rng.random_range(0.0..part))
    }
}

fn owned(params: &[(&str, &str)]) -> Params {
    params
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

/// `Name.1`, `Name.2`, …
fn numbered(name: &str, values: &[String]) -> Params {
    values
        .iter()
        .enumerate()
        .map(|(n, value)| (format!("{name}.{}", n + 1), value.clone()))
        .collect()
}
