//! The endpoint over real sockets, and the state machine engine behind it.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing
)]

use std::path::PathBuf;
use std::time::Duration;

use hookline_local::lambda::FunctionConfig;
use hookline_local::server::Server;
use hookline_local::{Fault, FaultKind, LocalAws, Outcome, Settings};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

async fn start() -> (LocalAws, Server) {
    let local = LocalAws::new(Settings::for_tests());
    let server = Server::start(&local, 0).await.unwrap();
    (local, server)
}

/// Sends bytes, and returns the answer up to the end of the connection.
async fn exchange(server: &Server, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    // The server may close before it has read everything.
    let _ = stream.write_all(request).await;
    let mut answer = Vec::new();
    let reading = stream.read_to_end(&mut answer);
    let _ = tokio::time::timeout(Duration::from_secs(30), reading)
        .await
        .unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

fn post(headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}").into()
}

const WHO: &str = "Version=2011-06-15&Action=GetCallerIdentity";

#[tokio::test]
async fn calls_are_answered_over_tcp() {
    let (_local, server) = start().await;
    let answer = exchange(&server, &post("", WHO)).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(
        answer.contains("<Account>123456789012</Account>"),
        "{answer}"
    );
    assert_eq!(
        server.url(),
        format!("http://127.0.0.1:{}", server.address().port())
    );
}

#[tokio::test]
async fn a_reset_closes_the_connection_without_an_answer() {
    let (local, server) = start().await;
    for kind in [FaultKind::ResetBefore, FaultKind::ResetAfter] {
        local.inject(Fault::on("GetCallerIdentity", kind));
        assert_eq!(exchange(&server, &post("", WHO)).await, "");
    }
    assert!(
        exchange(&server, &post("", WHO))
            .await
            .starts_with("HTTP/1.1 200")
    );
    let outcomes: Vec<Outcome> = local.calls().into_iter().map(|call| call.outcome).collect();
    assert_eq!(outcomes, [Outcome::Reset, Outcome::Reset, Outcome::Ok]);
}

#[tokio::test]
async fn the_server_survives_bad_requests() {
    let (_local, server) = start().await;
    assert!(
        exchange(&server, b"\0\xff\r\n\r\n")
            .await
            .starts_with("HTTP/1.1 400")
    );
    let too_large = "x".repeat(9 * 1024 * 1024);
    let answer = exchange(&server, &post("", &too_large)).await;
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 413"),
        "{answer}"
    );
    let answer = exchange(
        &server,
        &post("x-amz-target: AWSStepFunctions.ListStateMachines\r\n", "{}"),
    )
    .await;
    assert!(
        answer.starts_with("HTTP/1.1 400") && answer.contains("UnknownOperationException"),
        "{answer}"
    );
    assert!(
        exchange(&server, &post("", WHO))
            .await
            .starts_with("HTTP/1.1 200")
    );
}

#[tokio::test]
async fn a_dropped_server_closes_its_port() {
    let (_local, server) = start().await;
    let address = server.address();
    drop(server);
    tokio::time::timeout(Duration::from_secs(10), async {
        while TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap();
}

async fn states(server: &Server, action: &str, body: Value) -> Value {
    let headers = format!(
        "x-amz-target: AWSStepFunctions.{action}\r\ncontent-type: application/x-amz-json-1.0\r\nauthorization: \
         AWS4-HMAC-SHA256 Credential=test/20260101/us-west-2/states/aws4_request, SignedHeaders=host, Signature=0\r\n"
    );
    let answer = exchange(server, &post(&headers, &body.to_string())).await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{answer}");
    serde_json::from_str(body).unwrap()
}

/// Needs Python with `moto[server,stepfunctions]` in HOOKLINE_PYTHON, which `cargo xtask test`
/// sets. Fails without it.
#[tokio::test]
async fn a_state_machine_invokes_functions_and_catches_their_errors_by_name() {
    let python = PathBuf::from(
        std::env::var_os("HOOKLINE_PYTHON")
            .expect("HOOKLINE_PYTHON is not set: run this by `cargo xtask test`"),
    );
    let (local, server) = start().await;
    let mut function = FunctionConfig::new("f", env!("CARGO_BIN_EXE_runtime-api-program"));
    function.timeout = Duration::from_secs(20);
    local.lambda().register(function.clone());
    function.name = "busy".to_owned();
    function.reserved_concurrency = Some(0);
    local.lambda().register(function);
    local
        .stepfunctions()
        .start_moto(&python, server.address().port(), None)
        .await
        .unwrap();

    let invoke = |function: &str, payload: &str, caught: &str, next: &str| {
        json!({
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke",
            "Parameters": { "FunctionName": local.lambda().arn(function), "Payload": payload },
            "ResultSelector": { "payload.$": "$.Payload" },
            "Catch": [{ "ErrorEquals": [caught], "Next": next }],
            "Next": "Wrong",
        })
    };
    let mut echo = invoke("f", "hello", "States.ALL", "Wrong");
    echo["Next"] = json!("Fails");
    let definition = json!({
        "StartAt": "Echo",
        "States": {
            "Echo": echo,
            "Fails": invoke("f", "fail", "NoAddress", "Busy"),
            "Busy": invoke("busy", "hello", "Lambda.TooManyRequestsException", "Crashes"),
            "Crashes": invoke("f", "exit", "Runtime.ExitError", "Right"),
            "Right": { "Type": "Succeed" },
            "Wrong": { "Type": "Fail" },
        }
    });
    let machine = states(
        &server,
        "CreateStateMachine",
        json!({ "name": "m", "definition": definition.to_string(), "roleArn": "arn:aws:iam::123456789012:role/r" }),
    )
    .await["stateMachineArn"]
        .clone();
    let execution = states(
        &server,
        "StartExecution",
        json!({ "stateMachineArn": machine, "input": "{}" }),
    )
    .await;
    let described = tokio::time::timeout(Duration::from_secs(60), async {
        loop {
            let body = json!({ "executionArn": execution["executionArn"] });
            let described = states(&server, "DescribeExecution", body).await;
            if described["status"] != "RUNNING" {
                break described;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await
    .unwrap();
    assert_eq!(described["status"], "SUCCEEDED", "{described}");
    assert_eq!(local.lambda().counters("f").unwrap().invocations, 3);
    local.stepfunctions().shutdown().await;
    local.lambda().shutdown().await;
}
