//! Generates the gRPC client of the contract in `api/proto` over the messages of `api::node`.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=../api/proto");
    let descriptors = protox::compile(["weft/node.proto"], ["../api/proto"])?;
    tonic_prost_build::configure()
        .build_server(false)
        .build_client(true)
        .extern_path(".weft.node.v1alpha1", "::api::node")
        .compile_fds(descriptors)?;
    Ok(())
}
