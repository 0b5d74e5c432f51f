//! Every rule of a conversation, one test each: inputs by hand, effects read from the turn. No io, no clock, no task.

mod append;
mod groups;
mod load;
mod stand;
