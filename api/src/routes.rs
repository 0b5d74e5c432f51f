//! Every route. Adding a handler here puts it into the router and into the document at once.

mod conversations;
mod groups;
mod history;
mod login;
mod members;
mod messages;
mod presence;
mod receipts;
mod refresh;
mod register;
mod tickets;
mod users;

use axum::Router;
use utoipa::OpenApi as _;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::App;
use crate::openapi::{self, Document};

/// The routes that the document describes.
pub(crate) fn described() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(register::register))
        .routes(routes!(login::login))
        .routes(routes!(refresh::refresh))
        .routes(routes!(refresh::logout))
        .routes(routes!(users::me, users::change_me))
        .routes(routes!(users::user))
        .routes(routes!(users::find_users))
        .routes(routes!(presence::user_presence))
        .routes(routes!(presence::presence))
        .routes(routes!(groups::create_group, groups::list_groups))
        .routes(routes!(groups::group, groups::dismiss_group))
        .routes(routes!(members::list_members, members::add_members))
        .routes(routes!(members::remove_member))
        .routes(routes!(conversations::list_conversations))
        .routes(routes!(conversations::read_conversation))
        .routes(routes!(receipts::receipts))
        .routes(routes!(history::history))
        .routes(routes!(messages::send_message))
        .routes(routes!(tickets::issue_ticket))
}

/// These, the document itself and its page.
pub(crate) fn all() -> Router<App> {
    let (router, _) = described().split_for_parts();
    router.merge(openapi::routes())
}
