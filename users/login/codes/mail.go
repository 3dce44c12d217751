package codes

import (
	"context"
	"net/url"
	"strings"

	"flashsale/views/text"
)

// codeText writes the mails, in the language of the request that asks for them. Nothing in them comes from the client.
type codeText struct {
	text.Language
	shop string // the address of the shop
	code string
	link string
}

// textOf is a mail without a code.
func (c *Codes) textOf(ctx context.Context) codeText {
	return codeText{Language: text.From(ctx), shop: c.cfg.Shop}
}

// name is the shop's name: the host of its address.
func (t codeText) name() string {
	if u, err := url.Parse(t.shop); err == nil && u.Hostname() != "" {
		return u.Hostname()
	}
	return t.Say("the shop")
}

func (t codeText) at(path string) string { return strings.TrimSuffix(t.shop, "/") + path }

func (t codeText) url() string { return t.at("/sign-in/link/" + t.link) }

func (t codeText) minutes() int { return int(Lifetime.Minutes()) }

func (t codeText) ignore() string {
	return t.Say("If this was not you, ignore this mail. Never tell anybody the code.")
}

// shown is the code, set apart.
func (t codeText) shown() string { return "    " + t.code }

func paragraphs(list ...string) string { return strings.Join(list, "\n\n") + "\n" }

func (t codeText) signIn() (subject, body string) {
	return t.Say("%s is your code for %s", t.code, t.name()), paragraphs(
		t.Say("Your code for %s is", t.name()), t.shown(),
		t.Say("Type it on the page where you asked for it. Or open this link and press the button:"), t.url(),
		t.Say("Both work once, for %d minutes.", t.minutes()), t.ignore())
}

func (t codeText) linkAlone() (subject, body string) {
	return t.Say("Your link for %s", t.name()), paragraphs(
		t.Say("Open this link and press the button to sign in at %s:", t.name()), t.url(),
		t.Say("It works once, for %d minutes. There is no code today, because too many wrong ones were typed.", t.minutes()), t.ignore())
}

func (t codeText) changing() (subject, body string) {
	return t.Say("%s is your code for %s", t.code, t.name()), paragraphs(
		t.Say("Somebody who is signed in at %s wants to use this address. If that is you, type this code on the page of your account:", t.name()),
		t.shown(), t.Say("It works for %d minutes.", t.minutes()), t.ignore())
}

func (t codeText) taken() (subject, body string) {
	return t.Say("You already have an account at %s", t.name()), paragraphs(
		t.Say("Somebody who is signed in at %s wants to use this address. It belongs to your account there already, and it stays so.", t.name()),
		t.Say("If that was you, sign in to that account: %s", t.at("/sign-in")), t.Say("If this was not you, ignore this mail."))
}

func (t codeText) changed() (subject, body string) {
	return t.Say("Your address at %s has changed", t.name()), paragraphs(
		t.Say("Your account at %s now has another e-mail address. No codes come to this one any more.", t.name()),
		t.Say("If this was not you, somebody else uses your account: sign in with your password, end the other sessions and change the password.")+
			"\n"+t.at("/account"))
}

func (t codeText) newPassword() (subject, body string) {
	return t.Say("Your password at %s has changed", t.name()), paragraphs(
		t.Say("Your account at %s has a new password, and every other browser is signed out.", t.name()),
		t.Say("If this was not you, sign in by a code sent to this address, and set another password at once.")+"\n"+t.at("/account"))
}
