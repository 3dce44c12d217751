package instance

import "testing"

// StartProduct lets the browser tests, which see the product only from outside, start one.
var StartProduct = startProduct

// StartSmallProduct is StartProduct with room for so many connections.
func StartSmallProduct(t *testing.T, places int) string {
	t.Helper()
	return newDeployment(t).start(t, withPlaces(places)).URL()
}
