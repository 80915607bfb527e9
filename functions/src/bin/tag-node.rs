//! Looks the launched instance up, tags it, and says what the launch needs. See [`hookline::handlers::tag_node`].

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    hookline::runtime::serve("tag-node", hookline::handlers::tag_node::handle).await
}
