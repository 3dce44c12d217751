-- Owner: users.
--
-- An account is never deleted: archiving hides it, and its name stays bound to its id for ever, because orders
-- point at the id. The roster row is the one lock every change of accounts takes; `changed` therefore follows
-- the order of commits, and whoever has read up to a version has missed nothing below it.

-- +goose Up
CREATE TABLE users (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    username     text        NOT NULL,
    username_key text        COLLATE "C" NOT NULL,
    email        text        NOT NULL,
    email_key    text        COLLATE "C" NOT NULL,
    may_purchase boolean     NOT NULL DEFAULT true,
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    archived_at  timestamptz,
    changed      bigint      NOT NULL, -- roster.version of the last change
    CONSTRAINT users_username_key_unique UNIQUE (username_key),
    CONSTRAINT users_email_key_unique UNIQUE (email_key),
    -- Names and addresses share one space of keys and must never meet in it.
    CONSTRAINT users_username_key_form CHECK (char_length(username_key) BETWEEN 1 AND 100 AND position('@' IN username_key) = 0),
    CONSTRAINT users_email_key_form CHECK (char_length(email_key) BETWEEN 3 AND 254 AND position('@' IN email_key) > 0)
);

CREATE INDEX users_live ON users (id) WHERE archived_at IS NULL;
CREATE INDEX users_changed ON users (changed, id);

CREATE TABLE roster (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    version  bigint NOT NULL,
    live     bigint NOT NULL CHECK (live >= 0),              -- accounts that are not archived
    able     bigint NOT NULL CHECK (able BETWEEN 0 AND live) -- of those, who may purchase
);
INSERT INTO roster (version, live, able) VALUES (0, 0, 0);

-- +goose Down
DROP TABLE roster;
DROP TABLE users;
