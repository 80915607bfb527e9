//! The check of a token by EKS's authenticator and STS.
//!
//! The checks are those of aws-iam-authenticator (`pkg/token/token.go`, `Verify`). The signature is
//! recomputed with the secret that STS knows and with this cluster's name as the header, whatever
//! the caller sent. The authenticator calls STS in any Region of its partition; the signature must
//! be for that Region.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign,
};
use aws_sigv4::sign::v4;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// The form of `X-Amz-Date`.
const DATE: &str = "%Y%m%dT%H%M%SZ";

/// The parameters that a token may have.
const ALLOWED: [&str; 9] = [
    "action",
    "version",
    "x-amz-algorithm",
    "x-amz-credential",
    "x-amz-date",
    "x-amz-expires",
    "x-amz-security-token",
    "x-amz-signature",
    "x-amz-signedheaders",
];

/// The caller of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Caller {
    /// The caller's access key id.
    pub(super) access_key: String,
    /// The Region of the STS that the token is for.
    pub(super) region: String,
}

/// The caller of a token, or why the token is not valid.
pub(super) fn verify(
    authorization: &str,
    cluster: &str,
    callers: &[Credentials],
) -> Result<Caller, String> {
    let token = authorization
        .strip_prefix("Bearer ")
        .ok_or("no bearer token")?;
    if token.len() > 4096 {
        return Err("token is too large".to_owned());
    }
    let encoded = token.strip_prefix("k8s-aws-v1.").ok_or("no k8s-aws-v1")?;
    let url = URL_SAFE_NO_PAD
        .decode(encoded)
        .map_err(|error| error.to_string())?;
    let url = String::from_utf8(url).map_err(|error| error.to_string())?;
    let (region, query) = url
        .strip_prefix("https://sts.")
        .and_then(|rest| rest.split_once(".amazonaws.com/?"))
        .filter(|(region, _)| is_region(region))
        .ok_or_else(|| format!("unexpected scheme, host or path in {url}"))?;
    let mut parameters = BTreeMap::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let name = name.to_lowercase();
        if !ALLOWED.contains(&name.as_str()) {
            return Err(format!("parameter {name} is not allowed"));
        }
        if parameters.insert(name, value.into_owned()).is_some() {
            return Err("a parameter occurs twice".to_owned());
        }
    }
    let parameter = |name: &str| {
        parameters
            .get(name)
            .ok_or_else(|| format!("no parameter {name}"))
    };
    if parameter("action")? != "GetCallerIdentity" {
        return Err("another action".to_owned());
    }
    if !parameter("x-amz-signedheaders")?
        .split(';')
        .any(|header| header == "x-k8s-aws-id")
    {
        return Err("client did not sign the x-k8s-aws-id header".to_owned());
    }
    let expires = parameter("x-amz-expires")?;
    if expires != "60" {
        return Err(format!("expires in {expires} s"));
    }
    let date = DateTime::strptime(DATE, parameter("x-amz-date")?)
        .and_then(|date| date.to_zoned(TimeZone::UTC))
        .map_err(|error| error.to_string())?
        .timestamp()
        .as_second();
    let age = Timestamp::now().as_second() - date;
    if !(-5..60).contains(&age) {
        return Err(format!("signed {age} s ago"));
    }
    let access_key = parameter("x-amz-credential")?
        .split('/')
        .next()
        .unwrap_or_default();
    let caller = callers
        .iter()
        .find(|caller| caller.access_key_id() == access_key)
        .ok_or_else(|| format!("no caller has the access key {access_key}"))?;
    let date = u64::try_from(date).map_err(|error| error.to_string())?;
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(date);
    if signature(cluster, region, caller, now)? != *parameter("x-amz-signature")? {
        return Err(
            "the signature does not match: another secret, another Region, or another cluster"
                .to_owned(),
        );
    }
    Ok(Caller {
        access_key: access_key.to_owned(),
        region: region.to_owned(),
    })
}

fn is_region(text: &str) -> bool {
    let named = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    !text.is_empty() && text.bytes().all(named)
}

fn signature(
    cluster: &str,
    region: &str,
    caller: &Credentials,
    now: SystemTime,
) -> Result<String, String> {
    let mut settings = SigningSettings::default();
    settings.signature_location = SignatureLocation::QueryParams;
    settings.expires_in = Some(Duration::from_secs(60));
    let identity = caller.clone().into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name("sts")
        .time(now)
        .settings(settings)
        .build()
        .map_err(|error| error.to_string())?
        .into();
    let url =
        format!("https://sts.{region}.amazonaws.com/?Action=GetCallerIdentity&Version=2011-06-15");
    let request = SignableRequest::new(
        "GET",
        url,
        std::iter::once(("x-k8s-aws-id", cluster)),
        SignableBody::Bytes(&[]),
    )
    .map_err(|error| error.to_string())?;
    let signed = sign(request, &params).map_err(|error| error.to_string())?;
    Ok(signed.into_parts().1)
}
