//! Records between librdkafka's form and ours.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use rdkafka::{
    Message,
    message::{BorrowedMessage, Header, Headers, OwnedHeaders},
};
use sagaline_core::Timestamp;

use crate::{NewRecord, Record};

/// Copies a message out of librdkafka's buffer.
pub(super) fn taken(message: &BorrowedMessage<'_>, topic: &Arc<str>) -> Record {
    let headers = message.headers();
    let count = headers.map_or(0, Headers::count);
    let size = message.key_len() + message.payload_len() + count * HEADER_BYTES;
    let timestamp = Timestamp::from_millis(message.timestamp().to_millis().unwrap_or(0));
    let mut record = Record::new(
        topic.clone(),
        message.partition(),
        message.offset(),
        timestamp,
        size,
    )
    .with_key(message.key())
    .with_value(message.payload());
    for header in headers.into_iter().flat_map(named) {
        record.push_header(header.key, header.value);
    }
    record
}

/// What a header takes in the buffer of its record, name and value: most of ours take less.
const HEADER_BYTES: usize = 48;

/// The headers whose names are UTF-8. Any other is nobody's, and asking rdkafka for it panics: a stranger's record must
/// not end the thread that reads it.
fn named<H: Headers>(headers: &H) -> impl Iterator<Item = Header<'_, &[u8]>> {
    let header = |index| catch_unwind(AssertUnwindSafe(|| headers.try_get(index)));
    (0..headers.count()).filter_map(move |index| header(index).ok().flatten())
}

/// A new record's headers in librdkafka's form.
pub(super) fn headers(record: &NewRecord) -> Option<OwnedHeaders> {
    if record.headers.is_empty() {
        return None;
    }
    let mut headers = OwnedHeaders::new_with_capacity(record.headers.len());
    for (name, value) in record.headers.iter() {
        headers = headers.insert(Header {
            key: name,
            value: Some(value),
        });
    }
    Some(headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As rdkafka gives them: `None` stands for a name that is not UTF-8.
    struct Strange(Vec<Option<&'static str>>);

    impl Headers for Strange {
        fn count(&self) -> usize {
            self.0.len()
        }

        fn try_get(&self, index: usize) -> Option<Header<'_, &[u8]>> {
            self.0.get(index).map(|name| Header {
                key: name.unwrap(),
                value: Some(&b"value"[..]),
            })
        }
    }

    #[test]
    fn a_header_whose_name_is_no_text_is_left_out_and_the_others_stay() {
        let headers = Strange(vec![Some("ce_type"), None, Some("ce_id")]);

        let names: Vec<&str> = named(&headers).map(|header| header.key).collect();

        assert_eq!(names, ["ce_type", "ce_id"]);
    }
}
