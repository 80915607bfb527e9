//! The environment variables of a function's program.

use std::collections::BTreeMap;

use aws_credential_types::Credentials;

use super::function::FunctionConfig;
use crate::iam::credentials_of;

/// The access key id, the secret key and the session token: one public value.
const CREDENTIAL: &str = "test";

/// The credentials in the environment of a function without a role, unless its configuration has
/// others.
#[must_use]
pub fn credentials() -> Credentials {
    Credentials::new(
        CREDENTIAL,
        CREDENTIAL,
        Some(CREDENTIAL.to_owned()),
        None,
        "hookline-local",
    )
}

/// The environment of a function's program: Lambda's variables, then the function's own.
pub(super) fn environment(
    config: &FunctionConfig,
    region: &str,
    endpoint: Option<String>,
    sandbox: u64,
) -> BTreeMap<String, String> {
    let root = config
        .program
        .parent()
        .map(|path| path.display().to_string())
        .unwrap_or_default();
    let credentials = config
        .role
        .as_deref()
        .map_or_else(credentials, credentials_of);
    let mut environment: BTreeMap<String, String> = [
        ("AWS_ACCESS_KEY_ID", credentials.access_key_id()),
        ("AWS_SECRET_ACCESS_KEY", credentials.secret_access_key()),
        (
            "AWS_SESSION_TOKEN",
            credentials.session_token().unwrap_or_default(),
        ),
        ("AWS_REGION", region),
        ("AWS_DEFAULT_REGION", region),
        ("AWS_EXECUTION_ENV", "AWS_Lambda_provided.al2023"),
        ("AWS_LAMBDA_FUNCTION_NAME", config.name.as_str()),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
        ("LAMBDA_TASK_ROOT", root.as_str()),
        ("LAMBDA_RUNTIME_DIR", root.as_str()),
        ("LANG", "en_US.UTF-8"),
        ("TZ", ":UTC"),
        ("_HANDLER", "bootstrap"),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .collect();
    environment.insert(
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE".to_owned(),
        config.memory_mb.to_string(),
    );
    environment.insert(
        "AWS_LAMBDA_LOG_GROUP_NAME".to_owned(),
        format!("/aws/lambda/{}", config.name),
    );
    environment.insert(
        "AWS_LAMBDA_LOG_STREAM_NAME".to_owned(),
        format!("[$LATEST]{sandbox:032x}"),
    );
    if let Some(endpoint) = endpoint {
        environment.insert("AWS_ENDPOINT_URL".to_owned(), endpoint);
    }
    environment.extend(config.environment.clone());
    environment
}
