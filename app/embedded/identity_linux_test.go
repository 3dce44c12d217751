package embedded

import (
	"os"
	"path/filepath"
	"testing"
)

// TestRootRunsPostgresAsSomebodyElse covers both ways; which one Start takes depends on the system.
func TestRootRunsPostgresAsSomebodyElse(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	for name, namespace := range map[string]bool{"in a namespace": true, "as another user": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			as := ordinary()
			as.Namespace = namespace
			if namespace && !namespaces(within(t), as) {
				t.Skip("this system allows no user namespaces")
			}
			tmp := t.TempDir()
			if err := os.Chmod(filepath.Dir(tmp), 0o755); err != nil {
				t.Fatal(err)
			}
			dir := filepath.Join(tmp, "data", "postgres")
			if err := os.MkdirAll(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			p, err := choose(within(t), 0, dir, as, discard(), new(discardProgress))
			if err != nil {
				t.Fatal(err)
			}
			c := &cluster{programs: p, data: filepath.Join(dir, "data"), as: as}
			if err := c.create(within(t)); err != nil {
				t.Fatal(err)
			}
			server, err := runCluster(within(t), c, discard())
			if err != nil {
				t.Fatal(err)
			}
			if err := server.close(within(t)); err != nil {
				t.Error(err)
			}
			uid, _, _ := owner(c.data)
			if want := map[bool]int{true: 0, false: as.UID}[namespace]; uid != want {
				t.Errorf("the data belongs to %d, want %d", uid, want)
			}
			// Whoever it belongs to is who runs it the next time.
			if again, err := identify(within(t), c.data); err != nil || again != as {
				t.Errorf("identified as %+v (%v), want %+v", again, err, as)
			}
		})
	}
}

func TestOrdinaryUsersRunPostgresThemselves(t *testing.T) {
	t.Parallel()
	if os.Geteuid() == 0 {
		t.Skip("needs an ordinary user")
	}
	if as, err := identify(within(t), ""); err != nil || as != (identity{}) {
		t.Errorf("identified as %+v, %v", as, err)
	}
}
