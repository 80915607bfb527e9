//! How long it takes to choose an address when nearly all are taken: `cargo xtask bench --only
//! allocator`.

#![allow(missing_docs, clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use hookline_bench::allocator::GROUP;
use hookline_domain::addresses::Pool;
use hookline_domain::addresses::range::AddressRange;
use hookline_domain::addresses::{AddressPlanner, AllocatedInterface, Subnet};
use hookline_domain::execution::Observations;
use hookline_domain::ids::{InstanceId, NetworkInterfaceId, SubnetId};
use hookline_domain::instance::LaunchOrder;
use hookline_domain::profile::Profile;
use ipnet::IpNet;
use rand::seq::SliceRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use serde_json::json;

const TAKEN: usize = 60_000;
/// Launches in flight before the one that plans.
const BEFORE: u32 = 499;

fn pool(block: &str, taken: &[IpAddr]) -> Pool {
    let mut pool = Pool::new(block.parse::<IpNet>().unwrap());
    for address in taken {
        pool.take(AddressRange::from(*address));
    }
    pool
}

/// 60,000 of the 65,531 addresses of a /16, in any order.
fn scattered_ipv4() -> Vec<IpAddr> {
    let first = u32::from(Ipv4Addr::new(10, 0, 0, 0));
    let mut all: Vec<IpAddr> = (4..65_535)
        .map(|host| IpAddr::V4(Ipv4Addr::from(first + host)))
        .collect();
    all.shuffle(&mut ChaCha8Rng::seed_from_u64(1));
    all.truncate(TAKEN);
    all
}

/// The 60,000 lowest but for the last.
fn dense_ipv4() -> Vec<IpAddr> {
    let first = u32::from(Ipv4Addr::new(10, 0, 0, 0));
    (4..60_003)
        .chain([65_534])
        .map(|host| IpAddr::V4(Ipv4Addr::from(first + host)))
        .collect()
}

fn scattered_ipv6() -> Vec<IpAddr> {
    let first = u128::from("2001:db8::".parse::<Ipv6Addr>().unwrap());
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    (0..TAKEN)
        .map(|_| IpAddr::V6(Ipv6Addr::from(first + u128::from(rng.random::<u64>()))))
        .collect()
}

/// A node's four networks, each with a /20 and a slot, and a group whose launches are all in
/// flight.
struct Scene {
    profile: Profile,
    subnets: BTreeMap<SubnetId, Subnet>,
    in_flight: Vec<LaunchOrder>,
    allocated: Vec<AllocatedInterface>,
}

impl Scene {
    fn new() -> Self {
        let subnet = |n: u32| format!("subnet-{n:017x}");
        let slots: Vec<_> = (1..=4)
            .map(
                |n| json!({"network": format!("n{n}"), "deviceIndex": n, "subnetIds": [subnet(n)]}),
            )
            .collect();
        let profile = Profile::read(json!({
            "name": "bench",
            "selector": {"autoScalingGroupNames": ["nodes"]},
            "hook": {"name": "hook"},
            "securityGroupIds": ["sg-0123456789abcdef0"],
            "slots": slots,
        }))
        .unwrap();
        let subnets = (1..=4)
            .map(|n| {
                let id: SubnetId = subnet(n).parse().unwrap();
                let ipv4 = format!("10.0.{}.0/20", n * 16).parse().unwrap();
                let subnet = Subnet {
                    id: id.clone(),
                    availability_zone: "us-west-2a".to_owned(),
                    ipv4: Some(ipv4),
                    ipv6: None,
                    reservations: Vec::new(),
                };
                (id, subnet)
            })
            .collect();
        let in_flight: Vec<LaunchOrder> = (0..=BEFORE)
            .map(|n| LaunchOrder {
                since: i64::from(n),
                instance_id: format!("i-{n:017x}").parse::<InstanceId>().unwrap(),
            })
            .collect();
        // Somebody else's: 1,000 interfaces in each subnet.
        let allocated = (1..=4)
            .flat_map(|n| (0..1_000_u32).map(move |host| (n, host)))
            .map(|(n, host)| AllocatedInterface {
                id: format!("eni-{:017x}", n * 10_000 + host)
                    .parse::<NetworkInterfaceId>()
                    .unwrap(),
                subnet_id: subnet(n).parse().unwrap(),
                attached: true,
                owner: None,
                network: None,
                addresses: vec![AddressRange::from(IpAddr::V4(Ipv4Addr::from(
                    u32::from(Ipv4Addr::new(10, 0, 0, 0)) + n * 4096 + 4 + host * 2,
                )))],
            })
            .collect();
        Self {
            profile,
            subnets,
            in_flight,
            allocated,
        }
    }

    fn last(&self) -> AddressPlanner<'_> {
        AddressPlanner {
            profile: &self.profile,
            launch: self.in_flight.last().unwrap(),
            availability_zone: "us-west-2a",
            subnets: &self.subnets,
            allocated: &self.allocated,
            in_flight: &self.in_flight,
            may_be_in_flight: &[],
            observations: Observations::default(),
            round: 1,
            lost: false,
        }
    }
}

fn allocator(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group(GROUP);
    for (name, block, taken) in [
        ("ipv4-16-pick", "10.0.0.0/16", dense_ipv4()),
        ("ipv6-64-pick", "2001:db8::/64", scattered_ipv6()),
    ] {
        let before = pool(block, &taken);
        group.bench_function(name, |bench| {
            bench.iter_batched_ref(
                || before.clone(),
                |pool| pool.take_lowest_many(1),
                BatchSize::LargeInput,
            );
        });
    }
    for (name, block, taken) in [
        ("ipv4-16-listing", "10.0.0.0/16", scattered_ipv4()),
        ("ipv6-64-listing", "2001:db8::/64", scattered_ipv6()),
    ] {
        group.bench_function(name, |bench| {
            bench.iter(|| pool(block, black_box(&taken)).take_lowest_many(1));
        });
    }
    let scene = Scene::new();
    assert_eq!(scene.last().plan().unwrap().slots.len(), 4);
    group.bench_function("plan-behind-499", |bench| {
        bench.iter(|| black_box(scene.last()).plan());
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default();
    targets = allocator
}
criterion_main!(benches);
