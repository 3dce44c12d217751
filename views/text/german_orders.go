package text

// germanOrders has the desk's lists of orders: searching, what is found, and the file.
func germanOrders() map[string]any {
	return map[string]any{
		"Decided": "Entschieden",
		"There are no sales yet, so there are no orders.": "Es gibt noch keine Verkäufe und darum keine Bestellungen.",

		"An order number, a unit, or how a name or an e-mail address begins.": "Eine Bestellnummer, ein Stück, oder wie ein Name oder eine E-Mail-Adresse beginnt.",
		"State, time and generation":                                          "Zustand, Zeit und Durchgang",
		"When it was decided, by the clocks of %s.":                           "Wann entschieden wurde, nach den Uhren von %s.",
		"From":                        "Ab",
		"Up to":                       "Bis",
		"Empty: the present one, %d.": "Leer: der jetzige, %d.",
		"Show orders":                 "Bestellungen zeigen",

		"Erased account":      "Gelöschtes Konto",
		"Pages of the list":   "Seiten der Liste",
		"Earlier in the list": "Davor in der Liste",
		"Later in the list":   "Danach in der Liste",
		"An order number is looked for in all sales and generations: this one is of another one than you chose.":                                                                   "Eine Bestellnummer wird in allen Verkäufen und Durchgängen gesucht: Diese gehört zu einem anderen, als Sie gewählt haben.",
		"These are the orders of unit %d: who has it, and who had it before.":                                                                                                      "Das sind die Bestellungen von Stück %d: wer es hat, und wer es vorher hatte.",
		"More shoppers have such a name than are looked at, so orders may be missing here. Type more of the name.":                                                                 "Mehr Kunden haben so einen Namen, als angesehen werden; hier können also Bestellungen fehlen. Tippen Sie mehr vom Namen.",
		"There are no orders on this page of the list.":                                                                                                                            "Auf dieser Seite der Liste sind keine Bestellungen.",
		"No order was found. The number was looked for in all sales; a unit, a name or an address only in this generation of this sale, with the state and times that are chosen.": "Keine Bestellung gefunden. Die Nummer wurde in allen Verkäufen gesucht; ein Stück, ein Name oder eine Adresse nur in diesem Durchgang dieses Verkaufs, mit dem Zustand und den Zeiten, die gewählt sind.",
		"No order of this generation has that state and was decided in that time.":                                                                                                 "Keine Bestellung dieses Durchgangs hat diesen Zustand und wurde in dieser Zeit entschieden.",
		"There are no orders in this generation yet.":                                                                                                                              "In diesem Durchgang gibt es noch keine Bestellungen.",

		// What is wrong with a query.
		"Nothing was looked up. Please look at what is marked.":             "Nichts wurde gesucht. Bitte sehen Sie an, was markiert ist.",
		"The address names no page of this list. Begin with the first one.": "Die Adresse nennt keine Seite dieser Liste. Beginnen Sie mit der ersten.",
		"This is given twice.":                                    "Das ist doppelt angegeben.",
		"There is no sale of that name.":                          "Einen Verkauf dieses Namens gibt es nicht.",
		"The sale has no such generation. The present one is %d.": "Der Verkauf hat keinen solchen Durchgang. Der jetzige ist %d.",
		"This is none of the states of an order.":                 "Das ist kein Zustand einer Bestellung.",
		"This can be no order number, unit, name or address.":     "Das kann keine Bestellnummer, kein Stück, kein Name und keine Adresse sein.",
		"This is a time like 2026-01-01T10:00.":                   "Das ist eine Zeit wie 2026-01-01T10:00.",
		"This is not after the beginning.":                        "Das ist nicht nach dem Anfang.",

		// The file.
		"Take the orders away as a file": "Die Bestellungen als Datei mitnehmen",
		"Which orders":                   "Welche Bestellungen",
		"Of generation %d":               "Von Durchgang %d",
		"Of all generations of the sale": "Von allen Durchgängen des Verkaufs",
		"Form of the file":               "Form der Datei",
		"CSV, a table for spreadsheets":  "CSV, eine Tabelle",

		"CSV begins with a byte order mark (older Excel needs it)": "CSV beginnt mit einer Bytereihenfolge-Marke (älteres Excel braucht sie)",
		"Download":                                                               "Herunterladen",
		"Only orders in the state \"%s\".":                                       "Nur Bestellungen im Zustand „%s“.",
		"Only orders that were decided from %s on.":                              "Nur Bestellungen, die ab %s entschieden wurden.",
		"Only orders that were decided before %s.":                               "Nur Bestellungen, die vor %s entschieden wurden.",
		"All orders, whatever their state, as they are at one moment.":           "Alle Bestellungen, welchen Zustand sie auch haben, wie sie in einem Augenblick sind.",
		"generation %d, which has ended":                                         "Durchgang %d, der zu Ende ist",
		"%d free units came back from cancelled orders and were not sold again.": one("1 freies Stück kam aus einer stornierten Bestellung zurück und wurde nicht wieder verkauft.", "%d freie Stück kamen aus stornierten Bestellungen zurück und wurden nicht wieder verkauft."),
		"This is the present generation. Please look at what is marked.":         "Das ist der laufende Durchgang. Bitte sehen Sie an, was markiert ist.",
		"Only orders of unit %d.":                                                "Nur Bestellungen des Stücks %d.",
		"Only orders that the search for “%s” finds, all of them.":               "Nur Bestellungen, die die Suche nach „%s“ findet, und zwar alle.",
		"Of the sale %s, where the order was found.":                             "Aus dem Verkauf %s, in dem die Bestellung gefunden wurde.",

		// Where the units are.
		"A pending unit is reserved for a press whose claim has no verdict yet. That takes a moment as a rule; when it takes long, the age of the oldest claim grows here.": "Ein Stück in Entscheidung ist für einen Klick vorgemerkt, dessen Anspruch noch nicht entschieden ist. Das dauert in der Regel einen Augenblick; dauert es lange, wächst hier das Alter des ältesten Anspruchs.",
		"Units of %s":                    "Stücke von %s",
		"%d free units were never sold.": one("1 freies Stück wurde nie verkauft.", "%d freie Stück wurden nie verkauft."),
		"%d free units came back from cancelled orders; they are sold before the others.": one("1 freies Stück kam aus einer stornierten Bestellung zurück; es wird vor den anderen verkauft.", "%d freie Stück kamen aus stornierten Bestellungen zurück; sie werden vor den anderen verkauft."),
		"%d units have an order.":                             one("1 Stück hat eine Bestellung.", "%d Stück haben eine Bestellung."),
		"Cancelled orders":                                    "Stornierte Bestellungen",
		"What changed the stock":                              "Was den Bestand geändert hat",
		"Nobody has changed the stock or cancelled an order.": "Niemand hat den Bestand geändert oder eine Bestellung storniert.",
		"Order cancelled, unit %d came back":                  "Bestellung storniert, Stück %d kam zurück",

		"The order":                        "Die Bestellung",
		"%s units in all":                  "%s Stück insgesamt",
		"Older acts are in the audit log.": "Ältere Handlungen stehen im Protokoll.",
	}
}

