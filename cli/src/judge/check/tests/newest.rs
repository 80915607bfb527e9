//! Groups that launch from an old version of their launch template.

use super::*;
use hookline_user_data::Refusal;

use crate::judge::Remedy;

/// The account whose group launches from version 1, with what is right as version 4.
fn pinned() -> Account {
    let mut account = account();
    let (mut reference, right) = account.templates.pop_first().unwrap();
    reference.version = "1".to_owned();
    let newest = Newest {
        version: 4,
        template: right.clone().unwrap(),
    };
    let old = Template {
        newest: Some(Box::new(newest)),
        ..right.unwrap()
    };
    account.templates.insert(reference.clone(), Some(old));
    account.groups[0].launches.template = Some(reference);
    account
}

/// The newest version of the account's launch template.
fn newest(account: &mut Account) -> &mut Template {
    &mut template(account).newest.as_mut().unwrap().template
}

#[test]
fn old_version_without_a_gate_or_with_a_small_type_is_told_with_the_newest_that_is_right() {
    let mut without_gate = pinned();
    template(&mut without_gate).user_data = UserData::Absent;
    let mut small = pinned();
    template(&mut small).instance_type = Some("m5.large".to_owned());
    let of_small = Some(limits(2));
    small.limits.insert("m5.large".to_owned(), of_small);
    for (account, kind) in [
        (&without_gate, Kind::GateMissing),
        (&small, Kind::InstanceTypeTooSmall),
    ] {
        let finding = only(account, kind);
        assert_says(&finding, &["nodes (version 1), and the newest version, 4,"]);
        let Remedy::Run(words) = &finding.remedy[1] else {
            panic!("{finding:#?}");
        };
        let ends = [
            "--launch-template",
            "LaunchTemplateId=lt-00000001,Version=4",
        ];
        assert_eq!(words[words.len() - 2..], ends);
    }
}

#[test]
fn newest_version_that_is_as_wrong_or_that_eks_chooses_is_no_remedy() {
    let mut as_wrong = pinned();
    let old = template(&mut as_wrong);
    old.user_data = UserData::Absent;
    old.newest.as_mut().unwrap().template.user_data = UserData::Absent;
    let mut of_eks = pinned();
    template(&mut of_eks).user_data = UserData::Absent;
    let tag = ("eks:nodegroup-name".to_owned(), "upf".to_owned());
    of_eks.groups[0].tags.extend([tag]);
    for account in [as_wrong, of_eks] {
        let finding = only(&account, Kind::GateMissing);
        let words = words(&finding);
        assert!(!words.contains("newest version"), "{words}");
    }
}

#[test]
fn newest_version_that_is_not_known_or_that_has_another_fault_is_no_remedy() {
    let without_gate = || {
        let mut account = pinned();
        template(&mut account).user_data = UserData::Absent;
        account
    };
    let mut unreadable = without_gate();
    newest(&mut unreadable).user_data = UserData::Unreadable(Refusal::Bomb);
    let mut without_type = without_gate();
    newest(&mut without_type).instance_type = None;
    let mut worse = without_gate();
    newest(&mut worse).instance_type = Some("m5.large".to_owned());
    let of_small = Some(limits(2));
    worse.limits.insert("m5.large".to_owned(), of_small);
    for account in [unreadable, without_type, worse] {
        let words = words(&only(&account, Kind::GateMissing));
        assert!(!words.contains("newest version"), "{words}");
    }
}

#[test]
fn group_with_a_policy_or_on_the_default_version_keeps_it() {
    let mut mixed = pinned();
    template(&mut mixed).user_data = UserData::Absent;
    mixed.groups[0].launches.is_mixed = true;
    let said = words(&only(&mixed, Kind::GateMissing));
    assert!(said.contains("MixedInstancesPolicy"), "{said}");
    assert!(!said.contains("update-auto-scaling-group"), "{said}");
    let mut default = pinned();
    template(&mut default).user_data = UserData::Absent;
    let (mut reference, old) = default.templates.pop_first().unwrap();
    reference.version = "$Default".to_owned();
    default.templates.insert(reference.clone(), old);
    default.groups[0].launches.template = Some(reference);
    let said = words(&only(&default, Kind::GateMissing));
    for says in ["modify-launch-template", "lt-00000001", "--default-version"] {
        assert!(said.contains(says), "no {says:?} in {said}");
    }
    assert!(!said.contains("update-auto-scaling-group"), "{said}");
}
