//! Every route. Adding a handler here puts it into the router and into the document at once.

mod blocks;
mod broadcasts;
mod changes;
mod confirmations;
mod conversations;
mod friends;
mod groups;
mod history;
mod invitations;
mod join_requests;
mod login;
mod many_messages;
mod member_changes;
mod members;
mod messages;
mod my_invitations;
mod new_groups;
mod presence;
mod readers;
mod receipts;
mod refresh;
pub(crate) mod register;
mod relations;
mod retention;
mod rooms;
mod service;
mod sessions;
mod settings;
mod sync;
mod tickets;
mod typing;
mod user_search;
mod users;

use axum::Router;
use utoipa::OpenApi as _;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::App;
use crate::openapi::{self, Document};

/// The routes that the document describes.
pub(crate) fn described() -> OpenApiRouter<App> {
    let router = OpenApiRouter::with_openapi(Document::openapi());
    of_conversations(of_groups(of_people(router)))
}

fn of_people(router: OpenApiRouter<App>) -> OpenApiRouter<App> {
    router
        .routes(routes!(register::register))
        .routes(routes!(login::login))
        .routes(routes!(refresh::refresh))
        .routes(routes!(refresh::logout))
        .routes(routes!(users::me, users::change_me))
        .routes(routes!(users::user))
        .routes(routes!(users::find_users))
        .routes(routes!(user_search::search_users))
        .routes(routes!(sessions::sessions, sessions::end_other_sessions))
        .routes(routes!(sessions::end_session))
        .routes(routes!(sessions::change_password))
        .routes(routes!(service::create_user))
        .routes(routes!(service::change_account))
        .routes(routes!(service::end_user_sessions))
        .routes(routes!(relations::relation))
        .routes(routes!(friends::apply))
        .routes(routes!(friends::list_friends))
        .routes(routes!(friends::list_requests))
        .routes(routes!(friends::accept))
        .routes(routes!(friends::reject))
        .routes(routes!(friends::change_friend, friends::remove_friend))
        .routes(routes!(blocks::list_blocks, blocks::block))
        .routes(routes!(blocks::unblock))
        .routes(routes!(presence::user_presence))
        .routes(routes!(presence::presence))
        .routes(routes!(tickets::issue_ticket))
}

fn of_groups(router: OpenApiRouter<App>) -> OpenApiRouter<App> {
    router
        .routes(routes!(groups::create_group, groups::list_groups))
        .routes(routes!(groups::group, groups::edit_group, groups::dismiss_group))
        .routes(routes!(groups::transfer_group))
        .routes(routes!(members::list_members, members::add_members))
        .routes(routes!(members::member, members::remove_member))
        .routes(routes!(member_changes::set_role))
        .routes(routes!(member_changes::mute_member, member_changes::unmute_member))
        .routes(routes!(member_changes::mute_all, member_changes::unmute_all))
        .routes(routes!(member_changes::set_nickname))
        .routes(routes!(join_requests::ask_to_join, join_requests::list_join_requests))
        .routes(routes!(join_requests::approve_join_request))
        .routes(routes!(join_requests::reject_join_request))
        .routes(routes!(invitations::invite, invitations::list_invitations))
        .routes(routes!(invitations::uninvite))
        .routes(routes!(invitations::make_link, invitations::list_links))
        .routes(routes!(invitations::end_link))
        .routes(routes!(my_invitations::list_my_invitations))
        .routes(routes!(my_invitations::accept_invitation))
        .routes(routes!(my_invitations::decline_invitation))
        .routes(routes!(rooms::make_room))
        .routes(routes!(rooms::room, rooms::change_room, rooms::end_room))
}

fn of_conversations(router: OpenApiRouter<App>) -> OpenApiRouter<App> {
    router
        .routes(routes!(sync::sync))
        .routes(routes!(typing::typing))
        .routes(routes!(conversations::list_conversations))
        .routes(routes!(conversations::badge))
        .routes(routes!(conversations::read_conversation))
        .routes(routes!(settings::change_conversation))
        .routes(routes!(settings::conversation_settings))
        .routes(routes!(settings::clear_conversation))
        .routes(routes!(settings::delete_messages))
        .routes(routes!(retention::set_retention))
        .routes(routes!(receipts::receipts))
        .routes(routes!(receipts::delivered))
        .routes(routes!(readers::readers))
        .routes(routes!(confirmations::confirmations))
        .routes(routes!(confirmations::confirm))
        .routes(routes!(history::history))
        .routes(routes!(messages::send_message))
        .routes(routes!(broadcasts::broadcast))
        .routes(routes!(changes::recall_message))
        .routes(routes!(changes::edit_message))
        .routes(routes!(changes::react_to_message))
        .routes(routes!(changes::pin_message))
        .routes(routes!(changes::pins))
        .routes(routes!(changes::versions))
}

/// These, the document itself and its page.
pub(crate) fn all() -> Router<App> {
    let (router, _) = described().split_for_parts();
    router.merge(openapi::routes())
}
