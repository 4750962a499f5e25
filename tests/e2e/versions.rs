//! Code that changes while runs are open: what they still need, what would differ, and what they say about themselves.

use serde_json::{Value, json};

use crate::harness::world::World;

fn json_of(said: &str) -> Value {
    serde_json::from_str(said).expect("it prints JSON")
}

#[test]
fn what_open_runs_need_is_listed_and_changed_code_is_found_before_it_is_deployed() {
    let world = World::new(2);
    let _engine = world.engine_of(&mut world.server("victim", &["--with-worker"]));
    let mut journal = world.journal();
    let start = |workflow: &str, id: &str| {
        world
            .request("sagaline.workflow.start.v1", id)
            .header("sl-workflow", workflow)
            .json(&Value::Null)
            .send();
    };
    start("turncoat", "t-1");
    start("marked", "m-1");
    start("marked", "m-2");
    journal.until_event("t-1", "WorkflowCompleted");
    journal.until_event("m-1", "WaitRecorded");
    journal.until_event("m-2", "WaitRecorded");

    let versions = world.says("victim", 0, &["workflow", "versions", "-o", "json"]);
    assert_eq!(
        json_of(&versions),
        json!({
            "workflows": [{"workflow": "marked", "version": "1.0.0", "open": 2}],
            "changes": [{"workflow": "marked", "change": "two-steps", "version": "2", "open": 2}],
        })
    );
    let query = [
        "workflow",
        "list",
        "-o",
        "json",
        "-q",
        "state = \"waiting\"",
    ];
    let listed = json_of(&world.says("victim", 0, &query));
    assert_eq!(listed["workflows"].as_array().map(Vec::len), Some(2));
    assert_eq!(listed["workflows"][0]["attributes"]["tries"], 1);

    let same = world.says("victim", 0, &["journal", "replay"]);
    assert_eq!(same, "3 runs replayed, 0 differ\n");
    let mut turned = world.command("victim", &["journal", "replay", "-o", "json"]);
    let turned = turned.env("VICTIM_TURNED", "1").output().expect("it runs");
    assert_eq!(turned.status.code(), Some(1));
    let turned = json_of(&String::from_utf8(turned.stdout).expect("it prints text"));
    assert_eq!(turned["compared"], 3);
    assert_eq!(turned["differing"][0]["workflow_id"], "t-1");
    let error_type = &turned["differing"][0]["error_type"];
    assert_eq!(error_type, "sagaline.Nondeterminism");
    let of_other = ["journal", "replay", "-w", "m-1"];
    let mut of_other = world.command("victim", &of_other);
    let of_other = of_other.env("VICTIM_TURNED", "1").status();
    assert!(of_other.expect("it runs").success());
    let unknown = world.says("victim", 4, &["journal", "replay", "-w", "m-11"]);
    assert!(unknown.contains("no run of workflow m-11"), "{unknown}");

    world.says("victim", 0, &["workflow", "signal", "m-1", "--name", "go"]);
    journal.until_event("m-1", "WorkflowCompleted");
    journal.audit();
}
