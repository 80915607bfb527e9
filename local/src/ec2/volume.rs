//! Volumes that a launch creates: the root volume, and those of the block device mapping. The only
//! thing that calls can do with a volume is to tag it.

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

/// The root device of every image in the fake AWS.
const ROOT_DEVICE: &str = "/dev/xvda";

/// A volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Volume {
    /// `vol-…`
    pub volume_id: String,
    /// The instance that it is attached to. `None` once that instance is terminated.
    pub instance_id: Option<String>,
    /// Its device name on the instance, such as `/dev/xvda`.
    pub device_name: String,
    /// Whether it is deleted when the instance terminates.
    pub delete_on_termination: bool,
    /// Its tags.
    pub tags: Tags,
    /// When it was attached.
    pub attach_time: Instant,
}

/// A volume that a launch creates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VolumeAtLaunch {
    /// Its device name.
    pub device_name: String,
    /// Whether it is deleted with the instance (`true` by default).
    pub delete_on_termination: bool,
}

/// Reads the `BlockDeviceMapping.N` of a launch or a launch template. The properties of a volume
/// have no effect in the fake AWS.
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

/// Creates the volumes of an instance: the root volume, and the requested ones.
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
    let of_instance = ec2.volumes_at_launch.entry(instance_id.to_owned());
    let of_instance = of_instance.or_default();
    for (n, volume) in wanted.into_iter().enumerate() {
        let volume_id = id(instance_id, n);
        of_instance.push(volume_id.clone());
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

/// The id of an instance's n-th volume. It is derived from the instance's id: a random one would
/// change the history of every seed.
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

/// Deletes the volumes of a terminated instance that have DeleteOnTermination, and detaches the
/// others.
pub(super) fn release_from(ec2: &mut Ec2, instance_id: &str) {
    for id in ec2
        .volumes_at_launch
        .remove(instance_id)
        .unwrap_or_default()
    {
        match ec2.volumes.get_mut(&id) {
            Some(volume) if !volume.delete_on_termination => volume.instance_id = None,
            _ => drop(ec2.volumes.remove(&id)),
        }
    }
}

/// `<rootDeviceType>`, `<rootDeviceName>` and `<blockDeviceMapping>`. A volume is shown after
/// [`Settings::volume_attach_for`](crate::Settings::volume_attach_for).
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
