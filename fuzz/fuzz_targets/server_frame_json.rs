//! Server frames in JSON, as the reference client reads them.

#![no_main]

#[path = "../checks/frames.rs"]
mod frames;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| frames::server_frame_json(bytes));
