//! Chooses subnets and addresses for every slot of a node. See
//! [`hookline::handlers::plan_interfaces`].

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    hookline::runtime::serve(
        "plan-interfaces",
        hookline::handlers::plan_interfaces::handle,
    )
    .await
}
