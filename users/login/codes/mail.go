package codes

import (
	"fmt"
	"net/url"
	"strings"
)

// codeText writes the mails. Nothing in them comes from the client.
type codeText struct {
	shop string // the address of the shop
	code string
	link string
}

// name is the shop's name: the host of its address.
func (t codeText) name() string {
	if u, err := url.Parse(t.shop); err == nil && u.Hostname() != "" {
		return u.Hostname()
	}
	return "the shop"
}

func (t codeText) url() string { return strings.TrimSuffix(t.shop, "/") + "/sign-in/link/" + t.link }

func (t codeText) minutes() int { return int(Lifetime.Minutes()) }

const ignore = "If this was not you, ignore this mail. Never tell anybody the code.\n"

func (t codeText) signIn() (subject, text string) {
	return fmt.Sprintf("%s is your code for %s", t.code, t.name()), fmt.Sprintf(
		"Your code for %s is\n\n    %s\n\nType it on the page where you asked for it. Or open this link and press the button:\n\n%s\n\nBoth work once, for %d minutes.\n\n%s",
		t.name(), t.code, t.url(), t.minutes(), ignore)
}

func (t codeText) linkAlone() (subject, text string) {
	return "Your link for " + t.name(), fmt.Sprintf(
		"Open this link and press the button to sign in at %s:\n\n%s\n\nIt works once, for %d minutes. There is no code today, because too many wrong ones were typed.\n\n%s",
		t.name(), t.url(), t.minutes(), ignore)
}

func (t codeText) changing() (subject, text string) {
	return fmt.Sprintf("%s is your code for %s", t.code, t.name()), fmt.Sprintf(
		"Somebody who is signed in at %s wants to use this address. If that is you, type this code on the page of your account:\n\n    %s\n\nIt works for %d minutes.\n\n%s",
		t.name(), t.code, t.minutes(), ignore)
}

func (t codeText) taken() (subject, text string) {
	return "You already have an account at " + t.name(), fmt.Sprintf(
		"Somebody who is signed in at %[1]s wants to use this address. It belongs to your account there already, and it stays so.\n\n"+
			"If that was you, sign in to that account: %[2]s/sign-in\n\nIf this was not you, ignore this mail.\n", t.name(), strings.TrimSuffix(t.shop, "/"))
}

func (t codeText) changed() (subject, text string) {
	return "Your address at " + t.name() + " has changed", fmt.Sprintf(
		"Your account at %[1]s now has another e-mail address. No codes come to this one any more.\n\n"+
			"If this was not you, somebody else uses your account: sign in with your password, end the other sessions and change the password.\n%[2]s/account\n",
		t.name(), strings.TrimSuffix(t.shop, "/"))
}
