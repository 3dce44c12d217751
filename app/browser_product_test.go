package app_test

import (
	"testing"

	"flashsale/app"
)

// startProduct is one instance in demo mode on servers the tests share; it returns its address.
func startProduct(t *testing.T) string {
	t.Helper()
	return app.StartProduct(t)
}
