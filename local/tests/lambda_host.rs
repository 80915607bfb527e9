//! The function host, with a real program, over the real wire: invocations, errors, timeouts,
//! concurrency.

#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing)]

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use hookline_local::lambda::{Counters, FunctionConfig};
use hookline_local::wire::cbor;
use hookline_local::{LocalAws, Settings};
use http::{Request, Response};
use serde_json::{Value, json};

fn program() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_runtime-api-program"))
}

fn local_with(change: impl FnOnce(&mut FunctionConfig)) -> LocalAws {
    let local = LocalAws::new(Settings::for_tests());
    let mut config = FunctionConfig::new("f", program());
    config.timeout = Duration::from_secs(20);
    change(&mut config);
    local.lambda().register(config);
    local
}

async fn call(
    local: &LocalAws,
    function: &str,
    kind: &str,
    payload: impl Into<Bytes>,
) -> Response<Bytes> {
    let request = Request::post(format!("/2015-03-31/functions/{function}/invocations"))
        .header("x-amz-invocation-type", kind)
        .header("x-amz-log-type", "Tail")
        .body(payload.into())
        .unwrap();
    local.handle(request).await.unwrap()
}

async fn invoke(local: &LocalAws, payload: &str) -> Response<Bytes> {
    call(local, "f", "RequestResponse", payload.to_owned()).await
}

fn body(response: &Response<Bytes>) -> Value {
    serde_json::from_slice(response.body()).unwrap()
}

fn header<'a>(response: &'a Response<Bytes>, name: &str) -> Option<&'a str> {
    response
        .headers()
        .get(name)
        .map(|value| value.to_str().unwrap())
}

fn counters(local: &LocalAws) -> Counters {
    local.lambda().counters("f").unwrap()
}

