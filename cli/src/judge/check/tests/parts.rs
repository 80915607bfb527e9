//! Functions, roles, quotas; and an account in which all fits.

use hookline_domain::profile::TokenBucket;

use super::*;
use crate::observed::role::SeenRole;

#[test]
fn function_and_role_that_are_gone_are_found_with_who_needs_them() {
    let mut account = account();
    for function in account.functions.as_mut().unwrap().values_mut() {
        *function = None;
    }
    assert_says(
        &only(&account, Kind::FunctionMissing),
        &["no Lambda function hookline-tag-node", "the stack hookline"],
    );
    let mut account = fixtures::account();
    let role = "arn:aws:iam::123456789012:role/tag-node";
    account
        .roles
        .as_mut()
        .unwrap()
        .insert(role.to_owned(), SeenRole::Missing);
    assert_says(
        &only(&account, Kind::RoleMissing),
        &[
            role,
            "the role of the function hookline-tag-node",
            "under the same name",
        ],
    );
    let finding = only(&account, Kind::RoleMissing);
    assert!(!words(&finding).contains("without"), "{finding:?}");
}

#[test]
fn quota_of_interfaces_that_is_too_small_for_the_groups_maximum_sizes_is_found() {
    let mut account = account();
    // Ten nodes with a primary interface, two slots' and one of the VPC CNI.
    account.interface_quota = Some(40);
    assert_eq!(kinds(&account), []);
    account.interface_quota = Some(39);
    let finding = only(&account, Kind::QuotaSmall);
    assert_says(
        &finding,
        &[
            "may have 39 network interfaces and has 0",
            "need 40 more",
            "L-DF5E4CA3",
            "--desired-value 40",
        ],
    );
}

#[test]
fn account_without_a_deployment_is_checked_for_the_rest() {
    let mut account = account();
    (account.deployment, account.deployed) = (None, false);
    (account.machine, account.functions, account.roles) = (None, None, None);
    assert_eq!(kinds(&account), []);
    assert!(notes(&account)[0].contains("No deployment was found"));
    account.security_groups.as_mut().unwrap().clear();
    assert_eq!(kinds(&account), [Kind::SecurityGroupMissing]);
}

#[test]
fn account_in_which_all_fits_has_no_finding_and_no_note() {
    let account = account();
    assert_eq!(found(&account), Vec::new());
    assert_eq!(notes(&account), Vec::<String>::new());
    let rooms = rooms(&account);
    assert_eq!(rooms.len(), 1);
    let room = &rooms[0];
    assert_eq!((room.more_nodes, room.may_grow_by), (11, 10));
    assert_eq!(room.limited_by.as_deref(), Some("signaling"));
}

#[test]
fn executions_that_start_slower_than_ec2_has_nodes_ready_are_found() {
    let mut account = account();
    account.groups[0].max = 5_000;
    account.interface_quota = None;
    let is_small = |account: &Account| kinds(account).contains(&Kind::QuotaSmall);
    assert!(!is_small(&account));
    let bucket = |capacity, refill_per_second| TokenBucket {
        capacity,
        refill_per_second,
    };
    account.start_execution = Some(bucket(10, 1));
    let found = found(&account);
    let finding = found.iter().find(|it| it.kind == Kind::QuotaSmall).unwrap();
    assert_says(
        finding,
        &[
            "starts 10 executions at once in this account, and 1 more each second",
            "the last of 5000 launches starts after 4990 s",
            "StartExecution throttle token bucket size",
            "requestRates",
        ],
    );
    // A few nodes need no more than the bucket.
    account.groups[0].max = 10;
    assert!(!is_small(&account));
    account.start_execution = None;
    account.groups[0].max = 5_000;
    assert!(!is_small(&account));
}

#[test]
fn quota_that_aws_does_not_tell_is_noted_and_one_that_was_denied_is_a_finding() {
    let right = account();
    assert_eq!(notes(&right), [""; 0]);
    type Forget = fn(&mut Account);
    let cases: [(Forget, &str, &str); 3] = [
        (
            |it| it.interface_quota = None,
            "Network interfaces per Region",
            "servicequotas:GetServiceQuota",
        ),
        (
            |it| it.start_execution = None,
            "StartExecution throttle token bucket size",
            "servicequotas:ListServiceQuotas",
        ),
        (
            |it| it.concurrency = None,
            "how many invocations may run at once",
            "lambda:GetAccountSettings",
        ),
    ];
    for (forget, says, action) in cases {
        let mut account = right.clone();
        forget(&mut account);
        assert_eq!(kinds(&account), []);
        let noted = notes(&account);
        assert_eq!(noted.len(), 1, "{noted:?}");
        assert!(noted[0].contains(says), "{noted:?}");
        account.could_not_look = vec![CouldNotLook {
            action: action.to_owned(),
            reason: "not authorized".to_owned(),
            what: "a quota".to_owned(),
            denied: true,
        }];
        assert_eq!(kinds(&account), [Kind::CouldNotLook]);
        assert_eq!(notes(&account), [""; 0]);
    }
}
