//! Any text that comes as an event, a profile or a payload is read, or refused with a typed error
//! of readable length. Nothing panics, and a second reading gives the same.

// Tests may panic.
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing)]

use std::collections::BTreeMap;

use hookline_domain::Error;
use hookline_domain::addresses::range::AddressRange;
use hookline_domain::error::Input;
use hookline_domain::event::Event;
use hookline_domain::execution::{Allocation, Node, Plan};
use hookline_domain::ids::{InstanceId, NetworkInterfaceId, SecurityGroupId, SubnetId};
use hookline_domain::parse::from_value;
use hookline_domain::profile::Profile;
use hookline_domain::tags::{NodeFacts, template};
use proptest::prelude::*;
use proptest::string::string_regex;
use serde_json::{Value, json};

/// The number of cases: PROPTEST_CASES, for a long run, otherwise 1,000.
fn cases() -> u32 {
    let asked = std::env::var("PROPTEST_CASES").ok();
    asked.and_then(|asked| asked.parse().ok()).unwrap_or(1_000)
}

/// Any text, a text of JSON's characters, or a document with a part overwritten, inserted or cut
/// off.
fn text(document: Value) -> impl Strategy<Value = String> {
    let document = document.to_string();
    let piece = prop_oneof![
        string_regex(r#"[\[\]{}":,0-9eE.+\-tfn\\u "]{0,6}"#).unwrap(),
        prop::sample::select(vec![
            "\"",
            "{",
            "}",
            "[",
            "]",
            "null",
            "-1",
            "1e999",
            "18446744073709551616",
            "\\ud800",
            "\u{0}",
        ])
        .prop_map(str::to_owned),
        any::<String>(),
    ];
    let changed = (
        any::<prop::sample::Index>(),
        any::<prop::sample::Index>(),
        piece.clone(),
        0..3_u8,
    )
        .prop_map(move |(from, to, piece, how)| change(&document, &from, &to, &piece, how));
    prop_oneof![
        1 => any::<String>(),
        2 => prop::collection::vec(piece, 0..20).prop_map(|pieces| pieces.concat()),
        7 => changed,
    ]
}

/// Puts `piece` into the document: over a part of it, between two parts, or before a cut.
fn change(
    document: &str,
    from: &prop::sample::Index,
    to: &prop::sample::Index,
    piece: &str,
    how: u8,
) -> String {
    let places: Vec<usize> = document.char_indices().map(|(place, _)| place).collect();
    let (a, b) = (*from.get(&places), *to.get(&places));
    let (start, end) = (a.min(b), a.max(b));
    match how {
        // Short parts, so that most of the document stays valid.
        0 => {
            let end = end.min(start + 12);
            let end = (end..=document.len())
                .find(|place| document.is_char_boundary(*place))
                .unwrap_or(document.len());
            format!("{}{piece}{}", &document[..start], &document[end..])
        }
        1 => format!("{}{piece}{}", &document[..start], &document[start..]),
        _ => format!("{}{piece}", &document[..start]),
    }
}

fn event() -> Value {
    json!({
        "version": "0",
        "id": "12345678-1234-1234-1234-123456789012",
        "detail-type": "EC2 Instance-launch Lifecycle Action",
        "source": "aws.autoscaling",
        "account": "123456789012",
        "time": "2026-01-01T00:00:00Z",
        "region": "us-west-2",
        "resources": ["arn:aws:autoscaling:us-west-2:123456789012:autoScalingGroup:u:autoScalingGroupName/upf"],
        "detail": {
            "LifecycleActionToken": "87654321-4321-4321-4321-210987654321",
            "AutoScalingGroupName": "upf",
            "LifecycleHookName": "hookline-launch",
            "EC2InstanceId": "i-0123456789abcdef0",
            "LifecycleTransition": "autoscaling:EC2_INSTANCE_LAUNCHING",
            "NotificationMetadata": "{}",
            "Origin": "EC2",
            "Destination": "AutoScalingGroup",
        },
    })
}

fn profile() -> Value {
    json!({
        "name": "upf",
        "selector": {"tag": {"key": "hookline-profile", "value": "upf"}},
        "hook": {"name": "hookline-launch", "complete": true},
        "nodeTags": {"Name": "{{ asg }}-ip-{{ private_ip | dashed }}", "Zone": "{{ tags['Zone'] | default('none') }}"},
        "securityGroupIds": ["sg-0123456789abcdef0"],
        "slots": [
            {
                "network": "signaling",
                "deviceIndex": 1,
                "subnetIds": ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"],
                "excludedRanges": ["10.0.48.0/28", "10.0.48.200-10.0.48.220", "2001:db8::/120"],
                "secondaryPrivateAddresses": 2,
                "ipv6": "lowest-free",
                "sourceDestCheck": false,
                "tags": {"Team": "core"},
            },
            {
                "network": "management",
                "deviceIndex": 1,
                "networkCard": 1,
                "subnetIds": ["subnet-0123456789abcdef2"],
                "securityGroupIds": ["sg-0123456789abcdef1"],
                "addressing": "subnet-assigned",
                "prefixes": 1,
                "description": "management",
            },
        ],
    })
}

/// The results of earlier states.
fn payload() -> Value {
    json!({
        "node": {
            "instanceId": "i-0123456789abcdef0", "name": "upf-1", "instanceType": "m5.4xlarge",
            "availabilityZone": "us-west-2a", "privateIpAddress": "10.0.0.4", "launchedAt": 1_767_225_600, "running": true,
        },
        "plan": {
            "round": 1, "ahead": 0, "nodeRunning": true, "secondsSinceEvent": 7,
            "step": {
                "action": "CREATE",
                "slots": [{
                    "network": "signaling", "existing": null, "subnetId": "subnet-0123456789abcdef0",
                    "privateIpAddresses": ["10.0.48.4"], "ipv6Addresses": ["2001:db8::4"], "attempt": 0,
                }],
                "surplus": ["eni-0123456789abcdef9"],
            },
            "observations": {
                "takenAddresses": ["10.0.48.5"],
                "fullSubnets": {"signaling": ["subnet-0123456789abcdef1"]},
                "created": {"signaling": "eni-0123456789abcdef0"},
            },
        },
        "allocation": {
            "outcome": "REFUSED", "round": 1,
            "interfaces": [{"network": "signaling", "networkInterfaceId": "eni-0123456789abcdef0"}],
            "refused": [
                {"reason": "ADDRESS_TAKEN", "network": "signaling", "addresses": ["10.0.48.4"]},
                {"reason": "SUBNET_FULL", "network": "signaling", "subnetId": "subnet-0123456789abcdef0"},
            ],
        },
    })
}

fn facts() -> NodeFacts {
    NodeFacts {
        instance_id: "i-0123456789abcdef0".parse().unwrap(),
        instance_type: "m5.4xlarge".to_owned(),
        az: "us-west-2a".to_owned(),
        region: "us-west-2".to_owned(),
        asg: "upf".to_owned(),
        private_ip: Some("10.0.22.100".to_owned()),
        ipv6_address: None,
        lifecycle: "spot".to_owned(),
        private_dns_name: None,
        tags: BTreeMap::from([("Env".to_owned(), "prod".to_owned())]),
    }
}

/// Templates of all the language's parts, in any order.
fn some_template() -> impl Strategy<Value = String> {
    let part = prop::sample::select(vec![
        "{{",
        "}}",
        "{%",
        "%}",
        "{#",
        "#}",
        "-%}",
        "{{-",
        " ",
        "|",
        "(",
        ")",
        "[",
        "]",
        "'",
        "\"",
        ",",
        ".",
        ":",
        "~",
        "+",
        "-",
        "*",
        "/",
        "//",
        "%",
        "**",
        "==",
        "<",
        "=",
        "if ",
        "elif ",
        "else",
        "endif",
        "for ",
        "in ",
        "endfor",
        "set ",
        "endset",
        "macro ",
        "endmacro",
        "not ",
        "and ",
        "or ",
        "is ",
        "defined",
        "asg",
        "tags",
        "tags['Env']",
        "private_ip",
        "private_dns_name",
        "az",
        "octets(2)",
        "octets(99999999999999999999)",
        "octets(-1)",
        "dashed",
        "default('x')",
        "lower",
        "upper",
        "replace('', 'xx')",
        "loop",
        "true",
        "none",
        "0",
        "1e308",
        "170141183460469231731687303715884105727",
        "9223372036854775807",
        "é",
        "\u{0}",
        "\n",
        "raw",
        "endraw",
        "with ",
        "filter ",
        "block x",
        "autoescape ",
    ]);
    prop_oneof![
        8 => prop::collection::vec(part, 0..24).prop_map(|parts| parts.concat()),
        2 => any::<String>(),
        // Deeply nested: a recursive parser must not overflow its stack.
        1 => (prop::sample::select(vec!["(", "[", "not ", "-", "{% if 1 %}", "{'a':"]), 0..2_000_usize)
            .prop_map(|(part, times)| format!("{{{{ {} 1 }}}}", part.repeat(times))),
    ]
}

/// An error has a known name and a readable length.
fn readable(error: &Error) -> Result<(), TestCaseError> {
    prop_assert!(
        Error::TYPES.contains(&error.error_type()),
        "{}",
        error.error_type()
    );
    let says = error.to_string();
    prop_assert!(says.chars().count() < 5_000, "{} bytes", says.len());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_event_is_read_or_refused(text in text(event())) {
        if let Ok(value) = serde_json::from_str::<Value>(&text) {
            match Event::read(value.clone()) {
                Ok(read) => prop_assert_eq!(Event::read(value).unwrap(), read),
                Err(error) => readable(&error)?,
            }
        }
    }

    #[test]
    fn any_profile_is_read_or_refused(text in text(profile())) {
        if let Ok(value) = serde_json::from_str::<Value>(&text) {
            match Profile::read(value.clone()) {
                Ok(read) => prop_assert_eq!(Profile::read(value).unwrap(), read),
                Err(error) => readable(&error)?,
            }
        }
    }

    #[test]
    fn any_payload_is_read_or_refused(text in text(payload())) {
        let Ok(value) = serde_json::from_str::<Value>(&text) else { return Ok(()) };
        let part = |name: &str| value.get(name).cloned().unwrap_or_default();
        for error in [
            from_value::<Node>(Input::Payload, "node", part("node")).err(),
            from_value::<Plan>(Input::Payload, "plan", part("plan")).err(),
            from_value::<Allocation>(Input::Payload, "allocation", part("allocation")).err(),
        ].into_iter().flatten() {
            readable(&error)?;
        }
    }

    #[test]
    fn any_template_is_checked_and_rendered_or_refused(template in some_template()) {
        let known: &[Option<&str>] = &[None, Some("upf-1")];
        for name in known {
            match template::render(&template, &facts(), *name) {
                Ok(value) => prop_assert!(template::check_value(&value).is_ok()),
                Err(problem) => prop_assert!(problem.chars().count() < 5_000, "{} bytes", problem.len()),
            }
            if let Err(template::TemplateProblem { problem, .. }) = template::check(&template, name.is_some()) {
                prop_assert!(problem.chars().count() < 5_000, "{} bytes", problem.len());
            }
        }
        let _ = template::variables(&template);
    }

    #[test]
    fn any_range_or_id_is_read_or_refused(text in prop_oneof![
        string_regex(r"[0-9a-f:./\- ]{0,45}").unwrap(),
        string_regex(r"(i|eni|subnet|sg)-[0-9a-fA-F]{0,20}").unwrap(),
        any::<String>(),
    ]) {
        if let Ok(range) = text.parse::<AddressRange>() {
            prop_assert!(range.first() <= range.last());
            prop_assert_eq!(range.to_string().parse::<AddressRange>().unwrap(), range);
        }
        let ids = [
            text.parse::<InstanceId>().map(|id| id.to_string()).ok(),
            text.parse::<NetworkInterfaceId>().map(|id| id.to_string()).ok(),
            text.parse::<SubnetId>().map(|id| id.to_string()).ok(),
            text.parse::<SecurityGroupId>().map(|id| id.to_string()).ok(),
        ];
        prop_assert!(ids.into_iter().flatten().all(|id| id == text));
    }
}

/// The unchanged documents are valid. Otherwise the tests above would only see refusals.
#[test]
fn unchanged_documents_are_read() {
    Event::read(event()).unwrap();
    Profile::read(profile()).unwrap();
    let payload = payload();
    from_value::<Node>(Input::Payload, "node", payload["node"].clone()).unwrap();
    from_value::<Plan>(Input::Payload, "plan", payload["plan"].clone()).unwrap();
    from_value::<Allocation>(Input::Payload, "allocation", payload["allocation"].clone()).unwrap();
}
