//! What rarely changes: subnets, their CIDR reservations, the limits of instance types. Each warm
//! process caches them for some minutes, because they are a third of a cold launch's calls.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tracing::{Instrument as _, Span};

use super::classify::classify;
use super::{Aws, convert};
use hookline_domain::addresses::Subnet;
use hookline_domain::error::{Error, Result};
use hookline_domain::ids::SubnetId;
use hookline_domain::instance_type::InstanceTypeLimits;

/// How long a subnet and its reservations are cached. A new reservation counts after that.
const REMEMBER: Duration = Duration::from_secs(300);

/// The cache, which lives between the invocations of one process.
#[derive(Debug, Default)]
pub(super) struct Memory {
    subnets: Mutex<BTreeMap<SubnetId, (Instant, Subnet)>>,
    reservations: Mutex<BTreeMap<SubnetId, (Instant, Vec<ipnet::IpNet>)>>,
    limits: Mutex<BTreeMap<String, InstanceTypeLimits>>,
}

impl Aws {
    /// The subnets by id (DescribeSubnets), without their CIDR reservations.
    ///
    /// # Errors
    /// [`Error::ResourceNotFound`] for a subnet that does not exist, and those of every call.
    pub async fn subnets(&self, ids: &[&SubnetId]) -> Result<BTreeMap<SubnetId, Subnet>> {
        let now = Instant::now();
        let mut known = self.memory.subnets.lock().await;
        known.retain(|_, (at, _)| now.duration_since(*at) < REMEMBER);
        let missing: Vec<_> = ids.iter().filter(|id| !known.contains_key(**id)).collect();
        if !missing.is_empty() {
            let answer = self
                .ec2
                .describe_subnets()
                .set_subnet_ids(Some(missing.iter().map(ToString::to_string).collect()))
                .send()
                .await
                .map_err(|error| classify("DescribeSubnets", &error))?;
            for subnet in answer.subnets().iter().filter_map(convert::subnet) {
                known.insert(subnet.id.clone(), (now, subnet));
            }
        }
        let mut subnets = BTreeMap::new();
        for id in ids {
            let (_, subnet) = known
                .get(*id)
                .ok_or_else(|| Error::not_found(format!("The subnet {id} does not exist")))?;
            subnets.insert((*id).clone(), subnet.clone());
        }
        Ok(subnets)
    }

    /// The CIDR reservations of subnets (GetSubnetCidrReservations, a call each).
    ///
    /// # Errors
    /// Those of every call.
    pub async fn reservations(
        &self,
        ids: &[SubnetId],
    ) -> Result<BTreeMap<SubnetId, Vec<ipnet::IpNet>>> {
        // In parallel: on a cold function, a plan would wait for these calls the longest.
        let mut asked = JoinSet::new();
        for id in ids.iter().cloned() {
            let aws = self.clone();
            asked.spawn(
                async move { (aws.reservations_of(&id).await, id) }.instrument(Span::current()),
            );
        }
        // Even if one call fails, the others end: a retry finds their results in the cache.
        let answers = asked.join_all().await.into_iter();
        answers
            .map(|(reservations, id)| Ok((id, reservations?)))
            .collect()
    }

    async fn reservations_of(&self, subnet: &SubnetId) -> Result<Vec<ipnet::IpNet>> {
        let now = Instant::now();
        {
            let mut known = self.memory.reservations.lock().await;
            known.retain(|_, (at, _)| now.duration_since(*at) < REMEMBER);
            if let Some((_, reservations)) = known.get(subnet) {
                return Ok(reservations.clone());
            }
        }
        let mut reservations: Vec<ipnet::IpNet> = Vec::new();
        let mut next_token = None;
        loop {
            let answer = self
                .ec2
                .get_subnet_cidr_reservations()
                .subnet_id(subnet.as_str())
                .set_next_token(next_token)
                .send()
                .await
                .map_err(|error| classify("GetSubnetCidrReservations", &error))?;
            reservations.extend(
                answer
                    .subnet_ipv4_cidr_reservations()
                    .iter()
                    .chain(answer.subnet_ipv6_cidr_reservations())
                    .filter_map(|reservation| reservation.cidr()?.parse::<ipnet::IpNet>().ok()),
            );
            next_token = answer
                .next_token()
                .filter(|token| !token.is_empty())
                .map(str::to_owned);
            if next_token.is_none() {
                break;
            }
        }
        let mut known = self.memory.reservations.lock().await;
        known.insert(subnet.clone(), (now, reservations.clone()));
        Ok(reservations)
    }

    /// The limits of an instance type (DescribeInstanceTypes).
    ///
    /// # Errors
    /// Those of every call.
    pub async fn limits(&self, instance_type: &str) -> Result<InstanceTypeLimits> {
        let mut known = self.memory.limits.lock().await;
        if let Some(limits) = known.get(instance_type) {
            return Ok(limits.clone());
        }
        let answer = self
            .ec2
            .describe_instance_types()
            .instance_types(instance_type.into())
            .send()
            .await
            .map_err(|error| classify("DescribeInstanceTypes", &error))?;
        let limits = answer
            .instance_types()
            .iter()
            .find_map(|info| convert::limits(instance_type, info))
            .ok_or_else(|| Error::ResourceNotFound {
                problem: format!(
                    "EC2 returned no network limits for the instance type {instance_type}"
                ),
                remedy: "Use an instance type that the Region offers",
            })?;
        known.insert(instance_type.to_owned(), limits.clone());
        Ok(limits)
    }
}
