//! EC2 as its callers see it: form-encoded requests to the fake AWS, answers in XML.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod attach;
mod describe;
mod instances;
mod interfaces;
mod modify;
mod network;
mod pipeline;
mod random;
mod type_offerings;
mod user_data;
mod volumes;

use std::time::Duration;

use bytes::Bytes;

use crate::{LocalAws, Settings, ec2};

/// A VPC with a subnet in each of two zones, and functions to call EC2.
struct Scene {
    local: LocalAws,
    vpc: String,
    subnet_a: String,
    subnet_b: String,
}

impl Scene {
    fn new() -> Self {
        Self::with(Settings::for_tests())
    }

    fn with(settings: Settings) -> Self {
        let local = LocalAws::new(settings);
        let (vpc, subnet_a, subnet_b) = local.with_world(|world| {
            let tags = ec2::Tags::new;
            let block = "10.0.0.0/16".parse().unwrap();
            let ipv6 = "2600:1f14:1:200::/56".parse().ok();
            let vpc =
                ec2::create_vpc(&mut world.ec2, &mut world.kernel, block, ipv6, tags()).unwrap();
            let mut subnet = |zone: &str, cidr: &str, ipv6: Option<&str>| {
                let spec = ec2::SubnetSpec {
                    vpc_id: vpc.clone(),
                    availability_zone: zone.to_owned(),
                    cidr_block: cidr.parse().unwrap(),
                    ipv6_cidr_block: ipv6.map(|text| text.parse().unwrap()),
                    tags: tags(),
                };
                ec2::create_subnet(&mut world.ec2, &mut world.kernel, spec).unwrap()
            };
            let a = subnet("us-west-2a", "10.0.1.0/24", Some("2600:1f14:1:201::/64"));
            let b = subnet("us-west-2b", "10.0.2.0/28", None);
            (vpc, a, b)
        });
        Self {
            local,
            vpc,
            subnet_a,
            subnet_b,
        }
    }

    /// The answer's XML, or the error's code and message.
    async fn call(
        &self,
        action: &str,
        params: &[(&str, &str)],
    ) -> Result<String, (String, String)> {
        let (status, xml) = send(&self.local, "2016-11-15", action, params).await;
        if status == 200 {
            return Ok(xml);
        }
        Err((text(&xml, "Code"), text(&xml, "Message")))
    }

    async fn ok(&self, action: &str, params: &[(&str, &str)]) -> String {
        self.call(action, params).await.unwrap()
    }

    async fn code(&self, action: &str, params: &[(&str, &str)]) -> String {
        self.call(action, params).await.unwrap_err().0
    }

    /// An interface in zone a.
    async fn interface(&self) -> String {
        let xml = self
            .ok("CreateNetworkInterface", &[("SubnetId", &self.subnet_a)])
            .await;
        text(&xml, "networkInterfaceId")
    }

    /// An instance in zone a, still pending.
    fn instance(&self, instance_type: &str) -> String {
        self.local.with_world(|world| {
            let spec = ec2::LaunchSpec {
                image_id: "ami-1".to_owned(),
                instance_type: instance_type.to_owned(),
                subnet_id: self.subnet_a.clone(),
                ..ec2::LaunchSpec::default()
            };
            ec2::launch(&mut world.ec2, &mut world.kernel, spec).unwrap()
        })
    }

    async fn running(&self, instance_type: &str) -> String {
        let id = self.instance(instance_type);
        seconds(2).await;
        id
    }

    fn with_interface<R>(&self, id: &str, look: impl FnOnce(&ec2::NetworkInterface) -> R) -> R {
        self.local
            .with_world(|world| look(world.ec2.network_interface(id).expect("the interface")))
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let found = self.local.with_world(|world| world.ec2.contradictions());
            assert!(found.is_empty(), "{found:#?}");
        }
    }
}

async fn send(
    local: &LocalAws,
    version: &str,
    action: &str,
    params: &[(&str, &str)],
) -> (u16, String) {
    let body = form_urlencoded::Serializer::new(String::new())
        .append_pair("Action", action)
        .append_pair("Version", version)
        .extend_pairs(params)
        .finish();
    let request = http::Request::post("/").body(Bytes::from(body)).unwrap();
    let response = local.handle(request).await.expect("an answer");
    let body = String::from_utf8(response.body().to_vec()).unwrap();
    (response.status().as_u16(), body)
}

async fn seconds(n: u64) {
    tokio::time::sleep(Duration::from_secs(n)).await;
}

/// The texts of all elements with this name.
fn texts(xml: &str, name: &str) -> Vec<String> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    xml.split(&open)
        .skip(1)
        .filter_map(|rest| Some(rest.split_once(&close)?.0.to_owned()))
        .collect()
}

fn text(xml: &str, name: &str) -> String {
    texts(xml, name)
        .into_iter()
        .next()
        .unwrap_or_else(|| panic!("no {name} in {xml}"))
}
