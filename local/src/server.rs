//! The fake AWS over TCP: one HTTP endpoint on the loopback interface for all services.

use std::io;
use std::net::SocketAddr;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::{AbortHandle, JoinSet};

use crate::forward::MAX_FORWARDED;
use crate::{ConnectionReset, LocalAws, WeakLocalAws};

/// Slightly more than the largest payload of any service (Lambda's 6 MB), so that the service
/// itself refuses it.
const MAX_BODY: usize = 8 * 1024 * 1024;

/// A running endpoint. Dropping it closes the port and its connections.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    task: AbortHandle,
}

impl Server {
    /// Listens on a port of 127.0.0.1; port 0 takes a free one. Functions get this endpoint in
    /// `AWS_ENDPOINT_URL`.
    ///
    /// # Errors
    /// If the port is not available.
    pub async fn start(local: &LocalAws, port: u16) -> io::Result<Self> {
        Self::serve(local, TcpListener::bind(("127.0.0.1", port)).await?)
    }

    /// Serves on a listener.
    ///
    /// # Errors
    /// If the listener has no address.
    pub fn serve(local: &LocalAws, listener: TcpListener) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let task = tokio::spawn(accept(local.downgrade(), listener)).abort_handle();
        let server = Self { address, task };
        local.lambda().set_endpoint(server.url());
        Ok(server)
    }

    /// The address that it listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The value for `AWS_ENDPOINT_URL`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(local: WeakLocalAws, listener: TcpListener) {
    let mut connections = JoinSet::new();
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(_) => {
                // Most likely there are no file descriptors left. Wait for connections to end.
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                continue;
            }
        };
        // Without this, a small answer waits for the acknowledgement of the one before.
        let _ = stream.set_nodelay(true);
        let local = local.clone();
        connections.spawn(async move {
            let service = service_fn(|request| answer(local.clone(), request));
            // An error means a broken connection, or one that a fault reset.
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn answer(
    local: WeakLocalAws,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, ConnectionReset> {
    let Some(local) = local.upgrade() else {
        return Ok(plain(StatusCode::SERVICE_UNAVAILABLE));
    };
    let (parts, body) = request.into_parts();
    let most = if local.forwarding().takes(&parts) {
        MAX_FORWARDED
    } else {
        MAX_BODY
    };
    let body = match Limited::new(body, most).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => {
            return Ok(plain(StatusCode::PAYLOAD_TOO_LARGE));
        }
        Err(_) => return Ok(plain(StatusCode::BAD_REQUEST)),
    };
    // As on AWS, a received call takes effect even if its client disconnects.
    let call = tokio::spawn(async move { local.handle(Request::from_parts(parts, body)).await });
    match call.await {
        Ok(answer) => answer.map(|response| response.map(Full::new)),
        Err(_) => Ok(plain(StatusCode::INTERNAL_SERVER_ERROR)),
    }
}

fn plain(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}
