//! Which interfaces the gate takes for those of its networks, by the metadata alone.

use super::*;

fn missing(gate: &[GateNetwork], interfaces: &[ImdsInterface]) -> Vec<String> {
    missing_beside(&[], gate, interfaces)
}

/// With places that are claimed: the subnet, card and device index of each.
fn missing_beside(
    claimed: &[(&str, u32, u32)],
    gate: &[GateNetwork],
    interfaces: &[ImdsInterface],
) -> Vec<String> {
    let claimed = claimed.iter().map(|(subnet, card, index)| ClaimedPlace {
        subnet_ids: vec![(*subnet).to_owned()],
        device_index: *index,
        network_card: *card,
    });
    let gate = Gate {
        gate: gate.to_vec(),
        claimed: claimed.collect(),
    };
    gate.missing(&imds(interfaces))
}

#[test]
fn interface_in_another_subnet_or_at_another_place_is_not_the_networks() {
    let fixed = [network("a", "s", Some((1, 2)))];
    assert_eq!(missing(&fixed, &[shown("s", Some(1), 2)]), [""; 0]);
    for other in [
        shown("t", Some(1), 2),
        shown("s", Some(0), 2),
        shown("s", None, 2),
        shown("s", Some(1), 1),
        shown("s", Some(1), 0),
    ] {
        assert_eq!(
            missing(&fixed, std::slice::from_ref(&other)),
            ["a"],
            "{other:?}"
        );
    }
    let one_card = [network("a", "s", Some((0, 1)))];
    assert_eq!(missing(&one_card, &[shown("s", None, 1)]), [""; 0]);
}

#[test]
fn device_index_0_of_a_second_card_waits_for_its_card() {
    let gate = [network("a", "s", Some((1, 0)))];
    assert_eq!(missing(&gate, &[shown("s", None, 0)]), ["a"]);
    assert_eq!(missing(&gate, &[shown("s", Some(1), 0)]), [""; 0]);
}

#[test]
fn network_without_a_device_index_is_known_by_its_subnet() {
    let gate = [network("a", "s", None), network("b", "t", None)];
    assert_eq!(missing(&gate, &[]), ["a", "b"]);
    assert_eq!(missing(&gate, &[shown("t", None, 7)]), ["a"]);
    let both = [shown("t", None, 0), shown("s", None, 0)];
    assert_eq!(missing(&gate, &both), [""; 0]);
}

#[test]
fn one_interface_does_not_stand_for_two_networks() {
    let gate = [
        network("free", "s", None),
        network("fixed", "s", Some((0, 1))),
    ];
    assert_eq!(missing(&gate, &[shown("s", None, 1)]), ["free"]);
    assert_eq!(missing(&gate, &[shown("s", None, 0)]), ["fixed"]);
    let both = [shown("s", None, 1), shown("s", None, 2)];
    assert_eq!(missing(&gate, &both), [""; 0]);
}

#[test]
fn neither_of_two_interfaces_that_could_be_a_networks_is_taken() {
    let gate = [network("free", "s", None)];
    let both = [shown("s", None, 2), shown("s", None, 7)];
    assert_eq!(missing(&gate, &both), ["free"]);
    assert_eq!(missing(&gate, &both[1..]), [""; 0]);
}

/// The cases of node/tests/test_parts.py, `test_leaves_a_claimed_place_alone`.
#[test]
fn claimed_place_is_no_networks() {
    let gate = [network("free", "s", None)];
    let claimed = [("s", 0, 2)];
    let cases: [(&[ImdsInterface], bool); 7] = [
        (&[shown("s", None, 2)], false),
        // Its number reads 0: it could be either.
        (&[shown("s", None, 0)], false),
        (&[shown("s", None, 2), shown("s", None, 0)], false),
        (&[shown("s", None, 2), shown("s", None, 7)], true),
        (&[shown("s", None, 7), shown("s", None, 2)], true),
        (&[shown("s", None, 7)], true),
        // The same number on another card is another place.
        (&[shown("s", Some(1), 2), shown("s", Some(0), 2)], true),
    ];
    for (interfaces, is_found) in cases {
        let missing = missing_beside(&claimed, &gate, interfaces);
        assert_eq!(missing.is_empty(), is_found, "{interfaces:?}");
    }
    // In another subnet, a number that reads 0 is nobody's question.
    assert_eq!(
        missing_beside(&[("t", 0, 2)], &gate, &[shown("s", None, 0)]),
        [""; 0]
    );
}

#[test]
fn claimed_place_on_another_card_waits_for_the_card() {
    let gate = [network("a", "s", Some((0, 1)))];
    let claimed = [("s", 1, 1)];
    let (unknown, other, own) = (
        shown("s", None, 1),
        shown("s", Some(1), 1),
        shown("s", Some(0), 1),
    );
    assert_eq!(
        missing_beside(&claimed, &gate, std::slice::from_ref(&unknown)),
        ["a"]
    );
    assert_eq!(
        missing_beside(&claimed, &gate, std::slice::from_ref(&other)),
        ["a"]
    );
    assert_eq!(missing_beside(&claimed, &gate, &[other, own]), [""; 0]);
    assert_eq!(missing_beside(&[("t", 1, 1)], &gate, &[unknown]), [""; 0]);
}

#[test]
fn gate_that_could_not_tell_its_networks_apart_stays_closed() {
    for (networks, says) in [
        (
            [network("a", "s", None), network("b", "s", None)],
            "two networks without deviceIndex have a subnet in common",
        ),
        (
            [
                network("a", "s", Some((0, 1))),
                network("b", "t", Some((0, 1))),
            ],
            "two networks have the same place",
        ),
        (
            [network("a", "s", None), network("a", "t", None)],
            "two networks have the same network",
        ),
    ] {
        let gate = Gate {
            gate: networks.to_vec(),
            ..Gate::default()
        };
        let error = Gate::of_user_data(Some(&gate.to_user_data())).unwrap();
        assert!(error.unwrap_err().contains(says), "{says}");
    }
}

#[test]
fn primary_interface_and_those_of_the_vpc_cni_are_not_mistaken() {
    // A network in the node's own subnet: only a fixed place tells its interface from others.
    let free = [network("a", "node", None)];
    assert_eq!(missing(&free, &[]), ["a"]);
    assert_eq!(missing(&free, &[shown("node", None, 1)]), ["a"]);
    let at_the_primary = [network("a", "node", Some((0, 0)))];
    assert_eq!(missing(&at_the_primary, &[]), ["a"]);
    let fixed = [network("a", "node", Some((0, 2)))];
    assert_eq!(missing(&fixed, &[shown("node", None, 1)]), ["a"]);
    assert_eq!(missing(&fixed, &[shown("node", None, 2)]), [""; 0]);
}

#[test]
fn gate_of_the_document_is_read() {
    use base64::Engine as _;
    let document = include_str!("../../../../docs/node.md");
    let (_, rest) = document.split_once("```json\n").unwrap();
    let (list, _) = rest.split_once("```").unwrap();
    let user_data = base64::engine::general_purpose::STANDARD.encode(list);
    let gate = Gate::of_user_data(Some(&user_data)).unwrap().unwrap();
    assert_eq!(gate.gate[0].device_index, Some(1));
    assert_eq!(gate.gate[1].device_index, None);
    let again = Gate::of_user_data(Some(&gate.to_user_data()));
    assert_eq!(again, Some(Ok(gate)));
}
