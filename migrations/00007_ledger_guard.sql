-- Owned by package events. The last statements of a ledger transaction are sent together with its COMMIT, so nobody can look at how
-- many rows they changed before it counts. They look themselves: what is not as wanted fails the transaction, with a
-- code by which it is tried again.

-- +goose Up
-- +goose StatementBegin
CREATE FUNCTION must_change(changed bigint, wanted bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF changed <> wanted THEN
        RAISE EXCEPTION 'changed % rows instead of %', changed, wanted USING ERRCODE = 'serialization_failure';
    END IF;
END
$$;
-- +goose StatementEnd

-- +goose Down
DROP FUNCTION must_change;
