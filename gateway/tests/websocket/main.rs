//! The WebSocket codec against RFC 6455, against itself under every cut of the input, and against other codecs.

mod agrees_with_tungstenite;
mod any_cut_gives_the_same_events;
mod fastwebsockets_cannot_serve;
mod handshake;
mod idle_costs_nothing;
mod permessage_deflate;
mod random_stream;
mod section_5_framing;
mod section_7_closing;
mod section_8_utf8;
mod wire;
mod written_frames;
