//! Other ways to choose an address than the product's, for comparison only. Each uses the product's
//! own handlers, with one thing removed or replaced, so that nothing else differs.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::net::IpAddr;

use hookline::handlers::{self, Context};
use hookline_domain::error::{Error, Result};
use hookline_local::LocalAws;
use serde_json::{Value, json};

/// How many addresses the public samples try from one listing.
const CANDIDATES: usize = 15;
/// A random choice skips up to this many of the lowest addresses.
const WINDOW: u64 = 64;

/// How an address is chosen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Strategy {
    /// The product's: the r-th launch in flight takes the r-th lowest free address, and waits for
    /// its turn.
    #[default]
    Rank,
    /// The lowest free address. After a conflict there is a new listing. No launch waits for a
    /// turn.
    LowestFree,
    /// The lowest free address above a random one of the lowest. After a conflict there is a new
    /// listing.
    RandomWindow,
    /// The lowest free address; after a conflict the next one. At most 15, all from one listing, as
    /// the public samples do.
    NextOnConflict,
}

impl std::str::FromStr for Strategy {
    type Err = String;

    fn from_str(name: &str) -> std::result::Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|strategy| strategy.name() == name)
            .ok_or_else(|| "rank, lowest-free, random-window or next-on-conflict".to_owned())
    }
}

impl Strategy {
    /// All of them, the product's first.
    pub const ALL: [Self; 4] = [
        Self::Rank,
        Self::RandomWindow,
        Self::LowestFree,
        Self::NextOnConflict,
    ];

    /// Its name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Rank => "rank",
            Self::LowestFree => "lowest-free",
            Self::RandomWindow => "random-window",
            Self::NextOnConflict => "next-on-conflict",
        }
    }

    /// Runs `PlanInterfaces` by this strategy.
    ///
    /// # Errors
    /// The handler's error.
    pub async fn plan(
        self,
        local: &LocalAws,
        context: Context,
        mut payload: Value,
    ) -> Result<Value> {
        if self != Self::Rank {
            // A selector that selects no instance: the plan sees the interfaces, and no launch in
            // flight.
            payload["profile"]["selector"] = json!({"tag": {"key": "of-no-instance"}});
        }
        if self == Self::RandomWindow {
            let skipped = random_below(WINDOW, &payload);
            for slot in payload["profile"]["slots"]
                .as_array_mut()
                .into_iter()
                .flatten()
            {
                let ranges: Vec<String> = skip(local, slot, skipped);
                slot["excludedRanges"] = json!(ranges);
            }
        }
        handlers::plan_interfaces::handle(context, payload).await
    }

    /// Runs `CreateInterfaces` by this strategy.
    ///
    /// # Errors
    /// The handler's error; `AddressContention` if no candidate is left.
    pub async fn create(self, context: Context, payload: Value) -> Result<Value> {
        let mut answer =
            handlers::create_interfaces::handle(context.clone(), payload.clone()).await?;
        if self != Self::NextOnConflict {
            return Ok(answer);
        }
        let mut payload = payload;
        for _ in 1..CANDIDATES {
            if answer["outcome"] == "COMPLETE" {
                return Ok(answer);
            }
            let refused = answer["refused"].clone();
            for slot in payload["plan"]["step"]["slots"]
                .as_array_mut()
                .into_iter()
                .flatten()
            {
                let network = slot["network"].clone();
                let mut made = answer["interfaces"].as_array().into_iter().flatten();
                if let Some(made) = made.find(|made| made["network"] == network) {
                    slot["existing"] = made["networkInterfaceId"].clone();
                }
                if refused
                    .as_array()
                    .into_iter()
                    .flatten()
                    .any(|no| no["network"] == slot["network"])
                {
                    next_address(slot);
                }
            }
            answer = handlers::create_interfaces::handle(context.clone(), payload.clone()).await?;
        }
        if answer["outcome"] == "COMPLETE" {
            return Ok(answer);
        }
        Err(Error::AddressContention {
            network: answer["refused"][0]["network"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
            rounds: u32::try_from(CANDIDATES).unwrap_or(u32::MAX),
        })
    }
}

/// The addresses of a slot's subnets that a random choice skips.
fn skip(local: &LocalAws, slot: &Value, skipped: u64) -> Vec<String> {
    let ids = slot["subnetIds"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str);
    local.with_world(|world| {
        ids.filter_map(|id| world.ec2.subnet(id))
            .filter_map(|subnet| {
                let first = u32::from(subnet.cidr_block.network()) + 4;
                let last = first + u32::try_from(skipped).ok()?.checked_sub(1)?;
                let address = std::net::Ipv4Addr::from;
                Some(format!("{}-{}", address(first), address(last)))
            })
            .collect()
    })
}

/// A number that is the same for the same launch and round, and differs otherwise.
fn random_below(most: u64, payload: &Value) -> u64 {
    let mut hasher = DefaultHasher::new();
    payload["node"]["instanceId"].to_string().hash(&mut hasher);
    payload["plan"]["round"].to_string().hash(&mut hasher);
    hasher.finish() % most
}

/// The address after a slot's planned one.
fn next_address(slot: &mut Value) {
    let planned = slot["privateIpAddresses"][0]
        .as_str()
        .and_then(|text| text.parse().ok());
    if let Some(IpAddr::V4(address)) = planned {
        let next = std::net::Ipv4Addr::from(u32::from(address).saturating_add(1));
        slot["privateIpAddresses"] = json!([next]);
    }
}
