//! Whatever the request, the answer is a 2xx or a 4xx, and the state has no contradictions.

use super::*;
use proptest::prelude::*;

const ACTIONS: [&str; 35] = [
    "AssignPrivateIpAddresses",
    "AssociateSubnetCidrBlock",
    "AttachNetworkInterface",
    "CreateLaunchTemplate",
    "CreateNetworkInterface",
    "CreateSecurityGroup",
    "CreateSubnet",
    "CreateSubnetCidrReservation",
    "CreateTags",
    "CreateVpc",
    "DeleteNetworkInterface",
    "DeleteSecurityGroup",
    "DeleteSubnetCidrReservation",
    "DeleteTags",
    "DescribeAvailabilityZones",
    "DescribeInstanceAttribute",
    "DescribeInstanceTypes",
    "DescribeInstances",
    "DescribeLaunchTemplateVersions",
    "DescribeLaunchTemplates",
    "DescribeNetworkInterfaceAttribute",
    "DescribeNetworkInterfaces",
    "DescribeSecurityGroups",
    "DescribeSubnets",
    "DescribeTags",
    "DescribeVpcs",
    "DetachNetworkInterface",
    "GetSubnetCidrReservations",
    "ModifyNetworkInterfaceAttribute",
    "RunInstances",
    "StartInstances",
    "StopInstances",
    "TerminateInstances",
    "UnassignPrivateIpAddresses",
    "",
];

const NAMES: [&str; 34] = [
    "SubnetId",
    "VpcId",
    "NetworkInterfaceId",
    "InstanceId",
    "InstanceId.1",
    "NetworkInterfaceId.1",
    "DeviceIndex",
    "NetworkCardIndex",
    "AttachmentId",
    "PrivateIpAddress",
    "PrivateIpAddress.1",
    "SecondaryPrivateIpAddressCount",
    "Ipv4PrefixCount",
    "Ipv4Prefix.1",
    "Ipv4Prefix.1.Ipv4Prefix",
    "Ipv6AddressCount",
    "Ipv6Addresses.1.Ipv6Address",
    "PrivateIpAddresses.1.PrivateIpAddress",
    "PrivateIpAddresses.1.Primary",
    "Cidr",
    "CidrBlock",
    "Ipv6CidrBlock",
    "ReservationType",
    "Filter.1.Name",
    "Filter.1.Value.1",
    "MaxResults",
    "NextToken",
    "ClientToken",
    "MinCount",
    "MaxCount",
    "ImageId",
    "InstanceType",
    "ResourceId.1",
    "Tag.1.Key",
];

const VALUES: [&str; 26] = [
    "",
    "0",
    "1",
    "5",
    "4294967295",
    "-1",
    "18446744073709551616",
    "true",
    "10.0.1.7",
    "10.0.1.0/28",
    "10.0.2.8/30",
    "0.0.0.0/0",
    "255.255.255.255/32",
    "::/0",
    "2600:1f14:1:201::9",
    "explicit",
    "prefix",
    "tag:x",
    "status",
    "*?\\",
    "m5.large",
    "ami-1",
    "\u{0}",
    "\u{fffd}é",
    "i-",
    "eni-attach-",
];

#[derive(Clone, Debug)]
enum Text {
    Fixed(&'static str),
    SubnetA,
    SubnetB,
    Interface,
    Instance,
    Attachment,
    Any(String),
}

fn value() -> impl Strategy<Value = Text> {
    prop_oneof![
        4 => prop::sample::select(&VALUES[..]).prop_map(Text::Fixed),
        2 => Just(Text::SubnetA),
        1 => Just(Text::SubnetB),
        2 => Just(Text::Interface),
        2 => Just(Text::Instance),
        1 => Just(Text::Attachment),
        1 => any::<String>().prop_map(Text::Any),
    ]
}

fn call() -> impl Strategy<Value = (&'static str, Vec<(&'static str, Text)>)> {
    let params = prop::collection::vec((prop::sample::select(&NAMES[..]), value()), 0..6);
    (prop::sample::select(&ACTIONS[..]), params)
}

fn paused<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap()
        .block_on(future)
}

/// The number of cases: PROPTEST_CASES, for a long run; else a few.
fn cases() -> u32 {
    let asked = std::env::var("PROPTEST_CASES").ok();
    asked.and_then(|asked| asked.parse().ok()).unwrap_or(200)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_parameters_get_an_answer(calls in prop::collection::vec(call(), 1..20)) {
        paused(async {
            let scene = Scene::new();
            let instance = scene.running("m5.large").await;
            let interface = scene.interface().await;
            let attachment = scene.local.with_world(|world| {
                let primary = world.ec2.interfaces_of(&instance).next().unwrap();
                primary.attachment.as_ref().unwrap().attachment_id.clone()
            });
            for (action, params) in &calls {
                let params: Vec<(&str, &str)> = params.iter().map(|(name, value)| (*name, match value {
                    Text::Fixed(text) => *text,
                    Text::SubnetA => scene.subnet_a.as_str(),
                    Text::SubnetB => scene.subnet_b.as_str(),
                    Text::Interface => interface.as_str(),
                    Text::Instance => instance.as_str(),
                    Text::Attachment => attachment.as_str(),
                    Text::Any(text) => text.as_str(),
                })).collect();
                let (status, body) = send(&scene.local, "2016-11-15", action, &params).await;
                assert!(status < 500, "{action} {params:?}: {body}");
                tokio::time::sleep(Duration::from_millis(300)).await;
            }
        });
    }

    #[test]
    fn any_bytes_get_an_answer(
        body in prop::collection::vec(any::<u8>(), 0..300),
        action in prop::sample::select(&ACTIONS[..]),
        service in prop::sample::select(&["ec2", "autoscaling", "sts", "events", "x"][..]),
    ) {
        paused(async {
            let scene = Scene::new();
            let scope = format!("AWS4-HMAC-SHA256 Credential=K/20260101/us-west-2/{service}/aws4_request");
            let bytes = [format!("Action={action}&").as_bytes(), &body].concat();
            for body in [body, bytes] {
                let request = http::Request::post("/").header("authorization", &scope);
                let response = scene.local.handle(request.body(Bytes::from(body)).unwrap()).await.unwrap();
                assert!(response.status().as_u16() < 500, "{response:?}");
            }
        });
    }
}
