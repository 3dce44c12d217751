package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"strconv"
)

// identity is the user as whom Postgres runs. It refuses to run as root, so root runs it in a user
// namespace, where root's own files belong to an ordinary user, or, where there are no namespaces, as
// another user. A user without a name runs it in a namespace too. The zero value is the user of this process.
type identity struct {
	// UID and GID are the ordinary user: outside for another user, inside for a namespace.
	UID       int  `json:"uid,omitempty"`
	GID       int  `json:"gid,omitempty"`
	Namespace bool `json:"namespace,omitempty"`
}

// other reports whether the server's files must be readable for somebody else than this process.
func (i identity) other() bool { return i.UID != 0 && !i.Namespace }

// identify finds the identity for a data directory: that of its owner. For one that is yet to be made data is empty.
func identify(ctx context.Context, data string) (identity, error) {
	if os.Geteuid() != 0 {
		return named(ctx), nil
	}
	if uid, gid, ok := owner(data); ok && uid != 0 {
		return identity{UID: uid, GID: gid}, nil
	}
	i := ordinary()
	if namespaces(ctx, i) {
		i.Namespace = true
		return i, nil
	}
	if data != "" {
		return identity{}, fmt.Errorf("PostgreSQL does not run as root, and this system allows no user namespaces: "+
			"start as an ordinary user who owns %s, or set DATABASE_URL to a running server", data)
	}
	return i, nil
}

// named gives a user without a name, as containers often run with, the name of another one, in a user namespace: initdb insists on a
// name. Where there are no namespaces initdb decides.
func named(ctx context.Context) identity {
	var nameless user.UnknownUserIdError
	if _, err := user.LookupId(strconv.Itoa(os.Geteuid())); !errors.As(err, &nameless) {
		return identity{}
	}
	i := ordinary()
	i.Namespace = true
	if !namespaces(ctx, i) {
		return identity{}
	}
	return i
}

// ordinary is a user that exists: initdb insists on a name for its user.
func ordinary() identity {
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, uerr := strconv.Atoi(u.Uid)
		gid, gerr := strconv.Atoi(u.Gid)
		if uerr == nil && gerr == nil && uid > 0 && gid > 0 {
			return identity{UID: uid, GID: gid}
		}
	}
	return identity{UID: 65534, GID: 65534}
}
