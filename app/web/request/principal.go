package request

import (
	"net/http"

	"flashsale/users"
)

// Identity is a signed-in subject outside demo mode.
type Identity struct {
	// Username is the shopper's, in its normal form.
	Username string
	// Operator may use the admin routes and look up everybody's purchases.
	Operator bool
}

// Principal is who a request is from, and what that lets it do.
type Principal struct {
	demo     bool
	signedIn bool
	Identity
}

// Principals says who a request is from. Nothing else decides that. In demo mode it is the shopper that the request names,
// and everybody is an operator, as in the original. Otherwise it is the signed-in subject.
type Principals struct {
	// Demo is true in demo mode.
	Demo bool
	// Session names the signed-in subject of a request outside demo mode. Nil: nobody is signed in.
	Session func(*http.Request) (Identity, bool)
}

// Of is who the request is from.
func (p Principals) Of(r *http.Request) Principal {
	if p.Demo {
		return Principal{demo: true, Identity: Identity{Operator: true}}
	}
	if p.Session == nil {
		return Principal{}
	}
	id, ok := p.Session(r)
	if !ok {
		return Principal{}
	}
	return Principal{signedIn: true, Identity: id}
}

// Name is the name under which an act is recorded. Idempotency keys of different names are different keys.
func (p Principal) Name() string {
	switch {
	case p.demo:
		return "demo"
	case p.Username != "":
		return p.Username
	}
	return "operator"
}

// RequireOperator refuses everybody who may not use the admin routes.
func (p Principal) RequireOperator() error {
	switch {
	case p.Operator:
		return nil
	case p.signedIn:
		return ErrNotOperator
	}
	return ErrSignIn
}

// Shopper is the name, in normal form, for which a purchase is made. named is the name in the request, or ""; field is the
// field it was in.
func (p Principal) Shopper(named, field string) (string, error) {
	name, err := NormalName(named, field)
	switch {
	case err != nil && (p.demo || named != ""):
		return "", err
	case p.demo:
		return name, nil
	case !p.signedIn:
		return "", ErrSignIn
	case named != "" && name != p.Username:
		return "", ErrNotYou
	}
	return p.Username, nil
}

// MayAsk refuses everybody but name and the operators when somebody asks what name has bought. name is in normal form.
func (p Principal) MayAsk(name string) error {
	switch {
	case p.Operator, p.signedIn && name == p.Username:
		return nil
	case p.signedIn:
		return ErrNotYou
	}
	return ErrSignIn
}

// NormalName is users.NormalName with an error that names the field.
func NormalName(raw, field string) (string, error) {
	if raw == "" {
		return "", BadField(field, "is required: a username of 1 to 100 characters, or an e-mail address of at most 254")
	}
	name, err := users.NormalName(raw)
	if err != nil {
		return "", BadField(field, "is not acceptable: "+err.Error())
	}
	return name, nil
}
