//! Server frames in JSON, as the reference client reads them.

#![no_main]

#[path = "../checks/server_frame.rs"]
mod server_frame;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| server_frame::check(bytes));
