//! The concurrency of Lambda, for a group that may grow by ten nodes.

use std::collections::BTreeMap;

use super::*;

/// The account with so many concurrent executions, of which so many are unreserved.
fn with_concurrency(limit: u64, unreserved: u64) -> Account {
    let mut account = account();
    account.concurrency = Some(Concurrency { limit, unreserved });
    account
}

fn reserved(name: &str, reserved: u64) -> BTreeMap<String, u64> {
    BTreeMap::from([(name.to_owned(), reserved)])
}

#[test]
fn account_with_less_than_the_groups_need_is_found() {
    assert_says(
        &only(&with_concurrency(10, 9), Kind::ConcurrencySmall),
        &[
            "9 invocations",
            "of 10 in the account",
            "their launches need 10",
            "Concurrent executions",
        ],
    );
    assert_eq!(kinds(&with_concurrency(10, 10)), []);
    // A group that is as large as it may be launches nothing.
    let mut full = with_concurrency(10, 0);
    full.groups[0].max = 0;
    assert_eq!(kinds(&full), []);
}

#[test]
fn profiles_launch_at_the_same_time() {
    let mut account = with_concurrency(1_000, 19);
    account.profiles.push(account.profiles[0].clone());
    let found = found(&account);
    let finding = found.iter().find(|it| it.kind == Kind::ConcurrencySmall);
    assert_says(finding.unwrap(), &["their launches need 20"]);
}

#[test]
fn function_that_reserves_less_than_it_needs_is_found() {
    let mut account = with_concurrency(1_000, 991);
    account.reserved = reserved("hookline-tag-node", 9);
    assert_says(
        &only(&account, Kind::ConcurrencySmall),
        &[
            "9 invocations of tag-node",
            "their launches need 10",
            "the reserved concurrency of the function tag-node",
            "Reserve 10 or more",
        ],
    );
    // As the configuration says that is to be deployed.
    account.to_be_reserved = Some(reserved("tag-node", 10));
    assert_eq!(kinds(&account), []);
    account.to_be_reserved = Some(reserved("tag-node", 8));
    assert_says(
        &only(&account, Kind::ConcurrencySmall),
        &["8 invocations of tag-node", "of the configuration"],
    );
    // What no launch invokes needs nothing.
    account.to_be_reserved = Some(reserved("reconcile", 1));
    assert_eq!(kinds(&account), []);
}

#[test]
fn reservations_that_lambda_refuses_are_found() {
    let mut account = with_concurrency(150, 150);
    account.to_be_reserved = Some(reserved("tag-node", 50));
    assert_eq!(kinds(&account), []);
    account.to_be_reserved = Some(reserved("tag-node", 51));
    assert_says(
        &only(&account, Kind::ConcurrencySmall),
        &[
            "leave 99 of the 150",
            "Lambda keeps 100",
            "rolls the deployment back",
        ],
    );
    // What is reserved already is taken.
    account.concurrency = Some(Concurrency {
        limit: 150,
        unreserved: 99,
    });
    account.reserved = reserved("hookline-tag-node", 51);
    assert_eq!(kinds(&account), []);
    // A new account can reserve nothing at all.
    let mut small = with_concurrency(20, 20);
    small.to_be_reserved = Some(reserved("tag-node", 10));
    assert_says(
        &only(&small, Kind::ConcurrencySmall),
        &["leave 10 of the 20", "Lambda keeps 20"],
    );
}

#[test]
fn functions_that_reserve_do_not_count_for_what_the_account_shares() {
    let mut account = with_concurrency(1_000, 10);
    account.groups[0].max = 200;
    let needed = |account: &Account| {
        // The subnets are too small for so many, too.
        let mut found = found(account).into_iter();
        let finding = found.find(|it| it.kind == Kind::ConcurrencySmall).unwrap();
        let (_, number) = finding.problem.rsplit_once("need ").unwrap();
        number.trim_end_matches('.').parse::<u64>().unwrap()
    };
    let all = needed(&account);
    let reserved = reserved("hookline-tag-node", 990);
    account.reserved = reserved;
    assert!(needed(&account) < all, "{all}");
}
