//! Continue-as-new: one workflow to all who look, whatever crashes between its runs.

use sagaline_core::Outcome;
use serde_json::{Value, json};

use crate::harness::world::World;

#[test]
fn a_workflow_that_continues_as_new_loses_no_signal_and_is_one_to_all_who_look() {
    let world = World::new(1);
    let server = || world.engine_of(&mut world.server("victim", &[]));
    let mut engine = server();
    let mut journal = world.journal();
    world
        .request("sagaline.workflow.start.v1", "t-1")
        .header("sl-workflow", "tally")
        .json(&json!({"each": 2, "taken": []}))
        .send();
    journal.until_event("t-1", "WaitRecorded");
    let send = |number: u32| {
        let number = number.to_string();
        let signal = ["workflow", "signal", "t-1", "--name", "number", "--input"];
        world.says("victim", 0, &[&signal[..], &[&number]].concat());
    };
    let run_after = |runs: usize| format!("run {runs} has begun");

    (1..=3).for_each(send);
    journal.until(&run_after(2), |journal| {
        (journal.ids["t-1"].len() == 2).then_some(())
    });
    engine.kill();
    let _engine = server();
    (4..=5).for_each(send);
    journal.until(&run_after(3), |journal| {
        (journal.ids["t-1"].len() == 3).then_some(())
    });
    let first = journal.ids["t-1"][0].to_string();

    let listed = world.says("victim", 0, &["workflow", "list", "-o", "json"]);
    let listed: Value = serde_json::from_str(&listed).expect("it prints JSON");
    let newest = journal.ids["t-1"][2].to_string();
    assert_eq!(listed["workflows"].as_array().map(Vec::len), Some(1));
    assert_eq!(listed["workflows"][0]["run_id"], newest);
    let described = world.says("victim", 0, &["workflow", "describe", "t-1", "-o", "json"]);
    let described: Value = serde_json::from_str(&described).expect("it prints JSON");
    assert_eq!(described["first_run_id"], first);
    assert_eq!(described["status"], "Running");
    let history = ["workflow", "history", "t-1", "-r", &first];
    let history = world.says("victim", 0, &history);
    assert!(history.contains("WorkflowContinuedAsNew"), "{history}");

    send(0);
    assert_eq!(journal.until_ended("t-1"), Outcome::Completed);
    let result = world.says("victim", 0, &["workflow", "result", "t-1", "-r", &first]);
    let result: Value = serde_json::from_str(&result).expect("it prints JSON");
    assert_eq!(result, json!([1, 2, 3, 4, 5]));
    journal.audit();
}
