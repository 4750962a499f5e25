//! Every event comes back from its form for people: what `history` prints can be replayed.

use sagaline_core::{Event, show::Shown};
use serde_json::value::{RawValue, to_raw_value};

use crate::samples;

fn shown(event: &Event) -> Box<RawValue> {
    to_raw_value(&Shown(event)).unwrap()
}

#[test]
fn every_event_is_read_back_from_what_is_printed_of_it() {
    for (name, transition) in samples::transitions() {
        for event in &transition.events {
            let printed = shown(event);

            let read = Event::read(event.name(), &printed);

            // Of a payload of JSON the content type's parameters are not printed.
            let read = read.unwrap_or_else(|wrong| panic!("{name}: {wrong}: {printed}"));
            assert_eq!(shown(&read).get(), printed.get(), "{name}");
        }
    }
}

#[test]
fn an_event_that_does_not_exist_is_named() {
    let none = RawValue::from_string("{}".into()).unwrap();

    assert_eq!(
        Event::read("OrderShipped", &none).unwrap_err(),
        "no event has the name `OrderShipped`"
    );
}
