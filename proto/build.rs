//! Compiles the `.proto` files with protox, so that no `protoc` has to be installed.
//!
//! Fields of type `Body` become `bytes` in the generated types. The two are the same on the wire, and so a body
//! passes from sender to reader without being decoded, and kinds that this version does not know stay whole.

use prost_build::Config;
use protox::prost_reflect::prost_types::FileDescriptorSet;
use protox::prost_reflect::prost_types::field_descriptor_proto::Type;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let files = ["tidegate/v1/body.proto", "tidegate/v1/client.proto", "tidegate/v1/bus.proto"];
    for file in files {
        println!("cargo::rerun-if-changed=proto/{file}");
    }
    let mut descriptors = protox::compile(files, ["proto"])?;
    keep_bodies_encoded(&mut descriptors);
    Config::new().bytes(["."]).compile_fds(descriptors)?;
    Ok(())
}

fn keep_bodies_encoded(descriptors: &mut FileDescriptorSet) {
    let messages = descriptors.file.iter_mut().flat_map(|file| &mut file.message_type);
    for field in messages.flat_map(|message| &mut message.field) {
        if field.type_name() == ".tidegate.v1.Body" {
            field.set_type(Type::Bytes);
            field.type_name = None;
        }
    }
}
