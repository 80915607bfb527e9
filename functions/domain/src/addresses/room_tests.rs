use serde_json::{Value, json};

use super::*;
use crate::fixtures::profile;

const ZONE: &str = "us-west-2a";

struct Scene {
    profile: Value,
    subnets: BTreeMap<SubnetId, Subnet>,
    prefix_reservations: BTreeMap<SubnetId, Vec<IpNet>>,
    allocated: Vec<AllocatedInterface>,
    available: BTreeMap<SubnetId, u32>,
    in_flight: Vec<InstanceId>,
}

fn subnet(n: u32, zone: &str, block: &str) -> (SubnetId, Subnet) {
    let id: SubnetId = format!("subnet-{n:017x}").parse().unwrap();
    let subnet = Subnet {
        id: id.clone(),
        availability_zone: zone.to_owned(),
        ipv4: Some(block.parse().unwrap()),
        ipv6: None,
        reservations: Vec::new(),
    };
    (id, subnet)
}

impl Scene {
    /// One slot in a subnet with eleven addresses; the other one has hundreds.
    fn new() -> Self {
        let mut profile = profile();
        profile["slots"][0]["subnetIds"] = json!(["subnet-00000000000000001"]);
        profile["slots"][1]["subnetIds"] = json!(["subnet-00000000000000002"]);
        Self {
            profile,
            subnets: [
                subnet(1, ZONE, "10.0.1.0/28"),
                subnet(2, ZONE, "10.0.2.0/23"),
                subnet(3, "us-west-2c", "10.0.4.0/23"),
            ]
            .into(),
            prefix_reservations: BTreeMap::new(),
            allocated: Vec::new(),
            available: BTreeMap::new(),
            in_flight: Vec::new(),
        }
    }

    fn room_for(&self, nodes: usize) -> Room {
        RoomPlanner {
            profile: &Profile::read(self.profile.clone()).unwrap(),
            availability_zone: ZONE,
            subnets: &self.subnets,
            prefix_reservations: &self.prefix_reservations,
            allocated: &self.allocated,
            available: &self.available,
            in_flight: &self.in_flight,
        }
        .room_for(nodes)
    }

    fn nodes(&self) -> usize {
        self.room_for(1_000).nodes
    }

    fn reserve(&mut self, n: u32, block: &str, prefix: bool) {
        let (id, _) = subnet(n, ZONE, block);
        let block: IpNet = block.parse().unwrap();
        if let Some(subnet) = self.subnets.get_mut(&id) {
            subnet.reservations.push(block);
        }
        if prefix {
            self.prefix_reservations.entry(id).or_default().push(block);
        }
    }
}

#[test]
fn smallest_subnet_has_room_for_eleven_nodes_and_the_shortage_names_its_network() {
    let room = Scene::new().room_for(12);
    let subnet = "subnet-00000000000000001".parse().unwrap();
    let shortage = Shortage {
        slot: 0,
        network: "signaling".to_owned(),
        subnets: vec![subnet],
    };
    assert_eq!((room.nodes, room.shortage), (11, Some(shortage)));
    let enough = Scene::new().room_for(11);
    assert_eq!((enough.nodes, enough.shortage), (11, None));
}

#[test]
fn secondary_addresses_reservations_and_excluded_ranges_leave_less() {
    let mut scene = Scene::new();
    scene.profile["slots"][0]["secondaryPrivateAddresses"] = json!(1);
    assert_eq!(scene.nodes(), 5);
    scene.profile["slots"][0]["secondaryPrivateAddresses"] = json!(0);
    scene.reserve(1, "10.0.1.8/30", false);
    assert_eq!(scene.nodes(), 7);
    scene.profile["slots"][0]["excludedRanges"] = json!(["10.0.1.4-10.0.1.6"]);
    assert_eq!(scene.nodes(), 4);
    // EC2 does not know excluded ranges.
    scene.profile["slots"][0]["excludedRanges"] = json!([]);
    scene.profile["slots"][0]["addressing"] = json!("subnet-assigned");
    assert_eq!(scene.nodes(), 7);
}

#[test]
fn second_subnet_of_the_zone_adds_room_and_one_of_another_zone_does_not() {
    let mut scene = Scene::new();
    scene.profile["slots"][0]["subnetIds"] =
        json!(["subnet-00000000000000001", "subnet-00000000000000003"]);
    assert_eq!(scene.nodes(), 11);
    scene.profile["slots"][0]["subnetIds"] =
        json!(["subnet-00000000000000001", "subnet-00000000000000002"]);
    // 507 addresses serve what the small subnet cannot: 11 + 2 × 248 = 507.
    assert_eq!(scene.nodes(), 259);
}

