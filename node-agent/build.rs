//! Generates the controller's service over the messages of `api::node`: the client, and the server for tests that play the
//! controller.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=../api/proto");
    let descriptors = protox::compile(["weft/node.proto"], ["../api/proto"])?;
    tonic_prost_build::configure()
        .build_server(true)
        .extern_path(".weft.node.v1alpha1", "::api::node")
        .compile_fds(descriptors)?;
    Ok(())
}
