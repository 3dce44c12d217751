package instance

import "testing"

// StartProduct lets the browser tests, which see the product only from outside, start one.
var StartProduct = startProduct

// StartProductWithStops is StartProduct on a Postgres that a test can stop and let go on, as the signals of these names do.
func StartProductWithStops(t *testing.T) (url string, stop, goOn func()) {
	t.Helper()
	d := newDeployment(t)
	p := through(t, &d)
	return d.start(t).URL(), p.freeze, p.thaw
}

// StartSmallProduct is StartProduct with room for so many connections.
func StartSmallProduct(t *testing.T, places int) string {
	t.Helper()
	return newDeployment(t).start(t, withPlaces(places)).URL()
}

// Exec changes the database of an instance behind its back.
func Exec(t *testing.T, a *Instance, sql string, args ...any) {
	t.Helper()
	if _, err := a.wiring.servers.pool.Exec(t.Context(), sql, args...); err != nil {
		t.Fatal(err)
	}
}