#[test]
fn prefixes_need_whole_blocks_and_a_reservation_for_prefixes_gives_them() {
    let mut scene = Scene::new();
    scene.profile["slots"][0]["subnetIds"] = json!(["subnet-00000000000000002"]);
    scene.profile["slots"][0]["prefixes"] = json!(1);
    // Of 32 blocks, the first and the last have EC2's addresses. Each node takes a block and two
    // addresses; these are in the first block, and in three others that are whole until then.
    let without = scene.nodes();
    assert_eq!(without, 27);
    // Blocks for prefixes give no addresses, and blocks for others no prefixes.
    scene.reserve(2, "10.0.2.128/25", true);
    assert_eq!(scene.nodes(), without);
    scene.reserve(2, "10.0.3.0/24", false);
    assert_eq!(scene.nodes(), 14);
}

#[test]
fn room_is_never_more_than_ec2_says_it_has() {
    let mut scene = Scene::new();
    let (id, _) = subnet(1, ZONE, "10.0.1.0/28");
    scene.available.insert(id.clone(), 11);
    assert_eq!(scene.nodes(), 11);
    scene.available.insert(id.clone(), 3);
    assert_eq!(scene.nodes(), 3);
    scene.profile["slots"][0]["secondaryPrivateAddresses"] = json!(1);
    assert_eq!(scene.nodes(), 1);
    scene.available.insert(id, 0);
    assert_eq!(scene.nodes(), 0);
}

#[test]
fn prefix_counts_as_sixteen_addresses_unless_a_reservation_gives_it() {
    let mut scene = Scene::new();
    scene.profile["slots"][1]["prefixes"] = json!(1);
    let (id, _) = subnet(2, ZONE, "10.0.2.0/23");
    scene.available.insert(id, 3 * 17 + 16);
    assert_eq!(scene.nodes(), 3);
    scene.reserve(2, "10.0.3.0/24", true);
    // The lowest blocks are outside the reservation.
    assert_eq!(scene.nodes(), 3);
    scene.reserve(2, "10.0.2.0/25", true);
    scene.reserve(2, "10.0.2.128/25", true);
    assert_eq!(scene.room_for(11).nodes, 0);
}

#[test]
fn launch_in_flight_leaves_less_until_its_interfaces_are_there() {
    let mut scene = Scene::new();
    let launch: InstanceId = "i-00000000000000001".parse().unwrap();
    scene.in_flight = vec![launch.clone(), "i-00000000000000002".parse().unwrap()];
    assert_eq!(scene.nodes(), 9);
    let (subnet_id, _) = subnet(1, ZONE, "10.0.1.0/28");
    let address: IpAddr = "10.0.1.4".parse().unwrap();
    scene.allocated = vec![AllocatedInterface {
        id: "eni-00000000000000001".parse().unwrap(),
        subnet_id,
        attached: false,
        owner: Some(launch),
        network: Some("signaling".to_owned()),
        addresses: vec![address.into()],
    }];
    assert_eq!(scene.nodes(), 9);
    scene.in_flight.pop();
    assert_eq!(scene.nodes(), 10);
}

#[test]
fn excluded_range_of_another_slot_does_not_bind_what_ec2_chooses_beside_prefixes() {
    let mut scene = Scene::new();
    scene.profile["slots"][0]["subnetIds"] = json!(["subnet-00000000000000002"]);
    scene.profile["slots"][0]["prefixes"] = json!(1);
    scene.profile["slots"][1]["subnetIds"] =
        json!(["subnet-00000000000000002", "subnet-00000000000000001"]);
    scene.profile["slots"][1]["excludedRanges"] = json!(["10.0.2.0/23"]);
    // Hookline chooses for the second slot, which has eleven addresses in the small subnet.
    assert_eq!(scene.nodes(), 11);
}

#[test]
fn address_that_a_launch_names_is_not_given_again() {
    let scene = Scene::new();
    let profile = Profile::read(scene.profile.clone()).unwrap();
    let planner = RoomPlanner {
        profile: &profile,
        availability_zone: ZONE,
        subnets: &scene.subnets,
        prefix_reservations: &scene.prefix_reservations,
        allocated: &[],
        available: &BTreeMap::new(),
        in_flight: &[],
    };
    let (id, _) = subnet(1, ZONE, "10.0.1.0/28");
    let mut pools = planner.pools();
    for n in 4..14 {
        pools.hold(&id, format!("10.0.1.{n}").parse().unwrap());
    }
    assert_eq!(pools.place(&profile.slots[0]), Some(id));
    assert_eq!(pools.place(&profile.slots[0]), None);
}

#[test]
fn network_without_a_subnet_in_the_zone_has_no_room() {
    let mut scene = Scene::new();
    scene.profile["slots"][1]["subnetIds"] = json!(["subnet-00000000000000003"]);
    let room = scene.room_for(1);
    let shortage = room.shortage.unwrap();
    assert_eq!((room.nodes, shortage.slot), (0, 1));
    assert_eq!(shortage.subnets, Vec::new());
}
