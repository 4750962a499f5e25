-- Runs that another goes on in the place of, by when they are to be forgotten; of the others `runs_closed_at` tells.
CREATE INDEX runs_replaced ON runs (closed_at, started_at) WHERE listed = 0 AND closed_at IS NOT NULL;
