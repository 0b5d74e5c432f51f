//! How subjects of the bus are spelled. Nothing else spells one.
//!
//! | subject | carries |
//! |---|---|
//! | `cmd.<partition>.group.<id>` | commands about a group |
//! | `cmd.<partition>.user.<id>` | all other commands of that user |
//! | `cmd.any` | commands whose partition nobody owns, for any router |
//! | `user.<id>` `group.<id>` `presence.<id>` `node.<id>` `everyone` | deliveries |
//! | `router.heartbeat` | who owns what |
//! | `unserved.<bus>.<number>` | a server's answer that nobody listens to a command |
//!
//! **Guarantees.** A subject has only ids in it, never a user's text; the `.` of an id is spelled `/`, which no id
//! contains, so that an id is one token and different ids give different subjects. No id contains the wildcards
//! `*` and `>`. A node is 16 hexadecimal digits, a partition a decimal number.

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use proto::{Command, ConversationKind, GroupId, NodeId, Partition, Target, UserId};

/// What every gateway shard listens to.
const EVERYONE: &str = "everyone";

/// Why a prefix cannot stand in front of subjects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a subject prefix has 1 to 64 letters, digits, - and _, in tokens separated by single dots")]
pub struct PrefixError;

/// The subjects of one deployment: several share a NATS server when their prefixes differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subjects {
    /// Empty, or ending in a dot.
    prefix: String,
}

impl Subjects {
    /// With `prefix` and a dot in front of every subject; without, when it is empty.
    pub fn new(prefix: &str) -> Result<Self, PrefixError> {
        const PREFIX_BYTES_MAX: usize = 64;
        if prefix.is_empty() {
            return Ok(Self { prefix: String::new() });
        }
        let is_token = |token: &str| {
            let mut bytes = token.bytes();
            !token.is_empty() && bytes.all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        };
        if prefix.len() > PREFIX_BYTES_MAX || !prefix.split('.').all(is_token) {
            return Err(PrefixError);
        }
        Ok(Self { prefix: format!("{prefix}.") })
    }

    /// The partition of a command, and where it goes.
    pub fn command(&self, command: &Command) -> (Partition, String) {
        let (prefix, user) = (&self.prefix, &command.origin.user);
        let partition = command.partition();
        let Some(conversation) = command.conversation() else {
            return (partition, format!("{prefix}cmd.{partition}.user.{}", token(user.as_str())));
        };
        let subject = match conversation.kind() {
            ConversationKind::Group(group) => {
                format!("{prefix}cmd.{partition}.group.{}", token(group.as_str()))
            }
            ConversationKind::Direct(..) | ConversationKind::Pair(..) => {
                format!("{prefix}cmd.{partition}.user.{}", token(user.as_str()))
            }
        };
        (partition, subject)
    }

    /// What the owner of a partition listens to.
    pub fn commands_of(&self, partition: Partition) -> String {
        format!("{}cmd.{partition}.>", self.prefix)
    }

    /// Where a command goes when nobody owns its partition.
    pub fn any_command(&self) -> String {
        format!("{}cmd.any", self.prefix)
    }

    /// Where a delivery goes, and what a node listens to in order to get it.
    pub fn delivery(&self, target: &Target) -> String {
        let prefix = &self.prefix;
        match target {
            Target::User(user) => format!("{prefix}user.{}", token(user.as_str())),
            Target::Group(group) => format!("{prefix}group.{}", token(group.as_str())),
            Target::Presence(user) => format!("{prefix}presence.{}", token(user.as_str())),
            Target::Node(node) => format!("{prefix}node.{node}"),
            Target::Everyone => format!("{prefix}{EVERYONE}"),
        }
    }

    /// Where routers tell which partitions they own.
    pub fn heartbeat(&self) -> String {
        format!("{}router.heartbeat", self.prefix)
    }

    /// In front of a number and with a dot at the end: where a server tells one bus that nobody listens to a command.
    pub fn unserved(&self, bus: u64) -> String {
        format!("{}unserved.{bus:016x}.", self.prefix)
    }

    /// Whom a delivery is for that was received on `subject`; `None` for what [`Self::delivery`] does not spell.
    pub fn target(&self, subject: &str) -> Option<Target> {
        let subject = subject.strip_prefix(&self.prefix)?;
        if subject == EVERYONE {
            return Some(Target::Everyone);
        }
        let (kind, rest) = subject.split_once('.')?;
        if rest.contains('.') {
            return None;
        }
        match kind {
            "user" => UserId::parse(&id(rest)).ok().map(Target::User),
            "group" => GroupId::parse(&id(rest)).ok().map(Target::Group),
            "presence" => UserId::parse(&id(rest)).ok().map(Target::Presence),
            "node" => node(rest).map(Target::Node),
            _ => None,
        }
    }

    /// The partition of a command that was received on `subject`; `None` for any other subject.
    pub fn partition(&self, subject: &str) -> Option<Partition> {
        let mut tokens = subject.strip_prefix(&self.prefix)?.split('.');
        let (first, partition, kind, id) = (tokens.next()?, tokens.next()?, tokens.next()?, tokens.next()?);
        let partition = Partition::new(partition.parse().ok()?)?;
        (first == "cmd" && matches!(kind, "group" | "user") && !id.is_empty() && tokens.next().is_none())
            .then_some(partition)
    }
}

fn token(id: &str) -> Cow<'_, str> {
    if id.contains('.') { Cow::Owned(id.replace('.', "/")) } else { Cow::Borrowed(id) }
}

fn id(token: &str) -> Cow<'_, str> {
    if token.contains('/') { Cow::Owned(token.replace('/', ".")) } else { Cow::Borrowed(token) }
}

/// Exactly what `NodeId` displays.
fn node(token: &str) -> Option<NodeId> {
    let node = u64::from_str_radix(token, 16).ok().map(NodeId)?;
    (node.to_string() == token).then_some(node)
}
