//! A free block of a VPC for the subnets of a run.

use anyhow::{Context as _, Result};
use ipnet::{Ipv4Net, Ipv6Net};

/// The prefix length of the block that a run takes.
const LENGTH: u8 = 25;

/// The blocks of the subnets of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blocks {
    /// A /26: room for prefixes of 16 addresses.
    pub main: Ipv4Net,
    /// A /28, which is quickly full.
    pub small: Ipv4Net,
    /// A /28 in another zone.
    pub other: Ipv4Net,
}

/// The last free /25 of a VPC, cut into subnets: the last, because people begin at the first.
///
/// # Errors
/// If no block of the VPC has a free /25.
pub fn free(vpc: &[Ipv4Net], subnets: &[Ipv4Net]) -> Result<Blocks> {
    let overlaps = |block: &Ipv4Net| {
        let clashes = |subnet: &Ipv4Net| subnet.contains(block) || block.contains(subnet);
        subnets.iter().any(clashes)
    };
    let mut candidates = vpc
        .iter()
        .filter(|block| block.prefix_len() <= LENGTH)
        .filter_map(|block| {
            let mut parts: Vec<Ipv4Net> = block.subnets(LENGTH).ok()?.collect();
            parts.reverse();
            parts.into_iter().find(|part| !overlaps(part))
        });
    let block = candidates
        .next()
        .context("the VPC has no free /25 block for the subnets of the run")?;
    let halves: Vec<Ipv4Net> = block.subnets(26)?.collect();
    let [main, rest] = halves.as_slice() else {
        anyhow::bail!("{block} has no two halves");
    };
    let mut small = rest.subnets(28)?;
    Ok(Blocks {
        main: *main,
        small: small.next().context("no /28")?,
        other: small.next().context("no second /28")?,
    })
}

/// The last free /64 of a VPC's IPv6 blocks; `None` if it has none.
#[must_use]
pub fn free_ipv6(vpc: &[Ipv6Net], subnets: &[Ipv6Net]) -> Option<Ipv6Net> {
    vpc.iter().find_map(|block| {
        // A /56 has 256 of them. A longer list than that is not needed.
        let all = block.subnets(64).ok()?.take(1024);
        let mut free = all.filter(|part| !subnets.contains(part));
        free.next()
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn blocks(texts: &[&str]) -> Vec<Ipv4Net> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn last_free_block_is_cut_into_subnets() {
        let found = free(
            &blocks(&["10.0.0.0/24"]),
            &blocks(&["10.0.0.0/28", "10.0.0.192/28"]),
        );
        assert!(found.is_err(), "{found:?}");
        let found = free(&blocks(&["10.0.0.0/23"]), &blocks(&["10.0.1.128/26"])).unwrap();
        assert_eq!(found.main, "10.0.1.0/26".parse().unwrap());
        assert_eq!(found.small, "10.0.1.64/28".parse().unwrap());
        assert_eq!(found.other, "10.0.1.80/28".parse().unwrap());
    }

    #[test]
    fn second_block_of_a_vpc_is_used_if_the_first_is_full() {
        let vpc = blocks(&["10.0.0.0/24", "10.1.0.0/25"]);
        let found = free(&vpc, &blocks(&["10.0.0.0/24"])).unwrap();
        assert_eq!(found.main, "10.1.0.0/26".parse().unwrap());
    }
}
