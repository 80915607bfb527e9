//! `hookline plan`, against the fake AWS. The suite `operator` launches what was planned.

use hookline_local::Fault;
use serde_json::{Value, json};

use crate::deployed::Deployed;
use crate::fake::error;
use crate::{check_text, json_error, stderr, stdout, unwrapped};

async fn planned(deployed: &Deployed, line: &str) -> Value {
    let assert = deployed.run(&format!("{line} --json")).await.success();
    serde_json::from_str(&stdout(&assert)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn next_launches_are_told_address_by_address() {
    let deployed = Deployed::start().await;
    let plan = planned(&deployed, "plan upf --nodes 2").await;
    assert_eq!(plan["instanceType"], "m5.4xlarge");
    assert_eq!(plan["inFlight"], 0);
    let launches = plan["launches"].as_array().unwrap();
    assert_eq!(launches.len(), 2);
    let subnets = deployed.scene.networks.iter();
    for (n, subnet) in subnets.map(|network| &network.subnets[0]).enumerate() {
        let of = |launch: usize| &launches[launch]["interfaces"][n];
        assert_eq!(of(0)["subnetId"], json!(subnet));
        let address = |launch: usize| {
            let address = of(launch)["privateIpAddresses"][0].as_str().unwrap();
            address.rsplit('.').next().unwrap().to_owned()
        };
        // EC2 keeps the first four of a subnet.
        assert_eq!((address(0), address(1)), ("4".to_owned(), "5".to_owned()));
        assert_eq!(of(1)["deviceIndex"], json!(n + 1));
    }
    let text = stdout(&deployed.run("plan upf --nodes 2").await.success());
    check_text(&text);
    for line in [
        "In flight none",
        "Ready     the last of 2 nodes 20 s after they are launched at once",
        "Type      m5.4xlarge",
    ] {
        let squeezed = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let found = text.lines().any(|found| squeezed(found) == squeezed(line));
        assert!(found, "no {line:?} in\n{text}");
    }
    assert!(text.contains("signaling"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn group_that_launches_less_now_is_told() {
    let deployed = Deployed::start().await;
    let plan = planned(&deployed, "plan upf --nodes 2").await;
    assert_eq!(plan["notes"], json!([]));
    let autoscaling = &deployed.scene.autoscaling;
    let suspend = autoscaling
        .suspend_processes()
        .auto_scaling_group_name("upf")
        .scaling_processes("Launch");
    suspend.send().await.unwrap();
    let limit = autoscaling
        .update_auto_scaling_group()
        .auto_scaling_group_name("upf")
        .max_size(1);
    limit.send().await.unwrap();
    let text = stdout(&deployed.run("plan upf --nodes 2").await.success());
    check_text(&text);
    for says in [
        "The process Launch of upf is suspended: it launches nothing until `hookline resume upf`.",
        "upf wants 0 nodes and may have 1: it launches 1 more at most.",
    ] {
        assert!(unwrapped(&text).contains(says), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn large_scale_out_is_cut_in_text_and_its_time_is_told() {
    let deployed = Deployed::start().await;
    let plan = planned(&deployed, "plan upf --nodes 200").await;
    assert_eq!(plan["launches"].as_array().unwrap().len(), 200);
    let seconds = |field: &str| plan[field].as_u64().unwrap();
    assert!(seconds("boundSeconds") > 60, "{}", seconds("boundSeconds"));
    assert!(seconds("readyAfterSeconds") >= seconds("boundSeconds"));
    assert!(seconds("largestInTime") > 200);
    let concurrency = &plan["concurrency"];
    assert_eq!(concurrency["atMost"], 200);
    let needed = concurrency["needed"].as_u64().unwrap();
    assert!((50..200).contains(&needed), "{concurrency}");
    let first = json!({"function": "tag-node", "needed": 20, "atMost": 200});
    assert_eq!(concurrency["functions"][0], first);
    let text = stdout(&deployed.run("plan upf --nodes 200").await.success());
    check_text(&text);
    assert!(text.contains("and 180 more: --json has all"), "{text}");
    let lambda = format!("{needed} invocations at once are enough, 200 at most: tag-node 20, ");
    assert!(unwrapped(&text).contains(&lambda), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn launches_without_an_address_are_told_and_the_exit_code_says_so() {
    let deployed = Deployed::start().await;
    // A /24 has 251 addresses.
    let assert = deployed.run("plan upf --nodes 253 --json").await.code(1);
    let plan: Value = serde_json::from_str(&stdout(&assert)).unwrap();
    let launches = plan["launches"].as_array().unwrap();
    assert!(launches[250].get("problem").is_none());
    let problem = launches[251]["problem"].as_str().unwrap();
    assert!(problem.contains("signaling"), "{problem}");
    let text = stdout(&deployed.run("plan upf --nodes 253").await.code(1));
    check_text(&text);
    let text = unwrapped(&text);
    assert!(
        text.contains("2 launches of 253 would be abandoned, the first of them launch 252"),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn plan_only_reads() {
    let deployed = Deployed::start().await;
    deployed.run("plan upf --nodes 3").await.success();
    let calls = deployed.fake.aws.calls();
    let own = calls
        .iter()
        .filter(|call| call.user_agent.contains("app/Hookline"));
    for call in own {
        let reads = ["Describe", "List", "Get"];
        let reads = reads.iter().any(|verb| call.action.starts_with(verb));
        assert!(reads, "{}", call.action);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn group_without_a_profile_and_a_denied_call_are_errors() {
    let deployed = Deployed::start().await;
    deployed.scene.plain_group("web", &[]).await.unwrap();
    for (group, says) in [
        ("nobody", "there is no Auto Scaling group \"nobody\""),
        (
            "web",
            "no profile of the deployment selects the group \"web\"",
        ),
    ] {
        let assert = deployed.run(&format!("plan {group}")).await.code(11);
        let text = unwrapped(&stderr(&assert));
        assert!(text.contains(says), "{text}");
    }
    deployed.run("plan upf --nodes 0").await.code(2);
    let denied = Fault::on("DescribeSubnets", error(403, "UnauthorizedOperation"));
    deployed.fake.aws.inject(denied.always());
    let assert = deployed.run("plan upf --json").await.code(6);
    let message = json_error(&assert)["message"].as_str().unwrap().to_owned();
    assert!(message.contains("ec2:DescribeSubnets"), "{message}");
}
