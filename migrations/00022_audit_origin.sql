-- Owner: events. From where an act came and by what: the network address of a client, and "session", "token NAME" or "command". Both
-- are empty where nobody knows, as for acts that the version before writes.

-- +goose Up
ALTER TABLE audit_log
    ADD COLUMN network text NOT NULL DEFAULT '',
    ADD COLUMN means   text NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE audit_log DROP COLUMN network, DROP COLUMN means;
