//! Finds launches whose event was lost, and orphaned interfaces. See
//! [`hookline::handlers::reconcile`].

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    hookline::runtime::serve("reconcile", hookline::handlers::reconcile::handle).await
}
