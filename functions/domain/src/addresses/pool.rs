//! The lowest free addresses of a subnet.
//!
//! A [`Pool`] has the bounds of a subnet and its taken addresses as merged intervals. The work
//! grows with the number of taken intervals, not with the size of the subnet: an IPv6 /64 is as
//! fast as a /28.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Range;

use ipnet::IpNet;

use super::range::AddressRange;

/// EC2 reserves the first four addresses of a subnet's IPv4 and IPv6 blocks, and the last one (VPC
/// User Guide, "Subnet CIDR blocks").
const RESERVED_FIRST: u128 = 4;

/// One CIDR block of a subnet, with its taken addresses.
#[derive(Debug, Clone)]
pub struct Pool {
    family: Family,
    first: u128,
    last: u128,
    /// Merged intervals, first → last, none touching another.
    taken: BTreeMap<u128, u128>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    V4,
    V6,
}

impl Pool {
    /// A pool of `block`, in which only EC2's five reserved addresses are taken.
    #[must_use]
    pub fn new(block: IpNet) -> Self {
        let (first, last) = (number(block.network()), number(block.broadcast()));
        let mut pool = Self {
            family: family(block.network()),
            first,
            last,
            taken: BTreeMap::new(),
        };
        pool.insert(first, first.saturating_add(RESERVED_FIRST - 1));
        pool.insert(last, last);
        pool
    }

    /// Marks `range` as taken. Addresses outside the block, or of the other family, are ignored.
    pub fn take(&mut self, range: impl Into<AddressRange>) {
        let range = range.into();
        if family(range.first()) == self.family {
            self.insert(number(range.first()), number(range.last()));
        }
    }

    /// Takes everything from the lowest of `addresses` to the highest, and behind that as much again,
    /// halved `halvings` times. Addresses outside the block, or of the other family, are ignored.
    pub fn take_run_and_beyond(
        &mut self,
        addresses: impl IntoIterator<Item = IpAddr>,
        halvings: u32,
    ) {
        let numbers = addresses
            .into_iter()
            .filter(|address| family(*address) == self.family)
            .map(number)
            .filter(|number| (self.first..=self.last).contains(number));
        let ends = numbers.fold(None, |ends, number| match ends {
            None => Some((number, number)),
            Some((low, high)) => Some((number.min(low), number.max(high))),
        });
        if let Some((low, high)) = ends {
            let beyond = (high - low).saturating_add(1).checked_shr(halvings);
            self.insert(low, high.saturating_add(beyond.unwrap_or(0)));
        }
    }

    /// Takes the lowest free address; `None` if the block is full.
    pub fn take_lowest(&mut self) -> Option<IpAddr> {
        self.take_lowest_many(1)?.pop()
    }

    /// Takes the `count` lowest free addresses, or none if there are fewer.
    pub fn take_lowest_many(&mut self, count: usize) -> Option<Vec<IpAddr>> {
        let free: Vec<u128> = self.gaps().flatten().take(count).collect();
        if free.len() < count {
            return None;
        }
        for number in &free {
            self.insert(*number, *number);
        }
        Some(free.into_iter().map(|free| self.address(free)).collect())
    }

    /// Takes the lowest free block of so many addresses that begins at a multiple of that number;
    /// `None` if there is none.
    pub fn take_block(&mut self, size: u32) -> Option<AddressRange> {
        let size = u128::from(size.max(1));
        let start = self.gaps().find_map(|gap| {
            let start = gap.start.checked_next_multiple_of(size)?;
            (start.checked_add(size)? <= gap.end).then_some(start)
        })?;
        let last = start + (size - 1);
        self.insert(start, last);
        Some(AddressRange::between(
            self.address(start),
            self.address(last),
        ))
    }

    /// The free addresses before each taken interval, in order. The block's last address is always
    /// taken, so there are none behind the last interval.
    fn gaps(&self) -> impl Iterator<Item = Range<u128>> {
        let mut behind = Some(self.first);
        self.taken.iter().map_while(move |(&first, &last)| {
            let start = behind?;
            behind = last.checked_add(1);
            Some(start..first)
        })
    }

    /// How many addresses are free.
    #[must_use]
    pub fn free(&self) -> u128 {
        // The taken intervals are inside the block and do not overlap, so no difference is
        // negative.
        self.taken.iter().fold(
            (self.last - self.first).saturating_add(1),
            |free, (first, last)| free.saturating_sub((last - first).saturating_add(1)),
        )
    }

    fn insert(&mut self, start: u128, end: u128) {
        let (mut start, mut end) = (start.max(self.first), end.min(self.last));
        if start > end {
            return;
        }
        // Merge with the interval before, if it reaches this one …
        if let Some((&before, &reach)) = self.taken.range(..=start).next_back()
            && reach.saturating_add(1) >= start
        {
            if reach >= end {
                return;
            }
            start = before;
        }
        // … and with every one that begins inside, or right behind.
        while let Some((&next, &reach)) = self.taken.range(start..=end.saturating_add(1)).next() {
            end = end.max(reach);
            self.taken.remove(&next);
        }
        self.taken.insert(start, end);
    }

    fn address(&self, number: u128) -> IpAddr {
        match self.family {
            // The number came from an IPv4 block, so it fits.
            Family::V4 => Ipv4Addr::from(u32::try_from(number).unwrap_or(u32::MAX)).into(),
            Family::V6 => Ipv6Addr::from(number).into(),
        }
    }
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(u32::from(address)),
        IpAddr::V6(address) => u128::from(address),
    }
}

