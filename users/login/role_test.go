package login

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"
)

func TestRolesByName(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]Role{"viewer": Viewer, "operator": Operator, "owner": Owner} {
		got, err := ParseRole(name)
		if err != nil || got != want || got.String() != name {
			t.Errorf("%q is %v (%v)", name, got, err)
		}
	}
	for _, name := range []string{"", "admin", "Owner", " owner"} {
		if got, err := ParseRole(name); !errors.Is(err, ErrRole) || got != NoRole {
			t.Errorf("%q is %v (%v)", name, got, err)
		}
	}
	for _, role := range []Role{NoRole, Viewer, Operator, Owner} {
		raw, err := json.Marshal(role)
		got := Owner
		if err == nil {
			err = json.Unmarshal(raw, &got)
		}
		if err != nil || got != role || string(raw) != `"`+role.String()+`"` {
			t.Errorf("%v is %s, and that %v (%v)", role, raw, got, err)
		}
	}
	var got Role
	if err := json.Unmarshal([]byte(`"king"`), &got); !errors.Is(err, ErrRole) {
		t.Error(err)
	}
}

func TestScopesByName(t *testing.T) {
	t.Parallel()
	for all := Scope(0); all < 8; all++ {
		got, err := ParseScopes(all.Names())
		if err != nil || got != all {
			t.Errorf("%v is %v, and that %v (%v)", uint8(all), all.Names(), got, err)
		}
	}
	if got, err := ParseScopes([]string{"export", "read", "read"}); err != nil || !slices.Equal(got.Names(), []string{"read", "export"}) {
		t.Errorf("%v %v", got.Names(), err)
	}
	for _, name := range []string{"", "write", "READ"} {
		if _, err := ParseScopes([]string{name}); !errors.Is(err, ErrScope) {
			t.Errorf("%q: %v", name, err)
		}
	}
}
