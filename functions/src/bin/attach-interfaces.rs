//! Attaches a node's interfaces and verifies that they are as the profile says. See
//! [`hookline::handlers::attach_interfaces`].

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    hookline::runtime::serve(
        "attach-interfaces",
        hookline::handlers::attach_interfaces::handle,
    )
    .await
}
