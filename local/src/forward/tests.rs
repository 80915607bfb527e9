//! What the other server sees of a forwarded request, and what the caller sees of the answer.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::server::Server;
use crate::{Fault, FaultKind, LocalAws, Outcome, Settings};

/// A server that records its requests byte for byte, and answers each with the same bytes.
struct Behind {
    url: String,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Behind {
    async fn start(answer: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let request = read_request(&mut stream).await;
                lock(&kept).push(request);
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        Self { url, seen }
    }

    /// A fake AWS that forwards `services` to this server.
    fn behind(&self, services: &str) -> LocalAws {
        let local = LocalAws::new(Settings::for_tests());
        let route = format!("{services}={}", self.url).parse().unwrap();
        local.forwarding().add(route).unwrap();
        local
    }

    fn only(&self) -> String {
        let seen = lock(&self.seen);
        assert_eq!(seen.len(), 1, "{seen:?}");
        seen[0].clone()
    }
}

/// One request: its head and its body, by Content-Length.
async fn read_request(stream: &mut TcpStream) -> String {
    let mut read = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&read).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "));
            let length = length.map_or(0, |length| length.parse().unwrap());
            if body.len() >= length {
                return text;
            }
        }
        let mut piece = [0; 4096];
        let length = stream.read(&mut piece).await.unwrap();
        assert!(length > 0, "the request broke off: {text}");
        read.extend_from_slice(&piece[..length]);
    }
}

fn scope(service: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential=test/20260504/us-east-2/{service}/aws4_request, SignedHeaders=host, Signature=0"
    )
}

const OK: &str =
    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nETag: \"7\"\r\nConnection: close\r\n\r\nok";

#[tokio::test]
async fn a_request_and_its_answer_are_forwarded_unchanged() {
    let behind = Behind::start(OK).await;
    let local = behind.behind("s3,glue");
    let request = Request::put("/bucket/a%2Fb%20c/d%C3%A4=1?x-id=PutObject&empty&a=%2B+1")
        .header("host", "bucket.example")
        .header("authorization", scope("s3"))
        .header("x-amz-meta-of-mine", "kept")
        .header("connection", "keep-alive, x-of-the-connection")
        .header("x-of-the-connection", "gone")
        .header("expect", "100-continue")
        .header("te", "trailers")
        .body(Bytes::from_static(b"line\r\n\r\nline"))
        .unwrap();
    let answer = local.handle(request).await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.body().as_ref(), b"ok");
    assert_eq!(answer.headers()["etag"], "\"7\"");
    assert!(!answer.headers().contains_key("connection"));

    let seen = behind.only();
    let (head, body) = seen.split_once("\r\n\r\n").unwrap();
    let mut lines: Vec<&str> = head.lines().collect();
    assert_eq!(
        lines.remove(0),
        "PUT /bucket/a%2Fb%20c/d%C3%A4=1?x-id=PutObject&empty&a=%2B+1 HTTP/1.1"
    );
    lines.sort_unstable();
    assert_eq!(
        lines,
        [
            format!("authorization: {}", scope("s3")).as_str(),
            "content-length: 12",
            "host: bucket.example",
            "x-amz-meta-of-mine: kept",
        ]
    );
    assert_eq!(body, "line\r\n\r\nline");

    let call = &local.calls()[0];
    assert_eq!(
        (call.service.as_str(), call.action.as_str(), &call.outcome),
        ("s3", "PUT", &Outcome::Ok)
    );
    assert_eq!(call.params["Path"], "/bucket/a%2Fb%20c/d%C3%A4=1");
}

#[tokio::test]
async fn the_call_log_names_the_action_of_each_protocol() {
    let behind = Behind::start(OK).await;
    let local = behind.behind("athena,monitoring");
    let calls = [
        (
            Request::post("/")
                .header("authorization", scope("athena"))
                .header("x-amz-target", "AmazonAthena.StartQueryExecution"),
            r#"{"WorkGroup": "w"}"#,
        ),
        (
            Request::post("/")
                .header("authorization", scope("monitoring"))
                .header(
                    "content-type",
                    "application/x-www-form-urlencoded; charset=utf-8",
                ),
            "Action=PutMetricData&Version=2010-08-01&Namespace=n",
        ),
        (
            Request::post("/service/GraniteServiceVersion20100801/operation/PutMetricData")
                .header("authorization", scope("monitoring")),
            "\u{1}",
        ),
        // A presigned URL has its scope in the query.
        (
            Request::get("/a?X-Amz-Credential=test%2F20260504%2Fus-east-2%2Fathena%2Faws4_request"),
            "",
        ),
    ];
    for (request, body) in calls {
        let request = request.body(Bytes::from_static(body.as_bytes())).unwrap();
        assert_eq!(local.handle(request).await.unwrap().status(), 200);
    }
    let calls = local.calls();
    let actions: Vec<&str> = calls.iter().map(|call| call.action.as_str()).collect();
    assert_eq!(
        actions,
        [
            "StartQueryExecution",
            "PutMetricData",
            "PutMetricData",
            "GET"
        ]
    );
    assert_eq!(calls[0].params["WorkGroup"], "w");
    assert_eq!(calls[1].params["Namespace"], "n");
}

