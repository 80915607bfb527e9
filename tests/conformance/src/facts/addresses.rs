//! Addresses that EC2 chooses: reservations, prefixes, IPv6.

use anyhow::{Context as _, Result, bail};
use aws_sdk_ec2::types::{AttributeBooleanValue, ResourceType, SubnetCidrReservationType};
use ipnet::Ipv4Net;

use super::fact;
use crate::clients::refusal;
use crate::fact::{Expected, Fact, Observed};
use crate::stage::{Stage, Subnet, id_of};

pub(super) const FACTS: &[Fact] = &[
    fact!(
        address_of_an_explicit_reservation_is_never_chosen_and_can_be_named,
        "EC2 never chooses an address of an explicit CIDR reservation. A request can name one.",
        RESERVATIONS,
        Interfaces,
        Expected::values(&[
            ("chosen in the reservation", "0"),
            ("chosen outside", "4"),
            ("named in the reservation", "created")
        ])
    ),
    fact!(
        prefix_is_chosen_from_a_prefix_reservation,
        "EC2 chooses prefixes from the subnet's prefix reservation.",
        RESERVATIONS,
        Interfaces,
        Expected::values(&[("prefix", "of the reservation")])
    ),
    fact!(
        reservations_are_listed_with_their_type,
        "GetSubnetCidrReservations lists the CIDR and the type of a reservation.",
        RESERVATIONS,
        Interfaces,
        Expected::values(&[("type", "explicit"), ("CIDR", "as requested")])
    ),
    fact!(
        subnet_with_ipv6_on_creation_gives_an_address_unless_none_is_asked_for,
        "In a subnet with AssignIpv6AddressOnCreation, an interface gets an IPv6 address unless the request says 0.",
        CREATE_INTERFACE,
        Ipv6,
        Expected::values(&[("nothing said", "1"), ("a number of 0", "0")])
    ),
    fact!(
        ipv6_address_is_chosen_by_a_number_or_named,
        "CreateNetworkInterface takes a number of IPv6 addresses, or one by name.",
        CREATE_INTERFACE,
        Ipv6,
        Expected::values(&[("a number of 1", "1"), ("named", "as requested")])
    ),
];

/// Reserves a block of a subnet, and returns the reservation's id.
async fn reserve(
    stage: &Stage,
    subnet: &Subnet,
    block: Ipv4Net,
    kind: SubnetCidrReservationType,
) -> Result<String> {
    let call = stage.clients.ec2.create_subnet_cidr_reservation();
    let made = call
        .subnet_id(&subnet.id)
        .cidr(block.to_string())
        .reservation_type(kind)
        .tag_specifications(stage.tags(ResourceType::SubnetCidrReservation))
        .send()
        .await
        .context("CreateSubnetCidrReservation")?;
    let made = made.subnet_cidr_reservation();
    let id = made.and_then(|made| made.subnet_cidr_reservation_id());
    Ok(id.context("no reservation id")?.to_owned())
}

async fn release(stage: &Stage, reservation: &str) -> Result<()> {
    let call = stage.clients.ec2.delete_subnet_cidr_reservation();
    let call = call.subnet_cidr_reservation_id(reservation);
    call.send().await.context("DeleteSubnetCidrReservation")?;
    Ok(())
}

/// The upper half of the /28.
fn upper_half(subnet: &Subnet) -> Result<Ipv4Net> {
    let halves = subnet.block.subnets(29)?;
    halves.last().context("no half")
}

async fn address_of_an_explicit_reservation_is_never_chosen_and_can_be_named(
    stage: &Stage,
) -> Result<Observed> {
    let block = upper_half(&stage.small)?;
    let kind = SubnetCidrReservationType::Explicit;
    let reservation = reserve(stage, &stage.small, block, kind).await?;
    let mut made = Vec::new();
    let (mut inside, mut outside) = (0, 0);
    while let Ok(answer) = stage.create_in(&stage.small).send().await {
        let interface = answer.network_interface().context("no interface")?;
        made.push(id_of(Some(interface))?);
        let address = interface.private_ip_address().context("no address")?;
        match block.contains(&address.parse::<std::net::Ipv4Addr>()?) {
            true => inside += 1,
            false => outside += 1,
        }
        if made.len() > 16 {
            bail!("a /28 subnet took {} interfaces", made.len());
        }
    }
    let named = stage
        .create_in(&stage.small)
        .private_ip_address(stage.small.address(9))
        .send()
        .await;
    if let Ok(answer) = &named {
        made.push(id_of(answer.network_interface())?);
    }
    for id in &made {
        stage.discard(id).await;
    }
    release(stage, &reservation).await?;
    let named = match named {
        Ok(_) => "created".to_owned(),
        refused => refusal(refused)?.error(),
    };
    Ok(Observed::new()
        .value("chosen in the reservation", inside)
        .value("chosen outside", outside)
        .value("named in the reservation", named))
}

