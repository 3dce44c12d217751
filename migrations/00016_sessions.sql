-- Owner: package users/login. Who is signed in, and the keys that sign what the browser keeps of it.
--
-- login_state is one row. Starting a session locks it for share, ending sessions and changing roles or keys lock it for update and
-- raise the version: so a session belongs to a version, and "everything of this account before version v is void" misses none.
-- Processes follow login_changes by version. A change is kept until the sessions that it ends would have expired by themselves.

-- +goose Up
CREATE TABLE login_state (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    version  bigint  NOT NULL
);
INSERT INTO login_state (version) VALUES (1);

CREATE TABLE login_changes (
    version    bigint      NOT NULL,
    session_id uuid,          -- this session has ended; null: all that the account had before this version
    user_id    bigint,        -- null in a change of keys
    expires_at timestamptz NOT NULL,
    CHECK (session_id IS NULL OR user_id IS NOT NULL)
);
CREATE INDEX login_changes_version ON login_changes (version);
CREATE INDEX login_changes_expired ON login_changes (expires_at);

CREATE TABLE session_keys (
    secret     bytea       PRIMARY KEY CHECK (length(secret) = 32),
    created_at timestamptz NOT NULL DEFAULT now(),
    retired_at timestamptz -- signs nothing new since then
);

CREATE TABLE sessions (
    id         uuid        PRIMARY KEY,
    user_id    bigint      NOT NULL,
    role       text        NOT NULL,
    version    bigint      NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    renewed_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    ended_at   timestamptz,
    network    text        NOT NULL,
    agent      text        NOT NULL
);
CREATE INDEX sessions_of_account ON sessions (user_id) WHERE ended_at IS NULL;
CREATE INDEX sessions_expired ON sessions (expires_at);

CREATE TABLE roles (
    user_id  bigint      PRIMARY KEY,
    role     text        NOT NULL CHECK (role IN ('viewer', 'operator', 'owner')),
    given_at timestamptz NOT NULL DEFAULT now(),
    given_by text        NOT NULL
);

-- +goose Down
DROP TABLE roles;
DROP TABLE sessions;
DROP TABLE session_keys;
DROP TABLE login_changes;
DROP TABLE login_state;
