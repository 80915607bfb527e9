//! What can be read from an API server, and as which type.

use kube::Resource;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};

/// A Kubernetes object, or as much of it as the implementing type holds.
///
/// The full types of `k8s-openapi` are objects. They have some hundred fields, and a page of them
/// takes several times the memory of its JSON. A type with only the fields that its user needs
/// skips the others:
///
/// ```
/// #[derive(serde::Deserialize)]
/// struct NodeName {
///     metadata: Metadata,
/// }
///
/// #[derive(serde::Deserialize)]
/// struct Metadata {
///     name: String,
/// }
///
/// impl hookline_kubernetes::Object for NodeName {
///     type Full = k8s_openapi::api::core::v1::Node;
/// }
/// ```
pub trait Object: DeserializeOwned {
    /// The full type. It names the kind and the path of the API.
    type Full: Resource<DynamicType = ()>;
}

impl<T: Resource<DynamicType = ()> + DeserializeOwned> Object for T {
    type Full = T;
}

/// Reads `null` as the default value, for `#[serde(deserialize_with = …)]`. API servers are written
/// in Go, which writes an empty value as `null`, or leaves it out.
///
/// # Errors
/// Returns an error if the value is neither `null` nor a `T`.
pub fn null_is_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}
