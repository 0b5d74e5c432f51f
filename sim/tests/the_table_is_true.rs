//! The table of broken rules in docs/SIMULATION.md is the one of this program.

use sim::mutations::TABLE_HEAD;
use store::mutation::Mutation;

const PAGE: &str = include_str!("../../docs/SIMULATION.md");

#[test]
fn every_rule_has_its_row() {
    let (_, table) = PAGE.split_once(TABLE_HEAD).expect("the table");
    let rows: Vec<&str> = table.lines().skip(1).take_while(|line| line.starts_with('|')).collect();
    let rules: Vec<String> =
        Mutation::ALL.iter().map(|rule| format!("| `{}` | {} |", rule.name(), rule.rule())).collect();
    assert_eq!(rows.len(), rules.len());
    for (row, rule) in rows.iter().zip(&rules) {
        assert!(row.starts_with(rule), "{row}\nis not of {rule}");
    }
}
