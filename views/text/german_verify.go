package text

// germanVerify is what a check of the promises finds.
func germanVerify() map[string]any {
	return map[string]any{
		"only shoppers know their receipts; `flashsale stress` checks it": "nur Kunden kennen ihre Belege; `flashsale stress` prüft es",
		"only shoppers know their answers; the fault tests check it":      "nur Kunden kennen ihre Antworten; die Tests mit kaputten Servern prüfen es",

		"sale %d generation %d: %d of %d units taken, %d live orders on %d units, highest unit %d of %d issued": "Verkauf %d, Durchgang %d: %d von %d Stück vergeben, %d gültige Bestellungen auf %d Stück, höchstes Stück %d von %d ausgegebenen",
		"sale %d generation %d: %d live orders without a stock row":                                             "Verkauf %d, Durchgang %d: %d gültige Bestellungen ohne Bestand",
		"sale %d generation %d: %d live orders of %d shoppers":                                                  "Verkauf %d, Durchgang %d: %d gültige Bestellungen von %d Kunden",
		"sale %d generation %d: %d owners without a place, %d places without an order":                          "Verkauf %d, Durchgang %d: %d Besitzer ohne Platz, %d Plätze ohne Bestellung",
		"sale %d generation %d: the limit is not the total":                                                     "Verkauf %d, Durchgang %d: Die Grenze ist nicht die Gesamtzahl",
		"sale %d generation %d: places that are no shopper's":                                                   "Verkauf %d, Durchgang %d: Plätze, die keinem Kunden gehören",
		"sale %d generation %d: digest %s, stored %s":                                                           "Verkauf %d, Durchgang %d: Prüfsumme %s, gespeichert %s",
		"sale %d generation %d: its times are not known, %d orders":                                             "Verkauf %d, Durchgang %d: Die Zeiten sind nicht bekannt, %d Bestellungen",
		"sale %d generation %d: %d of %d orders were pressed before %s or not before %s":                        "Verkauf %d, Durchgang %d: %d von %d Bestellungen wurden vor %s oder nicht vor %s geklickt",
		"sale %d generation %d: %d of %d orders have no time of their press":                                    "Verkauf %d, Durchgang %d: Bei %d von %d Bestellungen ist nicht bekannt, wann geklickt wurde",

		"no instance is running; it rebuilds the holders when it starts":                                 "es läuft kein Prozess; er baut die Plätze neu auf, wenn er startet",
		"there was no time to see whether a difference stays: %s":                                        "es war keine Zeit zu sehen, ob ein Unterschied bleibt: %s",
		"Redis or the ledger does not answer: %s":                                                        "Redis oder die Datenbank antwortet nicht: %s",
		"places and orders change too fast to be compared; no difference stayed":                         "Plätze und Bestellungen ändern sich zu schnell für einen Vergleich; kein Unterschied blieb",
		"claims in the log are still to be decided, their places have no order yet: %s":                  "Ansprüche im Log sind noch zu entscheiden, ihre Plätze haben noch keine Bestellung: %s",
		"partition %d: cursor %d, log %d to %d, read to %d, %d claims, %d without a verdict":             "Partition %d: Stand %d, Log von %d bis %d, gelesen bis %d, %d Ansprüche, %d ohne Entscheidung",
		"%s, and not all of it was read: %s":                                                             "%s, und nicht alles davon wurde gelesen: %s",
		"not all of the log was read: %s":                                                                "nicht das ganze Log wurde gelesen: %s",
		"left out: %d claims of another ledger, of an earlier life":                                      "ausgelassen: %d Ansprüche einer anderen Datenbank, aus einem früheren Leben",
		"left out: %d records that no process of this deployment wrote for this ledger":                  "ausgelassen: %d Einträge, die kein Prozess dieses Systems für diese Datenbank geschrieben hat",
		"the orders of earlier generations could not all be read: %s":                                    "nicht alle Bestellungen früherer Durchgänge waren zu lesen: %s",
		"%d ended generations have no digest yet to compare with, the first is generation %d of sale %d": "%d beendete Durchgänge haben noch keine Prüfsumme zum Vergleichen, der erste ist Durchgang %d von Verkauf %d",
	}
}
