-- Owner: sale/storefront. The pictures of products that operators upload, each in up to three sizes.
--
-- They were decoded and encoded again before they came here. id is a hash of all sizes, so a row never changes, and several sales may
-- show the same picture. Which picture belongs to which sale, in which order and with which text, stands in the sale's product.
--
-- A program of the version before neither reads nor writes them. It shows the address that the product has beside its sizes, and
-- has no answer at that address.

-- +goose Up
CREATE TABLE storefront_product_pictures (
    id      text        COLLATE "C" NOT NULL CHECK (id ~ '^[0-9a-f]{32}$'),
    width   integer     NOT NULL CHECK (width BETWEEN 1 AND 1600),
    height  integer     NOT NULL CHECK (height BETWEEN 1 AND 1600),
    kind    text        NOT NULL CHECK (kind IN ('image/png', 'image/jpeg')),
    body    bytea       NOT NULL CHECK (octet_length(body) BETWEEN 1 AND 3145728),
    kept_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (id, width)
);
-- Pictures are compressed already.
ALTER TABLE storefront_product_pictures ALTER COLUMN body SET STORAGE EXTERNAL;

-- +goose Down
DROP TABLE storefront_product_pictures;
