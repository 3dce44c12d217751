package text

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
