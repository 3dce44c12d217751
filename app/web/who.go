package web

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

// asker is who a request is from, and what that lets it do.
type asker struct {
	demo     bool
	signedIn bool
	Identity
}

// who is the one place that says who is asking. In demo mode that is whoever the request names, and everybody
// is an operator, exactly as the original behaves; otherwise it is the signed-in subject.
func (s *Server) who(r *http.Request) asker {
	if s.cfg.Demo {
		return asker{demo: true, Identity: Identity{Operator: true}}
	}
	if s.cfg.Session == nil {
		return asker{}
	}
	id, ok := s.cfg.Session(r)
	if !ok {
		return asker{}
	}
	return asker{signedIn: true, Identity: id}
}

// principal is the name under which an act is recorded, and by which its keys are told from those of others.
func (a asker) principal() string {
	switch {
	case a.demo:
		return "demo"
	case a.Username != "":
		return a.Username
	}
	return "operator"
}

// operator refuses everybody who may not use the admin routes.
func (a asker) operator() error {
	switch {
	case a.Operator:
		return nil
	case a.signedIn:
		return errNotOperator
	}
	return errSignIn
}

// shopper is the name, in normal form, for which a purchase is made when the request names named ("" is
// nobody in particular). field is the field of the request that named it.
func (a asker) shopper(named, field string) (string, error) {
	name, err := normalName(named, field)
	switch {
	case err != nil && (a.demo || named != ""):
		return "", err
	case a.demo:
		return name, nil
	case !a.signedIn:
		return "", errSignIn
	case named != "" && name != a.Username:
		return "", errNotYou
	}
	return a.Username, nil
}

// mayAsk refuses to say what others have bought, except to operators. name is in normal form.
func (a asker) mayAsk(name string) error {
	switch {
	case a.Operator, a.signedIn && name == a.Username:
		return nil
	case a.signedIn:
		return errNotYou
	}
	return errSignIn
}

// normalName is users.NormalName with an error that names the field.
func normalName(raw, field string) (string, error) {
	if raw == "" {
		return "", badField(field, "is required: a username of 1 to 100 characters, or an e-mail address of at most 254")
	}
	name, err := users.NormalName(raw)
	if err != nil {
		return "", badField(field, "is not acceptable: "+err.Error())
	}
	return name, nil
}
