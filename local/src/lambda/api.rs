//! Lambda's public API: `Invoke`, `ListFunctions`, `ListVersionsByFunction`, `GetFunction`,
//! `GetFunctionConcurrency`, `DeleteFunction` of a version, `GetAccountSettings`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::function::FunctionConfig;
use super::host::Lambda;
use super::outcome::{InvokeError, Outcome};
use crate::LocalAws;
use crate::iam::LOCAL_ROLE;

/// The path of `GetAccountSettings` (Lambda API Reference).
pub(crate) const ACCOUNT_SETTINGS: &str = "/2016-08-19/account-settings";
/// The paths of functions. That of `GetFunctionConcurrency` has a version of its own (the same).
pub(crate) const FUNCTIONS: &str = "/2015-03-31/functions";
pub(crate) const FUNCTION_CONCURRENCY: &str = "/2019-09-30/functions";
/// The most functions of a page.
const PAGE: usize = 50;
const REQUEST_ID: &str = "x-amzn-requestid";

/// Answers one call of the Lambda API.
pub(crate) async fn act(local: &LocalAws, request: Request<Bytes>) -> Response<Bytes> {
    let mut response = route(local.lambda(), request).await;
    // SDKs read the request id from every answer, also errors. An invocation has one already.
    if !response.headers().contains_key(REQUEST_ID)
        && let Ok(id) = HeaderValue::from_str(&local.with_world(|world| world.kernel.new_uuid()))
    {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

async fn route(lambda: &Lambda, request: Request<Bytes>) -> Response<Bytes> {
    let (parts, body) = request.into_parts();
    if parts.uri.path().trim_end_matches('/') == ACCOUNT_SETTINGS && parts.method == Method::GET {
        return ok(&account_settings(lambda));
    }
    let path = parts.uri.path();
    let rest = path.strip_prefix(FUNCTIONS);
    let Some(rest) = rest.or_else(|| path.strip_prefix(FUNCTION_CONCURRENCY)) else {
        return unknown();
    };
    let segments: Vec<String> = rest
        .split('/')
        .filter(|segment| !segment.is_empty())
        // An ARN may have encoded colons.
        .map(|segment| percent_decode_str(segment).decode_utf8_lossy().into_owned())
        .collect();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    match (&parts.method, segments.as_slice()) {
        (&Method::POST, [function, "invocations"]) => {
            let function = qualified(function, &parts.uri);
            invoke(lambda, &function, &parts.headers, body).await
        }
        (&Method::GET, []) => {
            let marker = query(parts.uri.query(), "Marker").unwrap_or_default();
            let most = query(parts.uri.query(), "MaxItems").and_then(|most| most.parse().ok());
            let versions = query(parts.uri.query(), "FunctionVersion").as_deref() == Some("ALL");
            ok(&list(lambda, &marker, most.unwrap_or(PAGE), versions))
        }
        (&Method::GET, [function, "versions"]) => {
            let marker = query(parts.uri.query(), "Marker").unwrap_or_default();
            let most = query(parts.uri.query(), "MaxItems").and_then(|most| most.parse().ok());
            match lambda.resolve_version(function) {
                Ok((name, _)) => {
                    let mut functions = all(lambda, true);
                    functions.retain(|(config, _)| config.name == name);
                    let page = page(lambda, functions, &marker, most.unwrap_or(PAGE), "Versions");
                    ok(&page)
                }
                Err(refusal) => refused(&refusal),
            }
        }
        // Without a version the whole function would go, which the fake AWS does not do.
        (&Method::DELETE, [function]) => match query(parts.uri.query(), "Qualifier") {
            Some(version) => delete_version(lambda, function, &version),
            None => unknown(),
        },
        (&Method::GET, [function]) => match find(lambda, &qualified(function, &parts.uri)) {
            Ok((config, version)) => ok(&json!({
                "Configuration": describe(lambda, &config, version),
                "Code": { "RepositoryType": "S3", "Location": format!("file://{}", config.program.display()) },
                "Tags": {},
            })),
            Err(refusal) => refused(&refusal),
        },
        (&Method::GET, [function, "configuration"]) => {
            match find(lambda, &qualified(function, &parts.uri)) {
                Ok((config, version)) => ok(&describe(lambda, &config, version)),
                Err(refusal) => refused(&refusal),
            }
        }
        // The answer has no field for a function that reserves nothing.
        (&Method::GET, [function, "concurrency"]) => match find(lambda, function) {
            Ok((config, _)) => ok(&match config.reserved_concurrency {
                Some(reserved) => json!({ "ReservedConcurrentExecutions": reserved }),
                None => json!({}),
            }),
            Err(refusal) => refused(&refusal),
        },
        _ => unknown(),
    }
}

/// Deletes a published version. One that is not there is as good as deleted (Lambda API Reference,
/// DeleteFunction; the answers as measured in floci-io/floci, pull request 2824).
fn delete_version(lambda: &Lambda, function: &str, version: &str) -> Response<Bytes> {
    let name = match lambda.resolve(function) {
        Ok(name) => name,
        Err(refusal) => return refused(&refusal),
    };
    if version == "$LATEST" {
        let message = "$LATEST version cannot be deleted without deleting the function.";
        return error(
            StatusCode::BAD_REQUEST,
            "InvalidParameterValueException",
            json!({ "Type": "User", "message": message }),
        );
    }
    lambda.delete_version(&format!("{}:{version}", lambda.arn(&name)));
    answer(StatusCode::NO_CONTENT, Bytes::new(), &[])
}

fn unknown() -> Response<Bytes> {
    error(
        StatusCode::NOT_FOUND,
        "UnknownOperationException",
        json!({ "message": "Unknown operation" }),
    )
}

async fn invoke(
    lambda: &Lambda,
    function: &str,
    headers: &HeaderMap,
    payload: Bytes,
) -> Response<Bytes> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    match header("x-amz-invocation-type").unwrap_or("RequestResponse") {
        "RequestResponse" => match lambda.invoke(function, payload).await {
            Ok(outcome) => invoked(outcome, header("x-amz-log-type") == Some("Tail")),
            Err(refusal) => refused(&refusal),
        },
        "Event" => match lambda.invoke_async(function, payload) {
            Ok(()) => answer(StatusCode::ACCEPTED, Bytes::new(), &[]),
            Err(refusal) => refused(&refusal),
        },
        "DryRun" => match lambda.resolve(function) {
            Ok(_) => answer(StatusCode::NO_CONTENT, Bytes::new(), &[]),
            Err(refusal) => refused(&refusal),
        },
        other => {
            let message = format!(
                "1 validation error detected: Value '{other}' at 'invocationType' failed to satisfy constraint: \
                 Member must satisfy enum value set: [Event, RequestResponse, DryRun]"
            );
            error(
                StatusCode::BAD_REQUEST,
                "ValidationException",
                json!({ "message": message }),
            )
        }
    }
}

fn invoked(outcome: Outcome, tail: bool) -> Response<Bytes> {
    let mut headers = vec![
        (REQUEST_ID, outcome.request_id),
        ("x-amz-executed-version", "$LATEST".to_owned()),
    ];
    if outcome.function_error {
        headers.push(("x-amz-function-error", "Unhandled".to_owned()));
    }
    if tail {
        headers.push((
            "x-amz-log-result",
            BASE64.encode(outcome.log_tail.join("\n")),
        ));
    }
    answer(StatusCode::OK, outcome.payload, &headers)
}

/// A function with the version or alias of the query.
fn qualified(function: &str, uri: &Uri) -> String {
    match query(uri.query(), "Qualifier") {
        Some(qualifier) => format!("{function}:{qualifier}"),
        None => function.to_owned(),
    }
}

/// A function, or a published version with its number.
fn find(lambda: &Lambda, function: &str) -> Result<(FunctionConfig, Option<u32>), InvokeError> {
    let (name, version) = lambda.resolve_version(function)?;
    all(lambda, version.is_some())
        .into_iter()
        .find(|(config, of)| config.name == name && *of == version)
        .ok_or_else(|| InvokeError::NotFound {
            arn: lambda.arn(&name),
        })
}

/// The functions, on request with their published versions.
fn all(lambda: &Lambda, versions: bool) -> Vec<(FunctionConfig, Option<u32>)> {
    let newest = lambda.functions().into_iter().map(|config| (config, None));
    let published = lambda.versions().into_iter().filter(|_| versions);
    let published = published.map(|(number, config)| (config, Some(number)));
    newest.chain(published).collect()
}

/// A page of functions, by name, and on request their versions (`FunctionVersion=ALL`).
fn list(lambda: &Lambda, marker: &str, most: usize, versions: bool) -> Value {
    page(lambda, all(lambda, versions), marker, most, "Functions")
}

/// A page of functions or versions, by name and number: those after `marker`, at most 50 (Lambda API
/// Reference, ListFunctions and ListVersionsByFunction).
fn page(
    lambda: &Lambda,
    mut functions: Vec<(FunctionConfig, Option<u32>)>,
    marker: &str,
    most: usize,
    field: &str,
) -> Value {
    let key = |(config, version): &(FunctionConfig, Option<u32>)| {
        format!("{}:{:010}", config.name, version.unwrap_or_default())
    };
    functions.sort_by_key(key);
    functions.retain(|function| key(function).as_str() > marker);
    let more = functions.len() > most.clamp(1, PAGE);
    functions.truncate(most.clamp(1, PAGE));
    let next = functions.last().filter(|_| more).map(key);
    let page: Vec<Value> = functions
        .iter()
        .map(|(config, version)| describe(lambda, config, *version))
        .collect();
    match next {
        Some(next) => json!({ field: page, "NextMarker": next }),
        None => json!({ field: page }),
    }
}

/// The limits and the use of the account (Lambda API Reference, GetAccountSettings). The fake AWS
/// keeps no code, so its sizes are zero.
fn account_settings(lambda: &Lambda) -> Value {
    let functions = lambda.functions();
    let reserved: u32 = functions
        .iter()
        .filter_map(|f| f.reserved_concurrency)
        .sum();
    let limit = lambda.account_concurrency();
    json!({
        "AccountLimit": {
            "CodeSizeUnzipped": 262_144_000,
            "CodeSizeZipped": 52_428_800,
            "ConcurrentExecutions": limit,
            "TotalCodeSize": 80_530_636_800_u64,
            "UnreservedConcurrentExecutions": limit.saturating_sub(reserved),
        },
        "AccountUsage": { "FunctionCount": functions.len(), "TotalCodeSize": 0 },
    })
}

fn describe(lambda: &Lambda, config: &FunctionConfig, version: Option<u32>) -> Value {
    let arn = lambda.arn(&config.name);
    let (arn, version) = match version {
        None => (arn, "$LATEST".to_owned()),
        Some(number) => (format!("{arn}:{number}"), number.to_string()),
    };
    json!({
        "FunctionName": config.name,
        "FunctionArn": arn,
        "Description": config.description,
        // There is no package to make a digest of: the same program is the same code.
        "CodeSha256": BASE64.encode(config.program.as_os_str().as_encoded_bytes()),
        "Runtime": "provided.al2023",
        "Role": config.role.as_deref().unwrap_or(LOCAL_ROLE),
        "Handler": "bootstrap",
        "PackageType": "Zip",
        "Architectures": ["x86_64"],
        "Timeout": config.timeout.as_secs().max(1),
        "MemorySize": config.memory_mb,
        "Version": version,
        "State": "Active",
        "LastUpdateStatus": "Successful",
        "Environment": { "Variables": config.environment },
    })
}

fn refused(refusal: &InvokeError) -> Response<Bytes> {
    let message = refusal.to_string();
    match refusal {
        InvokeError::NotFound { .. } => error(
            StatusCode::NOT_FOUND,
            "ResourceNotFoundException",
            json!({ "Type": "User", "Message": message }),
        ),
        InvokeError::TooManyRequests { reason } => error(
            StatusCode::TOO_MANY_REQUESTS,
            "TooManyRequestsException",
            json!({ "Reason": reason, "Type": "User", "message": message }),
        ),
        InvokeError::InvalidRequestContent(_) => error(
            StatusCode::BAD_REQUEST,
            "InvalidRequestContentException",
            json!({ "Type": "User", "message": message }),
        ),
        InvokeError::RequestTooLarge => error(
            StatusCode::PAYLOAD_TOO_LARGE,
            "RequestTooLargeException",
            json!({ "Type": "User", "message": message }),
        ),
    }
}

fn ok(body: &Value) -> Response<Bytes> {
    answer(StatusCode::OK, Bytes::from(body.to_string()), &[])
}

fn error(status: StatusCode, code: &'static str, body: Value) -> Response<Bytes> {
    answer(
        status,
        Bytes::from(body.to_string()),
        &[("x-amzn-errortype", code.to_owned())],
    )
}

fn answer(status: StatusCode, body: Bytes, headers: &[(&'static str, String)]) -> Response<Bytes> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(
        http::header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(*name, value);
        }
    }
    response
}

fn query(query: Option<&str>, name: &str) -> Option<String> {
    form_urlencoded::parse(query?.as_bytes())
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
}
