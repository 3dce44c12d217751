-- Owned by package events: the ledger's place in the claims log, the outbox and its relay, what could not be
-- applied, the audit log, and the list of live processes.

-- +goose Up

-- How far the ledger has read each partition of one log. The row is written in the transaction that decides the
-- claims, by compare-and-swap, so it is both the position and the fence against a second consumer. epoch grows
-- when the log turns out to be another one than before; fingerprint is that of the record at next_offset - 1.
-- The fill factor leaves room for updates in place: these few rows change with every batch.
CREATE TABLE log_cursors (
    log_id      text        NOT NULL,
    partition   integer     NOT NULL CHECK (partition >= 0),
    epoch       bigint      NOT NULL DEFAULT 1,
    next_offset bigint      NOT NULL CHECK (next_offset >= 0),
    fingerprint bytea,
    moved_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (log_id, partition)
) WITH (fillfactor = 10);

-- Events on their way to the events topic. No index but the key and none on published_at, so that marking a row
-- is an update in place; the relay's position says where to begin reading.
CREATE TABLE outbox (
    id           bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sale_id      bigint      NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    published_at timestamptz,
    type         text        NOT NULL,
    subject      text        NOT NULL,
    traceparent  text        NOT NULL DEFAULT '',
    data         json        NOT NULL
) WITH (fillfactor = 80);

-- The one row behind which one relay works. Every row of the outbox up to position is published, and no
-- transaction that could still add one below it is left.
CREATE TABLE outbox_relay (
    id          boolean     PRIMARY KEY DEFAULT true CHECK (id),
    holder      text        NOT NULL DEFAULT '',
    epoch       bigint      NOT NULL DEFAULT 0,
    lease_until timestamptz NOT NULL DEFAULT '-infinity',
    position    bigint      NOT NULL DEFAULT 0
) WITH (fillfactor = 10);
INSERT INTO outbox_relay DEFAULT VALUES;

-- Claims that can never be applied, kept for a person to look at. Without a partition and an offset the claim came
-- by the direct path.
CREATE TABLE quarantine (
    id            bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at            timestamptz NOT NULL DEFAULT now(),
    log_id        text        NOT NULL,
    epoch         bigint,
    partition     integer,
    record_offset bigint,
    claim_id      uuid,
    record_key    bytea,
    raw           bytea,
    error         text        NOT NULL,
    sqlstate      text        NOT NULL DEFAULT ''
);
CREATE UNIQUE INDEX quarantine_record ON quarantine (log_id, epoch, partition, record_offset)
    WHERE record_offset IS NOT NULL;
CREATE INDEX quarantine_claim ON quarantine (claim_id) WHERE claim_id IS NOT NULL;

-- What operators did. Rows are added and never changed.
CREATE TABLE audit_log (
    id      bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    actor   text        NOT NULL,
    action  text        NOT NULL,
    subject text        NOT NULL,
    detail  jsonb       NOT NULL DEFAULT 'null'
);

-- +goose StatementBegin
CREATE FUNCTION audit_log_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'audit_log is append-only: % refused', TG_OP USING ERRCODE = 'insufficient_privilege';
END
$$;
-- +goose StatementEnd
CREATE TRIGGER audit_log_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION audit_log_refuse();

-- The processes that serve this namespace; each says every second that it lives.
CREATE TABLE processes (
    id         text        PRIMARY KEY,
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    seen_at    timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 10);

-- +goose Down
DROP TABLE processes;
DROP TABLE audit_log;
DROP FUNCTION audit_log_refuse();
DROP TABLE quarantine;
DROP TABLE outbox_relay;
DROP TABLE outbox;
DROP TABLE log_cursors;
