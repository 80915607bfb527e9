//! Detaches and deletes the interfaces of a launch that has ended. See
//! [`hookline::handlers::release_interfaces`].

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    hookline::runtime::serve(
        "release-interfaces",
        hookline::handlers::release_interfaces::handle,
    )
    .await
}
