//! `tidegate migrate`: the tables of a CQL store.

use anyhow::Context;
use store::Cql;

use crate::config::Config;
use crate::config::store::StoreConfig;
use crate::main_runtime;

/// Makes the tables or brings them up to date; says what was done.
pub(crate) fn migrate(config: Config) -> anyhow::Result<String> {
    let runtime = main_runtime(&config)?;
    let StoreConfig::Cql(cql) = config.store else {
        return Ok("the embedded store makes its tables itself; nothing to do".to_owned());
    };
    let done = runtime.block_on(Cql::migrate(&cql));
    let done = done.with_context(|| format!("keyspace {} at {}", cql.keyspace, cql.nodes.join(", ")))?;
    Ok(match done.from == done.to {
        true => format!("keyspace {}: schema {} was there already", cql.keyspace, done.to),
        false => format!("keyspace {}: schema {} is there now, it was {}", cql.keyspace, done.to, done.from),
    })
}
