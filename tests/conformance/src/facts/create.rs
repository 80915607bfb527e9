//! The refusals of CreateNetworkInterface that `CreateInterfaces` tells apart.

use anyhow::{Context as _, Result};
use aws_sdk_ec2::types::NetworkInterface;

use super::fact;
use crate::clients::refusal;
use crate::fact::{Expected, Fact, Observed, yes};
use crate::stage::{Stage, Subnet, id_of};

pub(super) const FACTS: &[Fact] = &[
    fact!(
        create_with_an_address_in_use_is_refused,
        "CreateNetworkInterface refuses a private address that another interface has.",
        EC2_ERRORS,
        Interfaces,
        Expected::refusal(&["InvalidIPAddress.InUse"])
    ),
    fact!(
        create_with_a_reserved_address_is_refused,
        "CreateNetworkInterface refuses the first four addresses of a subnet and the last.",
        SUBNETS,
        Interfaces,
        Expected::refusal(&["InvalidParameterValue"]).with_values(&[("refused", "5")])
    ),
    fact!(
        create_with_an_address_outside_the_subnet_is_refused,
        "CreateNetworkInterface refuses an address that is not in the subnet.",
        EC2_ERRORS,
        Interfaces,
        Expected::refusal(&["InvalidParameterValue"])
    ),
    fact!(
        create_in_an_unknown_subnet_is_refused,
        "CreateNetworkInterface refuses a subnet that does not exist, with a message that names it.",
        EC2_ERRORS,
        Interfaces,
        Expected::refusal(&["InvalidSubnetID.NotFound", "InvalidSubnetId.NotFound"])
            .with_words(&["subnet-0123456789abcdef0"])
    ),
    fact!(
        create_with_an_unknown_security_group_is_refused,
        "CreateNetworkInterface refuses a security group that does not exist, with a message that names it.",
        EC2_ERRORS,
        Interfaces,
        Expected::refusal(&["InvalidGroup.NotFound", "InvalidSecurityGroupID.NotFound"])
            .with_words(&["sg-0123456789abcdef0"])
    ),
    fact!(
        create_in_a_full_subnet_is_refused,
        "A /28 subnet has room for 11 interfaces. The next one is refused because the subnet is full.",
        EC2_ERRORS,
        Interfaces,
        Expected::refusal(&["InsufficientFreeAddressesInSubnet"]).with_values(&[("created", "11")])
    ),
    fact!(
        create_with_a_prefix_in_a_subnet_without_a_free_block_is_refused,
        "CreateNetworkInterface refuses a prefix of 16 addresses if the subnet has no free block of that size.",
        EC2_ERRORS,
        Interfaces,
        Expected::refusal(&[
            "InsufficientCidrBlocks",
            "InsufficientFreeAddressesInSubnet",
            "InvalidParameterValue"
        ])
        .with_words(&["sufficient", "enough"])
    ),
    fact!(
        create_with_a_named_address_and_a_number_of_prefixes_is_refused,
        "A number of IPv4 prefixes does not go together with specific private IPv4 addresses.",
        CREATE_INTERFACE,
        Interfaces,
        Expected::refusal(&["InvalidParameterCombination", "InvalidParameterValue"])
    ),
    fact!(
        create_with_a_number_of_prefixes_and_of_addresses_is_refused,
        "A number of IPv4 prefixes does not go together with a number of secondary addresses.",
        CREATE_INTERFACE,
        Interfaces,
        Expected::refusal(&["InvalidParameterCombination", "InvalidParameterValue"])
    ),
    fact!(
        create_shows_the_tags_and_the_address_at_once,
        "The answer of CreateNetworkInterface has the requested address, the tags, and no attachment.",
        CREATE_INTERFACE,
        Interfaces,
        Expected::values(&[
            ("address", "as requested"),
            ("attached", "no"),
            ("source/destination check", "yes"),
            ("tag of the run", "yes")
        ])
    ),
];

/// Creates an interface with this address, and deletes it.
async fn with_address(stage: &Stage, subnet: &Subnet, address: &str) -> Result<Observed> {
    let answer = stage
        .create_in(subnet)
        .private_ip_address(address)
        .send()
        .await;
    if let Ok(made) = &answer {
        stage.discard(&id_of(made.network_interface())?).await;
    }
    refusal(answer)
}

