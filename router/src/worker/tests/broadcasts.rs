//! What is left of a broadcast when the owner of its partition is gone.

use std::time::Duration;

use proto::broadcast::{BroadcastReport, BroadcastRequest, BroadcastState};
use proto::{Body, ClientMessageId, Code, Partition, Reply, Request, ServerFrame, Timestamp};
use tokio::time::sleep;

use super::stand::{Stand, config, run};

const NAMES: [&str; 2] = ["a", "b"];
const ID: ClientMessageId = ClientMessageId([1; 16]);
const OTHER: ClientMessageId = ClientMessageId([2; 16]);
/// Unix milliseconds that the clock here has passed.
const BEGUN: Timestamp = Timestamp(1_000);

async fn ask(stand: &mut Stand, request: BroadcastRequest) -> Result<BroadcastState, Code> {
    match stand.ask(Request::Broadcast(request)).await {
        Reply::Broadcast(state) => Ok(state),
        Reply::Frame(ServerFrame::Nack(nack)) => Err(nack.code),
        other => panic!("{other:?}"),
    }
}

async fn begin(stand: &mut Stand, id: ClientMessageId) -> Result<BroadcastState, Code> {
    ask(stand, BroadcastRequest::Begin { id, body: Body::text("maintenance") }).await
}

async fn report(stand: &mut Stand, told: u64, left: u64) {
    let report = BroadcastReport { id: ID, told, missed: 0, left, begun: BEGUN };
    let reply = stand.ask(Request::Broadcast(BroadcastRequest::Report(report))).await;
    assert!(matches!(reply, Reply::Settled));
}

/// Two workers, and a broadcast that is under way; gives the one that saw to it.
async fn under_way(stand: &mut Stand) -> &'static str {
    NAMES.iter().for_each(|name| stand.start(name, config()));
    stand.shared_by(&NAMES).await;
    begin(stand, ID).await.unwrap();
    report(stand, 40, 60).await;
    stand.owner_of(Partition::OF_BROADCASTS, &NAMES).await
}

async fn the_next_owner_learns_of_it(stand: &mut Stand) {
    assert_eq!(ask(stand, BroadcastRequest::State(ID)).await, Err(Code::NotFound), "before anybody reports");
    report(stand, 50, 50).await;
    let state = ask(stand, BroadcastRequest::State(ID)).await.unwrap();
    assert_eq!((state.begun, state.told, state.left, state.ended), (BEGUN, 50, 50, None));
    assert_eq!(begin(stand, OTHER).await, Err(Code::Busy));
    assert_eq!(begin(stand, ID).await.map(|state| state.told), Ok(50), "its id begins nothing");
    report(stand, 100, 0).await;
    sleep(Duration::from_secs(2)).await;
    let state = ask(stand, BroadcastRequest::State(ID)).await.unwrap();
    assert_eq!((state.told, state.left, state.ended.is_some()), (100, 0, true));
    assert!(begin(stand, OTHER).await.is_ok());
}

#[test]
fn after_a_death_the_next_owner_learns_of_it_from_the_shards() {
    run(async |stand| {
        let owner = under_way(stand).await;
        stand.kill(owner);
        the_next_owner_learns_of_it(stand).await;
    });
}

#[test]
fn after_a_drain_the_next_owner_learns_of_it_from_the_shards() {
    run(async |stand| {
        let owner = under_way(stand).await;
        stand.drain(owner);
        let other = NAMES.into_iter().find(|name| *name != owner).unwrap();
        stand.shared_by(&[other]).await;
        the_next_owner_learns_of_it(stand).await;
    });
}
