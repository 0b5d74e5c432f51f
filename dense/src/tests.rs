//! The table beside a list that is searched.

use super::*;

/// A name, and a number that tells entries of one name apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Numbered(String, u32);

impl Named for Numbered {
    type Name = String;

    fn name(&self) -> &String {
        &self.0
    }
}

fn entry(name: u32, number: u32) -> Numbered {
    Numbered(format!("name-{name}"), number)
}

/// xorshift64 (Marsaglia 2003): the same numbers in every run.
fn next(state: &mut u64) -> u32 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    (*state >> 32) as u32
}

fn sorted<'a>(entries: impl Iterator<Item = &'a Numbered>) -> Vec<Numbered> {
    let mut entries: Vec<_> = entries.cloned().collect();
    entries.sort();
    entries
}

#[test]
fn after_any_changes_it_holds_what_a_list_holds() {
    let (mut table, mut list, mut state) = (DenseTable::default(), Vec::new(), 7);
    for step in 0..20_000 {
        let new = entry(next(&mut state) % 40, next(&mut state) % 3);
        // First it grows, then it comes and goes, then it shrinks.
        let grows = next(&mut state) % 20_000 > step;
        if grows {
            *table.insert(new.clone()) = new.clone();
            list.push(new);
        } else {
            let removed = table.remove(&new.0, |entry| entry.1 == new.1);
            let at = list.iter().position(|known| *known == new);
            assert_eq!(removed, at.map(|at| list.swap_remove(at)));
        }
        let asked = entry(next(&mut state) % 40, next(&mut state) % 3);
        let of_name = || list.iter().filter(|known| known.0 == asked.0);
        assert_eq!(table.get(&asked.0).is_some(), of_name().next().is_some());
        assert_eq!(sorted(table.all_of(&asked.0)), sorted(of_name()));
        let found = table.find_mut(&asked.0, |entry| entry.1 == asked.1);
        assert_eq!(found.cloned(), list.iter().find(|known| **known == asked).cloned());
    }
    assert_eq!(sorted(table.iter()), sorted(list.iter()));
    assert_eq!((table.len(), table.is_empty()), (list.len(), list.is_empty()));
}

#[test]
fn a_crowd_that_left_does_not_keep_its_table() {
    let mut table = DenseTable::default();
    for name in 0..10_000 {
        table.insert(entry(name, 0));
    }
    let full = table.bytes();
    for name in 1_000..10_000 {
        table.remove(&entry(name, 0).0, |_| true);
    }
    assert!(table.bytes() * 3 < full, "{} of {full} bytes for a tenth", table.bytes());
    for name in 0..1_000 {
        assert!(table.get_mut(&entry(name, 0).0).is_some());
        table.remove(&entry(name, 0).0, |_| true);
    }
    assert_eq!(table.bytes(), 0);
}

#[test]
fn an_empty_place_is_small() {
    let mut table = DenseTable::default();
    for name in 0..15_000 {
        table.insert(entry(name, 0));
    }
    let beside = table.bytes() - table.entries.capacity() * size_of::<Numbered>();
    assert!(beside <= 15_000 * 11, "{} bytes each", beside / 15_000);
}
