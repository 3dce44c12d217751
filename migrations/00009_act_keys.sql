-- Owned by package events. What the acts of operators were answered that bore an Idempotency-Key. The row is written in the
-- transaction of the act: a key that is here was carried out, and a key that is not was not.

-- +goose Up
CREATE TABLE act_keys (
    principal text        NOT NULL,
    key       text        NOT NULL,
    route     text        NOT NULL,
    -- Over the method, the address and the body: the same key with something else is a mistake of the client.
    digest    bytea       NOT NULL,
    answer    bytea       NOT NULL,
    made_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (principal, key)
);
CREATE INDEX act_keys_made_at ON act_keys (made_at);

-- +goose Down
DROP TABLE act_keys;
