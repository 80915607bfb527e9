//! Reads what is unchanged in a listing once.
//!
//! Every launch lists the instances and the interfaces of all. Most of them are as they were in the listing
//! before, and two thirds of the time of a large run went into the SDK's reading of their XML. So the SDK
//! reads an item of a listing when it is new or has changed; otherwise its value is copied. The answers and
//! the values are the same, as the test below shows.

use std::collections::HashMap;
use std::fmt::{self, Debug, Formatter};
use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_ec2::operation::describe_instances::{DescribeInstances, DescribeInstancesOutput};
use aws_sdk_ec2::operation::describe_network_interfaces::{
    DescribeNetworkInterfaces, DescribeNetworkInterfacesOutput,
};
use aws_sdk_ec2::types::{Instance, NetworkInterface};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeDeserializationInterceptorContextMut, Error, Output,
};
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::orchestrator::{HttpResponse, Metadata, OrchestratorError};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::client::runtime_plugin::RuntimePlugin;
use aws_smithy_runtime_api::client::ser_de::{DeserializeResponse, SharedResponseDeserializer};
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::{ConfigBag, FrozenLayer};
use memchr::memmem;

/// The items of both listings that all sandboxes of a run have read so far.
#[derive(Clone, Default)]
pub(crate) struct Listings {
    instances: Items<Instance>,
    interfaces: Items<NetworkInterface>,
}

impl Debug for Listings {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("Listings")
    }
}

/// The last text of each item, by its id, and its value.
type Items<T> = Arc<Mutex<HashMap<String, (Box<str>, T)>>>;

#[dyn_dispatch_hint]
impl Intercept for Listings {
    fn name(&self) -> &'static str {
        "Listings"
    }

    fn modify_before_deserialization(
        &self,
        _: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let operation = cfg.load::<Metadata>().map(Metadata::name);
        let deserializer = match operation {
            Some(InstanceListing::OPERATION) => {
                InstanceListing::reading(&self.instances, DescribeInstances::new().config())
            }
            Some(InterfaceListing::OPERATION) => {
                let of_sdk = DescribeNetworkInterfaces::new().config();
                InterfaceListing::reading(&self.interfaces, of_sdk)
            }
            _ => return Ok(()),
        };
        cfg.interceptor_state().store_put(deserializer);
        Ok(())
    }
}

/// A listing of EC2's. An item begins with `MARKER`, which is nowhere else, and ends where the next one
/// begins, or at `END`, which ends a set of items.
trait Listing: Sized + Send + Sync + 'static {
    const OPERATION: &'static str;
    const MARKER: &'static str;
    const END: &'static str;
    type Item: Clone + Send + 'static;
    type Output: Debug + Send + Sync + 'static;

    /// An answer with this item alone.
    fn alone(item: &str) -> String;

    /// The sets of items of an answer.
    fn sets(output: &mut Self::Output) -> Vec<&mut Option<Vec<Self::Item>>>;

    fn reading(
        items: &Items<Self::Item>,
        of_sdk: Option<FrozenLayer>,
    ) -> SharedResponseDeserializer {
        SharedResponseDeserializer::new(Reader::<Self> {
            items: Arc::clone(items),
            of_sdk,
        })
    }
}

struct InstanceListing;

impl Listing for InstanceListing {
    const OPERATION: &'static str = "DescribeInstances";
    const MARKER: &'static str = "<item><instanceId>";
    const END: &'static str = "</instancesSet>";
    type Item = Instance;
    type Output = DescribeInstancesOutput;

    fn alone(item: &str) -> String {
        format!(
            "<DescribeInstancesResponse><reservationSet><item><instancesSet>{item}</instancesSet></item></reservationSet></DescribeInstancesResponse>"
        )
    }

    fn sets(output: &mut DescribeInstancesOutput) -> Vec<&mut Option<Vec<Instance>>> {
        let reservations = output.reservations.iter_mut().flatten();
        reservations
            .map(|reservation| &mut reservation.instances)
            .collect()
    }
}

