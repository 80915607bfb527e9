//! Whose a network interface is, by what EC2 says of it. A service that has an interface in a VPC
//! writes itself into the interface's description. EC2's documentation has only a part of these
//! texts (EC2 User Guide, "Requester-managed network interfaces"; Elastic Load Balancing User Guides,
//! "ELB" followed by the name; Lambda Developer Guide, "Giving Lambda functions access to resources in
//! an Amazon VPC"). Each form here is in published outputs of `DescribeNetworkInterfaces`, or in what
//! programs that read them look for: cloud-custodian/cloud-custodian, `c7n/utils.py`,
//! `get_eni_resource_type`, and hashicorp/terraform-provider-aws, `internal/service/ec2`.
//!
//! The requester says less. `RequesterId` is an alias such as `amazon-rds` or `amazon-elb`, the same for
//! every database and every load balancer, or the ID of an account of AWS's, of which no list is
//! published.

/// What `DescribeNetworkInterfaces` says of an interface.
#[derive(Debug, Clone, Copy)]
pub struct Described<'a> {
    /// `networkInterfaceId`
    pub id: &'a str,
    /// `interfaceType`, for example `nat_gateway`. The SDKs also know `natGateway`.
    pub interface_type: &'a str,
    /// `description`
    pub description: &'a str,
    /// The names of its security groups.
    pub groups: &'a [&'a str],
    /// The instance of its account that it is attached to. It is not an instance of the cluster.
    pub instance_id: Option<&'a str>,
}

/// An AWS service in a VPC, or an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// What it is, for example `NetworkLoadBalancer`, `RDS`, `NatGateway`; `Instance` for an
    /// instance; `Interface` if EC2 does not say it in a form that is known here.
    pub kind: String,
    /// Which one, for example `nat-0a1b2c3d4e5f60718`. RDS, Redshift and DMS do not say it, and an
    /// ECS task says a number of its own: they have the names of their security groups instead.
    pub name: String,
}

/// The beginning of a description, before the name, and the kind.
const PREFIXES: [(&str, &str); 17] = [
    ("ELB app/", "ApplicationLoadBalancer"),
    ("ELB net/", "NetworkLoadBalancer"),
    ("ELB gwy/", "GatewayLoadBalancer"),
    ("ELB ", "ClassicLoadBalancer"),
    ("Interface for NAT Gateway ", "NatGateway"),
    ("VPC Endpoint Interface", "VpcEndpoint"),
    (
        "Network Interface for Transit Gateway Attachment ",
        "TransitGateway",
    ),
    ("ElastiCache ", "ElastiCache"),
    ("ElastiCache+", "ElastiCache"),
    ("DAX ", "DAX"),
    ("Network interface for DBProxy ", "RDSProxy"),
    (
        "AWS created network interface for directory ",
        "DirectoryService",
    ),
    ("Route 53 Resolver: ", "Route53Resolver"),
    ("CloudHsm ENI ", "CloudHSM"),
    ("EFS mount target for ", "EFS"),
    ("Amazon EKS ", "EKS"),
    ("ES ", "OpenSearch"),
];

/// Types that say what the interface is, whatever its description says.
const TYPES: [(&str, &str); 10] = [
    ("nat_gateway", "NatGateway"),
    ("natGateway", "NatGateway"),
    ("network_load_balancer", "NetworkLoadBalancer"),
    ("gateway_load_balancer", "GatewayLoadBalancer"),
    (
        "gateway_load_balancer_endpoint",
        "GatewayLoadBalancerEndpoint",
    ),
    ("load_balancer", "ApplicationLoadBalancer"),
    ("vpc_endpoint", "VpcEndpoint"),
    ("transit_gateway", "TransitGateway"),
    ("lambda", "Lambda"),
    ("efs", "EFS"),
];

const INSTANCE: &str = "Instance";
const LAMBDA: &str = "AWS Lambda VPC ENI-";
const MSK: &str = "Amazon MSK network interface for cluster ";

