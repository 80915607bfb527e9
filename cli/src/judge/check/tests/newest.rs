//! Groups that launch from an old version of their launch template.

use super::*;
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
