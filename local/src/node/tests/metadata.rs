//! What the metadata service shows to a node outside the fake AWS.

use super::*;

fn metadata(scene: &Scene, instance: &str) -> Option<Imds> {
    let nodes = scene.local.nodes();
    scene
        .local
        .with_world(|world| nodes.metadata(world, instance))
}

#[tokio::test(start_paused = true)]
async fn metadata_of_an_attached_interface_has_its_addresses_at_once_and_its_index_later() {
    let scene = Scene::new();
    let id = scene.launch("m5.large", None);
    seconds(BOOT).await;
    scene.local.with_world(|world| {
        let (ec2, kernel) = (&mut world.ec2, &mut world.kernel);
        let spec = InterfaceSpec {
            subnet_id: scene.network_subnet.clone(),
            private_ip_address: Some("10.0.2.9".parse().unwrap()),
            secondary_private_ip_addresses: vec!["10.0.2.77".parse().unwrap()],
            ipv4_prefixes: vec!["10.0.2.32/28".parse().unwrap()],
            ipv6_addresses: vec!["2001:db8::9".parse().unwrap()],
            ..InterfaceSpec::default()
        };
        let interface = ec2::create_network_interface(ec2, kernel, spec).unwrap();
        ec2::attach_network_interface(ec2, kernel, &interface, &id, 1, 0).unwrap();
    });
    let of_network = |shown: &Imds| {
        let mut macs = shown.macs.values();
        macs.find(|one| one.subnet_id == scene.network_subnet)
            .map(ImdsInterface::categories)
    };
    assert_eq!(
        of_network(&metadata(&scene, &id).unwrap()),
        None,
        "an interface that is attaching is not shown"
    );

    seconds(1).await;
    let shown = metadata(&scene, &id).unwrap();
    let categories = of_network(&shown).expect("the interface");
    assert_eq!(categories["device-number"], "0");
    assert_eq!(categories["local-ipv4s"], "10.0.2.9\n10.0.2.77");
    assert_eq!(categories["ipv4-prefix"], "10.0.2.32/28");
    assert_eq!(categories["subnet-ipv4-cidr-block"], "10.0.2.0/24");
    assert_eq!(categories["ipv6s"], "2001:db8::9");
    assert_eq!(categories["subnet-ipv6-cidr-blocks"], "2001:db8::/64");
    assert_eq!(categories.get("network-card"), None, "m5.large has one");
    let primary = shown.macs[&shown.mac].categories();
    assert_eq!(primary["device-number"], "0");
    for category in ["ipv4-prefix", "ipv6s", "subnet-ipv6-cidr-blocks"] {
        assert_eq!(primary.get(category), None, "404 without one");
    }

    seconds(3).await;
    let categories = of_network(&metadata(&scene, &id).unwrap()).expect("the interface");
    assert_eq!(categories["device-number"], "1");
}

#[tokio::test(start_paused = true)]
async fn metadata_of_an_unknown_instance_or_of_one_without_software_is_not_there() {
    let scene = Scene::new();
    assert_eq!(metadata(&scene, "i-0123456789abcdef0"), None);
    let scene = Scene::with(Settings::for_tests());
    let id = scene.launch("m5.large", None);
    seconds(BOOT).await;
    assert_eq!(metadata(&scene, &id), None);
}
