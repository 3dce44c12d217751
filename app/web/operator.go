package web

import "flashsale/app/web/admin"

// Dependency is a server this program needs, as the last probe found it.
type Dependency = admin.Dependency
