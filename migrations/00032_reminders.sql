-- Owner: users/reminder.
--
-- Who wants a mail before a sale starts: one row for each sale and account. language is that of the page on which it was asked for.
-- sent_for is the start of which the mail told, and sent_at when it was handed over; both are NULL while it waits. Rows go when the shopper
-- takes the reminder back, when the account is erased, and an hour after the sale has started.
--
-- A program of the version before neither reads nor writes them.

-- +goose Up
CREATE TABLE reminders (
    sale_id    bigint      NOT NULL,
    user_id    bigint      NOT NULL,
    language   text        NOT NULL CHECK (length(language) BETWEEN 1 AND 35),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    sent_at    timestamptz,
    sent_for   timestamptz,
    PRIMARY KEY (sale_id, user_id),
    CHECK ((sent_at IS NULL) = (sent_for IS NULL))
);
CREATE INDEX reminders_waiting ON reminders (sale_id, created_at) WHERE sent_at IS NULL;
CREATE INDEX reminders_account ON reminders (user_id);

-- +goose Down
DROP TABLE reminders;
