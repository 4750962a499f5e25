-- What was projected, and in which form: `namespace`, `state`.
CREATE TABLE meta (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
);

-- One row per partition: how far its journal was projected, and which process does it.
CREATE TABLE partitions (
    partition BIGINT PRIMARY KEY,
    -- The journal's next record to read; it and what it tells are committed together.
    next_offset BIGINT NOT NULL,
    epoch BIGINT NOT NULL,
    batch_no BIGINT NOT NULL,
    -- Time of the last batch, in ms since 1970.
    as_of BIGINT NOT NULL,
    leader TEXT NOT NULL,
    -- Counts up as long as the leader lives.
    beat BIGINT NOT NULL
);

-- One row per run, without its state: what is searched is small. Times and lengths are in ms. Texts are those of key.rs: without
-- U+0000. An index per field takes time of every run, so that fields that only open runs have share one, and what is of pending
-- activities is searched in their table.
CREATE TABLE runs (
    -- In the order in which runs were projected; no part of what was projected.
    id INTEGER PRIMARY KEY,
    run_id TEXT NOT NULL UNIQUE,
    partition BIGINT NOT NULL,
    workflow_id TEXT NOT NULL,
    -- Where its first record lies: of the runs of an id the newest has the largest.
    first_offset BIGINT NOT NULL,
    -- 0: another run goes on in its place, so that lists leave it out.
    listed BIGINT NOT NULL,
    open BIGINT NOT NULL,
    status TEXT NOT NULL,
    -- Of an open run, but for `no-worker`, which only the groups of its queues can tell.
    situation TEXT,
    needs_person BIGINT NOT NULL,
    -- Waits that offer choices to a person.
    decisions BIGINT NOT NULL,
    workflow TEXT NOT NULL,
    version TEXT NOT NULL,
    -- The version such that texts are in its order; null: it is none.
    version_key TEXT,
    -- Never changes, nor do the other columns of before it but those from `listed` to `decisions`.
    started_at BIGINT NOT NULL,
    closed_at BIGINT,
    -- How long it took; null while it is open.
    took BIGINT,
    -- Of the activity that the run's sentence is about: what lists are sorted by.
    task_queue TEXT,
    activity TEXT,
    activity_id BIGINT,
    attempt BIGINT,
    next_attempt_at BIGINT,
    last_failure_type TEXT,
    compensation TEXT,
    incidents BIGINT NOT NULL,
    parent_workflow_id TEXT,
    parent_run_id TEXT,
    -- Children in all; null: it has none.
    children BIGINT
);
CREATE INDEX runs_workflow_id ON runs (workflow_id, first_offset);
CREATE INDEX runs_started_at ON runs (started_at) WHERE listed = 1;
CREATE INDEX runs_closed_at ON runs (closed_at, started_at) WHERE listed = 1 AND closed_at IS NOT NULL;
CREATE INDEX runs_took ON runs (took, started_at) WHERE listed = 1 AND took IS NOT NULL;
CREATE INDEX runs_status ON runs (status, started_at) WHERE listed = 1;
CREATE INDEX runs_workflow ON runs (workflow, started_at) WHERE listed = 1;
CREATE INDEX runs_version ON runs (version_key, started_at) WHERE listed = 1;
CREATE INDEX runs_compensation ON runs (compensation, started_at) WHERE listed = 1 AND compensation IS NOT NULL;
CREATE INDEX runs_parent ON runs (parent_workflow_id, started_at) WHERE listed = 1 AND parent_workflow_id IS NOT NULL;
CREATE INDEX runs_parent_run ON runs (parent_run_id, started_at) WHERE parent_run_id IS NOT NULL;
-- Few rows: only open runs have these.
CREATE INDEX runs_open ON runs (started_at) WHERE listed = 1 AND open = 1;
CREATE INDEX runs_situation ON runs (situation, started_at) WHERE listed = 1 AND situation IS NOT NULL;
CREATE INDEX runs_needs_person ON runs (started_at) WHERE listed = 1 AND needs_person = 1;
CREATE INDEX runs_decisions ON runs (started_at) WHERE listed = 1 AND decisions > 0;
CREATE INDEX runs_incidents ON runs (incidents, started_at) WHERE listed = 1 AND incidents > 0;
CREATE INDEX runs_next_attempt_at ON runs (next_attempt_at, started_at) WHERE listed = 1 AND next_attempt_at IS NOT NULL;
CREATE INDEX runs_activity ON runs (activity, task_queue, activity_id, attempt, last_failure_type, started_at) WHERE listed = 1 AND activity IS NOT NULL;

