//! Whatever AWS answers, a function ends with a value or with a typed error, and never panics:
//! statuses, XML that breaks off, values that are no numbers, and bytes that are nothing at all.

use std::cell::RefCell;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use hookline_domain::Error;
use hookline_testkit::calls::FunctionCalls as _;
use hookline_testkit::connector::{self, InProcess};
use hookline_testkit::launch::{Launch, State};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

/// A new launch is begun after this virtual time, before the launch's hook times out.
const FRESH_FOR: Duration = Duration::from_secs(900);

/// A change of a response.
#[derive(Debug, Clone)]
enum Change {
    /// Another status, the same body.
    Status(u16),
    /// Another body.
    Body(Vec<u8>),
    /// The body is cut off.
    Cut(prop::sample::Index),
    /// One element has another text.
    Text(prop::sample::Index, String),
    /// One element has another name.
    Name(prop::sample::Index, String),
}

fn change() -> impl Strategy<Value = Change> {
    let status = prop::sample::select(vec![
        100, 200, 204, 301, 400, 403, 404, 413, 429, 500, 502, 503,
    ]);
    let text = prop_oneof![
        prop::sample::select(vec![
            "",
            "-1",
            "99999999999999999999",
            "true",
            "NaN",
            "2026-13-45T99:99:99Z",
            "300.1.1.1",
            "::1",
            "10.0.0.0/99",
            "i-",
            "eni-0",
            "&#0;",
            "&lt;",
            "&bogus;",
            "<![CDATA[x]]>",
            "<deep><deep>",
            "running",
            "attached",
            "x\u{0}",
        ])
        .prop_map(str::to_owned),
        any::<String>(),
    ];
    prop_oneof![
        1 => status.prop_map(Change::Status),
        1 => prop::collection::vec(any::<u8>(), 0..80).prop_map(Change::Body),
        1 => "[<>/a-zA-Z&;=\"'! ?-]{0,60}".prop_map(|text| Change::Body(text.into_bytes())),
        2 => any::<prop::sample::Index>().prop_map(Change::Cut),
        6 => (any::<prop::sample::Index>(), text).prop_map(|(place, text)| Change::Text(place, text)),
        2 => (any::<prop::sample::Index>(), "[A-Za-z]{0,8}").prop_map(|(place, name)| Change::Name(place, name)),
    ]
}

impl Change {
    fn apply(&self, status: &mut u16, body: &mut Vec<u8>) {
        match self {
            Self::Status(other) => *status = *other,
            Self::Body(other) => body.clone_from(other),
            Self::Cut(place) => body.truncate(place.index(body.len() + 1)),
            Self::Text(place, text) => splice(body, place, b'>', b'<', text.as_bytes()),
            Self::Name(place, name) => splice(body, place, b'<', b'>', name.as_bytes()),
        }
    }
}

/// Puts `text` between one `open` and the next `close` behind it.
fn splice(body: &mut Vec<u8>, place: &prop::sample::Index, open: u8, close: u8, text: &[u8]) {
    let starts: Vec<usize> = (0..body.len()).filter(|n| body[*n] == open).collect();
    if starts.is_empty() {
        return;
    }
    let start = place.get(&starts) + 1;
    let end = body[start..]
        .iter()
        .position(|byte| *byte == close)
        .map_or(body.len(), |length| start + length);
    body.splice(start..end, text.iter().copied());
}

/// The changes of the next responses; `None` changes nothing.
type Changes = Arc<Mutex<Vec<Option<Change>>>>;

/// The fake AWS with changed responses.
#[derive(Debug, Clone)]
struct Changing {
    through: InProcess,
    changes: Changes,
}

impl HttpConnector for Changing {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let this = self.clone();
        HttpConnectorFuture::new(async move {
            let response = this.through.call(request).await?;
            let Some(change) = this.changes.lock().unwrap().pop().flatten() else {
                return Ok(response);
            };
            let mut status = response.status().as_u16();
            let mut body = response.body().bytes().unwrap_or_default().to_vec();
            change.apply(&mut status, &mut body);
            let changed = http::Response::builder()
                .status(status)
                .header("content-type", "text/xml")
                .body(SdkBody::from(body))
                .unwrap();
            Ok(HttpResponse::try_from(changed).unwrap())
        })
    }
}

/// A launch before its attaches, and the changes of the responses that its functions get.
async fn launch() -> (Launch, Changes) {
    let mut launch = Launch::running().await.unwrap();
    launch.run_to(State::CreateInterfaces).await.unwrap();
    let changes = Changes::default();
    let client = Changing {
        through: InProcess::new(launch.local()),
        changes: Arc::clone(&changes),
    };
    let launch = launch.with_http_client(connector::client(client)).await;
    (launch, changes)
}

/// The number of cases: PROPTEST_CASES for a long run, otherwise some.
fn cases() -> u32 {
    let asked = std::env::var("PROPTEST_CASES").ok();
    asked.and_then(|asked| asked.parse().ok()).unwrap_or(300)
}

#[test]
fn any_response_of_aws_gets_a_result_or_an_error() {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_all().start_paused(true).build().unwrap();
    let world = RefCell::new(runtime.block_on(launch()));
    let inputs = (
        prop::sample::select(State::ALL.to_vec()),
        prop::collection::vec(prop::option::weighted(0.6, change()), 1..8),
    );
    let config = Config {
        cases: cases(),
        failure_persistence: None,
        ..Config::default()
    };
    TestRunner::new(config)
        .run(&inputs, |(state, changes)| {
            let mut world = world.borrow_mut();
            let (launch, answers) = &*world;
            *answers.lock().unwrap() = changes;
            match runtime.block_on(launch.handle(state, launch.payload(state))) {
                Ok(_) => {}
                Err(error) => {
                    prop_assert!(Error::TYPES.contains(&error.error_type()));
                    let says = error.to_string();
                    // A panic of a concurrent task is caught and becomes an error.
                    prop_assert!(!says.contains("panic"), "{says}");
                    prop_assert!(says.len() < 20_000, "{} bytes", says.len());
                }
            }
            let elapsed = launch.local().with_world(|world| world.kernel.elapsed());
            if elapsed > FRESH_FOR || state == State::ReleaseInterfaces {
                *world = runtime.block_on(self::launch());
            }
            Ok(())
        })
        .unwrap();
}
