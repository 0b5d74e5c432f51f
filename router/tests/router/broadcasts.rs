//! Broadcasts at the router: one at a time, told once to everyone, and its state as the shards say it.

use proto::broadcast::{BroadcastReport, BroadcastRequest, BroadcastState};
use proto::command::Source;
use proto::{Body, ClientMessageId, Code, Payload, Reply, Request, ServerFrame, Target, Timestamp, wire};
use store::Store;

use crate::stand::{Stand, config, user};

impl Stand {
    async fn as_service(&mut self, request: BroadcastRequest) -> Reply {
        let session = self.command_from("operations", Source::ServerApi, Request::Broadcast(request));
        self.reply(session).await
    }

    async fn state(&mut self, request: BroadcastRequest) -> BroadcastState {
        match self.as_service(request).await {
            Reply::Broadcast(state) => state,
            other => panic!("{other:?} instead of the state"),
        }
    }

    async fn refusal(&mut self, request: BroadcastRequest) -> (Code, u32) {
        match self.as_service(request).await {
            Reply::Frame(ServerFrame::Nack(nack)) => (nack.code, nack.retry_after_ms),
            other => panic!("{other:?} instead of a refusal"),
        }
    }

    /// The shard of this stand's node reports.
    async fn reports(&mut self, id: ClientMessageId, told: u64, left: u64) {
        let report = BroadcastReport { id, told, missed: 0, left, begun: Timestamp(u64::MAX) };
        let request = Request::Broadcast(BroadcastRequest::Report(report));
        let session = self.command_from("operations", Source::System, request);
        assert!(matches!(self.reply(session).await, Reply::Settled));
    }

    fn told_to_everyone(&self) -> usize {
        self.others().filter(|delivery| delivery.target == Target::Everyone).count()
    }
}

fn begin(id: ClientMessageId, text: &str) -> BroadcastRequest {
    BroadcastRequest::Begin { id, body: Body::text(text) }
}

#[tokio::test]
async fn it_is_told_once_and_one_at_a_time() {
    let mut stand = Stand::start(Store::memory(), config()).await;
    stand.listen_everyone();
    let (first, second) = (ClientMessageId::now(), ClientMessageId::now());
    let state = stand.state(begin(first, "maintenance")).await;
    assert_eq!((state.id, state.shards, state.ended), (first, 0, None));
    let told = stand
        .wait(|delivery| match &delivery.payload {
            Payload::Broadcast(frame) if delivery.target == Target::Everyone => Some(frame.frame().clone()),
            _ => None,
        })
        .await;
    let ServerFrame::Broadcast(told) = told else { panic!("{told:?}") };
    assert_eq!((told.id, &told.sender, told.time), (first, &user("operations"), state.begun));
    assert_eq!(told.body, Body::text("maintenance"));

    stand.reports(first, 40, 60).await;
    let again = stand.state(begin(first, "maintenance")).await;
    assert_eq!((again.begun, again.shards, again.told, again.left), (state.begun, 1, 40, 60));
    let (code, retry_after_ms) = stand.refusal(begin(second, "another")).await;
    assert_eq!(code, Code::Busy);
    assert!(retry_after_ms >= 1_000, "{retry_after_ms}");
    stand.reports(first, 100, 0).await;
    let state = loop {
        let state = stand.state(BroadcastRequest::State(first)).await;
        if state.ended.is_some() {
            break state;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!((state.told, state.left, state.lost), (100, 0, 0));
    assert_eq!(stand.state(begin(second, "another")).await.id, second);
    assert_eq!(stand.refusal(BroadcastRequest::State(ClientMessageId::now())).await.0, Code::NotFound);
    stand.wait(|delivery| matches!(delivery.payload, Payload::Broadcast(_)).then_some(())).await;
    assert_eq!(stand.told_to_everyone(), 0, "each was told once");
}

#[tokio::test]
async fn only_services_begin_one_and_only_with_what_nobody_has_to_keep() {
    let mut stand = Stand::start(Store::memory(), config()).await;
    stand.listen_everyone();
    let id = ClientMessageId::now();
    for request in [begin(id, "hi"), BroadcastRequest::State(id)] {
        assert_eq!(stand.nack("alice", Request::Broadcast(request)).await.code, Code::Forbidden);
    }
    let expiring = Body::text("hi").with_expiry(Some(wire::Expiry::default()));
    let removed = Body::system(wire::system::Change::Dismissed(wire::GroupDismissed::default()));
    for body in [expiring, removed, Body::text("x".repeat(1 << 20)), Body::from_encoded(vec![0xff].into())] {
        let refused = stand.refusal(BroadcastRequest::Begin { id, body }).await;
        assert_eq!(refused.0, Code::BadField);
    }
    let notice = wire::system::Change::Notice(wire::Notice { text: "maintenance".into() });
    assert_eq!(stand.state(BroadcastRequest::Begin { id, body: Body::system(notice) }).await.id, id);
}
