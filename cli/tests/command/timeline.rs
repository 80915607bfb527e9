//! `hookline timeline`, against the fake AWS. The suite `operator` has launches with the real state
//! machine, and `tests/browser.rs` looks at the page in a browser.

use aws_sdk_ec2::types::Tag;
use hookline_local::Fault;
use hookline_testkit::scene::HOOK;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::deployed::Deployed;
use crate::fake::error;
use crate::scale_out::{Launch, execution_of, start};
use crate::{check_text, json_error, stderr, stdout, unwrapped};

/// A text that would run in a page and move a terminal's cursor.
const HARMFUL: &str = "<script>alert(1)</script> \u{1b}[2J \u{9b}2J";

/// Three launches: one is abandoned for a harmful cause, one waits for its turn, and one has sent
/// CONTINUE. Returns the instance of the first.
pub(crate) async fn launches() -> (Deployed, String) {
    let deployed = Deployed::start().await;
    deployed.launch(3).await;
    let launched = deployed
        .fake
        .aws
        .with_world(|world| world.autoscaling.states("upf"));
    let mut instances = launched.into_keys();
    let mut next = || instances.next().unwrap();
    let (instance, waits, proceeds) = (next(), next(), next());
    let arn = execution_of(&deployed, &waits).await;
    let launch = Launch::begun(5.0).waiting(&waits, "upf-2");
    launch.goes_on(&deployed, &arn);
    let arn = execution_of(&deployed, &proceeds).await;
    let launch = Launch::begun(5.0).waiting(&proceeds, "upf-3");
    launch.wired(1.0, &proceeds, 3).succeeded(&deployed, &arn);
    let arn = execution_of(&deployed, &instance).await;
    Launch::begun(5.0).abandoned(&deployed, &arn, HARMFUL);
    let done = deployed.scene.complete("upf", HOOK, &instance, "ABANDON");
    done.await.unwrap();
    (deployed, instance)
}

#[tokio::test(flavor = "multi_thread")]
async fn page_shows_the_launches_and_the_text_says_what_it_shows() {
    let (deployed, instance) = launches().await;
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("upf.html");
    let line = format!("timeline upf -o {}", file.display());
    let text = stdout(&deployed.run(&line).await.success());
    check_text(&text);
    for says in ["1 abandoned", "1 waiting for its turn", "upf.html"] {
        assert!(text.contains(says), "no {says:?} in {text}");
    }
    // Two interfaces of the one that was wired.
    let calls = "2 CreateNetworkInterface, at most 2 in a second";
    assert!(text.contains(calls), "{text}");
    let page = std::fs::read_to_string(&file).unwrap();
    assert!(page.contains(&format!("id=\"{instance}\"")), "{page}");
    let cause = "Hookline.SubnetsFull: &lt;script&gt;alert(1)";
    assert!(page.contains(cause), "{page}");
    assert!(!page.contains("<script") && !page.contains(['\u{1b}', '\u{9b}']));

    let json = stdout(&deployed.run(&format!("{line} --json")).await.success());
    let shown: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(shown["file"], file.display().to_string());
    let nodes = shown["nodes"].as_array().unwrap();
    let abandoned = nodes.iter().find(|node| node["instance"] == *instance);
    assert_eq!(abandoned.unwrap()["state"], "abandoned");
    assert_eq!(shown["leftOut"], json!([]));
    assert_eq!(shown["calls"][0]["action"], "CreateNetworkInterface");
}

