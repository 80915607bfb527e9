//! The AWS SDK of the VPC CNI: it sends calls to the front door of the fake AWS, and retries as the
//! AWS SDK for Go v2 does by default (`aws/retry`, `Standard`: three attempts; before the next one a
//! random part of 2 s, then of 4 s).

use std::time::Duration;

use bytes::Bytes;
use rand::RngExt as _;

use super::life::Machine;
use super::xml::Element;

/// The VPC CNI's part of its user agent (aws/amazon-vpc-cni-k8s, `pkg/awsutils/awsutils.go`,
/// `AddUserAgentKeyValue`).
pub const VPC_CNI: &str = "amazon-vpc-cni-k8s";

const USER_AGENT: &str = "aws-sdk-go-v2/1.41.1 os/linux lang/go amazon-vpc-cni-k8s/v1.21.1";

const MAX_ATTEMPTS: u32 = 3;

/// Whether a call with this user agent is the VPC CNI's.
#[must_use]
pub fn is_of_vpc_cni(user_agent: &str) -> bool {
    user_agent.contains(VPC_CNI)
}

/// Why a call failed: EC2's error code and message. The code of a lost connection is empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CallError {
    pub(super) code: String,
    pub(super) message: String,
}

impl CallError {
    /// Whether the SDK tries again (`aws/retry`, `DefaultThrottleErrorCodes`, HTTP 500 to 504, and
    /// lost connections).
    fn is_retryable(&self, status: Option<u16>) -> bool {
        let throttled = ["RequestLimitExceeded", "Throttling", "ThrottlingException"];
        status.is_none_or(|status| (500..=504).contains(&status))
            || throttled.contains(&self.code.as_str())
    }
}

/// The answer of a call. `None`: the fake AWS is gone.
pub(super) type Answer = Option<Result<Element, CallError>>;

impl Machine {
    /// Makes a call of EC2, with the SDK's retries.
    pub(super) async fn ec2(&mut self, action: &str, params: &[(String, String)]) -> Answer {
        let mut attempt = 1;
        loop {
            let (status, error) = match self.attempt(action, params).await? {
                Ok(answer) => return Some(Ok(answer)),
                Err(failed) => failed,
            };
            if attempt >= MAX_ATTEMPTS || !error.is_retryable(status) {
                return Some(Err(error));
            }
            let longest = f64::from(1_u32 << attempt);
            let pause = self.rng.random_range(0.0..longest);
            tokio::time::sleep(Duration::from_secs_f64(pause)).await;
            attempt += 1;
        }
    }

    async fn attempt(
        &self,
        action: &str,
        params: &[(String, String)],
    ) -> Option<Result<Element, (Option<u16>, CallError)>> {
        let body = form_urlencoded::Serializer::new(String::new())
            .append_pair("Action", action)
            .append_pair("Version", "2016-11-15")
            .extend_pairs(params)
            .finish();
        let request = http::Request::post("/")
            .header("user-agent", USER_AGENT)
            .body(Bytes::from(body))
            .ok()?;
        let local = self.local.upgrade()?;
        let Ok(response) = local.handle(request).await else {
            let lost = CallError {
                code: String::new(),
                message: "connection reset".to_owned(),
            };
            return Some(Err((None, lost)));
        };
        let status = response.status().as_u16();
        let root = Element::parse(&String::from_utf8_lossy(response.body()));
        if status < 400 {
            return Some(Ok(root));
        }
        let error = root.items("Errors").next();
        let text = |name: &str| error.and_then(|error| error.text(name)).unwrap_or_default();
        let refused = CallError {
            code: text("Code").to_owned(),
            message: text("Message").to_owned(),
        };
        Some(Err((Some(status), refused)))
    }
}