async fn prefix_is_chosen_from_a_prefix_reservation(stage: &Stage) -> Result<Observed> {
    // The second of the /26's four blocks: the first and the last hold what EC2 reserves.
    let block = stage.main.block.subnets(28)?.nth(1).context("no block")?;
    let kind = SubnetCidrReservationType::Prefix;
    let reservation = reserve(stage, &stage.main, block, kind).await?;
    let call = stage.create_in(&stage.main).ipv4_prefix_count(1);
    let made = call.send().await.context("CreateNetworkInterface")?;
    let interface = made.network_interface().context("no interface")?;
    stage.discard(&id_of(Some(interface))?).await;
    release(stage, &reservation).await?;
    let prefix = interface.ipv4_prefixes().first();
    let prefix = prefix.and_then(|prefix| prefix.ipv4_prefix());
    let is_of_it = prefix == Some(block.to_string().as_str());
    let prefix = match is_of_it {
        true => "of the reservation",
        false => prefix.unwrap_or("none"),
    };
    Ok(Observed::new().value("prefix", prefix))
}

async fn reservations_are_listed_with_their_type(stage: &Stage) -> Result<Observed> {
    let block = upper_half(&stage.small)?;
    let kind = SubnetCidrReservationType::Explicit;
    let reservation = reserve(stage, &stage.small, block, kind).await?;
    let call = stage.clients.ec2.get_subnet_cidr_reservations();
    let listed = call.subnet_id(&stage.small.id).send().await;
    release(stage, &reservation).await?;
    let listed = listed.context("GetSubnetCidrReservations")?;
    let found = listed.subnet_ipv4_cidr_reservations().first();
    let found = found.context("no reservation is listed")?;
    let is_it = found.cidr() == Some(block.to_string().as_str());
    let cidr = match is_it {
        true => "as requested",
        false => found.cidr().unwrap_or("none"),
    };
    let kind = found
        .reservation_type()
        .map_or("none", |kind| kind.as_str());
    Ok(Observed::new().value("type", kind).value("CIDR", cidr))
}

/// Creates an interface, and returns the number of its IPv6 addresses.
async fn ipv6_addresses(stage: &Stage, number: Option<i32>) -> Result<usize> {
    let call = stage.create_in(&stage.main);
    let made = call.set_ipv6_address_count(number).send().await;
    let made = made.context("CreateNetworkInterface")?;
    let interface = made.network_interface().context("no interface")?;
    stage.discard(&id_of(Some(interface))?).await;
    Ok(interface.ipv6_addresses().len())
}

async fn assign_on_creation(stage: &Stage, assign: bool) -> Result<()> {
    let value = AttributeBooleanValue::builder().value(assign).build();
    let call = stage.clients.ec2.modify_subnet_attribute();
    let call = call.subnet_id(&stage.main.id);
    let call = call.assign_ipv6_address_on_creation(value);
    call.send().await.context("ModifySubnetAttribute")?;
    Ok(())
}

async fn subnet_with_ipv6_on_creation_gives_an_address_unless_none_is_asked_for(
    stage: &Stage,
) -> Result<Observed> {
    assign_on_creation(stage, true).await?;
    let unsaid = ipv6_addresses(stage, None).await;
    let none = ipv6_addresses(stage, Some(0)).await;
    assign_on_creation(stage, false).await?;
    Ok(Observed::new()
        .value("nothing said", unsaid?)
        .value("a number of 0", none?))
}

async fn ipv6_address_is_chosen_by_a_number_or_named(stage: &Stage) -> Result<Observed> {
    let chosen = ipv6_addresses(stage, Some(1)).await?;
    let block = stage.main.ipv6.context("no IPv6 block")?;
    let address = std::net::Ipv6Addr::from(u128::from(block.network()).saturating_add(0x10));
    let named = aws_sdk_ec2::types::InstanceIpv6Address::builder()
        .ipv6_address(address.to_string())
        .build();
    let made = stage.create_in(&stage.main).ipv6_addresses(named);
    let made = made.send().await.context("CreateNetworkInterface")?;
    let interface = made.network_interface().context("no interface")?;
    stage.discard(&id_of(Some(interface))?).await;
    let found = interface.ipv6_addresses().first();
    let found = found.and_then(|found| found.ipv6_address());
    let is_it = found.and_then(|text| text.parse().ok()) == Some(address);
    let named = match is_it {
        true => "as requested",
        false => found.unwrap_or("none"),
    };
    Ok(Observed::new()
        .value("a number of 1", chosen)
        .value("named", named))
}
