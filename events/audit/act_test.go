package audit

import (
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"

	"flashsale/events"
	"flashsale/events/eventstest"
)

// A commit that the standby did not confirm may be lost with the server, although the server itself calls it committed.
func TestAnActWhoseCommitIsAnsweredWithAWarningIsNotTakenForDone(t *testing.T) {
	t.Parallel()
	w := eventstest.New(t, events.WatchNotices)
	for _, sql := range []string{
		`CREATE TABLE done (n int)`,
		`CREATE FUNCTION warn() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING 'cancelled the wait' USING ERRCODE = '01000'; RETURN NULL; END $$`,
		`CREATE CONSTRAINT TRIGGER warns AFTER INSERT ON done DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION warn()`,
	} {
		if _, err := w.Pool.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	err := New(w.Pool).Act(t.Context(), func(tx pgx.Tx) error {
		_, err := tx.Exec(t.Context(), `INSERT INTO done VALUES (1)`)
		return err
	})
	if !errors.Is(err, ErrOutcomeUnknown) || !errors.Is(err, events.ErrUnconfirmed) {
		t.Errorf("the act gave %v", err)
	}
}
