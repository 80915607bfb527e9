//! VPCs: address ranges that subnets are part of.

use std::borrow::Cow;

use ipnet::{Ipv4Net, Ipv6Net};
use rand::RngExt;

use super::Ec2;
use super::errors::{Kind, invalid_value};
use super::filter::Filters;
use super::page::{Page, next_token};
use super::security_group;
use super::tags::{self, Tags};
use crate::kernel::Kernel;
use crate::wire::error::ApiError;
use crate::wire::query::Params;
use crate::wire::xml::Xml;

/// A VPC.
#[derive(Clone, Debug)]
pub struct Vpc {
    /// `vpc-…`
    pub vpc_id: String,
    /// The account that owns it and its subnets; see [`share_vpc`].
    pub owner_id: String,
    /// Its IPv4 range.
    pub cidr_block: Ipv4Net,
    /// Its IPv6 range, if it has one.
    pub ipv6_cidr_block: Option<Ipv6Net>,
    /// Its tags.
    pub tags: Tags,
}

/// Creates a VPC with its default security group, and returns its id.
///
/// # Errors
/// `InvalidVpc.Range`.
pub fn create_vpc(
    ec2: &mut Ec2,
    kernel: &mut Kernel,
    cidr_block: Ipv4Net,
    ipv6_cidr_block: Option<Ipv6Net>,
    tags: Tags,
) -> Result<String, ApiError> {
    if !(16..=28).contains(&cidr_block.prefix_len()) {
        return Err(ApiError::new(
            "InvalidVpc.Range",
            format!("The CIDR '{cidr_block}' is invalid."),
        ));
    }
    let vpc_id = kernel.new_id("vpc");
    let vpc = Vpc {
        vpc_id: vpc_id.clone(),
        owner_id: kernel.settings.account.clone(),
        cidr_block,
        ipv6_cidr_block,
        tags,
    };
    ec2.vpcs.insert(vpc_id.clone(), vpc);
    security_group::create_default(ec2, kernel, &vpc_id);
    Ok(vpc_id)
}

/// Gives a VPC, with its subnets, to another account, which shares all of the subnets with the
/// fake's account by AWS RAM (VPC User Guide, "Share your VPC subnets with other accounts"). No call
/// does this to a VPC that exists: it is a short way to the end of a share.
///
/// From then on the ARNs and the `OwnerId` of the VPC and the subnets have the owner's account: as
/// EC2 names a shared subnet when it refuses RunInstances (terraform-aws-modules/terraform-aws-iam,
/// issue 227; runs-on/runs-on, issue 463). That this holds for a VPC in the condition key `ec2:Vpc`
/// and for CreateNetworkInterface follows from the form of an ARN; nobody has reported either. The
/// owner's tags are not shown (aws/karpenter-provider-aws, issue 1368), and no condition on them
/// holds: the strict reading. Interfaces, instances and security groups stay those of the fake's
/// account, as if it had created them in the shared subnets (VPC User Guide, "Responsibilities and
/// permissions for owners and participants").
///
/// # Errors
/// `InvalidVpcID.NotFound`.
pub fn share_vpc(ec2: &mut Ec2, vpc_id: &str, owner_id: &str) -> Result<(), ApiError> {
    match ec2.vpcs.get_mut(vpc_id) {
        Some(vpc) => owner_id.clone_into(&mut vpc.owner_id),
        None => return Err(Kind::Vpc.not_found(vpc_id)),
    }
    Ok(())
}

impl Vpc {
    /// The tags that an account sees on it, or on one of its subnets: none of another account.
    pub(crate) fn shown_tags<'a>(&self, tags: &'a Tags, account: &str) -> Cow<'a, Tags> {
        match self.owner_id == account {
            true => Cow::Borrowed(tags),
            false => Cow::Owned(Tags::new()),
        }
    }
}

pub(crate) fn create(
    ec2: &mut Ec2,
    kernel: &mut Kernel,
    params: &mut Params,
) -> Result<String, ApiError> {
    let cidr_block = cidr(params, "CidrBlock")?;
    let wants_ipv6 = params.bool("AmazonProvidedIpv6CidrBlock")?.unwrap_or(false);
    let mut ipv6: Option<Ipv6Net> = params.parsed("Ipv6CidrBlock", "an IPv6 CIDR block")?;
    params.ignore(&["InstanceTenancy", "Ipv6Pool"]);
    let tags = tags::specification(params, Kind::Vpc)?;
    params.finish()?;
    if wants_ipv6 && ipv6.is_none() {
        // Amazon assigns a /56 from its own ranges; this one is within 2600:1f00::/24.
        let part: u32 = kernel.rng().random();
        let bits = (0x2600_1f00_u128 << 96) | (u128::from(part) << 72);
        ipv6 = Ipv6Net::new(bits.into(), 56).ok();
    }
    let id = create_vpc(ec2, kernel, cidr_block, ipv6, tags)?;
    let mut xml = Xml::new();
    if let Some(vpc) = ec2.vpcs.get(&id) {
        xml.element("vpc", |xml| write(xml, kernel, vpc));
    }
    Ok(xml.into_string())
}

