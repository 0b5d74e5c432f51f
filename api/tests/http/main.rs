//! The HTTP API against a real router, bus and store in memory; requests go in without a socket.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

mod accounts;
mod accounts_change_at_once;
mod bodies;
mod broadcasts;
mod callers_have_rates;
mod calls_made_again;
mod contacts;
mod conversation_list;
mod document;
mod documented_examples_work;
mod failed_logins_wait;
mod groups;
mod groups_are_joined;
mod groups_are_kept_in_order;
mod history;
mod imported_passwords;
mod pages;
mod presence;
mod profiles;
mod refusals;
mod scopes;
mod sending;
mod server;
mod services;
mod sessions;
mod settings;
mod sync;
mod tags;
mod tickets;
mod tokens_of_other_issuers;
mod twin_names;
mod unanswered_commands;
