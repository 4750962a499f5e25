//! Avro schemas of the journal.
