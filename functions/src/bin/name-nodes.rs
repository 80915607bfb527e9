//! Names and tags the nodes that one event names. See [`hookline::handlers::name_nodes`].

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    hookline::runtime::serve("name-nodes", hookline::handlers::name_nodes::handle).await
}