#[tokio::test]
async fn a_warm_sandbox_is_used_again() {
    let local = local_with(|_| {});
    for n in 0..3 {
        let response = invoke(&local, &format!(r#"{{"n":{n}}}"#)).await;
        assert_eq!(response.status(), 200);
        assert_eq!(body(&response), json!({ "n": n }));
        assert_eq!(header(&response, "x-amz-executed-version"), Some("$LATEST"));
        assert_eq!(header(&response, "x-amz-function-error"), None);
    }
    let counters = counters(&local);
    assert_eq!(
        (counters.invocations, counters.cold_starts, counters.errors),
        (3, 1, 0)
    );
    local.lambda().shutdown().await;
}

#[tokio::test]
async fn a_function_error_is_returned_and_leaves_the_sandbox_warm() {
    let local = local_with(|_| {});
    for _ in 0..2 {
        let response = invoke(&local, r#""fail""#).await;
        assert_eq!(response.status(), 200);
        assert_eq!(header(&response, "x-amz-function-error"), Some("Unhandled"));
        assert_eq!(
            body(&response),
            json!({ "errorType": "NoAddress", "errorMessage": "none left" })
        );
    }
    assert_eq!(
        (counters(&local).cold_starts, counters(&local).errors),
        (1, 2)
    );
    local.lambda().shutdown().await;
}

#[tokio::test]
async fn a_crash_is_a_function_error_and_the_next_invocation_starts_cold() {
    let local = local_with(|_| {});
    let response = invoke(&local, r#""exit""#).await;
    assert_eq!(header(&response, "x-amz-function-error"), Some("Unhandled"));
    let id = header(&response, "x-amzn-requestid").unwrap();
    assert_eq!(
        body(&response),
        json!({
            "errorType": "Runtime.ExitError",
            "errorMessage": format!("RequestId: {id} Error: Runtime exited with error: exit status 1"),
        })
    );
    assert_eq!(invoke(&local, "1").await.status(), 200);
    assert_eq!(counters(&local).cold_starts, 2);
    local.lambda().shutdown().await;
}

#[tokio::test]
async fn a_timeout_kills_the_program() {
    let local = local_with(|config| config.timeout = Duration::from_millis(250));
    let response = invoke(&local, r#""sleep""#).await;
    assert_eq!(response.status(), 200);
    let id = header(&response, "x-amzn-requestid").unwrap();
    assert_eq!(
        body(&response),
        json!({
            "errorType": "Sandbox.Timedout",
            "errorMessage": format!("RequestId: {id} Error: Task timed out after 0.25 seconds"),
        })
    );
    assert_eq!(invoke(&local, "1").await.body(), "1");
    assert_eq!(
        (counters(&local).timeouts, counters(&local).cold_starts),
        (1, 2)
    );
    local.lambda().shutdown().await;
}

#[tokio::test]
async fn a_program_that_does_not_start_is_a_function_error() {
    for (init, error_type) in [("exit", "Runtime.ExitError"), ("error", "Init")] {
        let local = local_with(|config| {
            config
                .environment
                .insert("INIT".to_owned(), init.to_owned());
        });
        let response = invoke(&local, "1").await;
        assert_eq!(
            header(&response, "x-amz-function-error"),
            Some("Unhandled"),
            "{init}"
        );
        assert_eq!(body(&response)["errorType"], error_type);
        local.lambda().shutdown().await;
    }
    let local = local_with(|config| config.program = PathBuf::from("/nowhere/bootstrap"));
    assert_eq!(
        body(&invoke(&local, "1").await)["errorType"],
        "Runtime.InvalidEntrypoint"
    );
}

#[tokio::test]
async fn reserved_concurrency_is_told() {
    let local = local_with(|config| config.reserved_concurrency = Some(7));
    local
        .lambda()
        .register(FunctionConfig::new("other", program()));
    let get = async |function: &str| {
        let path = format!("/2019-09-30/functions/{function}/concurrency");
        let request = Request::get(path).body(Bytes::new()).unwrap();
        local.handle(request).await.unwrap()
    };
    let told = json!({ "ReservedConcurrentExecutions": 7 });
    assert_eq!(body(&get("f").await), told);
    assert_eq!(body(&get("other").await), json!({}));
    assert_eq!(get("nobody").await.status(), 404);
}

#[tokio::test]
async fn reserved_concurrency_limits_invocations() {
    let local = local_with(|config| config.reserved_concurrency = Some(1));
    let (one, other) = tokio::join!(invoke(&local, r#""sleep""#), invoke(&local, r#""sleep""#));
    let mut statuses = [one.status().as_u16(), other.status().as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 429]);
    let refused = if one.status() == 429 { one } else { other };
    assert_eq!(
        header(&refused, "x-amzn-errortype"),
        Some("TooManyRequestsException")
    );
    assert_eq!(
        body(&refused)["Reason"],
        "ReservedFunctionConcurrentInvocationLimitExceeded"
    );
    assert_eq!(counters(&local).throttles, 1);
    assert_eq!(invoke(&local, "1").await.status(), 200);

    local
        .lambda()
        .register(FunctionConfig::new("other", program()));
    local.lambda().set_concurrency_limit(1);
    let refused = call(&local, "other", "RequestResponse", "1").await;
    assert_eq!(
        body(&refused)["Reason"],
        "ConcurrentInvocationLimitExceeded",
        "f reserves all there is"
    );
    local.lambda().shutdown().await;
}

#[tokio::test]
async fn each_concurrent_invocation_has_its_own_sandbox() {
    let local = local_with(|_| {});
    let (a, b, c) = tokio::join!(
        invoke(&local, r#""sleep a""#),
        invoke(&local, r#""sleep b""#),
        invoke(&local, r#""sleep c""#)
    );
    assert_eq!(
        [a.body(), b.body(), c.body()],
        [r#""sleep a""#, r#""sleep b""#, r#""sleep c""#]
    );
    assert_eq!(
        (
            counters(&local).cold_starts,
            counters(&local).max_concurrency
        ),
        (3, 3)
    );
    local.lambda().shutdown().await;
}

#[tokio::test]
async fn a_function_gets_lambdas_environment_only() {
    let local = local_with(|config| {
        config.memory_mb = 256;
        config
            .environment
            .insert("PROFILE".to_owned(), "gold".to_owned());
    });
    local.lambda().set_endpoint("http://127.0.0.1:1");
    let response = invoke(&local, r#""environment""#).await;
    let variables = body(&response);
    for (name, value) in [
        ("AWS_LAMBDA_FUNCTION_NAME", "f"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_REGION", "us-west-2"),
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:1"),
        ("PROFILE", "gold"),
    ] {
        assert_eq!(variables[name], value, "{name}");
    }
    assert!(variables.get("HOME").is_none(), "{variables}");
    assert!(variables.get("CARGO_MANIFEST_DIR").is_none(), "{variables}");
    local.lambda().shutdown().await;
}

#[tokio::test]
async fn the_log_of_a_function_is_kept() {
    let local = local_with(|_| {});
    let response = invoke(&local, "1").await;
    let id = header(&response, "x-amzn-requestid").unwrap().to_owned();
    // The line comes through a pipe of its own, so it may be late.
    let line = tokio::time::timeout(Duration::from_secs(10), async {
        loop {
            if let Some(line) = local.lambda().logs("f").pop() {
                break line;
            }
            tokio::task::yield_now().await;
        }
    });
    let line = line.await.unwrap();
    assert_eq!(line.text, r#"{"message":"working","served":1}"#);
    assert!(line.request_id.is_none_or(|of| of == id));
    local.lambda().shutdown().await;
}

/// The sum of a metric of the function's in the last minutes, over one of CloudWatch's two protocols.
async fn served(local: &LocalAws, is_cbor: bool) -> f64 {
    let now = jiff::Timestamp::now().as_second();
    let call = json!({
        "MetricDataQueries": [{
            "Id": "served",
            "MetricStat": {
                "Metric": {
                    "Namespace": "Test",
                    "MetricName": "Served",
                    "Dimensions": [{"Name": "Kind", "Value": "a"}],
                },
                "Period": 60,
                "Stat": "Sum",
            },
        }],
        "StartTime": now - 300,
        "EndTime": now + 60,
    });
    let request = match is_cbor {
        true => Request::post("/service/GraniteServiceVersion20100801/operation/GetMetricData")
            .header("smithy-protocol", "rpc-v2-cbor")
            .body(cbor::write(&call, &["StartTime", "EndTime"])),
        false => Request::post("/")
            .header(
                "x-amz-target",
                "GraniteServiceVersion20100801.GetMetricData",
            )
            .body(call.to_string().into()),
    };
    let response = local.handle(request.unwrap()).await.unwrap();
    assert_eq!(response.status(), 200, "{response:?}");
    let answer = match is_cbor {
        true => {
            assert_eq!(header(&response, "smithy-protocol"), Some("rpc-v2-cbor"));
            cbor::read(response.body()).unwrap()
        }
        false => body(&response),
    };
    let values = answer["MetricDataResults"][0]["Values"].as_array();
    values.unwrap().iter().filter_map(Value::as_f64).sum()
}

#[tokio::test]
async fn metrics_in_the_log_of_a_function_are_read_in_either_protocol() {
    let local = local_with(|_| {});
    assert_eq!(served(&local, true).await, 0.0);
    for _ in 0..3 {
        assert_eq!(invoke(&local, r#""measure""#).await.status(), 200);
    }
    // The lines come through a pipe of their own, so they may be late.
    let all = tokio::time::timeout(Duration::from_secs(10), async {
        while served(&local, true).await < 3.0 {
            tokio::task::yield_now().await;
        }
    });
    all.await.unwrap();
    assert_eq!(served(&local, false).await, 3.0);
    local.lambda().shutdown().await;
}

#[tokio::test]
async fn bad_requests_are_refused_as_lambda_does() {
    let local = local_with(|_| {});
    let cases: [(&str, &str, Bytes, u16, &str); 5] = [
        (
            "none",
            "RequestResponse",
            "1".into(),
            404,
            "ResourceNotFoundException",
        ),
        (
            "f:live",
            "RequestResponse",
            "1".into(),
            404,
            "ResourceNotFoundException",
        ),
        (
            "f",
            "RequestResponse",
            "{".into(),
            400,
            "InvalidRequestContentException",
        ),
        ("f", "Sometimes", "1".into(), 400, "ValidationException"),
        (
            "f",
            "RequestResponse",
            vec![b'1'; 6 * 1024 * 1024 + 1].into(),
            413,
            "RequestTooLargeException",
        ),
    ];
    for (function, kind, payload, status, code) in cases {
        let response = call(&local, function, kind, payload).await;
        assert_eq!(response.status(), status, "{code}");
        assert_eq!(header(&response, "x-amzn-errortype"), Some(code));
    }
    assert_eq!(
        body(&call(&local, "none", "DryRun", "1").await)["Message"],
        "Function not found: arn:aws:lambda:us-west-2:123456789012:function:none"
    );
    assert_eq!(counters(&local).invocations, 0);
}

#[tokio::test]
async fn a_function_is_found_by_name_and_arn() {
    let local = local_with(|_| {});
    for name in [
        "f",
        "f:$LATEST",
        "123456789012:function:f",
        "arn:aws:lambda:us-west-2:123456789012:function:f",
        "arn%3Aaws%3Alambda%3Aus-west-2%3A123456789012%3Afunction%3Af",
    ] {
        assert_eq!(
            call(&local, name, "DryRun", "1").await.status(),
            204,
            "{name}"
        );
    }
    let response = local
        .handle(
            Request::get("/2015-03-31/functions/f")
                .body(Bytes::new())
                .unwrap(),
        )
        .await
        .unwrap();
    assert_eq!(body(&response)["Configuration"]["FunctionName"], "f");
    let response = local
        .handle(
            Request::get("/2015-03-31/functions/")
                .body(Bytes::new())
                .unwrap(),
        )
        .await
        .unwrap();
    assert_eq!(
        body(&response)["Functions"][0]["Runtime"],
        "provided.al2023"
    );
}

#[tokio::test]
async fn a_published_version_is_described_listed_and_invoked_until_it_is_deleted() {
    let local = local_with(|config| config.description = "first".to_owned());
    let get = async |path: &str| {
        let request = Request::get(format!("/2015-03-31/functions/{path}"));
        let request = request.body(Bytes::new()).unwrap();
        local.handle(request).await.unwrap()
    };
    let first = local.lambda().publish("f").unwrap();
    assert!(first.ends_with(":function:f:1"), "{first}");
    // Nothing has changed since.
    assert_eq!(local.lambda().publish("f"), Some(first.clone()));
    let mut changed = FunctionConfig::new("f", "/elsewhere");
    changed.description = "second".to_owned();
    local.lambda().register(changed);

    let version = body(&get("f/configuration?Qualifier=1").await);
    let newest = body(&get("f/configuration").await);
    assert_eq!(
        (&version["Version"], &newest["Version"]),
        (&json!("1"), &json!("$LATEST"))
    );
    assert_eq!(version["FunctionArn"], json!(first));
    assert_eq!(
        (&version["Description"], &newest["Description"]),
        (&json!("first"), &json!("second"))
    );
    assert_ne!(version["CodeSha256"], newest["CodeSha256"]);
    let listed = async |query: &str| {
        let answer = body(&get(&format!("?{query}")).await);
        let functions = answer["Functions"].as_array().unwrap().iter();
        let versions: Vec<String> = functions
            .map(|it| it["Version"].as_str().unwrap().to_owned())
            .collect();
        (versions, answer["NextMarker"].as_str().map(str::to_owned))
    };
    assert_eq!(listed("").await.0, ["$LATEST"]);
    let (page, marker) = listed("FunctionVersion=ALL&MaxItems=1").await;
    assert_eq!(page, ["$LATEST"]);
    let rest = format!("FunctionVersion=ALL&Marker={}", marker.unwrap());
    assert_eq!(listed(&rest).await, (vec!["1".to_owned()], None));

    assert_eq!(call(&local, "f:1", "DryRun", "1").await.status(), 204);
    assert!(local.lambda().delete_version(&first));
    assert!(!local.lambda().delete_version(&first));
    assert_eq!(get("f/configuration?Qualifier=1").await.status(), 404);
    assert_eq!(call(&local, "f:1", "DryRun", "1").await.status(), 404);
    // A number is not used again.
    assert!(local.lambda().publish("f").unwrap().ends_with(":2"));
}

#[tokio::test]
async fn a_response_over_the_limit_is_a_function_error() {
    let local = local_with(|_| {});
    let response = invoke(&local, r#""large""#).await;
    assert_eq!(
        body(&response)["errorType"],
        "Function.ResponseSizeTooLarge"
    );
    assert_eq!(invoke(&local, "1").await.status(), 200);
    assert_eq!(counters(&local).cold_starts, 1);
    local.lambda().shutdown().await;
}

#[tokio::test]
async fn an_event_invocation_does_not_wait() {
    let local = local_with(|_| {});
    let response = call(&local, "f", "Event", r#""sleep""#).await;
    assert_eq!(
        (response.status().as_u16(), response.body().len()),
        (202, 0)
    );
    tokio::time::timeout(Duration::from_secs(10), async {
        while local.lambda().logs("f").is_empty() {
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap();
    local.lambda().shutdown().await;
    assert_eq!(
        call(&local, "f", "RequestResponse", "1").await.status(),
        429,
        "shut down"
    );
}
