//! Looking up whether a client message id was ever appended.

use std::ops::ControlFlow;

use proto::{ClientMessageId, ConversationId, Epoch, Seq};

use super::Bucket;
use super::entry_row::dedupe_prefix;
use crate::call::{Call, Op};
use crate::engine::key::KeyParts;
use crate::engine::view::{Direction, after_prefix};
use crate::engine::{Reader, Table};
use crate::store::Engine;
use crate::{Store, StoreError};

impl Store {
    /// A4: where a client message id was appended in a bucket, under each epoch that tried, rising epoch. A row counts
    /// only if its seq is told and the entry that wins that seq has this epoch and this id.
    pub async fn dedupe(
        &self,
        conversation: &ConversationId,
        bucket: Bucket,
        id: ClientMessageId,
    ) -> Result<Vec<(Epoch, Seq)>, StoreError> {
        let tables = match self.engine() {
            Engine::Cql(cql) => return cql.dedupe(conversation, bucket, id).await,
            Engine::Tables(tables) => tables,
        };
        let prefix = dedupe_prefix(conversation, bucket).raw(&id.0);
        tables
            .read(Call::on(Op::Dedupe, conversation), move |view| {
                let mut found = Vec::new();
                let end = after_prefix(&prefix);
                view.scan(Table::Log, &prefix, &end, Direction::Forward, &mut |key, value| {
                    let epoch = KeyParts::after(key, prefix.len()).u64();
                    let epoch = epoch.ok_or_else(|| StoreError::corrupt("dedupe"))?;
                    found.push((Epoch(epoch), Seq(Reader::new("dedupe", value.clone()).number()?)));
                    Ok(ControlFlow::Continue(()))
                })?;
                Ok(found)
            })
            .await
    }
}
