//! EC2's request rates: no call tells those of an account, so `check` says which ones the profiles
//! assume.

use hookline_domain::profile::{RequestRates, TokenBucket};
use hookline_domain::reconcile::ProfileInput;
use serde::Serialize;

use crate::judge::words::list;

/// The most profiles that a text lists.
const LISTED: usize = 4;

/// What profiles assume of EC2's request rates.
#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AssumedRates {
    /// The profiles that assume the same.
    profiles: Vec<String>,
    request_rates: RequestRates,
}

/// What the profiles assume. One without slots makes no call for interfaces.
pub(super) fn assumed(profiles: &[ProfileInput]) -> Vec<AssumedRates> {
    let mut found: Vec<AssumedRates> = Vec::new();
    let profiles = profiles.iter().map(|input| &input.profile);
    for profile in profiles.filter(|profile| !profile.slots.is_empty()) {
        let name = profile.name.clone();
        let rates = profile.request_rates;
        match found.iter_mut().find(|it| it.request_rates == rates) {
            Some(same) => same.profiles.push(name),
            None => found.push(AssumedRates {
                profiles: vec![name],
                request_rates: rates,
            }),
        }
    }
    found
}

/// The same in words, and where it is compared.
pub(super) fn words(rates: &[AssumedRates]) -> Option<String> {
    let each = rates.iter().map(|it| {
        let rates = &it.request_rates;
        let bucket = |it: &TokenBucket| format!("{} and {}/s", it.capacity, it.refill_per_second);
        format!(
            "{} creates, {} attaches, {} changes of attributes and {} tags are assumed for {}",
            bucket(&rates.create_network_interface),
            bucket(&rates.attach_network_interface),
            bucket(&rates.modify_network_interface_attribute),
            bucket(&rates.create_tags),
            list(&it.profiles, LISTED),
        )
    });
    let each: Vec<String> = each.collect();
    (!each.is_empty()).then(|| {
        format!(
            "No call tells the account's. By requestRates, {}. `hookline timeline GROUP` shows the calls beside them, \
             and `hookline status` those that were throttled.",
            each.join("; ")
        )
    })
}

#[cfg(test)]
mod tests {
    use hookline_domain::profile::Profile;
    use serde_json::{Value, json};

    use super::*;
    use crate::fixtures;

    #[test]
    fn profiles_that_assume_the_same_are_told_together() {
        let input = |name: &str, change: &dyn Fn(&mut Value)| {
            let mut value = fixtures::profile();
            value["name"] = json!(name);
            change(&mut value);
            ProfileInput {
                profile: Profile::read(value.clone()).unwrap(),
                value,
            }
        };
        let raised = json!({"createNetworkInterface": {"capacity": 200, "refillPerSecond": 20}});
        let profiles = [
            input("a", &|_| {}),
            input("b", &|it| it["requestRates"] = raised.clone()),
            input("c", &|_| {}),
            input("d", &|it| it["slots"] = json!([])),
        ];
        let found = words(&assumed(&profiles)).unwrap();
        assert_eq!(
            found,
            "No call tells the account's. By requestRates, 100 and 5/s creates, 50 and 5/s attaches, 100 and 5/s changes of \
             attributes and 100 and 10/s tags are assumed for a, c; 200 and 20/s creates, 50 and 5/s attaches, 100 and 5/s \
             changes of attributes and 100 and 10/s tags are assumed for b. `hookline timeline GROUP` shows the calls beside them, and `hookline status` those that were throttled."
        );
        assert_eq!(words(&assumed(&profiles[3..])), None);
    }
}
