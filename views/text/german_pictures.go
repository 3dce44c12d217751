package text

// germanPictures is what operators are told of the pictures of a product.
func germanPictures() map[string]any {
	return map[string]any{
		"The sale has no such picture":                                 "Der Verkauf hat kein solches Bild",
		"Open the page again to see the pictures that it has.":         "Öffnen Sie die Seite neu, um seine Bilder zu sehen.",
		"The file of the picture is larger than 16 MB":                 "Die Datei des Bildes ist größer als 16 MB",
		"Save the picture smaller, or as JPEG, and upload it again.":   "Speichern Sie das Bild kleiner oder als JPEG, und laden Sie es noch einmal hoch.",
		"That is no picture":                                           "Das ist kein Bild",
		"Choose a PNG, JPEG, WebP or GIF file.":                        "Wählen Sie eine Datei im Format PNG, JPEG, WebP oder GIF.",
		"Other pictures are being uploaded right now":                  "Gerade werden andere Bilder hochgeladen",
		"Upload yours again in a moment, one picture after the other.": "Laden Sie Ihres gleich noch einmal hoch, ein Bild nach dem anderen.",

		"The picture":               "Das Bild",
		"The text of the picture":   "Der Text des Bildes",
		"The order of the pictures": "Die Reihenfolge der Bilder",
		"is damaged: %s":            "ist beschädigt: %s",
		"has no pixels":             "hat keine Bildpunkte",
		"has %d x %d pixels; it must have at most %d a side and %d in all":                               "hat %d x %d Bildpunkte; es dürfen höchstens %d je Seite und %d im Ganzen sein",
		"has %d x %d pixels; its longer side must have at least %d":                                      "hat %d x %d Bildpunkte; die längere Seite braucht mindestens %d",
		"has %d x %d pixels; that is too long and thin":                                                  "hat %d x %d Bildpunkte; das ist zu lang und schmal",
		"has %d bytes; it must have at most %d":                                                          "hat %d Byte; es dürfen höchstens %d sein",
		"would weigh %d bytes on a page; it must be a simpler picture, or one without transparent parts": "wöge %d Byte auf einer Seite; nehmen Sie ein einfacheres Bild oder eines ohne durchsichtige Teile",
		"is an SVG, which can hold scripts; give it as PNG or JPEG":                                      "ist ein SVG, das Skripte enthalten kann; laden Sie es als PNG oder JPEG hoch",
		"is an animated WebP; give one picture of it":                                                    "ist ein bewegtes WebP; laden Sie ein einzelnes Bild daraus hoch",
		"is an AVIF file; give it as PNG, JPEG or WebP":                                                  "ist eine AVIF-Datei; laden Sie es als PNG, JPEG oder WebP hoch",
		"is a HEIC file, as some phones keep their photos; give it as JPEG or PNG":                       "ist eine HEIC-Datei, wie manche Telefone Fotos speichern; laden Sie es als JPEG oder PNG hoch",
		"is neither a PNG, a JPEG, a WebP nor a GIF file":                                                "ist keine Datei im Format PNG, JPEG, WebP oder GIF",
		"is one too many: a sale has at most %d pictures":                                                "ist eines zu viel: Ein Verkauf hat höchstens %d Bilder",
		"must be one file": "muss eine einzelne Datei sein",
		"must name each picture of the sale once, by its id":  "muss jedes Bild des Verkaufs einmal nennen, mit seiner Kennung",
		"has %d characters; it must have at most %d":          "hat %d Zeichen; es dürfen höchstens %d sein",
		"has a line break or a character that cannot be seen": "hat einen Zeilenumbruch oder ein Zeichen, das man nicht sieht",
	}
}
