//! Interfaces of Hookline's that EC2 would not delete with their instance: the execution that was to
//! set DeleteOnTermination after CONTINUE did not.

use super::limits::Limits;
use crate::ids::NetworkInterfaceId;
use crate::interface::Interface;
use crate::profile::{Profile, RequestRates};
use crate::tags::own;

/// How long an interface must have been attached, in seconds. An execution ends within fifteen
/// minutes after its node is ready.
const ATTACHED_SECONDS: i64 = 1_200;

/// After this many seconds the attribute is set even though launches wait that need the calls.
const OVERDUE_SECONDS: i64 = 3_600;

/// How much of the bucket's rate a round uses, in fifths. The rest is for other callers of the account.
const RATE_FIFTHS: u32 = 4;

/// An interface that lacks DeleteOnTermination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsettled {
    /// The interface.
    pub interface: NetworkInterfaceId,
    /// Its attachment.
    pub attachment: String,
}

/// The interfaces on which a round sets DeleteOnTermination, the longest attached first.
/// `launches_wait` says whether launches wait at their hook: they need the calls.
#[must_use]
pub fn unsettled(
    interfaces: &[Interface],
    launches_wait: bool,
    now: i64,
    limits: Limits,
) -> Vec<Unsettled> {
    let least = match launches_wait {
        true => OVERDUE_SECONDS,
        false => ATTACHED_SECONDS,
    };
    let mut found: Vec<(i64, Unsettled)> = interfaces
        .iter()
        .filter(|interface| interface.tags.contains_key(own::INSTANCE_ID))
        .filter_map(|interface| {
            let on = interface.attachment.as_ref()?;
            let since = on.since?;
            let is_due = !on.delete_on_termination
                && on.status == "attached"
                && now.saturating_sub(since) >= least;
            is_due.then(|| {
                let unsettled = Unsettled {
                    interface: interface.id.clone(),
                    attachment: on.id.clone(),
                };
                (since, unsettled)
            })
        })
        .collect();
    found.sort_by(|a, b| (a.0, &a.1.interface).cmp(&(b.0, &b.1.interface)));
    found.truncate(limits.attributes_per_round);
    found.into_iter().map(|(_, unsettled)| unsettled).collect()
}

/// How many attributes a round sets in a second, at least one: by the slowest bucket of
/// ModifyNetworkInterfaceAttribute that a profile names, or else by the one that EC2 publishes.
#[must_use]
pub fn calls_per_second<'a>(profiles: impl IntoIterator<Item = &'a Profile>) -> usize {
    let rates = profiles.into_iter().map(|profile| profile.request_rates);
    let slowest = rates
        .map(|rates| rates.modify_network_interface_attribute.refill_per_second)
        .min();
    let rate = slowest.unwrap_or_else(|| {
        RequestRates::default()
            .modify_network_interface_attribute
            .refill_per_second
    });
    usize::try_from(rate.saturating_mul(RATE_FIFTHS) / 5).map_or(1, |calls| calls.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{NOW, four_slots, interface};

    /// An interface that was attached at `NOW` and lacks the attribute.
    fn lacking() -> Interface {
        let mut interface = interface();
        let instance = "i-0123456789abcdef0".to_owned();
        interface.tags.insert(own::INSTANCE_ID.to_owned(), instance);
        let on = interface.attachment.as_mut().unwrap();
        on.delete_on_termination = false;
        interface
    }

    fn found(interface: &Interface, launches_wait: bool, after: i64) -> usize {
        let interfaces = [interface.clone()];
        unsettled(&interfaces, launches_wait, NOW + after, Limits::default()).len()
    }

    #[test]
    fn interface_is_settled_after_its_execution_and_later_while_launches_wait() {
        assert_eq!(found(&lacking(), false, 1_199), 0);
        assert_eq!(found(&lacking(), false, 1_200), 1);
        assert_eq!(found(&lacking(), true, 3_599), 0);
        assert_eq!(found(&lacking(), true, 3_600), 1);
    }

    #[test]
    fn interface_that_has_it_or_is_not_attached_or_is_of_others_is_left_alone() {
        type Change = fn(&mut Interface);
        let changes: [Change; 5] = [
            |i| i.attachment.as_mut().unwrap().delete_on_termination = true,
            |i| i.attachment.as_mut().unwrap().status = "attaching".to_owned(),
            |i| i.attachment.as_mut().unwrap().since = None,
            |i| i.attachment = None,
            |i| i.tags.clear(),
        ];
        for (n, change) in changes.into_iter().enumerate() {
            let mut interface = lacking();
            change(&mut interface);
            assert_eq!(found(&interface, false, 9_999), 0, "{n}");
        }
    }

    #[test]
    fn round_takes_the_longest_attached_up_to_its_limit() {
        let interfaces: Vec<Interface> = (0..1_200)
            .map(|n: i64| {
                let mut interface = lacking();
                interface.id = format!("eni-{n:017x}").parse().unwrap();
                interface.attachment.as_mut().unwrap().since = Some(NOW - n);
                interface
            })
            .collect();
        let found = unsettled(&interfaces, false, NOW + 9_999, Limits::default());
        assert_eq!(found.len(), 1_000);
        assert_eq!(found[0].interface, interfaces[1_199].id);
    }

    #[test]
    fn round_uses_four_fifths_of_the_slowest_rate_and_at_least_one_call() {
        let with = |rate| {
            let mut profile = four_slots();
            let bucket = &mut profile.request_rates.modify_network_interface_attribute;
            bucket.refill_per_second = rate;
            profile
        };
        assert_eq!(calls_per_second([]), 4);
        assert_eq!(calls_per_second([&four_slots()]), 4);
        assert_eq!(calls_per_second([&with(20)]), 16);
        assert_eq!(calls_per_second([&with(20), &with(10)]), 8);
        assert_eq!(calls_per_second([&with(1)]), 1);
    }
}
