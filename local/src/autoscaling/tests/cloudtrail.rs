//! CloudTrail's records of RunInstances by Auto Scaling.

use super::*;

const RECORD: &str = "AWS API Call via CloudTrail";

async fn scaled(desired: u32, trail: Option<Duration>) -> LocalAws {
    let local = group(0, "").await;
    local.with_world(|world| world.kernel.settings.trail_delivers_after = trail);
    let scale = format!("SetDesiredCapacity&AutoScalingGroupName=g&DesiredCapacity={desired}");
    call(&local, &scale).await.unwrap();
    local
}

#[tokio::test(start_paused = true)]
async fn without_a_trail_there_are_no_cloudtrail_events() {
    let local = scaled(2, None).await;
    pass(600).await;
    assert_eq!(events(&local, RECORD), Vec::<Value>::new());
}

#[tokio::test(start_paused = true)]
async fn instances_launched_together_in_a_subnet_are_one_record() {
    let local = scaled(5, Some(Duration::from_secs(5))).await;
    pass(4).await;
    assert_eq!(events(&local, RECORD).len(), 0, "it takes its time");
    pass(2).await;
    let records = events(&local, RECORD);
    let mut sizes = Vec::new();
    for record in &records {
        assert_eq!(record["eventName"], "RunInstances");
        assert_eq!(record["sourceIPAddress"], "autoscaling.amazonaws.com");
        let items = record["responseElements"]["instancesSet"]["items"].as_array();
        let items = items.unwrap();
        sizes.push(items.len());
        for item in items {
            let id = item["instanceId"].as_str().unwrap();
            let instance = local.with_world(|world| world.ec2.instance(id).cloned());
            let instance = instance.unwrap();
            assert_eq!(
                item["privateIpAddress"],
                instance.private_ip_address.to_string()
            );
            assert_eq!(item["subnetId"], instance.subnet_id);
            let tags = item["tagSet"]["items"].as_array().unwrap();
            let group = tags
                .iter()
                .find(|tag| tag["key"] == "aws:autoscaling:groupName");
            assert_eq!(group.unwrap()["value"], "g");
            let interfaces = item["networkInterfaceSet"]["items"].as_array().unwrap();
            assert_eq!(interfaces[0]["attachment"]["deviceIndex"], 0);
            assert_eq!(interfaces[0]["tagSet"], serde_json::json!({}));
        }
    }
    sizes.sort_unstable();
    assert_eq!(sizes, [2, 3]);
}

#[tokio::test(start_paused = true)]
async fn the_record_of_a_refused_launch_has_no_response() {
    let local = group(0, "").await;
    local.with_world(|world| {
        world.kernel.settings.trail_delivers_after = Some(Duration::ZERO);
        world.kernel.settings.network_interface_limit = 1;
    });
    let scale = "SetDesiredCapacity&AutoScalingGroupName=g&DesiredCapacity=2";
    call(&local, scale).await.unwrap();
    pass(2).await;
    let records = events(&local, RECORD);
    let failed = records
        .iter()
        .find(|record| record["responseElements"].is_null());
    let failed = failed.expect("a record of the second launch");
    assert_eq!(failed["errorCode"], "Client.NetworkInterfaceLimitExceeded");
}
