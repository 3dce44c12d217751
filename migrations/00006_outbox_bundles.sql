-- Owned by package events. One row of the outbox holds all events that one transaction has about one sale: a row an event
-- cost the ledger as much as the orders themselves. Rows of the older form stay readable.
--
-- An older program that meets a bundle fails to read it, because what it looks for is NULL there, and gives up the relay's
-- lease; a newer one then publishes it. Nothing is lost or published wrongly while both run.

-- +goose Up
ALTER TABLE outbox
    ALTER COLUMN type DROP NOT NULL,
    ALTER COLUMN subject DROP NOT NULL,
    ALTER COLUMN data DROP NOT NULL,
    ADD COLUMN events integer NOT NULL DEFAULT 1 CHECK (events > 0),
    ADD COLUMN bundle bytea,
    ADD CONSTRAINT outbox_one_form CHECK (bundle IS NOT NULL OR (type IS NOT NULL AND subject IS NOT NULL AND data IS NOT NULL));
-- Compressing it would take the ledger longer than writing it.
ALTER TABLE outbox ALTER COLUMN bundle SET STORAGE EXTERNAL;

-- +goose Down
-- It fails, and changes nothing, while bundles wait to be published: the older form cannot hold them.
DELETE FROM outbox WHERE bundle IS NOT NULL AND published_at IS NOT NULL;
ALTER TABLE outbox
    DROP CONSTRAINT outbox_one_form,
    DROP COLUMN bundle,
    DROP COLUMN events,
    ALTER COLUMN type SET NOT NULL,
    ALTER COLUMN subject SET NOT NULL,
    ALTER COLUMN data SET NOT NULL;
