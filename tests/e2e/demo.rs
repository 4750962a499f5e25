//! `dev --demo` as a newcomer meets it: six runs, each brought to its end by what a person does, with a kill in between.

use std::{fs, time::Duration};

use serde_json::{Value, json};

use crate::harness::{
    folder::{Folder, stop},
    is_full, say,
    wait::{Watch, until, until_within},
};

/// The runs, as they are some seconds after the start.
const RUNS: [(&str, &str, &str); 6] = [
    ("demo-approval", "Running", "waiting"),
    ("demo-batch", "Running", "waiting"),
    ("demo-compensated", "Failed", ""),
    ("demo-completed", "Completed", ""),
    ("demo-incident", "Running", "incident"),
    ("demo-retrying", "Running", "retrying"),
];

/// Within which those that end by themselves have ended.
const SOON_SECONDS: f64 = 5.0;

/// How long the batch may take: five minutes on an idle machine.
const BATCH_MAX: Duration = Duration::from_secs(900);

/// A `dev` with the way to ask it.
struct Shop<'a> {
    folder: &'a Folder,
    kafka: String,
}

impl Shop<'_> {
    fn says(&self, arguments: &[&str]) -> String {
        self.folder.says(&self.kafka, arguments)
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let said = self.says(&[arguments, &["-o", "json"]].concat());
        serde_json::from_str(&said).expect("it prints JSON")
    }

    fn describe(&self, id: &str) -> Value {
        self.json(&["workflow", "describe", id])
    }

    /// The runs that nobody started as a child, by their id.
    fn runs(&self) -> Vec<Value> {
        let query = ["-q", "ParentWorkflowId IS NULL"];
        let list = self.json(&[&["workflow", "list"], &query[..]].concat());
        let mut runs = list["workflows"].as_array().expect("it is a list").clone();
        runs.sort_by_key(|run| text(&run["workflow_id"]).to_owned());
        runs
    }

    /// Id and run id of each: what a second start would change.
    fn identities(&self) -> Vec<[String; 2]> {
        let of = |run: &Value| ["workflow_id", "run_id"].map(|key| text(&run[key]).to_owned());
        self.runs().iter().map(of).collect()
    }

    /// Waits until a run has completed; what it returned.
    fn result(&self, id: &str) -> Value {
        let result = self.says(&["workflow", "result", id, "--timeout", "60s"]);
        serde_json::from_str(&result).expect("it is JSON")
    }

    fn count(&self, id: &str, event: &str, activity: &str) -> usize {
        let history = self.json(&["workflow", "history", id]);
        let events = history["events"].as_array().expect("it is a list").iter();
        let of = |one: &&Value| one["type"] == event && one["attributes"]["activity"] == activity;
        events.filter(of).count()
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// How many seconds a closed run took, as it is told.
fn seconds(run: &Value) -> f64 {
    let told = text(&run["waiting_for"]["text"]);
    let mut words = told.split_whitespace();
    let seconds = words.find_map(|word| word.parse().ok());
    seconds.unwrap_or_else(|| panic!("no seconds: {told}"))
}

/// Waits until the six are as they are told, which is soon.
fn until_shown(shop: &Shop<'_>) {
    let begun = Watch::begin();
    let runs = until("the six runs are as they are told", || {
        let runs = shop.runs();
        let shown = runs.iter().map(|run| {
            let [id, status, situation] =
                ["workflow_id", "status", "situation"].map(|key| text(&run[key]));
            // It waits for children, of which one may be about to begin.
            let situation = if id == "demo-batch" && situation == "working" {
                "waiting"
            } else {
                situation
            };
            (id, status, situation)
        });
        let retrying = &runs.last()?["attempt"];
        (shown.eq(RUNS) && retrying.as_u64() >= Some(2)).then_some(runs)
    });
    say(&format!(
        "as told {:.1} s after the start",
        begun.elapsed().as_secs_f32()
    ));
    for id in ["demo-compensated", "demo-completed"] {
        let run = runs.iter().find(|run| run["workflow_id"] == id);
        let run = run.expect("it is there");
        assert!(seconds(run) < SOON_SECONDS, "{run}");
    }
}

/// Repairs the gateway as the terminal says it, and does not wait for the next attempt.
fn repair(shop: &Shop<'_>, log: &str) {
    let (_, command) = log.rsplit_once("repair it:  rm ").expect("it says how");
    let path = command.lines().next().expect("there is a path");
    assert_eq!(path, ".sagaline/demo/gateway-down");
    fs::remove_file(shop.folder.path.join(path)).expect("it is there");

    until("the next attempt is made now", || {
        let run = shop.describe("demo-retrying");
        let activity = run["pending_activities"][0]["activity_id"].to_string();
        let retry = ["activity", "retry", "demo-retrying", &activity];
        let kafka = ["--kafka", &shop.kafka];
        // While one is under way it is refused.
        let output = shop.folder.run(&[&kafka[..], &retry[..]].concat());
        (output.status.success() || run["status"] == "Completed").then_some(())
    });

    let receipt = shop.result("demo-retrying");
    assert_eq!(receipt["charge"]["payment"], "card-demo-retrying");
    let scheduled = "ActivityAttemptScheduled";
    assert_eq!(shop.count("demo-retrying", scheduled, "reserve-stock"), 1);
}

fn approve(shop: &Shop<'_>) {
    let run = shop.describe("demo-approval");
    let wait = &run["waits"][0];
    assert_eq!(text(&run["waiting_for"]["kind"]), "signal", "{run}");
    let labels = ["Approve", "Reject"].map(Value::from);
    assert_eq!(
        [&wait["choices"][0]["label"], &wait["choices"][1]["label"]],
        labels.each_ref()
    );
    let table = shop.says(&["workflow", "describe", "demo-approval"]);
    assert!(
        table.contains("Approve: approve {\"approved\":true}"),
        "{table}"
    );
    assert!(table.contains("gives up in 2"), "{table}");

    let name = text(&wait["name"]);
    let input = wait["choices"][0]["input"].to_string();
    let signal = ["workflow", "signal", "demo-approval", "--name", name];
    shop.says(&[&signal[..], &["--input", &input]].concat());

    assert_eq!(shop.result("demo-approval")["charge"]["amount"], 1_200.0);
}

fn correct(shop: &Shop<'_>) {
    let list = shop.json(&["incident", "list"]);
    let incidents = list["incidents"].as_array().expect("it is a list");
    let [incident] = &incidents[..] else {
        panic!("one run needs a person: {list}")
    };
    assert_eq!(incident["workflow_id"], "demo-incident");
    assert_eq!(incident["activity"], "ship");
    assert_eq!(incident["error_type"], "AddressUnknown");
    assert_eq!(
        (&incident["attempt"], &incident["maximum_attempts"]),
        (&json!(3), &json!(3))
    );
    let mut order = incident["input"].clone();
    assert_eq!(order["address"], "Mian Street 1");

    order["address"] = "Main Street 1".into();
    let retry = ["incident", "retry", text(&incident["id"])];
    shop.says(&[&retry[..], &["--input", &order.to_string()]].concat());

    assert_eq!(
        shop.result("demo-incident")["stock"]["reservation"],
        "stock-demo-incident"
    );
}

/// The batch goes on; in the long form to its end.
fn follow(shop: &Shop<'_>) {
    until("an order of the batch is undone", || {
        let batch = shop.describe("demo-batch");
        assert_eq!(batch["status"], "Running");
        let children = &batch["children"];
        assert_eq!(children["total"], 600);
        assert!(children["running"].as_u64() <= Some(4), "{children}");
        (children["failed"] == 1 && children["completed"].as_u64() >= Some(5)).then_some(())
    });
    let fifth = shop.describe("demo-batch/5");
    assert_eq!(fifth["failure"]["type"], "CourierRefused");
    assert_eq!(fifth["compensation"]["done"], 2);
    if is_full() {
        until_within("the batch has ended", BATCH_MAX, || {
            (shop.describe("demo-batch")["status"] == "Completed").then_some(())
        });
        let tally = json!({"done": 597, "failed": 3});
        assert_eq!(shop.result("demo-batch"), tally);
    }
}

#[test]
fn a_newcomer_sees_six_runs_and_brings_each_to_its_end() {
    let folder = Folder::new("demo");
    let (mut dev, kafka) = folder.dev(&["--demo"]);
    let shop = Shop {
        folder: &folder,
        kafka,
    };
    until_shown(&shop);
    let compensated = shop.describe("demo-compensated");
    assert_eq!(compensated["failure"]["type"], "CourierRefused");
    let told = text(&compensated["waiting_for"]["text"]).to_owned();
    assert!(
        told.ends_with("2 of 2 completed steps compensated."),
        "{told}"
    );
    let failed = "ActivityAttemptFailed";
    assert_eq!(shop.count("demo-compensated", failed, "refund-card"), 1);
    let identities = shop.identities();

    dev.kill();
    let (mut dev, kafka) = folder.dev(&["--demo"]);
    let shop = Shop {
        folder: &folder,
        kafka,
    };
    assert_eq!(shop.identities(), identities, "nothing is doubled");
    repair(&shop, &dev.log());
    approve(&shop);
    correct(&shop);
    follow(&shop);
    stop(&mut dev);

    let (mut dev, kafka) = folder.dev(&["--demo"]);
    let shop = Shop {
        folder: &folder,
        kafka,
    };
    assert_eq!(shop.identities(), identities, "nothing is doubled");
    assert!(!folder.path.join(".sagaline/demo/gateway-down").exists());
    let open = shop
        .runs()
        .into_iter()
        .filter(|run| run["status"] == "Running");
    let open: Vec<Value> = open.map(|run| run["workflow_id"].clone()).collect();
    assert_eq!(
        open,
        if is_full() {
            vec![]
        } else {
            vec![json!("demo-batch")]
        }
    );
    let journal = shop.says(&["journal", "tail", "--from", "earliest", "--until-end"]);
    assert!(journal.contains("\"WorkflowStarted\""), "{journal}");
    // *Retry now* may have come when the run was over.
    let refused = journal
        .lines()
        .filter(|line| line.contains("\"InputRejected\""));
    let mut starts = refused.filter(|line| !line.contains("\"no-open-run\""));
    assert_eq!(starts.next(), None, "no start was refused");
    stop(&mut dev);
    assert_eq!(
        dev.said("repair it:"),
        2,
        "not once it is repaired: {}",
        dev.log()
    );
    assert!(
        !dev.log().contains("\n\n") && !dev.log().contains('\u{1b}'),
        "{}",
        dev.log()
    );
}

#[test]
fn without_the_flag_nothing_is_started_or_made() {
    let folder = Folder::new("no-demo");

    let (mut dev, kafka) = folder.dev(&[]);

    let shop = Shop {
        folder: &folder,
        kafka,
    };
    assert_eq!(shop.runs(), [Value::Null; 0]);
    assert!(!folder.path.join(".sagaline/demo").exists());
    stop(&mut dev);
    assert_eq!(dev.said("demo-completed"), 0, "{}", dev.log());
    assert_eq!(dev.said("stopping: 0 runs kept in .sagaline"), 1);
}
