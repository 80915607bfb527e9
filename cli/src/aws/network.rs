//! What EC2 shows: instances, interfaces, subnets, security groups, instance types.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ec2::error::ProvideErrorMetadata;
use aws_sdk_ec2::types::{
    Filter, Instance as SdkInstance, InstanceType, SubnetCidrReservationType, Tag,
};
use aws_smithy_runtime_api::client::result::SdkError;
use hookline_domain::ids::{NetworkInterfaceId, SecurityGroupId, SubnetId};
use hookline_domain::instance_type::InstanceTypeLimits;
use hookline_functions::aws::convert;

use super::{Aws, Error};
use crate::observed::account::Reservation;
use crate::observed::network::{SeenInstance, SeenInterface, SeenSubnet};

/// The most resources of a page (EC2 API Reference).
const PAGE: i32 = 1000;
/// The most instance types of a page (EC2 API Reference, DescribeInstanceTypes).
const PAGE_OF_TYPES: i32 = 100;
/// The most values of the filters of one call (EC2 API Reference, *Filter*).
const MAX_VALUES: usize = 200;

/// What became of a call that deletes an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Removal {
    /// It is deleted.
    Done,
    /// It was deleted before.
    Gone,
    /// It is attached by now, so EC2 deletes nothing.
    InUse,
}

impl Aws {
    /// The instances that a filter passes (DescribeInstances). An id that EC2 does not know is no
    /// error in a filter.
    ///
    /// # Errors
    /// Returns why a call failed.
    pub(crate) async fn instances(
        &self,
        filter: &str,
        values: &[String],
    ) -> Result<Vec<SeenInstance>, Error> {
        let mut found = Vec::new();
        for values in values.chunks(MAX_VALUES) {
            let mut token = None;
            loop {
                let call = self
                    .ec2
                    .describe_instances()
                    .filters(equals(filter, values))
                    .max_results(PAGE)
                    .set_next_token(token);
                let page = self.answer("ec2:DescribeInstances", call.send().await)?;
                let reservations = page.reservations.unwrap_or_default();
                let instances = reservations.iter().flat_map(|it| it.instances());
                found.extend(instances.filter_map(instance));
                token = page.next_token;
                if token.is_none() {
                    break;
                }
            }
        }
        Ok(found)
    }

    /// The interfaces that all the filters pass (DescribeNetworkInterfaces).
    ///
    /// # Errors
    /// Returns why a call failed.
    pub(crate) async fn interfaces(
        &self,
        filters: &[(&str, &[String])],
    ) -> Result<Vec<SeenInterface>, Error> {
        let mut found = Vec::new();
        let mut token = None;
        loop {
            let filters = filters.iter().map(|(name, values)| equals(name, values));
            let call = self
                .ec2
                .describe_network_interfaces()
                .set_filters(Some(filters.collect()))
                .max_results(PAGE)
                .set_next_token(token);
            let page = self.answer("ec2:DescribeNetworkInterfaces", call.send().await)?;
            let interfaces = page.network_interfaces.unwrap_or_default();
            found.extend(interfaces.iter().filter_map(|it| {
                Some(SeenInterface {
                    interface: convert::interface(it)?,
                    kind: it
                        .interface_type()
                        .map_or("interface", |kind| kind.as_str())
                        .to_owned(),
                    requester: it.requester_id().map(str::to_owned),
                })
            }));
            token = page.next_token;
            if token.is_none() {
                return Ok(found);
            }
        }
    }

    /// Deletes an unattached interface (DeleteNetworkInterface).
    ///
    /// # Errors
    /// Returns why the call failed.
    pub(crate) async fn delete_interface(&self, id: &NetworkInterfaceId) -> Result<Removal, Error> {
        let call = self
            .ec2
            .delete_network_interface()
            .network_interface_id(id.as_str());
        let answer = call.send().await;
        let code = match &answer {
            Err(SdkError::ServiceError(error)) => error.err().code(),
            _ => None,
        };
        match code {
            Some("InvalidNetworkInterfaceID.NotFound") => Ok(Removal::Gone),
            // EC2 API Reference, "Error codes for the Amazon EC2 API".
            Some("InvalidNetworkInterface.InUse" | "InvalidParameterValue") => Ok(Removal::InUse),
            _ => {
                self.answer("ec2:DeleteNetworkInterface", answer)?;
                Ok(Removal::Done)
            }
        }
    }

    /// Puts a tag on interfaces (CreateTags). If one of a call is gone, EC2 refuses that call.
    ///
    /// # Errors
    /// Returns why a call failed. The calls before it are done.
    pub(crate) async fn tag_interfaces(
        &self,
        ids: &[NetworkInterfaceId],
        key: &str,
        value: &str,
    ) -> Result<(), Error> {
        for ids in ids.chunks(MAX_VALUES) {
            let call = self
                .ec2
                .create_tags()
                .set_resources(Some(ids.iter().map(ToString::to_string).collect()))
                .tags(Tag::builder().key(key).value(value).build());
            self.answer("ec2:CreateTags", call.send().await)?;
        }
        Ok(())
    }

