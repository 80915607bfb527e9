//! The fake AWS behind the real SDK: an HTTP connector that passes every request to
//! [`LocalAws::handle`].

use aws_config::{BehaviorVersion, ConfigLoader, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use hookline_local::LocalAws;

/// An SDK HTTP client that sends every request through this connector.
pub fn client(connector: impl HttpConnector + 'static) -> SharedHttpClient {
    let connector = SharedHttpConnector::new(connector);
    http_client_fn(move |_, _| connector.clone())
}

/// An SDK HTTP connector without a network.
#[derive(Clone)]
pub struct InProcess(LocalAws);

impl InProcess {
    /// A connector to `local`.
    #[must_use]
    pub fn new(local: &LocalAws) -> Self {
        Self(local.clone())
    }
}

impl std::fmt::Debug for InProcess {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("InProcess")
    }
}

impl HttpConnector for InProcess {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let local = self.0.clone();
        HttpConnectorFuture::new(async move {
            let request = request
                .try_into_http1x()
                .map_err(|error| ConnectorError::user(error.into()))?;
            // All requests have their whole body in memory.
            let request =
                request.map(|body| Bytes::copy_from_slice(body.bytes().unwrap_or_default()));
            let response = local
                .handle(request)
                .await
                .map_err(|reset| ConnectorError::io(reset.into()))?;
            HttpResponse::try_from(response.map(SdkBody::from))
                .map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

/// The SDK configuration of the product, with calls to `local`.
pub async fn product_config(local: &LocalAws) -> SdkConfig {
    let settings = hookline::aws::settings(aws_config::defaults(BehaviorVersion::latest()));
    config(local, settings).await
}

/// A default SDK configuration, with calls to `local`. The calls do not count as Hookline's.
pub async fn plain_config(local: &LocalAws) -> SdkConfig {
    config(local, aws_config::defaults(BehaviorVersion::latest())).await
}

async fn config(local: &LocalAws, loader: ConfigLoader) -> SdkConfig {
    let region = local.with_world(|world| world.kernel.settings.region.clone());
    loader
        .region(Region::new(region))
        .credentials_provider(Credentials::from_keys("test", "test", None))
        .http_client(client(InProcess::new(local)))
        .load()
        .await
}
