//! Generates plain prost types with pbjson's serde implementations from the `.proto` files of the protocol.

use prost::Message as _;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let descriptors =
        protox::compile(["tidegate/v1/body.proto", "tidegate/v1/client.proto"], ["../../proto"])?;
    pbjson_build::Builder::new()
        .register_descriptors(&descriptors.encode_to_vec())?
        .preserve_proto_field_names()
        .ignore_unknown_fields()
        .build(&[".tidegate.v1"])?;
    prost_build::Config::new().compile_fds(descriptors)?;
    Ok(())
}
