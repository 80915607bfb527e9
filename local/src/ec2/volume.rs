//! Volumes, as far as an instance brings them with it: the root volume, and those of its block device mapping. Nothing else is
//! done with a volume than to tag it.

use std::time::Duration;

use tokio::time::Instant;

use super::Ec2;
use super::instance::Instance;
use super::tags::Tags;
use crate::kernel::Kernel;
use crate::wire::error::ApiError;
use crate::wire::iso8601;
use crate::wire::query::Params;
use crate::wire::xml::Xml;

/// The root device of every image here.
const ROOT_DEVICE: &str = "/dev/xvda";

/// A volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Volume {
    /// `vol-…`
    pub volume_id: String,
    /// The instance that it is on; none once that is gone.
    pub instance_id: Option<String>,
    /// Where it is on the instance, as `/dev/xvda`.
    pub device_name: String,
    /// Whether it delete_with_instance when the instance does.
    pub delete_on_termination: bool,
    /// Its tags.
    pub tags: Tags,
    /// Since when it is on the instance.
    pub attach_time: Instant,
}

/// A volume that a launch brings with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VolumeAtLaunch {
    /// Where it delete_with_instance.
    pub device_name: String,
    /// Whether it delete_with_instance with the instance (`true` unless said otherwise).
    pub delete_on_termination: bool,
}

/// Reads `BlockDeviceMapping.N` of a launch or of a launch template. What a volume is like changes nothing here.
pub(crate) fn parse_volumes(params: &mut Params) -> Result<Vec<VolumeAtLaunch>, ApiError> {
    let mut volumes = Vec::new();
    for mut mapping in params.structs("BlockDeviceMapping") {
        let device_name = mapping.required_str("DeviceName")?;
        let mut ebs = mapping.structure("Ebs");
        volumes.push(VolumeAtLaunch {
            device_name,
            delete_on_termination: ebs.bool("DeleteOnTermination")?.unwrap_or(true),
        });
        ebs.ignore(&[
            "Encrypted",
            "Iops",
            "KmsKeyId",
            "SnapshotId",
            "Throughput",
            "VolumeSize",
            "VolumeType",
        ]);
        ebs.finish()?;
        mapping.finish()?;
    }
    Ok(volumes)
}

/// Makes the volumes of an instance: the root volume, and the wanted ones.
pub(super) fn create_all(
    ec2: &mut Ec2,
    kernel: &mut Kernel,
    instance_id: &str,
    mut wanted: Vec<VolumeAtLaunch>,
    tags: &Tags,
) {
    if !wanted
        .iter()
        .any(|volume| volume.device_name == ROOT_DEVICE)
    {
        wanted.insert(
            0,
            VolumeAtLaunch {
                device_name: ROOT_DEVICE.to_owned(),
                delete_on_termination: true,
            },
        );
    }
    let attach_time = kernel.now();
    for (n, volume) in wanted.into_iter().enumerate() {
        let volume_id = id(instance_id, n);
        let volume = Volume {
            volume_id: volume_id.clone(),
            instance_id: Some(instance_id.to_owned()),
            device_name: volume.device_name,
            delete_on_termination: volume.delete_on_termination,
            tags: tags.clone(),
            attach_time,
        };
        ec2.volumes.insert(volume_id, volume);
    }
}

/// The id of an instance's n-th volume. Made from the instance's: drawn, it would change what all seeds give.
fn id(instance_id: &str, n: usize) -> String {
    let digits = instance_id.trim_start_matches("i-");
    let turned: String = digits
        .chars()
        .skip(1)
        .chain(digits.chars().take(1))
        .collect();
    let own = turned
        .get(..turned.len().saturating_sub(2))
        .unwrap_or_default();
    format!("vol-{own}{:02x}", n % 256)
}

/// The instance is gone, and with it the volumes that go with it.
pub(super) fn release_from(ec2: &mut Ec2, instance_id: &str) {
    let on_it = |volume: &Volume| volume.instance_id.as_deref() == Some(instance_id);
    ec2.volumes
        .retain(|_, volume| !(on_it(volume) && volume.delete_on_termination));
    for volume in ec2.volumes.values_mut() {
        if on_it(volume) {
            volume.instance_id = None;
        }
    }
}

/// `<rootDeviceType>`, `<rootDeviceName>` and `<blockDeviceMapping>`. A volume is shown once it is attached, which takes a while.
pub(super) fn write(xml: &mut Xml, ec2: &Ec2, kernel: &Kernel, instance: &Instance) {
    let shown_after: Duration = kernel.settings.volume_attach_for;
    xml.text("rootDeviceType", "ebs");
    xml.text("rootDeviceName", ROOT_DEVICE);
    let shown = ec2
        .volumes_of(&instance.instance_id)
        .filter(|volume| kernel.now().saturating_duration_since(volume.attach_time) >= shown_after);
    xml.items("blockDeviceMapping", shown, |xml, volume| {
        xml.text("deviceName", &volume.device_name);
        xml.element("ebs", |xml| {
            xml.text("volumeId", &volume.volume_id);
            xml.text("status", "attached");
            xml.text(
                "attachTime",
                iso8601(kernel.timestamp_at(volume.attach_time)),
            );
            xml.text("deleteOnTermination", volume.delete_on_termination);
        });
    });
}