#[tokio::test(flavor = "multi_thread")]
async fn page_goes_to_stdout_and_the_text_to_stderr() {
    let (deployed, _) = launches().await;
    let assert = deployed.run("timeline upf --since 2d --output -").await;
    let assert = assert.success();
    assert!(stdout(&assert).starts_with("<!doctype html>"));
    assert!(stdout(&assert).ends_with("</html>\n"));
    check_text(&stderr(&assert));
    assert!(
        stderr(&assert).contains("1 abandoned"),
        "{}",
        stderr(&assert)
    );
    let assert = deployed.run("timeline upf -o - --json").await.success();
    let shown: Value = serde_json::from_str(&stderr(&assert)).unwrap();
    assert_eq!(shown["file"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn executions_that_are_not_read_are_told() {
    let deployed = Deployed::start().await;
    for n in 0..605 {
        let group = if n == 604 { "upf" } else { "smf" };
        start(&deployed, group, &format!("i-{n:017x}")).await;
    }
    let assert = deployed.run("timeline upf -o -").await.success();
    // One more execution made the state machine known.
    let told = "6 executions of this deployment, the oldest, are not read";
    assert!(stdout(&assert).contains(told), "{}", stdout(&assert));
    let text = unwrapped(&stderr(&assert));
    assert!(text.contains(&format!("Left out: {told}")), "{text}");
    // Those of other groups are not shown.
    assert!(text.contains("Nodes 1: 1 starting"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn history_of_an_execution_that_another_group_tells_is_not_read() {
    let deployed = Deployed::start().await;
    deployed.scene.group("smf").await.unwrap();
    deployed.launch(1).await;
    deployed.launch_in("smf", 1).await;
    let states = |group: &str| {
        let aws = &deployed.fake.aws;
        aws.with_world(|world| world.autoscaling.states(group))
    };
    let own = states("upf").into_keys().next().unwrap();
    let other = states("smf").into_keys().next().unwrap();
    let of_own = execution_of(&deployed, &own).await;
    let of_other = start(&deployed, "smf", &other).await;
    let tag = Tag::builder().key("hookline:execution");
    let tag = tag.value(of_other.rsplit(':').next().unwrap()).build();
    let call = deployed.scene.ec2.create_tags().resources(&other);
    call.tags(tag).send().await.unwrap();
    deployed.run("timeline upf -o -").await.success();
    let read = deployed
        .fake
        .aws
        .calls_where(|call| call.action == "GetExecutionHistory");
    let read: Vec<_> = read
        .iter()
        .map(|call| &call.params["executionArn"])
        .collect();
    assert!(read.contains(&&of_own), "{read:?}");
    assert!(!read.contains(&&of_other), "{read:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn timeline_only_reads() {
    let (deployed, _) = launches().await;
    let before = deployed.fake.aws.calls().len();
    deployed.run("timeline upf -o -").await.success();
    let calls = deployed.fake.aws.calls();
    let own: Vec<_> = calls.iter().skip(before).collect();
    for call in &own {
        let reads = ["Describe", "List", "Get"];
        let reads = reads.iter().any(|verb| call.action.starts_with(verb));
        assert!(reads, "{}", call.action);
    }
    let histories = own.iter().filter(|it| it.action == "GetExecutionHistory");
    // Three launches, and the execution that made the state machine known.
    assert!(histories.count() >= 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_ages_groups_files_and_permissions_are_errors_with_a_remedy() {
    let deployed = Deployed::start().await;
    for age in ["5", "1w", "0h", "91d", "-1h"] {
        let line = format!("timeline upf --since={age} -o -");
        let text = unwrapped(&stderr(&deployed.run(&line).await.code(2)));
        assert!(text.contains("'--since <AGE>'"), "{text}");
        assert!(
            text.contains("give it as 30m, 1h or 2d, at most 90d"),
            "{text}"
        );
    }
    let text = unwrapped(&stderr(&deployed.run("timeline upf").await.code(2)));
    assert!(text.contains("--output <FILE>"), "{text}");
    let assert = deployed.run("timeline nobody -o - --json").await.code(11);
    let message = json_error(&assert)["message"].as_str().unwrap().to_owned();
    assert!(
        message.contains("no Auto Scaling group \"nobody\""),
        "{message}"
    );
    let assert = deployed.run("timeline upf -o /nonexistent/upf.html").await;
    let text = unwrapped(&stderr(&assert.code(3)));
    assert!(
        text.contains("cannot write /nonexistent/upf.html")
            && text.contains("a folder that exists"),
        "{text}"
    );
    let denied = Fault::on("GetExecutionHistory", error(400, "AccessDeniedException"));
    deployed.fake.aws.inject(denied.always());
    let text = unwrapped(&stderr(&deployed.run("timeline upf -o -").await.code(6)));
    assert!(text.contains("Allow states:GetExecutionHistory"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn group_without_launches_has_a_page() {
    let deployed = Deployed::start().await;
    let assert = deployed.run("timeline upf -o -").await.success();
    assert!(stdout(&assert).contains("No launch of this group since"));
    let text = unwrapped(&stderr(&assert));
    assert!(text.contains("none was launched"), "{text}");
}
