//! The client against a fake EKS: `DescribeCluster` over HTTP, and the API server of a cluster over
//! TLS.

// A test fails by a panic.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use hookline_kubernetes::{Backoff, Caller, Cluster, Error, Event, Reader, RequestFailure};
use hookline_local::eks::{ApiServer, Contents, Fault, Resource};
use hookline_local::server::Server;
use hookline_local::{LocalAws, Settings};
use hookline_runtime::sdk;
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::Api;
use serde_json::{Value, json};
use tokio::time::Instant;

/// A fake AWS with the cluster `prod`.
struct Scene {
    aws: LocalAws,
    server: Server,
    api: ApiServer,
}

fn credentials() -> Credentials {
    Credentials::new("AKIDEXAMPLE", "secret", None, None, "test")
}

fn object(name: &str) -> Value {
    json!({"metadata": {"name": name, "uid": name, "creationTimestamp": "2026-05-04T06:12:40Z"}})
}

impl Scene {
    async fn new() -> Self {
        let aws = LocalAws::new(Settings::for_tests());
        let server = Server::start(&aws, 0).await.unwrap();
        let api = ApiServer::start("prod", vec![credentials()]).await.unwrap();
        api.set_contents(Contents {
            nodes: vec![object("node-1")],
            pods: ["a", "b", "c"].map(object).to_vec(),
            ..Contents::default()
        });
        aws.eks().add_cluster("prod", api.description());
        Self { aws, server, api }
    }

    async fn config(&self) -> SdkConfig {
        sdk::settings(aws_config::defaults(BehaviorVersion::latest()))
            .http_client(sdk::http_client())
            .endpoint_url(self.server.url())
            .region(Region::new("us-east-2"))
            .credentials_provider(credentials())
            .load()
            .await
    }

    async fn find(&self, name: &str) -> Result<Cluster, Error> {
        let caller = Caller::new(self.config().await, "the tester").unwrap();
        Cluster::find(name, &caller).await
    }

    async fn prod(&self) -> Cluster {
        self.find("prod").await.unwrap()
    }
}

fn reader(cluster: &Cluster) -> Reader {
    let backoff = Backoff {
        initial_pause: Duration::from_millis(5),
        ..Backoff::default()
    };
    cluster.reader(backoff, Instant::now() + Duration::from_secs(60))
}

#[tokio::test]
async fn the_client_of_kube_is_authenticated() {
    let scene = Scene::new().await;
    let cluster = scene.prod().await;
    let nodes = Api::<Node>::all(cluster.client());
    let node = nodes.get("node-1").await.unwrap();
    assert_eq!(node.metadata.name.as_deref(), Some("node-1"));
    assert_eq!(scene.api.requests()[0].access_key, "AKIDEXAMPLE");
    assert!(scene.api.refused().is_empty());
}

