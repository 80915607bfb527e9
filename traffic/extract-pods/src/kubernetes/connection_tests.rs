//! Endpoints that are not asked, and what API servers say. Requests are tested against a simulated API server
//! (`tests/extract_pods`).

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;

use super::*;

fn connect(url: &str, certificate_authority: &str) -> Result<Connection> {
    let tokens = Tokens {
        cluster: "prod".to_owned(),
        region: "us-east-2".to_owned(),
        sts: "https://sts.us-east-2.amazonaws.com".to_owned(),
        credentials: SharedCredentialsProvider::new(Credentials::new("a", "b", None, None, "test")),
        current: tokio::sync::Mutex::default(),
    };
    let endpoint = Endpoint {
        url: url.to_owned(),
        certificate_authority: certificate_authority.to_owned(),
    };
    Connection::new(&endpoint, tokens, Patience::default(), Instant::now())
}

fn authority() -> String {
    let key = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    STANDARD.encode(key.cert.pem())
}

#[tokio::test]
async fn a_token_never_goes_out_in_the_clear() {
    for url in ["http://10.0.0.1", "10.0.0.1:443", "/", "", "ht tp://x"] {
        let error = connect(url, &authority()).map(|_| ()).unwrap_err();
        assert_eq!(error.error_type(), "Hookline.AwsUnavailable", "{url:?}");
        assert!(error.to_string().contains("endpoint"), "{error}");
    }
    assert!(connect("https://10.0.0.1", &authority()).is_ok());
}

#[tokio::test]
async fn an_authority_that_is_none_is_refused() {
    let garbled = STANDARD.encode("-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n");
    let no_certificate =
        STANDARD.encode("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    let empty = STANDARD.encode("");
    for authority in ["", "?", &garbled, &no_certificate, &empty] {
        let error = connect("https://10.0.0.1", authority)
            .map(|_| ())
            .unwrap_err();
        assert!(
            error.to_string().contains("certificateAuthority.data"),
            "{error}"
        );
    }
}

#[test]
fn what_the_api_server_says_is_quoted_in_short() {
    let status = br#"{"kind":"Status","message":"pods is forbidden","code":403}"#;
    assert_eq!(message(status), "pods is forbidden");
    assert_eq!(message(b" Too many requests\n"), "Too many requests");
    assert_eq!(message(b""), "");
    assert!(message(&vec![b'x'; 1 << 20]).len() < 310);
}

#[test]
fn a_retry_after_is_in_seconds() {
    let after = |value: &'static str| {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, http::HeaderValue::from_static(value));
        retry_after(&headers)
    };
    assert_eq!(after("7"), Some(Duration::from_secs(7)));
    assert_eq!(after("Wed, 21 Oct 2026 07:28:00 GMT"), None);
    assert_eq!(after("-1"), None);
    assert_eq!(retry_after(&HeaderMap::new()), None);
}
