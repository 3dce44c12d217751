-- Owned by package sale. The identity of the ledger, made with the schema: a dump and what is restored from it are the same
-- ledger, a schema that is made anew is another one. Claims name the ledger they are for, because the claims log may be older
-- than the ledger. Taking this migration back and applying it again makes another ledger: claims that are not decided then
-- are passed over.

-- +goose Up
CREATE TABLE ledger_identity (
    only_row boolean     PRIMARY KEY DEFAULT true CHECK (only_row),
    id       uuid        NOT NULL DEFAULT gen_random_uuid(),
    made_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);
INSERT INTO ledger_identity DEFAULT VALUES;

-- +goose Down
DROP TABLE ledger_identity;
