//! `hookline whoami`: who makes the calls, and where to.

use serde::Serialize;

use crate::aws::Aws;
use crate::error::{Code, Result};
use crate::output::{LABEL, Output, Page, Report};
use crate::settings::AwsSettings;

/// The identity and the target of calls.
#[derive(Debug, Serialize)]
struct WhoAmI {
    account: String,
    arn: String,
    region: String,
    endpoint: String,
}

impl Report for WhoAmI {
    fn write(&self, page: &mut Page) {
        page.table(
            LABEL,
            &[
                ("Account", &self.account),
                ("ARN", &self.arn),
                ("Region", &self.region),
                ("Endpoint", &self.endpoint),
            ],
        );
    }
}

pub(super) async fn run(settings: &AwsSettings, output: &Output) -> Result<Code> {
    let aws = Aws::connect(settings).await?;
    let identity = aws.caller_identity().await?;
    output.report(&WhoAmI {
        account: identity.account,
        arn: identity.arn,
        region: aws.region().to_owned(),
        endpoint: identity.endpoint,
    })?;
    Ok(Code::Success)
}
