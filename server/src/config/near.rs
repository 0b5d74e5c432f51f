//! What somebody may have meant: names close to an unknown one, and what replaced names that other servers use.

/// Settings by names that other chat servers use, and what they are called here.
const CALLED_HERE: &[(&str, &str)] = &[
    ("server.port", "public.listen"),
    ("server.host", "public.listen"),
    ("public.port", "public.listen"),
    ("admin.port", "admin.listen"),
    ("jwt.secret", "auth.signing_key_file"),
    ("auth.secret", "auth.signing_key_file"),
    ("auth.access_secret", "auth.signing_key_file"),
    ("jwt.expire_hour", "auth.access_ttl"),
    ("auth.access_expire", "auth.access_ttl"),
    ("log.level", "log.filter"),
    ("logging.level", "log.filter"),
    ("websocket.check_origin", "gateway.origins"),
    ("gateway.max_connections", "gateway.connections_max"),
    ("gateway.ping_interval", "gateway.ping_after"),
    ("store.path", "data.dir"),
    ("data.path", "data.dir"),
    ("nats.url", "bus.nats.urls"),
    ("nats.urls", "bus.nats.urls"),
    ("cassandra.nodes", "store.cql.nodes"),
    ("scylla.nodes", "store.cql.nodes"),
    ("redis.addr", "redis.url"),
    ("redis.host", "redis.url"),
];

/// What to write instead of an unknown name, as the end of a sentence; empty when nothing is close.
pub(crate) fn advice<'a>(unknown: &str, known: impl Iterator<Item = &'a str>) -> String {
    if let Some((_, here)) = CALLED_HERE.iter().find(|(elsewhere, _)| *elsewhere == unknown) {
        return format!("; here it is called {here}");
    }
    let mut close: Vec<(usize, &str)> = known
        .map(|name| (distance(unknown, name), name))
        .filter(|(far, name)| *far <= name.len() / 3)
        .collect();
    close.sort_unstable();
    match close.as_slice() {
        [] => String::new(),
        [(_, only)] => format!("; did you mean {only}?"),
        [(_, first), (_, second), ..] => format!("; did you mean {first} or {second}?"),
    }
}

/// How many letters must be inserted, removed, replaced or swapped with their neighbour (optimal string alignment).
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows: Vec<Vec<usize>> = vec![(0..=b.len()).collect()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replaced = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = replaced.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn close_names_and_known_replacements_are_named() {
        let known = || ["gateway.shards", "log.filter", "public.listen"].into_iter();
        assert_eq!(advice("gateway.shrads", known()), "; did you mean gateway.shards?");
        assert_eq!(advice("log.level", known()), "; here it is called log.filter");
        assert_eq!(advice("kubernetes", known()), "");
    }

    #[test]
    fn a_swap_is_one_step() {
        assert_eq!(distance("listen", "lisetn"), 1);
        assert_eq!(distance("", "abc"), 3);
    }

    #[test]
    fn replacements_exist() {
        let defaults: toml::Table = crate::config::DEFAULTS.parse().unwrap();
        for (_, here) in CALLED_HERE {
            assert!(super::super::layers::find(&defaults, here).is_some(), "{here}");
        }
    }
}
