//! A fake cluster, a fake AWS, and the function.

use std::io::Read as _;
use std::time::Duration;

use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use flate2::read::GzDecoder;
use hookline_kubernetes::Backoff;
use hookline_local::eks::ApiServer;
use hookline_runtime::{Invocation, sdk};
use hookline_traffic::aws::Aws;
use hookline_traffic::error::Error;
use hookline_traffic::extract::{self, Settings};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::fake_aws::{FakeAws, OWN_KEY, OWN_SECRET, ROLE_KEY, ROLE_SECRET, ROLE_SESSION};
use crate::records::assert_fits;

/// The bucket and key of the object of [`Scene::payload`].
pub(crate) const OBJECT: &str = "acme-traffic/pods/dt=2026-05-04/hour=11/prod.run-1.json.gz";

/// The fake cluster `prod` in a fake AWS.
pub(crate) struct Scene {
    pub(crate) aws: FakeAws,
    pub(crate) api: ApiServer,
    /// The limits of the function: small pages, short pauses.
    pub(crate) settings: Settings,
    /// How long the function may take.
    pub(crate) timeout: Duration,
}

impl Scene {
    pub(crate) async fn new() -> Self {
        let aws = FakeAws::start().await;
        let callers = vec![
            Credentials::new(OWN_KEY, OWN_SECRET, None, None, "test"),
            Credentials::new(
                ROLE_KEY,
                ROLE_SECRET,
                Some(ROLE_SESSION.to_owned()),
                None,
                "test",
            ),
        ];
        let api = ApiServer::start("prod", callers).await.unwrap();
        aws.hold_cluster("prod", api.description());
        Self {
            aws,
            api,
            settings: Settings {
                page_size: 10,
                backoff: Backoff {
                    initial_pause: Duration::from_millis(5),
                    ..Backoff::default()
                },
                ..Settings::default()
            },
            timeout: Duration::from_secs(600),
        }
    }

    /// The payload of the function.
    pub(crate) fn payload(&self) -> Value {
        json!({
            "execution": "run-1",
            "cluster": "prod",
            "bucket": "acme-traffic",
            "hour": "2026-05-04T11:00:00Z",
        })
    }

    /// The payload that replays the pods' watch.
    pub(crate) fn payload_of_deleted_pods(&self) -> Value {
        let mut payload = self.payload();
        payload["deletedPods"] = json!(true);
        payload
    }

    /// Invokes the function in this process.
    pub(crate) async fn run(&self, payload: Value) -> Result<Value, Error> {
        let config = sdk::settings(aws_config::defaults(BehaviorVersion::latest()))
            .http_client(sdk::http_client())
            .endpoint_url(&self.aws.url)
            .region(Region::new("us-east-2"))
            .credentials_provider(Credentials::new(OWN_KEY, OWN_SECRET, None, None, "test"))
            .load()
            .await;
        let invocation = Invocation {
            request_id: "request-1".to_owned(),
            deadline: Instant::now() + self.timeout,
            payload,
        };
        extract::handle(Aws::new(config), invocation, self.settings).await
    }

    /// Invokes the function, which must succeed.
    pub(crate) async fn extract(&self) -> Value {
        let result = self.run(self.payload()).await;
        result.unwrap_or_else(|error| panic!("{error}; refused: {:?}", self.api.refused()))
    }

    /// Invokes the function, which must fail and write nothing.
    pub(crate) async fn failure(&self) -> Error {
        let error = self.run(self.payload()).await.unwrap_err();
        assert!(self.aws.objects().is_empty(), "{error}");
        error
    }

    /// The lines of the object that a run with [`Scene::payload`] wrote.
    pub(crate) fn lines(&self) -> Vec<Value> {
        lines(&self.aws.objects()[OBJECT])
    }
}

/// The lines of an object.
pub(crate) fn lines(object: &[u8]) -> Vec<Value> {
    let mut text = String::new();
    let mut gzip = GzDecoder::new(object);
    gzip.read_to_string(&mut text).unwrap();
    assert!(
        gzip.into_inner().is_empty(),
        "there is more than one gzip member"
    );
    assert!(text.is_empty() || text.ends_with('\n'));
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// What an object lacks, and why: `NAME PHASE` of each line that says so. It must fit the schema.
pub(crate) fn missing(lines: &[Value]) -> Vec<String> {
    assert_fits(lines);
    let missing = lines.iter().filter(|line| line["kind"] == "missing");
    let told = missing.map(|line| {
        let text = |field: &str| line[field].as_str().unwrap().to_owned();
        assert_eq!(line["observed_at"], lines[0]["observed_at"]);
        format!("{} {}", text("name"), text("phase"))
    });
    told.collect()
}

/// The values of `field` of the lines of `kind`, in order of the lines.
pub(crate) fn all(lines: &[Value], kind: &str, field: &str) -> Vec<String> {
    lines
        .iter()
        .filter(|line| line["kind"] == kind)
        .map(|line| line[field].as_str().unwrap().to_owned())
        .collect()
}
