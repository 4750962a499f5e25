-- Runs that were open where a trimmed journal begins and are in no list, in the form of cut.rs: others may take something over from them.
CREATE TABLE cut (
    run_id TEXT PRIMARY KEY,
    partition BIGINT NOT NULL,
    state BYTEA NOT NULL
);
CREATE INDEX cut_partition ON cut (partition);
