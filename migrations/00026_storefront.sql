-- Owner: sale/storefront. The look that a seller gives the shop: one row, and up to three pictures.
--
-- version grows with every change, so that each process finds out by one small question a second. document is what the seller's file
-- says, without the pictures; NULL is the shop without a brand. Pictures were decoded and encoded again before they came here.
--
-- A program of the version before neither reads nor writes them.

-- +goose Up
CREATE TABLE storefront_brand (
    only_row   boolean     PRIMARY KEY DEFAULT true CHECK (only_row),
    version    bigint      NOT NULL DEFAULT 0,
    document   jsonb,
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
INSERT INTO storefront_brand DEFAULT VALUES;

CREATE TABLE storefront_pictures (
    name   text    PRIMARY KEY CHECK (name IN ('logo', 'icon', 'share')),
    kind   text    NOT NULL CHECK (kind IN ('image/png', 'image/jpeg')),
    width  integer NOT NULL CHECK (width BETWEEN 1 AND 1200),
    height integer NOT NULL CHECK (height BETWEEN 1 AND 1200),
    body   bytea   NOT NULL CHECK (octet_length(body) BETWEEN 1 AND 1048576)
);

-- +goose Down
DROP TABLE storefront_pictures;
DROP TABLE storefront_brand;
