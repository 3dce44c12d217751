-- Owner: package sale. What operators see a sale by: the zone in which they plan its times, and whether it was put away. The times
-- themselves are moments; the zone only says how people write them.
--
-- A program of the version before neither reads nor writes them: there a sale that was put away can still be the current one, and
-- can be reset. One that goes on again like that counts as brought back.

-- +goose Up
ALTER TABLE sales
    ADD COLUMN zone text NOT NULL DEFAULT 'UTC' CHECK (length(zone) BETWEEN 1 AND 64),
    ADD COLUMN archived_at timestamptz;

-- +goose Down
ALTER TABLE sales DROP COLUMN archived_at, DROP COLUMN zone;
