//! Members that come, go, fall silent and come back; each test plays several views against one clock.

use super::*;

const RULES: PeerRules =
    PeerRules { beat_ms: 100, suspect_ms: 500, listen_ms: 500, steady_ms: 1_000, grace_ms: 3_000 };

/// Several incarnations that hear each other, and what each owns; claims and releases take one step.
struct Cluster {
    now_ms: u64,
    members: Vec<Member>,
    partitions: Vec<Partition>,
    /// Partitions that changed hands so far.
    moves: usize,
}

struct Member {
    id: IncarnationId,
    peers: Peers,
    owned: BTreeMap<Partition, Epoch>,
    is_silent: bool,
    is_draining: bool,
}

impl Cluster {
    fn of(count: u128) -> Self {
        let mut cluster =
            Self { now_ms: 0, members: Vec::new(), partitions: Partition::all().collect(), moves: 0 };
        (1..=count).for_each(|n| cluster.join(n));
        cluster
    }

    fn join(&mut self, n: u128) {
        let id = IncarnationId(n);
        let peers = Peers::new(id, n as u64, 1, RULES);
        self.members.push(Member { id, peers, owned: BTreeMap::new(), is_silent: false, is_draining: false });
    }

    /// 50 ms, in which everyone who is not silent beats twice as often as must be, and follows its plan.
    fn step(&mut self) {
        self.now_ms += 50;
        let awake = self.members.iter().filter(|one| !one.is_silent);
        let beats: Vec<Heartbeat> = awake.map(|one| sent(one.beat(), self.now_ms)).collect();
        let epochs: BTreeMap<Partition, Epoch> =
            self.members.iter().flat_map(|one| one.owned.clone()).fold(BTreeMap::new(), |mut all, (p, e)| {
                let newest: &mut Epoch = all.entry(p).or_default();
                *newest = e.max(*newest);
                all
            });
        for at in 0..self.members.len() {
            if self.members[at].is_silent {
                continue;
            }
            let (partitions, now_ms) = (self.partitions.clone(), self.now_ms);
            let member = &mut self.members[at];
            for beat in &beats {
                member.peers.hear(beat, now_ms);
            }
            member.peers.tick(now_ms);
            let owned = member.owned.clone();
            let plan = member.peers.plan(&partitions, |p| owned.contains_key(&p), Hands::Free, now_ms);
            for partition in plan.give_up {
                member.owned.remove(&partition);
            }
            for partition in plan.claim {
                let owner = self.members.iter().position(|one| one.owned.contains_key(&partition));
                let may = owner.is_none_or(|owner| {
                    let owner = self.members[owner].id;
                    self.members[at].peers.may_fence(owner, now_ms)
                });
                if may {
                    if let Some(owner) = owner {
                        self.members[owner].owned.remove(&partition);
                        let fenced = self.members[owner].id;
                        self.members[at].peers.bury(fenced);
                    }
                    let epoch = Epoch(epochs.get(&partition).map_or(1, |epoch| epoch.0 + 1));
                    self.members[at].owned.insert(partition, epoch);
                    self.moves += 1;
                }
            }
        }
    }

    fn run(&mut self, ms: u64) {
        (0..ms / 50).for_each(|_| self.step());
    }

    fn owned(&self, at: usize) -> usize {
        self.members[at].owned.len()
    }

    /// Everything is owned, and once.
    fn is_whole(&self) -> bool {
        let mut all: Vec<Partition> = self.members.iter().flat_map(|one| one.owned.keys().copied()).collect();
        all.sort_unstable();
        all == self.partitions
    }
}

/// The same, sent at that time.
fn sent(beat: Heartbeat, sent_ms: u64) -> Heartbeat {
    Heartbeat { sent_ms, ..beat }
}

impl Member {
    fn beat(&self) -> Heartbeat {
        Heartbeat {
            router: self.id.0 as u64,
            incarnation: self.id.0,
            serving: self.owned.iter().map(|(partition, epoch)| (*partition, *epoch)).collect(),
            draining: self.is_draining,
            sent_ms: 0,
        }
    }
}

#[test]
fn a_lone_one_without_others_to_wait_for_claims_everything_at_once() {
    let mut peers = Peers::new(IncarnationId(1), 1, 1, PeerRules { listen_ms: 0, ..RULES });
    let partitions: Vec<Partition> = Partition::all().collect();
    assert!(
        peers.plan(&partitions, |_| false, Hands::Free, 0).claim.is_empty(),
        "it has not heard itself yet"
    );
    peers.hear(&Heartbeat { router: 1, incarnation: 1, serving: Vec::new(), draining: false, sent_ms: 0 }, 0);
    assert_eq!(peers.plan(&partitions, |_| false, Hands::Free, 0).claim, partitions);
    assert!(peers.may_fence(IncarnationId(7), 0), "a row from an earlier life");
}