impl Service {
    /// The service that an interface belongs to. An interface for pods (the VPC CNI's `aws-K8S-i-…`, a
    /// trunk interface or a branch interface) belongs to the instance that it is attached to, a node
    /// of another cluster. Returns `None` if it is attached to none: it may be the cluster's own.
    #[must_use]
    pub fn of(described: &Described<'_>) -> Option<Self> {
        let text = described.description.trim();
        if matches!(described.interface_type, "branch" | "trunk") || text.starts_with("aws-K8S-") {
            return Some(Self {
                kind: INSTANCE.to_owned(),
                name: described.instance_id?.to_owned(),
            });
        }
        let (kind, name) = by_description(text, described.groups)
            .or_else(|| Some((INSTANCE, described.instance_id?.to_owned())))
            .or_else(|| {
                let (_, kind) = TYPES
                    .iter()
                    .find(|(it, _)| *it == described.interface_type)?;
                Some((*kind, text.to_owned()))
            })
            .unwrap_or_else(|| ("Interface", text.to_owned()));
        // The query joins kind and name to one text, by a control character.
        let name = name.replace(char::is_control, " ");
        let name = name.trim();
        Some(Self {
            kind: kind.to_owned(),
            name: if name.is_empty() { described.id } else { name }.to_owned(),
        })
    }
}

/// Whether a text is an ARN of a service, in any partition: `arn:PARTITION:SERVICE:…`.
fn is_arn_of(service: &str, text: &str) -> bool {
    let mut parts = text.split(':');
    parts.next() == Some("arn") && parts.next().is_some() && parts.next() == Some(service)
}

/// The kind and the name that a description tells. The name may be empty.
fn by_description(text: &str, groups: &[&str]) -> Option<(&'static str, String)> {
    match text {
        "RDSNetworkInterface" => return Some(("RDS", groups.join(", "))),
        "RedshiftNetworkInterface" => return Some(("Redshift", groups.join(", "))),
        "DMSNetworkInterface" => return Some(("DMS", groups.join(", "))),
        _ => {}
    }
    if is_arn_of("ecs", text) {
        return Some(("ECS", groups.join(", ")));
    }
    if let Some(name) = text.strip_prefix(LAMBDA) {
        return Some(("Lambda", without_uuid(name).to_owned()));
    }
    if let Some((_, arn)) = text.split_once(MSK) {
        // arn:aws:kafka:REGION:ACCOUNT:cluster/NAME/UUID
        return Some(("MSK", arn.split('/').nth(1).unwrap_or(arn).to_owned()));
    }
    let (prefix, kind) = PREFIXES
        .iter()
        .find(|(prefix, _)| text.starts_with(prefix))?;
    let rest = text.strip_prefix(prefix)?.trim_start_matches([':', ' ']);
    // A load balancer's ID comes after a slash, a mount target's after a space, the address of a
    // resolver's endpoint after a colon.
    let name = match *kind {
        "ElastiCache" | "EKS" | "OpenSearch" | "DAX" => rest,
        _ => rest.split(['/', ' ', ':']).next().unwrap_or(rest),
    };
    let name = name.trim_end_matches('.');
    Some((kind, name.to_owned()))
}

