package account

import "flashsale/views/layout"

// Page is a page with a heading and forms. Most pages of this package are nothing else.
type Page struct {
	Frame layout.Frame
	// Lead is the sentences between the heading and the forms.
	Lead []string
	// Notice says what the last form did, Problem why it did nothing.
	Notice, Problem string
	Forms           []Form
	Links           []layout.Link
}

// Form is one form.
type Form struct {
	// Heading is shown above the form, when there are several.
	Heading string
	Action  string
	Hidden  []Hidden
	Inputs  []Input
	Submit  string
	// Quiet is for the second way on a page, whose button does not stand out.
	Quiet bool
}

// Hidden is a value that the form sends and nobody sees.
type Hidden struct{ Name, Value string }

// Input is a field with its label.
type Input struct {
	// ID is unique on the page; Name is what the form calls the value.
	ID, Name, Label string
	// Type is text, password, email or number.
	Type string
	// Autocomplete tells the browser and the password manager what the field is for.
	Autocomplete string
	// Mode is the keyboard of a phone; "" is the usual one.
	Mode string
	Hint string
	// Value is kept when the form comes back with an error. A password never is.
	Value string
	// Error says what is wrong with the value.
	Error     string
	Optional  bool
	MaxLength string
	// Focus puts the cursor here when the page opens.
	Focus bool
}

// describedBy are the ids of the texts that belong to the field.
func (i Input) describedBy() string {
	switch {
	case i.Hint != "" && i.Error != "":
		return i.ID + "-error " + i.ID + "-hint"
	case i.Error != "":
		return i.ID + "-error"
	case i.Hint != "":
		return i.ID + "-hint"
	}
	return ""
}

// Account is the page about one's own account.
type Account struct {
	Page
	Username string
	// Email is the verified address, or empty.
	Email string
	// Role is empty for a shopper. An account with a role has a second factor, or needs one.
	Role         string
	SecondFactor bool
	// Mail is true when addresses can be verified.
	Mail bool
}

// Moment is a time in words and for machines.
type Moment struct{ Text, ISO string }

// Sessions is the page of the browsers that are signed in.
type Sessions struct {
	Page
	List []Session
}

// Session is one browser.
type Session struct {
	ID, Agent, Network string
	Since              Moment
	// Current is this very browser.
	Current bool
}

// Orders is the page of what the account has bought.
type Orders struct {
	Page
	List []Order
	// More is true when there are older orders than those shown.
	More bool
}

// Order is one of them.
type Order struct {
	ID, Product, Unit string
	// Sale is the name of the sale and SaleURL its address.
	Sale, SaleURL string
	At            Moment
	Cancelled     bool
	// Receipt is the path of the receipt; empty when it is not known.
	Receipt string
}

// SecondFactor is the page that sets up the codes of an authenticator app.
type SecondFactor struct {
	Page
	// Done is true when it is set up.
	Done bool
	// Picture is the path of the QR code, Secret the same as text, in groups of four.
	Picture, Secret string
}

// Secrets shows what is shown once: recovery codes, the link of an invitation, or a token.
type Secrets struct {
	Page
	// Codes are recovery codes. Secret is a single value with the name Label.
	Codes         []string
	Label, Secret string
	// Next is where to go when they are kept.
	Next layout.Link
}

// Team is the page of everybody with a role, and of the tokens.
type Team struct {
	// Places are those of the desk, with the team among them.
	Places []layout.Place
	Page
	Members []Member
	Tokens  []Token
	Roles   []string
	Scopes  []Scope
	// Key begins the Idempotency-Key of each form. It is another one on every page, so that a form that is sent twice acts once.
	Key string
}

// Member is somebody with a role.
type Member struct {
	Username, Role string
	// SecondFactor is true when it is set up.
	SecondFactor bool
	Since        Moment
	// Self is the reader.
	Self bool
}

// Token is an API token, without its secret.
type Token struct {
	ID, Name, Scopes, By string
	Expires              Moment
	// Used is the last use; without text it was never used.
	Used Moment
	// Over is true for a token that has expired or was revoked, and State says which.
	Over  bool
	State string
}

// Scope is what a token can be allowed, with its explanation.
type Scope struct {
	Name, Label string
	Chosen      bool
}
