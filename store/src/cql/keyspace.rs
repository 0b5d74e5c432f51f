//! The keyspace, which every statement names: connections use none.
//!
//! Of a prepared statement that leaves it to `USE`, the meaning depends on the connection that prepares it, again after the server
//! has forgotten it. Cassandra warns of that on each connection.

/// What stands before the name of the table in statements of this program, the rarer ones first.
const BEFORE_TABLE: [&str; 5] = ["CREATE TABLE IF NOT EXISTS ", "ALTER TABLE ", "FROM ", "INTO ", "UPDATE "];

/// The name of one, fit for CQL as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Keyspace(String);

impl Keyspace {
    /// The one of that name; else, why it cannot be one.
    pub(super) fn parse(name: &str) -> Result<Self, String> {
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        if name.len() <= 48 && name.starts_with(|c: char| c.is_ascii_lowercase()) && name.bytes().all(fits) {
            return Ok(Self(name.to_owned()));
        }
        Err(format!(
            "`{name}` cannot be the name of a keyspace: a-z, 0-9 and _, at most 48, beginning with a letter"
        ))
    }

    pub(super) fn name(&self) -> &str {
        &self.0
    }

    /// The statement with the keyspace before its table. One without a table of ours stays as it is.
    pub(super) fn statement(&self, text: &str) -> String {
        let found = BEFORE_TABLE.iter().find_map(|before| Some(text.find(before)? + before.len()));
        let Some((before, table)) = found.and_then(|at| text.split_at_checked(at)) else {
            return text.to_owned();
        };
        // Those of the server are named in full.
        let is_named = table.split([' ', '(']).next().is_some_and(|name| name.contains('.'));
        if is_named { text.to_owned() } else { format!("{before}{}.{table}", self.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keyspace() -> Keyspace {
        Keyspace("chat".to_owned())
    }

    #[test]
    fn every_kind_of_statement_names_the_keyspace() {
        for (text, named) in [
            ("SELECT seq FROM head WHERE a = ?", "SELECT seq FROM chat.head WHERE a = ?"),
            ("SELECT a FROM head", "SELECT a FROM chat.head"),
            (
                "DELETE FROM touched USING TIMESTAMP ? WHERE a = ?",
                "DELETE FROM chat.touched USING TIMESTAMP ? WHERE a = ?",
            ),
            ("INSERT INTO log (a) VALUES (?)", "INSERT INTO chat.log (a) VALUES (?)"),
            ("UPDATE login USING TTL ? SET a = ?", "UPDATE chat.login USING TTL ? SET a = ?"),
            ("CREATE TABLE IF NOT EXISTS log (", "CREATE TABLE IF NOT EXISTS chat.log ("),
            ("ALTER TABLE head ADD a blob", "ALTER TABLE chat.head ADD a blob"),
        ] {
            assert_eq!(keyspace().statement(text), named);
        }
    }

    #[test]
    fn a_name_that_cql_would_read_otherwise_is_refused_with_what_is_allowed() {
        for name in ["Chat; DROP", "", "1st", "a-b", &"a".repeat(49)] {
            let refused = Keyspace::parse(name).unwrap_err();
            assert!(refused.contains(name) && refused.contains("a-z, 0-9 and _"), "{refused}");
        }
        assert_eq!(Keyspace::parse("chat_2"), Ok(Keyspace("chat_2".to_owned())));
    }

    #[test]
    fn tables_of_the_server_stay_what_they_are() {
        for text in [
            "SELECT column_name FROM system_schema.columns WHERE table_name = ?",
            "CREATE KEYSPACE IF NOT EXISTS chat WITH replication = {}",
        ] {
            assert_eq!(keyspace().statement(text), text);
        }
    }
}
