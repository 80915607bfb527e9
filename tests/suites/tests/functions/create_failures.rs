//! `CreateInterfaces`: full subnets, lost responses, and what is left when a create fails for good.

use std::collections::BTreeMap;

use hookline_local::{Fault, FaultKind, Outcome};
use hookline_testkit::calls::FunctionCalls as _;
use hookline_testkit::launch::{Launch, State};
use serde_json::{Value, json};

use crate::{failed, refusal, wait_seconds};

/// A planned launch whose first slot lets EC2 choose the address, and has a second subnet.
async fn with_two_subnets() -> (Launch, String, String) {
    let launch = Launch::running().await.unwrap();
    let first = launch.subnet(0).unwrap().to_owned();
    let second = launch.scene.subnet(0, "10.0.250.0/24").await.unwrap();
    let mut launch = launch.with_profile(|profile| {
        profile["slots"][0]["addressing"] = json!("subnet-assigned");
        profile["slots"][0]["subnetIds"] = json!([first, second]);
    });
    launch.run_to(State::PlanInterfaces).await.unwrap();
    (launch, first, second)
}

#[tokio::test(start_paused = true)]
async fn subnet_that_ec2_reports_full_is_skipped_for_the_next() {
    let insufficient = FaultKind::Error {
        status: 400,
        code: "InvalidParameterValue".to_owned(),
        message: "There aren't sufficient free Ipv4 addresses or prefixes".to_owned(),
    };
    let kinds = [
        refusal(
            "CreateNetworkInterface",
            "InsufficientFreeAddressesInSubnet",
        ),
        refusal("CreateNetworkInterface", "InsufficientCidrBlocks"),
        Fault::on("CreateNetworkInterface", insufficient),
    ];
    for full in kinds {
        let (mut launch, first, second) = with_two_subnets().await;
        assert_eq!(launch.data["plan"]["step"]["slots"][0]["subnetId"], first);
        let named = format!("{full:?}");
        launch
            .local()
            .inject(full.when("SubnetId", first.clone()).always());
        let allocation = launch.run(State::CreateInterfaces).await.unwrap();
        assert_eq!(
            allocation["refused"],
            json!([{"reason": "SUBNET_FULL", "network": "signaling", "subnetId": first}]),
            "{named}"
        );
        let plan = launch.run(State::PlanInterfaces).await.unwrap();
        assert_eq!(plan["step"]["slots"][0]["subnetId"], second, "{named}");
        let allocation = launch.run(State::CreateInterfaces).await.unwrap();
        assert_eq!(allocation["outcome"], "COMPLETE", "{named}");
        assert_eq!(launch.made()[0].subnet_id, second);
        launch.nothing_is_broken().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn full_last_subnet_is_an_error_of_the_plan() {
    let (mut launch, first, second) = with_two_subnets().await;
    for subnet in [&first, &second] {
        launch.local().inject(
            refusal(
                "CreateNetworkInterface",
                "InsufficientFreeAddressesInSubnet",
            )
            .when("SubnetId", subnet.clone())
            .always(),
        );
    }
    launch.run(State::CreateInterfaces).await.unwrap();
    launch.run(State::PlanInterfaces).await.unwrap();
    launch.run(State::CreateInterfaces).await.unwrap();
    let says = failed(
        launch.run(State::PlanInterfaces).await,
        "Hookline.SubnetsFull",
    );
    assert!(
        says.contains(&first) && says.contains(&second),
        "both were tried: {says}"
    );
}

#[tokio::test(start_paused = true)]
async fn lost_response_creates_no_second_interface() {
    for lost in [FaultKind::ResetAfter, FaultKind::InternalErrorAfter] {
        // As often as the SDK attempts the call, so that the function fails and is retried.
        for times in [1, 3] {
            let mut launch = Launch::running().await.unwrap();
            launch.run_to(State::PlanInterfaces).await.unwrap();
            let subnet = launch.subnet(0).unwrap().to_owned();
            launch.local().inject(
                Fault::on("CreateNetworkInterface", lost.clone())
                    .when("SubnetId", subnet)
                    .times(times),
            );
            if times == 3 {
                let lost = launch.run(State::CreateInterfaces).await;
                failed(lost, "Hookline.AwsUnavailable");
                assert_eq!(launch.made().len(), 2, "both stay for the retry");
            }
            launch
                .run_until_answered(State::CreateInterfaces)
                .await
                .unwrap();
            assert_eq!(launch.local().faults_left(), 0);
            assert_eq!(launch.data["allocation"]["outcome"], "COMPLETE");
            assert_eq!(launch.made().len(), 2, "{lost:?} {times} times");
            launch.nothing_is_broken().unwrap();
        }
    }
}

/// A launch whose first slot was throttled for all attempts of the SDK. The second has its
/// interface.
async fn throttled_in_part() -> Launch {
    let mut launch = Launch::running().await.unwrap();
    launch.run_to(State::PlanInterfaces).await.unwrap();
    let subnet = launch.subnet(0).unwrap().to_owned();
    let throttle = Fault::on("CreateNetworkInterface", FaultKind::Throttle);
    // A second create is throttled for as long.
    launch
        .local()
        .inject(throttle.when("SubnetId", subnet).times(6));
    let allocation = launch.run(State::CreateInterfaces).await.unwrap();
    assert_eq!(allocation["outcome"], "THROTTLED");
    assert_eq!(allocation["refused"], json!([]));
    assert_eq!(launch.made().len(), 1);
    launch
}

#[tokio::test(start_paused = true)]
async fn partly_throttled_plan_continues_without_repeating_a_create() {
    let mut launch = throttled_in_part().await;
    launch.local().clear_faults();
    let before = launch.data["plan"].clone();
    let mark = launch.mark();
    let plan = launch.run(State::PlanInterfaces).await.unwrap();
    assert_eq!(launch.actions_since(mark), BTreeMap::new());
    assert_eq!(plan["round"], 2);
    assert_eq!(wait_seconds(&plan), 0);
    assert_eq!(
        plan["step"]["slots"][0], before["step"]["slots"][0],
        "with the same token"
    );
    let made = launch.made().remove(0).network_interface_id;
    assert_eq!(plan["step"]["slots"][1]["existing"], made);

    let allocation = launch.run(State::CreateInterfaces).await.unwrap();
    assert_eq!(allocation["outcome"], "COMPLETE");
    let creates = BTreeMap::from([("CreateNetworkInterface".to_owned(), 1)]);
    assert_eq!(launch.actions_since(mark), creates);
    launch.nothing_is_broken().unwrap();
}

#[tokio::test(start_paused = true)]
async fn fully_throttled_plan_is_an_error_and_then_planned_again() {
    let mut launch = throttled_in_part().await;
    launch.run(State::PlanInterfaces).await.unwrap();
    let throttled = launch.run(State::CreateInterfaces).await;
    failed(throttled, "Hookline.Throttled");
    // The state machine comes here when its retries are used up. The allocation in the data is that
    // of the plan before.
    let mark = launch.mark();
    let plan = launch.run(State::PlanInterfaces).await.unwrap();
    assert_eq!(plan["round"], 3);
    assert_eq!(launch.actions_since(mark)["DescribeNetworkInterfaces"], 1);
    assert!(plan["step"]["slots"][1]["existing"].is_string(), "{plan}");
    let allocation = launch.run(State::CreateInterfaces).await.unwrap();
    assert_eq!(allocation["outcome"], "COMPLETE");
    launch.nothing_is_broken().unwrap();
}

#[tokio::test(start_paused = true)]
async fn missing_security_group_leaves_nothing_behind() {
    let launch = Launch::running().await.unwrap();
    let group = launch
        .scene
        .ec2
        .create_security_group()
        .group_name("soon-gone")
        .description("deleted between plan and create")
        .vpc_id(&launch.scene.vpc)
        .send()
        .await
        .unwrap()
        .group_id
        .unwrap();
    // The second slot fails, the first could be made.
    let mut launch = launch.with_profile(|profile| {
        profile["slots"][1]["securityGroupIds"] = json!([group]);
    });
    launch.run_to(State::PlanInterfaces).await.unwrap();
    let delete = launch.scene.ec2.delete_security_group();
    delete.group_id(&group).send().await.unwrap();
    let mark = launch.mark();
    let says = failed(
        launch.run(State::CreateInterfaces).await,
        "Hookline.ResourceNotFound",
    );
    assert!(says.contains(&group), "{says}");
    let created = launch
        .calls_since(mark)
        .into_iter()
        .filter(|call| call.action == "CreateNetworkInterface" && call.outcome == Outcome::Ok)
        .count();
    assert_eq!(created, 1, "or there would be nothing to undo");
    assert_eq!(launch.made(), []);
}

#[tokio::test(start_paused = true)]
async fn account_limit_of_interfaces_has_the_words_of_ec2() {
    let mut launch = Launch::running().await.unwrap();
    launch.run_to(State::PlanInterfaces).await.unwrap();
    launch.local().with_world(|world| {
        let now = world.ec2.network_interfaces().count();
        world.kernel.settings.network_interface_limit = now + 1;
    });
    let says = failed(
        launch.run(State::CreateInterfaces).await,
        "Hookline.AwsRefused",
    );
    assert!(says.contains("NetworkInterfaceLimitExceeded"), "{says}");
    assert_eq!(launch.made(), [], "the one that fitted is undone");
}

#[tokio::test(start_paused = true)]
async fn plan_for_another_profile_creates_nothing() {
    let mut launch = Launch::running().await.unwrap();
    launch.run_to(State::PlanInterfaces).await.unwrap();
    launch = launch.with_profile(|profile: &mut Value| {
        profile["slots"][1]["network"] = json!("renamed");
    });
    let mark = launch.mark();
    let says = failed(
        launch.run(State::CreateInterfaces).await,
        "Hookline.InvalidPayload",
    );
    assert!(
        says.starts_with("plan.step.slots[1].network: the profile has no network \"user-plane\""),
        "{says}"
    );
    assert_eq!(launch.calls_since(mark).len(), 0);
}

/// The node gets another name between two runs, so the request differs, and so does its token.
#[tokio::test(start_paused = true)]
async fn earlier_create_under_another_name_is_found_by_the_next_plan() {
    let mut launch = Launch::running().await.unwrap();
    launch.run_to(State::CreateInterfaces).await.unwrap();
    let before = launch.made();
    launch.data["node"]["name"] = json!("renamed-meanwhile");
    let allocation = launch.run(State::CreateInterfaces).await.unwrap();
    assert_eq!(allocation["outcome"], "REFUSED");
    assert_eq!(launch.made(), before);
    // After a conflict there is a pause, and then a new plan.
    launch.run(State::PlanInterfaces).await.unwrap();
    launch.run(State::PlanInterfaces).await.unwrap();
    let allocation = launch.run(State::CreateInterfaces).await.unwrap();
    assert_eq!(allocation["outcome"], "COMPLETE");
    assert_eq!(launch.made(), before);
}
