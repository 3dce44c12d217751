-- Owner: package migrations. Which programs may work on this schema: those that know the migrations up to the one named
-- here, and all newer ones. A migration that takes away or renames what the version before it still uses sets it
-- to the number of the migration by which programs stopped using that, one release earlier.

-- +goose Up
CREATE TABLE oldest_program (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    knows    bigint  NOT NULL
);
INSERT INTO oldest_program (knows) VALUES (7);

-- +goose Down
DROP TABLE oldest_program;
