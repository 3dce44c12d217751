package migrations

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// ErrNothingToTakeBack is returned when no migration is applied.
var ErrNothingToTakeBack = errors.New("no migration is applied")

// Step is what Down would do next.
type Step struct {
	File string
	// Effects say in words what it takes from whom, table by table.
	Effects []string
	// Orders is how many orders there are, and Lost is true when the step removes them all.
	Orders int64
	Lost   bool
}

// NextDown tells what Down would take back. It changes nothing.
func NextDown(ctx context.Context, pool *pgxpool.Pool, schema string) (Step, error) {
	done, err := applied(ctx, pool, schema)
	if err != nil {
		return Step{}, err
	}
	if len(done) == 0 {
		return Step{}, ErrNothingToTakeBack
	}
	all, err := known()
	if err != nil {
		return Step{}, err
	}
	newest := slices.Max(done)
	at := slices.IndexFunc(all, func(one State) bool { return one.Version == newest })
	if at < 0 {
		return Step{}, fmt.Errorf("migration %d was applied by a newer version of this program; take it back with that one", newest)
	}
	step := Step{File: all[at].File}
	if step.Orders, err = count(ctx, pool, schema, "orders"); err != nil {
		return Step{}, err
	}
	for _, statement := range downStatements(step.File) {
		said, err := effect(ctx, pool, schema, statement)
		if err != nil {
			return Step{}, err
		}
		step.Effects = append(step.Effects, said)
		step.Lost = step.Lost || dropsOrders.MatchString(statement)
	}
	return step, nil
}

// Down takes back the newest applied migration and returns the name of its file.
func Down(ctx context.Context, pool *pgxpool.Pool, schema string) (string, error) {
	step, err := NextDown(ctx, pool, schema)
	if err != nil {
		return "", err
	}
	p, done, err := provider(ctx, pool, schema)
	if err != nil {
		return "", err
	}
	defer done()
	if _, err := p.Down(ctx); err != nil {
		return "", err
	}
	return step.File, nil
}

var (
	comment     = regexp.MustCompile(`(?m)--.*$`)
	dropsOrders = regexp.MustCompile(`(?i)^(?:DROP TABLE (?:IF EXISTS )?|DELETE FROM )orders\b`)
	dropsTable  = regexp.MustCompile(`(?i)^DROP TABLE (?:IF EXISTS )?(\w+)`)
	altersTable = regexp.MustCompile(`(?i)^ALTER TABLE (?:ONLY )?(\w+)`)
	deletesFrom = regexp.MustCompile(`(?i)^DELETE FROM (\w+)`)
	dropsColumn = regexp.MustCompile(`(?i)DROP COLUMN (?:IF EXISTS )?(\w+)`)
)

// downStatements are the statements that take a migration back, each on one line.
func downStatements(file string) []string {
	raw, err := files.ReadFile(file)
	if err != nil {
		return nil
	}
	_, down, _ := strings.Cut(string(raw), "-- +goose Down")
	var all []string
	for one := range strings.SplitSeq(comment.ReplaceAllString(down, ""), ";") {
		if words := strings.Fields(one); len(words) > 0 {
			all = append(all, strings.Join(words, " "))
		}
	}
	return all
}

// effect says in words what a statement takes. One that is not about the rows of a table is shown as it is.
func effect(ctx context.Context, pool *pgxpool.Pool, schema, statement string) (string, error) {
	for _, kind := range []struct {
		pattern *regexp.Regexp
		say     func(table string, rows int64) string
	}{
		{dropsTable, func(table string, rows int64) string { return fmt.Sprintf("drops the table %s (%d rows)", table, rows) }},
		{deletesFrom, func(table string, rows int64) string {
			return fmt.Sprintf("deletes from the table %s (%d rows)", table, rows)
		}},
		{altersTable, func(table string, rows int64) string {
			said := fmt.Sprintf("changes the table %s (%d rows)", table, rows)
			for _, column := range dropsColumn.FindAllStringSubmatch(statement, -1) {
				said += ", drops its column " + column[1]
			}
			return said
		}},
	} {
		if found := kind.pattern.FindStringSubmatch(statement); found != nil {
			rows, err := count(ctx, pool, schema, found[1])
			return kind.say(found[1], rows), err
		}
	}
	return "runs " + statement[:min(len(statement), longestShown)], nil
}

// longestShown is how much of a statement is shown.
const longestShown = 100

// count is the number of rows of a table, 0 when there is none.
func count(ctx context.Context, pool *pgxpool.Pool, schema, table string) (n int64, err error) {
	name := pgx.Identifier{schema, table}.Sanitize()
	var exists bool
	if err := pool.QueryRow(ctx, `SELECT to_regclass($1) IS NOT NULL`, name).Scan(&exists); err != nil || !exists {
		return 0, err
	}
	err = pool.QueryRow(ctx, "SELECT count(*) FROM "+name).Scan(&n)
	return n, err
}
