//! The contents of a cluster, and the file format for them.

use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

/// Nodes, pods and Services in the Kubernetes API's JSON (`v1/Node`, `v1/Pod`, `v1/Service`).
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contents {
    /// Its nodes.
    pub nodes: Vec<Value>,
    /// The pods of all namespaces.
    pub pods: Vec<Value>,
    /// The Services of all namespaces. A file may leave them out.
    #[serde(default)]
    pub services: Vec<Value>,
}

/// Why a file is not a cluster.
#[derive(Debug, thiserror::Error)]
pub enum ContentsError {
    /// It cannot be read.
    #[error("could not read it: {0}")]
    Unreadable(#[from] std::io::Error),
    /// It is not JSON, or has other fields.
    #[error(
        "{0}; a cluster is {{\"nodes\": […], \"pods\": […], \"services\": […]}}, each an object as `kubectl get -o json` writes it"
    )]
    Form(#[from] serde_json::Error),
    /// An object lacks a field that all objects have.
    #[error("{list}[{at}].{field} is missing or not a string: every object needs {field}")]
    Field {
        /// `nodes`, `pods` or `services`.
        list: &'static str,
        /// The object's position, from 0.
        at: usize,
        /// The field, such as `metadata.name`.
        field: &'static str,
    },
}

impl Contents {
    /// Reads a file: JSON, `{"nodes": […], "pods": […], "services": […]}`.
    ///
    /// # Errors
    /// [`ContentsError`]
    pub fn read(file: &Path) -> Result<Self, ContentsError> {
        Self::parse(&std::fs::read(file)?)
    }

    /// Reads a JSON text.
    ///
    /// # Errors
    /// [`ContentsError`], except [`ContentsError::Unreadable`].
    pub fn parse(json: &[u8]) -> Result<Self, ContentsError> {
        let contents: Self = serde_json::from_slice(json)?;
        let node = [("/metadata/name", "metadata.name")];
        let namespaced = [
            ("/metadata/name", "metadata.name"),
            ("/metadata/namespace", "metadata.namespace"),
        ];
        for (list, objects, required) in [
            ("nodes", &contents.nodes, node.as_slice()),
            ("pods", &contents.pods, namespaced.as_slice()),
            ("services", &contents.services, namespaced.as_slice()),
        ] {
            for (at, object) in objects.iter().enumerate() {
                for (pointer, field) in required {
                    if !object.pointer(pointer).is_some_and(Value::is_string) {
                        return Err(ContentsError::Field { list, at, field });
                    }
                }
            }
        }
        Ok(contents)
    }
}
