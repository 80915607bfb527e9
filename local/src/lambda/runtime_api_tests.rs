//! Whatever a program sends to its Runtime API, the API keeps running and ends an invocation at
//! most once.

use std::time::Duration;

use proptest::prelude::*;
use proptest::string::string_regex;
use proptest::test_runner::{Config, TestRunner};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

/// The number of cases: PROPTEST_CASES, for a long run; else a few.
fn cases() -> u32 {
    let asked = std::env::var("PROPTEST_CASES").ok();
    asked.and_then(|asked| asked.parse().ok()).unwrap_or(500)
}

/// A part of what a program may send: a valid request, a nearly valid one, or any bytes.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let route = prop::sample::select(vec![
        "invocation/next",
        "invocation/id/response",
        "invocation/id/error",
        "invocation/other/response",
        "init/error",
        "invocation//response",
        "invocation",
        "",
        "..",
        "%00",
    ]);
    let method = prop::sample::select(vec!["GET", "POST", "PUT", "get", ""]);
    let length = prop::sample::select(vec!["0", "2", "5", "-1", "99999999999999999999", "x"]);
    let request = (method, route, length, string_regex("[ -~]{0,8}").unwrap()).prop_map(
        |(method, route, length, body)| {
            format!("{method} {VERSION}{route} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n{body}").into_bytes()
        },
    );
    prop_oneof![
        4 => request,
        1 => prop::collection::vec(any::<u8>(), 0..60),
        1 => string_regex("[ -~\r\n]{0,60}").unwrap().prop_map(String::into_bytes),
    ]
}

/// Sends the bytes, closes, and returns the answer and the outcome of the invocation.
async fn converse_with(bytes: Vec<u8>) -> (Vec<u8>, Option<Answer>) {
    let (invocations, waiting) = mpsc::channel(1);
    let (ready, _) = watch::channel(false);
    let (init_error, _) = watch::channel(None);
    let runtime = Arc::new(Runtime::new(waiting, ready, init_error));
    let (answer, mut answered) = oneshot::channel();
    let invocation = Invocation {
        request_id: "id".to_owned(),
        function_arn: "arn".to_owned(),
        deadline_ms: 0,
        trace_id: "trace".to_owned(),
        payload: Bytes::from_static(b"{}"),
        answer,
    };
    assert!(invocations.try_send(invocation).is_ok());
    // There is no second invocation: another `next` is answered that the sandbox shuts down.
    drop(invocations);
    let (program, api) = tokio::io::duplex(1 << 20);
    let serving = tokio::spawn(converse(api, runtime));
    let (mut read, mut write) = tokio::io::split(program);
    // The API may close before it has read everything.
    let _ = write.write_all(&bytes).await;
    // The paused clock advances only when nothing else can run, so the API has read everything by
    // then. It does not answer a closed connection.
    tokio::time::sleep(Duration::from_millis(1)).await;
    let _ = write.shutdown().await;
    let mut back = Vec::new();
    let reading = read.read_to_end(&mut back);
    let _ = tokio::time::timeout(Duration::from_secs(60), reading)
        .await
        .expect("the conversation comes to an end")
        .expect("a pipe in memory");
    serving.await.expect("no panic");
    (back, answered.try_recv().ok())
}

#[test]
fn any_bytes_end_the_connection() {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let tokio = builder.enable_all().start_paused(true).build().unwrap();
    let config = Config {
        cases: cases(),
        failure_persistence: None,
        ..Config::default()
    };
    TestRunner::new(config)
        .run(&prop::collection::vec(piece(), 0..6), |pieces| {
            let (back, _) = tokio.block_on(converse_with(pieces.concat()));
            prop_assert!(back.is_empty() || back.starts_with(b"HTTP/1."), "{back:?}");
            Ok(())
        })
        .unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_valid_response_ends_the_invocation() {
    let next = format!("GET {VERSION}invocation/next HTTP/1.1\r\nHost: x\r\n\r\n");
    let response = format!(
        "POST {VERSION}invocation/id/response HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n42"
    );
    let (back, answer) = converse_with((next + &response).into_bytes()).await;
    assert!(matches!(answer, Some(Answer::Response(body)) if body == "42"));
    assert!(String::from_utf8_lossy(&back).contains("202 Accepted"));
}
