use hookline_domain::tags::own;

use super::*;
use crate::fixtures::{id, ready};
use crate::judge::causes::findings;
use crate::judge::finding::command_line;
use crate::judge::replay::Replay;
use crate::judge::{Kind, Remedy};

fn kinds(case: &Case) -> Vec<Kind> {
    findings(case).iter().map(|finding| finding.kind).collect()
}

/// The commands of a finding.
fn commands(finding: &Finding) -> Vec<String> {
    let words = finding.remedy.iter().filter_map(|remedy| match remedy {
        Remedy::Run(words) => Some(command_line(words)),
        _ => None,
    });
    words.collect()
}

#[test]
fn interface_that_lost_its_tags_is_recognised_and_gets_them_again() {
    let by_description = |interface: &mut Interface| {
        interface.tags.clear();
        interface.description = format!("signaling of {} (Hookline, profile upf)", id(1));
    };
    let by_name = |interface: &mut Interface| {
        interface.tags = [("Name".to_owned(), "node-7-signaling".to_owned())].into();
    };
    let by_network = |interface: &mut Interface| {
        interface.tags.remove(own::INSTANCE_ID);
    };
    let changes: [&dyn Fn(&mut Interface); 3] = [&by_description, &by_name, &by_network];
    for change in changes {
        let mut case = ready();
        let seen = case.seen.as_mut().unwrap();
        let name = ("Name".to_owned(), "node-7".to_owned());
        seen.instance.tags.extend([name]);
        change(&mut case.interfaces[0].interface);
        let found = findings(&case);
        assert_eq!(kinds(&case), [Kind::TagsMissing], "{found:?}");
        let commands = commands(&found[0]);
        assert_eq!(commands.len(), 1);
        assert!(
            commands[0].starts_with("aws ec2 create-tags --resources eni-"),
            "{commands:?}"
        );
        assert!(commands[0].contains(own::INSTANCE_ID), "{commands:?}");
        let replay = Replay::of(&case);
        assert!(!replay.helps && replay.why.contains("tags"), "{replay:?}");
        // A launch that waits has it too: another one would find its place taken.
        assert!(!Replay::of(&case.in_state("Pending:Wait")).helps);
    }
}

#[test]
fn interface_of_somebody_else_is_none_that_lost_its_tags() {
    let changes: [fn(&mut Interface); 3] = [
        |interface| interface.tags.clear(),
        |interface| {
            let tag = (own::INSTANCE_ID.to_owned(), id(2).to_string());
            interface.tags.extend([tag]);
        },
        |interface| {
            interface.tags.remove(own::INSTANCE_ID);
            interface.subnet_id = "subnet-0000000f".parse().unwrap();
        },
    ];
    for change in changes {
        let mut case = ready();
        change(&mut case.interfaces[0].interface);
        assert_eq!(
            kinds(&case),
            [Kind::DeviceIndexTaken, Kind::NodeLacksInterfaces]
        );
    }
}

#[test]
fn setting_that_somebody_changed_is_told_with_what_puts_it_back() {
    let mut case = ready();
    case.interfaces[1].interface.source_dest_check = false;
    case.interfaces[0].interface.security_group_ids = ["sg-0000000f".parse().unwrap()].into();
    let found = findings(&case);
    assert_eq!(
        kinds(&case),
        [Kind::InterfaceDiffers, Kind::InterfaceDiffers]
    );
    let put = commands(&found[0]);
    assert!(put[0].ends_with("--groups sg-00000001"), "{put:?}");
    let put = commands(&found[1]);
    assert!(put[0].ends_with(" --source-dest-check"), "{put:?}");
    let replay = Replay::of(&case);
    assert!(!replay.helps, "{replay:?}");
    assert!(!replay.why.contains("changes nothing"), "{replay:?}");
}

#[test]
fn setting_as_the_deployed_profile_has_it_is_right() {
    let mut case = ready();
    case.interfaces[1].interface.source_dest_check = false;
    case.deployment.profiles[0].profile.slots[1].source_dest_check = false;
    assert_eq!(kinds(&case), []);
}

#[test]
fn interface_on_another_node_is_named_with_what_detaches_it() {
    let mut case = ready();
    let on = case.interfaces[0].interface.attachment.as_mut().unwrap();
    (on.instance_id, on.id) = (Some(id(2)), "eni-attach-7".to_owned());
    let found = findings(&case);
    assert_eq!(kinds(&case), [Kind::NodeLacksInterfaces]);
    let told = found[0].evidence.join(" ");
    assert!(
        told.contains(&format!("is attached to {} at device index 1", id(2))),
        "{told}"
    );
    let commands = commands(&found[0]);
    assert_eq!(
        commands[0],
        "aws ec2 detach-network-interface --attachment-id eni-attach-7"
    );
    assert!(commands[1].starts_with("hookline adopt "), "{commands:?}");
}

#[test]
fn failed_launch_whose_interface_is_on_another_instance_says_whose() {
    let mut case = crate::fixtures::case().with_execution(
        "FAILED",
        Some("Hookline.NotYetAttached"),
        "AttachInterfaces",
    );
    let told = |case: &Case| {
        let mut found = findings(case).into_iter();
        found.rfind(|it| it.kind == Kind::Failed).unwrap()
    };
    let found = told(&case);
    assert!(
        found.evidence.join(" ").contains("may be gone"),
        "{found:#?}"
    );
    case.interfaces = ready().interfaces;
    let on = case.interfaces[0].interface.attachment.as_mut().unwrap();
    (on.instance_id, on.id) = (Some(id(2)), "eni-attach-7".to_owned());
    let found = told(&case);
    let evidence = found.evidence.join(" ");
    assert!(
        evidence.contains(&format!("is attached to {}", id(2))),
        "{evidence}"
    );
    assert!(!evidence.contains("may be gone"), "{evidence}");
    assert_eq!(
        commands(&found)[0],
        "aws ec2 detach-network-interface --attachment-id eni-attach-7"
    );
}