#[test]
fn workers_of_one_process_wait_for_each_other() {
    let mut peers = Peers::new(IncarnationId(1), 1, 2, PeerRules { listen_ms: 0, ..RULES });
    let beat =
        |incarnation| Heartbeat { router: 1, incarnation, serving: Vec::new(), draining: false, sent_ms: 0 };
    peers.hear(&beat(1), 0);
    assert!(!peers.is_settled(0));
    peers.hear(&beat(2), 10);
    assert!(peers.is_settled(10));
    let partitions: Vec<Partition> = Partition::all().collect();
    let share = peers.plan(&partitions, |_| false, Hands::Free, 10).claim.len();
    assert!((400..=624).contains(&share), "a share of {share}");
}

#[test]
fn who_starts_together_claims_without_fighting() {
    let mut cluster = Cluster::of(3);
    cluster.run(400);
    assert_eq!(cluster.moves, 0, "they listen first");
    cluster.run(300);
    assert!(cluster.is_whole());
    assert_eq!(cluster.moves, 1_024, "each was claimed once");
}

#[test]
fn a_newcomer_gets_its_share_after_a_while_and_nothing_else_moves() {
    let mut cluster = Cluster::of(2);
    cluster.run(1_000);
    let before: Vec<_> = cluster.members.iter().map(|one| one.owned.clone()).collect();
    cluster.moves = 0;
    cluster.join(3);
    cluster.run(900);
    assert_eq!(cluster.moves, 0, "it is not steady yet");
    cluster.run(400);
    assert!(cluster.is_whole());
    assert_eq!(cluster.moves, cluster.owned(2), "only its own share moved");
    for (at, before) in before.iter().enumerate() {
        let mut kept = cluster.members[at].owned.iter();
        assert!(kept.all(|(partition, epoch)| before.get(partition) == Some(epoch)), "the rest stayed");
    }
}

#[test]
fn what_a_silent_one_served_is_taken_over_within_a_second() {
    let mut cluster = Cluster::of(3);
    cluster.run(3_000);
    cluster.members[1].is_silent = true;
    let share = cluster.owned(1);
    cluster.moves = 0;
    cluster.run(450);
    assert_eq!(cluster.moves, 0, "a pause of less is forgiven");
    cluster.run(150);
    assert_eq!(cluster.owned(1), 0);
    assert_eq!(cluster.moves, share);
    assert!(cluster.is_whole());
}

#[test]
fn a_drain_hands_over_without_a_fence() {
    let mut cluster = Cluster::of(2);
    cluster.run(3_000);
    cluster.members[0].peers.leave();
    cluster.members[0].is_draining = true;
    cluster.run(150);
    assert_eq!((cluster.owned(0), cluster.owned(1)), (0, 1_024));
    assert!(cluster.members[1].peers.gone.contains(&IncarnationId(1)), "it said goodbye");
    assert!(cluster.members[1].peers.losses.is_empty(), "an orderly end is no loss");
}

#[test]
fn a_partition_that_another_is_heard_to_hold_is_waited_for() {
    let mut peers = Peers::new(IncarnationId(1), 1, 1, PeerRules { listen_ms: 0, ..RULES });
    let partitions: Vec<Partition> = Partition::all().collect();
    let beat = |incarnation: u128, serving: &[Partition], draining| Heartbeat {
        router: incarnation as u64,
        incarnation,
        serving: serving.iter().map(|partition| (*partition, Epoch(3))).collect(),
        draining,
        sent_ms: 0,
    };
    peers.hear(&beat(1, &[], false), 0);
    peers.hear(&beat(2, &partitions, true), 0);
    assert_eq!(peers.plan(&partitions, |_| false, Hands::Free, 0), Plan::default());
    assert!(!peers.may_fence(IncarnationId(2), 0));
    assert_eq!(peers.holder(partitions[9]), Some((IncarnationId(2), Epoch(3))));
    peers.hear(&beat(2, &partitions[1..], true), 10);
    assert_eq!(peers.plan(&partitions, |_| false, Hands::Free, 10).claim, [partitions[0]]);
}