// germanOrderHistory has the page of one order, and the step before it is cancelled.
func germanOrderHistory() map[string]any {
	return map[string]any{
		"Order %s": "Bestellung %s", "Back to the orders": "Zurück zu den Bestellungen", "Back to order %s": "Zurück zur Bestellung %s", "What it is": "Was sie ist",
		"Name when it was bought":                                            "Name beim Kauf",
		"Who has unit %d, and who had it":                                    "Wer Stück %d hat, und wer es hatte",
		"All orders of the sale":                                             "Alle Bestellungen des Verkaufs",
		"The receipt's address shows the receipt.":                           "Die Adresse des Belegs zeigt den Beleg.",
		"The receipt's address says that the account was erased.":            "Die Adresse des Belegs sagt, dass das Konto gelöscht wurde.",
		"The receipt's address says that the order was cancelled, and when.": "Die Adresse des Belegs sagt, dass die Bestellung storniert wurde, und wann.",
		"What happened, in the order of time":                                "Was geschah, der Reihe nach",
		"Pressed":                                                            "Gedrückt",
		"Pressed, at a time that is not known":                               "Gedrückt, zu einer Zeit, die nicht bekannt ist",
		"Purchase request %s.":                                               "Kaufanfrage %s.",
		"The claim is in the log: partition %d, offset %s.":                  "Der Anspruch steht im Protokoll: Partition %d, Stelle %s.",
		"The claim was not found in the log: it was decided without it, or the log does not go back so far.": "Der Anspruch wurde im Protokoll nicht gefunden: Er wurde ohne es entschieden, oder es reicht nicht so weit zurück.",
		"Verdict of the ledger: ordered, unit %d":                                                            "Entscheidung: bestellt, Stück %d",
		"Attempt %d.": "Versuch %d.",
		"Another claim of this shopper got no unit":    "Ein anderer Anspruch dieses Kunden bekam kein Stück",
		"Event %s for other systems":                   "Ereignis %s für andere Systeme",
		"It was published.":                            "Es wurde veröffentlicht.",
		"It is not certain yet that it was published.": "Es ist noch nicht sicher, dass es veröffentlicht wurde.",
		"Cancelled by %s":                              "Storniert von %s",
		"%s by %s":                                     "%s von %s",
		"Reason: %s":                                   "Grund: %s",

		// The step.
		"Cancel the order":  "Bestellung stornieren",
		"Cancel order %s?":  "Bestellung %s stornieren?",
		"%s, generation %s": "%s, Durchgang %s",
		"Why":               "Warum",
		"It goes into the audit log, and operators read it at the order. The shopper does not.":                                  "Das steht dann im Protokoll, und wer den Verkauf betreut, liest es bei der Bestellung. Der Kunde liest es nicht.",
		"Please say why, in 1 to %d characters of plain text.":                                                                   "Bitte sagen Sie, warum: 1 bis %d Zeichen reiner Text.",
		"The order was cancelled at %s. There is nothing left to cancel.":                                                        "Die Bestellung wurde am %s storniert. Es gibt nichts mehr zu stornieren.",
		"The order is cancelled. By whom and why is said below.":                                                                 "Die Bestellung ist storniert. Von wem und warum steht unten.",
		"Unit %d is free again at once, and may be sold to whoever presses next.":                                                "Stück %d ist sofort wieder frei und kann an den verkauft werden, der als Nächster drückt.",
		"Unit %d is free again. The sale takes no presses now, so nobody gets it unless that changes.":                           "Stück %d ist wieder frei. Der Verkauf nimmt jetzt keine Klicks an; solange das so bleibt, bekommt es niemand.",
		"Unit %d goes back to the stock of generation %d, which is over. Nobody can buy it any more.":                            "Stück %d geht in den Bestand von Durchgang %d zurück, der vorbei ist. Niemand kann es mehr kaufen.",
		"The shopper's orders say that it was cancelled.":                                                                        "Die Bestellungen des Kunden sagen, dass sie storniert wurde.",
		"The shopper's orders say that it was cancelled, and the shopper may buy again.":                                         "Die Bestellungen des Kunden sagen, dass sie storniert wurde, und er darf wieder kaufen.",
		"The receipt's address says that the order was cancelled, and no longer shows a valid receipt.":                          "Die Adresse des Belegs sagt, dass die Bestellung storniert wurde, und zeigt keinen gültigen Beleg mehr.",
		"Other systems are told by the event order.cancelled. No mail is sent, and no money is paid back: see to that yourself.": "Andere Systeme erfahren es durch das Ereignis order.cancelled. Es geht keine Mail hinaus, und kein Geld wird zurückgezahlt: Kümmern Sie sich selbst darum.",
		"It cannot be taken back.": "Es ist nicht rückgängig zu machen.",
	}
}
