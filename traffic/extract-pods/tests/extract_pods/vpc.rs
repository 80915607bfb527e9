//! A VPC of the fake EC2, and instances in it.

use hookline_local::ec2;

use crate::scene::Scene;

/// Creates a VPC with a subnet. Returns their IDs.
pub(crate) fn subnet(scene: &Scene, vpc: &str, subnet: &str) -> (String, String) {
    scene.aws.local.with_world(|world| {
        let (ec2, kernel) = (&mut world.ec2, &mut world.kernel);
        let block = vpc.parse().unwrap();
        let vpc_id = ec2::create_vpc(ec2, kernel, block, None, ec2::Tags::new()).unwrap();
        let spec = ec2::SubnetSpec {
            vpc_id: vpc_id.clone(),
            availability_zone: "us-west-2b".to_owned(),
            cidr_block: subnet.parse().unwrap(),
            ipv6_cidr_block: None,
            tags: ec2::Tags::new(),
        };
        let subnet = ec2::create_subnet(ec2, kernel, spec).unwrap();
        (vpc_id, subnet)
    })
}

/// Launches an instance with a tag. Returns its ID.
pub(crate) fn launch(scene: &Scene, subnet: &str, tag: &str) -> String {
    scene.aws.local.with_world(|world| {
        let spec = ec2::LaunchSpec {
            image_id: "ami-1".to_owned(),
            instance_type: "m5.large".to_owned(),
            subnet_id: subnet.to_owned(),
            tags: [(tag.to_owned(), "owned".to_owned())].into(),
            ..ec2::LaunchSpec::default()
        };
        ec2::launch(&mut world.ec2, &mut world.kernel, spec).unwrap()
    })
}
