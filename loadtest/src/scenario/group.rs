//! `group`: one group that everybody is in. Every message goes to all members but its sender; some members may never be there.

use anyhow::{Context as _, bail};
use proto::{GroupId, UserId};
use serde_json::json;

use super::{Context, Result};
use crate::arguments::{DriverName, Group};
use crate::http;
use crate::topology::{Topology, users_of};
use crate::traffic::{Order, Pace};

/// Members named in one request.
const MEMBERS_AT_ONCE: usize = 500;
/// Requests under way at the same time.
const REQUESTS_AT_ONCE: usize = 8;

pub(super) fn run(context: &Context, settings: &Group) -> Result {
    if settings.members < 2 || settings.rate <= 0.0 {
        bail!("a group needs two members or more, and a rate above 0");
    }
    let mut progress = context.progress("group");
    let group = GroupId::parse(&format!("lt-{:06x}", context.run))?;
    let topology = Topology::group(&context.prefix("group"), settings.members, &group);
    if context.common.driver == DriverName::Tidegate {
        progress.say(&format!("making a group of {} members", settings.members + settings.absent));
        let absent = users_of(&context.prefix("absent"), 0..settings.absent);
        make(context, &group, &[topology.users(), &absent].concat())?;
    } else if settings.absent > 0 {
        bail!("--absent: only tidegate keeps members who are not connected");
    }
    let pace = Pace::steady(settings.rate, settings.load.times());
    let order = Order { last_device: true, ..Order::new(topology, context.run, pace) };
    Ok(context.drive(order, &settings.load, &mut progress)?.measured("group", &settings.load))
}

/// The first user makes the group and adds the others; once, where there are many processes.
pub(super) fn make(context: &Context, group: &GroupId, users: &[UserId]) -> anyhow::Result<()> {
    if context.is_part() {
        return Ok(());
    }
    let Some((owner, others)) = users.split_first() else { return Ok(()) };
    let token = context.tokens()?.issue(owner);
    let (url, trust) = (context.api_url(), context.trust.as_ref());
    let body = json!({ "group_id": group.as_str(), "name": "load test", "member_ids": [] });
    http::post((url, trust), "/api/v1/groups", &token, &body.to_string()).context("making the group")?;
    let path = format!("/api/v1/groups/{group}/members");
    // Each is answered when lists show it: together they wait for the same write.
    let requests: Vec<&[UserId]> = others.chunks(MEMBERS_AT_ONCE).collect();
    for together in requests.chunks(REQUESTS_AT_ONCE) {
        let add = |some: &[UserId]| {
            let ids: Vec<&str> = some.iter().map(UserId::as_str).collect();
            http::post((url, trust), &path, &token, &json!({ "user_ids": ids }).to_string())
        };
        std::thread::scope(|scope| {
            let added: Vec<_> = together.iter().map(|some| scope.spawn(|| add(some))).collect();
            added.into_iter().try_for_each(|added| match added.join() {
                Ok(answer) => answer.map(drop),
                Err(panic) => std::panic::resume_unwind(panic),
            })
        })
        .context(
            "adding members; groups larger than the server's limit need a higher group_members_max there",
        )?;
    }
    Ok(())
}
