package text

// germanProduct are the texts of the product: its pictures, its facts and its price.
func germanProduct() map[string]any {
	return map[string]any{
		"Pictures of the product": "Bilder des Produkts",
		"Enlarge:":                "Vergrößern:",
		"Show:":                   "Zeigen:",
		"The picture, enlarged":   "Das Bild, vergrößert",
		"Previous":                "Zurück",
		"Next":                    "Weiter",
		"Close":                   "Schließen",
		"Specifications":          "Technische Daten",
		"Important information":   "Wichtige Hinweise",
		"Price":                   "Preis",
		"Full price":              "Voller Preis",
		"Save %s":                 "Sie sparen %s",
		"A limited stock on sale at an announced second, one unit per shopper.": "Ein begrenzter Vorrat, der zu einer angekündigten Sekunde in den Verkauf kommt: ein Stück je Person.",
	}
}

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
