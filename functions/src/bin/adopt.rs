//! Starts executions for nodes that run already. See [`hookline::handlers::adopt`].

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    hookline::runtime::serve("adopt", hookline::handlers::adopt::handle).await
}
