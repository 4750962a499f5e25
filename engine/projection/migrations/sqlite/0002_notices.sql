-- What people are told: new incidents, and runs that failed. Made in the transaction that projects them, so that each is there once.
CREATE TABLE notices (
    id TEXT PRIMARY KEY,
    at BIGINT NOT NULL,
    -- Workflow, activity and error type: what is told together.
    cause TEXT NOT NULL,
    -- JSON.
    notice TEXT NOT NULL,
    -- When a process began to tell it; after a minute another may.
    claimed_at BIGINT,
    -- Null: nobody was told yet.
    told_at BIGINT
);
CREATE INDEX notices_untold ON notices (at, id) WHERE told_at IS NULL;
CREATE INDEX notices_told ON notices (told_at) WHERE told_at IS NOT NULL;
