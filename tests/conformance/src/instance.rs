//! The instance that facts about attachments share, and the two interfaces that are attached to it.

use anyhow::{Context as _, Result, ensure};
use aws_sdk_ec2::types::{InstanceType, LaunchTemplateSpecification, NetworkInterfaceAttachment};
use tokio::time::Instant;

use crate::clients::refusal;
use crate::fact::Observed;
use crate::stage::{Stage, filter};
use crate::wait::{LATER, SOON, until};

/// A running instance.
#[derive(Clone, Debug)]
pub struct Running {
    /// Its id.
    pub id: String,
    /// An attach while it was pending.
    pub attach_while_pending: Observed,
}

/// Two interfaces, attached to the instance side by side.
#[derive(Clone, Debug)]
pub struct Wired {
    /// The instance.
    pub instance: String,
    /// The interface at device index 1. Its DeleteOnTermination is set to true by a fact.
    pub first: Attached,
    /// The interface at device index 2. Its DeleteOnTermination stays as it is.
    pub second: Attached,
    /// What the two attaches showed.
    pub attaches: Observed,
}

/// An attached interface.
#[derive(Clone, Debug)]
pub struct Attached {
    /// Its id.
    pub interface: String,
    /// The attachment, as first described.
    pub attachment: NetworkInterfaceAttachment,
}

impl Attached {
    /// The attachment's id.
    #[must_use]
    pub fn attachment_id(&self) -> &str {
        self.attachment.attachment_id().unwrap_or_default()
    }
}

impl Stage {
    /// The shared instance, launched the first time that it is asked for.
    ///
    /// # Errors
    /// If it cannot be launched, or does not run in time.
    pub async fn instance(&self) -> Result<&Running> {
        self.running.get(|| self.launch_shared()).await
    }

    /// The shared instance with its two interfaces.
    ///
    /// # Errors
    /// If they cannot be attached.
    pub async fn wired(&self) -> Result<&Wired> {
        self.wired.get(|| self.wire()).await
    }

    /// Launches an instance, and returns its id at once.
    ///
    /// # Errors
    /// If EC2 refuses.
    pub async fn launch(&self, of_another_type: Option<&str>) -> Result<String> {
        let template = LaunchTemplateSpecification::builder()
            .launch_template_name(self.name())
            .build();
        let launched = self
            .clients
            .ec2
            .run_instances()
            .launch_template(template)
            .set_instance_type(of_another_type.map(InstanceType::from))
            .subnet_id(&self.main.id)
            .min_count(1)
            .max_count(1)
            .send()
            .await
            .context("RunInstances")?;
        let instance = launched.instances().first();
        let id = instance.and_then(|instance| instance.instance_id());
        Ok(id.context("RunInstances gave no id")?.to_owned())
    }

    /// Waits until EC2 shows an instance in a state.
    ///
    /// # Errors
    /// If it does not in time.
    pub async fn in_state(&self, id: &str, wanted: &str) -> Result<()> {
        until(LATER, &format!("{id} to be {wanted}"), async || {
            Ok((self.state(id).await?.as_deref() == Some(wanted)).then_some(()))
        })
        .await
    }

    /// The state of an instance, if EC2 shows it.
    ///
    /// # Errors
    /// If the call fails.
    pub async fn state(&self, id: &str) -> Result<Option<String>> {
        let call = self.clients.ec2.describe_instances();
        let found = call.filters(filter("instance-id", &[id])).send().await;
        let found = found.context("DescribeInstances")?;
        let mut instances = found.reservations().iter().flat_map(|of| of.instances());
        let state = instances.next().and_then(|instance| instance.state());
        Ok(state
            .and_then(|state| state.name())
            .map(|name| name.as_str().to_owned()))
    }

    async fn launch_shared(&self) -> Result<Running> {
        let probe = self.interface_in(&self.main).await?;
        let id = self.launch(None).await?;
        // EC2 may not know a new instance yet.
        let attach_while_pending = until(SOON, "an answer to an attach", async || {
            let answer = self.attach(&probe, &id, 1, 0).await?;
            let unknown = answer.code.as_deref() == Some("InvalidInstanceID.NotFound");
            Ok((!unknown).then_some(answer))
        })
        .await?;
        self.discard(&probe).await;
        self.in_state(&id, "running").await?;
        Ok(Running {
            id,
            attach_while_pending,
        })
    }

    /// AttachNetworkInterface: whether EC2 refuses it, and how.
    ///
    /// # Errors
    /// If there is no answer.
    pub async fn attach(
        &self,
        interface: &str,
        instance: &str,
        device_index: i32,
        card: i32,
    ) -> Result<Observed> {
        let answer = self
            .clients
            .ec2
            .attach_network_interface()
            .network_interface_id(interface)
            .instance_id(instance)
            .device_index(device_index)
            .network_card_index(card)
            .send()
            .await;
        refusal(answer)
    }

    async fn wire(&self) -> Result<Wired> {
        let instance = self.instance().await?.id.clone();
        let first = self.interface_in(&self.main).await?;
        let second = self.interface_in(&self.main).await?;
        let start = Instant::now();
        let (one, two) = tokio::join!(
            self.attach(&first, &instance, 1, 0),
            self.attach(&second, &instance, 2, 0)
        );
        let answers = [one?, two?];
        let refused = answers.iter().find(|answer| answer.code.is_some());
        ensure!(
            refused.is_none(),
            "one of two attaches side by side: {refused:?}"
        );
        let first = self.attached(&first).await?;
        let second = self.attached(&second).await?;
        let attaches = Observed::new()
            .value("accepted", answers.len())
            .measure("seconds until both are attached", start.elapsed().as_secs());
        Ok(Wired {
            instance,
            first,
            second,
            attaches,
        })
    }

    async fn attached(&self, interface: &str) -> Result<Attached> {
        until(SOON, &format!("{interface} to be attached"), async || {
            let found = self.described(interface).await?;
            let attachment = found.first().and_then(|found| found.attachment());
            let attachment = attachment.filter(|attachment| {
                let status = attachment.status().map(|status| status.as_str());
                status == Some("attached")
            });
            Ok(attachment.map(|attachment| Attached {
                interface: interface.to_owned(),
                attachment: attachment.clone(),
            }))
        })
        .await
    }

    /// The attachment of an instance's primary interface.
    ///
    /// # Errors
    /// If EC2 shows none.
    pub async fn primary(&self, instance: &str) -> Result<NetworkInterfaceAttachment> {
        let call = self.clients.ec2.describe_network_interfaces();
        let call = call.filters(filter("attachment.instance-id", &[instance]));
        let call = call.filters(filter("attachment.device-index", &["0"]));
        let found = call.send().await.context("DescribeNetworkInterfaces")?;
        let primary = found.network_interfaces().first();
        let attachment = primary.and_then(|primary| primary.attachment());
        Ok(attachment.context("no primary interface is shown")?.clone())
    }

    /// The attachment of an interface, as EC2 shows it now.
    ///
    /// # Errors
    /// If it has none.
    pub async fn attachment(&self, interface: &str) -> Result<NetworkInterfaceAttachment> {
        let found = self.shown(interface).await?;
        let attachment = found.attachment();
        Ok(attachment.context("it is not attached")?.clone())
    }
}
