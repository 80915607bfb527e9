//! Any bytes over the wire are read or refused: the query protocol, JSON, CBOR, and the XML of the
//! answers.

#![allow(missing_docs, clippy::unwrap_used)]

use bytes::Bytes;
use hookline_local::wire::cbor;
use hookline_local::wire::query::{Dialect, Params};
use hookline_local::wire::xml::Xml;
use hookline_local::{LocalAws, Settings};
use http::{Method, Request};
use proptest::prelude::*;
use proptest::string::string_regex;
use proptest::test_runner::{Config, TestRunner};

/// The number of cases: PROPTEST_CASES, for a long run; else a few.
fn cases() -> u32 {
    let asked = std::env::var("PROPTEST_CASES").ok();
    asked.and_then(|asked| asked.parse().ok()).unwrap_or(1_000)
}

/// Parameter names: nested and numbered, as in the query protocol, and any other.
fn name() -> impl Strategy<Value = String> {
    let part = prop::sample::select(vec![
        "Filter",
        "Name",
        "Value",
        "member",
        "Tags",
        "1",
        "2",
        "0",
        "-1",
        "4294967296",
        "",
        ".",
        "..",
        "é",
    ]);
    prop_oneof![
        4 => prop::collection::vec(part, 1..5).prop_map(|parts| parts.join(".")),
        1 => any::<String>(),
    ]
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        1 => prop::collection::vec(any::<u8>(), 0..120),
        2 => string_regex("[A-Za-z0-9.&=%+;]{0,80}").unwrap().prop_map(String::into_bytes),
        3 => prop::collection::vec((name(), any::<String>()), 0..8).prop_map(|pairs| {
            form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish().into_bytes()
        }),
    ]
}

/// Reads everything that a request can hold, at every depth.
fn read_all(params: &mut Params, name: &str, depth: u8) {
    let _ = params.str(name);
    let _ = params.u32(name);
    let _ = params.bool(name);
    let _ = params.parsed::<std::net::IpAddr>(name, "an address");
    let _ = params.list(name);
    let _ = params.required_str(name).map_err(|error| error.to_string());
    if depth > 0 {
        for mut inner in params.structs(name) {
            read_all(&mut inner, "Name", depth - 1);
            let _ = inner.finish();
        }
        let mut inner = params.structure(name);
        read_all(&mut inner, "Value", depth - 1);
    }
    params.ignore(&[name]);
    let _ = params.finish().map_err(|error| error.to_string());
}

/// The characters that XML 1.0 allows (its production 2). A carriage return is read as a line end.
fn is_carried(c: &char) -> bool {
    matches!(*c, '\t' | '\n' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_query_is_read_or_refused(query in any::<String>(), body in bytes(), names in prop::collection::vec(name(), 1..4)) {
        for dialect in [Dialect::Ec2, Dialect::Query] {
            let mut params = Params::parse(dialect, &query, &body);
            prop_assert!(params.to_map().len() < 1_000);
            for name in &names {
                read_all(&mut params, name, 2);
            }
        }
    }

    #[test]
    fn text_written_as_xml_is_read_back_unchanged(text in any::<String>()) {
        let mut xml = Xml::new();
        xml.text("t", &text);
        let written = xml.into_string();
        let inner = written.strip_prefix("<t>").and_then(|rest| rest.strip_suffix("</t>")).unwrap();
        prop_assert!(!inner.contains('<'), "{inner}");
        let back = quick_xml::escape::unescape(inner).unwrap();
        let carried = |text: &str| text.chars().filter(is_carried).collect::<String>();
        prop_assert_eq!(carried(&back), carried(&text));
    }

    #[test]
    fn any_cbor_is_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..120)) {
        if let Ok(value) = cbor::read(&bytes) {
            prop_assert_eq!(cbor::read(&cbor::write(&value, &[])).unwrap(), value);
        }
    }
}

/// Requests for every service, with anything in each place.
#[test]
fn any_request_is_answered() {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_all().start_paused(true).build().unwrap();
    let local = runtime.block_on(async { LocalAws::new(Settings::for_tests()) });
    let service = prop::sample::select(vec![
        "ec2",
        "autoscaling",
        "sts",
        "events",
        "lambda",
        "states",
        "eks",
        "s3",
        "monitoring",
        "",
    ]);
    let target = prop_oneof![
        2 => prop::sample::select(vec![
            "AWSEvents.PutRule", "AWSEvents.PutTargets", "AWSEvents.PutEvents", "AWSStepFunctions.StartExecution",
            "AWSStepFunctions.ListExecutions", "GraniteServiceVersion20100801.GetMetricData", "AWSEvents.", ".", "",
        ]).prop_map(str::to_owned),
        1 => "[ -~]{0,20}",
    ];
    let path = prop_oneof![
        Just("/".to_owned()),
        Just("/2015-03-31/functions".to_owned()),
        Just("/service/GraniteServiceVersion20100801/operation/GetMetricData".to_owned()),
        "/2015-03-31/functions/[a-z:%0-9]{0,20}/invocations",
        "/clusters/[a-zA-Z0-9/%]{0,10}",
        "/[a-zA-Z0-9/?&=%.]{0,30}",
    ];
    let body = prop_oneof![
        2 => bytes(),
        1 => string_regex(r#"[\[\]{}":,0-9eE.a-zA-Z\\ -]{0,60}"#).unwrap().prop_map(String::into_bytes),
    ];
    let protocol = prop::sample::select(vec!["rpc-v2-cbor", ""]);
    let method = prop::sample::select(vec![Method::GET, Method::POST, Method::PUT, Method::DELETE]);
    TestRunner::new(Config {
        cases: cases(),
        failure_persistence: None,
        ..Config::default()
    })
    .run(
        &(method, path, service, target, protocol, body),
        |(method, path, service, target, protocol, body)| {
            let scope =
                format!("AWS4-HMAC-SHA256 Credential=K/20260101/us-west-2/{service}/aws4_request");
            let request = Request::builder()
                .method(method)
                .uri(path)
                .header("authorization", scope)
                .header("x-amz-target", target)
                .header("smithy-protocol", protocol)
                .body(Bytes::from(body));
            // HTTP cannot carry this as a request.
            let Ok(request) = request else { return Ok(()) };
            let response = runtime.block_on(local.handle(request)).unwrap();
            prop_assert!(response.status().as_u16() < 500, "{response:?}");
            Ok(())
        },
    )
    .unwrap();
}
