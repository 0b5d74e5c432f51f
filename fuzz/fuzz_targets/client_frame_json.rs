//! Client frames in JSON.

#![no_main]

#[path = "../checks/frames.rs"]
mod frames;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| frames::client_frame(proto::Encoding::Json, bytes));
