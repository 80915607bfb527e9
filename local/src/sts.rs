//! STS: GetCallerIdentity only.

use crate::settings::Settings;
use crate::wire::error::ApiError;
use crate::wire::query::Params;
use crate::wire::xml::Xml;

/// Answers one call with the inner XML of its result element.
pub(crate) fn act(
    settings: &Settings,
    action: &str,
    params: &mut Params,
) -> Result<String, ApiError> {
    match action {
        "GetCallerIdentity" => {
            params.finish()?;
            let account = &settings.account;
            let mut xml = Xml::new();
            xml.text("Arn", format_args!("arn:aws:iam::{account}:user/local"));
            xml.text("UserId", "AIDALOCALUSER00000000");
            xml.text("Account", account);
            Ok(xml.into_string())
        }
        _ => Err(ApiError::invalid_action(action)),
    }
}
