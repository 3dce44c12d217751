-- Owner: events. The list of operators' acts by time, and by who acted, what they did, what it was about, and on which sale. Acts are few
-- and each is a transaction of its own, so the indexes cost nothing that anybody feels.

-- +goose Up
CREATE INDEX audit_log_at ON audit_log (at, id);
CREATE INDEX audit_log_actor ON audit_log (actor, at, id);
CREATE INDEX audit_log_action ON audit_log (action, at, id);
CREATE INDEX audit_log_subject ON audit_log (subject, at, id);
-- An act on an order names the sale in its detail; of an act on a sale it is the subject.
CREATE INDEX audit_log_sale ON audit_log ((coalesce(detail ->> 'sale', subject)), at, id);

-- +goose Down
DROP INDEX audit_log_sale;
DROP INDEX audit_log_subject;
DROP INDEX audit_log_action;
DROP INDEX audit_log_actor;
DROP INDEX audit_log_at;
