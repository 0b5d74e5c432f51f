//! Every rule of a conversation, one test each: inputs by hand, effects read from the turn. No io, no clock, no task.

mod append;
mod changes;
mod crowded;
mod deadlines;
mod dedupe;
mod groups;
mod lifetimes;
mod load;
mod order;
mod pairs;
mod pieces;
mod probe;
mod projections;
mod receipts;
mod recovery;
mod roll_over;
mod rooms;
mod stand;
mod telling;