/// Waits for the next second of the clock. Two tokens that are signed within one second are equal.
async fn next_second() {
    let second = || {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap()
            .as_secs()
    };
    let now = second();
    while second() == now {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn the_client_of_kube_signs_a_new_token_after_a_401() {
    let scene = Scene::new().await;
    let cluster = scene.prod().await;
    scene
        .api
        .fail(|asked| (asked.nth == 1).then_some(Fault::Status(401, None)));
    let nodes = Api::<Node>::all(cluster.client());
    let error = cluster.error("get Node node-1", nodes.get("node-1").await.unwrap_err());
    let failure = error.failure().unwrap();
    assert!(
        matches!(failure, RequestFailure::Unauthorized { .. }),
        "{error}"
    );
    next_second().await;
    nodes.get("node-1").await.unwrap();
    nodes.get("node-1").await.unwrap();
    let asked = scene.api.requests();
    assert_ne!(asked[0].token, asked[1].token);
    assert_eq!(asked[1].token, asked[2].token);
}

#[tokio::test]
async fn an_error_of_kube_names_the_action_and_the_cluster() {
    let scene = Scene::new().await;
    let cluster = scene.prod().await;
    let nodes = Api::<Node>::all(cluster.client());
    let error = cluster.error("get Node node-2", nodes.get("node-2").await.unwrap_err());
    let text = "cannot get Node node-2 in cluster prod: not found: nodes not found";
    assert_eq!(error.to_string(), text);
    let error = cluster.error("get Node ''", nodes.get("").await.unwrap_err());
    let failure = error.failure().unwrap();
    assert!(matches!(failure, RequestFailure::Invalid { .. }), "{error}");
}

/// Credentials that can be loaded once.
#[derive(Debug, Default)]
struct LoadedOnce(AtomicBool);

impl ProvideCredentials for LoadedOnce {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::ready(match self.0.swap(true, Ordering::Relaxed) {
            false => Ok(credentials()),
            true => Err(CredentialsError::not_loaded("no credentials")),
        })
    }
}

#[tokio::test]
async fn a_token_that_cannot_be_signed_is_an_error_of_its_own() {
    let scene = Scene::new().await;
    // DescribeCluster gets the credentials, the token does not.
    let provider = SharedCredentialsProvider::new(LoadedOnce::default());
    let config = scene.config().await.into_builder();
    let config = config.credentials_provider(provider).build();
    let caller = Caller::new(config, "the tester").unwrap();
    let cluster = Cluster::find("prod", &caller).await.unwrap();
    for error in [
        reader(&cluster).get::<Node>("node-1").await.unwrap_err(),
        cluster.error(
            "get Node node-1",
            Api::<Node>::all(cluster.client())
                .get("node-1")
                .await
                .unwrap_err(),
        ),
    ] {
        assert!(matches!(error, Error::TokenNotSigned { .. }), "{error:?}");
        assert!(error.to_string().contains("no credentials"), "{error}");
    }
    assert!(scene.api.requests().is_empty() && scene.api.refused().is_empty());
}

#[tokio::test]
async fn a_reader_lists_full_types_in_pages() {
    let scene = Scene::new().await;
    let cluster = scene.prod().await;
    let reader = reader(&cluster);
    let mut pods = reader.list::<Pod>(2);
    let mut pages = Vec::new();
    while let Some(page) = pods.next_page().await.unwrap() {
        let names = page.into_iter().map(|pod| pod.metadata.name.unwrap());
        pages.push(names.collect::<Vec<_>>());
    }
    assert_eq!(pages, [vec!["a", "b"], vec!["c"]]);
    assert!(pods.next_page().await.unwrap().is_none());
}

#[tokio::test]
async fn a_reader_gets_an_object_or_none() {
    let scene = Scene::new().await;
    let cluster = scene.prod().await;
    let reader = reader(&cluster);
    assert!(reader.get::<Node>("node-1").await.unwrap().is_some());
    assert!(reader.get::<Node>("node-2").await.unwrap().is_none());
}

#[tokio::test]
async fn a_reader_names_the_list_that_it_may_not_read() {
    let scene = Scene::new().await;
    let cluster = scene.prod().await;
    scene
        .api
        .fail(|asked| (asked.resource == Resource::Pods).then_some(Fault::Status(403, None)));
    let error = reader(&cluster)
        .list::<Pod>(2)
        .next_page()
        .await
        .unwrap_err();
    let text = error.to_string();
    let start = "cannot list pods in cluster prod: the caller is not allowed to";
    assert!(text.starts_with(start), "{text}");
    assert_eq!(scene.api.requests().len(), 1);
}

#[tokio::test]
async fn an_unknown_cluster_is_not_found() {
    let scene = Scene::new().await;
    let error = scene.find("staging").await.map(|_| ()).unwrap_err();
    let expected = Error::ClusterNotFound {
        cluster: "staging".to_owned(),
        region: "us-east-2".to_owned(),
    };
    assert_eq!(error, expected);
}

#[tokio::test]
async fn a_cluster_that_is_being_created_is_not_ready() {
    let scene = Scene::new().await;
    let creating = json!({"name": "new", "status": "CREATING", "certificateAuthority": {}});
    scene.aws.eks().add_cluster("new", creating);
    let error = scene.find("new").await.map(|_| ()).unwrap_err();
    let expected = Error::ClusterNotReady {
        cluster: "new".to_owned(),
        status: "CREATING".to_owned(),
        missing: "endpoint",
    };
    assert_eq!(error, expected);
}

#[tokio::test]
async fn a_configuration_without_region_or_credentials_is_refused() {
    let scene = Scene::new().await;
    let config = || scene.config();
    let missing = |config: SdkConfig| match Caller::new(config, "the tester") {
        Err(Error::IncompleteConfig { missing }) => missing,
        other => panic!("{other:?}"),
    };
    let no_region = config().await.into_builder().region(None).build();
    assert_eq!(missing(no_region), "Region");
    let mut no_credentials = config().await.into_builder();
    no_credentials.set_credentials_provider(None);
    assert_eq!(missing(no_credentials.build()), "credentials");
}

#[tokio::test]
async fn a_watch_goes_on_after_the_version_of_a_list() {
    let scene = Scene::new().await;
    let cluster = scene.prod().await;
    let reader = reader(&cluster);
    let event = |kind: &str, name: &str, version: &str| {
        let mut object = object(name);
        object["metadata"]["resourceVersion"] = json!(version);
        scene
            .api
            .add_pod_event(json!({"type": kind, "object": object}));
    };
    event("DELETED", "before", "100");
    let mut list = reader.list::<Pod>(2);
    assert_eq!(list.resource_version(), None);
    list.next_page().await.unwrap();
    let version = list.resource_version().unwrap().to_owned();
    list.next_page().await.unwrap();
    assert_eq!(
        list.resource_version(),
        Some(version.as_str()),
        "all pages have one version"
    );

    event("ADDED", "a", "101");
    event("DELETED", "a", "103");
    let mut watch = reader.watch::<Pod>(&version, Duration::from_secs(5));
    let mut found = Vec::new();
    while let Some(event) = watch.next_event().await.unwrap() {
        let what = match event {
            Event::Changed => "changed".to_owned(),
            Event::Deleted(pod) => format!("{} deleted", pod.metadata.name.unwrap()),
            Event::Bookmark => "bookmark".to_owned(),
        };
        found.push((what, watch.resource_version().to_owned()));
    }
    let expected = [
        ("changed", "101"),
        ("a deleted", "103"),
        ("bookmark", "103"),
    ];
    assert_eq!(
        found,
        expected.map(|(what, version)| (what.to_owned(), version.to_owned()))
    );

    scene.api.forget_pod_events();
    let mut watch = reader.watch::<Pod>("102", Duration::from_secs(5));
    let error = watch.next_event().await.unwrap_err();
    let text =
        "cannot watch pods in cluster prod: the list expired: too old resource version: 102 (103)";
    assert_eq!(error.to_string(), text);
    assert!(matches!(
        error.failure(),
        Some(RequestFailure::Expired { .. })
    ));
}
