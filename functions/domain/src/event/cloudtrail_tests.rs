//! Records of RunInstances, as CloudTrail writes them.

use serde_json::json;

use super::*;

/// The events of `tests/fixtures/events`, by name.
fn fixture(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn one() -> Value {
    fixture(include_str!(
        "../../../../tests/fixtures/events/run-instances.json"
    ))
}

fn read(event: Value) -> Vec<Result<LaunchedInstance>> {
    match LaunchEvent::read(event).unwrap() {
        LaunchEvent::Launched(launched) => launched,
        event => panic!("{event:?}"),
    }
}

/// The same call, made by a person and not by Auto Scaling.
fn by_a_person(event: &mut Value) {
    event["detail"]["sourceIPAddress"] = json!("192.0.2.1");
    event["detail"]["userIdentity"]["invokedBy"] = Value::Null;
}

fn other(event: Value) -> String {
    match LaunchEvent::read(event).unwrap() {
        LaunchEvent::Other(what) => what,
        event => panic!("{event:?}"),
    }
}

#[test]
fn record_of_a_launch_has_all_facts_of_the_node() {
    let launched = read(one());
    assert_eq!(launched.len(), 1);
    let instance = launched[0].clone().unwrap();
    assert_eq!(instance.id.as_str(), "i-0a3c844322fab4955");
    assert_eq!(
        instance.group.as_deref(),
        Some("eks-test2-06c5c4f3-8ec0-78ca-429c-84bcfac2302e")
    );
    assert_eq!(instance.region, "ap-southeast-1");
    let details = instance.details.unwrap();
    assert_eq!(details.facts.az, "ap-southeast-1b");
    assert_eq!(details.facts.instance_type, "t3.medium");
    assert_eq!(details.facts.private_ip.as_deref(), Some("172.31.25.27"));
    assert_eq!(details.facts.lifecycle, "on-demand");
    assert_eq!(details.facts.tags["eks:cluster-name"], "test");
    assert_eq!(details.facts.tags["eks:nodegroup-name"], "test2");
    assert_eq!(details.interfaces[0].0.as_str(), "eni-0b81851d495d06d0a");
    assert!(details.interfaces[0].1.is_empty());
}

#[test]
fn record_of_a_fleet_has_several_instances() {
    let launched = read(fixture(include_str!(
        "../../../../tests/fixtures/events/run-instances-fleet.json"
    )));
    let details: Vec<_> = launched
        .into_iter()
        .map(|instance| instance.unwrap().details.unwrap().facts)
        .collect();
    assert_eq!(details.len(), 3);
    let ids: std::collections::BTreeSet<_> = details
        .iter()
        .map(|facts| facts.instance_id.as_str())
        .collect();
    assert_eq!(ids.len(), 3);
    assert!(details.iter().all(|facts| facts.lifecycle == "spot"));
}

#[test]
fn launch_without_interface_lacks_its_addresses() {
    let launched = read(fixture(include_str!(
        "../../../../tests/fixtures/events/run-instances-no-interface.json"
    )));
    let details = launched[0].clone().unwrap().details.unwrap();
    assert_eq!(details.facts.private_ip, None);
    assert_eq!(details.facts.private_dns_name, None);
    assert_eq!(details.interfaces, []);
    assert!(details.facts.lacks(&["private_ip".to_owned()]));
}

#[test]
fn ipv6_only_launch_has_no_private_ipv4_address() {
    let launched = read(fixture(include_str!(
        "../../../../tests/fixtures/events/run-instances-ipv6-only.json"
    )));
    let details = launched[0].clone().unwrap().details.unwrap();
    assert_eq!(details.facts.private_ip, None);
    assert_eq!(
        details.facts.ipv6_address.as_deref(),
        Some("2406:da18:77c:6100:1f2e:3d4c:5b6a:7988")
    );
}

#[test]
fn failed_launch_is_reported_as_other() {
    let failed = fixture(include_str!(
        "../../../../tests/fixtures/events/run-instances-failed.json"
    ));
    assert_eq!(
        other(failed),
        "a launch that failed (Server.InsufficientInstanceCapacity)"
    );
}

#[test]
fn omitted_response_gives_the_client_token() {
    let mut event = one();
    let omitted =
        json!({"omitted": true, "originalSize": 119_898, "reason": "responseElements too large"});
    event["detail"]["responseElements"] = omitted;
    let found = LaunchEvent::read(event.clone()).unwrap();
    let wanted = Omitted {
        region: "ap-southeast-1".to_owned(),
        client_token: "fleet-1fb4718e-e78e-4e3e-0c18-ad80e56dbf97-0".to_owned(),
        at_least: 1,
        by_auto_scaling: true,
    };
    assert_eq!(found, LaunchEvent::Omitted(wanted));
    event["detail"]["requestParameters"] = json!({"omitted": true});
    let error = LaunchEvent::read(event).unwrap_err().to_string();
    assert!(
        error.starts_with("event.detail.responseElements: CloudTrail left out"),
        "{error}"
    );
}

#[test]
fn launch_outside_auto_scaling_is_reported_as_other() {
    let mut event = one();
    let tags = "/detail/responseElements/instancesSet/items/0/tagSet/items";
    event
        .pointer_mut(tags)
        .unwrap()
        .as_array_mut()
        .unwrap()
        .retain(|tag| tag["key"] != GROUP_TAG);
    by_a_person(&mut event);
    assert_eq!(other(event), "a launch for no Auto Scaling group");
    let mut event = one();
    event["detail"]["eventName"] = json!("TerminateInstances");
    assert_eq!(other(event), "a call of \"TerminateInstances\"");
}

#[test]
fn request_in_any_form_refuses_nothing() {
    for request in [
        json!({"instancesSet": {"items": {"minCount": 1}}}),
        json!({"instancesSet": {"items": null}}),
        json!({"instancesSet": {"items": [{"maxCount": 1}]}}),
        json!({"instancesSet": [7]}),
        json!({"instancesSet": "x", "clientToken": 7}),
        json!("x"),
        Value::Null,
    ] {
        let mut event = one();
        event["detail"]["requestParameters"] = request.clone();
        event["detail"]["errorCode"] = Value::Null;
        let launched = read(event);
        assert!(launched[0].clone().unwrap().details.is_some(), "{request}");
    }
}

#[test]
fn single_instance_without_its_list_is_read() {
    let mut event = one();
    let set = &mut event["detail"]["responseElements"]["instancesSet"];
    set["items"] = set["items"][0].clone();
    assert_eq!(read(event).len(), 1);
}

#[test]
fn instance_whose_details_cannot_be_read_has_none() {
    for (field, value) in [
        ("placement", Value::Null),
        ("instanceType", json!(7)),
        ("networkInterfaceSet", json!({"items": {}})),
    ] {
        let mut event = one();
        event["detail"]["responseElements"]["instancesSet"]["items"][0][field] = value;
        let instance = read(event)[0].clone().unwrap();
        assert_eq!(instance.id.as_str(), "i-0a3c844322fab4955");
        assert_eq!(instance.details, None, "{field}");
    }
}

#[test]
fn omitted_response_with_an_odd_request_is_looked_up_by_its_token() {
    for set in [Value::Null, json!({"items": {"minCount": 2}}), json!([])] {
        let mut event = one();
        event["detail"]["responseElements"] = json!({"omitted": true});
        event["detail"]["requestParameters"]["instancesSet"] = set.clone();
        let LaunchEvent::Omitted(omitted) = LaunchEvent::read(event).unwrap() else {
            panic!("{set}");
        };
        let wanted = if set.is_object() { 2 } else { 0 };
        assert_eq!(omitted.at_least, wanted);
    }
}

#[test]
fn launch_of_auto_scaling_without_its_tag_is_looked_up_by_its_id() {
    for tag_set in [
        json!({}),
        Value::Null,
        json!({"items": []}),
        json!("x"),
        // Tags of the launch template come with the launch, and Auto Scaling's by a later CreateTags.
        json!({"items": [{"key": "Name", "value": "from-a-template"}]}),
        json!({"items": [{"key": "aws:autoscaling:groupName", "value": 7}]}),
    ] {
        let mut event = one();
        event["detail"]["responseElements"]["instancesSet"]["items"][0]["tagSet"] = tag_set.clone();
        // Its id is enough: a request that cannot be read refuses nothing.
        event["detail"]["requestParameters"] = Value::Null;
        let instance = read(event.clone())[0].clone().unwrap();
        assert_eq!(instance.id.as_str(), "i-0a3c844322fab4955");
        assert_eq!(
            (instance.group, instance.details),
            (None, None),
            "{tag_set}"
        );
        // A person's instance never gets Auto Scaling's tag.
        by_a_person(&mut event);
        assert_eq!(other(event), "a launch for no Auto Scaling group");
    }
}

#[test]
fn instance_without_tags_does_not_hide_what_the_record_says_of_the_others() {
    let mut event = fixture(include_str!(
        "../../../../tests/fixtures/events/run-instances-fleet.json"
    ));
    event["detail"]["responseElements"]["instancesSet"]["items"][1]["tagSet"] = json!({});
    let launched: Vec<_> = read(event).into_iter().map(Result::unwrap).collect();
    let known: Vec<_> = launched
        .iter()
        .map(|instance| (instance.group.is_some(), instance.details.is_some()))
        .collect();
    assert_eq!(known, [(true, true), (false, false), (true, true)]);
}

#[test]
fn malformed_instance_does_not_hide_the_others() {
    let mut event = fixture(include_str!(
        "../../../../tests/fixtures/events/run-instances-fleet.json"
    ));
    event["detail"]["responseElements"]["instancesSet"]["items"][1]["instanceId"] = json!(7);
    let launched = read(event);
    assert_eq!(launched.len(), 3);
    assert!(launched[0].is_ok() && launched[2].is_ok());
    let error = launched[1].clone().unwrap_err();
    assert_eq!(error.error_type(), "Hookline.InvalidEvent");
    assert!(
        error
            .to_string()
            .starts_with("event.detail.responseElements.instancesSet.items[1].instanceId: "),
        "{error}"
    );
}
