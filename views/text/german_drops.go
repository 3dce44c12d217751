package text

// germanDrops are the texts of the list of drops, and of the way from one to the next.
func germanDrops() map[string]any {
	return map[string]any{
		"Our drops":      "Unsere Drops",
		"On sale now":    "Jetzt im Verkauf",
		"Coming next":    "Demnächst",
		"Past drops":     "Vergangene Drops",
		"Starts on":      "Beginnt am",
		"Started on":     "Begann am",
		"The next drop:": "Der nächste Drop:",
	}
}