/// DeleteVpc, with the VPC's default security group: "You must detach or delete all gateways and
/// resources that are associated with the VPC before you can delete it" (EC2 API Reference,
/// DeleteVpc).
pub(crate) fn delete(
    ec2: &mut Ec2,
    _: &mut Kernel,
    params: &mut Params,
) -> Result<String, ApiError> {
    let id = params.required_str("VpcId")?;
    params.finish()?;
    if !ec2.vpcs.contains_key(&id) {
        Kind::Vpc.check(&id)?;
        return Err(Kind::Vpc.not_found(id));
    }
    let has_subnet = ec2.subnets.values().any(|subnet| subnet.vpc_id == id);
    let mut groups = ec2.security_groups.values();
    let has_group = groups.any(|group| group.vpc_id == id && group.group_name != "default");
    if has_subnet || has_group {
        return Err(ApiError::new(
            "DependencyViolation",
            format!("The vpc '{id}' has dependencies and cannot be deleted."),
        ));
    }
    ec2.vpcs.remove(&id);
    ec2.security_groups.retain(|_, group| group.vpc_id != id);
    Ok(super::done())
}

pub(crate) fn describe(
    ec2: &mut Ec2,
    kernel: &mut Kernel,
    params: &mut Params,
) -> Result<String, ApiError> {
    const FILTERS: [&str; 5] = ["cidr", "is-default", "owner-id", "state", "vpc-id"];
    let ids = params.list("VpcId");
    let filters = Filters::parse(params, &FILTERS)?;
    let page = Page::parse(params, 5..=1000, &ids)?;
    params.finish()?;
    for id in &ids {
        if !ec2.vpcs.contains_key(id) {
            Kind::Vpc.check(id)?;
            return Err(Kind::Vpc.not_found(id));
        }
    }
    let account = kernel.settings.account.as_str();
    let passing = ec2.vpcs.values().filter(|vpc| {
        (ids.is_empty() || ids.contains(&vpc.vpc_id))
            && filters.pass(&vpc.shown_tags(&vpc.tags, account), |name| {
                vec![match name {
                    "cidr" => Cow::Owned(vpc.cidr_block.to_string()),
                    "is-default" => Cow::Borrowed("false"),
                    "owner-id" => Cow::Borrowed(vpc.owner_id.as_str()),
                    "state" => Cow::Borrowed("available"),
                    _ => Cow::Borrowed(vpc.vpc_id.as_str()),
                }]
            })
    });
    let (vpcs, token) = page.cut(passing.map(|vpc| (vpc.vpc_id.clone(), vpc)));
    let mut xml = Xml::new();
    xml.items("vpcSet", vpcs, |xml, vpc| write(xml, kernel, vpc));
    next_token(&mut xml, token);
    Ok(xml.into_string())
}

fn write(xml: &mut Xml, kernel: &Kernel, vpc: &Vpc) {
    xml.text("vpcId", &vpc.vpc_id);
    xml.text("ownerId", &vpc.owner_id);
    xml.text("state", "available");
    xml.text("cidrBlock", vpc.cidr_block);
    xml.items("cidrBlockAssociationSet", [vpc.cidr_block], |xml, cidr| {
        xml.text(
            "associationId",
            vpc.vpc_id.replace("vpc-", "vpc-cidr-assoc-"),
        );
        xml.text("cidrBlock", cidr);
        xml.element("cidrBlockState", |xml| xml.text("state", "associated"));
    });
    xml.items(
        "ipv6CidrBlockAssociationSet",
        vpc.ipv6_cidr_block,
        |xml, cidr| {
            xml.text(
                "associationId",
                vpc.vpc_id.replace("vpc-", "vpc-cidr-assoc-"),
            );
            xml.text("ipv6CidrBlock", cidr);
            xml.element("ipv6CidrBlockState", |xml| xml.text("state", "associated"));
        },
    );
    xml.text("dhcpOptionsId", "default");
    xml.text("instanceTenancy", "default");
    xml.text("isDefault", false);
    tags::write(xml, &vpc.shown_tags(&vpc.tags, &kernel.settings.account));
}

/// An IPv4 CIDR block, without host bits.
pub(crate) fn cidr(params: &mut Params, name: &str) -> Result<Ipv4Net, ApiError> {
    let text = params.required_str(name)?;
    text.parse::<Ipv4Net>()
        .ok()
        .filter(|net| net.trunc() == *net)
        .ok_or_else(|| {
            let text: String = text.chars().take(64).collect();
            invalid_value(format!(
                "Value ({text}) for parameter cidrBlock is invalid. This is not a valid CIDR block."
            ))
        })
}
