package embeddedtest

import (
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// Plan is what an EXPLAIN says.
func Plan(tb testing.TB, tx pgx.Tx, explain string, args ...any) string {
	tb.Helper()
	rows, err := tx.Query(tb.Context(), explain, args...)
	if err != nil {
		tb.Fatalf("%s: %v", explain, err)
	}
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		tb.Fatalf("%s: %v", explain, err)
	}
	return strings.Join(lines, "\n")
}

var parameter = regexp.MustCompile(`\$(\d+)`)

// KeptPlan is the plan that the transaction's connection makes of a statement now. Under force_generic_plan it keeps
// that plan for all arguments, so no arguments are needed.
func KeptPlan(tb testing.TB, tx pgx.Tx, sql string) string {
	tb.Helper()
	highest := 0
	for _, found := range parameter.FindAllStringSubmatch(sql, -1) {
		n, _ := strconv.Atoi(found[1])
		highest = max(highest, n)
	}
	arguments := ""
	if highest > 0 {
		arguments = "(NULL" + strings.Repeat(", NULL", highest-1) + ")"
	}
	if _, err := tx.Exec(tb.Context(), `PREPARE kept AS `+sql); err != nil {
		tb.Fatalf("%s: %v", sql, err)
	}
	plan := Plan(tb, tx, `EXPLAIN EXECUTE kept `+arguments)
	if _, err := tx.Exec(tb.Context(), `DEALLOCATE kept`); err != nil {
		tb.Fatal(err)
	}
	return plan
}
