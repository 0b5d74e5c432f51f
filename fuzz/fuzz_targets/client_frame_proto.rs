//! Client frames in protobuf.

#![no_main]

#[path = "../checks/client_frame.rs"]
mod client_frame;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| client_frame::check(proto::Encoding::Proto, bytes));
