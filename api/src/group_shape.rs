//! Groups as JSON has them, out and in.

use std::collections::BTreeMap;

use proto::ConversationId;
use proto::group::{GroupEdit, History, JoinPolicy};
use serde::{Deserialize, Serialize};
use store::GroupInfo;
use utoipa::ToSchema;

use crate::extract::by_name;
use crate::numbers::Wide;

/// A group.
#[derive(Serialize, ToSchema)]
#[schema(as = Group)]
pub(crate) struct Group {
    /// Its id.
    #[schema(example = "team")]
    group_id: String,
    /// Its conversation: where to send, and whose history to read.
    #[schema(example = "g.team")]
    conversation: String,
    /// Its name.
    #[schema(example = "The team")]
    name: String,
    /// The user who owns it.
    #[schema(example = "alice")]
    owner: String,
    /// How many members it has.
    #[schema(example = 3)]
    members: u32,
    /// When it was made, Unix milliseconds.
    #[schema(value_type = String, example = "1790000000000")]
    created_at: Wide,
    /// It was ended: nothing more can be said in it.
    dismissed: bool,
    /// What it is about.
    #[schema(example = "Everything about the product")]
    description: String,
    /// What all shall know.
    #[schema(example = "Lunch at noon")]
    announcement: String,
    /// The id of a file, or a URL.
    #[schema(example = "https://example.org/team.png")]
    avatar: String,
    /// Whatever an application keeps with it.
    #[schema(value_type = Object, example = json!({"colour": "blue"}))]
    attributes: BTreeMap<String, String>,
    /// How one becomes a member: `open`, `request` or `invitation`.
    #[schema(value_type = String, example = "open")]
    join: Join,
    /// What a new member may read: `whole` or `from_joining`; `null` in groups of old: as configured.
    #[schema(value_type = Option<String>, example = "whole")]
    history: Option<Reach>,
    /// Only owner, admins and services may send.
    read_only: bool,
    /// The most members, where a service chose it; 0 for as configured.
    #[schema(example = 0)]
    members_max: u32,
    /// Until when only owner and admins may speak, Unix milliseconds; "0" for not muted.
    #[schema(value_type = String, example = "0")]
    muted_until: Wide,
}

/// How one becomes a member by oneself.
#[derive(Clone, Copy, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Join {
    /// Whoever knows the id may join.
    Open,
    /// Owner or admins approve who asks.
    Request,
    /// By invitation, or through a link.
    Invitation,
}

/// What a new member may read.
#[derive(Clone, Copy, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Reach {
    /// Everything, from the first message.
    Whole,
    /// From the joining on.
    FromJoining,
}

/// What of a group to change; what is absent stays.
#[derive(Default, Deserialize, ToSchema)]
pub(crate) struct EditGroup {
    /// 1 to 100 characters.
    #[schema(example = "The whole team")]
    name: Option<String>,
    #[serde(flatten, deserialize_with = "by_name")]
    settings: Settings,
}

/// What a group is besides its name.
#[derive(Default, Deserialize, ToSchema)]
#[schema(as = GroupSettings)]
pub(crate) struct Settings {
    /// At most 500 characters; empty for none.
    #[schema(example = "Everything about the product")]
    description: Option<String>,
    /// At most 2,000 characters; empty for none.
    #[schema(example = "Lunch at noon")]
    announcement: Option<String>,
    /// The id of a file, or a URL, at most 255 characters; empty for none.
    #[schema(example = "https://example.org/team.png")]
    avatar: Option<String>,
    /// By name: a text sets one, `null` or an empty text removes it. At most 32, and 8 KiB for all.
    #[schema(value_type = Option<Object>, example = json!({"colour": "blue"}))]
    attributes: Option<BTreeMap<String, Option<String>>>,
    /// How one becomes a member: `open`, `request` or `invitation`.
    #[schema(value_type = Option<String>, example = "open")]
    join: Option<Join>,
    /// What a new member may read: `whole` or `from_joining`.
    #[schema(value_type = Option<String>, example = "whole")]
    history: Option<Reach>,
    /// Only owner, admins and services may send.
    #[serde(alias = "readOnly")]
    #[schema(example = false)]
    read_only: Option<bool>,
    /// The most members; 0 for as configured. Only services choose it.
    #[serde(alias = "membersMax")]
    members_max: Option<u32>,
}

impl From<EditGroup> for GroupEdit {
    fn from(edit: EditGroup) -> Self {
        Self { name: edit.name, ..edit.settings.into() }
    }
}

impl From<Settings> for GroupEdit {
    fn from(settings: Settings) -> Self {
        let attributes = settings.attributes.unwrap_or_default().into_iter();
        Self {
            name: None,
            description: settings.description,
            announcement: settings.announcement,
            avatar: settings.avatar,
            attributes: attributes.map(|(name, value)| (name, value.unwrap_or_default())).collect(),
            join: settings.join.map(|join| match join {
                Join::Open => JoinPolicy::Open,
                Join::Request => JoinPolicy::Request,
                Join::Invitation => JoinPolicy::Invitation,
            }),
            history: settings.history.map(|reach| match reach {
                Reach::Whole => History::Whole,
                Reach::FromJoining => History::FromJoining,
            }),
            read_only: settings.read_only,
            members_max: settings.members_max,
            // Rooms are made elsewhere.
            room: None,
        }
    }
}

impl From<GroupInfo> for Group {
    fn from(info: GroupInfo) -> Self {
        let settings = info.settings;
        Self {
            conversation: ConversationId::group(&info.group).to_string(),
            group_id: info.group.to_string(),
            name: info.name,
            owner: info.owner.to_string(),
            members: info.members,
            created_at: Wide(info.created.0),
            dismissed: info.dismissed,
            description: settings.description,
            announcement: settings.announcement,
            avatar: settings.avatar,
            attributes: settings.attributes.into_iter().collect(),
            join: match settings.join {
                JoinPolicy::Open => Join::Open,
                JoinPolicy::Request => Join::Request,
                JoinPolicy::Invitation => Join::Invitation,
            },
            history: settings.history.map(|history| match history {
                History::Whole => Reach::Whole,
                History::FromJoining => Reach::FromJoining,
            }),
            read_only: settings.read_only,
            members_max: settings.members_max,
            muted_until: Wide(settings.muted_until.0),
        }
    }
}
