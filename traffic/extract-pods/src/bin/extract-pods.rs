//! Lists the nodes and pods of a cluster into S3. See [`hookline_traffic::extract`].

use hookline_runtime::Invocation;
use hookline_traffic::aws::Aws;
use hookline_traffic::extract::{self, Settings};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    hookline_runtime::logs::init();
    let aws = Aws::from_environment().await;
    let aws = &aws;
    hookline_runtime::serve(move |invocation: Invocation| {
        extract::handle(aws.clone(), invocation, Settings::default())
    })
    .await
}
