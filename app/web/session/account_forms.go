package session

import (
	"github.com/a-h/templ"
	"github.com/labstack/echo/v4"

	"flashsale/app/web/request"
	"flashsale/views/account"
)

// Where the forms of the account's page go to.
const (
	pathPassword = "/account/password"
	pathEmail    = "/account/email"
)

// accountForms are the forms of the account's page. typed is the address that was in one of them.
func (hs *Handlers) accountForms(c echo.Context, who Visitor, email, typed string) ([]account.Form, error) {
	has, err := hs.cfg.Passwords.Has(c.Request().Context(), who.Account)
	if err != nil {
		return nil, err
	}
	var list []account.Form
	fresh, reachable := hs.fresh(c, who), hs.mail() && email != ""
	if has || fresh {
		list = append(list, passwordForm(who.Username, has, fresh))
	}
	if reachable && !fresh {
		list = append(list, freshCodeForm(who.Username, has))
	}
	if hs.mail() {
		list = append(list, emailForm(who.Username, email, typed, has))
	}
	return list, nil
}

// passwordForm asks for the present password, unless there is none or a code has just taken its place.
func passwordForm(username string, has, fresh bool) account.Form {
	next := passwordInput("new-password")
	next.ID, next.Name, next.Label = "next", fieldNext, "New password"
	next.Hint = "Every other browser is signed out then."
	f := account.Form{
		Heading: "Change the password", Action: pathPassword, Submit: "Change the password", Quiet: true,
		Hidden: []account.Hidden{{Name: fieldUsername, Value: username}},
	}
	if fresh || !has {
		f.Heading, f.Submit, f.Inputs = "Set a password", "Set the password", []account.Input{next}
		return f
	}
	f.Inputs = []account.Input{currentInput("current"), next}
	return f
}

func currentInput(id string) account.Input {
	current := passwordInput("current-password")
	current.ID, current.Name, current.Label = id, fieldCurrent, "Current password"
	return current
}

// freshCodeForm leads to a sign-in by code and back, after which a password can be set.
func freshCodeForm(username string, has bool) account.Form {
	f := account.Form{
		Heading: "Set a password", Action: "/sign-in/code", Submit: "Send me a code for that", Quiet: true,
		Hidden: []account.Hidden{{Name: fieldName, Value: username}, {Name: fieldNext, Value: "/account"}},
	}
	if has {
		f.Heading = "Forgotten the password?"
	}
	return f
}

func emailForm(username, present, typed string, has bool) account.Form {
	f := account.Form{Heading: "Add an e-mail address", Action: pathEmail, Submit: "Send me a code", Quiet: true, Inputs: []account.Input{{
		ID: "email", Name: fieldEmail, Label: "E-mail", Type: "email", Autocomplete: "email", Value: typed, MaxLength: "254",
		Hint: "It becomes yours once you have typed the code that is sent there.",
	}}}
	if present != "" {
		f.Heading, f.Inputs[0].Label = "Change the e-mail address", "New e-mail"
	}
	if has {
		f.Hidden = []account.Hidden{{Name: fieldUsername, Value: username}}
		f.Inputs = append(f.Inputs, currentInput("email-current"))
	}
	return f
}

// again is the page of the account with the errors of one of its forms. typed is the address that was in it.
func (hs *Handlers) again(c echo.Context, who Visitor, action, typed string) func(request.Problem) templ.Component {
	return func(p request.Problem) templ.Component {
		page, err := hs.accountPage(c, who)
		if err == nil {
			page.Forms, err = hs.accountForms(c, who, page.Email, typed)
		}
		if err != nil {
			page = account.Account{Page: account.Page{Frame: hs.frame(c, "Your account"), Forms: []account.Form{passwordForm(who.Username, true, false)}}, Username: who.Username}
		}
		page.Page = markedIn(page.Page, action, p)
		return account.AccountPage(page)
	}
}

// markedIn is marked for a page with several forms, of which one was sent.
func markedIn(page account.Page, action string, p request.Problem) account.Page {
	all := page.Forms
	page.Forms = nil
	for i := range all {
		if all[i].Action == action {
			page.Forms = all[i : i+1]
		}
	}
	page = marked(page, p)
	page.Forms = all
	return page
}
