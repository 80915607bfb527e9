//! Removes the startup taint of a node that is ready. See
//! [`hookline::handlers::remove_startup_taint`].

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    hookline::runtime::serve(
        "remove-startup-taint",
        hookline::handlers::remove_startup_taint::handle,
    )
    .await
}
