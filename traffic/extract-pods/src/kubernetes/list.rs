//! Lists in pages. All pages of a list are of one moment: the continue token names it, until the API server has
//! forgotten that moment (HTTP 410, after minutes) and the list must begin again.

use std::marker::PhantomData;

use http::Uri;
use kube::api::{GetParams, ListParams};
use kube::core::Request;
use serde::de::DeserializeOwned;

use crate::error::{Error, Result};
use crate::kubernetes::connection::{Connection, Trouble};
use crate::kubernetes::objects::{Node, Page, Pod};

/// What can be listed.
pub(crate) trait Listed: DeserializeOwned {
    const PATH: &str;
    const LIST: &str;
}

impl Listed for Node {
    const PATH: &str = "/api/v1/nodes";
    const LIST: &str = "list nodes";
}

impl Listed for Pod {
    const PATH: &str = "/api/v1/pods";
    const LIST: &str = "list pods of all namespaces";
}

/// Why a list did not come to its end.
#[derive(Debug)]
pub(crate) enum Interrupted {
    /// The rest of the list is gone; what was read of it does not fit another list.
    Expired(String),
    /// Nothing to be done about it.
    Failed(Error),
}

impl From<Error> for Interrupted {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// A list on its way.
pub(crate) struct List<'a, T> {
    connection: &'a Connection,
    limit: u32,
    next: Option<String>,
    done: bool,
    items: PhantomData<fn() -> T>,
}

impl<'a, T: Listed> List<'a, T> {
    pub(crate) fn new(connection: &'a Connection, limit: u32) -> Self {
        Self {
            connection,
            limit: limit.max(1),
            next: None,
            done: false,
            items: PhantomData,
        }
    }

    /// The next page, which may be empty; none after the last.
    pub(crate) async fn page(&mut self) -> Result<Option<Vec<T>>, Interrupted> {
        if self.done {
            return Ok(None);
        }
        let page: Page<T> = loop {
            let mut params = ListParams::default().limit(self.limit);
            if let Some(token) = &self.next {
                params = params.continue_token(token);
            }
            let uri = self.uri(Request::new(T::PATH).list(&params))?;
            match self.connection.get(T::LIST, &uri).await {
                Ok(page) => break page,
                // A continue token goes with any limit.
                Err(Trouble::TooLarge) if self.limit > 1 => self.limit /= 2,
                Err(Trouble::TooLarge) => {
                    return Err(self
                        .refused(200, "one object alone is too large to read")
                        .into());
                }
                Err(Trouble::Expired(detail)) => return Err(Interrupted::Expired(detail)),
                Err(Trouble::NotFound) => {
                    return Err(self.refused(404, "there is no such list").into());
                }
                Err(Trouble::Failed(error)) => return Err(error.into()),
            }
        };
        self.next = page.metadata.next.filter(|token| !token.is_empty());
        self.done = self.next.is_none();
        Ok(Some(page.items))
    }

    fn uri(
        &self,
        request: Result<http::Request<Vec<u8>>, kube::core::request::Error>,
    ) -> Result<Uri> {
        match request {
            Ok(request) => Ok(request.uri().clone()),
            Err(error) => Err(self.refused(0, &error.to_string())),
        }
    }

    fn refused(&self, status: u16, detail: &str) -> Error {
        Error::KubernetesRefused {
            cluster: self.connection.cluster().to_owned(),
            action: T::LIST,
            status,
            detail: detail.to_owned(),
        }
    }
}

/// One node, if it is there.
pub(crate) async fn node(connection: &Connection, name: &str) -> Result<Option<Node>> {
    const GET: &str = "get a node";
    let refused = |status, detail: &str| Error::KubernetesRefused {
        cluster: connection.cluster().to_owned(),
        action: GET,
        status,
        detail: detail.to_owned(),
    };
    let request = Request::new(Node::PATH)
        .get(name, &GetParams::default())
        .map_err(|error| refused(0, &error.to_string()))?;
    match connection.get(GET, request.uri()).await {
        Ok(node) => Ok(Some(node)),
        Err(Trouble::NotFound) => Ok(None),
        Err(Trouble::Failed(error)) => Err(error),
        Err(Trouble::Expired(detail)) => Err(refused(410, &detail)),
        Err(Trouble::TooLarge) => Err(refused(200, "it is too large to read")),
    }
}
