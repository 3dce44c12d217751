package audit

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"flashsale/app/embedded/embeddedtest"
	"flashsale/events"
)

func TestAuditLogKeepsWhatWasDone(t *testing.T) {
	t.Parallel()
	pool, _ := embeddedtest.Postgres(t)
	log := New(pool)
	err := pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
		for _, action := range []string{"pause", "reset", "resume"} {
			e := Entry{Actor: "alice", Network: "192.0.2.7", Means: "session", Action: action, Subject: "lamp", Detail: map[string]any{"total": 5}}
			if err := log.RecordTx(t.Context(), tx, e); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	entries, err := log.Recent(t.Context(), 2)
	if err != nil || len(entries) != 2 {
		t.Fatalf("%d entries (%v)", len(entries), err)
	}
	if e := entries[0]; e.Action != "resume" || e.Actor != "alice" || e.Network != "192.0.2.7" || e.Means != "session" || e.Subject != "lamp" || string(e.Detail) != `{"total": 5}` {
		t.Errorf("the newest entry is %+v", e)
	}
	if entries[1].Action != "reset" || time.Since(entries[1].At).Abs() > time.Hour {
		t.Errorf("the second entry is %+v", entries[1])
	}
}

func TestAuditEntryGoesWithItsTransaction(t *testing.T) {
	t.Parallel()
	pool, _ := embeddedtest.Postgres(t)
	log := New(pool)
	tx, err := pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := log.RecordTx(t.Context(), tx, Entry{Actor: "a", Action: "b", Subject: "c"}); err != nil {
		t.Fatal(err)
	}
	if err := tx.Rollback(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
	if entries, err := log.Recent(t.Context(), 10); err != nil || len(entries) != 0 {
		t.Errorf("%d entries (%v)", len(entries), err)
	}
	if err := log.RecordTx(t.Context(), nil, Entry{Detail: func() {}}); err == nil {
		t.Error("a detail that cannot be encoded was taken")
	}
}

func TestAuditLogRefusesChanges(t *testing.T) {
	t.Parallel()
	pool, _ := embeddedtest.Postgres(t)
	if _, err := pool.Exec(t.Context(), sqlRecord, "a", "", "", "b", "c", "null"); err != nil {
		t.Fatal(err)
	}
	for _, change := range []string{`UPDATE audit_log SET actor = 'x'`, `DELETE FROM audit_log`, `TRUNCATE audit_log`} {
		if _, err := pool.Exec(t.Context(), change); events.SQLState(err) != "42501" {
			t.Errorf("%s gave %v", change, err)
		}
	}
}
