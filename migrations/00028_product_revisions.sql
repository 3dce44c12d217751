-- Owner: package sale. What a product was while it was sold: a receipt shows that, whatever the product has become since. A trigger
-- writes a revision whenever that changes, because programs of other versions, and whoever repairs something by hand, change
-- products too. Revisions are never changed.
--
-- sales.product_revision is the newest one. Every product begins with the first.
--
-- orders.product_revision is the revision that was there when the ledger decided. Null: a program of the version before wrote the
-- order; then it is the last one that began before the order was decided. The first revision has no beginning, so orders from before
-- this migration have it.

-- +goose Up
CREATE TABLE product_revisions (
    sale_id         bigint      NOT NULL,
    revision        integer     NOT NULL CHECK (revision > 0),
    since           timestamptz NOT NULL,
    name            text        NOT NULL,
    important_info  jsonb       NOT NULL,
    picture         jsonb       NOT NULL,
    price_minor     bigint      NOT NULL,
    discount_minor  bigint      NOT NULL,
    currency_code   text        NOT NULL,
    currency_symbol text        NOT NULL,
    PRIMARY KEY (sale_id, revision)
);

-- +goose StatementBegin
CREATE FUNCTION keep_product_revision() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    newest integer := (SELECT max(revision) FROM product_revisions WHERE sale_id = NEW.sale_id);
BEGIN
    INSERT INTO product_revisions (sale_id, revision, since, name, important_info, picture, price_minor, discount_minor, currency_code, currency_symbol)
    VALUES (NEW.sale_id, coalesce(newest, 0) + 1, CASE WHEN newest IS NULL THEN '-infinity' ELSE clock_timestamp() END,
        NEW.name, NEW.important_info, coalesce(NEW.images -> 'main', '{}'), NEW.price_minor, NEW.discount_minor, NEW.currency_code, NEW.currency_symbol);
    IF newest IS NOT NULL THEN
        UPDATE sales SET product_revision = newest + 1 WHERE id = NEW.sale_id;
    END IF;
    RETURN NULL;
END $$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION refuse_product_revision() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'revisions of products do not change' USING ERRCODE = 'restrict_violation';
END $$;
-- +goose StatementEnd

-- A trigger waits for transactions that write to products, and those that come later wait for the migration: no change is left out.
CREATE TRIGGER keep_new_product AFTER INSERT ON products FOR EACH ROW EXECUTE FUNCTION keep_product_revision();
CREATE TRIGGER keep_changed_product AFTER UPDATE ON products FOR EACH ROW
    WHEN ((OLD.name, OLD.important_info, OLD.images -> 'main', OLD.price_minor, OLD.discount_minor, OLD.currency_code, OLD.currency_symbol)
        IS DISTINCT FROM (NEW.name, NEW.important_info, NEW.images -> 'main', NEW.price_minor, NEW.discount_minor, NEW.currency_code, NEW.currency_symbol))
    EXECUTE FUNCTION keep_product_revision();

INSERT INTO product_revisions (sale_id, revision, since, name, important_info, picture, price_minor, discount_minor, currency_code, currency_symbol)
SELECT sale_id, 1, '-infinity', name, important_info, coalesce(images -> 'main', '{}'), price_minor, discount_minor, currency_code, currency_symbol FROM products;

CREATE TRIGGER product_revisions_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON product_revisions
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_product_revision();

-- The last locks are those that purchases wait for.
ALTER TABLE sales ADD COLUMN product_revision integer NOT NULL DEFAULT 1;
ALTER TABLE orders ADD COLUMN product_revision integer;

-- +goose Down
DROP TRIGGER keep_changed_product ON products;
DROP TRIGGER keep_new_product ON products;
DROP FUNCTION keep_product_revision();
DROP TABLE product_revisions;
DROP FUNCTION refuse_product_revision();
ALTER TABLE sales DROP COLUMN product_revision;
ALTER TABLE orders DROP COLUMN product_revision;