/// The name without the UUID that Lambda adds to a function's.
fn without_uuid(name: &str) -> &str {
    const UUID: usize = "-01234567-89ab-cdef-0123-456789abcdef".len();
    let cut = name.len().checked_sub(UUID);
    let parts = cut.and_then(|cut| name.split_at_checked(cut));
    match parts {
        Some((function, uuid))
            if uuid.starts_with('-') && uuid.chars().all(|c| c == '-' || c.is_ascii_hexdigit()) =>
        {
            function
        }
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(described: Described<'_>) -> Option<(String, String)> {
        Service::of(&described).map(|it| (it.kind, it.name))
    }

    const PLAIN: Described<'_> = Described {
        id: "eni-0a",
        interface_type: "interface",
        description: "",
        groups: &[],
        instance_id: None,
    };

    fn described(description: &str) -> Option<(String, String)> {
        service(Described {
            description,
            groups: &["db", "shared"],
            ..PLAIN
        })
    }

    #[test]
    fn a_description_tells_the_service_and_its_name() {
        for (description, kind, name) in [
            (
                "ELB app/web/50dc6c495c0c9188",
                "ApplicationLoadBalancer",
                "web",
            ),
            (
                "ELB net/k8s-shop-cart/0a1b2c3d",
                "NetworkLoadBalancer",
                "k8s-shop-cart",
            ),
            ("ELB gwy/fw/0a1b2c3d", "GatewayLoadBalancer", "fw"),
            ("ELB old-style", "ClassicLoadBalancer", "old-style"),
            (
                "Interface for NAT Gateway nat-02d216882c09db8e6",
                "NatGateway",
                "nat-02d216882c09db8e6",
            ),
            (
                "VPC Endpoint Interface vpce-0a1b",
                "VpcEndpoint",
                "vpce-0a1b",
            ),
            (
                "VPC Endpoint Interface: vpce-0a1b",
                "VpcEndpoint",
                "vpce-0a1b",
            ),
            (
                "Network Interface for Transit Gateway Attachment tgw-attach-0a",
                "TransitGateway",
                "tgw-attach-0a",
            ),
            ("ElastiCache sessions-001", "ElastiCache", "sessions-001"),
            ("ElastiCache+sessions-002", "ElastiCache", "sessions-002"),
            ("DAX orders-a", "DAX", "orders-a"),
            (
                "Network interface for DBProxy proxy-1734138353499-shop",
                "RDSProxy",
                "proxy-1734138353499-shop",
            ),
            (
                "AWS created network interface for directory d-0123456789.",
                "DirectoryService",
                "d-0123456789",
            ),
            (
                "Route 53 Resolver: rslvr-in-55829d25693e4b729:rni-9494385465134fa5a",
                "Route53Resolver",
                "rslvr-in-55829d25693e4b729",
            ),
            ("CloudHsm ENI hsm-0a1b", "CloudHSM", "hsm-0a1b"),
            ("DMSNetworkInterface", "DMS", "db, shared"),
            (
                "arn:aws:ecs:us-east-1:123456789012:attachment/37a927f2-a8d1-46d7-8f96-d6aef13cc5b0",
                "ECS",
                "db, shared",
            ),
            (
                "arn:aws-us-gov:ecs:us-gov-west-1:123456789012:attachment/37a927f2-a8d1-46d7-8f96-d6aef13cc5b0",
                "ECS",
                "db, shared",
            ),
            ("EFS mount target for fs-0a1b (fsmt-0c)", "EFS", "fs-0a1b"),
            ("Amazon EKS prod", "EKS", "prod"),
            ("ES logs", "OpenSearch", "logs"),
            ("RDSNetworkInterface", "RDS", "db, shared"),
            ("RedshiftNetworkInterface", "Redshift", "db, shared"),
            (
                "AWS Lambda VPC ENI-report-builder-1a2b3c4d-5e6f-7081-92a3-b4c5d6e7f809",
                "Lambda",
                "report-builder",
            ),
            ("AWS Lambda VPC ENI-short", "Lambda", "short"),
            (
                "DO NOT DELETE - Amazon MSK network interface for cluster arn:aws:kafka:eu-west-2:123456789012:cluster/events/6411a16c-75d7-48b0-afdb-8ed466fe2072-2.",
                "MSK",
                "events",
            ),
            ("something of ours", "Interface", "something of ours"),
        ] {
            assert_eq!(
                described(description),
                Some((kind.to_owned(), name.to_owned())),
                "{description}"
            );
        }
    }

    #[test]
    fn a_type_tells_the_service_of_an_unknown_description() {
        for (interface_type, kind) in [
            ("nat_gateway", "NatGateway"),
            ("natGateway", "NatGateway"),
            (
                "gateway_load_balancer_endpoint",
                "GatewayLoadBalancerEndpoint",
            ),
            ("quicksight", "Interface"),
        ] {
            let found = service(Described {
                interface_type,
                ..PLAIN
            });
            assert_eq!(found, Some((kind.to_owned(), "eni-0a".to_owned())));
        }
    }

    #[test]
    fn an_interface_of_an_instance_has_the_instances_name() {
        let instance_id = Some("i-0b");
        let found = service(Described {
            instance_id,
            description: "Primary network interface",
            ..PLAIN
        });
        assert_eq!(found, Some(("Instance".to_owned(), "i-0b".to_owned())));
    }

    #[test]
    fn unattached_interfaces_of_nodes_and_pods_are_no_services() {
        for interface_type in ["branch", "trunk"] {
            let found = service(Described {
                interface_type,
                ..PLAIN
            });
            assert_eq!(found, None);
        }
        assert_eq!(described("aws-K8S-i-0a1b2c3d4e5f60718"), None);
    }

    #[test]
    fn interfaces_for_pods_of_another_clusters_node_are_the_instances() {
        for (interface_type, description) in [
            ("interface", "aws-K8S-i-0a1b2c3d4e5f60718"),
            ("trunk", "aws-k8s-trunk-eni"),
        ] {
            let found = service(Described {
                interface_type,
                description,
                instance_id: Some("i-0b"),
                ..PLAIN
            });
            assert_eq!(found, Some(("Instance".to_owned(), "i-0b".to_owned())));
        }
    }

    #[test]
    fn a_control_character_does_not_reach_the_name() {
        let found = described("a\u{1f}b\n");
        assert_eq!(found, Some(("Interface".to_owned(), "a b".to_owned())));
    }
}