#[test]
fn who_slept_suspects_nobody_when_it_wakes() {
    let mut cluster = Cluster::of(2);
    cluster.run(3_000);
    let beats: Vec<Heartbeat> = cluster.members.iter().map(Member::beat).collect();
    let sleeper = &mut cluster.members[0].peers;
    let wakes = cluster.now_ms + 60_000;
    assert!(sleeper.tick(wakes).is_empty());
    assert!(!sleeper.is_heard(wakes), "it must not answer before it has heard itself");
    assert!(!sleeper.may_fence(IncarnationId(77), wakes), "and fence nobody");
    sleeper.hear(&sent(beats[0].clone(), cluster.now_ms), wakes);
    assert!(!sleeper.is_heard(wakes), "one from before it slept says nothing");
    sleeper.hear(&sent(beats[0].clone(), wakes), wakes);
    assert!(sleeper.is_heard(wakes));
    for ms in (0..3_300).step_by(100) {
        sleeper.hear(&sent(beats[0].clone(), wakes + ms), wakes + ms);
        assert!(sleeper.tick(wakes + ms).is_empty(), "others get time to come back");
    }
    assert_eq!(sleeper.tick(wakes + 3_600), [IncarnationId(2)], "but not for ever");
}

#[test]
fn whoever_hears_nothing_at_all_suspects_nobody() {
    let mut cluster = Cluster::of(2);
    cluster.run(3_000);
    let peers = &mut cluster.members[0].peers;
    for ms in (0..60_000).step_by(50) {
        assert!(peers.tick(3_000 + ms).is_empty());
    }
}

#[test]
fn a_fenced_one_is_dead_whatever_is_heard_of_it() {
    let mut cluster = Cluster::of(2);
    cluster.run(3_000);
    let beat = cluster.members[1].beat();
    let peers = &mut cluster.members[0].peers;
    peers.bury(IncarnationId(2));
    assert!(!peers.hear(&beat, 3_000));
    assert!(peers.may_fence(IncarnationId(2), 3_000));
    assert_eq!(peers.count(), 0);
}

#[test]
fn one_that_comes_and_goes_again_and_again_waits_longer_each_time() {
    let mut cluster = Cluster::of(2);
    cluster.run(3_000);
    let waits: Vec<u64> = (0..4)
        .map(|life| {
            let id = 100 + life;
            cluster.members.truncate(1);
            cluster.join(id);
            // Always the same process.
            cluster.members[1].peers = Peers::new(IncarnationId(id), 9, 1, RULES);
            let began = cluster.now_ms;
            while cluster.owned(1) == 0 {
                cluster.now_ms += 50;
                assert!(cluster.now_ms - began < 60_000);
                let now_ms = cluster.now_ms;
                let mut beat = cluster.members[1].beat();
                beat.router = 9;
                let own = cluster.members[0].beat();
                let old = &mut cluster.members[0];
                old.peers.hear(&sent(own, now_ms), now_ms);
                old.peers.hear(&beat, now_ms);
                old.peers.tick(now_ms);
                let owned = old.owned.clone();
                let plan =
                    old.peers.plan(&cluster.partitions, |p| owned.contains_key(&p), Hands::Free, now_ms);
                for partition in plan.give_up {
                    let epoch = cluster.members[0].owned.remove(&partition).unwrap();
                    cluster.members[1].owned.insert(partition, Epoch(epoch.0 + 1));
                }
            }
            let waited = cluster.now_ms - began;
            // It falls silent, and the other takes everything back.
            let mut beat = cluster.members[1].beat();
            beat.router = 9;
            cluster.members[0].peers.hear(&beat, cluster.now_ms);
            cluster.members[1].is_silent = true;
            cluster.run(700);
            assert_eq!(cluster.owned(0), 1_024);
            waited
        })
        .collect();
    assert!(waits.windows(2).all(|two| two[0] <= two[1]), "{waits:?}");
    assert!(waits[3] >= 4 * waits[0], "{waits:?}");
}

