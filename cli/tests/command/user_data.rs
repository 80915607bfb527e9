//! `hookline user-data explain`: files, launch templates, instances.

use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hookline_local::ec2;
use serde_json::{Value, json};

use crate::fake::{Fake, run};
use crate::{check_text, hookline, json_error, stderr, stdout, unwrapped};

fn user_data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../node/user-data/fixtures")
        .join(name)
}

#[test]
fn file_is_explained_as_text() {
    let mut command = hookline("user-data explain");
    let assert = command
        .arg(user_data("eks-managed-al2023.txt"))
        .assert()
        .success();
    assert_eq!(stderr(&assert), "");
    let text = stdout(&assert);
    check_text(&text);
    let text = unwrapped(&text);
    for part in [
        "Joins by nodeadm, on Amazon Linux 2023",
        "Cluster core (part 1)",
        "Authority 444 bytes, SHA-256 3112ef6f… (part 1)",
        "Services 10.100.0.0/16 (part 1)",
        "maxPods 176 (part 2, /etc/eks/nodeadm.d/50-hookline.yaml); it wins over 234 (part 1), ",
        "Labels eks.amazonaws.com/capacityType=ON_DEMAND eks.amazonaws.com/nodegroup=upf",
        "PART IS BYTES READ BY 1 NodeConfig",
        "- warning: part 3: maxPodsExpression has no effect on maxPods",
    ] {
        assert!(text.contains(part), "no {part} in {text}");
    }
}

#[test]
fn stdin_is_explained_as_json() {
    let text = fs::read(user_data("eksctl-al2.base64")).unwrap();
    let mut command = hookline("user-data explain --json -");
    let found: Value =
        serde_json::from_str(&stdout(&command.write_stdin(text).assert().success())).unwrap();
    assert_eq!(found["source"], "stdin");
    assert_eq!(found["encodings"], json!(["gzip"]));
    assert_eq!(found["join"]["bootstrap"], "amazon-linux2");
    assert_eq!(
        found["join"]["cluster"],
        json!({"value": "core", "from": "part 1"})
    );
    assert_eq!(found["findings"][0]["code"], "ended");
}

#[test]
fn problem_has_exit_code_1() {
    let mut command = hookline("user-data explain");
    let assert = command
        .arg(user_data("fault-not-closed.txt"))
        .assert()
        .code(1);
    let text = unwrapped(&stdout(&assert));
    assert!(
        text.contains("- problem: the last boundary, with -- at its end, is missing"),
        "{text}"
    );
}

#[test]
fn bomb_is_refused_with_a_reason() {
    let mut command = hookline("--json user-data explain");
    let assert = command.arg(user_data("fault-bomb.gz")).assert().code(3);
    let message = json_error(&assert)["message"].to_string();
    assert!(
        message.contains("as a decompression bomb does"),
        "{message}"
    );
    let mut command = hookline("user-data explain -");
    let assert = command
        .write_stdin("x".repeat(2 * 1024 * 1024))
        .assert()
        .code(3);
    assert!(unwrapped(&stderr(&assert)).contains("has more than 1048576 bytes"));
}

#[test]
fn control_characters_of_user_data_do_not_reach_the_terminal() {
    let text = "#!/bin/bash\n/etc/eks/bootstrap.sh 'co\u{1b}[31mre\u{7}' --kubelet-extra-args '--node-labels=a=\u{202e}b'\n";
    for option in ["", "--json"] {
        let mut command = hookline(&format!("user-data explain {option} -"));
        let assert = command.write_stdin(text).assert();
        let text = stdout(&assert);
        assert!(!text.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{text:?}");
    }
}

/// A profile whose network the user data of `name` does not know.
fn profile(folder: &Path) -> PathBuf {
    let path = folder.join("profile.json");
    let profile = json!({
        "name": "upf",
        "selector": {"autoScalingGroupNames": ["upf"]},
        "hook": {"name": "hookline-launch"},
        "slots": [{"network": "n6", "subnetIds": ["subnet-0123456789abcdef0"], "securityGroupIds": ["sg-0123456789abcdef0"]}],
    });
    fs::write(&path, profile.to_string()).unwrap();
    path
}

#[test]
fn what_does_not_fit_the_profile_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = hookline("user-data explain --json --instance-type c5.large --profile");
    let assert = command
        .arg(profile(folder.path()))
        .arg(user_data("karpenter-al2023.txt"))
        .assert()
        .success();
    let found: Value = serde_json::from_str(&stdout(&assert)).unwrap();
    let codes: Vec<_> = found["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["code"].clone())
        .collect();
    assert_eq!(codes, ["no-gate", "max-pods-above-addresses"], "{found}");
}

#[test]
fn wrong_profile_or_instance_type_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("wrong.json");
    fs::write(&path, "{}").unwrap();
    let mut command = hookline("user-data explain --profile");
    let assert = command
        .arg(&path)
        .arg(user_data("node-config.yaml"))
        .assert()
        .code(3);
    assert!(
        unwrapped(&stderr(&assert)).contains("hookline profile check"),
        "{}",
        stderr(&assert)
    );
    let mut command = hookline("user-data explain --instance-type m5.enormous");
    command.arg(user_data("node-config.yaml")).assert().code(11);
}

#[test]
fn one_source_is_needed_and_no_more() {
    for line in [
        "user-data explain",
        "user-data explain x --instance i-0123456789abcdef0",
        "user-data explain --launch-template lt-1 --instance i-0123456789abcdef0",
    ] {
        hookline(line).assert().code(2);
    }
}

