//! The user data that the CDK app builds (`node/tests/user-data`, written by `npm run generate` in
//! `cdk/`) is explained without any complaint, and fits its profile.

// Tests may panic.
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing)]

use std::fs;
use std::path::PathBuf;

use hookline_domain::profile::Profile;
use hookline_user_data::{
    Bootstrap, Context, Explanation, Finding, NetworkLimits, Origin, Severity, explain,
};
use serde_json::{Value, json};

const AMAZON_LINUX: [&str; 3] = [
    "al2023-managed.txt",
    "al2023-managed-with-image.txt",
    "al2023-self-managed.txt",
];
const BOTTLEROCKET: [&str; 2] = [
    "bottlerocket-managed.toml",
    "bottlerocket-self-managed.toml",
];

fn origin(name: &str) -> Origin {
    match name.contains("managed.") && !name.contains("self-managed") {
        true => Origin::TemplateWithoutImage,
        false => Origin::TemplateWithImage,
    }
}

fn read(name: &str) -> String {
    let node = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    let bundle = match name.contains("rolling") {
        true => "bundle-signal.txt",
        false => "bundle.txt",
    };
    let bundle = fs::read_to_string(node.join(bundle)).unwrap();
    let text = fs::read_to_string(node.join("tests/user-data").join(name)).unwrap();
    text.replace("@BUNDLE@\n", &bundle)
}

/// The profile of the examples, with a change.
fn profile(change: impl FnOnce(&mut Value)) -> Profile {
    let subnets = |network: u32| {
        let subnet = |zone: &str| format!("subnet-0{network}{zone}00000000000000");
        ["a", "b", "c"].map(subnet)
    };
    let mut profile = json!({
        "name": "upf",
        "selector": {"autoScalingGroupNames": ["upf"]},
        "hook": {"name": "hookline-launch"},
        "slots": [
            {"network": "signaling", "deviceIndex": 1, "subnetIds": subnets(1), "securityGroupIds": ["sg-0123456789abcdef0"]},
            {"network": "user-plane", "subnetIds": subnets(2), "secondaryPrivateAddresses": 4, "securityGroupIds": ["sg-0123456789abcdef0"]},
            {"network": "management é", "deviceIndex": 3, "subnetIds": subnets(3), "securityGroupIds": ["sg-0123456789abcdef0"]},
        ],
    });
    change(&mut profile);
    Profile::read(profile).unwrap()
}

fn fitted(name: &str, profile: &Profile) -> Explanation {
    let limits = NetworkLimits::of("m5.4xlarge").unwrap();
    let context = Context {
        origin: origin(name),
        profile: Some(profile),
        limits: Some(&limits),
    };
    explain(read(name).as_bytes(), context).unwrap()
}

fn complaints(explanation: &Explanation) -> Vec<&'static str> {
    let findings = explanation.findings.iter();
    let is_complaint = |finding: &&Finding| finding.severity != Severity::Note;
    findings
        .filter(is_complaint)
        .map(|finding| finding.code)
        .collect()
}

#[test]
fn user_data_of_the_builder_is_explained_without_a_complaint() {
    for name in AMAZON_LINUX.into_iter().chain(BOTTLEROCKET) {
        for origin in [Origin::File, origin(name)] {
            let context = Context {
                origin,
                profile: None,
                limits: None,
            };
            let found = explain(read(name).as_bytes(), context).unwrap();
            assert_eq!(complaints(&found), [""; 0], "{name}: {:#?}", found.findings);
            let max_pods = found.join.max_pods.unwrap();
            assert_eq!(
                (max_pods.value.as_str(), max_pods.overrides.len()),
                ("147", 0),
                "{name}"
            );
            let is_complete = origin == Origin::TemplateWithImage;
            if is_complete {
                assert_eq!(found.join.cluster.unwrap().value, "core", "{name}");
                assert_eq!(found.join.labels.len(), 2, "{name}");
                assert_eq!(found.join.taints.len(), 2, "{name}");
            }
        }
    }
}

#[test]
fn gate_of_the_builder_fits_the_profile() {
    let profile = profile(|_| ());
    for name in AMAZON_LINUX
        .into_iter()
        .chain(["bottlerocket-self-managed.toml"])
    {
        let found = fitted(name, &profile);
        assert_eq!(complaints(&found), [""; 0], "{name}: {:#?}", found.findings);
        let gate = found.gate.unwrap();
        let networks: Vec<_> = gate
            .networks
            .iter()
            .map(|network| network.network.as_str())
            .collect();
        assert_eq!(
            networks,
            ["signaling", "user-plane", "management é"],
            "{name}"
        );
        assert!(gate.holds_kubelet, "{name}");
    }
    // `cdk synth` warns of this one, too.
    assert_eq!(
        complaints(&fitted("bottlerocket-managed.toml", &profile)),
        ["no-gate"]
    );
}

