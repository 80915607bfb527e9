//! `hookline check` of a profile or a configuration, before its deployment.

use hookline_local::ec2::share_vpc;
use hookline_testkit::rules::put_rule;
use hookline_testkit::scene::{Scene, Size};
use serde_json::{Value, json};

use crate::check::{checked, kinds, right};
use crate::deployed::MACHINE;
use crate::fake::{Fake, run};
use crate::{check_text, fixture, stderr, stdout, unwrapped};

#[tokio::test(flavor = "multi_thread")]
async fn profile_and_configuration_are_checked_before_the_deployment() {
    let deployed = right(100).await;
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, value: &Value| {
        let path = folder.path().join(name);
        std::fs::write(&path, value.to_string()).unwrap();
        path.display().to_string()
    };
    let mut wrong = deployed.profile.clone();
    wrong["slots"][0]["subnetIds"] = json!(["subnet-0badbadbadbadbad0"]);
    let file = write("wrong.json", &wrong);
    let found = checked(&deployed, &format!("check --profile {file}"), 1).await;
    assert_eq!(kinds(&found), ["subnet-missing", "gate-differs"]);
    assert_eq!(found["file"], json!(file));
    // What is deployed is right.
    assert_eq!(kinds(&checked(&deployed, "check", 0).await), [""; 0]);

    // A second profile for the same hook, and one for a group whose hook the stack puts.
    deployed.scene.plain_group("smf", &[]).await.unwrap();
    let mut other = deployed.profile.clone();
    other["name"] = json!("upf-2");
    let mut smf = deployed.profile.clone();
    smf["name"] = json!("smf");
    smf["selector"] = json!({"autoScalingGroupNames": ["smf"]});
    let config = json!({
        "stackName": "hookline",
        "profiles": [deployed.profile, other, smf],
        "hooks": [{"profile": "smf", "autoScalingGroup": "smf"}],
    });
    let file = write("config.json", &config);
    let found = checked(&deployed, &format!("check --config {file}"), 1).await;
    let found = kinds(&found);
    assert!(found.contains(&"hook-answered-twice"), "{found:?}");
    assert!(!found.contains(&"hook-missing"), "{found:?}");

    // Another account shares the subnets.
    deployed.fake.aws.with_world(|world| {
        let vpcs: Vec<String> = world.ec2.vpcs().map(|vpc| vpc.vpc_id.clone()).collect();
        for vpc in vpcs {
            share_vpc(&mut world.ec2, &vpc, "210987654321").unwrap();
        }
    });
    let found = checked(&deployed, &format!("check --config {file}"), 1).await;
    assert!(
        kinds(&found).contains(&"subnet-of-another-account"),
        "{found:#}"
    );
    let mut listed = config.clone();
    listed["networkOwnerAccounts"] = json!(["210987654321"]);
    let file = write("listed.json", &listed);
    let found = checked(&deployed, &format!("check --config {file}"), 1).await;
    assert!(
        !kinds(&found).contains(&"subnet-of-another-account"),
        "{found:#}"
    );

    let mut broken = config.clone();
    broken["profiles"][1]["slots"][0]["deviceIndex"] = json!(0);
    let file = write("broken.json", &broken);
    let assert = deployed
        .run(&format!("check --config {file} --json"))
        .await
        .code(1);
    let problems: Value = serde_json::from_str(&stdout(&assert)).unwrap();
    let field = problems["problems"][0]["field"].as_str().unwrap();
    assert_eq!(field, "profiles[1].slots[0].deviceIndex");
    let text = stdout(
        &deployed
            .run(&format!("check --config {file}"))
            .await
            .code(1),
    );
    check_text(&text);
    assert!(
        text.contains("1 problem, so the account was not looked at"),
        "{text}"
    );

    let mut misspelt = config.clone();
    misspelt["stackname"] = misspelt["stackName"].take();
    misspelt.as_object_mut().unwrap().remove("stackName");
    let file = write("misspelt.json", &misspelt);
    let assert = deployed
        .run(&format!("check --config {file}"))
        .await
        .code(1);
    let text = unwrapped(&stdout(&assert));
    for says in ["Did you mean `stackName`?", "stackName: is missing"] {
        assert!(text.contains(says), "no {says:?} in {text}");
    }
    let assert = deployed
        .run("check --config hookline.config.ts")
        .await
        .code(3);
    let says = "npx tsx -e 'console.log(JSON.stringify(require(\"./hookline.config.ts\").default))' | hookline check --config -";
    let text = unwrapped(&stderr(&assert));
    assert!(text.contains(says), "{text}");

    let file = fixture("profiles/none.json").display().to_string();
    let assert = deployed
        .run(&format!("check --profile {file}"))
        .await
        .code(3);
    assert!(unwrapped(&stderr(&assert)).contains("none.json"));
    deployed.run("check --profile a --config b").await.code(2);
}

