//! How tables are kept on disk: one set of options for each way in which tables are used, and why.
//!
//! Not set anywhere, because the servers' own values are right: `speculative_retry` (the coordinator asks another copy
//! when one is slower than 99 % are; reads only, so harmless), `caching` (keys on Cassandra, rows on ScyllaDB),
//! `compression` other than its chunk length, time to live (nothing ends by itself but logins, whose writes say when:
//! retention drops whole buckets).

use super::Server;

/// How a table is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// Written once, read from its newest end, never changed: the log.
    Log,
    /// Single rows, read and written whole by their key, over and over.
    Rows,
    /// Ranges of small rows, some of which are deleted again.
    Lists,
    /// Ranges of small rows of which many are deleted soon, and whose return does no harm: touched marks, rows of
    /// inboxes, where the logins of a user are.
    Marks,
}

impl Use {
    /// All of them, with the names that schema files use.
    pub(super) const ALL: &'static [(&'static str, Self)] =
        &[("{log}", Self::Log), ("{rows}", Self::Rows), ("{lists}", Self::Lists), ("{marks}", Self::Marks)];

    /// The options, as they follow `WITH`.
    pub(super) fn options(self, server: &Server) -> String {
        format!(
            "compaction = {} AND compression = {}{}",
            self.compaction(server),
            self.compression(server),
            self.grace()
        )
    }

    /// Cassandra 5 has one strategy for everything (UCS): tiered (`T4`) writes each row few times and leaves a read
    /// several files to look into, which costs the log nothing, because a bucket's rows are written together; levelled
    /// (`L4`) keeps a row that is replaced often in few files. ScyllaDB's incremental strategy (ICS) is tiered with
    /// half the free disk needed; where a row must be found in few files, its levelled one.
    fn compaction(self, server: &Server) -> &'static str {
        let tiered = matches!(self, Self::Log);
        match server {
            Server::Cassandra(major) if *major >= 5 && tiered => {
                "{'class': 'UnifiedCompactionStrategy', 'scaling_parameters': 'T4'}"
            }
            Server::Cassandra(major) if *major >= 5 => {
                "{'class': 'UnifiedCompactionStrategy', 'scaling_parameters': 'L4'}"
            }
            // Years, and what has every strategy of them since.
            Server::Scylla(major, _) if *major >= 2018 && tiered => {
                "{'class': 'IncrementalCompactionStrategy'}"
            }
            _ if tiered => "{'class': 'SizeTieredCompactionStrategy'}",
            _ => "{'class': 'LeveledCompactionStrategy'}",
        }
    }

    /// A read of the log takes many neighbours, so larger chunks pack better and cost nothing; a read of a single row
    /// decompresses a whole chunk for it.
    fn compression(self, server: &Server) -> String {
        let chunk = if matches!(self, Self::Log) { 16 } else { 4 };
        match server {
            Server::Cassandra(_) => format!("{{'class': 'LZ4Compressor', 'chunk_length_in_kb': {chunk}}}"),
            Server::Scylla(..) => {
                format!("{{'sstable_compression': 'LZ4Compressor', 'chunk_length_in_kb': {chunk}}}")
            }
        }
    }

    /// How long a deletion is remembered. A copy that was away longer without a repair brings the row back: fatal
    /// nowhere, wrong for lists (ten days, the servers' own value: repair weekly), nothing but work done twice
    /// for marks, whose deletions would otherwise be read again by every take-over and every list.
    fn grace(self) -> &'static str {
        if matches!(self, Self::Marks) { " AND gc_grace_seconds = 3600" } else { "" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_server_gets_the_strategies_that_it_has() {
        let log = |server: Server| Use::Log.options(&server);
        assert!(
            log(Server::Cassandra(5)).contains("'UnifiedCompactionStrategy', 'scaling_parameters': 'T4'")
        );
        assert!(log(Server::Cassandra(4)).contains("SizeTiered"));
        assert!(log(Server::Scylla(2025, 1)).contains("Incremental"));
        assert!(log(Server::Scylla(6, 2)).contains("SizeTiered"));
        assert!(Use::Rows.options(&Server::Scylla(2025, 1)).contains("Leveled"));
        assert!(Use::Rows.options(&Server::Cassandra(5)).contains("L4"));
        assert!(Use::Marks.options(&Server::Cassandra(5)).contains("gc_grace_seconds = 3600"));
        assert!(!Use::Lists.options(&Server::Cassandra(5)).contains("gc_grace"));
    }
}
