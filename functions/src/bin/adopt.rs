//! Starts executions for running nodes that lack interfaces. See [`hookline::handlers::adopt`].

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    hookline::runtime::serve("adopt", hookline::handlers::adopt::handle).await
}