struct InterfaceListing;

impl Listing for InterfaceListing {
    const OPERATION: &'static str = "DescribeNetworkInterfaces";
    const MARKER: &'static str = "<item><networkInterfaceId>";
    const END: &'static str = "</networkInterfaceSet>";
    type Item = NetworkInterface;
    type Output = DescribeNetworkInterfacesOutput;

    fn alone(item: &str) -> String {
        format!(
            "<DescribeNetworkInterfacesResponse><networkInterfaceSet>{item}</networkInterfaceSet></DescribeNetworkInterfacesResponse>"
        )
    }

    fn sets(
        output: &mut DescribeNetworkInterfacesOutput,
    ) -> Vec<&mut Option<Vec<NetworkInterface>>> {
        vec![&mut output.network_interfaces]
    }
}

struct Reader<L: Listing> {
    items: Items<L::Item>,
    /// What the SDK has for the operation, its own deserializer among it.
    of_sdk: Option<FrozenLayer>,
}

impl<L: Listing> Debug for Reader<L> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(L::OPERATION)
    }
}

type Answer = Result<Output, OrchestratorError<Error>>;

impl<L: Listing> DeserializeResponse for Reader<L> {
    fn deserialize_nonstreaming_with_config(
        &self,
        response: &HttpResponse,
        cfg: &ConfigBag,
    ) -> Answer {
        let of_sdk = self.of_sdk.as_ref();
        let of_sdk = of_sdk
            .and_then(|layer| layer.load::<SharedResponseDeserializer>())
            .ok_or_else(|| OrchestratorError::other(format!("{self:?}: no deserializer")))?;
        let body = response.body().bytes().map(std::str::from_utf8);
        let (true, Some(Ok(body))) = (response.status().is_success(), body) else {
            return of_sdk.deserialize_nonstreaming_with_config(response, cfg);
        };
        let read = |body: String| -> Result<L::Output, OrchestratorError<Error>> {
            let response = HttpResponse::new(response.status(), SdkBody::from(body));
            let output = of_sdk.deserialize_nonstreaming_with_config(&response, cfg)?;
            let output = output.downcast();
            output.map_err(|_| OrchestratorError::other(format!("{self:?}: another output")))
        };
        let (frame, items) = Self::split(body);
        let mut output = read(frame)?;
        let mut known = self.items.lock().unwrap_or_else(PoisonError::into_inner);
        for (set, texts) in L::sets(&mut output).into_iter().zip(items) {
            let mut values = Vec::with_capacity(texts.len());
            for text in texts {
                let id = Self::id(text);
                let unchanged = known.get(id).filter(|(before, _)| **before == *text);
                values.push(match unchanged {
                    Some((_, value)) => value.clone(),
                    None => {
                        let mut alone = read(L::alone(text))?;
                        let sets = L::sets(&mut alone).into_iter();
                        let value = sets.filter_map(Option::take).flatten().next();
                        let value = value.ok_or_else(|| {
                            OrchestratorError::other(format!("{self:?}: no item in {text}"))
                        })?;
                        known.insert(id.to_owned(), (text.into(), value.clone()));
                        value
                    }
                });
            }
            *set = Some(values);
        }
        Ok(Output::erase(output))
    }
}

impl<L: Listing> Reader<L> {
    /// The answer without its items, and the items of each set.
    fn split(body: &str) -> (String, Vec<Vec<&str>>) {
        let mut frame = String::new();
        let mut sets = Vec::new();
        let mut rest = body;
        while let Some(end) = memmem::find(rest.as_bytes(), L::END.as_bytes()) {
            let (set, after) = rest.split_at(end);
            let begins: Vec<usize> =
                memmem::find_iter(set.as_bytes(), L::MARKER.as_bytes()).collect();
            let ends = begins.iter().skip(1).copied().chain([end]);
            let items = begins
                .iter()
                .zip(ends)
                .filter_map(|(from, to)| set.get(*from..to));
            sets.push(items.collect());
            frame.push_str(
                set.get(..begins.first().copied().unwrap_or(end))
                    .unwrap_or_default(),
            );
            let (tag, after) = after.split_at(L::END.len());
            frame.push_str(tag);
            rest = after;
        }
        frame.push_str(rest);
        (frame, sets)
    }