#[test]
fn a_partition_that_its_rightful_owner_leaves_lying_goes_to_the_next_in_line() {
    let mut peers = Peers::new(IncarnationId(1), 1, 1, PeerRules { listen_ms: 0, ..RULES });
    let partitions: Vec<Partition> = Partition::all().collect();
    let beat = |incarnation: u128, serving: Vec<(Partition, Epoch)>| Heartbeat {
        router: incarnation as u64,
        incarnation,
        serving,
        draining: false,
        sent_ms: 0,
    };
    let hear = |peers: &mut Peers, ms| {
        peers.hear(&sent(beat(1, Vec::new()), ms), ms);
        peers.hear(&beat(2, Vec::new()), ms);
    };
    hear(&mut peers, 0);
    let share = peers.plan(&partitions, |_| false, Hands::Free, 0).claim;
    assert!(share.len() < 700);
    let owns = |partition: Partition| share.contains(&partition);
    for ms in (0..=2_000).step_by(100) {
        hear(&mut peers, ms);
        assert!(peers.plan(&partitions, owns, Hands::Full, ms).claim.is_empty(), "it has enough to do");
    }
    let rest = peers.plan(&partitions, owns, Hands::Free, 2_000).claim;
    assert_eq!(rest.len() + share.len(), 1_024);
    assert!(peers.plan(&partitions, |_| true, Hands::Free, 2_000).give_up.is_empty(), "it keeps them");
    peers.hear(&beat(2, vec![(rest[0], Epoch(1))]), 2_100);
    let owns = |partition: Partition| partition != rest[0];
    let given = peers.plan(&partitions, owns, Hands::Free, 2_100).give_up;
    assert_eq!(given.len(), rest.len() - 1, "until the other shows that it can claim");
}

#[test]
fn commands_that_do_not_reach_a_holder_that_missed_two_beats_make_it_suspect() {
    let mut peers = Peers::new(IncarnationId(1), 1, 1, RULES);
    let partition = Partition::all().next().unwrap();
    let beat = |incarnation: u128| Heartbeat {
        router: incarnation as u64,
        incarnation,
        serving: vec![(partition, Epoch(3))],
        draining: false,
        sent_ms: 0,
    };
    peers.hear(&beat(1), 0);
    peers.hear(&beat(2), 0);
    peers.hear(&sent(beat(1), 100), 100);
    assert_eq!(peers.doubt(partition, 150), None, "its next heartbeat may be on its way");
    peers.hear(&sent(beat(1), 300), 300);
    assert_eq!(peers.doubt(partition, 300), Some(IncarnationId(2)));
    assert_eq!(peers.doubt(partition, 300), None, "once");
}

#[test]
fn views_that_disagree_agree_again_once_they_hear_the_same() {
    let mut cluster = Cluster::of(4);
    cluster.run(3_000);
    // One hears a fifth that the others do not hear, and then nobody does any more.
    let phantom = Heartbeat { router: 5, incarnation: 5, serving: Vec::new(), draining: false, sent_ms: 0 };
    for _ in 0..60 {
        cluster.members[0].peers.hear(&phantom, cluster.now_ms);
        cluster.step();
    }
    cluster.run(5_000);
    assert!(cluster.is_whole());
    let moves = cluster.moves;
    cluster.run(40_000);
    assert!(cluster.is_whole());
    cluster.moves = 0;
    cluster.run(10_000);
    assert_eq!(cluster.moves, 0, "at rest after {moves} moves");
}

#[test]
fn a_view_stays_the_same_until_a_member_comes_becomes_steady_or_falls_silent() {
    let mut cluster = Cluster::of(2);
    cluster.run(3_000);
    let view = |cluster: &Cluster| cluster.members[0].peers.view(cluster.now_ms);
    let first = view(&cluster);
    cluster.run(10_000);
    assert_eq!(view(&cluster), first, "beats alone change nothing");
    cluster.join(3);
    cluster.run(100);
    let with_newcomer = view(&cluster);
    assert_ne!(with_newcomer, first);
    cluster.run(1_100);
    let with_third = view(&cluster);
    assert_ne!(with_third, with_newcomer, "it is steady: it gets its share");
    cluster.members[2].is_silent = true;
    cluster.run(600);
    assert_ne!(view(&cluster), with_third);
    cluster.members[0].peers.leave();
    assert_ne!(view(&cluster), first, "it wants nothing any more");
}

#[test]
fn a_plan_says_that_others_should_claim_what_nobody_holds() {
    let mut peers = Peers::new(IncarnationId(1), 1, 1, PeerRules { listen_ms: 0, ..RULES });
    let partitions: Vec<Partition> = Partition::all().collect();
    let beat = |incarnation: u128| Heartbeat {
        router: incarnation as u64,
        incarnation,
        serving: Vec::new(),
        draining: false,
        sent_ms: 0,
    };
    peers.hear(&beat(1), 0);
    assert!(!peers.plan(&partitions, |_| false, Hands::Full, 0).awaits_others, "all are its own");
    peers.hear(&beat(2), 0);
    let share = peers.plan(&partitions, |_| false, Hands::Full, 0);
    assert!(share.awaits_others && share.claim.len() < partitions.len());
}
