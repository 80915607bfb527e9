//! Looks up the launched instance, tags it, and says what the launch needs next. See
//! [`hookline::handlers::tag_node`].

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    hookline::runtime::serve("tag-node", hookline::handlers::tag_node::handle).await
}
