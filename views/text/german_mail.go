package text

// germanMail has the mails of signing in and of accounts.
func germanMail() map[string]any {
	return map[string]any{
		"the shop":               "den Shop",
		"%s is your code for %s": "%s ist Ihr Code für %s",
		"Your code for %s is":    "Ihr Code für %s ist",
		"Your link for %s":       "Ihr Link für %s",
		"Type it on the page where you asked for it. Or open this link and press the button:": "Geben Sie ihn auf der Seite ein, auf der Sie ihn angefordert haben. Oder öffnen Sie diesen Link und drücken Sie den Knopf:",
		"Both work once, for %d minutes.":                                                                                                   "Beide gelten einmal, %d Minuten lang.",
		"It works for %d minutes.":                                                                                                          "Er gilt %d Minuten.",
		"If this was not you, ignore this mail.":                                                                                            "Wenn Sie das nicht waren, beachten Sie diese Mail nicht.",
		"If this was not you, ignore this mail. Never tell anybody the code.":                                                               "Wenn Sie das nicht waren, beachten Sie diese Mail nicht. Sagen Sie den Code niemandem.",
		"Open this link and press the button to sign in at %s:":                                                                             "Öffnen Sie diesen Link und drücken Sie den Knopf, um sich bei %s anzumelden:",
		"It works once, for %d minutes. There is no code today, because too many wrong ones were typed.":                                    "Er gilt einmal, %d Minuten lang. Heute gibt es keinen Code, weil zu viele falsche eingegeben wurden.",
		"Somebody who is signed in at %s wants to use this address. If that is you, type this code on the page of your account:":            "Jemand, der bei %s angemeldet ist, möchte diese Adresse benutzen. Wenn Sie das sind, geben Sie diesen Code auf der Seite Ihres Kontos ein:",
		"Somebody who is signed in at %s wants to use this address. It belongs to your account there already, and it stays so.":             "Jemand, der bei %s angemeldet ist, möchte diese Adresse benutzen. Sie gehört dort schon zu Ihrem Konto, und das bleibt so.",
		"You already have an account at %s":                                                                                                 "Sie haben schon ein Konto bei %s",
		"If that was you, sign in to that account: %s":                                                                                      "Wenn Sie das waren, melden Sie sich bei diesem Konto an: %s",
		"Your address at %s has changed":                                                                                                    "Ihre Adresse bei %s hat sich geändert",
		"Your account at %s now has another e-mail address. No codes come to this one any more.":                                            "Ihr Konto bei %s hat jetzt eine andere E-Mail-Adresse. An diese kommen keine Codes mehr.",
		"If this was not you, somebody else uses your account: sign in with your password, end the other sessions and change the password.": "Wenn Sie das nicht waren, benutzt jemand anderes Ihr Konto: Melden Sie sich mit Ihrem Passwort an, beenden Sie die anderen Anmeldungen und ändern Sie das Passwort.",
		"Your password at %s has changed":                                                                                                   "Ihr Passwort bei %s hat sich geändert",
		"Your account at %s has a new password, and every other browser is signed out.":                                                     "Ihr Konto bei %s hat ein neues Passwort, und alle anderen Browser sind abgemeldet.",
		"If this was not you, sign in by a code sent to this address, and set another password at once.":                                    "Wenn Sie das nicht waren, melden Sie sich mit einem Code an, der an diese Adresse geht, und setzen Sie sofort ein anderes Passwort.",
	}
}

// germanReminder has the mail before a sale starts, and the form that asks for it.
func germanReminder() map[string]any {
	return map[string]any{
		"Soon: %s":           "Bald: %s",
		"%s goes on sale at": "Der Verkauf von %s beginnt am",
		"Its page:":          "Die Seite:",
		"Sign in ahead of the start: then one press is enough.":                                                                        "Melden Sie sich vor dem Beginn an: dann genügt ein Druck.",
		"You asked for this mail on that page. It comes once, so there is nothing to stop: no other one follows unless you ask again.": "Sie haben diese Mail auf jener Seite bestellt. Sie kommt einmal, es gibt also nichts abzubestellen: keine weitere folgt, wenn Sie nicht wieder darum bitten.",

		"Remind me by mail": "Per Mail erinnern",
		"Stop the mail":     "Keine Mail",
		"A mail comes ten minutes before the start.":                   "Zehn Minuten vor dem Beginn kommt eine Mail.",
		"The mail about this start has been sent.":                     "Die Mail zu diesem Beginn wurde verschickt.",
		"Reminder by mail":                                             "Erinnerung per Mail",
		"Your account has no confirmed e-mail address":                 "Ihr Konto hat keine bestätigte E-Mail-Adresse",
		"Confirm one on the page of your account, and then ask again.": "Bestätigen Sie eine auf der Seite Ihres Kontos, und bitten Sie dann noch einmal darum.",
	}
}
