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

// StartProductWithLocks is StartProduct, and a function that keeps rows locked until what it returns is called.
func StartProductWithLocks(t *testing.T) (url string, lock func(sql string) (release func())) {
	t.Helper()
	a := newDeployment(t).start(t)
	return a.URL(), func(sql string) func() { return a.lockRows(t, sql) }
}

// StartSmallProduct is StartProduct with room for so many connections.
func StartSmallProduct(t *testing.T, places int) string {
	t.Helper()
	return newDeployment(t).start(t, withPlaces(places)).URL()
}

// StartsIn moves the start of the sale.
var StartsIn = startsIn

// Exec changes the database of an instance behind its back.
func Exec(t *testing.T, a *Instance, sql string, args ...any) {
	t.Helper()
	if _, err := a.wiring.servers.pool.Exec(t.Context(), sql, args...); err != nil {
		t.Fatal(err)
	}
}

// AnotherSale opens a sale of another product beside the first, with 70 units.
func AnotherSale(t *testing.T, a *Instance, slug, product string) {
	t.Helper()
	anotherSale(t, a.servers.pool, slug)
	if _, err := a.servers.pool.Exec(t.Context(), `UPDATE products SET name = $2 WHERE sale_id = (SELECT id FROM sales WHERE slug = $1)`, slug, product); err != nil {
		t.Fatal(err)
	}
	if err := a.wiring.catalog.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
}