#[tokio::test(flavor = "multi_thread")]
async fn profile_is_checked_in_a_region_without_a_deployment() {
    let fake = Fake::start().await;
    fake.aws.stepfunctions().on_start_execution(|_| {});
    let size = Size {
        azs: 1,
        networks: 1,
        ..Size::default()
    };
    let scene = Scene::build(fake.aws.clone(), &size).await.unwrap();
    scene.group("upf").await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("upf.json");
    std::fs::write(&path, scene.profile("upf").to_string()).unwrap();
    let line = format!("check --profile {} --region us-west-2", path.display());
    let text = stdout(&run(fake.command(&line)).await.code(1));
    check_text(&text);
    for says in [
        "none yet in us-west-2",
        "No deployment was found",
        "no gate holds kubelet back",
    ] {
        assert!(unwrapped(&text).contains(says), "no {says:?} in {text}");
    }
    assert!(!text.contains("no launch hook"), "{text}");
    // Without a file there is nothing to check.
    let assert = run(fake.command("check --region us-west-2")).await.code(11);
    assert!(stderr(&assert).contains("no deployment of Hookline"));
}

#[tokio::test(flavor = "multi_thread")]
async fn rule_of_another_deployment_for_the_same_hook_is_found() {
    let deployed = right(100).await;
    let other = MACHINE.replace("hookline-launch", "other-launch");
    deployed.machine(&other).await;
    put_rule(&deployed.fake.aws, &other, "theirs", &deployed.profile)
        .await
        .unwrap();
    let found = checked(&deployed, "check --stack hookline", 1).await;
    assert_eq!(kinds(&found), ["hook-answered-twice"]);
    let problem = found["findings"][0]["problem"].as_str().unwrap();
    assert!(problem.contains("theirs with the target"), "{problem}");
}

#[tokio::test(flavor = "multi_thread")]
async fn configuration_for_another_account_or_region_is_refused_before_anything_is_found_missing() {
    let deployed = right(100).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.json");
    let line = format!("check --config {}", path.display());
    let write = |place: Value| {
        let mut config = json!({"stackName": "hookline", "profiles": [deployed.profile]});
        config
            .as_object_mut()
            .unwrap()
            .extend(place.as_object().unwrap().clone());
        std::fs::write(&path, config.to_string()).unwrap();
    };
    write(json!({"account": "210987654321", "region": "us-west-2"}));
    let text = unwrapped(&stderr(&deployed.run(&line).await.code(4)));
    for says in [
        "is for the account 210987654321, and the credentials are of the account 123456789012",
        "Use credentials of the account 210987654321",
    ] {
        assert!(text.contains(says), "no {says:?} in {text}");
    }
    write(json!({"account": "123456789012", "region": "eu-west-1"}));
    let text = unwrapped(&stderr(&deployed.run(&line).await.code(5)));
    for says in [
        "is for the Region eu-west-1, and the calls go to us-west-2",
        "Give --region eu-west-1",
    ] {
        assert!(text.contains(says), "no {says:?} in {text}");
    }
    write(json!({"account": "123456789012", "region": "us-west-2"}));
    let found = checked(&deployed, &line, 0).await;
    assert_eq!(found["findings"], json!([]));
}
