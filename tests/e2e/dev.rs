//! `dev`: everything in one process, which finds its state again however it ended.

use std::{fs, net::TcpStream, process::Output};

use crate::harness::{
    folder::{Folder, stop},
    http,
    process::Signal,
    records::order,
    wait::{LIMIT, Watch, until_true},
};

/// The code and what it said on stderr.
fn refusal(output: &Output) -> (Option<i32>, String) {
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code(), said)
}

#[test]
fn dev_runs_an_order_and_finds_it_again() {
    let folder = Folder::new("again");
    let input = order("o-1", "visa", "ok").to_string();
    let (mut dev, kafka) = folder.dev(&["--data", "data"]);
    let execute = ["workflow", "execute", "--type", "order", "--input", &input];
    let result = folder.says(&kafka, &[&execute[..], &["--id", "o-1"]].concat());
    assert!(result.contains("card-o-1"), "{result}");

    stop(&mut dev);
    let (mut again, kafka) = folder.dev(&["--data", "data"]);

    let list = folder.says(&kafka, &["workflow", "list"]);
    assert!(list.contains("Completed") && list.contains("o-1"), "{list}");
    folder.says(&kafka, &[&execute[..], &["--id", "o-2"]].concat());
    stop(&mut again);
    let log = dev.log();
    for text in [
        &format!("Kafka    {}", kafka.split(':').next().unwrap()),
        "Data     data",
        "Serves   workflows order, order-batch; activities on queue orders",
        "stopping: 1 run kept in data",
        "stopping: 2 runs kept in data",
    ] {
        assert!(log.contains(text), "{text}: {log}");
    }
    assert!(!log.contains("WARN") && !log.contains("ERROR"), "{log}");
}

#[test]
fn a_killed_dev_goes_on_with_what_was_under_way() {
    let folder = Folder::new("killed");
    let input = order("o-1", "visa", "ok").to_string();
    let (mut dev, kafka) = folder.dev(&[]);
    let start = ["workflow", "start", "--type", "order", "--id", "o-1"];
    folder.says(&kafka, &[&start[..], &["--input", &input]].concat());

    dev.kill();
    let (mut again, kafka) = folder.dev(&[]);

    let waited = ["workflow", "result", "o-1", "--timeout", "60s"];
    let result = folder.says(&kafka, &waited);
    assert!(result.contains("card-o-1"), "{result}");
    stop(&mut again);
    assert!(folder.path.join(".sagaline/topics.json").exists());
}

#[test]
fn a_second_dev_on_the_same_data_or_port_is_refused() {
    let folder = Folder::new("second");
    let (mut dev, kafka) = folder.dev(&[]);
    let (_, port) = kafka.rsplit_once(':').expect("it is host:port");

    let (code, said) = refusal(&folder.run(&["dev", "--kafka-port", "0"]));
    assert_eq!(code, Some(4), "{said}");
    let process = format!("error: .sagaline is used by process {}\n", dev.id());
    assert!(said.contains(&process), "{said}");
    assert!(
        said.contains("hint: stop it, or give --data another folder"),
        "{said}"
    );

    let (code, said) = refusal(&folder.run(&["dev", "--ephemeral", "--kafka-port", port]));
    assert_eq!(code, Some(4), "{said}");
    let expected = format!(
        "error: port {port} is in use\nhint: another dev may be running; --kafka-port 0 picks a free one\n"
    );
    assert_eq!(said, expected);
    stop(&mut dev);
}

#[test]
fn dev_answers_http_where_it_says() {
    let folder = Folder::new("http");
    let (mut dev, addresses) = folder.served(&["--http-port", "0"]);
    let url = addresses["http"].as_str().expect("it has an address");
    let address = url.strip_prefix("http://").expect("it is a URL");

    let ready = http::get(address, "/readyz");
    let port = address.rsplit(':').next().expect("it has a port");
    let (code, said) = refusal(&folder.run(&[
        "dev",
        "--ephemeral",
        "--kafka-port",
        "0",
        "--http-port",
        port,
    ]));

    assert_eq!((ready.status, ready.body.as_str()), (200, "ready\n"));
    assert!(dev.log().contains(&format!("  UI       {url}\n")));
    assert_eq!(code, Some(4), "{said}");
    assert!(
        said.contains(&format!("error: port {port} is in use\n")),
        "{said}"
    );
    assert!(
        said.contains("hint: ") && said.contains("--http-port 0"),
        "{said}"
    );
    stop(&mut dev);
}

#[test]
fn an_ephemeral_dev_leaves_nothing() {
    let folder = Folder::new("ephemeral");
    let here = || fs::read_dir(&folder.path).expect("it is there").count();
    let (mut dev, _) = folder.dev(&["--ephemeral"]);
    let while_it_runs = here();

    stop(&mut dev);

    assert_eq!(here(), while_it_runs - 1, "its folder is gone");
    assert!(
        dev.log().contains("stopping: nothing is kept"),
        "{}",
        dev.log()
    );
}

#[test]
fn ctrl_c_while_an_ephemeral_dev_starts_ends_it_and_leaves_nothing() {
    let folder = Folder::new("early");
    let temporary = || {
        let mut entries = fs::read_dir(&folder.path).expect("it is there").flatten();
        entries.any(|entry| entry.file_name().to_string_lossy().starts_with("sagaline-"))
    };
    let mut dev = folder.begin(&["--ephemeral"]);
    // Without a pause, for it is not to get further.
    let begun = Watch::begin();
    while !temporary() {
        assert!(!dev.has_ended(), "dev has ended: {}", dev.log());
        assert!(begun.elapsed() < LIMIT, "dev makes no folder");
    }

    dev.signal(Signal::Int);

    let status = dev.end();
    assert!(status.success(), "{status}: {}", dev.log());
    assert!(!temporary(), "its folder is gone");
}

#[test]
fn a_second_ctrl_c_ends_a_dev_that_still_stops() {
    let folder = Folder::new("twice");
    let (mut dev, kafka) = folder.dev(&["--data", "data"]);
    // It waits a while for clients to go.
    let _client = TcpStream::connect(kafka).expect("it listens");

    dev.signal(Signal::Int);
    until_true("it stops", || dev.said("stopping: 0 runs kept") == 1);
    dev.signal(Signal::Int);

    assert_eq!(dev.end().code(), Some(130), "{}", dev.log());
}

#[test]
fn dev_says_how_many_partitions_there_are_whatever_it_is_told() {
    let folder = Folder::new("partitions");
    let (mut dev, _) = folder.dev(&["--partitions", "2"]);
    stop(&mut dev);
    assert_eq!(dev.said("hint: "), 0, "{}", dev.log());

    let (mut other, _) = folder.dev(&["--partitions", "3"]);
    stop(&mut other);
    let (mut silent, _) = folder.dev(&[]);
    stop(&mut silent);

    assert_eq!(silent.said("namespace sagaline, 2 partitions"), 3);
    assert_eq!(
        silent.said("hint: --partitions 3 changes nothing"),
        1,
        "{}",
        silent.log()
    );
}

#[test]
fn flags_that_contradict_each_other_are_refused() {
    let folder = Folder::new("flags");

    for flags in [
        &["--ephemeral", "--data", "x"][..],
        &["--kafka", "127.0.0.1:1"],
        &["--partitions", "0"],
    ] {
        let (code, said) = refusal(&folder.run(&[&["dev"], flags].concat()));
        assert_eq!(code, Some(2), "{flags:?}: {said}");
        assert!(said.starts_with("error: "), "{said}");
    }
}
