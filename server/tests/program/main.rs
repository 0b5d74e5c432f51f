//! The real program, started as a process: how it starts, what it refuses, how it stops, and what it never says.

mod cluster;
mod commands;
mod encrypted;
mod first_five_minutes;
mod http;
mod kept_for_oneself;
mod life_of_a_contact;
mod life_of_a_group;
mod life_of_a_message;
mod live_sockets_move;
mod moves_to_a_cluster;
mod outages;
mod places;
mod process;
mod python_backend;
mod refuses_with_advice;
mod secrets_stay_out_of_logs;
mod services;
mod services_act;
mod socket;
mod stand;
mod starts_without_arguments;
mod stops_in_order;
mod trusts_other_issuers;
mod two_devices_or_one;