async fn create_with_an_address_in_use_is_refused(stage: &Stage) -> Result<Observed> {
    let taken = stage.interface_in(&stage.main).await?;
    let found = stage.shown(&taken).await?;
    let address = found.private_ip_address().context("no address")?;
    let observed = with_address(stage, &stage.main, address).await?;
    stage.discard(&taken).await;
    let message = observed.message.clone().unwrap_or_default();
    Ok(observed.measure("message names the address", yes(message.contains(address))))
}

async fn create_with_a_reserved_address_is_refused(stage: &Stage) -> Result<Observed> {
    let mut last = Observed::new();
    let mut refused = 0;
    for offset in [0, 1, 2, 3, 15] {
        last = with_address(stage, &stage.small, &stage.small.address(offset)).await?;
        refused += usize::from(last.code.as_deref() == Some("InvalidParameterValue"));
    }
    Ok(last.value("refused", refused))
}

async fn create_with_an_address_outside_the_subnet_is_refused(stage: &Stage) -> Result<Observed> {
    with_address(stage, &stage.small, &stage.main.address(20)).await
}

async fn create_in_an_unknown_subnet_is_refused(stage: &Stage) -> Result<Observed> {
    let unknown = Subnet {
        id: "subnet-0123456789abcdef0".to_owned(),
        ..stage.main.clone()
    };
    refusal(stage.create_in(&unknown).send().await)
}

async fn create_with_an_unknown_security_group_is_refused(stage: &Stage) -> Result<Observed> {
    let call = stage.create_in(&stage.main);
    let groups = Some(vec!["sg-0123456789abcdef0".to_owned()]);
    refusal(call.set_groups(groups).send().await)
}

async fn create_in_a_full_subnet_is_refused(stage: &Stage) -> Result<Observed> {
    let mut made = Vec::new();
    let answer = loop {
        match stage.create_in(&stage.small).send().await {
            Ok(answer) if made.len() < 16 => made.push(id_of(answer.network_interface())?),
            answer => break refusal(answer)?,
        }
    };
    for id in &made {
        stage.discard(id).await;
    }
    Ok(answer.value("created", made.len()))
}

async fn create_with_a_prefix_in_a_subnet_without_a_free_block_is_refused(
    stage: &Stage,
) -> Result<Observed> {
    let call = stage.create_in(&stage.small).ipv4_prefix_count(1);
    refusal(call.send().await)
}

async fn create_with_a_named_address_and_a_number_of_prefixes_is_refused(
    stage: &Stage,
) -> Result<Observed> {
    let call = stage.create_in(&stage.main).ipv4_prefix_count(1);
    let answer = call.private_ip_address(stage.main.address(10)).send().await;
    if let Ok(made) = &answer {
        stage.discard(&id_of(made.network_interface())?).await;
    }
    refusal(answer)
}

async fn create_with_a_number_of_prefixes_and_of_addresses_is_refused(
    stage: &Stage,
) -> Result<Observed> {
    let call = stage.create_in(&stage.main).ipv4_prefix_count(1);
    let answer = call.secondary_private_ip_address_count(1).send().await;
    if let Ok(made) = &answer {
        stage.discard(&id_of(made.network_interface())?).await;
    }
    refusal(answer)
}

async fn create_shows_the_tags_and_the_address_at_once(stage: &Stage) -> Result<Observed> {
    let address = stage.main.address(12);
    let call = stage.create_in(&stage.main).private_ip_address(&address);
    let made = call.send().await.context("CreateNetworkInterface")?;
    let interface = made.network_interface().context("no interface")?;
    stage.discard(&id_of(Some(interface))?).await;
    let is_as_requested = interface.private_ip_address() == Some(&address);
    let address = match is_as_requested {
        true => "as requested",
        false => interface.private_ip_address().unwrap_or_default(),
    };
    Ok(Observed::new()
        .value("address", address)
        .value("attached", yes(interface.attachment().is_some()))
        .value(
            "source/destination check",
            yes(interface.source_dest_check() == Some(true)),
        )
        .value("tag of the run", yes(has_tag(interface, stage))))
}

fn has_tag(interface: &NetworkInterface, stage: &Stage) -> bool {
    let wanted = stage.tag();
    interface.tag_set().contains(&wanted)
}
