package text

// germanLayout has what all pages have in common.
func germanLayout() map[string]any {
	return map[string]any{
		"About this shop":     "Über diesen Shop",
		"Account":             "Konto",
		"Contact":             "Kontakt",
		"Language":            "Sprache",
		"Privacy":             "Datenschutz",
		"Returns":             "Rückgabe",
		"Signed in as":        "Angemeldet als",
		"Skip to the content": "Zum Inhalt springen",
		"Terms":               "AGB",
	}
}
