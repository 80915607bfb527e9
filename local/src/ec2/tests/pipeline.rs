use super::*;
use crate::{ConnectionReset, Fault, FaultKind, Latency, Outcome};
use tokio::time::Instant;

#[tokio::test(start_paused = true)]
async fn calls_are_recorded_in_order() {
    let scene = Scene::new();
    seconds(5).await;
    scene.interface().await;
    scene
        .code("DeleteNetworkInterface", &[("NetworkInterfaceId", "eni-0")])
        .await;
    let calls = scene.local.calls();
    assert_eq!(calls[0].action, "CreateNetworkInterface");
    assert_eq!(calls[0].service, "ec2");
    assert_eq!(calls[0].at.as_secs(), 5);
    assert_eq!(calls[0].params["SubnetId"], scene.subnet_a);
    assert!(calls[0].is_ok());
    let refused = Outcome::Error("InvalidNetworkInterfaceID.NotFound".to_owned());
    assert_eq!(calls[1].outcome, refused);
}

#[tokio::test(start_paused = true)]
async fn lost_responses_take_effect_and_lost_requests_do_not() {
    let scene = Scene::new();
    let create = "CreateNetworkInterface";
    let count = || {
        scene
            .local
            .with_world(|world| world.ec2.network_interfaces().count())
    };
    let request = || {
        let body = format!(
            "Action={create}&Version=2016-11-15&SubnetId={}",
            scene.subnet_a
        );
        http::Request::post("/").body(Bytes::from(body)).unwrap()
    };
    scene
        .local
        .inject(Fault::on(create, FaultKind::ResetBefore));
    scene.local.inject(Fault::on(create, FaultKind::ResetAfter));
    assert_eq!(
        scene.local.handle(request()).await.unwrap_err(),
        ConnectionReset
    );
    assert_eq!(count(), 0);
    assert_eq!(
        scene.local.handle(request()).await.unwrap_err(),
        ConnectionReset
    );
    assert_eq!(count(), 1);
    scene
        .local
        .inject(Fault::on(create, FaultKind::InternalErrorAfter));
    assert_eq!(scene.local.handle(request()).await.unwrap().status(), 500);
    assert_eq!(count(), 2);
    assert_eq!(scene.local.faults_left(), 0);
    assert_eq!(scene.local.calls()[0].outcome, Outcome::Reset);
}

#[tokio::test(start_paused = true)]
async fn errors_and_throttling_can_be_injected() {
    let scene = Scene::new();
    let error = FaultKind::Error {
        status: 400,
        code: "InsufficientCidrBlocks".to_owned(),
        message: "m".to_owned(),
    };
    scene
        .local
        .inject(Fault::on("CreateNetworkInterface", error).when("SubnetId", &scene.subnet_b));
    scene.interface().await;
    let other = [("SubnetId", scene.subnet_b.as_str())];
    assert_eq!(
        scene.code("CreateNetworkInterface", &other).await,
        "InsufficientCidrBlocks"
    );
    scene
        .local
        .inject(Fault::on("*", FaultKind::Throttle).service("ec2"));
    let (status, xml) = send(&scene.local, "2016-11-15", "DescribeVpcs", &[]).await;
    assert_eq!(
        (status, text(&xml, "Code").as_str()),
        (503, "RequestLimitExceeded")
    );
    scene.local.inject(Fault::on(
        "DescribeVpcs",
        FaultKind::Delay(Duration::from_secs(7)),
    ));
    let before = Instant::now();
    scene.ok("DescribeVpcs", &[]).await;
    assert!(before.elapsed() >= Duration::from_secs(7));
}

#[tokio::test(start_paused = true)]
async fn buckets_limit_calls_when_switched_on() {
    let scene = Scene::with(Settings {
        throttle: true,
        ..Settings::for_tests()
    });
    let mut refused = 0;
    for _ in 0..105 {
        let create = scene
            .call("CreateNetworkInterface", &[("SubnetId", &scene.subnet_a)])
            .await;
        if let Err((code, _)) = create {
            assert_eq!(code, "RequestLimitExceeded");
            refused += 1;
        }
    }
    assert_eq!(refused, 5);
}

#[tokio::test(start_paused = true)]
async fn calls_take_effect_halfway_through_their_latency() {
    let scene = Scene::with(Settings {
        latency: Latency::millis(400, 400),
        ..Settings::for_tests()
    });
    let started = Instant::now();
    let local = scene.local.clone();
    let subnet = scene.subnet_a.clone();
    let call = tokio::spawn(async move {
        send(
            &local,
            "2016-11-15",
            "CreateNetworkInterface",
            &[("SubnetId", &subnet)],
        )
        .await
    });
    let count = || {
        scene
            .local
            .with_world(|world| world.ec2.network_interfaces().count())
    };
    tokio::time::sleep(Duration::from_millis(150)).await;
    assert_eq!(count(), 0);
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(count(), 1);
    assert_eq!(call.await.unwrap().0, 200);
    assert!(started.elapsed() >= Duration::from_millis(400));
}

#[tokio::test(start_paused = true)]
async fn unknown_services_and_actions_are_refused_in_form() {
    let scene = Scene::new();
    let error = scene.call("CreateVolume", &[]).await.unwrap_err();
    assert_eq!(error.0, "InvalidAction");
    assert_eq!(
        error.1,
        "The action CreateVolume is not valid for this web service."
    );
    let (status, xml) = send(&scene.local, "1999-01-01", "X", &[]).await;
    assert_eq!(
        (status, text(&xml, "Code").as_str()),
        (403, "MissingAuthenticationToken")
    );
    let (status, xml) = send(&scene.local, "2011-01-01", "NoSuch", &[]).await;
    assert_eq!(
        (status, text(&xml, "Code").as_str()),
        (400, "InvalidAction")
    );
    assert!(
        xml.contains("<ErrorResponse xmlns=\"http://autoscaling"),
        "{xml}"
    );
    let signed =
        "AWS4-HMAC-SHA256 Credential=K/20260101/us-west-2/ec2/aws4_request, SignedHeaders=host";
    let request = http::Request::post("/").header("authorization", signed);
    let body = Bytes::from_static(b"Action=DescribeVpcs");
    let response = scene
        .local
        .handle(request.body(body).unwrap())
        .await
        .unwrap();
    assert_eq!(response.status(), 200);
}

#[tokio::test(start_paused = true)]
async fn one_seed_replays_one_history() {
    async fn history(seed: u64) -> Vec<String> {
        let scene = Scene::with(Settings {
            seed,
            latency: Latency::millis(10, 90),
            ..Settings::for_tests()
        });
        for _ in 0..5 {
            scene.interface().await;
        }
        let mut history: Vec<String> = scene
            .local
            .calls()
            .iter()
            .map(|c| format!("{:?}", c.at))
            .collect();
        history.push(scene.ok("DescribeNetworkInterfaces", &[]).await);
        history
    }
    assert_eq!(history(1).await, history(1).await);
    assert_ne!(history(1).await, history(2).await);
}
