package login

import "fmt"

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

// Scope is what an API token may do.
type Scope uint8

// Read lets a token see what a Viewer sees, Operate lets it act as an Operator, Export lets it take lists away as files.
const (
	Read Scope = 1 << iota
	Operate
	Export
)