    /// Those of these subnets that there are (DescribeSubnets).
    ///
    /// # Errors
    /// Returns why a call failed.
    pub(crate) async fn subnets(&self, ids: &[&SubnetId]) -> Result<Vec<SeenSubnet>, Error> {
        let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
        let mut found = Vec::new();
        for ids in ids.chunks(MAX_VALUES) {
            let call = self
                .ec2
                .describe_subnets()
                .filters(equals("subnet-id", ids));
            let answer = self.answer("ec2:DescribeSubnets", call.send().await)?;
            let subnets = answer.subnets.unwrap_or_default();
            found.extend(subnets.iter().filter_map(|it| {
                Some(SeenSubnet {
                    subnet: convert::subnet(it)?,
                    vpc: it.vpc_id().unwrap_or_default().to_owned(),
                    owner: it.owner_id().map(str::to_owned),
                    available: u32::try_from(it.available_ip_address_count()?).unwrap_or_default(),
                })
            }));
        }
        Ok(found)
    }

    /// The CIDR reservations of a subnet, of IPv4 and IPv6 (GetSubnetCidrReservations).
    ///
    /// # Errors
    /// Returns why a call failed.
    pub(crate) async fn cidr_reservations(
        &self,
        subnet: &SubnetId,
    ) -> Result<Vec<Reservation>, Error> {
        let mut found = Vec::new();
        let mut token = None;
        loop {
            let call = self
                .ec2
                .get_subnet_cidr_reservations()
                .subnet_id(subnet.as_str())
                .set_next_token(token);
            let page = self.answer("ec2:GetSubnetCidrReservations", call.send().await)?;
            let ipv4 = page.subnet_ipv4_cidr_reservations.unwrap_or_default();
            let ipv6 = page.subnet_ipv6_cidr_reservations.unwrap_or_default();
            found.extend(ipv4.iter().chain(&ipv6).filter_map(|it| {
                Some(Reservation {
                    range: it.cidr()?.parse().ok()?,
                    for_prefixes: it.reservation_type() == Some(&SubnetCidrReservationType::Prefix),
                })
            }));
            token = page.next_token;
            if token.is_none() {
                return Ok(found);
            }
        }
    }

    /// Those of these security groups that there are, each with its VPC (DescribeSecurityGroups).
    ///
    /// # Errors
    /// Returns why the call failed.
    pub(crate) async fn security_groups(
        &self,
        ids: &BTreeSet<SecurityGroupId>,
    ) -> Result<BTreeMap<SecurityGroupId, String>, Error> {
        let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
        let mut found = BTreeMap::new();
        for ids in ids.chunks(MAX_VALUES) {
            let call = self
                .ec2
                .describe_security_groups()
                .filters(equals("group-id", ids));
            let answer = self.answer("ec2:DescribeSecurityGroups", call.send().await)?;
            let groups = answer.security_groups.unwrap_or_default();
            found.extend(groups.iter().filter_map(|it| {
                let vpc = it.vpc_id().unwrap_or_default();
                Some((it.group_id()?.parse().ok()?, vpc.to_owned()))
            }));
        }
        Ok(found)
    }

    /// The limits of those of these instance types that EC2 knows (DescribeInstanceTypes).
    ///
    /// # Errors
    /// Returns why a call failed.
    pub(crate) async fn limits_of(
        &self,
        types: &BTreeSet<String>,
    ) -> Result<Vec<InstanceTypeLimits>, Error> {
        let types: Vec<String> = types.iter().cloned().collect();
        let mut found = Vec::new();
        for types in types.chunks(MAX_VALUES) {
            let mut token = None;
            loop {
                // A name that EC2 does not know is no error in a filter.
                let call = self
                    .ec2
                    .describe_instance_types()
                    .filters(equals("instance-type", types))
                    .max_results(PAGE_OF_TYPES)
                    .set_next_token(token);
                let page = self.answer("ec2:DescribeInstanceTypes", call.send().await)?;
                let infos = page.instance_types.unwrap_or_default();
                found.extend(
                    infos
                        .iter()
                        .filter_map(|info| convert::limits(info.instance_type()?.as_str(), info)),
                );
                token = page.next_token;
                if token.is_none() {
                    break;
                }
            }
        }
        Ok(found)
    }

    /// The limits of an instance type (DescribeInstanceTypes); `None` if EC2 does not know the
    /// type, or nothing of its network.
    ///
    /// # Errors
    /// Returns why the call failed.
    pub(crate) async fn limits(
        &self,
        instance_type: &str,
    ) -> Result<Option<InstanceTypeLimits>, Error> {
        let call = self
            .ec2
            .describe_instance_types()
            .instance_types(InstanceType::from(instance_type));
        let answer = call.send().await;
        let unknown = |code: Option<&str>| code == Some("InvalidInstanceType");
        if answer.as_ref().is_err_and(|error| unknown(error.code())) {
            return Ok(None);
        }
        let answer = self.answer("ec2:DescribeInstanceTypes", answer)?;
        let types = answer.instance_types.unwrap_or_default();
        Ok(types
            .first()
            .and_then(|info| convert::limits(instance_type, info)))
    }
}

fn equals(name: &str, values: &[String]) -> Filter {
    Filter::builder()
        .name(name)
        .set_values(Some(values.to_vec()))
        .build()
}

fn instance(it: &SdkInstance) -> Option<SeenInstance> {
    let reason = it.state_reason();
    let code = reason.and_then(|reason| reason.code());
    let message = reason.and_then(|reason| reason.message());
    let how = it.state_transition_reason();
    Some(SeenInstance {
        instance: convert::instance(it)?,
        reason_code: code.unwrap_or_default().to_owned(),
        state_reason: message.or(code).unwrap_or_default().to_owned(),
        transition_reason: how.unwrap_or_default().to_owned(),
    })
}
