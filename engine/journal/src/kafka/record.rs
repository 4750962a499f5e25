//! Records between librdkafka's form and ours.

use std::sync::Arc;

use rdkafka::{
    Message,
    message::{BorrowedMessage, Header, Headers, OwnedHeaders},
};
use sagaline_core::Timestamp;

use crate::{NewRecord, Record};

/// Copies a message out of librdkafka's buffer.
pub(super) fn taken(message: &BorrowedMessage<'_>, topic: &Arc<str>) -> Record {
    let headers = message.headers();
    let mut size = message.key_len() + message.payload_len();
    for header in headers.into_iter().flat_map(Headers::iter) {
        size += header.key.len() + header.value.map_or(0, <[u8]>::len);
    }

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
    for header in headers.into_iter().flat_map(Headers::iter) {
        record.push_header(header.key, header.value);
    }
    record
}

/// A new record's headers in librdkafka's form.
pub(super) fn headers(record: &NewRecord) -> Option<OwnedHeaders> {
    if record.headers.is_empty() {
        return None;
    }
    let mut headers = OwnedHeaders::new_with_capacity(record.headers.len());
    for (name, value) in &record.headers {
        headers = headers.insert(Header {
            key: name,
            value: Some(value.as_slice()),
        });
    }
    Some(headers)
}
