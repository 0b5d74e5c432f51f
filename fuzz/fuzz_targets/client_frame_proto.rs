//! Client frames in protobuf.

#![no_main]

#[path = "../checks/frames.rs"]
mod frames;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| frames::client_frame(proto::Encoding::Proto, bytes));
