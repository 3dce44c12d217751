-- Owner: users.
--
-- The list of accounts finds a page by counting blocks: block b has the accounts with the ids from 1000 b to 1000 b + 999,
-- and `live` says how many of them are not archived. The first roster.series accounts of the series are live, and those that
-- must be barred are; a seeding begins after them. Triggers keep both true, because the version before changes accounts too
-- and knows of neither.

-- +goose Up
-- The roster first: every change of accounts locks it before it writes to users.
ALTER TABLE roster ADD COLUMN series bigint NOT NULL DEFAULT 0 CHECK (series >= 0);

CREATE TABLE roster_blocks (
    block bigint  PRIMARY KEY,
    live  integer NOT NULL CHECK (live BETWEEN 0 AND 1000)
);

-- +goose StatementBegin
CREATE FUNCTION count_created_accounts() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO roster_blocks AS b (block, live)
    SELECT id / 1000, count(*) FILTER (WHERE archived_at IS NULL) FROM created GROUP BY 1
    ON CONFLICT (block) DO UPDATE SET live = b.live + excluded.live;
    RETURN NULL;
END $$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION count_changed_accounts() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    UPDATE roster_blocks AS b SET live = b.live + d.live
    FROM (SELECT block, sum(live) AS live
          FROM (SELECT id / 1000 AS block, 1 AS live FROM after WHERE archived_at IS NULL
                UNION ALL
                SELECT id / 1000, -1 FROM before WHERE archived_at IS NULL) AS changes
          GROUP BY block HAVING sum(live) <> 0) AS d
    WHERE b.block = d.block;
    IF EXISTS (SELECT FROM after WHERE archived_at IS NOT NULL) THEN
        UPDATE roster SET series = 0 WHERE series > 0;
    END IF;
    RETURN NULL;
END $$;
-- +goose StatementEnd

-- A trigger waits for transactions that write to users, and those that come later wait for the migration: nothing is
-- counted twice or left out.
CREATE TRIGGER count_created AFTER INSERT ON users
    REFERENCING NEW TABLE AS created FOR EACH STATEMENT EXECUTE FUNCTION count_created_accounts();
CREATE TRIGGER count_changed AFTER UPDATE ON users
    REFERENCING OLD TABLE AS before NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION count_changed_accounts();

INSERT INTO roster_blocks (block, live)
SELECT id / 1000, count(*) FILTER (WHERE archived_at IS NULL) FROM users GROUP BY 1;

-- +goose Down
DROP TRIGGER count_changed ON users;
DROP TRIGGER count_created ON users;
DROP FUNCTION count_changed_accounts();
DROP FUNCTION count_created_accounts();
DROP TABLE roster_blocks;
ALTER TABLE roster DROP COLUMN series;
