//! The VPC of the clusters that `hookline-local` starts, in the fake EC2.

use ipnet::Ipv4Net;
use serde_json::{Value, json};

use crate::ec2::{self, SubnetSpec, Tags};
use crate::wire::error::ApiError;
use crate::world::World;

/// A VPC with a subnet in each AZ.
#[derive(Clone, Debug)]
pub struct Network {
    /// The VPC.
    pub vpc_id: String,
    /// Its subnets, in the order of the AZs.
    pub subnet_ids: Vec<String>,
}

impl Network {
    /// Creates the VPC 10.0.0.0/16, with 10.0.0.0/20 in the first AZ, 10.0.16.0/20 in the second, and so
    /// on.
    ///
    /// # Errors
    /// The errors of CreateVpc and CreateSubnet: of more than 16 AZs.
    pub fn create(world: &mut World) -> Result<Self, ApiError> {
        let (ec2, kernel) = (&mut world.ec2, &mut world.kernel);
        let block = |third: usize, prefix: u8| -> Result<Ipv4Net, ApiError> {
            let third = u8::try_from(third).ok();
            let block = third.and_then(|third| Ipv4Net::new([10, 0, third, 0].into(), prefix).ok());
            block.ok_or_else(|| ApiError::new("InvalidSubnet.Range", "There are too many AZs."))
        };
        let vpc_id = ec2::create_vpc(ec2, kernel, block(0, 16)?, None, Tags::new())?;
        let zones = kernel.settings.availability_zones.clone();
        let mut subnet_ids = Vec::new();
        for (number, availability_zone) in zones.into_iter().enumerate() {
            let spec = SubnetSpec {
                vpc_id: vpc_id.clone(),
                availability_zone,
                cidr_block: block(16 * number, 20)?,
                ipv6_cidr_block: None,
                tags: Tags::new(),
            };
            subnet_ids.push(ec2::create_subnet(ec2, kernel, spec)?);
        }
        Ok(Self { vpc_id, subnet_ids })
    }

    /// The `resourcesVpcConfig` of a cluster in this VPC, in EKS's JSON (EKS API Reference,
    /// `VpcConfigResponse`). Creates its cluster security group, `eks-cluster-sg-NAME-…` (EKS User Guide,
    /// "View Amazon EKS security group requirements for clusters"). The other values are those of a
    /// cluster that is created with subnets only (`VpcConfigRequest`): a public endpoint for everyone.
    ///
    /// # Errors
    /// `InvalidGroup.Duplicate`.
    pub fn vpc_config(&self, world: &mut World, cluster: &str) -> Result<Value, ApiError> {
        let group = ec2::create_security_group(
            &mut world.ec2,
            &mut world.kernel,
            &self.vpc_id,
            &format!("eks-cluster-sg-{cluster}-1"),
            "EKS created security group applied to ENI that is attached to EKS Control Plane master nodes, as well as any managed workloads.",
            Tags::new(),
        )?;
        Ok(json!({
            "subnetIds": self.subnet_ids,
            "securityGroupIds": [],
            "clusterSecurityGroupId": group,
            "vpcId": self.vpc_id,
            "endpointPublicAccess": true,
            "endpointPrivateAccess": false,
            "publicAccessCidrs": ["0.0.0.0/0"],
        }))
    }
}
