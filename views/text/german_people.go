package text

// germanPeople has the desk's pages about shoppers.
func germanPeople() map[string]any {
	return map[string]any{
		"Name or e-mail": "Name oder E-Mail", "Promises checked": "Zusagen geprüft", "Search": "Suchen", "What it begins with. With an @ it is an address.": "Womit er beginnt. Mit einem @ ist es eine Adresse.",
		"This is what a name or an address can begin with: visible characters, at most 254.": "Das ist der Anfang eines Namens oder einer Adresse: sichtbare Zeichen, höchstens 254.",
		"Pages": "Seiten", "Page before": "Seite davor", "Next page": "Nächste Seite",
		"May buy": "Darf kaufen", "Barred": "Gesperrt", "Erased": "Gelöscht",
		"This account may buy.": "Dieses Konto darf kaufen.",
		"This account may not buy until somebody unbars it. What it has bought stays bought.":            "Dieses Konto darf nicht kaufen, bis jemand es entsperrt. Was es gekauft hat, bleibt gekauft.",
		"This account is put away: nobody can sign in to it or buy with it. Its orders stay.":            "Dieses Konto ist weggelegt: Niemand kann sich mit ihm anmelden oder mit ihm kaufen. Seine Bestellungen bleiben.",
		"The name and the address of this account are erased for good. Its orders stay, without a name.": "Name und Adresse dieses Kontos sind endgültig gelöscht. Seine Bestellungen bleiben, ohne Namen.",
		"Back to the shoppers": "Zurück zu den Kunden", "Back to the shopper": "Zurück zum Kunden",
		"verified": "bestätigt", "not verified": "nicht bestätigt", "Number of the account": "Nummer des Kontos",
		"generation %d": "Durchgang %d", "cancelled at %s": "storniert um %s", "Confirmed": "Bestätigt",
		"Only the newest are here. Look for the others among the orders.": "Nur die neuesten stehen hier. Suchen Sie die anderen unter den Bestellungen.",

		"Sessions": "Sitzungen",
		"Those that have not ended: from where somebody signed in, and what the browser says of itself.": "Die noch nicht beendet sind: von wo sich jemand angemeldet hat, und was der Browser von sich sagt.",
		"Nobody is signed in to this account.": "Niemand ist mit diesem Konto angemeldet.",
		"Signed in at %s, ends at %s.":         "Angemeldet um %s, endet um %s.",

		"Limits met": "Erreichte Grenzen",
		"Attempts at this account that were refused because there were too many, whoever made them: of each limit the last time within 30 days. Redis keeps this, and a Redis that begins empty has forgotten it.": "Versuche an diesem Konto, die abgelehnt wurden, weil es zu viele waren, von wem auch immer: von jeder Grenze das letzte Mal in 30 Tagen. Redis merkt sich das, und ein Redis, das leer beginnt, hat es vergessen.",
		"Redis does not answer, so nobody knows now which limits were met.": "Redis antwortet nicht, also weiß jetzt niemand, welche Grenzen erreicht wurden.",
		"None within 30 days.":       "Keine in 30 Tagen.",
		"Signing in with a password": "Anmelden mit Passwort", "Codes by e-mail": "Codes per E-Mail", "Typing a code": "Eingeben eines Codes", "Exports": "Exporte",
		"Presses of the button": "Klicks auf den Knopf",
		"by this account alone": "von diesem Konto allein", "at this account, from one network": "an diesem Konto, aus einem Netz",
		"at this account, from networks where it has never signed in": "an diesem Konto, aus Netzen, in denen es sich nie angemeldet hat",
		"by everybody in its network together":                        "von allen in seinem Netz zusammen",
		"What operators did to this account":                          "Was mit diesem Konto getan wurde", "Nothing.": "Nichts.", "All of them in the audit log": "Alle im Protokoll",

		"Bar": "Sperren", "Unbar": "Entsperren", "Bar %s?": "%s sperren?", "Unbar %s?": "%s entsperren?",
		"Every press of this account is refused, in all sales, from now on.":                 "Jeder Klick dieses Kontos wird ab jetzt abgelehnt, in allen Verkäufen.",
		"What it has bought stays bought: cancel orders one by one if they are not to stay.": "Was es gekauft hat, bleibt gekauft: Stornieren Sie Bestellungen einzeln, wenn sie nicht bleiben sollen.",
		"It can still sign in. You can take this back.":                                      "Es kann sich weiter anmelden. Sie können das zurücknehmen.",
		"This account may buy again at once, in all sales.":                                  "Dieses Konto darf sofort wieder kaufen, in allen Verkäufen.",
		"Reason": "Grund",
		"It stands in the audit log. The shopper does not read it.":                   "Er steht im Protokoll. Der Kunde liest ihn nicht.",
		"is required: 1 to 500 characters of plain text, which go into the audit log": "ist nötig: 1 bis 500 Zeichen reiner Text, die ins Protokoll kommen",
		"This account is archived or erased: nobody can buy with it anyway.":          "Dieses Konto ist archiviert oder gelöscht: Niemand kann mit ihm kaufen.",
		"This account is not barred.":                                                 "Dieses Konto ist nicht gesperrt.", "This account is barred already.": "Dieses Konto ist schon gesperrt.",
		"This account is barred. It cannot buy any more.": "Dieses Konto ist gesperrt. Es kann nicht mehr kaufen.", "This account may buy again.": "Dieses Konto darf wieder kaufen.",
		"That was so already. Nothing was changed.":             "Das war schon so. Nichts wurde geändert.",
		"%s may not buy any more; what was bought stays bought": "%s darf nicht mehr kaufen; was gekauft wurde, bleibt gekauft", "%s may buy again": "%s darf wieder kaufen",
	}
}

