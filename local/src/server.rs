//! The simulated AWS over TCP: one HTTP endpoint on the loopback interface for all services.

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

/// A little over the largest payload that any service takes (Lambda's 6 MB), so that the service can refuse it.
const MAX_BODY: usize = 8 * 1024 * 1024;

/// A running endpoint. It closes when this is dropped, and its connections with it.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    task: AbortHandle,
}

impl Server {
    /// Listens on a port of 127.0.0.1; on one that is free for port 0. Functions are told of this endpoint.
    ///
    /// # Errors
    /// When the port cannot be had.
    pub async fn start(local: &LocalAws, port: u16) -> io::Result<Self> {
        Self::serve(local, TcpListener::bind(("127.0.0.1", port)).await?)
    }

    /// Serves on a listener.
    ///
    /// # Errors
    /// When the listener has no address.
    pub fn serve(local: &LocalAws, listener: TcpListener) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let task = tokio::spawn(accept(local.downgrade(), listener)).abort_handle();
        let server = Self { address, task };
        local.lambda().set_endpoint(server.url());
        Ok(server)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What belongs in `AWS_ENDPOINT_URL`.
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
                // Out of file descriptors, most likely: let some connections end first.
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                continue;
            }
        };
        // Small answers must not wait for the client's acknowledgement of the one before.
        let _ = stream.set_nodelay(true);
        let local = local.clone();
        connections.spawn(async move {
            let service = service_fn(|request| answer(local.clone(), request));
            // An error here is a connection that broke off, or one that was reset on purpose.
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
    // A call that was received is carried out, even if its client hangs up: as AWS does.
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
