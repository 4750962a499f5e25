-- Where the journal tells of inputs that could not be taken.
CREATE TABLE rejected (
    partition BIGINT NOT NULL,
    record_offset BIGINT NOT NULL,
    -- In microseconds.
    at BIGINT NOT NULL,
    -- Null: it did not say whose it is.
    workflow_id TEXT,
    PRIMARY KEY (partition, record_offset)
);
CREATE INDEX rejected_at ON rejected (at, partition, record_offset);
CREATE INDEX rejected_workflow_id ON rejected (workflow_id, at, partition, record_offset) WHERE workflow_id IS NOT NULL;
