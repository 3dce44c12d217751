package instance

import (
	"net/http"
	"strings"
	"testing"
)

// program is a client with an API token.
func (s *shop) program(t *testing.T, secret string) *visitor {
	t.Helper()
	p := newVisitor(t, s.two.URL())
	p.header = map[string]string{"Authorization": "Bearer " + secret}
	return p
}

// accept makes an account by an invitation of the owner's.
func (s *shop) accept(t *testing.T, role, username string) *visitor {
	t.Helper()
	r := s.owner.post("/api/admin/team/invitations", form{"role": role})
	_, path, found := strings.Cut(r.Text("link"), "/invitations/")
	if !found {
		t.Fatalf("invite: %d %s", r.Status, r.Raw)
	}
	v := newVisitor(t, s.one.URL())
	if r := v.post("/invitations/"+path, form{"username": username, "password": goodPassword}); r.Text("role") != role {
		t.Fatalf("accept: %d %s", r.Status, r.Raw)
	}
	return v
}

// A token may what its scopes say, and never more than its maker may now.
func checkTokens(t *testing.T, s *shop) {
	maker := s.accept(t, "owner", "maker")
	programs, ids := map[string]*visitor{}, map[string]string{}
	for _, scope := range []string{"read", "operate", "export", "read operate"} {
		r := maker.post("/api/admin/tokens", form{"name": "of " + scope, "scopes": scope, "expiresDays": 1})
		if r.Status != http.StatusCreated || r.Text("secret") == "" {
			t.Fatalf("a token for %s: %d %s", scope, r.Status, r.Raw)
		}
		programs[scope], ids[scope] = s.program(t, r.Text("secret")), r.Text("id")
	}
	if r := maker.get("/api/admin/tokens"); strings.Contains(r.Raw, "secret") {
		t.Errorf("the list shows %s", r.Raw)
	}
	checkScopes(t, programs)
	s.told(t, "maker/of read", "token of read", "act.refused", "POST /api/admin/pause")

	ended := programs["read operate"]
	if r := maker.post("/api/admin/tokens/"+ids["read operate"]+"/revoke", nil); r.Status != http.StatusNoContent {
		t.Errorf("revoke: %d %s", r.Status, r.Raw)
	}
	ended.get("/api/admin/sales").Is(t, http.StatusUnauthorized, "session-ended")
	s.checkRoleChange(t, maker, programs)
}

func checkScopes(t *testing.T, programs map[string]*visitor) {
	t.Helper()
	for _, one := range []struct {
		method, path string
		may          string
	}{
		{http.MethodGet, "/api/admin/sales", "read, read operate"},
		{http.MethodGet, "/api/users", "read, read operate"},
		{http.MethodPost, "/api/admin/pause", "operate, read operate"},
		{http.MethodPost, "/api/admin/resume", "operate, read operate"},
		{http.MethodGet, "/api/admin/team", ""},
		{http.MethodGet, "/api/admin/tokens", ""},
		{http.MethodPost, "/api/flash-sale/purchase", ""},
		{http.MethodGet, "/account", ""},
	} {
		for scope, p := range programs {
			r, may := p.send(one.method, one.path, nil), strings.Contains(", "+one.may+",", ", "+scope+",")
			if may && r.Status >= 300 && r.Text("type") != "/problems/wrong-state" || !may && r.Status != http.StatusForbidden {
				t.Errorf("a token for %q: %s %s answers %d %s", scope, one.method, one.path, r.Status, r.Raw)
			}
		}
	}
}

// checkRoleChange makes a viewer of an owner, and then nobody.
func (s *shop) checkRoleChange(t *testing.T, maker *visitor, programs map[string]*visitor) {
	elsewhere := newVisitor(t, s.two.URL())
	for name, value := range maker.cookies {
		elsewhere.cookies[name] = value
	}
	if r := s.owner.post("/api/admin/team/maker/role", form{"role": "viewer"}); r.Text("role") != "viewer" {
		t.Fatalf("a viewer: %d %s", r.Status, r.Raw)
	}
	for _, v := range []*visitor{maker, elsewhere} {
		within10(t, "the change of a role ends the sessions", func() bool { return v.get("/account").Status == http.StatusUnauthorized })
	}
	programs["operate"].post("/api/admin/pause", nil).Is(t, http.StatusUnauthorized, "session-ended")
	programs["export"].get("/api/admin/sales").Is(t, http.StatusUnauthorized, "session-ended")
	if r := programs["read"].get("/api/admin/sales"); r.Status != http.StatusOK {
		t.Errorf("a viewer's token for reading: %d %s", r.Status, r.Raw)
	}
	viewer := newVisitor(t, s.one.URL())
	if r := viewer.signIn("maker", goodPassword); r.Text("role") != "viewer" {
		t.Fatalf("signs in again: %d %s", r.Status, r.Raw)
	}
	viewer.post("/api/admin/resume", nil).Is(t, http.StatusForbidden, "not-operator")
	s.told(t, "maker", "session", "act.refused", "POST /api/admin/resume")
	viewer.get("/api/admin/team").Is(t, http.StatusForbidden, "not-operator")

	if r := s.owner.post("/api/admin/team/maker/role", form{"role": "none"}); r.Text("role") != "none" {
		t.Fatalf("no role: %d %s", r.Status, r.Raw)
	}
	programs["read"].get("/api/admin/sales").Is(t, http.StatusUnauthorized, "session-ended")
	within10(t, "the viewer's session ends", func() bool { return viewer.get("/account").Status == http.StatusUnauthorized })
}
