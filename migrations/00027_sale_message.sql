-- Owner: package sale. A sentence that an operator writes for the shoppers of a sale; empty: there is none.
--
-- sellouts has the moment at which the last unit of a generation went, and since when units could be bought. The one who holds the
-- lock of the generation's stock row writes it. It means something only while nothing is left.
--
-- A program of the version before neither reads nor writes them: its sell-outs have no moment, and shoppers are not told one.

-- +goose Up
ALTER TABLE sales ADD COLUMN message text NOT NULL DEFAULT '' CHECK (char_length(message) <= 200);

CREATE TABLE sellouts (
    sale_id    bigint      NOT NULL,
    generation bigint      NOT NULL,
    opened_at  timestamptz NOT NULL,
    at         timestamptz NOT NULL,
    PRIMARY KEY (sale_id, generation)
);

-- +goose Down
DROP TABLE sellouts;
ALTER TABLE sales DROP COLUMN message;
