-- Owner: package sale. Which act of an operator a sale stands at: it grows with each act and never with purchases, nor with the
-- moves that the sale makes at its times. Who asks for a change names the revision that was seen (If-Match).
--
-- A program of the version before changes sales without counting its acts here; it reads and writes everything else as it did.

-- +goose Up
ALTER TABLE sales ADD COLUMN revision bigint NOT NULL DEFAULT 1 CHECK (revision > 0);

-- +goose Down
ALTER TABLE sales DROP COLUMN revision;
