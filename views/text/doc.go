// Package text has the words that pages and mails say, in every language of the product.
//
// A text is named by its English form, which stands where it is used:
//
//	{ text.Say(ctx, "Buy now") }
//	{ text.Say(ctx, "%d units left", n) }
//
// The other languages are maps from the English form, a file for each area (german_shop.go). A text without arguments is no format,
// whatever is in it. A number among the arguments is written as the language writes it; one that has to stay bare digits is passed as
// a text. A text that depends on a number is a plural.Selectf in each language that needs one, English too (english.go). Key marks
// a text that is said elsewhere than where it stands. A test of app/web finds texts that lack a translation, and translations that
// nothing says.
//
// German says Sie. It calls a sale "Verkauf", a unit "Stück", a receipt "Beleg", an order "Bestellung", an account "Konto" and a
// shopper "Kunde": many have bought nothing yet.
//
// The language travels in the context: With and Later put it there, From reads it. Everything is safe for concurrent use.
package text
