//! Completes the launch lifecycle action, with CONTINUE or ABANDON. See
//! [`hookline::handlers::complete_hook`].

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    hookline::runtime::serve("complete-hook", hookline::handlers::complete_hook::handle).await
}
