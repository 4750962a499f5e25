-- What was projected, and in which form: `namespace`, `state`.
CREATE TABLE meta (
    name TEXT COLLATE "C" PRIMARY KEY,
    value TEXT COLLATE "C" NOT NULL
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

-- One row per run. Times and lengths are in ms.
CREATE TABLE runs (
    run_id TEXT COLLATE "C" PRIMARY KEY,
    partition BIGINT NOT NULL,
    workflow_id TEXT COLLATE "C" NOT NULL,
    -- Where its first record lies: of the runs of an id the newest has the largest.
    first_offset BIGINT NOT NULL,
    -- 0: another run goes on in its place, so that lists leave it out.
    listed BIGINT NOT NULL,
    open BIGINT NOT NULL,
    status TEXT COLLATE "C" NOT NULL,
    -- Of an open run, but for `no-worker`, which only the groups of its queues can tell.
    situation TEXT COLLATE "C",
    needs_person BIGINT NOT NULL,
    -- Waits that offer choices to a person.
    decisions BIGINT NOT NULL,
    workflow TEXT COLLATE "C" NOT NULL,
    version TEXT COLLATE "C" NOT NULL,
    -- The version such that texts are in its order; null: it is none.
    version_key TEXT COLLATE "C",
    started_at BIGINT NOT NULL,
    closed_at BIGINT,
    -- How long it took; null while it is open.
    took BIGINT,
    -- Of the activity that the run's sentence is about.
    task_queue TEXT COLLATE "C",
    activity TEXT COLLATE "C",
    activity_id BIGINT,
    attempt BIGINT,
    next_attempt_at BIGINT,
    last_failure_type TEXT COLLATE "C",
    compensation TEXT COLLATE "C",
    incidents BIGINT NOT NULL,
    parent_workflow_id TEXT COLLATE "C",
    parent_run_id TEXT COLLATE "C",
    -- Children in all; null: it has none.
    children BIGINT,
    -- The run as core has it, in the form of state.rs.
    state BYTEA NOT NULL
);
CREATE INDEX runs_workflow_id ON runs (workflow_id, first_offset);
CREATE INDEX runs_started_at ON runs (started_at, run_id) WHERE listed = 1;
CREATE INDEX runs_closed_at ON runs (closed_at, run_id) WHERE listed = 1 AND open = 0;
CREATE INDEX runs_took ON runs (took, run_id) WHERE listed = 1 AND open = 0;
CREATE INDEX runs_status ON runs (status, started_at, run_id) WHERE listed = 1;
CREATE INDEX runs_workflow ON runs (workflow, started_at, run_id) WHERE listed = 1;
CREATE INDEX runs_version ON runs (version_key, started_at, run_id) WHERE listed = 1;
CREATE INDEX runs_compensation ON runs (compensation, started_at, run_id) WHERE listed = 1 AND compensation IS NOT NULL;
CREATE INDEX runs_parent ON runs (parent_workflow_id, started_at, run_id) WHERE parent_workflow_id IS NOT NULL;
-- Few rows: only open runs have these.
CREATE INDEX runs_open ON runs (started_at, run_id) WHERE listed = 1 AND open = 1;
CREATE INDEX runs_situation ON runs (situation, started_at, run_id) WHERE situation IS NOT NULL;
CREATE INDEX runs_task_queue ON runs (task_queue, started_at, run_id) WHERE task_queue IS NOT NULL;
CREATE INDEX runs_activity ON runs (activity, started_at, run_id) WHERE activity IS NOT NULL;
CREATE INDEX runs_activity_id ON runs (activity_id, started_at, run_id) WHERE activity_id IS NOT NULL;
CREATE INDEX runs_attempt ON runs (attempt, started_at, run_id) WHERE attempt IS NOT NULL;
CREATE INDEX runs_next_attempt_at ON runs (next_attempt_at, run_id) WHERE next_attempt_at IS NOT NULL;
CREATE INDEX runs_last_failure_type ON runs (last_failure_type, started_at, run_id) WHERE last_failure_type IS NOT NULL;
CREATE INDEX runs_needs_person ON runs (needs_person, started_at, run_id) WHERE needs_person = 1 OR decisions > 0;
CREATE INDEX runs_incidents ON runs (incidents, started_at, run_id) WHERE incidents > 0;

-- Search attributes of runs; a list has a row per element.
CREATE TABLE attributes (
    run_id TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    ordinal BIGINT NOT NULL,
    -- What it is and its first characters, such that texts are in its order; and what is behind them (key.rs).
    value_key TEXT COLLATE "C" NOT NULL,
    value_rest TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (run_id, name, ordinal)
);
CREATE INDEX attributes_value ON attributes (name, value_key, run_id);

-- Activities without an outcome.
CREATE TABLE pending (
    run_id TEXT COLLATE "C" NOT NULL,
    activity_id BIGINT NOT NULL,
    activity TEXT COLLATE "C" NOT NULL,
    task_queue TEXT COLLATE "C" NOT NULL,
    -- As the API has it: queued, running, retrying, parked, paused, cancel-requested.
    state TEXT COLLATE "C" NOT NULL,
    attempt BIGINT NOT NULL,
    next_attempt_at BIGINT,
    -- When its task was sent, while nobody said that it began.
    queued_at BIGINT,
    PRIMARY KEY (run_id, activity_id)
);
CREATE INDEX pending_queued ON pending (task_queue, queued_at) WHERE queued_at IS NOT NULL;
CREATE INDEX pending_retrying ON pending (next_attempt_at) WHERE next_attempt_at IS NOT NULL;

-- What waits for a person, and what waited.
CREATE TABLE incidents (
    run_id TEXT COLLATE "C" NOT NULL,
    seq BIGINT NOT NULL,
    workflow_id TEXT COLLATE "C" NOT NULL,
    open BIGINT NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    workflow TEXT COLLATE "C" NOT NULL,
    version TEXT COLLATE "C" NOT NULL,
    activity TEXT COLLATE "C",
    activity_id BIGINT,
    error_type TEXT COLLATE "C" NOT NULL,
    since BIGINT NOT NULL,
    resolved_at BIGINT,
    -- The incident as the API has it; of an open one its run tells.
    resolved BYTEA,
    PRIMARY KEY (run_id, seq)
);
CREATE INDEX incidents_open ON incidents (since, run_id, seq) WHERE open = 1;
CREATE INDEX incidents_resolved ON incidents (resolved_at, run_id, seq) WHERE open = 0;

-- Where older events of long histories lie in the journal; the rows of runs have the newest places.
CREATE TABLE places (
    run_id TEXT COLLATE "C" NOT NULL,
    first_seq BIGINT NOT NULL,
    places BYTEA NOT NULL,
    PRIMARY KEY (run_id, first_seq)
);

-- What limits task queues, as their partition has it.
CREATE TABLE queues (
    name TEXT COLLATE "C" NOT NULL,
    partition BIGINT NOT NULL,
    -- The last `QueueChanged`, as the API's JSON has its attributes.
    settings TEXT COLLATE "C" NOT NULL,
    changed_at BIGINT NOT NULL,
    PRIMARY KEY (name, partition)
);

-- Filters that people keep.
CREATE TABLE views (
    name TEXT COLLATE "C" PRIMARY KEY,
    -- JSON.
    definition TEXT COLLATE "C" NOT NULL
);
