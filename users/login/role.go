package login

import (
	"fmt"
	"slices"
)

// Role is what an account may do at the operators' desk. Each role may do what the roles before it may.
type Role int8

// NoRole is a shopper. A Viewer sees the desk, an Operator acts on sales, orders and shoppers, an Owner also decides who
// has a role.
const (
	NoRole Role = iota
	Viewer
	Operator
	Owner
)

// roleNames are part of the API and of the table roles.
func roleNames() [4]string { return [...]string{"", "viewer", "operator", "owner"} }

func (r Role) String() string { return roleNames()[r] }

// ParseRole is the role of that name: viewer, operator or owner.
func ParseRole(name string) (Role, error) {
	for r, one := range roleNames() {
		if name == one && one != "" {
			return Role(r), nil
		}
	}
	return NoRole, fmt.Errorf("%w: there are viewer, operator and owner", ErrRole)
}

// MarshalText gives a role by its name in JSON; NoRole is empty.
func (r Role) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads what MarshalText gives.
func (r *Role) UnmarshalText(name []byte) (err error) {
	if *r = NoRole; len(name) > 0 {
		*r, err = ParseRole(string(name))
	}
	return err
}

// Scope is what an API token may do.
type Scope uint8

// Read lets a token see what a Viewer sees, Operate lets it act as an Operator, Export lets it take lists away as files.
const (
	Read Scope = 1 << iota
	Operate
	Export
)

// scopeNames are part of the API, in the order of their values.
func scopeNames() [3]string { return [...]string{"read", "operate", "export"} }

// Names are the names of the scopes.
func (s Scope) Names() []string {
	names := []string{}
	for i, name := range scopeNames() {
		if s&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return names
}

// ParseScopes are the scopes of those names, which may come in any order. ErrScope: there is none of such a name.
func ParseScopes(names []string) (all Scope, err error) {
	known := scopeNames()
	for _, name := range names {
		i := slices.Index(known[:], name)
		if i < 0 {
			return 0, fmt.Errorf("%w: there are read, operate and export", ErrScope)
		}
		all |= 1 << i
	}
	return all, nil
}
