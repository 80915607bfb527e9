//! Endpoints that are refused before anything is sent.

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;

use super::*;

fn connect(url: &str, certificate_authority: &str) -> Result<kube::Client> {
    let tokens = TokenSource::new(
        "prod",
        "us-east-2",
        "https://sts.us-east-2.amazonaws.com",
        SharedCredentialsProvider::new(Credentials::new("a", "b", None, None, "test")),
    );
    let endpoint = Endpoint {
        url: url.to_owned(),
        certificate_authority: certificate_authority.to_owned(),
    };
    authenticated(&endpoint, tokens)
}

fn authority() -> String {
    let key = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    STANDARD.encode(key.cert.pem())
}

/// What is wrong with the endpoint.
fn problem(url: &str, certificate_authority: &str) -> String {
    match connect(url, certificate_authority).map(|_| ()) {
        Err(Error::UnusableEndpoint { cluster, problem }) => {
            assert_eq!(cluster, "prod");
            problem
        }
        other => panic!("{url:?}: {other:?}"),
    }
}

#[tokio::test]
async fn an_endpoint_without_tls_is_refused() {
    for url in ["http://10.0.0.1", "10.0.0.1:443", "/", "", "ht tp://x"] {
        let problem = problem(url, &authority());
        assert!(problem.contains("endpoint"), "{problem}");
    }
    assert!(connect("https://10.0.0.1", &authority()).is_ok());
}

#[tokio::test]
async fn an_invalid_certificate_authority_is_refused() {
    let garbled = STANDARD.encode("-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n");
    let no_certificate =
        STANDARD.encode("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    let empty = STANDARD.encode("");
    for authority in ["", "?", &garbled, &no_certificate, &empty] {
        let problem = problem("https://10.0.0.1", authority);
        assert!(problem.contains("certificateAuthority.data"), "{problem}");
    }
}