#[test]
fn what_does_not_fit_is_told() {
    type Change = fn(&mut Value);
    let cases: [(Change, &str); 11] = [
        (
            |profile| profile["slots"][1]["network"] = json!("other"),
            "network-name",
        ),
        (
            |profile| {
                profile["slots"].as_array_mut().unwrap().pop();
            },
            "gate-waits-forever",
        ),
        (
            // The gate knows user-plane by its subnets alone.
            |profile| {
                let slot = json!({"network": "fourth", "deviceIndex": 4, "subnetIds": ["subnet-02b00000000000000"], "securityGroupIds": ["sg-0123456789abcdef0"]});
                profile["slots"].as_array_mut().unwrap().push(slot);
            },
            "ambiguous",
        ),
        (
            |profile| profile["slots"][0]["deviceIndex"] = json!(2),
            "device-index",
        ),
        (
            |profile| profile["slots"][0]["networkCard"] = json!(1),
            "network-card",
        ),
        (
            |profile| profile["slots"][2]["subnetIds"][1] = json!("subnet-09b00000000000000"),
            "subnets",
        ),
        (
            |profile| profile["startupTaint"] = json!({"cluster": "core"}),
            "startup-taint",
        ),
        (
            |profile| {
                profile["startupTaint"] = json!({"cluster": "core", "key": "example.com/spare"})
            },
            "startup-taint",
        ),
        (
            |profile| profile["startupTaint"] = json!({"cluster": "edge", "key": "multus"}),
            "startup-taint-cluster",
        ),
        (
            |profile| {
                for index in 4..9 {
                    let slot = json!({"network": format!("more-{index}"), "deviceIndex": index, "subnetIds": ["subnet-09b00000000000000"], "securityGroupIds": ["sg-0123456789abcdef0"]});
                    profile["slots"].as_array_mut().unwrap().push(slot);
                }
            },
            "no-room",
        ),
        (
            |profile| {
                let slot = json!({"network": "fourth", "subnetIds": ["subnet-09b00000000000000"], "securityGroupIds": ["sg-0123456789abcdef0"]});
                profile["slots"].as_array_mut().unwrap().push(slot);
            },
            "max-pods-above-addresses",
        ),
    ];
    for (change, expected) in cases {
        let found = fitted("al2023-self-managed.txt", &profile(change));
        let mut found = complaints(&found);
        // A fourth slot takes addresses of pods.
        found.retain(|code| {
            !["no-room", "max-pods-above-addresses"].contains(code) || *code == expected
        });
        assert_eq!(found, [expected]);
    }
}

/// A slot in the subnets of a network that the gate knows by them alone, as an ignored one.
#[test]
fn claimed_place_tells_another_slot_apart_and_is_no_networks() {
    let text = read("al2023-self-managed.txt");
    let with_claim = |index: u32| {
        let claim = json!([{"subnetIds": ["subnet-02b00000000000000"], "deviceIndex": index}]);
        let (before, after) = text.split_once("]}\n").unwrap();
        format!("{before}],\"claimed\":{claim}}}\n{after}")
    };
    let codes = |index: u32, profile: &Profile| {
        let context = Context {
            origin: Origin::File,
            profile: Some(profile),
            limits: None,
        };
        let found = explain(with_claim(index).as_bytes(), context).unwrap();
        assert_eq!(found.gate.as_ref().unwrap().claimed.len(), 1);
        complaints(&found)
    };
    let with_fourth = profile(|profile| {
        let slot = json!({"network": "fourth", "deviceIndex": 4, "subnetIds": ["subnet-02b00000000000000"], "securityGroupIds": ["sg-0123456789abcdef0"]});
        profile["slots"].as_array_mut().unwrap().push(slot);
    });
    assert_eq!(codes(4, &with_fourth), [""; 0]);
    assert_eq!(codes(5, &with_fourth), ["ambiguous"]);
    let own = profile(|profile| profile["slots"][1]["deviceIndex"] = json!(2));
    assert_eq!(codes(2, &own), ["claimed"]);
    assert_eq!(codes(3, &own), [""; 0]);
}

#[test]
fn startup_taint_that_kubelet_registers_with_fits() {
    let profile =
        profile(|profile| profile["startupTaint"] = json!({"cluster": "core", "key": "multus"}));
    for name in ["al2023-self-managed.txt", "bottlerocket-self-managed.toml"] {
        assert_eq!(complaints(&fitted(name, &profile)), [""; 0], "{name}");
    }
}

#[test]
fn nodeadm_is_what_makes_nodes_of_amazon_linux_2023_join() {
    for (names, bootstrap) in [
        (AMAZON_LINUX.as_slice(), Bootstrap::Nodeadm),
        (BOTTLEROCKET.as_slice(), Bootstrap::Bottlerocket),
    ] {
        for name in names {
            assert_eq!(
                fitted(name, &profile(|_| ())).join.bootstrap,
                bootstrap,
                "{name}"
            );
        }
    }
}