// germanAudit has the pages of what operators did.
func germanAudit() map[string]any {
	return map[string]any{
		"Table of orders": "Tabelle der Bestellungen", "Table of acts": "Tabelle der Handlungen", "Who": "Wer", "Shopper, or id of an order": "Kunde, oder Kennung einer Bestellung", "From (UTC)": "Von (UTC)", "Until (UTC)": "Bis (UTC)", "Act": "Handlung", "All": "Alle",
		"Only what was refused": "Nur was abgelehnt wurde", "Show": "Zeigen", "Show all": "Alle zeigen",
		"This is a time like 2026-11-27T10:00, in UTC.":             "Das ist eine Zeit wie 2026-11-27T10:00, in UTC.",
		"This is plain text of at most 200 characters, given once.": "Das ist reiner Text von höchstens 200 Zeichen, einmal angegeben.",
		"Export": "Exportieren", "As": "Als", "CSV, for spreadsheets": "CSV, für Tabellen", "JSON lines, for programs": "JSON-Zeilen, für Programme", "CSV for Excel": "CSV für Excel",
		"All acts that are meant above, on all pages, as a file. That is written into the audit log too.": "Alle Handlungen, die oben gemeint sind, auf allen Seiten, als Datei. Auch das kommt ins Protokoll.",
		"Outcome": "Ergebnis", "Before and after": "Vorher und nachher", "Before": "Vorher", "After": "Nachher", "When": "Wann", "What changed": "Was sich geändert hat", "became": "wurde zu",
		"The entry as the log has it": "Der Eintrag, wie ihn das Protokoll hat", "Back to the audit log": "Zurück zum Protokoll", "All acts on this sale": "Alle Handlungen an diesem Verkauf",
		"Done": "Getan", "by page": "auf der Seite", "by the token %s": "mit dem Token %s", "by a command": "mit einem Befehl", "in demo mode": "im Demobetrieb", "from %s": "von %s",
		"On": "An", "Shopper": "Kunde", "yes": "ja", "no": "nein", "\"%s\"": "„%s“",

		// Acts.
		"Order cancelled": "Bestellung storniert", "Cancel": "Stornieren", "Picture added": "Bild hinzugefügt", "Picture removed": "Bild weggenommen", "Picture described": "Bild beschrieben",
		"Pictures put in order": "Bilder geordnet", "Shopper barred": "Kunde gesperrt", "Shopper unbarred": "Kunde entsperrt", "Invited to the team": "Ins Team eingeladen",
		"Invitation accepted": "Einladung angenommen", "Role changed": "Rolle geändert", "Second factor reset": "Zweiter Faktor zurückgesetzt", "Token made": "Token angelegt",
		"Token revoked": "Token widerrufen", "Keys of sessions changed": "Schlüssel der Sitzungen gewechselt", "Brand changed": "Marke geändert", "Brand taken away": "Marke weggenommen",
		"Shoppers made": "Kunden angelegt", "Making shoppers began": "Anlegen von Kunden begonnen", "Shoppers archived": "Kunden archiviert",
		"Archiving shoppers began": "Archivieren von Kunden begonnen", "Orders exported": "Bestellungen exportiert", "Audit log exported": "Protokoll exportiert",

		// Fields.
		"Generation": "Durchgang", "%d in minor units": "%d in kleinsten Einheiten", "Wrong field": "Falsches Feld",
		"Revision seen": "Gesehener Stand", "Revision now": "Jetziger Stand", "More refused": "Weitere abgelehnt", "Until": "Bis", "Like the sale": "Wie der Verkauf",
	}
}
