package web

import "flashsale/app/web/admin"

// What the operators' acts are made of, for those who carry them out.
type (
	// Act is who acts, and what the request says about when it may be carried out.
	Act = admin.Act
	// Match is an If-Match field.
	Match = admin.Match
	// Cancellation is an order that was taken back, and what that changed.
	Cancellation = admin.Cancellation
	// Check is one invariant as Verify found it.
	Check = admin.Check
	// Dependency is a server this program needs, as the last probe found it.
	Dependency = admin.Dependency
)
