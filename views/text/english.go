package text

import (
	"golang.org/x/text/feature/plural"
	"golang.org/x/text/message/catalog"
)

// englishPlurals has the English texts that depend on a number.
func englishPlurals() map[string]any {
	return map[string]any{
		"%d orders were swept away":      one("1 order was swept away", "%d orders were swept away"),
		"%d units":                       one("1 unit", "%d units"),
		"%d units have an order.":        one("1 unit has an order.", "%d units have an order."),
		"%d free units were never sold.": one("1 free unit was never sold.", "%d free units were never sold."),
		"%d free units came back from cancelled orders and were not sold again.":          one("1 free unit came back from a cancelled order and was not sold again.", "%d free units came back from cancelled orders and were not sold again."),
		"%d free units came back from cancelled orders; they are sold before the others.": one("1 free unit came back from a cancelled order; it is sold before the others.", "%d free units came back from cancelled orders; they are sold before the others."),
		"The next attempt is taken in %d seconds.":                                        one("The next attempt is taken in 1 second.", "The next attempt is taken in %d seconds."),
		"The next attempt is taken in %d minutes.":                                        one("The next attempt is taken in 1 minute.", "The next attempt is taken in %d minutes."),
	}
}

// one is a text for a number that is its first argument: of one, and of any other, as English and German tell them apart.
func one(single, many string) catalog.Message {
	return plural.Selectf(1, "%d", plural.One, single, plural.Other, many)
}