fn family(address: IpAddr) -> Family {
    match address {
        IpAddr::V4(_) => Family::V4,
        IpAddr::V6(_) => Family::V6,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn pool(block: &str) -> Pool {
        Pool::new(block.parse().unwrap())
    }

    #[test]
    fn first_free_address_is_the_fifth() {
        assert_eq!(
            pool("10.0.0.0/24").take_lowest().unwrap().to_string(),
            "10.0.0.4"
        );
        assert_eq!(
            pool("2001:db8::/64").take_lowest().unwrap().to_string(),
            "2001:db8::4"
        );
    }

    #[test]
    fn smallest_subnet_has_eleven_addresses() {
        let mut pool = pool("10.0.0.0/28");
        assert_eq!(std::iter::from_fn(|| pool.take_lowest()).count(), 11);
    }

    #[test]
    fn several_addresses_are_taken_all_or_none() {
        let mut pool = pool("10.0.0.0/28");
        assert_eq!(pool.take_lowest_many(12), None);
        assert_eq!(pool.take_lowest_many(11).unwrap().len(), 11);
        assert_eq!(pool.take_lowest(), None);
    }

    #[test]
    fn block_begins_at_a_multiple_of_its_size_and_holds_no_taken_address() {
        let mut pool = pool("10.0.0.0/26");
        pool.take("10.0.0.17".parse::<AddressRange>().unwrap());
        // The first block has EC2's addresses, the second a taken one, and the last EC2's last.
        let block = pool.take_block(16).unwrap();
        assert_eq!(block.first().to_string(), "10.0.0.32");
        assert_eq!(block.last().to_string(), "10.0.0.47");
        assert_eq!(pool.take_block(16), None);
        assert_eq!(pool.free(), 64 - 5 - 1 - 16);
    }

    #[test]
    fn run_is_taken_with_as_much_behind_it() {
        let taken = |addresses: &[&str], halvings| {
            let mut pool = pool("10.0.0.0/24");
            let addresses = addresses.iter().map(|address| address.parse().unwrap());
            pool.take_run_and_beyond(addresses, halvings);
            pool.take_lowest().unwrap().to_string()
        };
        assert_eq!(taken(&[], 0), "10.0.0.4");
        assert_eq!(taken(&["10.0.0.4"], 0), "10.0.0.6");
        assert_eq!(taken(&["10.0.0.11", "10.0.0.4"], 0), "10.0.0.20");
        assert_eq!(taken(&["10.0.0.11", "10.0.0.4"], 1), "10.0.0.16");
        assert_eq!(taken(&["10.0.0.11", "10.0.0.4"], 200), "10.0.0.12");
        // Others' blocks do not count.
        assert_eq!(
            taken(&["10.0.0.4", "10.0.1.4", "2001:db8::9"], 0),
            "10.0.0.6"
        );
    }

    #[test]
    fn lowest_address_of_a_64_with_a_taken_half_is_found() {
        let mut pool = pool("2001:db8::/64");
        pool.take("2001:db8::/65".parse::<IpNet>().unwrap());
        assert_eq!(
            pool.take_lowest().unwrap().to_string(),
            "2001:db8:0:0:8000::"
        );
    }

    #[test]
    fn blocks_at_the_ends_of_the_address_space_have_free_addresses() {
        assert_eq!(
            pool("0.0.0.0/28").take_lowest().unwrap().to_string(),
            "0.0.0.4"
        );
        let mut top = pool("ffff:ffff:ffff:ffff:ffff:ffff:ffff:fff0/124");
        assert_eq!(std::iter::from_fn(|| top.take_lowest()).count(), 11);
        let mut top = pool("255.255.255.240/28");
        assert_eq!(std::iter::from_fn(|| top.take_lowest()).count(), 11);
    }

    proptest! {
        /// Compares with a search that looks every address up in a set.
        #[test]
        fn pool_agrees_with_a_search_by_address(
            prefix in 22u8..=28,
            ranges in prop::collection::vec((0u32..1100, 0u32..40), 0..60),
            want in 0usize..40,
        ) {
            let base = u32::from(Ipv4Addr::new(10, 0, 0, 0));
            let block = IpNet::new(Ipv4Addr::from(base).into(), prefix).unwrap();
            let size = 1u32 << (32 - prefix);
            let mut pool = Pool::new(block);
            let mut taken: BTreeSet<u32> = [0, 1, 2, 3, size - 1].into();
            for (start, length) in ranges {
                // Some of these reach beyond the subnet, as an excluded range may.
                let range = format!("{}-{}", Ipv4Addr::from(base + start), Ipv4Addr::from(base + start + length));
                pool.take(range.parse::<AddressRange>().unwrap());
                taken.extend(start..=start + length);
            }
            let free: Vec<IpAddr> = (0..size)
                .filter(|n| !taken.contains(n))
                .map(|n| IpAddr::from(Ipv4Addr::from(base + n)))
                .collect();
            prop_assert_eq!(pool.free(), free.len() as u128);
            let expected = (free.len() >= want).then(|| free[..want].to_vec());
            prop_assert_eq!(pool.take_lowest_many(want), expected.clone());
            let next = free.get(expected.map_or(0, |e| e.len())).copied();
            prop_assert_eq!(pool.take_lowest(), next);
        }
    }
}