    fn id(item: &str) -> &str {
        let after = item.strip_prefix(L::MARKER).unwrap_or_default();
        after.split_once('<').map_or(after, |(id, _)| id)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use aws_sdk_ec2::Client;
    use aws_sdk_ec2::config::Builder;
    use aws_sdk_ec2::error::ProvideErrorMetadata as _;
    use aws_smithy_runtime_api::client::interceptors::context::BeforeDeserializationInterceptorContextRef;
    use hookline_testkit::connector::plain_config;
    use hookline_testkit::scene::Size;

    use super::*;
    use crate::run::{Run, Scenario, on_paused_clock};

    /// The last answer.
    #[derive(Clone, Debug, Default)]
    struct LastBody(Arc<Mutex<String>>);

    #[dyn_dispatch_hint]
    impl Intercept for LastBody {
        fn name(&self) -> &'static str {
            "LastBody"
        }

        fn read_before_deserialization(
            &self,
            context: &BeforeDeserializationInterceptorContextRef<'_>,
            _: &RuntimeComponents,
            _: &mut ConfigBag,
        ) -> Result<(), BoxError> {
            let body = context.response().body().bytes().unwrap();
            *self.0.lock().unwrap() = String::from_utf8(body.to_vec())?;
            Ok(())
        }
    }

    impl LastBody {
        /// What the SDK itself reads in the last answer, and the answer.
        fn read<T: Debug + Send + Sync + 'static>(
            &self,
            of_sdk: Option<FrozenLayer>,
        ) -> (T, String) {
            let of_sdk = of_sdk.unwrap();
            let body = self.0.lock().unwrap().clone();
            let response = HttpResponse::new(200.try_into().unwrap(), SdkBody::from(body.clone()));
            let output = of_sdk
                .load::<SharedResponseDeserializer>()
                .unwrap()
                .deserialize_nonstreaming_with_config(&response, &ConfigBag::base())
                .unwrap();
            (output.downcast().unwrap(), body)
        }
    }

    #[test]
    fn listing_is_what_the_sdk_reads_while_nodes_launch() {
        on_paused_clock(async {
            let mut run = Run::new(Scenario::new(4, Size::default(), 7))
                .await
                .unwrap();
            let config = plain_config(&run.local).await;
            let listings = Listings::default();
            let last = LastBody::default();
            let config = Builder::from(&config)
                .interceptor(listings.clone())
                .interceptor(last.clone());
            let ec2 = Client::from_conf(config.build());
            run.launch().await.unwrap();
            let mut seen = Vec::new();
            while run.in_service() < 4 {
                let found = ec2.describe_instances().send().await.unwrap();
                let (wanted, instances) =
                    last.read::<DescribeInstancesOutput>(DescribeInstances::new().config());
                assert_eq!(found.reservations, wanted.reservations);
                assert_eq!(found.next_token, wanted.next_token);
                let found = ec2.describe_network_interfaces().send().await.unwrap();
                let (wanted, interfaces) = last.read::<DescribeNetworkInterfacesOutput>(
                    DescribeNetworkInterfaces::new().config(),
                );
                assert_eq!(found.network_interfaces, wanted.network_interfaces);
                assert_eq!(found.next_token, wanted.next_token);
                seen.push(instances + &interfaces);
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
            seen.dedup();
            assert!(seen.len() > 5, "{}", seen.len());
            assert_eq!(listings.instances.lock().unwrap().len(), 4);
            // An error is the SDK's own.
            let unknown = ec2.describe_instances().instance_ids("i-00000000000000000");
            let error = unknown.send().await.unwrap_err();
            assert_eq!(error.code(), Some("InvalidInstanceID.NotFound"));
            Ok(())
        })
        .unwrap();
    }
}
