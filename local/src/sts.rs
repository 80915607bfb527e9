//! STS: GetCallerIdentity only.

use crate::iam;
use crate::settings::Settings;
use crate::wire::error::ApiError;
use crate::wire::query::Params;
use crate::wire::xml::Xml;

/// Answers one call, of a role or of anyone else, with the inner XML of its result element.
pub(crate) fn act(
    settings: &Settings,
    action: &str,
    params: &mut Params,
    role_arn: Option<&str>,
) -> Result<String, ApiError> {
    match action {
        "GetCallerIdentity" => {
            params.finish()?;
            let account = &settings.account;
            let mut xml = Xml::new();
            match role_arn {
                None => {
                    xml.text("Arn", format_args!("arn:aws:iam::{account}:user/local"));
                    xml.text("UserId", "AIDALOCALUSER00000000");
                }
                Some(role) => {
                    xml.text("Arn", iam::session_of(role));
                    xml.text("UserId", "AROALOCALROLE00000000:hookline-local");
                }
            }
            xml.text("Account", account);
            Ok(xml.into_string())
        }
        _ => Err(ApiError::invalid_action(action)),
    }
}
