package instance

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"flashsale/app/config"
	"flashsale/events"
	"flashsale/events/claimlog"
	"flashsale/migrations"
	"flashsale/sale"
)

// What a deployment keeps in Postgres and in the log, changed while no instance runs.

// secretOf is the secret of a sale.
func secretOf(t testing.TB, pool *pgxpool.Pool, id int64) (secret []byte) {
	t.Helper()
	if err := pool.QueryRow(t.Context(), `SELECT secret FROM sales WHERE id = $1`, id).Scan(&secret); err != nil {
		t.Fatal(err)
	}
	return secret
}

// claimOf is the first claim of a shopper, as a process of the deployment makes it.
func claimOf(t testing.TB, pool *pgxpool.Pool, s sale.Snapshot, user int64) events.Claim {
	t.Helper()
	return events.Claim{
		V: events.ClaimVersion, Kind: events.KindClaim, ID: sale.ClaimID(secretOf(t, pool, s.ID), s.Generation, user, 1), SaleID: s.ID,
		Generation: s.Generation, UserID: user, Username: fmt.Sprintf("shopper_%d", user), Attempt: 1, PressedAt: time.Now().UTC(),
	}
}

func (d deployment) schema() string { return pgx.Identifier{d.Config.Namespace}.Sanitize() }

// backup is the name of the schema that keeps a dump.
func (d deployment) backup() string { return pgx.Identifier{d.Config.Namespace + "_dump"}.Sanitize() }

func (d deployment) pool(t *testing.T) *pgxpool.Pool {
	t.Helper()
	cfg, err := config.PoolConfig(d.Servers.DatabaseURL, d.Config.Namespace, 2)
	if err != nil {
		t.Fatal(err)
	}
	pool, err := pgxpool.NewWithConfig(context.WithoutCancel(t.Context()), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

func (d deployment) dropSchema(t *testing.T) {
	t.Helper()
	d.exec(t, "DROP SCHEMA "+d.schema()+" CASCADE")
}

func (d deployment) exec(t *testing.T, statements ...string) {
	t.Helper()
	pool := d.pool(t)
	for _, s := range statements {
		if _, err := pool.Exec(context.WithoutCancel(t.Context()), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

// published waits until no event waits to be published.
func (d deployment) published(t *testing.T) {
	t.Helper()
	sql := `SELECT count(*) FROM ` + pgx.Identifier{d.Config.Namespace, "outbox"}.Sanitize() + ` WHERE published_at IS NULL`
	pool := d.pool(t)
	eventually(t, "all events are published", func() bool {
		waiting := 1
		return pool.QueryRow(t.Context(), sql).Scan(&waiting) == nil && waiting == 0
	})
}

// migrateDown takes all migrations back.
func (d deployment) migrateDown(t *testing.T) {
	t.Helper()
	pool := d.pool(t)
	all, err := migrations.Status(t.Context(), pool, d.Config.Namespace)
	if err != nil {
		t.Fatal(err)
	}
	for range all {
		if _, err := migrations.Down(t.Context(), pool, d.Config.Namespace); err != nil {
			t.Fatal(err)
		}
	}
}

// tables are all tables of the schema, but what the migrations keep of themselves.
func (d deployment) tables(t *testing.T) []string {
	t.Helper()
	rows, err := d.pool(t).Query(t.Context(), `SELECT tablename::text FROM pg_tables WHERE schemaname = $1 AND tablename <> 'goose_db_version'`,
		d.Config.Namespace)
	if err != nil {
		t.Fatal(err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// dump keeps what all tables have.
func (d deployment) dump(t *testing.T) {
	t.Helper()
	d.exec(t, "CREATE SCHEMA "+d.backup())
	t.Cleanup(func() { d.exec(t, "DROP SCHEMA "+d.backup()+" CASCADE") })
	for _, name := range d.tables(t) {
		d.exec(t, fmt.Sprintf("CREATE TABLE %s.%s AS TABLE %s.%s", d.backup(), name, d.schema(), name))
	}
}

// restore puts back what dump kept.
func (d deployment) restore(t *testing.T) {
	t.Helper()
	tables := d.tables(t)
	statements := []string{"SET session_replication_role = replica"} // without triggers
	for _, name := range tables {
		statements = append(statements, fmt.Sprintf("DELETE FROM %s.%s", d.schema(), name),
			fmt.Sprintf("INSERT INTO %s.%s OVERRIDING SYSTEM VALUE TABLE %s.%s", d.schema(), name, d.backup(), name))
	}
	d.exec(t, strings.Join(statements, ";\n"))
}

// log is the deployment's claims log.
func (d deployment) log(t *testing.T) *claimlog.Log {
	t.Helper()
	at, err := LogConfig(d.Servers, d.Config, d.Log, nil)
	if err != nil {
		t.Fatal(err)
	}
	log, err := claimlog.Open(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = log.Close() })
	return log
}

// records are what the log has, by partition.
func (d deployment) records(t *testing.T) map[int][]claimlog.Record {
	t.Helper()
	log, all := d.log(t), make(map[int][]claimlog.Record)
	for p := range claimlog.EveryPartition() {
		start, end, err := log.Range(t.Context(), p)
		for at := start; err == nil && at < end; {
			var got []claimlog.Record
			if got, err = log.Fetch(t.Context(), p, at); err == nil && len(got) > 0 {
				all[p], at = append(all[p], got...), got[len(got)-1].Offset+1
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// produce writes records to the log.
func (d deployment) produce(t *testing.T, partition int, values ...[]byte) {
	t.Helper()
	log := d.log(t)
	messages := make([]claimlog.Message, len(values))
	for i := range values {
		messages[i] = claimlog.Message{Key: []byte("key"), Value: values[i]}
	}
	if _, err := log.Produce(t.Context(), log.ClaimsTopic(), partition, messages); err != nil {
		t.Fatal(err)
	}
}

// repeatLog writes every record of the log once more.
func (d deployment) repeatLog(t *testing.T) {
	t.Helper()
	for partition, records := range d.records(t) {
		for _, r := range records {
			d.produce(t, partition, r.Value)
		}
	}
}

var ledgerField = regexp.MustCompile(`,"ledger":"[^"]*"`)

// forgetLedgers makes the log one that the version before has written: no claim names its ledger.
func (d deployment) forgetLedgers(t *testing.T) {
	t.Helper()
	records := d.records(t)
	if err := d.log(t).RemoveTopics(t.Context()); err != nil {
		t.Fatal(err)
	}
	d.log(t) // makes the topics again
	for partition, all := range records {
		for _, r := range all {
			d.produce(t, partition, ledgerField.ReplaceAll(r.Value, nil))
		}
	}
}
