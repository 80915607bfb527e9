//! Creates the planned interfaces. See [`hookline::handlers::create_interfaces`].

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    hookline::runtime::serve(
        "create-interfaces",
        hookline::handlers::create_interfaces::handle,
    )
    .await
}
