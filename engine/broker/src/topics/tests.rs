use std::fs;

use super::*;
use crate::{
    disk::{
        faults::{set_bytes_left, take_synced_folders},
        keep_reserve,
    },
    log::build::{batch, checked, record},
};

fn open(dir: &Path) -> Topics {
    Topics::open(dir, Flush::Os).unwrap()
}

fn create(topics: &Topics, name: &str) -> Rc<Topic> {
    topics.create(name, 2, Overrides::default()).unwrap()
}

/// A topic with a record.
fn filled(topics: &Topics, name: &str) -> Rc<Topic> {
    let topic = create(topics, name);
    let partition = topic.partition(1).unwrap();
    let batch = checked(batch(&[record(1, "k", "v")]));
    partition.produce(batch, 1, |_| Ok(())).unwrap();
    topic
}

/// What is in the folder of topics.
fn folders(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir.join("topics")).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_deleted_topics_folder_is_set_aside_and_removed_by_others_after_a_crash_too() {
    let dir = tempfile::tempdir().unwrap();
    let topics = open(dir.path());
    let topic = filled(&topics, "orders");
    let aside = format!("{}-delete", topic.id);

    topics.delete(&topic).unwrap();

    assert_eq!(folders(dir.path()), [aside.as_str()]);
    let removed = [dir.path().join("topics").join(&aside)];
    assert_eq!(topics.take_removed(), removed);
    assert!(topics.take_removed().is_empty());
    let topics = open(dir.path());
    assert!(topics.get("orders").is_none());
    assert_eq!(topics.take_removed(), removed);
}

#[test]
fn a_deletion_that_was_cut_short_before_the_list_was_written_has_not_been() {
    let dir = tempfile::tempdir().unwrap();
    let topics = open(dir.path());
    let topic = filled(&topics, "orders");
    topics.folders.set_aside(topic.id).unwrap();
    drop((topics, topic));

    let topics = open(dir.path());

    let partition = topics.partition("orders", 1).unwrap();
    assert_eq!(partition.visible(), 1);
    assert!(topics.take_removed().is_empty());
}

#[test]
fn a_folder_that_the_list_does_not_have_is_set_aside_if_it_has_records_and_removed_if_not() {
    let dir = tempfile::tempdir().unwrap();
    let topics = open(dir.path());
    let (full, empty) = (filled(&topics, "orders").id, create(&topics, "bills").id);
    drop(topics);
    fs::write(dir.path().join("topics.json"), "[]").unwrap();
    fs::remove_file(dir.path().join("topics.old")).unwrap();

    let topics = open(dir.path());

    let removed = topics.take_removed();
    assert_eq!(removed, [topics.folders.of(empty)]);
    fs::remove_dir_all(&removed[0]).unwrap();
    let aside = format!("unknown-{full}");
    assert_eq!(folders(dir.path()), [aside.as_str()]);
    drop(topics);
    assert!(open(dir.path()).take_removed().is_empty());
    assert_eq!(folders(dir.path()), [aside]);
}

#[test]
fn a_topic_that_cannot_be_made_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let topics = open(dir.path());

    for left in [0, 30, 60, 120] {
        set_bytes_left(Some(left));
        let refused = topics.create("orders", 2, Overrides::default());
        set_bytes_left(None);

        assert_eq!(refused.unwrap_err().code, ErrorCode::StorageError);
        assert!(topics.get("orders").is_none());
        let removed = topics.take_removed();
        assert_eq!(removed.len(), 1);
        fs::remove_dir_all(&removed[0]).unwrap();
        assert!(folders(dir.path()).is_empty());
    }
    create(&topics, "orders");
}

#[test]
fn on_a_full_disk_topics_can_be_told_to_keep_less_and_be_deleted() {
    let dir = tempfile::tempdir().unwrap();
    let topics = open(dir.path());
    let topic = filled(&topics, "orders");
    keep_reserve(dir.path().join("reserve")).unwrap();

    let mut shorter = Overrides::default();
    shorter.set("retention.ms", Some("1000")).unwrap();

    set_bytes_left(Some(0));
    let configured = topics.configure(&topic, shorter);
    let known = open(dir.path()).get("orders");
    let deleted = topics.delete(&topic);
    set_bytes_left(None);

    configured.unwrap();
    let config = known.unwrap().config.borrow().clone();
    assert_eq!(config.number("retention.ms"), 1000);
    deleted.unwrap();
    assert!(open(dir.path()).get("orders").is_none());
}

#[test]
fn a_topic_whose_deletion_is_refused_keeps_its_records() {
    let dir = tempfile::tempdir().unwrap();
    let topics = open(dir.path());
    let topic = filled(&topics, "orders");

    set_bytes_left(Some(0));
    let refused = topics.delete(&topic);
    set_bytes_left(None);

    assert_eq!(refused.unwrap_err().code, ErrorCode::StorageError);
    assert!(topics.get("orders").is_some());
    assert!(topics.folders.of(topic.id).exists());
    drop((topics, topic));
    let partition = open(dir.path()).partition("orders", 1).unwrap();
    assert_eq!(partition.visible(), 1);
}

#[test]
fn with_fsync_a_topics_folder_has_a_name_on_the_disk_when_the_topic_is_made() {
    let dir = tempfile::tempdir().unwrap();
    let of_topics = dir.path().join("topics");
    let topics = Topics::open(dir.path(), Flush::Fsync).unwrap();
    take_synced_folders();

    create(&topics, "orders");

    assert_eq!(take_synced_folders(), [of_topics, dir.path().to_owned()]);
    let topics = open(dir.path());
    take_synced_folders();
    create(&topics, "bills");
    assert!(
        take_synced_folders().is_empty(),
        "nobody waits for the disk"
    );
}
