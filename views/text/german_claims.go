package text

// germanClaims has the texts of the list of undecided claims.
func germanClaims() map[string]any {
	return map[string]any{
		"Show the undecided claims":     "Die nicht entschiedenen Ansprüche zeigen",
		"Of all sales":                  "Aller Verkäufe",
		"Look again":                    "Noch einmal nachsehen",
		"Undecided claims of all sales": "Nicht entschiedene Ansprüche aller Verkäufe",
		"No process tells of a claim that waits for more than half a second.": "Kein Prozess meldet einen Anspruch, der länger als eine halbe Sekunde wartet.",
		"More claims wait. These have waited longest.":                        "Es warten noch mehr Ansprüche. Diese warten am längsten.",
		"Each process tells of the fifty claims that it has known longest, once a second, when they wait for more than half a second. What the log has behind the claims that are being decided nobody has read yet; only the number of those records is known.": "Jeder Prozess meldet einmal in der Sekunde die fünfzig Ansprüche, die er am längsten kennt, wenn sie länger als eine halbe Sekunde warten. Was im Protokoll hinter den Ansprüchen steht, die gerade entschieden werden, hat noch niemand gelesen; davon ist nur die Anzahl bekannt.",
		"Claim":                               "Anspruch",
		"Waits for":                           "Wartet seit",
		"In the log":                          "Im Protokoll",
		"Who looks at it":                     "Wer sich darum kümmert",
		"not known":                           "nicht bekannt",
		"not acknowledged by the log":         "vom Protokoll nicht bestätigt",
		"partition %s, offset %s":             "Partition %s, Position %s",
		"a press waits there for the verdict": "ein Klick wartet dort auf die Entscheidung",
		"has told the shopper that the verdict comes later":                                            "hat dem Kunden gesagt, dass die Entscheidung später kommt",
		"has read it from the log, and tries to decide it":                                             "hat ihn aus dem Protokoll gelesen und versucht, ihn zu entscheiden",
		"The ledger does not answer now, so some of these claims may be decided already.":              "Die Datenbank antwortet gerade nicht, einige dieser Ansprüche können also schon entschieden sein.",
		"No claim waits for its verdict. There is nothing to do.":                                      "Kein Anspruch wartet auf seine Entscheidung. Es ist nichts zu tun.",
		"Claims are decided in a moment as a rule. Wait, and look again; there is nothing else to do.": "Ansprüche werden in der Regel in einem Augenblick entschieden. Warten Sie und sehen Sie noch einmal nach; sonst ist nichts zu tun.",
		"That is long. Look at the health of the servers in the run of show: while PostgreSQL or Kafka does not answer, that is the cause, and the claims are decided by themselves once it does. If every server answers, look into the log of the process that decides them, and run “flashsale doctor”. Tell nobody that they have or have not bought: only a verdict says it.": "Das ist lange. Sehen Sie auf der Seite des Verkaufs unter „Betrieb“ nach: Solange PostgreSQL oder Kafka nicht antwortet, ist das der Grund, und die Ansprüche werden von selbst entschieden, sobald der Server wieder antwortet. Wenn alle Server antworten, sehen Sie in das Log des Prozesses, der sie entscheidet, und führen Sie „flashsale doctor“ aus. Sagen Sie niemandem, dass er gekauft oder nicht gekauft hat: Das sagt nur die Entscheidung.",
	}
}
