//! The limits of the protocol. Configuration may lower some; nothing may raise them.

/// Bytes of one client frame (one WebSocket message).
pub const FRAME_BYTES_MAX: usize = 64 * 1024;
/// Bytes of an encoded body.
pub const BODY_BYTES_MAX: usize = 32 * 1024;
/// Entries in one append (FENCE W).
pub const APPEND_ENTRIES_MAX: usize = 64;
/// Bytes of the entries of one append.
pub const APPEND_BYTES_MAX: usize = 100 * 1024;
/// Entries in one page.
pub const PAGE_ENTRIES_MAX: usize = 200;
/// Entries in a page whose reader named no limit.
pub const PAGE_ENTRIES_DEFAULT: usize = 50;
/// Bytes of the entries of one page.
pub const PAGE_BYTES_MAX: usize = 256 * 1024;
/// Conversations in one `sync.open`.
pub const SYNC_OPEN_MAX: usize = 200;
/// Bytes of the token in one `hello`.
pub const AUTH_BYTES_MAX: usize = 8 * 1024;
/// Bytes of the cursor of one `sync`.
pub const CURSOR_BYTES_MAX: usize = 1024;
/// Conversations in one `delta`.
pub const DELTA_CONVERSATIONS_MAX: usize = 100;
/// Contacts in one `delta`.
pub const DELTA_CONTACTS_MAX: usize = 100;
/// Members looked at for one page of those who have read a message.
pub const READERS_MAX: usize = 500;
/// And when nobody says how many.
pub const READERS_DEFAULT: usize = 100;
/// Characters of one's own name for a friend.
pub const REMARK_CHARS_MAX: usize = 50;
/// Characters of the note of a request to become friends.
pub const NOTE_CHARS_MAX: usize = 200;
/// Milliseconds after which a command must not be carried out.
pub const COMMAND_DEADLINE_MS: u64 = 10_000;
/// Members of a group, unless configured otherwise.
pub const GROUP_MEMBERS_DEFAULT: usize = 500;
/// Members named in one command.
pub const MEMBERS_PER_COMMAND_MAX: usize = 1_000;
/// Members up to which a group has one inbox row per member.
pub const INBOX_MEMBERS_MAX: usize = 500;
/// Members up to which a group tells those who wrote how far others are.
pub const RECEIPT_MEMBERS_MAX: usize = 100;
/// Characters of a group's name.
pub const GROUP_NAME_CHARS_MAX: usize = 100;
/// Characters of a group's description.
pub const GROUP_DESCRIPTION_CHARS_MAX: usize = 500;
/// Characters of a group's announcement.
pub const GROUP_ANNOUNCEMENT_CHARS_MAX: usize = 2_000;
/// Characters of a group's avatar: the id of a file, or a URL.
pub const GROUP_AVATAR_CHARS_MAX: usize = 255;
/// Attributes of a group.
pub const GROUP_ATTRIBUTES_MAX: usize = 32;
/// Characters of an attribute's name.
pub const GROUP_ATTRIBUTE_NAME_CHARS_MAX: usize = 64;
/// Bytes of all attributes of a group, names and values.
pub const GROUP_ATTRIBUTES_BYTES_MAX: usize = 8 * 1024;
/// Members that a group may be raised to.
pub const GROUP_MEMBERS_MAX: usize = 1_000_000;
/// Characters of a member's nickname in a group.
pub const MEMBER_NICKNAME_CHARS_MAX: usize = 50;
/// Characters of the note of a request to join.
pub const JOIN_NOTE_CHARS_MAX: usize = 100;
/// Requests to join a group that wait for their answer.
pub const JOIN_REQUESTS_MAX: usize = 100;
/// Milliseconds after which a request to join that nobody answered is void.
pub const JOIN_REQUEST_TTL_MS: u64 = 7 * 24 * 60 * 60 * 1000;
/// Invitations to a group that wait for their answer.
pub const INVITATIONS_MAX: usize = 200;
/// Links to a group that have not ended.
pub const LINKS_MAX: usize = 20;
/// Users mentioned in one message.
pub const MENTIONS_MAX: usize = 50;
/// Messages in one merged forward.
pub const MERGED_MESSAGES_MAX: usize = 100;
/// Characters of names and titles in bodies: of people, files' names aside.
pub const TITLE_CHARS_MAX: usize = 100;
/// Characters of the name of a file or place.
pub const FILE_NAME_CHARS_MAX: usize = 255;
/// Bytes of an address on the web.
pub const URL_BYTES_MAX: usize = 2_048;
/// Bytes of the id of an uploaded file.
pub const FILE_ID_BYTES_MAX: usize = 128;
/// Pixels of an image or video in one direction.
pub const PIXELS_MAX: u32 = 100_000;
/// Bytes of a reaction.
pub const REACTION_BYTES_MAX: usize = 32;
/// Seconds after which a message may expire: a year.
pub const EXPIRY_SECONDS_MAX: u32 = 366 * 24 * 60 * 60;
/// Seconds for which a conversation may keep its entries: ten years.
pub const RETENTION_SECONDS_MAX: u32 = 10 * EXPIRY_SECONDS_MAX;
/// Milliseconds of a voice or video: a day.
pub const DURATION_MS_MAX: u32 = 24 * 60 * 60 * 1_000;
/// Characters of the address of a place.
pub const ADDRESS_CHARS_MAX: usize = 1_000;
/// Bytes of a media type.
pub const MIME_BYTES_MAX: usize = 127;
/// Characters of the type of a custom body.
pub const CUSTOM_TYPE_CHARS_MAX: usize = 64;
/// Different reactions to one message.
pub const REACTION_KINDS_MAX: usize = 20;
/// Reactions of all users to one message.
pub const REACTIONS_MAX: usize = 500;
/// Users named of one reaction where a reader sees it.
pub const REACTION_USERS_SHOWN_MAX: usize = 20;
/// Edits of one message.
pub const EDITS_MAX: usize = 50;
/// Pinned messages of a conversation.
pub const PINS_MAX: usize = 50;
/// Bytes of the draft of a conversation.
pub const DRAFT_BYTES_MAX: usize = 8 * 1024;
/// Messages named in one `delete_for_me`.
pub const DELETE_SEQS_MAX: usize = 100;
/// Messages of one conversation that a user deleted for themselves, since they last cleared it.
pub const DELETED_SEQS_MAX: usize = 1_000;
/// Unread mentions that are counted in one conversation.
pub const MENTION_UNREAD_MAX: usize = 100;
/// Users named in one frame about presence.
pub const PRESENCE_USERS_MAX: usize = 200;

const _: () = assert!(BODY_BYTES_MAX < FRAME_BYTES_MAX, "a body fits a frame with its envelope");
const _: () = assert!(BODY_BYTES_MAX < APPEND_BYTES_MAX, "one message fits an append");
const _: () = assert!(BODY_BYTES_MAX < PAGE_BYTES_MAX, "one message fits a page");
const _: () = assert!(AUTH_BYTES_MAX < FRAME_BYTES_MAX, "a token fits a frame");
const _: () = assert!(
    CURSOR_BYTES_MAX + SYNC_OPEN_MAX * 64 < FRAME_BYTES_MAX,
    "a sync of usual conversation ids fits a frame"
);
const _: () = assert!(PAGE_ENTRIES_DEFAULT <= PAGE_ENTRIES_MAX, "the default is allowed");
