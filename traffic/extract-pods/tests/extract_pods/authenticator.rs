//! What EKS's authenticator and STS do with a token, as far as it decides who may come in.
//!
//! The checks are aws-iam-authenticator's (`pkg/token/token.go`, `Verify`). The signature is made again with the secret
//! that STS would know, and with this cluster's name as the header, whatever the caller put there.

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

/// Parameters that a token may have.
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

/// The access key id of the caller whose token this is, or what is wrong with it.
pub(crate) fn verify(
    authorization: &str,
    cluster: &str,
    callers: &[Credentials],
) -> Result<String, String> {
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
    let query = url
        .strip_prefix("https://sts.us-east-2.amazonaws.com/?")
        .ok_or_else(|| format!("unexpected scheme, host or path in {url}"))?;
    let mut parameters = BTreeMap::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let name = name.to_lowercase();
        if !ALLOWED.contains(&name.as_str()) {
            return Err(format!("parameter {name} is not allowed"));
        }
        if parameters.insert(name, value.into_owned()).is_some() {
            return Err("a parameter with several values".to_owned());
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
    let date = DateTime::strptime("%Y%m%dT%H%M%SZ", parameter("x-amz-date")?)
        .and_then(|date| date.to_zoned(TimeZone::UTC))
        .map_err(|error| error.to_string())?
        .timestamp();
    let age = Timestamp::now().as_second() - date.as_second();
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
        .ok_or_else(|| format!("nobody has the access key {access_key}"))?;
    let now = SystemTime::UNIX_EPOCH
        + Duration::from_secs(u64::try_from(date.as_second()).map_err(|error| error.to_string())?);
    if signature(cluster, caller, now) != *parameter("x-amz-signature")? {
        return Err("the signature does not match: another secret, or another cluster".to_owned());
    }
    Ok(access_key.to_owned())
}

fn signature(cluster: &str, caller: &Credentials, now: SystemTime) -> String {
    let mut settings = SigningSettings::default();
    settings.signature_location = SignatureLocation::QueryParams;
    settings.expires_in = Some(Duration::from_secs(60));
    let identity = caller.clone().into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region("us-east-2")
        .name("sts")
        .time(now)
        .settings(settings)
        .build()
        .unwrap()
        .into();
    let request = SignableRequest::new(
        "GET",
        "https://sts.us-east-2.amazonaws.com/?Action=GetCallerIdentity&Version=2011-06-15",
        std::iter::once(("x-k8s-aws-id", cluster)),
        SignableBody::Bytes(&[]),
    );
    sign(request.unwrap(), &params).unwrap().into_parts().1
}
