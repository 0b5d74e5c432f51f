//! A NATS server's bytes, whole and in pieces: `cargo fuzz run nats_decoder`.

#![no_main]

#[path = "../checks/nats_decoder.rs"]
mod nats_decoder;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| nats_decoder::check(bytes));
