package instance_test

import (
	"testing"

	"flashsale/app/instance"
)

// startProduct is one instance in demo mode on servers the tests share; it returns its address.
func startProduct(t *testing.T) string {
	t.Helper()
	return instance.StartProduct(t)
}