-- The runs as core has them, in the form of state.rs.
CREATE TABLE states (
    -- `runs.id`.
    id INTEGER PRIMARY KEY,
    state BLOB NOT NULL
);

-- Parts of workflow ids, by every three characters. The database keeps them by itself: writers know nothing of them.
CREATE VIRTUAL TABLE workflow_ids USING fts5(workflow_id, content = '', contentless_delete = 1, detail = none, tokenize = 'trigram');
CREATE TRIGGER workflow_ids_insert AFTER INSERT ON runs BEGIN
    INSERT INTO workflow_ids (rowid, workflow_id) VALUES (new.id, new.workflow_id);
END;
CREATE TRIGGER workflow_ids_delete AFTER DELETE ON runs BEGIN
    DELETE FROM workflow_ids WHERE rowid = old.id;
END;

-- Search attributes of runs; a list has a row more per element.
CREATE TABLE attributes (
    -- `runs.id`.
    run BIGINT NOT NULL,
    name TEXT NOT NULL,
    ordinal BIGINT NOT NULL,
    -- Kind and value such that texts are in their order, as key.rs makes them: the first 200 characters, and what follows.
    value_key TEXT NOT NULL,
    value_rest TEXT NOT NULL,
    -- The run's.
    started_at BIGINT NOT NULL,
    PRIMARY KEY (run, name, ordinal)
) WITHOUT ROWID;
CREATE INDEX attributes_value ON attributes (name, value_key, started_at, run);

-- Activities without an outcome.
CREATE TABLE pending (
    run_id TEXT NOT NULL,
    activity_id BIGINT NOT NULL,
    activity TEXT NOT NULL,
    task_queue TEXT NOT NULL,
    -- As the API has it: queued, running, retrying, parked, paused, cancel-requested.
    state TEXT NOT NULL,
    attempt BIGINT NOT NULL,
    next_attempt_at BIGINT,
    last_failure_type TEXT,
    -- When its task was sent, while nobody said that it began.
    queued_at BIGINT,
    PRIMARY KEY (run_id, activity_id)
) WITHOUT ROWID;
CREATE INDEX pending_queued ON pending (task_queue, queued_at) WHERE queued_at IS NOT NULL;

-- What waits for a person, and what waited.
CREATE TABLE incidents (
    run_id TEXT NOT NULL,
    seq BIGINT NOT NULL,
    workflow_id TEXT NOT NULL,
    open BIGINT NOT NULL,
    kind TEXT NOT NULL,
    workflow TEXT NOT NULL,
    version TEXT NOT NULL,
    activity TEXT,
    activity_id BIGINT,
    error_type TEXT NOT NULL,
    since BIGINT NOT NULL,
    resolved_at BIGINT,
    -- The incident as the API has it; of an open one its run tells.
    resolved BLOB,
    PRIMARY KEY (run_id, seq)
);
CREATE INDEX incidents_open ON incidents (since, run_id, seq) WHERE open = 1;
CREATE INDEX incidents_resolved ON incidents (resolved_at, run_id, seq) WHERE open = 0;

-- Where older events of long histories lie in the journal; the rows of runs have the newest places.
CREATE TABLE places (
    run_id TEXT NOT NULL,
    first_seq BIGINT NOT NULL,
    places BLOB NOT NULL,
    PRIMARY KEY (run_id, first_seq)
);

-- What limits task queues, as their partition has it.
CREATE TABLE queues (
    name TEXT NOT NULL,
    partition BIGINT NOT NULL,
    -- The last `QueueChanged`, as the API's JSON has its attributes.
    settings TEXT NOT NULL,
    changed_at BIGINT NOT NULL,
    PRIMARY KEY (name, partition)
);

-- Filters that people keep.
CREATE TABLE views (
    name TEXT PRIMARY KEY,
    -- JSON.
    definition TEXT NOT NULL
);
