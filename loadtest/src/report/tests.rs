//! Reports as files and pages.

use super::*;
use crate::clock::{MILLISECOND, SECOND};
use crate::course::{Counters, Course};

fn measured() -> Measured {
    let mut figures = Figures::of("dm");
    figures.count("acked", 7);
    figures.add("server.cpus", 0.5, Unit::Count);
    figures.add("delivery.p99", 0.012, Unit::Seconds);
    let mut course = Course::begin(0);
    for second in 1..=20 {
        for latency in 1..=50 {
            course.delivered(second * latency * MILLISECOND / 4);
        }
        let sent = second * 50;
        course.turn_over(second * SECOND, Counters { sent, delivered: sent, ..Counters::default() });
    }
    Measured { figures, verdict: Verdict::Good, courses: vec![("dm", course)], steps: None }
}

#[test]
fn counts_are_whole_and_processors_are_not() {
    let report = json("loadtest dm", &json!({}), &measured());
    assert_eq!(report["figures"]["dm.acked"]["value"], json!(7));
    assert_eq!(report["figures"]["dm.server.cpus"]["value"], json!(0.5));
    assert_eq!(report["exit_code"], json!(0));
    assert_eq!(report["courses"]["dm"]["steps"].as_array().map(Vec::len), Some(20));
}

#[test]
fn the_page_has_charts_figures_and_nothing_from_elsewhere() {
    let settings = json!({ "scenario": "dm", "evil": "</pre><script>alert(1)</script>" });
    let html = page::page(&json("loadtest dm --users '<b>'", &settings, &measured()));
    for there in
        ["Delivery latency", "Share that was faster than", "12.00 ms", "prefers-color-scheme", "viewport"]
    {
        assert!(html.contains(there), "{there}");
    }
    for absent in ["http://", "https://", "<script", "@import", "url(", "<b>'"] {
        assert!(!html.contains(absent), "{absent}");
    }
    assert!(!html.contains("Memory of the server"), "nothing was watched");
    assert_eq!(html.matches("<svg").count(), html.matches("</svg>").count());
    assert_eq!(html.matches("<svg").count(), 5, "latency, distribution, sent, delivered, connections");
}