#[tokio::test]
async fn an_error_of_the_other_server_is_returned_and_logged() {
    let behind = Behind::start(
        "HTTP/1.1 404 Not Found\r\nContent-Length: 56\r\n\r\n<Error><Code>NoSuchKey</Code><Message>m</Message></Error>",
    )
    .await;
    let local = behind.behind("s3");
    let request = Request::get("/bucket/key")
        .header("authorization", scope("s3"))
        .body(Bytes::new())
        .unwrap();
    let answer = local.handle(request).await.unwrap();
    assert_eq!(answer.status(), 404);
    let error = Outcome::Error("NoSuchKey".to_owned());
    assert_eq!(local.calls()[0].outcome, error);
}

#[tokio::test]
async fn only_named_services_are_forwarded() {
    let behind = Behind::start(OK).await;
    let local = behind.behind("s3");
    for service in ["glue", "sts"] {
        let request = Request::post("/").header("authorization", scope(service));
        let answer = local.handle(request.body(Bytes::new()).unwrap()).await;
        assert!(answer.unwrap().status().as_u16() >= 400, "{service}");
    }
    assert!(lock(&behind.seen).is_empty());
}

#[tokio::test]
async fn an_unreachable_server_is_named_in_the_error() {
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", gone.local_addr().unwrap());
    drop(gone);
    let local = LocalAws::new(Settings::for_tests());
    let route = format!("s3={url}").parse().unwrap();
    local.forwarding().add(route).unwrap();
    let request = Request::get("/").header("authorization", scope("s3"));
    let answer = local.handle(request.body(Bytes::new()).unwrap()).await;
    let answer = answer.unwrap();
    assert_eq!(answer.status(), 503);
    let text = std::str::from_utf8(answer.body()).unwrap();
    assert!(
        text.contains("<Code>ServiceUnavailable</Code>") && text.contains(&url),
        "{text}"
    );
}

#[tokio::test]
async fn faults_hit_forwarded_calls() {
    let behind = Behind::start(OK).await;
    let local = behind.behind("glue");
    local.inject(Fault::on("GetTable", FaultKind::Throttle));
    let request = Request::post("/")
        .header("authorization", scope("glue"))
        .header("x-amz-target", "AWSGlue.GetTable");
    let answer = local.handle(request.body(Bytes::new()).unwrap()).await;
    let answer = answer.unwrap();
    assert_eq!(answer.headers()["x-amzn-errortype"], "ThrottlingException");
    assert!(lock(&behind.seen).is_empty());
}

/// Sends bytes to a server over TCP, and returns the answer.
async fn exchange(server: &Server, request: String) -> String {
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn the_answer_to_head_keeps_its_content_length() {
    let behind = Behind::start("HTTP/1.1 200 OK\r\nContent-Length: 4711\r\n\r\n").await;
    let local = behind.behind("s3");
    let server = Server::start(&local, 0).await.unwrap();
    let request = format!(
        "HEAD /bucket/key HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: {}\r\n\r\n",
        scope("s3")
    );
    let answer = exchange(&server, request).await;
    assert!(
        answer.to_lowercase().contains("content-length: 4711"),
        "{answer}"
    );
}

#[tokio::test]
async fn a_forwarded_object_may_exceed_the_payload_limit() {
    let behind = Behind::start(OK).await;
    let local = behind.behind("s3");
    let server = Server::start(&local, 0).await.unwrap();
    let body = "x".repeat(9 * 1024 * 1024);
    let request = format!(
        "PUT /bucket/key HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\nAuthorization: {}\r\n\r\n{body}",
        body.len(),
        scope("s3")
    );
    let answer = exchange(&server, request).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(behind.only().ends_with(&body));
}

#[test]
fn an_invalid_route_is_refused() {
    for (text, said) in [
        ("s3", "is not SERVICE=URL"),
        ("=http://127.0.0.1:1", "is not a service name"),
        ("s3,=http://127.0.0.1:1", "is not a service name"),
        ("S3=http://127.0.0.1:1", "is not a service name"),
        ("s3,ec2=http://127.0.0.1:1", "ec2 is part of the fake AWS"),
        ("s3=127.0.0.1:1", "use http://HOST:PORT"),
        ("s3=https://127.0.0.1:1", "use http://HOST:PORT"),
        ("s3=http://127.0.0.1:1/path", "use http://HOST:PORT"),
        ("s3=http://127.0.0.1:1/?q", "use http://HOST:PORT"),
        ("s3=", "use http://HOST:PORT"),
    ] {
        let error = text.parse::<Route>().unwrap_err().to_string();
        assert!(error.contains(said), "{text}: {error}");
    }
    let forwarding = Forwarding::default();
    let route: Route = "s3,glue=http://127.0.0.1:1".parse().unwrap();
    forwarding.add(route).unwrap();
    let route: Route = "athena,glue=http://127.0.0.1:2/".parse().unwrap();
    let error = forwarding.add(route).unwrap_err();
    assert_eq!(error, RouteError::Duplicate("glue".to_owned()));
    assert!(forwarding.service("athena").is_none());
}
