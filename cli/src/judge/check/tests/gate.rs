//! What becomes of a network's interface on a node, and the order of changes.

use hookline_user_data::OnNode;

use super::*;
use crate::observed::account::WantedNodes;

fn on_node(value: Value) -> OnNode {
    serde_json::from_value(value).unwrap()
}

/// A change of an account, and what the finding says of it.
type Case<'a> = (fn(&mut Account), &'a [&'a str]);

#[test]
fn misfit_has_both_values_and_the_order_of_changes() {
    let cases: [Case<'_>; 7] = [
        (
            |account| gate(account)[1].device_index = Some(5),
            &[
                "for user-plane the gate waits at device index 5, and the profile has 2",
                "The safe order of such a change: first take deviceIndex and networkCard out of the gate",
            ],
        ),
        (
            |account| gate(account)[1].subnet_ids = vec!["subnet-00000009".to_owned()],
            &[
                "does not know subnet-00000002 of the profile, and knows subnet-00000009",
                "first add the new subnets to the gate in the launch template, then to the profile",
            ],
        ),
        (
            |account| gate(account)[1].on_node = on_node(json!({"cni": {"type": "ipvlan"}})),
            &[
                "for user-plane the node gives pods the interface's secondary addresses, and the profile has \
                 secondaryPrivateAddresses 0 and prefixes 0",
                "first give the slot addresses in the profile",
            ],
        ),
        (
            |account| gate(account)[1].network = "n3".to_owned(),
            &[
                "which the profile does not have",
                "first add a network of the new name",
            ],
        ),
        // Nothing tells whether a network is on its way in or out.
        (
            |account| gate(account).push(fixtures::gate(&[("n3", 9)]).networks[0].clone()),
            &[
                "the gate waits for the network n3, which the profile does not have",
                "to add the network, first put it into the profile, then into the gate",
                "to remove it, first take it out of the gate, then out of the profile",
            ],
        ),
        (
            |account| {
                let shared = gate(account)[0].subnet_ids.clone();
                gate(account)[1].subnet_ids.extend(shared);
                gate(account).remove(0);
            },
            &[
                "the gate knows user-plane by its subnet subnet-00000001 alone",
                "to add the network, first put its place into claimed",
                "to remove it, first move its place from the gate to claimed",
            ],
        ),
        (
            |account| {
                let place = hookline_user_data::ClaimedPlace {
                    subnet_ids: vec!["subnet-00000002".to_owned()],
                    device_index: 2,
                    network_card: 0,
                };
                said(account).gate.as_mut().unwrap().claimed.push(place);
            },
            &[
                "the gate waits for user-plane, and that place of the profile is claimed",
                "to add the network, first change the profile, then move the place from claimed",
                "to remove it, first move the place from the gate to claimed",
            ],
        ),
    ];
    for (change, says) in cases {
        let mut account = account();
        change(&mut account);
        assert_says(&only(&account, Kind::GateDiffers), says);
    }
    let mut fits = account();
    for cni in [
        json!({"type": "host-device"}),
        json!({"type": "ipvlan", "addresses": "primary"}),
        json!(null),
    ] {
        gate(&mut fits)[1].on_node = on_node(json!({"cni": cni}));
        assert_eq!(kinds(&fits), [], "{cni}");
    }
}

fn gate(account: &mut Account) -> &mut Vec<hookline_user_data::GateNetwork> {
    &mut said(account).gate.as_mut().unwrap().networks
}

#[test]
fn interface_that_the_file_changes_is_a_note_with_both_values() {
    let mut account = account();
    account.deployed = false;
    account.to_be_put = vec![("upf".to_owned(), None)];
    let cni = json!({"type": "ipvlan", "addresses": "primary"});
    gate(&mut account)[1].on_node = on_node(json!({"mtu": 1_500, "cni": cni}));
    let name = account.groups[0].name.clone();
    let file = |user_plane: Value| vec![wanted(&name, None, user_plane)];
    account.to_be_on_nodes = file(json!({"mtu": 1_500, "mode": "multus", "cni": cni}));
    assert_eq!(about(&account), [""; 0]);
    account.to_be_on_nodes = file(json!({"interfaceName": "up0"}));
    let found = about(&account);
    assert_eq!(found.len(), 3, "{found:#?}");
    for (note, says) in found.iter().zip([
        "has \"user-plane\" for interfaceName of user-plane, and the node group upf of the file \"up0\"",
        "has 1500 for mtu of user-plane, and the node group upf of the file 9001: nodes that run keep theirs. Lower the MTU",
        "for cni of user-plane, and the node group upf of the file null",
    ]) {
        assert!(note.contains(says), "no {says} in {note}");
    }
}

/// A node group of the file, with what it says of the user plane.
fn wanted(name: &str, cluster: Option<&str>, user_plane: Value) -> WantedNodes {
    let networks = [("user-plane".to_owned(), on_node(user_plane))];
    WantedNodes {
        name: name.to_owned(),
        cluster: cluster.map(str::to_owned),
        profile: "upf".to_owned(),
        networks: networks.into(),
    }
}

/// The notes of what the file changes of interfaces.
fn about(account: &Account) -> Vec<String> {
    let notes = notes(account).into_iter();
    notes.filter(|note| note.contains("of the file")).collect()
}

#[test]
fn each_node_group_of_a_profile_is_compared_with_its_own_group() {
    let mut account = account();
    account.deployed = false;
    account.to_be_put = vec![("upf".to_owned(), None)];
    gate(&mut account)[1].on_node = on_node(json!({"mtu": 1_500}));
    // A managed node group over one zone, whose group EKS names and tags.
    account.groups[0].tags.extend([
        ("eks:cluster-name".to_owned(), "core".to_owned()),
        ("eks:nodegroup-name".to_owned(), "upf-a".to_owned()),
    ]);
    let same = json!({"mtu": 1_500});
    let other = json!({"mtu": 9_001});
    account.to_be_on_nodes = vec![
        wanted("upf-a", Some("core"), same.clone()),
        wanted("upf-b", Some("core"), other.clone()),
    ];
    assert_eq!(about(&account), [""; 0]);
    account.to_be_on_nodes = vec![
        wanted("upf-b", Some("core"), same.clone()),
        wanted("upf-a", Some("edge"), same.clone()),
        wanted("upf-a", Some("core"), other.clone()),
    ];
    let found = about(&account);
    let says = "has 1500 for mtu of user-plane, and the node group upf-a of the file 9001";
    assert!(found.len() == 1 && found[0].contains(says), "{found:#?}");
    assert!(found[0].contains("of upf "), "{found:#?}");

    // The network of the file makes the cluster.
    account.to_be_on_nodes = vec![wanted("upf-a", None, other.clone())];
    assert_eq!(about(&account).len(), 1);
    // One that is not there yet, and one of another profile.
    let of_other = WantedNodes {
        profile: "smf".to_owned(),
        ..wanted("upf-a", None, other.clone())
    };
    account.to_be_on_nodes = vec![wanted("upf-c", None, other), of_other];
    assert_eq!(about(&account), [""; 0]);
}
