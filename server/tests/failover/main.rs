//! Two processes with the role of a router on real services: one is paused, replaced, and wakes up; then the other one is
//! killed. Whatever was acknowledged is in the log, once, and the one that was replaced tells nothing.

#![expect(clippy::unwrap_used, reason = "a test ends that way")]

mod a_paused_router_tells_nothing;
mod process;
mod talk;
mod wiretap;
