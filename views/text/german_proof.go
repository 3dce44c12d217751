package text

// germanProof is what operators read of the promises of a sale.
func germanProof() map[string]any {
	return map[string]any{
		"Nothing against it": "Nichts dagegen",
		"Holds":              "Hält",
		"Broken":             "Verletzt",
		"Under way":          "Unterwegs",
		"Not seen from here": "Von hier nicht zu sehen",

		"Check everything now": "Jetzt alles prüfen",
		"Check":                "Prüfung",
		"Every order, every place and the log are compared. The report opens by itself.": "Jede Bestellung, jeder Platz und das Log werden verglichen. Der Bericht öffnet sich von selbst.",
		"What this process knows now": "Was dieser Prozess jetzt weiß",
		"From memory, each second. It asks no server and costs shoppers nothing.": "Aus dem Speicher, jede Sekunde. Das fragt keinen Server und kostet Kunden nichts.",
		"Reports": "Berichte",
		"Nothing was checked yet. The audit log keeps each report whole.":    "Noch wurde nichts geprüft. Das Protokoll bewahrt jeden Bericht ganz auf.",
		"The kept reports cannot be read now: the database does not answer.": "Die Berichte sind gerade nicht zu lesen: Die Datenbank antwortet nicht.",
		"by %s, in %s":      "von %s, in %s",
		"Nothing is broken": "Nichts ist verletzt",
		"%d broken":         "%d verletzt",
		"%d hold, %d cannot be seen from the data": "%d halten, %d sind an den Daten nicht zu sehen",
		"Back to the proof":                        "Zurück zum Nachweis",
		"Report of %s":                             "Bericht vom %s",
		"Report":                                   "Bericht",
		"Asked for by":                             "Verlangt von",
		"Took":                                     "Dauer",
		"Program":                                  "Programm",
		"Process":                                  "Prozess",
		"What was checked":                         "Was geprüft wurde",
		"Counts at that moment":                    "Zahlen in diesem Augenblick",

		"Taken": "Vergeben",
		"%d earlier generations have %d live orders.": "%d frühere Durchgänge haben %d gültige Bestellungen.",
		"Keep it as JSON": "Als JSON aufbewahren",
		"Keep it as text": "Als Text aufbewahren",

		"Only a check of the whole data shows it.": "Das zeigt nur eine Prüfung aller Daten.",
		"Only shoppers know what they were told. Tests with broken servers check it, for every version of the program.": "Nur Kunden wissen, was ihnen gesagt wurde. Das prüfen Tests mit kaputten Servern, bei jeder Version des Programms.",
		"More is sold than there is, in: %s":                                                                         "Es ist mehr verkauft, als es gibt, in: %s",
		"The database does not answer this process, so its figures are old.":                                         "Die Datenbank antwortet diesem Prozess nicht, darum sind seine Zahlen alt.",
		"%d sold + %d pending + %d free = %d units. Sales: %d":                                                       "%d verkauft + %d unterwegs + %d frei = %d Stück. Verkäufe: %d",
		"No process has counted yet.":                                                                                "Noch hat kein Prozess gezählt.",
		"Places are being put right, in: %s":                                                                         "Plätze werden gerade berichtigt, in: %s",
		"%d shoppers have a place, %d of them an order.":                                                             "%d Kunden haben einen Platz, %d davon eine Bestellung.",
		"No press waits for its verdict.":                                                                            "Kein Klick wartet auf seine Entscheidung.",
		"%d presses wait for their verdict, the oldest for %.1f s.":                                                  "%d Klicks warten auf ihre Entscheidung, der älteste seit %.1f s.",
		"%d presses wait for their verdict, the oldest for %.1f s. That is long: look at the health of the servers.": "%d Klicks warten auf ihre Entscheidung, der älteste seit %.1f s. Das ist lange: Sehen Sie nach, wie es den Servern geht.",

		"Never more is sold than there is, and every order has a unit of its own.": "Nie ist mehr verkauft, als es gibt, und jede Bestellung hat ihr eigenes Stück.",
		"No shopper has two orders in one sale.":                                   "Kein Kunde hat zwei Bestellungen in einem Verkauf.",
		"Every receipt that anybody was shown exists.":                             "Jeder Beleg, der jemandem gezeigt wurde, ist da.",
		"Those who have a place are those who have an order.":                      "Einen Platz hat, wer eine Bestellung hat.",
		"Every press that was acknowledged gets its verdict.":                      "Jeder angenommene Klick bekommt seine Entscheidung.",
		"Nobody is told “sold out” while units are left.":                          "Niemandem wird „ausverkauft“ gesagt, solange es noch etwas gibt.",
		"Orders of generations that ended do not change.":                          "Bestellungen beendeter Durchgänge ändern sich nicht.",
		"Every order was pressed between the start and the end.":                   "Jede Bestellung wurde zwischen Beginn und Ende ausgelöst.",
	}
}

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