/// A launch template with the text as user data, and its id.
fn template(fake: &Fake, text: &str, image_id: &str) -> String {
    fake.aws.with_world(|world| {
        let data = ec2::LaunchTemplateData {
            user_data: Some(text.to_owned()),
            image_id: image_id.to_owned(),
            instance_type: "m5.4xlarge".to_owned(),
            ..ec2::LaunchTemplateData::default()
        };
        let name = format!("nodes-{image_id}");
        let (ec2, kernel) = (&mut world.ec2, &mut world.kernel);
        ec2::create_launch_template(ec2, kernel, &name, data, ec2::Tags::new()).unwrap()
    })
}

/// eksctl's user data of a managed node group, in base64. It does not say which cluster.
fn of_a_managed_group() -> String {
    let text = fs::read(user_data("eksctl-al2-managed.txt")).unwrap();
    STANDARD.encode(text)
}

#[tokio::test(flavor = "multi_thread")]
async fn launch_template_tells_whether_eks_adds_to_it() {
    let fake = Fake::start().await;
    let without_image = template(&fake, &of_a_managed_group(), "");
    let with_image = template(&fake, &of_a_managed_group(), "ami-1");
    for (template, code, expected) in [
        (
            without_image.as_str(),
            0,
            "The launch template has no image, so EKS adds that",
        ),
        (
            with_image.as_str(),
            1,
            "EKS adds nothing to a launch template with an image",
        ),
        (
            "nodes-ami-1:$Latest",
            1,
            "EKS adds nothing to a launch template with an image",
        ),
    ] {
        let line = format!("user-data explain --region us-west-2 --launch-template {template}");
        let assert = run(fake.command(&line)).await.code(code);
        let text = unwrapped(&stdout(&assert));
        assert!(text.contains(expected), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn launch_template_that_is_not_there_or_has_no_user_data_is_an_error() {
    let fake = Fake::start().await;
    let empty = fake.aws.with_world(|world| {
        let data = ec2::LaunchTemplateData::default();
        let (ec2, kernel) = (&mut world.ec2, &mut world.kernel);
        ec2::create_launch_template(ec2, kernel, "empty", data, ec2::Tags::new()).unwrap()
    });
    let line = format!("user-data explain --region us-west-2 --launch-template {empty}");
    let assert = run(fake.command(&line)).await.code(11);
    assert!(
        unwrapped(&stderr(&assert)).contains("has no user data"),
        "{}",
        stderr(&assert)
    );
    let line = "user-data explain --region us-west-2 --launch-template lt-0123456789abcdef0";
    let assert = run(fake.command(line)).await.failure();
    assert!(
        unwrapped(&stderr(&assert)).contains("lt-0123456789abcdef0"),
        "{}",
        stderr(&assert)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn instance_has_all_that_eks_added() {
    let fake = Fake::start().await;
    let data = template(&fake, &of_a_managed_group(), "");
    let subnet = fake.aws.with_world(|world| {
        let (ec2, kernel) = (&mut world.ec2, &mut world.kernel);
        let cidr = "10.0.0.0/16".parse().unwrap();
        let vpc_id = ec2::create_vpc(ec2, kernel, cidr, None, ec2::Tags::new()).unwrap();
        let spec = ec2::SubnetSpec {
            vpc_id,
            availability_zone: "us-west-2a".to_owned(),
            cidr_block: "10.0.0.0/24".parse().unwrap(),
            ipv6_cidr_block: None,
            tags: ec2::Tags::new(),
        };
        ec2::create_subnet(ec2, kernel, spec).unwrap()
    });
    let instance = fake.aws.with_world(|world| {
        let spec = ec2::LaunchSpec {
            subnet_id: subnet,
            image_id: "ami-1".to_owned(),
            launch_template: Some(ec2::LaunchTemplateRef {
                launch_template_id: Some(data),
                ..ec2::LaunchTemplateRef::default()
            }),
            ..ec2::LaunchSpec::default()
        };
        ec2::launch(&mut world.ec2, &mut world.kernel, spec).unwrap()
    });
    let line = format!("user-data explain --json --region us-west-2 --instance {instance}");
    let assert = run(fake.command(&line)).await.code(1);
    let found: Value = serde_json::from_str(&stdout(&assert)).unwrap();
    assert_eq!(
        (&found["source"], &found["instanceType"]),
        (&json!(instance), &json!("m5.4xlarge"))
    );
    assert_eq!(found["findings"][0]["code"], "missing");
}

#[test]
fn expression_of_max_pods_is_computed_for_an_instance_type() {
    let of = |expression: &str| {
        let text = format!(
            "apiVersion: node.eks.aws/v1alpha1\nkind: NodeConfig\nspec:\n  kubelet:\n    maxPodsExpression: \"{expression}\"\n"
        );
        let mut command = hookline("user-data explain --instance-type m5.4xlarge -");
        let text = stdout(&command.write_stdin(text).assert());
        check_text(&text);
        unwrapped(&text)
    };
    let text = of("max_pods < 110 ? max_pods : 110");
    let says =
        "max_pods < 110 ? max_pods : 110 (part 1, maxPodsExpression) which is 110 on m5.4xlarge";
    assert!(text.contains(says), "{text}");
    let text = of("max_pods - pods");
    let says = "- problem: part 1: nodeadm does not take maxPodsExpression, and maxPods is that of the instance type: it names pods; \
                default_enis, ips_per_eni and max_pods are known";
    assert!(text.contains(says), "{text}");
}
