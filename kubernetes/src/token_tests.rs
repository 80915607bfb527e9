//! Compares tokens with URLs that botocore (`SigV4QueryAuth`) signed for the same caller, moment
//! and cluster.

use std::collections::BTreeMap;

use super::*;

/// 2026-05-04T11:20:03Z
const NOW: Duration = Duration::from_secs(1_777_893_603);

fn credentials(session_token: Option<&str>) -> Credentials {
    Credentials::new(
        "AKIDEXAMPLE",
        "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
        session_token.map(ToOwned::to_owned),
        None,
        "test",
    )
}

/// The URL in a token.
fn url(token: &str) -> String {
    let encoded = token.strip_prefix("k8s-aws-v1.").unwrap();
    String::from_utf8(URL_SAFE_NO_PAD.decode(encoded).unwrap()).unwrap()
}

/// The base of a URL, and its parameters. Their order does not matter: the signature does not
/// depend on it.
fn parts(url: &str) -> (String, BTreeMap<String, String>) {
    let (base, query) = url.split_once('?').unwrap();
    let pairs = query.split('&').map(|pair| {
        let (name, value) = pair.split_once('=').unwrap();
        (name.to_owned(), value.to_owned())
    });
    (base.to_owned(), pairs.collect())
}

fn source(cluster: &str) -> TokenSource {
    TokenSource::new(
        cluster,
        "us-east-2",
        "https://sts.us-east-2.amazonaws.com",
        SharedCredentialsProvider::new(credentials(None)),
    )
}

fn signed(cluster: &str, session_token: Option<&str>) -> String {
    let now = SystemTime::UNIX_EPOCH + NOW;
    source(cluster)
        .token(credentials(session_token), now)
        .unwrap()
}

#[test]
fn a_token_holds_the_url_that_botocore_signs() {
    let by_botocore = "https://sts.us-east-2.amazonaws.com/?Action=GetCallerIdentity&Version=2011-06-15\
        &X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20260504%2Fus-east-2%2Fsts%2Faws4_request\
        &X-Amz-Date=20260504T112003Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host%3Bx-k8s-aws-id\
        &X-Amz-Signature=d98242fff87d721dd0b09603f421944e88c14a3f23f98ae73a34d8e9356ec611";
    assert_eq!(parts(&url(&signed("prod", None))), parts(by_botocore));
}

#[test]
fn a_session_token_is_signed() {
    let by_botocore = "https://sts.us-east-2.amazonaws.com/?Action=GetCallerIdentity&Version=2011-06-15\
        &X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20260504%2Fus-east-2%2Fsts%2Faws4_request\
        &X-Amz-Date=20260504T112003Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host%3Bx-k8s-aws-id\
        &X-Amz-Security-Token=a%2Fsession%2Btoken%3D%3D\
        &X-Amz-Signature=bfaf2dc9802098bf087b8939b2a04994f067f1c0c05d2ac170f66b848d420504";
    let token = signed("prod", Some("a/session+token=="));
    assert_eq!(parts(&url(&token)), parts(by_botocore));
}

#[test]
fn a_token_has_no_padding_and_names_one_cluster() {
    for cluster in ["a", "ab", "abc"] {
        let token = signed(cluster, None);
        assert!(!token.contains('='), "{token}");
        assert_ne!(url(&token), url(&signed("another", None)));
    }
}

/// When the token that `tokens` returns now was signed.
async fn signed_at(tokens: &TokenSource) -> Instant {
    tokens.bearer().await.unwrap();
    tokens.current.lock().await.as_ref().unwrap().0
}

#[tokio::test(start_paused = true)]
async fn a_token_is_replaced_before_it_expires() {
    let tokens = source("prod");
    let first = signed_at(&tokens).await;
    tokio::time::advance(RENEW_AFTER - Duration::from_secs(1)).await;
    assert_eq!(signed_at(&tokens).await, first);
    tokio::time::advance(Duration::from_secs(1)).await;
    let second = signed_at(&tokens).await;
    assert!(second > first);
    assert!(second - first < EXPIRES);
}

#[tokio::test(start_paused = true)]
async fn a_discarded_token_is_replaced() {
    let tokens = source("prod");
    let first = signed_at(&tokens).await;
    tokio::time::advance(Duration::from_secs(1)).await;
    tokens.discard().await;
    assert!(signed_at(&tokens).await > first);
}

#[tokio::test]
async fn a_token_is_not_shown_in_logs() {
    let bearer = source("prod").bearer().await.unwrap();
    assert!(bearer.to_str().unwrap().starts_with("Bearer k8s-aws-v1."));
    assert!(!format!("{bearer:?}").contains("k8s-aws-v1"));
}
