//! Service Quotas: how fast executions start.

use hookline_domain::profile::TokenBucket;

use super::{Aws, Error};

/// Step Functions, in Service Quotas.
const SERVICE: &str = "states";
/// The names of the quotas of StartExecution's bucket (`aws service-quotas list-service-quotas
/// --service-code states`). AWS documents the bucket (Step Functions Developer Guide, "Quotas
/// related to API action throttling"), and no quota's code.
const CAPACITY: &str = "StartExecution throttle token bucket size";
const REFILL: &str = "StartExecution throttle token refill rate per second";
/// The most quotas of a page (Service Quotas API Reference, ListServiceQuotas).
const PAGE: i32 = 100;
/// The most pages that are read.
const MAX_PAGES: usize = 3;

impl Aws {
    /// The token bucket of StartExecution; `None` if Service Quotas does not have it by its names
    /// (ListServiceQuotas).
    ///
    /// # Errors
    /// Returns why a call failed.
    pub(crate) async fn start_execution_bucket(&self) -> Result<Option<TokenBucket>, Error> {
        let (mut capacity, mut refill) = (None, None);
        let mut token = None;
        for _ in 0..MAX_PAGES {
            let call = self
                .quotas
                .list_service_quotas()
                .service_code(SERVICE)
                .max_results(PAGE)
                .set_next_token(token);
            let page = self.answer("servicequotas:ListServiceQuotas", call.send().await)?;
            for quota in page.quotas.unwrap_or_default() {
                match quota.quota_name.as_deref() {
                    Some(CAPACITY) => capacity = quota.value,
                    Some(REFILL) => refill = quota.value,
                    _ => {}
                }
            }
            token = page.next_token;
            if token.is_none() || (capacity.is_some() && refill.is_some()) {
                break;
            }
        }
        Ok(capacity.zip(refill).map(|(capacity, refill)| TokenBucket {
            capacity: whole(capacity),
            refill_per_second: whole(refill),
        }))
    }
}

/// A quota is a number with a fraction in the API, and a whole one here.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // `as` stays within the bounds
fn whole(value: f64) -> u32 {
    value.max(0.0) as u32
}
