//! Sets DeleteOnTermination on the interfaces of a node that is ready. See
//! [`hookline::handlers::set_delete_on_termination`].

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    hookline::runtime::serve(
        "set-delete-on-termination",
        hookline::handlers::set_delete_on_termination::handle,
    )
    .await
}
