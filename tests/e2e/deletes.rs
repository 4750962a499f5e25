//! Closed runs that are deleted: nobody is shown what they were given and gave.

use sagaline_core::{Event, Outcome};
use serde_json::Value;

use crate::harness::world::World;

#[test]
fn a_deleted_run_shows_nothing_to_anybody_and_its_id_stays_used() {
    let world = World::new(1);
    let server = || world.engine_of(&mut world.server("victim", &[]));
    let mut engine = server();
    let _worker = world.spawn("worker", &mut world.command("victim", &["worker"]));
    let mut journal = world.journal();
    let says = |code: i32, arguments: &[&str]| world.says("victim", code, arguments);
    let start = ["workflow", "start", "-t", "collect", "-w", "d-1", "-i", "1"];
    says(0, &start);
    journal.until_event("d-1", "WaitRecorded");

    let refused = says(4, &["workflow", "delete", "d-1"]);
    assert!(
        refused.contains("cancel or terminate it first"),
        "{refused}"
    );
    let signal = [
        "workflow", "signal", "d-1", "--name", "number", "-i", "4711",
    ];
    says(0, &signal);
    assert_eq!(journal.until_ended("d-1"), Outcome::Completed);
    let result = says(0, &["workflow", "result", "d-1"]);
    assert!(result.contains("4711"), "{result}");
    says(
        0,
        &["workflow", "delete", "d-1", "--reason", "a customer asked"],
    );
    engine.kill();
    let _engine = server();

    let described = says(0, &["workflow", "describe", "d-1", "-o", "json"]);
    let json: Value = serde_json::from_str(&described).expect("it prints JSON");
    assert_eq!(json["deleted"]["reason"], "a customer asked");
    assert_eq!(
        (&json["result"], &json["status"]),
        (&Value::Null, &Value::from("Completed"))
    );
    let listed = says(0, &["workflow", "list"]);
    assert!(listed.contains("Deleted at"), "{listed}");
    for verb in ["result", "history"] {
        let said = says(4, &["workflow", verb, "d-1"]);
        assert!(said.contains("was deleted by"), "{said}");
        assert!(!said.contains("4711"), "{said}");
    }
    assert!(!described.contains("4711") && !listed.contains("4711"));
    let again = says(4, &start);
    assert!(again.contains("was used by run"), "{again}");
    says(0, &["journal", "verify"]);
    let deleted = |event: &Event| matches!(event, Event::WorkflowDeleted(_));
    let apart = journal.read_on().apart.iter();
    assert_eq!(
        apart
            .flat_map(|one| &one.events)
            .filter(|one| deleted(one))
            .count(),
        1
    );
    journal.audit();
}
